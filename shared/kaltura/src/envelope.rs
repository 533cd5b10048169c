//! The envelope of an answer: a bare value, or an exception, or something that is no answer at all (spec 4.3).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{ApiException, CallName, Error};
use crate::secret::scrub;

/// The longest message that is kept.
const MESSAGE_CHARS: usize = 500;
/// The longest code that is taken for one.
const CODE_CHARS: usize = 100;

/// Reads the body of an answer with the HTTP status `status`. `secrets` are taken out of whatever text is kept.
///
/// Never panics, whatever the bytes are.
///
/// # Errors
/// [`Error::Api`] for an exception, [`Error::Http`] for a status other than 2xx without one, [`Error::Empty`],
/// [`Error::Truncated`] and [`Error::NotJson`] for what is no answer.
pub fn open(call: CallName, status: u16, body: &[u8], secrets: &[&str]) -> Result<Value, Error> {
    let parsed = match serde_json::from_slice::<Value>(body) {
        // An exception says more than the status that came with it.
        Ok(value) => Ok(open_value(call, value, secrets)?),
        Err(error) => Err(error),
    };
    if !(200..300).contains(&status) {
        return Err(Error::Http { call, status });
    }
    match parsed {
        Ok(value) => Ok(value),
        Err(_) if body.trim_ascii().is_empty() => Err(Error::Empty { call }),
        Err(error) if error.is_eof() => Err(Error::Truncated {
            call,
            bytes: body.len(),
        }),
        Err(_) => Err(Error::NotJson {
            call,
            begins: beginning(body, secrets),
            bytes: body.len(),
        }),
    }
}

/// What stands in an answer, or in one of the answers to a multirequest: a value, or an exception.
///
/// # Errors
/// [`Error::Api`] for an exception.
pub fn open_value(call: CallName, value: Value, secrets: &[&str]) -> Result<Value, Error> {
    match value.as_object().and_then(|fields| exception(fields, secrets)) {
        Some(exception) => Err(Error::Api {
            call,
            exception: Box::new(exception),
        }),
        None => Ok(value),
    }
}

/// The exception in an object, if it is one: by its `objectType`, or, where that is missing, by having nothing but what
/// an exception has.
fn exception(fields: &Map<String, Value>, secrets: &[&str]) -> Option<ApiException> {
    let code = fields.get("code")?.as_str()?;
    let is_exception = match fields.get("objectType") {
        Some(object_type) => object_type.as_str() == Some("KalturaAPIException"),
        None => {
            fields.contains_key("message")
                && fields
                    .keys()
                    .all(|name| matches!(name.as_str(), "code" | "message" | "args"))
        }
    };
    if !is_exception {
        return None;
    }
    let code_is_sound = (1..=CODE_CHARS).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let text = |value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        scrub(&text, secrets)
            .chars()
            .take(MESSAGE_CHARS)
            .collect::<String>()
    };
    let args = match fields.get("args") {
        Some(Value::Object(args)) => args
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        // PHP writes an empty map as `[]`.
        _ => BTreeMap::new(),
    };
    Some(ApiException {
        code: if code_is_sound {
            code.to_owned()
        } else {
            "UNREADABLE_CODE".to_owned()
        },
        message: fields.get("message").map(text).unwrap_or_default(),
        args,
    })
}

