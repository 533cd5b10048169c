//! The API contract as data, and the checks that the server makes of requests before any service sees them.

use crate::answer::ApiError;
use crate::params;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// Fields of an object by name.
pub(crate) type Fields = Map<String, Value>;

/// Names and types of the published API.
#[derive(Debug, Deserialize)]
pub(crate) struct Contract {
    services: HashMap<String, HashMap<String, Action>>,
    classes: HashMap<String, Class>,
    #[serde(deserialize_with = "enumerations")]
    enums: HashMap<String, Enumeration>,
}

/// One action of a service.
#[derive(Debug, Deserialize)]
pub(crate) struct Action {
    params: HashMap<String, Param>,
}

#[derive(Debug, Deserialize)]
struct Param {
    #[serde(rename = "type")]
    type_name: String,
    required: bool,
}

#[derive(Debug, Deserialize)]
struct Class {
    base: Option<String>,
    fields: HashMap<String, Field>,
}

#[derive(Debug, Deserialize)]
struct Field {
    #[serde(rename = "type")]
    type_name: String,
    access: Access,
}

/// Who may set a property, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Access {
    ReadWrite,
    ReadOnly,
    InsertOnly,
}

#[derive(Debug)]
struct Enumeration {
    is_integer: bool,
    values: HashSet<String>,
}

fn enumerations<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<HashMap<String, Enumeration>, D::Error> {
    let raw: HashMap<String, HashMap<String, Value>> = HashMap::deserialize(deserializer)?;
    Ok(raw
        .into_iter()
        .map(|(name, members)| {
            let is_integer = members.values().all(Value::is_number);
            let mut values: HashSet<String> = members.values().filter_map(params::text).collect();
            if name == "KalturaNullableBoolean" {
                values.insert("-1".to_owned());
            }
            (name, Enumeration { is_integer, values })
        })
        .collect())
}

/// An object as a request brought it: cast to the contract's types, unknown properties gone.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// Its class: the one named by `objectType` where that fits, else the declared one.
    pub(crate) class: String,
    /// What was sent; an explicit null is [`Value::Null`].
    pub(crate) fields: Fields,
}

/// Classes that the server refuses to make (`OBJECT_TYPE_ABSTRACT`).
const ABSTRACT: [&str; 4] = [
    "KalturaContentResource",
    "KalturaResource",
    "KalturaCuePoint",
    "KalturaLiveFeature",
];

impl Contract {
    /// The contract, read once a process.
    pub(crate) fn embedded() -> Result<Arc<Self>, serde_json::Error> {
        static READ: OnceLock<Arc<Contract>> = OnceLock::new();
        if let Some(read) = READ.get() {
            return Ok(read.clone());
        }
        let read: Self = serde_json::from_str(include_str!("../contract/kaltura-api.json"))?;
        Ok(READ.get_or_init(|| Arc::new(read)).clone())
    }

    /// The action, and its name as the contract spells it: names are matched in any case.
    pub(crate) fn action(&self, service: &str, action: &str) -> Result<(&str, &Action), ApiError> {
        let actions = self.services.get(&service.to_ascii_lowercase()).ok_or_else(|| {
            ApiError::new(
                "SERVICE_DOES_NOT_EXISTS",
                "Service \"@SERVICE@\" does not exist",
                &[("SERVICE", service)],
            )
        })?;
        let found = actions.iter().find(|(name, _)| name.eq_ignore_ascii_case(action));
        found.map(|(name, spec)| (name.as_str(), spec)).ok_or_else(|| {
            ApiError::new(
                "ACTION_DOES_NOT_EXISTS",
                "Action \"@ACTION@\" does not exist for service \"@SERVICE@\"",
                &[("ACTION", action), ("SERVICE", service)],
            )
        })
    }

    /// The action's arguments, cast; refuses what the server's deserializer refuses.
    pub(crate) fn arguments(&self, action: &Action, sent: &params::Params) -> Result<Arguments, ApiError> {
        let mut arguments = Arguments::default();
        // Sorted, so that the same bad request always gets the same error.
        let mut names: Vec<&String> = action.params.keys().collect();
        names.sort();
        for name in names {
            let param = &action.params[name];
            let Some(value) = sent.get(name) else {
                if param.required && !sent.contains_key(&format!("{name}__null")) {
                    return Err(ApiError::missing_parameter(name));
                }
                continue;
            };
            if self.classes.contains_key(&param.type_name) {
                arguments
                    .objects
                    .insert(name.clone(), self.object(&param.type_name, value, 0)?);
            } else {
                let value = self.cast(&param.type_name, name, value, 0)?;
                arguments.scalars.insert(name.clone(), value);
            }
        }
        Ok(arguments)
    }

