//! The settings of a function, read from its environment and checked once, at start.
//!
//! Every setting of the template stands here with its bounds; a wrong one stops the function at start with an error
//! that names the variable, what it held and what was expected.

use std::collections::{BTreeMap, BTreeSet};

use kaltura::PartnerId;

use crate::admission::Capacity;
use crate::error::{Result, StepError};
use crate::people::deadline::DeadlineRules;
use crate::plan::{OutputObject, PlanRules};

/// Service features of live events: captions and translation.
pub const LIVE_SERVICES: [i64; 2] = [8, 11];

/// The environment, or a stand-in for it.
#[derive(Debug, Clone, Default)]
pub struct Env {
    vars: BTreeMap<String, String>,
}

impl Env {
    /// The process's own environment.
    pub fn of_process() -> Self {
        Self {
            vars: std::env::vars().collect(),
        }
    }

    /// These variables only.
    pub fn of(vars: &[(&str, &str)]) -> Self {
        Self {
            vars: vars
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    /// A variable, or `None` where it is unset or empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.vars
            .get(name)
            .filter(|value| !value.trim().is_empty())
            .cloned()
    }

    /// A variable that must be there.
    pub fn required(&self, name: &str) -> Result<String> {
        self.optional(name).ok_or_else(|| setting(name, "is not set"))
    }

    /// `true` or `false`, or `default` where the variable is unset.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.optional(name).as_deref().map(str::trim) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(setting(name, &format!("is `{other}`, expected true or false"))),
        }
    }

    /// A number between `least` and `most`, or `default` where the variable is unset.
    pub fn number(&self, name: &str, default: u64, least: u64, most: u64) -> Result<u64> {
        let Some(text) = self.optional(name) else {
            return Ok(default);
        };
        match text.trim().parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(setting(
                name,
                &format!("is `{text}`, expected a whole number from {least} to {most}"),
            )),
        }
    }
}

pub(crate) fn setting(name: &str, detail: &str) -> StepError {
    StepError::Setting {
        name: name.to_owned(),
        detail: detail.to_owned(),
    }
}

/// Where a customer wants its media processed (`vendorTaskProcessingRegion`, spec 1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessingRegion {
    /// United States, 1.
    Us,
    /// European Union, 2.
    Eu,
    /// Canada, 3.
    Ca,
}

impl ProcessingRegion {
    /// Kaltura's number.
    pub fn number(self) -> i64 {
        match self {
            Self::Us => 1,
            Self::Eu => 2,
            Self::Ca => 3,
        }
    }

    fn parse(text: &str) -> Result<Self> {
        match text {
            "US" => Ok(Self::Us),
            "EU" => Ok(Self::Eu),
            "CA" => Ok(Self::Ca),
            other => Err(setting(
                "PROCESSING_REGION",
                &format!("is `{other}`, expected US, EU or CA"),
            )),
        }
    }
}

/// What the vendor has for live events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveSettings {
    /// Where Kaltura is to send streams, `rtmp://…` or `rtmps://…`; `None` where live services are not offered.
    pub ingest_url: Option<String>,
    /// Where Kaltura listens for captions, `wss://…`; known to the function that tells it alone.
    pub captions_url: Option<String>,
    /// So long after the end of its event, a stream that still runs is ended.
    pub grace_s: u64,
}

