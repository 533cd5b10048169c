//! HLS playlists (RFC 8216): what of them a fetch needs, checked.

use std::sync::Arc;

use m3u8_rs::{AlternativeMediaType, KeyMethod, MasterPlaylist, Playlist};
use url::Url;

use crate::address::{joined, redact};
use crate::config::FetchConfig;
use crate::error::FetchError;
use crate::net::ByteSpan;

/// A playlist of either kind.
#[derive(Debug)]
pub(crate) enum Parsed {
    Master(Box<Master>),
    Media(MediaPlaylist),
}

/// A master playlist and where it was found.
#[derive(Debug)]
pub(crate) struct Master {
    url: Url,
    list: MasterPlaylist,
    allow_loopback: bool,
}

/// A media playlist that has an end.
#[derive(Debug)]
pub(crate) struct MediaPlaylist {
    pub(crate) segments: Vec<Segment>,
    /// The playlist's address, redacted.
    pub(crate) at: String,
    /// No EXTINF has a fraction: before version 3 they are rounded to seconds.
    pub(crate) whole_seconds: bool,
}

/// One segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) url: Url,
    pub(crate) span: Option<ByteSpan>,
    pub(crate) duration_s: f64,
    /// How many discontinuities precede it in this playlist.
    pub(crate) run: u32,
    pub(crate) key: Option<Arc<SegmentKey>>,
    /// The media sequence number, which is the IV where none is stated.
    pub(crate) sequence: u64,
    pub(crate) map: Option<Arc<InitSection>>,
}

/// How a segment is encrypted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SegmentKey {
    pub(crate) url: Url,
    iv: Option<[u8; 16]>,
}

impl SegmentKey {
    /// The stated IV, else the sequence number.
    pub(crate) fn iv(&self, sequence: u64) -> [u8; 16] {
        self.iv.unwrap_or_else(|| u128::from(sequence).to_be_bytes())
    }
}

/// The init section of fragmented MP4 segments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InitSection {
    pub(crate) url: Url,
    pub(crate) span: Option<ByteSpan>,
    /// The key in force, though the section may be plain all the same: its first bytes tell.
    pub(crate) key: Option<Arc<SegmentKey>>,
}

/// Reads a playlist found at `url`.
pub(crate) fn parse(text: &[u8], url: &Url, config: &FetchConfig) -> Result<Parsed, FetchError> {
    let invalid = |what: &str| FetchError::PlaylistInvalid {
        at: redact(url),
        what: what.to_owned(),
    };
    let lines = std::str::from_utf8(text).map_err(|_| invalid("it is not UTF-8"))?;
    // The parser's own error quotes the text, sessions and all.
    let playlist = m3u8_rs::parse_playlist_res(text).map_err(|_| invalid("it can't be read as M3U8"))?;
    match playlist {
        Playlist::MasterPlaylist(list) => Ok(Parsed::Master(Box::new(Master {
            url: url.clone(),
            list,
            allow_loopback: config.allow_loopback,
        }))),
        Playlist::MediaPlaylist(list) => {
            // The parser stops at a line that it can't read, and gives what was before; a length that
            // it can't read becomes 0.
            let (mut announced, mut whole_seconds) = (0, true);
            for extinf in lines.lines().filter_map(|line| line.strip_prefix("#EXTINF:")) {
                announced += 1;
                let length = extinf.split(',').next().unwrap_or_default().trim();
                if length.parse::<f32>().is_err() {
                    return Err(invalid(&format!("segment {announced} has no readable length")));
                }
                whole_seconds &= !length.contains('.');
            }
            if list.segments.len() != announced {
                let read = list.segments.len();
                return Err(invalid(&format!(
                    "{announced} segments announced, {read} readable"
                )));
            }
            let segments = media_segments(list, url, config)?;
            Ok(Parsed::Media(MediaPlaylist {
                segments,
                at: redact(url),
                whole_seconds,
            }))
        }
    }
}

