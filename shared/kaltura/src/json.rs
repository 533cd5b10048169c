//! Reading what the server sends: values that arrive as strings or numbers, missing and null fields, and objects whose
//! unknown fields are kept.
//!
//! What lives here: the [`FromJson`] trait, its primitives, and [`Extra`]. What does not: the objects themselves
//! ([`crate::objects`]) and the error envelope ([`crate::envelope`]). `serde` is not used for reading on purpose: the
//! server sends the same field as `1` and as `"1"`, an empty object as `[]` and a missing one as `""`, and a flattened
//! serde struct tells neither which field was wrong nor which fields it knows (the contract test asks for the latter).

use std::fmt;

use serde_json::{Map, Value};

/// A value that could not be read: what is wrong, and where in the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// What was expected and what was found. Never the found text itself: it may be a secret.
    pub what: String,
    /// Path of the value in the answer, such as `objects[3].createdAt`; empty for the answer itself.
    pub at: String,
}

impl Shape {
    /// A mismatch at the value itself.
    pub fn new(expected: &str, found: &Value) -> Self {
        Self {
            what: format!("expected {expected}, found {}", kind(found)),
            at: String::new(),
        }
    }

    /// The same mismatch seen from the object that has the value as `field`.
    #[must_use]
    pub fn under(self, field: &str) -> Self {
        let at = match self.at.as_str() {
            "" => field.to_owned(),
            rest if rest.starts_with('[') => format!("{field}{rest}"),
            rest => format!("{field}.{rest}"),
        };
        Self { at, ..self }
    }
}

/// The JSON type of a value, and its size where that helps, without its content.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("a string of {} characters", text.chars().count()),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(fields) => format!("an object of {} fields", fields.len()),
    }
}

/// Something that can be read from the server's JSON, leniently in form and strictly in content: `"15"` is the number 15,
/// `"fifteen"` is an error that says so.
pub trait FromJson: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// [`Shape`] says what was expected and where.
    fn from_json(value: Value) -> Result<Self, Shape>;

    /// Whether the value stands for "not set": null and the empty string are for every type.
    fn is_absent(value: &Value) -> bool {
        value.is_null() || value.as_str() == Some("")
    }
}

impl FromJson for i64 {
    fn from_json(value: Value) -> Result<Self, Shape> {
        let read = match &value {
            Value::Number(number) => number.as_i64().or_else(|| integral(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        read.ok_or_else(|| Shape::new("an integer", &value))
    }
}

/// An integer that PHP wrote as a float (`1.5e9`), as long as it is exact.
fn integral(float: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be integral and within 2^53"
    )]
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

impl FromJson for u64 {
    fn from_json(value: Value) -> Result<Self, Shape> {
        let shape = Shape::new("an integer of 0 or more", &value);
        if let Some(number) = value.as_u64() {
            return Ok(number);
        }
        i64::from_json(value)
            .ok()
            .and_then(|number| Self::try_from(number).ok())
            .ok_or(shape)
    }
}

impl FromJson for u32 {
    fn from_json(value: Value) -> Result<Self, Shape> {
        let shape = Shape::new("an integer between 0 and 2^32", &value);
        i64::from_json(value)
            .ok()
            .and_then(|number| Self::try_from(number).ok())
            .ok_or(shape)
    }
}

impl FromJson for f64 {
    fn from_json(value: Value) -> Result<Self, Shape> {
        let read = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &Self| number.is_finite()),
            _ => None,
        };
        read.ok_or_else(|| Shape::new("a number", &value))
    }
}

/// `KalturaNullableBoolean` and plain booleans alike: true, false, 0, 1, "0", "1", "true", "false"; −1 is "not set".
impl FromJson for bool {
    fn from_json(value: Value) -> Result<Self, Shape> {
        let read = match &value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "0" | "false" => Some(false),
                "1" | "true" => Some(true),
                _ => None,
            },
            _ => None,
        };
        read.ok_or_else(|| Shape::new("a boolean (true, false, 0, 1)", &value))
    }

    fn is_absent(value: &Value) -> bool {
        value.is_null() || value.as_i64() == Some(-1) || matches!(value.as_str(), Some("" | "-1"))
    }
}