    fn object(&self, declared: &str, value: &Value, depth: usize) -> Result<Object, ApiError> {
        let empty = Fields::new();
        let sent = value.as_object().unwrap_or(&empty);
        let named = sent.get("objectType").and_then(Value::as_str).unwrap_or(declared);
        // A class that isn't below the declared one is passed over in silence.
        let class = if self.is_a(named, declared) {
            named
        } else {
            declared
        };
        if ABSTRACT.contains(&class) {
            return Err(ApiError::new(
                "OBJECT_TYPE_ABSTRACT",
                "The object type \"@OBJECT_TYPE@\" is abstract",
                &[("OBJECT_TYPE", class)],
            ));
        }
        let mut fields = Fields::new();
        for (name, sent_value) in sent {
            if let Some(nulled) = name.strip_suffix("__null") {
                if self.field(class, nulled).is_some() {
                    fields.insert(nulled.to_owned(), Value::Null);
                }
            } else if let Some(field) = self.field(class, name) {
                fields.insert(
                    name.clone(),
                    self.cast(&field.type_name, name, sent_value, depth)?,
                );
            }
        }
        Ok(Object {
            class: class.to_owned(),
            fields,
        })
    }

    fn cast(&self, type_name: &str, name: &str, value: &Value, depth: usize) -> Result<Value, ApiError> {
        if value.is_null() || depth > 8 {
            return Ok(Value::Null);
        }
        if let Some(inner) = type_name
            .strip_prefix("List[")
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let items = params::list(value);
            let cast = items.iter().map(|item| self.cast(inner, name, item, depth + 1));
            return Ok(Value::Array(cast.collect::<Result<_, _>>()?));
        }
        if let Some(enumeration) = self.enums.get(type_name) {
            return enumeration.cast(type_name, name, value);
        }
        if self.classes.contains_key(type_name) {
            let object = self.object(type_name, value, depth + 1)?;
            let mut fields = object.fields;
            fields.insert("objectType".to_owned(), Value::String(object.class));
            return Ok(Value::Object(fields));
        }
        Ok(match type_name {
            "int" => Value::from(params::integer(value)),
            "float" => params::text(value)
                .and_then(|text| text.parse::<f64>().ok())
                .map_or(Value::from(0), Value::from),
            "bool" => Value::from(params::boolean(value)),
            "str" => {
                let text = params::text(value).unwrap_or_default();
                if text.chars().any(|c| c < ' ' && !matches!(c, '\t' | '\n' | '\r')) {
                    return Err(ApiError::new(
                        "INVALID_PARAMETER_CHAR",
                        "Invalid char in \"@PARAM_NAME@\" field",
                        &[("PARAM_NAME", name)],
                    ));
                }
                Value::String(text)
            }
            _ => value.clone(),
        })
    }

    /// Whether a class is another one or below it.
    pub(crate) fn is_a(&self, class: &str, ancestor: &str) -> bool {
        let mut current = Some(class);
        while let Some(name) = current {
            if name == ancestor {
                return true;
            }
            current = self.classes.get(name).and_then(|class| class.base.as_deref());
        }
        false
    }

    fn field(&self, class: &str, name: &str) -> Option<&Field> {
        let mut current = self.classes.get(class);
        while let Some(spec) = current {
            if let Some(field) = spec.fields.get(name) {
                return Some(field);
            }
            current = spec.base.as_ref().and_then(|base| self.classes.get(base));
        }
        None
    }

    /// Refuses a new object that sets read-only properties (spec D7); gives its fields without nulls.
    pub(crate) fn for_insert(&self, object: &Object) -> Result<Fields, ApiError> {
        let mut fields = Fields::new();
        for (name, value) in object.fields.iter().filter(|(_, value)| !value.is_null()) {
            if self
                .field(&object.class, name)
                .is_some_and(|field| field.access == Access::ReadOnly)
            {
                return Err(ApiError::not_updatable(&object.class, name));
            }
            fields.insert(name.clone(), value.clone());
        }
        Ok(fields)
    }

    /// Refuses an update that would change read-only or insert-only properties; gives what may change. The same
    /// value again is accepted.
    pub(crate) fn for_update(&self, object: &Object, current: &Fields) -> Result<Fields, ApiError> {
        let mut fields = Fields::new();
        for (name, value) in &object.fields {
            let fixed = self
                .field(&object.class, name)
                .is_some_and(|field| field.access != Access::ReadWrite);
            if !fixed {
                fields.insert(name.clone(), value.clone());
            } else if !value.is_null() && current.get(name).and_then(params::text) != params::text(value) {
                return Err(ApiError::not_updatable(&object.class, name));
            }
        }
        Ok(fields)
    }
}