fn media_segments(
    list: m3u8_rs::MediaPlaylist,
    url: &Url,
    config: &FetchConfig,
) -> Result<Vec<Segment>, FetchError> {
    let at = redact(url);
    let invalid = |what: String| FetchError::PlaylistInvalid { at: at.clone(), what };
    let unsupported = |what: &str| FetchError::Unsupported {
        at: at.clone(),
        what: what.to_owned(),
    };
    if !list.end_list {
        return Err(FetchError::PlaylistLive { at });
    }
    if list.i_frames_only {
        return Err(unsupported("a playlist of key frames only"));
    }
    if list.segments.is_empty() {
        return Err(invalid("it has no segments".to_owned()));
    }
    let limit = config.limits.segments;
    if list.segments.len() > limit {
        return Err(FetchError::TooManySegments {
            at,
            count: list.segments.len(),
            limit,
        });
    }
    let mut segments: Vec<Segment> = Vec::with_capacity(list.segments.len());
    let (mut key, mut map, mut run) = (None, None, 0);
    for (index, entry) in (0..).zip(list.segments) {
        let number = index + 1;
        if entry.unknown_tags.iter().any(|tag| tag.tag == "X-GAP") {
            let what = format!("segment {number} is marked as missing (EXT-X-GAP)");
            return Err(FetchError::Damaged { at, what });
        }
        let duration_s = f64::from(entry.duration);
        if !duration_s.is_finite() || duration_s < 0.0 {
            return Err(invalid(format!("segment {number} lasts {duration_s} s")));
        }
        // The parser hands on what it can't read as an unknown tag, a plain METHOD=NONE among it.
        for tag in &entry.unknown_tags {
            match tag.tag.as_str() {
                "X-KEY" if tag.rest.as_deref().map(str::trim) == Some("METHOD=NONE") => key = None,
                "X-KEY" | "X-MAP" | "X-BYTERANGE" | "X-DISCONTINUITY" => {
                    return Err(invalid(format!(
                        "EXT-{} of segment {number} can't be read",
                        tag.tag
                    )));
                }
                _ => {}
            }
        }
        if let Some(changed) = entry.key {
            key = segment_key(&changed, url, &at, config)?;
        }
        if let Some(changed) = entry.map {
            let address = joined(url, &changed.uri, config.allow_loopback)?;
            let span = changed
                .byte_range
                .map(|range| {
                    let from_start = m3u8_rs::ByteRange {
                        offset: range.offset.or(Some(0)),
                        ..range
                    };
                    segment_span(&from_start, &address, None)
                })
                .transpose()
                .map_err(|what| invalid(format!("the init section of segment {number} has {what}")))?;
            map = Some(Arc::new(InitSection {
                url: address,
                span,
                key: key.clone(),
            }));
        }
        run += u32::from(entry.discontinuity);
        let address = joined(url, &entry.uri, config.allow_loopback)?;
        let span = entry
            .byte_range
            .map(|range| segment_span(&range, &address, segments.last()))
            .transpose()
            .map_err(|what| invalid(format!("segment {number} has {what}")))?;
        segments.push(Segment {
            url: address,
            span,
            duration_s,
            run,
            key: key.clone(),
            sequence: list.media_sequence.wrapping_add(index),
            map: map.clone(),
        });
    }
    Ok(segments)
}

/// The bytes of a segment; without a start it follows on the segment before, in the same file.
fn segment_span(
    range: &m3u8_rs::ByteRange,
    address: &Url,
    before: Option<&Segment>,
) -> Result<ByteSpan, &'static str> {
    let first = match (range.offset, before) {
        (Some(offset), _) => offset,
        (
            None,
            Some(Segment {
                url,
                span: Some(span),
                ..
            }),
        ) if url == address => span.first + span.bytes,
        (None, _) => return Err("a byte range without a start"),
    };
    if range.length == 0 {
        return Err("a byte range of no bytes");
    }
    if first.checked_add(range.length).is_none() {
        return Err("a byte range beyond any file");
    }
    Ok(ByteSpan {
        first,
        bytes: range.length,
    })
}

fn segment_key(
    key: &m3u8_rs::Key,
    base: &Url,
    at: &str,
    config: &FetchConfig,
) -> Result<Option<Arc<SegmentKey>>, FetchError> {
    let protected = |method: String| FetchError::Protected {
        at: at.to_owned(),
        method,
    };
    match &key.method {
        KeyMethod::None => return Ok(None),
        KeyMethod::AES128 => {}
        KeyMethod::SampleAES => return Err(protected("SAMPLE-AES".to_owned())),
        KeyMethod::Other(other) => return Err(protected(other.chars().take(40).collect())),
    }
    if let Some(format) = key.keyformat.as_deref().filter(|format| *format != "identity") {
        return Err(protected(format.chars().take(60).collect()));
    }
    let invalid = |what: &str| FetchError::PlaylistInvalid {
        at: at.to_owned(),
        what: what.to_owned(),
    };
    let uri = key
        .uri
        .as_deref()
        .ok_or_else(|| invalid("EXT-X-KEY without a URI"))?;
    let iv = match key.iv.as_deref() {
        None => None,
        Some(text) => {
            let digits = text
                .strip_prefix("0x")
                .or_else(|| text.strip_prefix("0X"))
                .unwrap_or(text);
            let number = u128::from_str_radix(digits, 16)
                .map_err(|_| invalid("EXT-X-KEY with an IV that is not a 128-bit hexadecimal number"))?;
            Some(number.to_be_bytes())
        }
    };
    Ok(Some(Arc::new(SegmentKey {
        url: joined(base, uri, config.allow_loopback)?,
        iv,
    })))
}

