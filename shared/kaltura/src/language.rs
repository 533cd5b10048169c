//! Languages: those of the catalog, and those that an asset may carry.
//!
//! Kaltura has two lists (spec D12). What is ordered comes from `KalturaCatalogItemLanguage` (97 names); what an asset
//! is labelled with from `KalturaLanguage` (573 different names). Three catalog names are not on the second list: `Auto Detect`,
//! `English (ASL)` and `English (BSL)`. Copied to an asset, they get `INVALID_ENUM_VALUE`, so the conversion is a step
//! that can fail here instead.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The names of `KalturaLanguage`, sorted, one a line.
const ASSET_LANGUAGES: &str = include_str!("asset_languages.txt");

/// A language as the catalog names it: `English (American)`, `Auto Detect`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CatalogLanguage(String);

impl CatalogLanguage {
    /// The catalog's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the vendor is to find out the language.
    pub fn is_auto_detect(&self) -> bool {
        self.0 == "Auto Detect"
    }

    /// The language for an asset; `None` where an asset can't carry it (`Auto Detect`, sign languages, unknown names).
    pub fn asset_language(&self) -> Option<AssetLanguage> {
        AssetLanguage::parse(&self.0).ok()
    }
}

impl From<&str> for CatalogLanguage {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for CatalogLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A language that an asset may carry: one of the names of `KalturaLanguage`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetLanguage(String);

/// A name that is none of `KalturaLanguage`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is not a language of kaltura's assets: expected a name such as `English` or `Spanish (Latin America)`"
)]
pub struct LanguageError {
    name: String,
}

impl AssetLanguage {
    /// Checks a name against `KalturaLanguage`; the case must be the list's.
    ///
    /// # Errors
    /// [`LanguageError`] if the list has no such name.
    pub fn parse(name: &str) -> Result<Self, LanguageError> {
        if !name.is_empty() && ASSET_LANGUAGES.lines().any(|known| known == name) {
            return Ok(Self(name.to_owned()));
        }
        Err(LanguageError {
            name: name.chars().take(60).collect(),
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AssetLanguage {
    type Error = LanguageError;
    fn try_from(name: String) -> Result<Self, LanguageError> {
        Self::parse(&name)
    }
}

impl TryFrom<&CatalogLanguage> for AssetLanguage {
    type Error = LanguageError;
    fn try_from(language: &CatalogLanguage) -> Result<Self, LanguageError> {
        Self::parse(language.as_str())
    }
}

impl From<AssetLanguage> for String {
    fn from(language: AssetLanguage) -> Self {
        language.0
    }
}

impl fmt::Display for AssetLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_lists_pass() {
        for name in ["English", "Spanish (Latin America)", "Bengali (Bangla)", "Zulu"] {
            assert_eq!(
                CatalogLanguage::from(name).asset_language().unwrap().as_str(),
                name
            );
        }
    }

    #[test]
    fn names_that_no_asset_carries_are_refused() {
        for name in [
            "Auto Detect",
            "English (ASL)",
            "English (BSL)",
            "english",
            "Klingon",
            "",
            "English\nWelsh",
        ] {
            assert_eq!(CatalogLanguage::from(name).asset_language(), None, "{name}");
        }
    }

    #[test]
    fn a_stored_language_is_checked_when_it_is_read() {
        assert!(serde_json::from_str::<AssetLanguage>("\"Welsh\"").is_ok());
        assert!(serde_json::from_str::<AssetLanguage>("\"Auto Detect\"").is_err());
    }
}