/// What every function knows.
#[derive(Debug, Clone)]
pub struct Config {
    /// Kaltura's API, without a path: `https://www.kaltura.com`.
    pub kaltura_service_url: String,
    /// Our account at Kaltura.
    pub vendor_partner_id: PartnerId,
    /// Our name in client tags.
    pub vendor_name: String,
    /// The stack's name, by which it knows its own jobs at Amazon.
    pub stack_name: String,
    /// Our version in client tags.
    pub application_version: String,
    /// The table.
    pub tasks_table: String,
    /// The secret with the app token.
    pub app_token_secret: String,
    /// The region that this stack serves.
    pub processing_region: ProcessingRegion,
    /// The service features taken on.
    pub enabled_services: BTreeSet<i64>,
    /// Whether plain http to the machine itself is allowed. No parameter of the template sets it, so it can't be
    /// deployed: the local run hands it to the emulator's processes.
    pub allow_loopback: bool,
    /// Deliverables go up by upload token only: for a Kaltura that can't reach our bucket, as in a local run against a real
    /// account.
    pub upload_tokens_only: bool,
    /// A key is extended when it expires within this time.
    pub key_margin_s: u64,
    /// How many tasks may be in flight.
    pub capacity: Capacity,
    /// An execution of machine work that runs longer is stopped, and the task tried again.
    pub run_limit_s: u64,
    /// A task that is parked again after this time since it was kept is refused; 0 never.
    pub give_up_after_s: u64,
    /// What the vendor decides of every plan.
    pub plan_rules: PlanRules,
    /// The accuracy that is told of people's work: 99 or 100.
    pub people_accuracy_percent: u8,
    /// From this confidence on, another language than was ordered refuses the order.
    pub language_mismatch_percent: u8,
    /// The deadlines of people's orders.
    pub deadline_rules: DeadlineRules,
    /// Live events.
    pub live: LiveSettings,
}

impl Config {
    /// Reads and checks the settings.
    pub fn from_env(env: &Env) -> Result<Self> {
        let partner = env.required("VENDOR_PARTNER_ID")?;
        let vendor_partner_id = partner
            .trim()
            .parse::<i64>()
            .map(PartnerId::from)
            .map_err(|_| setting("VENDOR_PARTNER_ID", &format!("is `{partner}`, expected a number")))?;
        let mut enabled_services = BTreeSet::new();
        for feature in env.required("ENABLED_SERVICES")?.split(',') {
            let number = feature.trim().parse::<i64>().map_err(|_| {
                setting(
                    "ENABLED_SERVICES",
                    &format!("has `{feature}`, expected service features like `1,2,7`"),
                )
            })?;
            enabled_services.insert(number);
        }
        let live = live_settings(env, &enabled_services)?;
        Ok(Self {
            kaltura_service_url: env.required("KALTURA_SERVICE_URL")?,
            vendor_partner_id,
            vendor_name: env.required("VENDOR_NAME")?,
            stack_name: env.optional("STACK_NAME").unwrap_or_else(|| "reach".to_owned()),
            application_version: env
                .optional("APPLICATION_VERSION")
                .unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
            tasks_table: env.required("TASKS_TABLE")?,
            app_token_secret: env.required("APP_TOKEN_SECRET_ARN")?,
            processing_region: ProcessingRegion::parse(&env.required("PROCESSING_REGION")?)?,
            enabled_services,
            allow_loopback: env.optional("REACH_ALLOW_LOOPBACK").as_deref() == Some("true"),
            upload_tokens_only: env.optional("REACH_UPLOAD_TOKENS_ONLY").as_deref() == Some("true"),
            key_margin_s: env.number("KEY_MARGIN_S", 36 * 60 * 60, 60, 6 * 24 * 60 * 60)?,
            capacity: Capacity {
                whole: count(env, "CAPACITY", 200, 10_000)?,
                per_customer: count(env, "CAPACITY_PER_CUSTOMER", 50, 50)?,
            },
            run_limit_s: 60 * 60 * env.number("RUN_LIMIT_HOURS", 12, 1, 24 * 30)?,
            give_up_after_s: 60 * 60 * env.number("GIVE_UP_AFTER_HOURS", 0, 0, 24 * 365)?,
            plan_rules: plan_rules(env)?,
            people_accuracy_percent: percent(env, "PEOPLE_ACCURACY_PERCENT", 99, 99)?,
            language_mismatch_percent: percent(env, "LANGUAGE_MISMATCH_PERCENT", 80, 50)?,
            deadline_rules: deadline_rules(env)?,
            live,
        })
    }
}

