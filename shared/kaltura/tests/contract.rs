//! Every request that the client can make and every object that it reads, against Kaltura's API contract
//! (`contract/kaltura-api.json`, read from the official client 23.10.0).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

mod support;

use std::collections::BTreeSet;

use kaltura::objects::{Dictionary, Drm, LiveFeature, SessionInfo, WidgetSession};
use kaltura::{
    AccessMessage, AppTokenHashType, AssetStatus, AttachmentAsset, AttachmentType, Call, CaptionAsset,
    CaptionType, CaptionUsage, CatalogItem, CatalogItemStatus, CatalogLanguage, ContentDeletionPolicy,
    CreationMode, CuePoint, Entry, EntryObjectType, EntryVendorTask, FlavorAsset, FromJson,
    MultiLingualString, OutputFormat, PlaybackContext, PlaybackSource, ProcessingRegion, ReachProfile,
    ScheduleEvent, ServiceFeature, ServiceType, SessionType, TaskJobData, TaskStatus, ThumbCuePointSubType,
    UploadToken, UploadTokenStatus,
};
use serde_json::{Value, json};
use support::samples::{Visitor, With, declared, visit_all};

struct Contract(Value);

impl Contract {
    fn load() -> Self {
        Self(serde_json::from_str(include_str!("contract/kaltura-api.json")).unwrap())
    }

    /// A class and all that it inherits from.
    fn chain<'a>(&'a self, class: &'a str) -> Vec<&'a str> {
        let mut chain = vec![class];
        while let Some(base) = self.0["classes"][*chain.last().unwrap()]["base"].as_str() {
            chain.push(base);
        }
        chain
    }

    fn field(&self, class: &str, field: &str) -> Option<&Value> {
        self.chain(class)
            .into_iter()
            .find_map(|class| self.0["classes"][class]["fields"].get(field))
    }

    fn fields(&self, class: &str) -> Vec<(String, String)> {
        let of = |class: &str| {
            self.0["classes"][class]["fields"]
                .as_object()
                .cloned()
                .unwrap_or_default()
        };
        self.chain(class)
            .into_iter()
            .flat_map(of)
            .map(|(name, field)| (name, field["type"].as_str().unwrap().to_owned()))
            .collect()
    }