impl FromJson for String {
    fn from_json(value: Value) -> Result<Self, Shape> {
        match value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            other => Err(Shape::new("a string", &other)),
        }
    }
}

/// The answer of a void action, and any other that nobody reads.
impl FromJson for () {
    fn from_json(_: Value) -> Result<Self, Shape> {
        Ok(())
    }
}

/// A bare array, as `flavorAsset.getByEntryId` answers.
impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: Value) -> Result<Self, Shape> {
        match value {
            Value::Null => Ok(Self::new()),
            Value::Array(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| T::from_json(item).map_err(|shape| shape.under(&format!("[{index}]"))))
                .collect(),
            // Lists of ids travel as one comma-separated string (`flavorIds`, `flavorParamsIds`).
            Value::String(text) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| T::from_json(Value::String(item.to_owned())))
                .collect(),
            number @ Value::Number(_) => T::from_json(number).map(|one| vec![one]),
            other => Err(Shape::new("a list", &other)),
        }
    }
}

/// How a type is read as a field: required, optional or a list. Not for implementing outside.
pub(crate) trait Field: Sized {
    fn from_field(value: Option<Value>) -> Result<Self, Shape>;
}

impl<T: FromJson> Field for Option<T> {
    fn from_field(value: Option<Value>) -> Result<Self, Shape> {
        value
            .filter(|value| !T::is_absent(value))
            .map(T::from_json)
            .transpose()
    }
}

/// Types that stand in an object without `Option`: a missing list is empty, any other missing value an error.
macro_rules! field {
    ($($type:ty),+ $(,)?) => {$(
        impl crate::json::Field for $type {
            fn from_field(value: Option<serde_json::Value>) -> Result<Self, crate::json::Shape> {
                let value = value.unwrap_or(serde_json::Value::Null);
                <Self as crate::json::FromJson>::from_json(value)
            }
        }
    )+};
}
pub(crate) use field;

/// A text that is no secret and not worth an `Option`: a missing one is empty.
impl Field for String {
    fn from_field(value: Option<Value>) -> Result<Self, Shape> {
        match value {
            None | Some(Value::Null) => Ok(Self::new()),
            Some(value) => Self::from_json(value),
        }
    }
}

impl<T: FromJson> Field for Vec<T> {
    fn from_field(value: Option<Value>) -> Result<Self, Shape> {
        value.map_or_else(|| Ok(Self::new()), Self::from_json)
    }
}

/// Fields of an object that this crate doesn't model, as they came. `Debug` shows the names alone: a field that nobody
/// modelled may hold a secret.
#[derive(Clone, Default, PartialEq)]
pub struct Extra(Map<String, Value>);

impl Extra {
    /// The field of that name, as the server spells it.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    /// The names of the fields, as the server spells them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether every field was modelled.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Map<String, Value>> for Extra {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Whether a value stands for "no object": PHP writes an empty map as `[]`.
pub(crate) fn no_object(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty)
}

/// A page of a `…ListResponse`.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The objects of this page; a missing or null list is empty.
    pub objects: Vec<T>,
    /// How many objects match in all, as the server counts; 0 where it doesn't say.
    pub total_count: u64,
}

impl<T: FromJson> FromJson for Page<T> {
    fn from_json(value: Value) -> Result<Self, Shape> {
        let (objects, total_count) = list_response(value)?;
        let objects = Vec::from_json(Value::Array(objects)).map_err(|shape| shape.under("objects"))?;
        Ok(Self { objects, total_count })
    }
}

/// The raw objects and the total count of a `…ListResponse`.
pub(crate) fn list_response(value: Value) -> Result<(Vec<Value>, u64), Shape> {
    let mut fields = match value {
        Value::Object(fields) => fields,
        other => return Err(Shape::new("a list response", &other)),
    };
    let objects = match fields.remove("objects") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(objects)) => objects,
        Some(other) => return Err(Shape::new("an array", &other).under("objects")),
    };
    let total_count =
        Option::<u64>::from_field(fields.remove("totalCount")).map_err(|s| s.under("totalCount"))?;
    Ok((objects, total_count.unwrap_or(0)))
}