fn plan_rules(env: &Env) -> Result<PlanRules> {
    let default = PlanRules::default();
    let translation_output = match env.optional("TRANSLATION_OUTPUT").as_deref() {
        None | Some("created") => OutputObject::Delivered,
        Some("source") => OutputObject::SourceCaptions,
        Some(other) => {
            return Err(setting(
                "TRANSLATION_OUTPUT",
                &format!("is `{other}`, expected created or source"),
            ));
        }
    };
    let description_as_caption = match env.optional("EXTENDED_DESCRIPTION_AS").as_deref() {
        None | Some("attachment") => false,
        Some("caption") => true,
        Some(other) => {
            return Err(setting(
                "EXTENDED_DESCRIPTION_AS",
                &format!("is `{other}`, expected attachment or caption"),
            ));
        }
    };
    Ok(PlanRules {
        transcripts: env.flag("DELIVER_TRANSCRIPTS", default.transcripts)?,
        drafts_for_people: env.flag("DRAFTS_FOR_PEOPLE", default.drafts_for_people)?,
        translation_output,
        description_as_caption,
        captions_on_recording: env.flag("LIVE_CAPTIONS_ON_RECORDING", default.captions_on_recording)?,
        live_longest_s: 60 * 60 * env.number("LIVE_LONGEST_HOURS", default.live_longest_s / 3_600, 1, 24)?,
    })
}

