//! The two macros that declare enums and objects of the API.

/// Declares an enum of the contract whose values are integers.
///
/// The server's number is kept when it is not one of the named ones (`Other`), so a new value never breaks a list. The
/// suffix after the contract's name is how the value is written in a request: `int` as `1`, `text` as `"1"`, as the
/// contract has it.
macro_rules! kaltura_enum {
    (
        $(#[$meta:meta])*
        $name:ident = $contract:literal as $wire:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $number:literal $text:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
            /// A value that this version doesn't know, as it came.
            Other(i64),
        }

        impl $name {
            /// The enum's name in Kaltura's contract.
            pub const CONTRACT: &'static str = $contract;

            /// Every named value.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)+];

            /// The server's number.
            pub fn number(self) -> i64 {
                match self {
                    $(Self::$variant => $number,)+
                    Self::Other(number) => number,
                }
            }

            /// The value's name in the contract; `OTHER` for one that this version doesn't know.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(_) => "OTHER",
                }
            }
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                match number {
                    $($number => Self::$variant,)+
                    other => Self::Other(other),
                }
            }
        }

        impl crate::json::FromJson for $name {
            fn from_json(value: serde_json::Value) -> Result<Self, crate::json::Shape> {
                i64::from_json(value).map(Self::from).map_err(|mut shape| {
                    shape.what.push_str(concat!(" (", $contract, ")"));
                    shape
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::macros::$wire(self.number(), serializer)
            }
        }
    };
}
pub(crate) use kaltura_enum;

/// Writes an enum's number as a JSON number.
pub(crate) fn int<S: serde::Serializer>(number: i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(number)
}

/// Writes an enum's number as a JSON string.
pub(crate) fn text<S: serde::Serializer>(number: i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&number)
}

/// Declares an object that the server sends: its fields with their wire names, and what it does not model in `extra`.
macro_rules! kaltura_object {
    (
        $(#[$meta:meta])*
        $name:ident of $($contract:literal)|+ {
            $($(#[$field_meta:meta])* $field:ident: $type:ty = $wire:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)+
            /// Fields that this version doesn't model, `objectType` among them where it isn't a field above.
            pub extra: crate::json::Extra,
        }

        impl $name {
            /// The classes of the contract that this object reads.
            pub const CONTRACT: &'static [&'static str] = &[$($contract),+];

            /// The fields that it reads, as the server spells them.
            pub const FIELDS: &'static [&'static str] = &[$($wire),+];
        }

        impl crate::json::FromJson for $name {
            fn from_json(value: serde_json::Value) -> Result<Self, crate::json::Shape> {
                use crate::json::Field as _;
                let mut fields = match value {
                    serde_json::Value::Object(fields) => fields,
                    other => return Err(crate::json::Shape::new("an object", &other)),
                };
                Ok(Self {
                    $($field: <$type>::from_field(fields.remove($wire)).map_err(|shape| shape.under($wire))?,)+
                    extra: fields.into(),
                })
            }

            fn is_absent(value: &serde_json::Value) -> bool {
                crate::json::no_object(value)
            }
        }
    };
}
pub(crate) use kaltura_object;
