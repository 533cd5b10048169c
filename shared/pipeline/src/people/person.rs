//! Persons, and what their groups let them see.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::hold::{Ended, Hold};
use crate::error::StepError;

/// The group whose members see everything, and may act on what others hold.
pub const SUPERVISOR: &str = "supervisor";
/// What stands for every service or language in a group's name.
const ANY: &str = "any";

/// A person, as the issuer of tokens knows them (`sub`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(String);

impl PersonId {
    /// The person of that name at the issuer.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// What others see of them.
    pub name: String,
    /// Their groups: `service.<name>`, `language.<BCP-47 tag>`, `supervisor`. Others mean nothing here.
    pub groups: Vec<String>,
}

impl Person {
    /// Whether they are a supervisor.
    pub fn is_supervisor(&self) -> bool {
        self.groups.iter().any(|group| group == SUPERVISOR)
    }

    fn after<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.groups
            .iter()
            .filter_map(move |group| group.strip_prefix(prefix))
    }

    /// The services that their groups name; `any` for all.
    pub fn services(&self) -> Vec<&str> {
        self.after("service.").collect()
    }

    /// The languages that their groups name; `any` for all.
    pub fn languages(&self) -> Vec<&str> {
        self.after("language.").collect()
    }

    /// What their groups lack to see an order of this service in these languages: a group's name. `None` where nothing.
    pub fn lacks<'a>(&self, service: &str, languages: impl IntoIterator<Item = &'a str>) -> Option<String> {
        if self.is_supervisor() {
            return None;
        }
        let knows_service = self
            .after("service.")
            .any(|known| known == ANY || known == service);
        if !knows_service {
            return Some(format!("service.{service}"));
        }
        let knows = |language: &str| {
            self.after("language.")
                .any(|known| known == ANY || covers(known, language))
        };
        let unknown = languages.into_iter().find(|language| !knows(language))?;
        Some(format!("language.{unknown}"))
    }
}

/// Whether a language tag covers another, more particular one: `en` covers `en-US`.
pub(super) fn covers(range: &str, tag: &str) -> bool {
    let mut wanted = range.split('-');
    let mut subtags = tag.split('-');
    wanted.all(|want| {
        subtags
            .next()
            .is_some_and(|subtag| want.eq_ignore_ascii_case(subtag))
    })
}

/// Why somebody may not do something now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// There is nothing of the kind that was asked for.
    #[error("the order has no {0}")]
    NothingThere(&'static str),
    /// Their groups don't let them.
    #[error("your groups lack {lacks}")]
    NotYours {
        /// The group that it takes.
        lacks: String,
    },
    /// Another person holds the order.
    #[error("{} holds this order", .0.name)]
    HeldByAnother(Hold),
    /// Nobody holds the order, so it must be taken first.
    #[error("this order must be taken first")]
    NotHeld,
    /// It waits for people no longer.
    #[error("{}", .0.text())]
    Ended(Ended),
    /// What was asked can't be.
    #[error("{0}")]
    BadRequest(String),
    /// It failed for a fault that may pass, or one of ours.
    #[error(transparent)]
    Step(#[from] StepError),
}

impl Refused {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound | Self::NothingThere(_) => "NotFound",
            Self::NotYours { .. } => "NotYours",
            Self::HeldByAnother(_) => "HeldByAnother",
            Self::NotHeld => "NotHeld",
            Self::Ended(ended) => ended.name(),
            Self::BadRequest(_) => "BadRequest",
            Self::Step(_) => "NotNow",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(groups: &[&str]) -> Person {
        Person {
            id: PersonId::new("ana"),
            name: "Ana".to_owned(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
        }
    }

    #[test]
    fn an_order_is_seen_by_who_knows_its_service_and_all_of_its_languages() {
        let ana = person(&["service.translation", "language.en", "language.pt-BR", "cooks"]);
        assert_eq!(ana.lacks("translation", ["en-US", "pt-BR"]), None);
        let lacks = |service, languages: [&str; 2]| ana.lacks(service, languages);
        assert_eq!(
            lacks("captions", ["en-US", "en-US"]).as_deref(),
            Some("service.captions")
        );
        assert_eq!(
            lacks("translation", ["en-GB", "pt-PT"]).as_deref(),
            Some("language.pt-PT")
        );
        assert_eq!(
            lacks("translation", ["eng", "en"]).as_deref(),
            Some("language.eng")
        );
    }

    #[test]
    fn nobody_sees_anything_by_chance() {
        assert!(person(&[]).lacks("captions", ["en"]).is_some());
        assert!(person(&["service.captions"]).lacks("captions", ["en"]).is_some());
        assert!(person(&["language.any"]).lacks("captions", ["en"]).is_some());
        assert!(
            person(&["supervisors", "Supervisor"])
                .lacks("captions", ["en"])
                .is_some()
        );
        assert_eq!(
            person(&["service.any", "language.any"]).lacks("captions", ["en"]),
            None
        );
        assert_eq!(person(&["supervisor"]).lacks("captions", ["en"]), None);
    }

    proptest! {
        #[test]
        fn a_language_covers_itself_and_what_begins_so(tag in "[a-z]{2,3}(-[A-Z]{2}){0,2}") {
            prop_assert!(covers(&tag, &tag.to_uppercase()));
            let more = format!("{tag}-XX");
            prop_assert!(covers(&tag, &more));
            prop_assert!(!covers(&more, &tag));
        }
    }

    #[test]
    fn a_person_has_the_services_and_languages_that_their_groups_name() {
        let ana = person(&[
            "service.any",
            "language.en",
            "cooks",
            "language.pt-BR",
            "service.dubbing",
        ]);
        assert_eq!(ana.services(), ["any", "dubbing"]);
        assert_eq!(ana.languages(), ["en", "pt-BR"]);
        assert_eq!((ana.id.as_str(), ana.id.to_string()), ("ana", "ana".to_owned()));
    }

    /// The page and its clients go by the names.
    #[test]
    fn each_refusal_has_its_name_and_says_what_is_wrong() {
        let hold = Hold {
            person: PersonId::new("ben"),
            name: "Ben".to_owned(),
            since_epoch_s: 1,
            until_epoch_s: 2,
        };
        let lacks = "language.en".to_owned();
        let refused = [
            Refused::NotFound,
            Refused::NothingThere("media"),
            Refused::NotYours { lacks },
            Refused::HeldByAnother(hold),
            Refused::NotHeld,
            Refused::Ended(Ended::HandedIn),
            Refused::BadRequest("no such thing".to_owned()),
        ];
        let told = refused.map(|refused| format!("{}: {refused}", refused.name()));
        assert_eq!(
            told,
            [
                "NotFound: there is no such order",
                "NotFound: the order has no media",
                "NotYours: your groups lack language.en",
                "HeldByAnother: Ben holds this order",
                "NotHeld: this order must be taken first",
                "HandedIn: this order was handed in and goes on by itself",
                "BadRequest: no such thing",
            ]
        );
    }
}
