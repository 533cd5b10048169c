//! What the services of captions, flavors and attachments have in common.

use super::{Answer, Call, add_asset, apply, media_entry};
use crate::answer::ApiError;
use crate::assets::{self, Content, IMPORTING};
use crate::contract::Fields;
use crate::ids::{AssetId, EntryId};
use crate::report::AssetKind;
use crate::world::{Asset, World};
use serde_json::Value;

/// One kind of asset.
pub(super) struct AssetService {
    pub(super) kind: AssetKind,
    /// The parameter that has the asset's fields.
    pub(super) object: &'static str,
    pub(super) not_found: fn(&str) -> ApiError,
}

impl AssetService {
    /// The asset that the parameter names, if the session's account has it.
    pub(super) fn seen<'w>(
        &self,
        world: &'w World,
        call: &Call<'_>,
        parameter: &str,
    ) -> Result<(AssetId, &'w Asset), ApiError> {
        let id = call.arguments.text(parameter);
        assets::visible(world, &id, self.kind, call.partner()).ok_or_else(|| (self.not_found)(&id))
    }

    /// As [`Self::seen`] by `id`, for a session that may edit the entry.
    pub(super) fn editable<'w>(
        &self,
        world: &'w World,
        call: &Call<'_>,
    ) -> Result<(AssetId, &'w Asset), ApiError> {
        let found = self.seen(world, call, "id")?;
        call.may_edit(found.1.entry_id.as_str())?;
        Ok(found)
    }

    /// The fields of the asset that the parameter names.
    pub(super) fn get(&self, call: &Call<'_>, parameter: &str) -> Answer {
        let world = call.shared.world();
        let (_, asset) = self.seen(&world, call, parameter)?;
        Ok(Value::Object(asset.fields.clone()))
    }

    /// Adds an asset; `complete` refuses it, or fills in what the server does.
    pub(super) fn add(
        &self,
        call: &Call<'_>,
        complete: impl FnOnce(&mut World, &EntryId, &mut Fields) -> Result<(), ApiError>,
    ) -> Answer {
        let entry = call.arguments.text("entryId");
        let mut world = call.shared.world();
        let (entry_id, _) = media_entry(&world, call, &entry)?;
        call.may_edit(&entry)?;
        let object = call.arguments.object(self.object)?;
        let mut fields = call.shared.contract.for_insert(object)?;
        complete(&mut world, &entry_id, &mut fields)?;
        Ok(add_asset(
            &mut world,
            call,
            self.kind,
            entry_id,
            &object.class,
            fields,
        ))
    }

    /// Changes an asset; `check` refuses the changes, or puts them as the server keeps them.
    pub(super) fn update(
        &self,
        call: &Call<'_>,
        check: impl FnOnce(&mut Fields, &Asset) -> Result<(), ApiError>,
    ) -> Answer {
        let object = call.arguments.object(self.object)?;
        let mut world = call.shared.world();
        let (asset_id, asset) = self.editable(&world, call)?;
        let mut changes = call.shared.contract.for_update(object, &asset.fields)?;
        check(&mut changes, asset)?;
        let now_s = call.now_s();
        let Some(asset) = world.assets.get_mut(&asset_id) else {
            return Err((self.not_found)(asset_id.as_str()));
        };
        apply(&mut asset.fields, changes, now_s);
        Ok(Value::Object(asset.fields.clone()))
    }

    /// The way of captions and flavors: addresses become import jobs, files are taken at once.
    pub(super) fn set_content(&self, call: &Call<'_>) -> Answer {
        let resource = call.arguments.object("contentResource")?;
        let (asset_id, _) = self.editable(&call.shared.world(), call)?;
        match assets::read_resource(call, &asset_id, resource)? {
            Content::Url {
                url,
                headers,
                should_redirect,
            } => {
                assets::set_status(call.shared, &asset_id, IMPORTING, None);
                crate::import::start(call.shared, asset_id, &url, headers, should_redirect);
            }
            Content::File { path, extension } => {
                assets::attach(call.shared, &asset_id, &path, extension.as_deref())
                    .map_err(|error| assets::internal(&error))?;
            }
            Content::Waiting => assets::set_status(call.shared, &asset_id, IMPORTING, None),
        }
        self.get(call, "id")
    }
}

/// Replaces a nullable boolean by what the server keeps: true or false. Answers it, where it is there.
pub(super) fn keep_flag(fields: &mut Fields, name: &str) -> Option<bool> {
    let value = fields.get_mut(name).filter(|value| !value.is_null())?;
    let flag = crate::params::integer(value) == 1;
    *value = flag.into();
    Some(flag)
}
