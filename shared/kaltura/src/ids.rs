//! Ids, one type each, so that an entry's id can't be taken for an asset's.
//!
//! Ids arrive as strings or as numbers (a task's id is a `bigint` that JSON clients get as a string, spec section 2) and
//! are kept as text, so nothing above 2^53 is rounded. They end up in object keys and URL paths, which is why a text is
//! checked before it becomes an id.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::Value;

use crate::json::{FromJson, Shape, field};

/// A text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {what}: expected {expected}, found {found}")]
pub struct IdError {
    what: &'static str,
    expected: &'static str,
    found: String,
}

/// Only digits, and not so many that it can't be a `bigint`.
fn digits(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Kaltura's string ids: letters, digits, `_` (`0_o2z3458w`, `1_abc`), `-` and `.` for upload tokens.
fn word(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && !text.bytes().all(|byte| byte == b'.')
}

macro_rules! string_id {
    ($(#[$meta:meta])* $name:ident, $what:literal, $check:ident, $expected:literal) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Checks a text and makes it an id.
            ///
            /// # Errors
            #[doc = concat!("[`IdError`] unless the text is ", $expected, ".")]
            pub fn parse(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                if $check(&text) {
                    return Ok(Self(text));
                }
                let found = if text.is_empty() {
                    "an empty text".to_owned()
                } else {
                    format!("`{}`", text.chars().take(40).collect::<String>().escape_debug())
                };
                Err(IdError { what: $what, expected: $expected, found })
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = IdError;
            fn try_from(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl FromJson for $name {
            fn from_json(value: Value) -> Result<Self, Shape> {
                // A float has lost digits already: only whole numbers may become ids.
                let text = match &value {
                    Value::String(text) => text.clone(),
                    Value::Number(number) if !number.is_f64() => number.to_string(),
                    _ => return Err(Shape::new(concat!("a ", $what), &value)),
                };
                Self::parse(text).map_err(|_| Shape::new(concat!("a ", $what, " (", $expected, ")"), &value))
            }
        }

        field!($name);

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a ", $what, ", as a string or a whole number"))
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }
                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<$name, E> {
                        $name::parse(number.to_string()).map_err(E::custom)
                    }
                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$name, E> {
                        $name::parse(number.to_string()).map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Text)
            }
        }
    };
}

string_id!(
    /// A REACH task (`KalturaEntryVendorTask.id`): unique within one Kaltura environment only (spec 4.5).
    TaskId, "task id", digits, "1 to 20 digits"
);
string_id!(
    /// An entry (`0_o2z3458w`).
    EntryId, "entry id", word, "1 to 128 letters, digits, `_`, `-`, `.`"
);
string_id!(
    /// An asset of an entry: caption, flavor or attachment.
    AssetId, "asset id", word, "1 to 128 letters, digits, `_`, `-`, `.`"
);
string_id!(
    /// An upload token: one file on its way to Kaltura, good for one `setContent`.
    UploadTokenId, "upload token id", word, "1 to 128 letters, digits, `_`, `-`, `.`"
);
string_id!(
    /// A cue point of an entry.
    CuePointId, "cue point id", word, "1 to 128 letters, digits, `_`, `-`, `.`"
);

macro_rules! number_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// The id as a number.
            pub fn number(self) -> i64 {
                self.0
            }
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromJson for $name {
            fn from_json(value: Value) -> Result<Self, Shape> {
                i64::from_json(value).map(Self)
            }
        }

        field!($name);
    };
}

number_id!(
    /// A Kaltura account: a customer's, or the vendor's own. Kaltura's internal ones are negative.
    PartnerId
);
number_id!(
    /// A catalog item: a service as sold, with its languages and turn-around time.
    CatalogItemId
);
number_id!(
    /// A customer's REACH profile: how its orders are to be fulfilled.
    ReachProfileId
);
number_id!(
    /// A scheduled live event.
    ScheduleEventId
);
