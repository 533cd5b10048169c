//! Fetch: the media of the entry, into S3.
//!
//! What lives here: which source and flavor, and where the bytes go. What does not: playlists, segments, remuxing and
//! the checks on addresses (`media`). Repeating it is safe: nothing is visible in S3 before an upload is complete, and what
//! the record names is not fetched again.

use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use media::{Checkpoints, MediaSource, Resume, SinkError};

use super::{StepInput, Task};
use crate::context::Context;
use crate::error::{Refusal, Result, StepError};
use crate::plan::MediaNeed;
use crate::ports::{MediaKind, ObjectStore};
use crate::record::StoredMedia;
use crate::telemetry::names;
use kaltura::{Entry, FlavorAsset, PlaybackContext, PlaybackSource, StreamerType};

/// Fetches the media of a task, however long it takes.
pub async fn run(ctx: &Context, input: &StepInput) -> Result<()> {
    run_until(ctx, input, None).await
}

/// Fetches the media of a task; if it isn't done by `stop_at`, it stops with an error of class `Unfinished`, and the same call
/// goes on from a checkpoint in the bucket.
pub async fn run_until(ctx: &Context, input: &StepInput, stop_at: Option<Instant>) -> Result<()> {
    super::run(ctx, "fetch", input, async |task| fetch(task, stop_at).await).await
}

/// Keeps the checkpoint of a fetch beside its media, where sweep finds it.
struct BesideTheMedia<'a> {
    objects: &'a dyn ObjectStore,
    key: String,
}

/// What the bucket could not do now, it may do later.
fn bucket_failed(error: StepError) -> SinkError {
    SinkError::retryable("the checkpoint").caused_by(error)
}

#[async_trait]
impl Checkpoints for BesideTheMedia<'_> {
    async fn load(&self) -> std::result::Result<Option<Bytes>, SinkError> {
        self.objects.get(&self.key).await.map_err(bucket_failed)
    }

    async fn save(&self, checkpoint: Bytes) -> std::result::Result<(), SinkError> {
        let put = self
            .objects
            .put(&self.key, checkpoint, "application/octet-stream");
        put.await.map_err(bucket_failed)
    }
}

async fn fetch(task: &mut Task<'_>, stop_at: Option<Instant>) -> Result<()> {
    if task.record.media.is_some() {
        return Ok(());
    }
    let plan = task
        .record
        .plan
        .clone()
        .ok_or_else(|| task.out_of_order("fetch", "a plan"))?;
    super::source::fetch(task, &plan).await?;
    if plan.media == MediaNeed::None {
        return Ok(());
    }
    let entry_id = task
        .record
        .entry_id
        .clone()
        .ok_or_else(|| task.out_of_order("fetch", "an entry"))?;
    let entry = task
        .with_key(async |client| client.entry(&entry_id).await)
        .await?;
    let way = Way {
        stop_at,
        entry_ms: entry_ms(&entry),
    };
    // The guide: HLS first, and http where there is no valid HLS source. One whose codecs we can't put together, or that is
    // shorter than the entry, is none: the file itself comes as it is, whatever is in it.
    let (mut asked, mut unusable, mut unsupported) = (Vec::new(), None, None);
    for streamer in [StreamerType::AppleHttp, StreamerType::Http] {
        let playback = task
            .with_key(async |client| client.playback_context(&entry_id, streamer).await)
            .await?;
        for need in needs(plan.media) {
            match choose(&playback, &plan.flavor_params_ids, *need) {
                Choice::None(why) => unusable = Some(why),
                Choice::Found { source, flavor } => {
                    match fetch_source(task, *need, streamer, source, flavor, &way).await {
                        Err(StepError::Media(error)) if error.name() == "MediaShorterThanEntry" => {
                            tracing::warn!(streamer = ?streamer, need = ?need, %error, "source is too short");
                            unsupported = Some(error);
                            continue;
                        }
                        Err(StepError::Media(error)) if error.name() == "MediaUnsupported" => {
                            tracing::info!(streamer = ?streamer, %error, "source can't be used");
                            unsupported.get_or_insert(error);
                        }
                        outcome => return keep(task, outcome?).await,
                    }
                }
            }
            break;
        }
        asked.push(playback);
    }
    match (unsupported, unusable) {
        (Some(error), _) => Err(error.into()),
        (None, Some(why)) => Err(why
            .refusal(entry_id.as_str(), &asked, &plan.flavor_params_ids)
            .into()),
        (None, None) => Err(task.out_of_order("fetch", "a kind of source to ask for")),
    }
}

