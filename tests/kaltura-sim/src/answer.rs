//! The envelope of answers: API errors, and values as JSON or XML (spec section 4.3).

use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// An API exception: what the server answers at HTTP 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) args: Vec<(String, String)>,
}

impl ApiError {
    /// `template` holds each argument as `@NAME@`, as the server's own table does.
    pub(crate) fn new(code: &str, template: &str, args: &[(&str, &str)]) -> Self {
        let mut message = template.to_owned();
        for (name, value) in args {
            message = message.replace(&format!("@{name}@"), value);
        }
        let args = args
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            code: code.to_owned(),
            message,
            args,
        }
    }

    pub(crate) fn invalid_ks(reason: &str) -> Self {
        Self::new(
            "INVALID_KS",
            "Invalid KS \"@KSID@\", Error \"@ERR_CODE@,@ERR_DESC@\"",
            &[("KSID", reason), ("ERR_CODE", "-1"), ("ERR_DESC", "INVALID_STR")],
        )
    }

    /// The session may not act on that entry (`KalturaDispatcher::validateUser`).
    pub(crate) fn foreign_entry() -> Self {
        Self::new(
            "INVALID_KS",
            "Invalid KS \"@KSID@\", Error \"@ERR_CODE@,@ERR_DESC@\"",
            &[("KSID", ""), ("ERR_CODE", "-4"), ("ERR_DESC", "INVALID_TYPE")],
        )
    }

    pub(crate) fn missing_ks() -> Self {
        Self::new("MISSING_KS", "Missing KS, session not established", &[])
    }

    pub(crate) fn service_forbidden(service: &str, action: &str) -> Self {
        Self::new(
            "SERVICE_FORBIDDEN",
            "The access to service [@SERVICE@->@ACTION@] is forbidden",
            &[("SERVICE", service), ("ACTION", action)],
        )
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::new(
            "MISSING_MANDATORY_PARAMETER",
            "Missing parameter \"@PARAM_NAME@\"",
            &[("PARAM_NAME", name)],
        )
    }

    pub(crate) fn invalid_enum(value: &str, name: &str, enumeration: &str) -> Self {
        Self::new(
            "INVALID_ENUM_VALUE",
            "Invalid enumeration value \"@ENUM_VALUE@\" for parameter \"@PARAM_NAME@\", expecting enumeration type \
             \"@ENUM_TYPE@\"",
            &[
                ("ENUM_VALUE", value),
                ("PARAM_NAME", name),
                ("ENUM_TYPE", enumeration),
            ],
        )
    }

    pub(crate) fn not_updatable(class: &str, field: &str) -> Self {
        let name = format!("{class}::{field}");
        Self::new(
            "PROPERTY_VALIDATION_NOT_UPDATABLE",
            "The property \"@PROP_NAME@\" cannot be updated",
            &[("PROP_NAME", &name)],
        )
    }

    pub(crate) fn entry_not_found(id: &str) -> Self {
        Self::new(
            "ENTRY_ID_NOT_FOUND",
            "Entry id \"@ENTRY_ID@\" not found",
            &[("ENTRY_ID", id)],
        )
    }

    pub(crate) fn task_not_found(id: &str) -> Self {
        Self::new(
            "ENTRY_VENDOR_TASK_NOT_FOUND",
            "Entry vendor task item with id [@ID@] not found",
            &[("ID", id)],
        )
    }

    /// The JSON form; `args` is a map, or `[]` when empty.
    pub(crate) fn to_json(&self) -> Value {
        let args = if self.args.is_empty() {
            json!([])
        } else {
            Value::Object(
                self.args
                    .iter()
                    .map(|(name, value)| (name.clone(), json!(value)))
                    .collect(),
            )
        };
        json!({"code": self.code, "message": self.message, "objectType": "KalturaAPIException", "args": args})
    }

    fn write_xml(&self, out: &mut String) {
        out.push_str("<error>");
        element(out, "code", &self.code);
        element(out, "message", &self.message);
        element(out, "objectType", "KalturaAPIException");
        out.push_str("<args>");
        for (name, value) in &self.args {
            out.push_str("<item><objectType>KalturaApiExceptionArg</objectType>");
            element(out, "name", name);
            element(out, "value", value);
            out.push_str("</item>");
        }
        out.push_str("</args></error>");
    }
}

