//! What stands on an entry before the order: flavors, captions, transcripts.

use crate::error::SimError;
use crate::ids::{AssetId, EntryId, PartnerId};
use crate::media::Media;
use crate::order::{ExistingCaption, ExistingTranscript, FlavorSpec};
use crate::report::AssetKind;
use crate::shapes::fields_of;
use crate::world::{Asset, Shared, World};
use serde_json::{Value, json};
use std::path::PathBuf;

/// An entry that is being made.
pub(crate) struct NewEntry<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) partner_id: PartnerId,
    pub(crate) entry_id: &'a EntryId,
    pub(crate) now_s: i64,
}

impl NewEntry<'_> {
    /// Adds a flavor, which is cut from the entry's media when it is asked for.
    pub(crate) fn add_flavor(&self, world: &mut World, spec: &FlavorSpec, media: Option<&Media>) {
        let shown = media.filter(|media| media.has_video && !spec.audio_only);
        let fields = json!({
            "flavorParamsId": spec.flavor_params_id,
            "width": shown.map_or(0, |media| media.width),
            "height": shown.map_or(0, |media| media.height),
            "bitrate": media.map_or(0, |media| media.bitrate_kbps),
            "frameRate": if shown.is_some() { 25 } else { 0 },
            "isOriginal": spec.is_original,
            "isWeb": !spec.is_original,
            "containerFormat": "isom",
            "videoCodecId": shown.map(|_| "avc1"),
            "fileExt": "mp4",
            "status": 2,
            "language": spec.language.as_deref().unwrap_or("Undefined"),
            "label": spec.label,
            "isDefault": false,
            "tags": spec.tags,
            "size": media.map_or(0, |media| media.size_bytes / 1024),
            "sizeInBytes": media.map_or(0, |media| media.size_bytes),
            "objectType": "KalturaFlavorAsset",
        });
        let cut = Some(spec.audio_only);
        self.add(world, AssetKind::Flavor, new_id(), fields, None, cut);
    }

    /// Adds a caption with its file.
    pub(crate) fn add_caption(&self, world: &mut World, spec: &ExistingCaption) -> Result<(), SimError> {
        let id = new_id();
        let format = spec.format.to_string();
        let extension = crate::caption_check::extension(&format);
        let file = self.write(&id, extension, &spec.content)?;
        let fields = json!({
            "sizeInBytes": spec.content.len(),
            "size": spec.content.len() / 1024,
            "tags": "",
            "fileExt": extension,
            "language": spec.language,
            "label": spec.language,
            "format": format,
            "status": spec.status,
            "isDefault": false,
            "displayOnPlayer": true,
            "accuracy": spec.accuracy,
            "usage": "0",
            "objectType": "KalturaCaptionAsset",
        });
        self.add(world, AssetKind::Caption, id, fields, Some(file), None);
        Ok(())
    }

    /// Adds a transcript with its file.
    pub(crate) fn add_transcript(
        &self,
        world: &mut World,
        spec: &ExistingTranscript,
    ) -> Result<(), SimError> {
        let id = new_id();
        let extension = match (spec.file_ext.as_str(), spec.format) {
            ("", JSON) => "json",
            ("", _) => "txt",
            (given, _) => given,
        };
        let file = self.write(&id, extension, &spec.content)?;
        let fields = json!({
            "sizeInBytes": spec.content.len(),
            "size": spec.content.len() / 1024,
            "tags": "",
            "fileExt": extension,
            "filename": format!("transcript.{extension}"),
            "title": "Transcript",
            "language": spec.language,
            "format": spec.format.to_string(),
            "status": spec.status,
            "accuracy": spec.accuracy,
            "objectType": "KalturaTranscriptAsset",
        });
        self.add(world, AssetKind::Attachment, id, fields, Some(file), None);
        Ok(())
    }

    fn write(&self, id: &AssetId, extension: &str, content: &str) -> Result<PathBuf, SimError> {
        let extension: String = extension.chars().filter(char::is_ascii_alphanumeric).collect();
        let path = self
            .shared
            .work_dir
            .join("assets")
            .join(format!("{id}.{extension}"));
        match std::fs::write(&path, content) {
            Ok(()) => Ok(path),
            Err(source) => Err(SimError::File { path, source }),
        }
    }

    fn add(
        &self,
        world: &mut World,
        kind: AssetKind,
        id: AssetId,
        own: Value,
        file: Option<PathBuf>,
        cut: Option<bool>,
    ) {
        let mut fields = fields_of(own);
        fields.extend(fields_of(json!({
            "id": id,
            "entryId": self.entry_id,
            "partnerId": self.partner_id,
            "version": 1,
            "createdAt": self.now_s,
            "updatedAt": self.now_s,
        })));
        let asset = Asset {
            kind,
            partner_id: self.partner_id,
            entry_id: self.entry_id.clone(),
            fields,
            task_id: None,
            file,
            imports: Vec::new(),
            next_import_at_ms: None,
            cut,
            serial: world.next_number().unsigned_abs(),
        };
        world.assets.insert(id, asset);
    }
}

/// `KalturaAttachmentType` JSON.
pub(crate) const JSON: i64 = 4;

fn new_id() -> AssetId {
    AssetId::from(crate::world::new_id())
}