    /// What is wrong with a value of a type, if anything. `adding` says whether insert-only fields may be set.
    fn check(&self, at: &str, value: &Value, wanted: &str, adding: bool) -> Result<(), String> {
        let wrong = || Err(format!("{at}: {value} is no {wanted}"));
        match wanted {
            "str" => {
                if value.is_string() {
                    Ok(())
                } else {
                    wrong()
                }
            }
            // The official clients send all scalars as strings.
            "int" if value.is_i64() || value.is_u64() => Ok(()),
            "int" => {
                if value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()) {
                    Ok(())
                } else {
                    wrong()
                }
            }
            "float" => {
                if value.is_number() {
                    Ok(())
                } else {
                    wrong()
                }
            }
            "bool" => {
                if value.is_boolean() {
                    Ok(())
                } else {
                    wrong()
                }
            }
            _ if wanted.starts_with("List[") => {
                let item = wanted.trim_start_matches("List[").trim_end_matches(']');
                let items = value.as_array().ok_or(format!("{at}: {value} is no list"))?;
                items
                    .iter()
                    .try_for_each(|value| self.check(&format!("{at}[]"), value, item, adding))
            }
            _ if self.0["enums"].get(wanted).is_some() => {
                let known = self.0["enums"][wanted].as_object().unwrap();
                if known.values().any(|known| known == value) {
                    Ok(())
                } else {
                    wrong()
                }
            }
            _ => self.check_object(at, value, wanted, adding),
        }
    }

    fn check_object(&self, at: &str, value: &Value, wanted: &str, adding: bool) -> Result<(), String> {
        let class = value["objectType"]
            .as_str()
            .ok_or(format!("{at}: no objectType"))?;
        if self.0["classes"].get(class).is_none() || !self.chain(class).contains(&wanted) {
            return Err(format!("{at}: {class} is no {wanted}"));
        }
        for (name, value) in value
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| *name != "objectType")
        {
            let at = format!("{at}.{name}");
            let field = self
                .field(class, name)
                .ok_or(format!("{at}: {class} has no such field"))?;
            match field["access"].as_str().unwrap() {
                "readonly" => return Err(format!("{at} is read-only")),
                "insertonly" if !adding => return Err(format!("{at} may be set by an add only")),
                _ => self.check(&at, value, field["type"].as_str().unwrap(), adding)?,
            }
        }
        Ok(())
    }

    fn check_call(&self, service: &str, action: &str, body: &Value) -> Result<(), String> {
        let call = format!("{service}.{action}");
        let contract = self.0["services"][service]
            .get(action)
            .ok_or(format!("{call}: no such action"))?;
        let params = contract["params"].as_object().unwrap();
        for (name, value) in body.as_object().unwrap() {
            let at = format!("{call}: {name}");
            if name == "responseProfile" {
                self.check(&at, value, "KalturaBaseResponseProfile", false)?;
                continue;
            }
            let param = params.get(name).ok_or(format!("{at}: no such parameter"))?;
            let wanted = param["type"].as_str().unwrap();
            self.check(&at, value, wanted, action == "add")?;
        }
        let missing = params
            .iter()
            .find(|(name, param)| param["required"] == json!(true) && body.get(name).is_none());
        missing.map_or(Ok(()), |(name, _)| Err(format!("{call}: {name} is required")))
    }

    /// An object of a class with every field set, numbers and booleans as `text` asks: as themselves or as strings.
    fn object(&self, class: &str, text: bool) -> Value {
        let mut object = serde_json::Map::from_iter([("objectType".to_owned(), json!(class))]);
        for (name, wanted) in self.fields(class) {
            let value = match wanted.as_str() {
                "str" => json!("7"),
                "int" | "float" if text => json!("7"),
                "int" => json!(7),
                "float" => json!(7.0),
                "bool" if text => json!("1"),
                "bool" => json!(true),
                _ => match self.0["enums"].get(&wanted).and_then(Value::as_object) {
                    Some(known) => {
                        let first = known.values().next().unwrap();
                        if text {
                            json!(first.as_str().map_or(first.to_string(), str::to_owned))
                        } else {
                            first.clone()
                        }
                    }
                    None => Value::Null,
                },
            };
            object.insert(name, value);
        }
        Value::Object(object)
    }

    /// What an action answers, as a sample.
    fn reply(&self, service: &str, action: &str) -> Value {
        let class = self.0["services"][service][action]["returns"].as_str().unwrap();
        match class.strip_suffix("ListResponse") {
            _ if class == "None" => json!("text"),
            Some(item) => {
                json!({"objects": [self.object(item, false)], "totalCount": 1, "objectType": class})
            }
            // The contract names the item; the server answers a bare list of them.
            None if action == "getByEntryId" => json!([self.object(class, false)]),
            None => self.object(class, false),
        }
    }
}