/// What holds for every source that is tried.
struct Way {
    stop_at: Option<Instant>,
    entry_ms: u64,
}

/// The entry's length in milliseconds, by its whole seconds where the server tells no more; 0 where it tells none.
fn entry_ms(entry: &Entry) -> u64 {
    let in_seconds = || entry.duration_s.map(|seconds| seconds.saturating_mul(1_000));
    entry.duration_ms.or_else(in_seconds).unwrap_or_default()
}

/// Which tracks are tried, one after the other, of a source: where the sound alone is shorter than the entry, it may have ended
/// before the picture, and the picture tells.
fn needs(need: MediaNeed) -> &'static [MediaNeed] {
    match need {
        MediaNeed::None => &[],
        MediaNeed::Audio => &[MediaNeed::Audio, MediaNeed::AudioVideo],
        MediaNeed::BestAudio => &[MediaNeed::BestAudio, MediaNeed::AudioVideo],
        MediaNeed::AudioVideo => &[MediaNeed::AudioVideo],
    }
}

/// Fetches one source, and answers what is in the bucket then.
async fn fetch_source(
    task: &Task<'_>,
    need: MediaNeed,
    streamer: StreamerType,
    source: &PlaybackSource,
    flavor: Option<&FlavorAsset>,
    way: &Way,
) -> Result<StoredMedia> {
    tracing::info!(
        streamer = ?streamer,
        flavor_id = flavor.map(|flavor| flavor.id.to_string()),
        flavor_params_id = flavor.and_then(|flavor| flavor.flavor_params_id),
        "source chosen"
    );
    let key = task.record.access_key.reveal();
    let url = media_url(source.url.reveal(), flavor, streamer, key)?;
    let place = format!("media/{}/{}", task.record.task_id, task.record.attempt);
    let key = format!("{place}.mp4");
    let objects = task.ctx.objects()?.as_ref();
    let sink = objects.sink(&key, "video/mp4").await?;
    let checkpoints = BesideTheMedia {
        objects,
        key: format!("{place}.checkpoint"),
    };
    let mut resume = Resume::from(&checkpoints);
    if let Some(moment) = way.stop_at {
        resume = resume.stop_at(moment);
    }
    let kind = match (streamer, need) {
        (StreamerType::AppleHttp, MediaNeed::Audio | MediaNeed::BestAudio) => MediaKind::HlsAudio,
        (StreamerType::AppleHttp, MediaNeed::AudioVideo) => MediaKind::HlsAudioVideo,
        _ => MediaKind::Progressive,
    };
    let report = task
        .ctx
        .fetcher()?
        .fetch(
            &MediaSource::new(url).lasting_ms(way.entry_ms),
            kind,
            sink.as_ref(),
            resume,
        )
        .await?;
    metrics::counter!(names::MEDIA_BYTES).increment(report.bytes_out);
    Ok(StoredMedia {
        key,
        size_bytes: report.bytes_out,
        duration_ms: report.duration_ms,
        container: report.container.extension().to_owned(),
    })
}

/// Writes down what was fetched.
async fn keep(task: &mut Task<'_>, stored: StoredMedia) -> Result<()> {
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    task.change(|record| {
        record.note(now_epoch_s, format!("fetched {} bytes", stored.size_bytes));
        record.media = Some(stored.clone());
    })
    .await
}

/// Why a playback context offers nothing.
enum Nothing {
    /// No source, or none without DRM.
    Source,
    /// No flavor that the profile allows.
    Flavor,
}

enum Choice<'a> {
    Found {
        source: &'a PlaybackSource,
        flavor: Option<&'a FlavorAsset>,
    },
    None(Nothing),
}

