//! Who comes: by what the authorizer read in their token.

use std::collections::HashMap;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use pipeline::people::{Person, PersonId};
use serde_json::json;

use crate::answer::Answer;

/// The claims that have a name for others to see, the best first.
const NAMES: [&str; 6] = [
    "name",
    "preferred_username",
    "cognito:username",
    "username",
    "email",
    "sub",
];
/// The longest name that is shown, in characters.
const MOST_NAME_CHARACTERS: usize = 80;

/// The person of a request; `None` where no authorizer has let them in.
pub fn of(request: &ApiGatewayV2httpRequest, groups_claim: &str) -> Option<Person> {
    let authorizer = request.request_context.authorizer.as_ref()?;
    let claims: &HashMap<String, String> = &authorizer.jwt.as_ref()?.claims;
    let claim = |name: &str| {
        claims
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    };
    let id = claim("sub")?;
    let name = NAMES.into_iter().find_map(claim).unwrap_or(id);
    Some(Person {
        id: PersonId::new(id),
        name: name
            .chars()
            .filter(|c| !c.is_control())
            .take(MOST_NAME_CHARACTERS)
            .collect(),
        groups: groups(claim(groups_claim).unwrap_or_default()),
    })
}

/// API Gateway gives each claim as text, a list as `[one two]`. Other issuers give one text with blanks or commas.
fn groups(claim: &str) -> Vec<String> {
    let list = claim.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    list.unwrap_or(claim)
        .split([' ', ','])
        .filter(|group| !group.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Who somebody is, as they see it.
pub fn me(who: &Person) -> Answer {
    let every = ["any"];
    let all_if_supervisor = |known: Vec<&str>| {
        let known = if who.is_supervisor() {
            every.to_vec()
        } else {
            known
        };
        json!(known)
    };
    Answer::json(
        200,
        &json!({
            "id": who.id,
            "name": who.name,
            "groups": who.groups,
            "is_supervisor": who.is_supervisor(),
            "services": all_if_supervisor(who.services()),
            "languages": all_if_supervisor(who.languages()),
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn groups_are_read_however_they_are_written() {
        let expected = ["service.captions", "language.en"];
        assert_eq!(groups("[service.captions language.en]"), expected);
        assert_eq!(groups("service.captions,language.en"), expected);
        assert_eq!(groups("service.captions language.en"), expected);
        assert_eq!(groups(""), [""; 0]);
        assert_eq!(groups("[]"), [""; 0]);
    }
}