/// The first printable characters: enough to tell a proxy's page, too little to tell a secret.
fn beginning(body: &[u8], secrets: &[&str]) -> String {
    let head = String::from_utf8_lossy(&body[..body.len().min(8_192)]);
    scrub(head.trim_start(), secrets)
        .chars()
        .take(24)
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '.' })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::json::FromJson;
    use crate::objects::{CaptionAsset, EntryVendorTask, JobPage, PlaybackContext};

    const CALL: CallName = CallName {
        service: "reach_entryvendortask",
        action: "getJobs",
    };

    fn read(body: &str) -> Result<Value, Error> {
        open(CALL, 200, body.as_bytes(), &["djJ8secret"])
    }

    #[test]
    fn exception_at_200_is_an_error_with_its_args() {
        let body = r#"{"code":"INVALID_KS","message":"Invalid KS \"EXPIRED\", Error \"-1,INVALID_STR\"",
            "objectType":"KalturaAPIException","args":{"KSID":"EXPIRED","ERR_CODE":-1,"ERR_DESC":"INVALID_STR"}}"#;
        let error = read(body).unwrap_err();
        assert_eq!(error.name(), "INVALID_KS");
        assert_eq!(error.session_fault(), Some("EXPIRED"));
    }

    #[test]
    fn exception_with_empty_args_as_a_list() {
        let body =
            r#"{"code":"SERVICE_FORBIDDEN","message":"no","objectType":"KalturaAPIException","args":[]}"#;
        assert!(read(body).unwrap_err().is_forbidden());
    }

    #[test]
    fn exception_that_echoes_the_session_is_scrubbed() {
        let body = r#"{"code":"INVALID_KS","message":"Invalid KS djJ8secret","objectType":"KalturaAPIException",
            "args":{"KSID":"djJ8secret"}}"#;
        let error = read(body).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("djJ8secret"), "{error:?}");
    }

    #[test]
    fn object_with_a_code_is_not_an_exception() {
        let message = r#"{"code":"OK","message":"fine","objectType":"KalturaAccessControlMessage"}"#;
        assert!(read(message).is_ok());
    }

    #[test]
    fn what_is_no_answer_is_named() {
        let html = read("<!DOCTYPE html><html><title>djJ8secret</title>").unwrap_err();
        assert_eq!(
            html.to_string(),
            "reach_entryvendortask.getJobs: answer is not JSON: 46 bytes that begin with `<!DOCTYPE html><html><ti`"
        );
        assert_eq!(read("").unwrap_err().name(), "Empty");
        assert_eq!(read(" \n").unwrap_err().name(), "Empty");
        assert_eq!(read(r#"{"objects":[{"id":"1"#).unwrap_err().name(), "Truncated");
        assert_eq!(read("{} {}").unwrap_err().name(), "NotJson");
        assert_eq!(
            open(CALL, 502, b"<html>", &[]).unwrap_err(),
            Error::Http {
                call: CALL,
                status: 502
            }
        );
    }

    #[test]
    fn exception_beats_the_status() {
        let body =
            br#"{"code":"ACTION_BLOCKED","message":"blocked","objectType":"KalturaAPIException","args":[]}"#;
        assert_eq!(open(CALL, 429, body, &[]).unwrap_err().name(), "ACTION_BLOCKED");
    }

    #[test]
    fn bare_values_pass() {
        for value in [json!(null), json!("ks"), json!(3), json!([]), json!(true)] {
            assert_eq!(read(&value.to_string()).unwrap(), value);
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let name = prop_oneof![
            Just("id"),
            Just("objects"),
            Just("status"),
            Just("relatedObjects"),
            Just("reach_vendor_profile"),
            Just("taskJobData"),
            Just("code"),
            Just("message"),
            Just("args"),
            Just("objectType"),
            Just("sources"),
            Just("flavorIds"),
            Just("flavorParamsIds"),
            Just("totalCount"),
            Just("createdAt"),
            Just("accessKey"),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            Just(Value::from("KalturaAPIException")),
        ];
        leaf.prop_recursive(5, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..8).prop_map(|fields| fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_opened_without_panic(body in prop::collection::vec(any::<u8>(), 0..300), status in any::<u16>()) {
            let _ = open(CALL, status, &body, &["djJ8secret"]);
        }

        #[test]
        fn any_json_is_read_without_panic(value in any_json()) {
            if let Ok(value) = open(CALL, 200, value.to_string().as_bytes(), &[]) {
                let _ = JobPage::from_json(value.clone());
                let _ = EntryVendorTask::from_json(value.clone());
                let _ = PlaybackContext::from_json(value.clone());
                let _ = CaptionAsset::from_json(value);
            }
        }

        #[test]
        fn every_cut_of_an_answer_is_an_error(cut in 1_usize..100) {
            let body = r#"{"objects":[{"id":"15","partnerId":110}],"totalCount":1,"objectType":"KalturaEntryVendorTaskListResponse"}"#;
            let error = read(&body[..cut.min(body.len() - 1)]).unwrap_err();
            prop_assert_eq!(error.name(), "Truncated");
        }
    }
}