/// Where the tracks of a master playlist are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Renditions {
    /// The variant with the highest bandwidth.
    pub(crate) variant: Url,
    /// The sound that belongs to it, where it lies apart.
    pub(crate) audio: Option<Url>,
    /// Where sound can be had without picture: the rendition, or a variant that has sound only.
    pub(crate) audio_only: Option<Url>,
}

impl Master {
    /// Picks what to fetch.
    pub(crate) fn renditions(&self) -> Result<Renditions, FetchError> {
        let at = redact(&self.url);
        let variants = || self.list.variants.iter().filter(|variant| !variant.is_i_frame);
        let Some(best) = variants().max_by_key(|variant| variant.bandwidth) else {
            return Err(FetchError::PlaylistInvalid {
                at,
                what: "it has no variants".to_owned(),
            });
        };
        if let Some(key) = self
            .list
            .session_key
            .iter()
            .find(|key| key.0.method == KeyMethod::SampleAES)
        {
            let method = key.0.keyformat.clone().unwrap_or_else(|| "SAMPLE-AES".to_owned());
            return Err(FetchError::Protected {
                at,
                method: method.chars().take(60).collect(),
            });
        }
        let of_group = |group: &String| {
            let mut sounds: Vec<_> = self
                .list
                .alternatives
                .iter()
                .filter(|media| media.media_type == AlternativeMediaType::Audio && media.group_id == *group)
                .collect();
            sounds.sort_by_key(|media| !media.default);
            // A rendition without a URI is inside the variant.
            sounds.first().and_then(|media| media.uri.as_deref())
        };
        let join = |uri: &str| joined(&self.url, uri, self.allow_loopback);
        let audio = best.audio.as_ref().and_then(of_group).map(join).transpose()?;
        let sound_variant = variants()
            .filter(|variant| is_sound_only(variant))
            .max_by_key(|v| v.bandwidth);
        let audio_only = match (&audio, sound_variant) {
            (Some(audio), _) => Some(audio.clone()),
            (None, Some(variant)) => Some(join(&variant.uri)?),
            (None, None) => None,
        };
        Ok(Renditions {
            variant: join(&best.uri)?,
            audio,
            audio_only,
        })
    }
}

fn is_sound_only(variant: &m3u8_rs::VariantStream) -> bool {
    let sound = |codec: &str| {
        ["mp4a", "ac-3", "ec-3", "opus", "fLaC"]
            .iter()
            .any(|c| codec.starts_with(c))
    };
    variant.resolution.is_none()
        && variant
            .codecs
            .as_ref()
            .is_some_and(|codecs| codecs.split(',').all(|c| sound(c.trim())))
}

/// The address at which an nginx-vod packager gives the same media's first sound track alone:
/// `…/index-a1.m3u8` for `…/index.m3u8` (its README, "URL path parameters"). `None` for another form of
/// address, or one that asks for sound only already.
pub(crate) fn packager_audio(url: &Url) -> Option<Url> {
    let name = url.path_segments()?.next_back()?;
    let mut tokens = name.strip_suffix(".m3u8")?.split('-');
    if tokens.next() != Some("index") {
        return None;
    }
    let (mut kept, mut sound, mut had_video) = (String::from("index"), "a1", false);
    let (mut any, known) = (false, ['f', 's', 'v', 'a']);
    for token in tokens {
        any = true;
        let (kind, number) = token.split_at_checked(1)?;
        if !known.iter().any(|k| kind.starts_with(*k)) || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        match kind {
            "a" => sound = token,
            "v" => had_video = true,
            _ => {
                kept.push('-');
                kept.push_str(token);
            }
        }
    }
    if any && !had_video && name.contains("-a") {
        return None;
    }
    let mut audio = url.clone();
    audio
        .path_segments_mut()
        .ok()?
        .pop()
        .push(&format!("{kept}-{sound}.m3u8"));
    Some(audio)
}

#[cfg(test)]
mod tests;