/// The source without DRM, and the flavor: the profile's flavor params strictly in their order (guide, "How to download
/// video assets"); without a wish, for a machine, which only listens, a flavor of sound alone before the smallest, and the largest
/// for people.
fn choose<'a>(context: &'a PlaybackContext, flavor_params_ids: &[i64], need: MediaNeed) -> Choice<'a> {
    let Some(source) = context
        .sources
        .iter()
        .find(|source| source.drm.is_empty() && !source.url.reveal().is_empty())
    else {
        return Choice::None(Nothing::Source);
    };
    let offered =
        |flavor: &&FlavorAsset| source.flavor_ids.is_empty() || source.flavor_ids.contains(&flavor.id);
    let flavors: Vec<&FlavorAsset> = context.flavor_assets.iter().filter(offered).collect();
    if !flavor_params_ids.is_empty() {
        let allowed = flavor_params_ids.iter().find_map(|wanted| {
            flavors
                .iter()
                .copied()
                .find(|flavor| flavor.flavor_params_id == Some(*wanted))
        });
        return match allowed {
            Some(flavor) => Choice::Found {
                source,
                flavor: Some(flavor),
            },
            None => Choice::None(Nothing::Flavor),
        };
    }
    let bitrate = |flavor: &&FlavorAsset| flavor.bitrate.unwrap_or(0);
    let flavor = match need {
        MediaNeed::Audio => flavors
            .iter()
            .copied()
            .filter(|flavor| bitrate(flavor) > 0)
            .min_by_key(|flavor| (!is_sound_alone(flavor), bitrate(flavor))),
        MediaNeed::BestAudio => flavors.iter().copied().max_by_key(bitrate),
        MediaNeed::None => None,
        MediaNeed::AudioVideo => flavors
            .iter()
            .copied()
            .max_by_key(|flavor| (!is_sound_alone(flavor), bitrate(flavor))),
    };
    Choice::Found {
        source,
        flavor: flavor.or_else(|| flavors.first().copied()),
    }
}

/// A flavor without picture: the server tells a height of 0 and no video codec.
fn is_sound_alone(flavor: &FlavorAsset) -> bool {
    flavor.height == Some(0) && flavor.video_codec_id.as_deref().is_none_or(str::is_empty)
}

impl Nothing {
    fn refusal(&self, entry_id: &str, asked: &[PlaybackContext], wanted: &[i64]) -> Refusal {
        let entry_id = entry_id.to_owned();
        let both = || asked.iter();
        let list = |ids: &mut dyn Iterator<Item = String>| ids.collect::<Vec<_>>().join(",");
        if matches!(self, Self::Flavor) {
            return Refusal::NoMatchingFlavor {
                wanted: list(&mut wanted.iter().map(ToString::to_string)),
                have: list(
                    &mut both()
                        .flat_map(|context| &context.flavor_assets)
                        .filter_map(|flavor| flavor.flavor_params_id)
                        .map(|id| id.to_string()),
                ),
            };
        }
        if both().any(|context| context.sources.iter().any(|source| !source.drm.is_empty())) {
            return Refusal::Drm { entry_id };
        }
        let mut codes: Vec<String> = both()
            .flat_map(|context| &context.messages)
            .map(|m| m.code.clone())
            .collect();
        codes.sort();
        codes.dedup();
        if codes.iter().any(|code| code != "OK") {
            return Refusal::PlaybackBlocked {
                entry_id,
                codes: codes.join(", "),
            };
        }
        Refusal::NoSource { entry_id }
    }
}

