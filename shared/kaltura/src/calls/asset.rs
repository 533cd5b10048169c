//! The filter and the pager that all asset lists share.

use serde::Serialize;

use crate::ids::EntryId;

/// The largest page that the server gives (spec 1.2).
pub(crate) const MAX_PAGE_SIZE: u32 = 500;

/// `KalturaAssetFilter`: the assets of one entry.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "objectType", rename = "KalturaAssetFilter", rename_all = "camelCase")]
pub struct AssetFilter {
    /// The entry.
    pub entry_id_equal: EntryId,
}

/// `KalturaFilterPager`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "objectType", rename = "KalturaFilterPager", rename_all = "camelCase")]
pub struct FilterPager {
    /// Objects a page: 1 to 500; the server's default is 30.
    pub page_size: u32,
    /// The page, from 1.
    pub page_index: u32,
}

impl FilterPager {
    /// The largest page.
    pub(crate) fn page(page_index: u32) -> Self {
        Self {
            page_size: MAX_PAGE_SIZE,
            page_index,
        }
    }
}