/// How the caller wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Xml,
}

impl Format {
    /// By the `format` parameter: 1 is JSON, all else XML, which is the server's default.
    pub(crate) fn from_param(value: Option<&Value>) -> Self {
        match value {
            Some(Value::String(text)) if text == "1" => Self::Json,
            Some(Value::Number(number)) if number.as_i64() == Some(1) => Self::Json,
            _ => Self::Xml,
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "text/xml",
        }
    }
}

/// The body of an answer.
pub(crate) fn render(format: Format, result: &Result<Value, ApiError>) -> String {
    match format {
        Format::Json => match result {
            Ok(value) => without_nulls(value).to_string(),
            Err(error) => error.to_json().to_string(),
        },
        Format::Xml => {
            let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><xml><result>");
            match result {
                Ok(value) => write_value(&mut out, value, false),
                Err(error) => error.write_xml(&mut out),
            }
            out.push_str("</result><executionTime>0.01</executionTime></xml>");
            out
        }
    }
}

/// Null fields are absent on the wire; null results and list items stay.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, field)| !field.is_null());
            Value::Object(
                kept.map(|(name, field)| (name.clone(), without_nulls(field)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

fn write_value(out: &mut String, value: &Value, is_map: bool) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => out.push(if *flag { '1' } else { '0' }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(items) => {
            for item in items {
                out.push_str("<item>");
                match item.get("code").and(item.get("objectType")) {
                    // An exception among the answers of a multirequest.
                    Some(Value::String(class)) if class == "KalturaAPIException" => {
                        write_error_item(out, item);
                    }
                    _ => write_value(out, item, false),
                }
                out.push_str("</item>");
            }
        }
        Value::Object(fields) if is_map => {
            for (key, field) in fields {
                out.push_str("<item>");
                element(out, "itemKey", key);
                write_value(out, field, false);
                out.push_str("</item>");
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter().filter(|(_, field)| !field.is_null()) {
                let _ = write!(out, "<{name}>");
                write_value(out, field, name == "relatedObjects");
                let _ = write!(out, "</{name}>");
            }
        }
    }
}

fn write_error_item(out: &mut String, item: &Value) {
    out.push_str("<error>");
    for name in ["code", "message", "objectType"] {
        element(
            out,
            name,
            item.get(name).and_then(Value::as_str).unwrap_or_default(),
        );
    }
    out.push_str("</error>");
}

fn element(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "<{name}>");
    escape(out, text);
    let _ = write!(out, "</{name}>");
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Not allowed in XML 1.0 even when escaped.
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => {}
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_error_without_arguments_has_an_empty_list() {
        insta::assert_snapshot!(render(Format::Json, &Err(ApiError::missing_ks())), @r#"{"args":[],"code":"MISSING_KS","message":"Missing KS, session not established","objectType":"KalturaAPIException"}"#);
    }

    #[test]
    fn an_expired_session_is_told_by_its_ksid_argument() {
        insta::assert_snapshot!(render(Format::Json, &Err(ApiError::invalid_ks("EXPIRED"))), @r#"{"args":{"ERR_CODE":"-1","ERR_DESC":"INVALID_STR","KSID":"EXPIRED"},"code":"INVALID_KS","message":"Invalid KS \"EXPIRED\", Error \"-1,INVALID_STR\"","objectType":"KalturaAPIException"}"#);
    }

    #[test]
    fn xml_maps_carry_item_keys() {
        let value = json!({"id": "1", "flag": true, "gone": null, "relatedObjects": {"x": {"totalCount": 1}}, "objects": ["a<b"]});
        insta::assert_snapshot!(render(Format::Xml, &Ok(value)), @r#"<?xml version="1.0" encoding="utf-8"?><xml><result><flag>1</flag><id>1</id><objects><item>a&lt;b</item></objects><relatedObjects><item><itemKey>x</itemKey><totalCount>1</totalCount></item></relatedObjects></result><executionTime>0.01</executionTime></xml>"#);
    }
}