/// The playManifest address for one flavor and with the access key, as the guide's step 2 shows: path parameters, in any
/// order, before the file name at the end (spec 6.2).
fn media_url(
    source: &str,
    flavor: Option<&FlavorAsset>,
    streamer: StreamerType,
    ks: &str,
) -> Result<url::Url> {
    let unusable = |detail: String| StepError::Aws {
        service: "kaltura",
        action: "read source url",
        detail,
    };
    let mut url = url::Url::parse(source).map_err(|error| unusable(format!("source url: {error}")))?;
    let mut segments: Vec<String> = url
        .path_segments()
        .map(|path| path.map(str::to_owned).collect())
        .unwrap_or_default();
    if !segments.iter().any(|segment| segment == "playManifest") {
        // A remote storage's own address: it takes no path parameters, and must not get the key.
        return Ok(url);
    }
    let file_name = segments.pop().unwrap_or_default();
    let mut set = |name: &str, value: &str| match segments.iter().position(|segment| segment == name) {
        Some(at) if at + 1 < segments.len() => value.clone_into(&mut segments[at + 1]),
        _ => segments.extend([name.to_owned(), value.to_owned()]),
    };
    if let Some(flavor) = flavor {
        set("flavorIds", flavor.id.as_str());
    }
    if streamer == StreamerType::Http {
        // `url` answers a redirect to the file itself (spec 6.2).
        set("format", "url");
    }
    set("ks", ks);
    segments.push(file_name);
    url.path_segments_mut()
        .map_err(|()| unusable("source url has no path".to_owned()))?
        .clear()
        .extend(segments);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use kaltura::FromJson as _;

    use super::*;

    fn url(source: &str, streamer: StreamerType) -> String {
        media_url(source, None, streamer, "the-key").unwrap().to_string()
    }

    #[test]
    fn a_manifest_gets_the_key_before_its_file_name() {
        assert_eq!(
            url(
                "https://k.com/p/1/playManifest/entryId/0_a/format/applehttp/a.m3u8",
                StreamerType::AppleHttp
            ),
            "https://k.com/p/1/playManifest/entryId/0_a/format/applehttp/ks/the-key/a.m3u8"
        );
        assert_eq!(
            url(
                "https://k.com/p/1/playManifest/entryId/0_a/ks/old/format/x/a.mp4",
                StreamerType::Http
            ),
            "https://k.com/p/1/playManifest/entryId/0_a/ks/the-key/format/url/a.mp4"
        );
        // A name without a value is no place for one.
        assert_eq!(
            url(
                "https://k.com/p/1/playManifest/entryId/0_a/ks/a.m3u8",
                StreamerType::AppleHttp
            ),
            "https://k.com/p/1/playManifest/entryId/0_a/ks/ks/the-key/a.m3u8"
        );
    }

    /// What is chosen of these flavors: identifier, bit rate, height.
    fn chosen(flavors: &[(&str, u32, u32)], need: MediaNeed) -> Option<String> {
        let flavors: Vec<_> = flavors
            .iter()
            .map(|(id, bitrate, height)| serde_json::json!({"id": id, "bitrate": bitrate, "height": height}))
            .collect();
        let context = PlaybackContext::from_json(serde_json::json!({
            "sources": [{"url": "https://k.com/a.m3u8"}],
            "flavorAssets": flavors,
        }))
        .unwrap();
        match choose(&context, &[], need) {
            Choice::Found { flavor, .. } => flavor.map(|flavor| flavor.id.to_string()),
            Choice::None(_) => None,
        }
    }

    #[test]
    fn a_machine_gets_sound_alone_and_people_get_picture() {
        let flavors = [
            ("0_small", 90, 180),
            ("0_sound", 128, 0),
            ("0_large", 2_000, 1080),
        ];
        assert_eq!(chosen(&flavors, MediaNeed::Audio).as_deref(), Some("0_sound"));
        assert_eq!(
            chosen(&flavors, MediaNeed::AudioVideo).as_deref(),
            Some("0_large")
        );
        let pictures = [flavors[2], flavors[0]];
        assert_eq!(chosen(&pictures, MediaNeed::Audio).as_deref(), Some("0_small"));
        let unknown = [("0_unknown", 0, 0), flavors[0]];
        assert_eq!(chosen(&unknown, MediaNeed::Audio).as_deref(), Some("0_small"));
        let loud = [("0_picture", 200, 360), ("0_sound", 320, 0)];
        assert_eq!(chosen(&loud, MediaNeed::AudioVideo).as_deref(), Some("0_picture"));
    }

    #[test]
    fn why_an_entry_can_not_be_had_is_told_by_what_kaltura_says_of_it() {
        let name = |context: serde_json::Value| {
            let context = PlaybackContext::from_json(context).unwrap();
            let Choice::None(nothing) = choose(&context, &[], MediaNeed::Audio) else {
                panic!("{context:?}");
            };
            nothing.refusal("0_a", &[context], &[]).name()
        };
        let message = |code: &str| serde_json::json!([{ "code": code, "message": "" }]);
        let drm =
            serde_json::json!([{ "url": "https://k.com/a.mpd", "drm": [{ "scheme": "cenc.WIDEVINE" }] }]);
        assert_eq!(name(serde_json::json!({ "sources": drm })), "Drm");
        assert_eq!(
            name(serde_json::json!({ "messages": message("SESSION_RESTRICTED") })),
            "PlaybackBlocked"
        );
        assert_eq!(name(serde_json::json!({ "messages": message("OK") })), "NoSource");
        assert_eq!(name(serde_json::json!({ "sources": [] })), "NoSource");
    }

    #[test]
    fn another_storages_address_gets_no_key() {
        let source = "https://storage.example/media/0_a.mp4?signature=1";
        assert_eq!(url(source, StreamerType::Http), source);
    }

    #[test]
    fn an_address_that_is_none_is_told() {
        let error = media_url("/media/0_a.mp4", None, StreamerType::Http, "the-key").unwrap_err();
        assert!(error.to_string().contains("source url"), "{error}");
    }
}