/// Live services need an address that Kaltura can send the stream to: one that is enabled without it could only refuse.
fn live_settings(env: &Env, enabled_services: &BTreeSet<i64>) -> Result<LiveSettings> {
    const NAME: &str = "LIVE_INGEST_URL";
    let ingest_url = env.optional(NAME).map(|url| url.trim().to_owned());
    let host = |url: &str| {
        let rest = ["rtmp://", "rtmps://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme))?;
        rest.split(['/', ':'])
            .next()
            .filter(|host| !host.is_empty())
            .map(str::to_owned)
    };
    match &ingest_url {
        None if LIVE_SERVICES
            .iter()
            .any(|service| enabled_services.contains(service)) =>
        {
            return Err(setting(
                NAME,
                "is not set, and ENABLED_SERVICES has a live service (8 or 11), which needs an address for the stream",
            ));
        }
        Some(url) if host(url).is_none() => {
            return Err(setting(
                NAME,
                &format!("is `{url}`, expected an address like rtmps://live.example.com:443/reach"),
            ));
        }
        _ => {}
    }
    Ok(LiveSettings {
        ingest_url,
        captions_url: env.optional("LIVE_CAPTIONS_URL"),
        grace_s: 60 * env.number("LIVE_GRACE_MINUTES", 15, 1, 12 * 60)?,
    })
}

fn deadline_rules(env: &Env) -> Result<DeadlineRules> {
    let default = DeadlineRules::default();
    let warn_at_percent = match env.optional("PEOPLE_WARN_AT_PERCENT") {
        None => default.warn_at_percent,
        Some(list) => {
            let wrong = || {
                setting(
                    "PEOPLE_WARN_AT_PERCENT",
                    &format!("is `{list}`, expected numbers from 1 to 100, separated by commas"),
                )
            };
            let percents = list.split(',').map(|percent| match percent.trim().parse() {
                Ok(percent @ 1..=100) => Ok(percent),
                _ => Err(wrong()),
            });
            let mut percents = percents.collect::<Result<Vec<u8>>>()?;
            percents.sort_unstable();
            percents.dedup();
            percents
        }
    };
    let fails_after = match env.optional("PEOPLE_AFTER_DEADLINE").as_deref() {
        None | Some("wait") => false,
        Some("fail") => true,
        Some(other) => {
            return Err(setting(
                "PEOPLE_AFTER_DEADLINE",
                &format!("is `{other}`, expected wait or fail"),
            ));
        }
    };
    Ok(DeadlineRules {
        warn_at_percent,
        fails_after,
    })
}

fn percent(env: &Env, name: &str, default: u64, least: u64) -> Result<u8> {
    let number = env.number(name, default, least, 100)?;
    u8::try_from(number).map_err(|error| setting(name, &error.to_string()))
}

fn count(env: &Env, name: &str, default: u64, most: u64) -> Result<usize> {
    let number = env.number(name, default, 1, most)?;
    usize::try_from(number).map_err(|error| setting(name, &error.to_string()))
}

/// The path of the door's address (`DOOR_URL`), without a slash at its end: what signs a request signs it whole.
pub fn base_path(door_url: &str) -> Result<String> {
    let url = url::Url::parse(door_url).map_err(|error| {
        setting(
            "DOOR_URL",
            &format!("is `{door_url}`, expected an address ({error})"),
        )
    })?;
    Ok(url.path().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 7] = [
        ("KALTURA_SERVICE_URL", "https://www.kaltura.com"),
        ("VENDOR_PARTNER_ID", "12345"),
        ("VENDOR_NAME", "vendorName"),
        ("TASKS_TABLE", "tasks"),
        (
            "APP_TOKEN_SECRET_ARN",
            "arn:aws:secretsmanager:eu-central-1:1:secret:x",
        ),
        ("PROCESSING_REGION", "EU"),
        ("ENABLED_SERVICES", "1, 2"),
    ];

    fn with(name: &str, value: &str) -> Env {
        let mut vars: Vec<(&str, &str)> = GOOD.into_iter().filter(|(known, _)| *known != name).collect();
        vars.push((name, value));
        Env::of(&vars)
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let config = Config::from_env(&Env::of(&GOOD)).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        insta::assert_snapshot!(format!("{config:#?}").replace(version, "this version"));
    }

    #[test]
    fn each_setting_has_its_place() {
        let set = [
            ("STACK_NAME", "reach-eu"),
            ("APPLICATION_VERSION", "1.2.3"),
            ("REACH_ALLOW_LOOPBACK", "true"),
            ("REACH_UPLOAD_TOKENS_ONLY", "true"),
            ("KEY_MARGIN_S", "518400"),
            ("CAPACITY", "10000"),
            ("CAPACITY_PER_CUSTOMER", "1"),
            ("RUN_LIMIT_HOURS", "720"),
            ("GIVE_UP_AFTER_HOURS", "8760"),
            ("TRANSLATION_OUTPUT", "source"),
            ("EXTENDED_DESCRIPTION_AS", "caption"),
            ("DELIVER_TRANSCRIPTS", "false"),
            ("DRAFTS_FOR_PEOPLE", "false"),
            ("LIVE_CAPTIONS_ON_RECORDING", "true"),
            ("LIVE_LONGEST_HOURS", "24"),
            ("PEOPLE_ACCURACY_PERCENT", "100"),
            ("LANGUAGE_MISMATCH_PERCENT", "50"),
            ("PEOPLE_WARN_AT_PERCENT", "100, 1,75,1"),
            ("PEOPLE_AFTER_DEADLINE", "fail"),
            ("LIVE_INGEST_URL", " rtmps://live.example.com:443/reach "),
            ("LIVE_CAPTIONS_URL", "wss://captions.example.com/live"),
            ("LIVE_GRACE_MINUTES", "720"),
        ];
        let vars: Vec<(&str, &str)> = GOOD.into_iter().chain(set).collect();
        insta::assert_debug_snapshot!(Config::from_env(&Env::of(&vars)).unwrap());
        let others = [
            ("TRANSLATION_OUTPUT", "created"),
            ("EXTENDED_DESCRIPTION_AS", "attachment"),
            ("PEOPLE_AFTER_DEADLINE", "wait"),
        ];
        let vars: Vec<(&str, &str)> = GOOD.into_iter().chain(others).collect();
        let (config, default) = (
            Config::from_env(&Env::of(&vars)).unwrap(),
            Config::from_env(&Env::of(&GOOD)).unwrap(),
        );
        assert_eq!(format!("{config:?}"), format!("{default:?}"));
        for (name, number) in [("US", 1), ("EU", 2), ("CA", 3)] {
            let config = Config::from_env(&with("PROCESSING_REGION", name)).unwrap();
            assert_eq!(config.processing_region.number(), number);
        }
        let live = with("ENABLED_SERVICES", "11");
        assert!(Config::from_env(&live).is_err());
        let host = with("LIVE_INGEST_URL", "rtmp://:1935/reach");
        assert!(Config::from_env(&host).is_err());
    }

    #[test]
    fn the_process_has_an_environment() {
        // Cargo sets it for tests, too.
        assert_eq!(
            Env::of_process().optional("CARGO_PKG_NAME"),
            std::env::var("CARGO_PKG_NAME").ok()
        );
        assert!(!Env::of_process().vars.is_empty());
    }

    #[test]
    fn a_door_is_signed_for_its_path() {
        for (url, path) in [
            ("https://api.example.com/door/", "/door"),
            ("https://api.example.com", ""),
            ("https://api.example.com/a/b", "/a/b"),
        ] {
            assert_eq!(base_path(url).unwrap(), path);
        }
        assert!(
            base_path("door")
                .unwrap_err()
                .to_string()
                .starts_with("setting DOOR_URL: is `door`")
        );
    }

    #[test]
    fn good_settings_are_read() {
        let config = Config::from_env(&Env::of(&GOOD)).unwrap();
        assert_eq!(config.enabled_services, BTreeSet::from([1, 2]));
        assert_eq!(config.processing_region.number(), 2);
        assert!(!config.allow_loopback);
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected() {
        let cases = [
            (
                "VENDOR_PARTNER_ID",
                "abc",
                "setting VENDOR_PARTNER_ID: is `abc`, expected a number",
            ),
            (
                "PROCESSING_REGION",
                "MOON",
                "setting PROCESSING_REGION: is `MOON`, expected US, EU or CA",
            ),
            (
                "ENABLED_SERVICES",
                "1,x",
                "setting ENABLED_SERVICES: has `x`, expected service features like `1,2,7`",
            ),
            ("TASKS_TABLE", " ", "setting TASKS_TABLE: is not set"),
            (
                "TRANSLATION_OUTPUT",
                "both",
                "setting TRANSLATION_OUTPUT: is `both`, expected created or source",
            ),
            (
                "DELIVER_TRANSCRIPTS",
                "yes",
                "setting DELIVER_TRANSCRIPTS: is `yes`, expected true or false",
            ),
            (
                "PEOPLE_ACCURACY_PERCENT",
                "90",
                "setting PEOPLE_ACCURACY_PERCENT: is `90`, expected a whole number from 99 to 100",
            ),
            (
                "PEOPLE_WARN_AT_PERCENT",
                "50,0",
                "setting PEOPLE_WARN_AT_PERCENT: is `50,0`, expected numbers from 1 to 100, separated by commas",
            ),
            (
                "PEOPLE_AFTER_DEADLINE",
                "cry",
                "setting PEOPLE_AFTER_DEADLINE: is `cry`, expected wait or fail",
            ),
            (
                "ENABLED_SERVICES",
                "1,8",
                "setting LIVE_INGEST_URL: is not set, and ENABLED_SERVICES has a live service (8 or 11), which needs \
                 an address for the stream",
            ),
            (
                "LIVE_INGEST_URL",
                "https://live.example.com",
                "setting LIVE_INGEST_URL: is `https://live.example.com`, expected an address like \
                 rtmps://live.example.com:443/reach",
            ),
            (
                "LIVE_LONGEST_HOURS",
                "25",
                "setting LIVE_LONGEST_HOURS: is `25`, expected a whole number from 1 to 24",
            ),
            (
                "LIVE_GRACE_MINUTES",
                "0",
                "setting LIVE_GRACE_MINUTES: is `0`, expected a whole number from 1 to 720",
            ),
            (
                "KEY_MARGIN_S",
                "5",
                "setting KEY_MARGIN_S: is `5`, expected a whole number from 60 to 518400",
            ),
        ];
        for (name, value, message) in cases {
            assert_eq!(
                Config::from_env(&with(name, value)).unwrap_err().to_string(),
                message
            );
        }
    }
}
