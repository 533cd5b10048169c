//! `flavorAsset`. Access key.

use serde::Serialize;

use super::{AssetFilter, ContentResource, FilterPager, nullable_boolean, optional_nullable_boolean};
use crate::call::{Call, Pace, Repeat, call};
use crate::ids::{AssetId, EntryId};
use crate::json::Page;
use crate::language::AssetLanguage;
use crate::objects::FlavorAsset;

/// A sound track to be added. `isOriginal` is left out although the guide names it: sending it is refused (spec D7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "objectType", rename = "KalturaFlavorAsset", rename_all = "camelCase")]
pub struct NewFlavorAsset {
    /// What the catalog item says: `flavorParamsId` or `clearAudioFlavorParamsId`; its tags become the asset's.
    pub flavor_params_id: i64,
    /// The language spoken.
    pub language: AssetLanguage,
    /// What viewers see in the menu.
    pub label: String,
    /// Whether it is the default sound track: yes for the original sound (guide).
    #[serde(serialize_with = "nullable_boolean")]
    pub is_default: bool,
    /// The file's extension. Can't be changed later.
    pub file_ext: String,
    /// The vendor's own mark.
    pub partner_data: String,
}

/// `flavorAsset.add`. Not safe to repeat. `FLAVOR_ASSET_ALREADY_EXISTS` names the one that is there
/// ([`crate::Error::existing_flavor`]).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddFlavor<'a> {
    /// The entry.
    pub entry_id: &'a EntryId,
    /// The asset.
    pub flavor_asset: &'a NewFlavorAsset,
}
call!(AddFlavor<'a> => "flavorasset"."add", Once -> FlavorAsset);

/// `flavorAsset.setContent`. Not safe to repeat, as [`super::SetCaptionContent`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetFlavorContent<'a> {
    /// The asset.
    pub id: &'a AssetId,
    /// Its content.
    pub content_resource: &'a ContentResource,
}

impl Call for SetFlavorContent<'_> {
    const SERVICE: &'static str = "flavorasset";
    const ACTION: &'static str = "setContent";
    const REPEAT: Repeat = Repeat::Once;
    const PACE: Pace = Pace::Content;
    type Reply = FlavorAsset;

    fn secrets(&self) -> Vec<&str> {
        self.content_resource.secrets()
    }
}

/// `flavorAsset.get`.
#[derive(Debug, Clone, Serialize)]
pub struct GetFlavor<'a> {
    /// The asset.
    pub id: &'a AssetId,
}
call!(GetFlavor<'a> => "flavorasset"."get", Safe -> FlavorAsset);

/// `flavorAsset.getByEntryId`: all flavors of an entry, as a bare list.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListFlavorsOfEntry<'a> {
    /// The entry.
    pub entry_id: &'a EntryId,
}
call!(ListFlavorsOfEntry<'a> => "flavorasset"."getByEntryId", Safe -> Vec<FlavorAsset>);

/// `flavorAsset.list`: the flavors of an entry, by pages.
#[derive(Debug, Clone, Serialize)]
pub struct ListFlavors {
    /// Whose flavors.
    pub filter: AssetFilter,
    /// Which page.
    pub pager: FilterPager,
}
call!(ListFlavors => "flavorasset"."list", Safe -> Page<FlavorAsset>);

/// What an update of a flavor asset changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "objectType", rename = "KalturaFlavorAsset", rename_all = "camelCase")]
pub struct FlavorUpdate {
    /// The language spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<AssetLanguage>,
    /// What viewers see in the menu.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether it is the default sound track.
    #[serde(
        serialize_with = "optional_nullable_boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub is_default: Option<bool>,
    /// The vendor's own mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner_data: Option<String>,
}

/// `flavorAsset.update`. Safe to repeat.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateFlavor<'a> {
    /// The asset.
    pub id: &'a AssetId,
    /// What changes.
    pub flavor_asset: &'a FlavorUpdate,
}
call!(UpdateFlavor<'a> => "flavorasset"."update", Safe -> FlavorAsset);