#[derive(Default)]
struct Walk {
    visited: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Visitor for Walk {
    async fn visit<C: Call>(&mut self, call: &C, _: With, _: &str) {
        let contract = Contract::load();
        let body = serde_json::to_value(call).unwrap();
        self.wrong
            .extend(contract.check_call(C::SERVICE, C::ACTION, &body).err());
        if let Err(shape) = C::Reply::from_json(contract.reply(C::SERVICE, C::ACTION)) {
            self.wrong
                .push(format!("{}: its answer can't be read: {shape:?}", call.name()));
        }
        self.visited.insert(call.name().to_string());
    }
}

#[tokio::test]
async fn every_request_keeps_the_contract() {
    let mut walk = Walk::default();
    visit_all(&mut walk).await;
    assert_eq!(walk.wrong, Vec::<String>::new());
    assert_eq!(
        walk.visited.len(),
        declared(),
        "a call has no sample: {:?}",
        walk.visited
    );
}

/// What a vendor needs by the guide and by the server's behaviour, service by service.
const NAMED: [(&str, &[&str]); 12] = [
    ("session", &["startWidgetSession", "start"]),
    ("apptoken", &["startSession"]),
    (
        "reach_entryvendortask",
        &["getJobs", "get", "updateJob", "extendAccessKey", "abort"],
    ),
    ("reach_vendorcatalogitem", &["get"]),
    ("baseentry", &["get", "getPlaybackContext", "update"]),
    ("media", &["get", "update"]),
    ("flavorasset", &["add", "setContent", "get", "list", "update"]),
    (
        "caption_captionasset",
        &["add", "setContent", "update", "get", "getUrl", "list"],
    ),
    (
        "attachment_attachmentasset",
        &["add", "setContent", "get", "getUrl"],
    ),
    ("uploadtoken", &["add", "upload", "get"]),
    ("cuepoint_cuepoint", &["add", "list"]),
    ("schedule_scheduleevent", &["get", "updateLiveFeature"]),
];

#[tokio::test]
async fn every_call_that_a_vendor_needs_is_there() {
    let mut walk = Walk::default();
    visit_all(&mut walk).await;
    let named: Vec<String> = NAMED
        .iter()
        .flat_map(|(service, actions)| actions.iter().map(move |action| format!("{service}.{action}")))
        .collect();
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !walk.visited.contains(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(named.len(), 36, "the list is whole");
}

#[test]
fn the_walk_finds_what_breaks_the_contract() {
    let contract = Contract::load();
    let check = |action, body| {
        contract
            .check_call("caption_captionasset", action, &body)
            .unwrap_err()
    };
    let asset = |fields: Value| {
        let mut asset = json!({"objectType": "KalturaCaptionAsset"});
        asset
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        json!({"id": "0_a", "entryId": "0_e", "captionAsset": asset})
    };
    let update = |fields| {
        check("update", {
            let mut b = asset(fields);
            b.as_object_mut().unwrap().remove("entryId");
            b
        })
    };
    for (what, found) in [
        ("no such field", update(json!({"colour": "red"}))),
        ("is read-only", update(json!({"status": 2}))),
        ("by an add only", update(json!({"format": "1"}))),
        (
            "is no KalturaLanguage",
            update(json!({"language": "Auto Detect"})),
        ),
        ("is no int", update(json!({"accuracy": "high"}))),
        ("is no KalturaNullableBoolean", update(json!({"isDefault": 7}))),
        (
            "is no KalturaCaptionAsset",
            check(
                "update",
                json!({"id": "0_a", "captionAsset": {"objectType": "KalturaFlavorAsset"}}),
            ),
        ),
        ("is required", check("get", json!({}))),
        (
            "no such parameter",
            check("get", json!({"captionAssetId": "0_a", "id": "0_a"})),
        ),
        ("no such action", check("fetch", json!({}))),
    ] {
        assert!(found.contains(what), "expected `{what}`, found `{found}`");
    }
}

/// Checks that each field an object reads is one of the contract's, and that a full object of each class can be read.
///
/// Answers how many fields are read, and how many the contract has; what isn't read is kept as it came.
fn reads<T: FromJson>(classes: &[&str], fields: &[&str]) -> (usize, usize) {
    let contract = Contract::load();
    for field in fields
        .iter()
        .filter(|field| !matches!(**field, "objectType" | "relatedObjects"))
    {
        assert!(
            classes.iter().any(|class| contract.field(class, field).is_some()),
            "none of {classes:?} has a field {field}"
        );
    }
    for class in classes {
        assert!(contract.0["classes"].get(class).is_some(), "no class {class}");
        for text in [false, true] {
            if let Err(shape) = T::from_json(contract.object(class, text)) {
                panic!("{class} can't be read: {shape:?}");
            }
        }
    }
    let of_contract: BTreeSet<String> = classes
        .iter()
        .flat_map(|class| contract.fields(class))
        .map(|(name, _)| name)
        .collect();
    let read = fields.iter().filter(|field| of_contract.contains(**field));
    (read.count(), of_contract.len())
}

#[test]
fn every_object_reads_fields_of_the_contract() {
    macro_rules! check {
        ($($object:ident),+ $(,)?) => {
            [$((stringify!($object), reads::<$object>($object::CONTRACT, $object::FIELDS))),+]
        };
    }
    let read = check!(
        EntryVendorTask,
        TaskJobData,
        CatalogItem,
        ReachProfile,
        Dictionary,
        CaptionAsset,
        FlavorAsset,
        AttachmentAsset,
        UploadToken,
        PlaybackContext,
        PlaybackSource,
        Drm,
        AccessMessage,
        Entry,
        CuePoint,
        ScheduleEvent,
        LiveFeature,
        WidgetSession,
        SessionInfo,
    );
    reads::<MultiLingualString>(&["KalturaMultiLingualString"], MultiLingualString::FIELDS);
    let mut lines: Vec<String> = read
        .iter()
        .map(|(object, (read, all))| format!("{object}: {read} of {all}"))
        .collect();
    let (read, all) = read
        .iter()
        .fold((0, 0), |sum, (_, one)| (sum.0 + one.0, sum.1 + one.1));
    lines.push(format!("fields in all: {read} of {all}"));
    insta::with_settings!({omit_expression => true}, {
        insta::assert_snapshot!("fields_of_the_contract_that_are_read", lines.join("\n"));
    });
}

/// The names and values of a contract enum.
fn contract_values(name: &str) -> BTreeSet<(String, String)> {
    let contract = Contract::load();
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    contract.0["enums"][name]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

#[test]
fn every_enum_has_the_values_of_the_contract() {
    macro_rules! check {
        ($($name:ident),+ $(,)?) => {$(
            let ours: BTreeSet<_> =
                $name::KNOWN.iter().map(|known| (known.name().to_owned(), known.number().to_string())).collect();
            assert_eq!(ours, contract_values($name::CONTRACT), "{}", $name::CONTRACT);
        )+};
    }
    check!(
        TaskStatus,
        ServiceFeature,
        ServiceType,
        OutputFormat,
        ContentDeletionPolicy,
        ProcessingRegion,
        EntryObjectType,
        CreationMode,
        CatalogItemStatus,
        CaptionType,
        CaptionUsage,
        AttachmentType,
        UploadTokenStatus,
        ThumbCuePointSubType,
        SessionType,
    );
    let hashes: BTreeSet<_> = AppTokenHashType::ALL
        .iter()
        .map(|hash| (hash.name().to_owned(), hash.name().to_owned()))
        .collect();
    assert_eq!(hashes, contract_values("KalturaAppTokenHashType"));
}

#[test]
fn asset_status_has_the_values_of_all_kinds_and_the_error_that_the_contract_leaves_out() {
    let mut ours: BTreeSet<_> = AssetStatus::KNOWN
        .iter()
        .map(|known| (known.name().to_owned(), known.number().to_string()))
        .collect();
    assert!(ours.remove(&("ERROR".to_owned(), "-1".to_owned())));
    assert_eq!(ours, contract_values("KalturaFlavorAssetStatus"));
    for kind in ["KalturaCaptionAssetStatus", "KalturaAttachmentAssetStatus"] {
        assert!(contract_values(kind).is_subset(&ours), "{kind}");
    }
}

#[test]
fn asset_languages_are_the_contracts() {
    let languages: BTreeSet<String> = contract_values("KalturaLanguage")
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    for name in &languages {
        assert!(
            CatalogLanguage::from(name.as_str()).asset_language().is_some(),
            "{name}"
        );
    }
    let unusable: Vec<String> = contract_values("KalturaCatalogItemLanguage")
        .into_iter()
        .map(|(_, name)| name)
        .filter(|name| CatalogLanguage::from(name.as_str()).asset_language().is_none())
        .collect();
    assert_eq!(unusable, ["Auto Detect", "English (ASL)", "English (BSL)"]);
}