impl Enumeration {
    fn cast(&self, type_name: &str, name: &str, value: &Value) -> Result<Value, ApiError> {
        let text = match params::text(value).unwrap_or_default() {
            text if self.is_integer && text.eq_ignore_ascii_case("true") => "1".to_owned(),
            text if self.is_integer && text.eq_ignore_ascii_case("false") => "0".to_owned(),
            text => text,
        };
        if !self.values.contains(&text) {
            return Err(ApiError::invalid_enum(&text, name, type_name));
        }
        Ok(if self.is_integer {
            text.parse::<i64>().map_or(Value::Null, Value::from)
        } else {
            Value::String(text)
        })
    }
}

/// An action's arguments: scalars cast, objects checked.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) scalars: Fields,
    pub(crate) objects: HashMap<String, Object>,
}

impl Arguments {
    /// A text argument; empty when it wasn't sent.
    pub(crate) fn text(&self, name: &str) -> String {
        self.scalars.get(name).and_then(params::text).unwrap_or_default()
    }

    /// An integer argument.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.scalars
            .get(name)
            .filter(|value| !value.is_null())
            .map(params::integer)
    }

    /// A boolean argument.
    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        self.scalars
            .get(name)
            .filter(|value| !value.is_null())
            .map(params::boolean)
    }

    /// An object argument.
    pub(crate) fn object(&self, name: &str) -> Result<&Object, ApiError> {
        self.objects
            .get(name)
            .ok_or_else(|| ApiError::missing_parameter(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arguments(service: &str, action: &str, sent: &Value) -> Result<Arguments, String> {
        let contract = Contract::embedded().expect("the contract reads");
        let (_, spec) = contract
            .action(service, action)
            .expect("the action is in the contract");
        contract
            .arguments(spec, sent.as_object().expect("an object"))
            .map_err(|error| error.code)
    }

    #[test]
    fn enum_values_outside_the_asset_languages_are_refused() {
        let add = |language: &str| {
            arguments(
                "caption_captionasset",
                "add",
                &json!({"entryId": "0_a", "captionAsset": {"language": language}}),
            )
        };
        assert!(add("English").is_ok());
        assert_eq!(add("Auto Detect").err().as_deref(), Some("INVALID_ENUM_VALUE"));
    }

    #[test]
    fn unknown_properties_vanish_and_scalars_are_cast() {
        let sent = json!({"entryId": "0_a", "captionAsset": {"objectType": "KalturaCaptionAsset", "isDefault": "true",
            "format": 3, "accuracy": "97", "displayOnPlayer": "False", "colour": "red"}});
        let arguments = arguments("CAPTION_captionasset", "ADD", &sent).expect("accepted");
        let fields = &arguments.object("captionAsset").expect("there").fields;
        let expected = json!({"isDefault": 1, "format": "3", "accuracy": 97, "displayOnPlayer": false});
        assert_eq!(Some(fields), expected.as_object());
    }

    #[test]
    fn missing_and_control_characters_are_refused() {
        assert_eq!(
            arguments("caption_captionasset", "add", &json!({"captionAsset": {}}))
                .err()
                .as_deref(),
            Some("MISSING_MANDATORY_PARAMETER")
        );
        let sent = json!({"entryId": "0_a", "captionAsset": {"label": "a\u{1}b"}});
        assert_eq!(
            arguments("caption_captionasset", "add", &sent).err().as_deref(),
            Some("INVALID_PARAMETER_CHAR")
        );
    }

    #[test]
    fn a_content_resource_without_a_class_is_abstract() {
        let sent = json!({"id": "1", "contentResource": {"url": "https://a/b.srt"}});
        assert_eq!(
            arguments("caption_captionasset", "setContent", &sent)
                .err()
                .as_deref(),
            Some("OBJECT_TYPE_ABSTRACT")
        );
    }

    #[test]
    fn the_original_flag_of_a_flavor_cannot_be_set() {
        let contract = Contract::embedded().expect("the contract reads");
        let mut fields = Fields::new();
        fields.insert("isOriginal".to_owned(), json!(false));
        let object = Object {
            class: "KalturaFlavorAsset".to_owned(),
            fields,
        };
        assert_eq!(
            contract
                .for_insert(&object)
                .err()
                .map(|error| error.code)
                .as_deref(),
            Some("PROPERTY_VALIDATION_NOT_UPDATABLE")
        );
    }
}
