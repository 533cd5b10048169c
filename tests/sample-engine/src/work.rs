//! The work. Small, real and the same each time; an engine of yours puts its own here.
//!
//! - What is said in a media file this engine reads from a *sidecar*: `HASH.json`, by the SHA-256 of the file, or `any.json`,
//!   in the folder of sidecars.
//! - Which language it is it finds by counting the little words: `the` and `of` are English, `el` and `de` Spanish.
//! - It translates word by word, by a glossary.
//! - It speaks in tones: each passage one beep, the longer the more words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Ways;
use crate::signature::hex;
use crate::wire::{Fault, JobRequest, Media, Passage, Upload, Work};

const VERSION: &str = concat!("sample-engine ", env!("CARGO_PKG_VERSION"));

/// The largest media file that is read.
const MOST_MEDIA_BYTES: usize = 512 * 1024 * 1024;

/// Lines of `from <tab> into <tab> word <tab> translation`.
const GLOSSARY: &str = include_str!("glossary.tsv");

/// Words by which a language is told.
const LITTLE_WORDS: [(&str, &[&str]); 4] = [
    (
        "en",
        &["the", "of", "and", "to", "is", "it", "we", "this", "with", "for"],
    ),
    (
        "es",
        &["el", "la", "de", "y", "los", "que", "es", "un", "con", "por"],
    ),
    (
        "fr",
        &["le", "la", "et", "les", "des", "est", "un", "une", "dans", "avec"],
    ),
    (
        "de",
        &[
            "der", "die", "das", "und", "ist", "ein", "eine", "mit", "nicht", "zu",
        ],
    ),
];

/// How work ends that does not end well.
pub(crate) enum Undone {
    /// Another time it may.
    Failed(Fault),
    /// Never.
    Refused(Fault),
}

fn failed(detail: impl Into<String>) -> Undone {
    Undone::Failed(Fault {
        detail: detail.into(),
        customer_text: None,
    })
}

fn refused(detail: &str, customer_text: &str) -> Undone {
    Undone::Refused(Fault {
        detail: detail.to_owned(),
        customer_text: Some(customer_text.to_owned()),
    })
}

/// What is said in a media file.
#[derive(Debug, Deserialize)]
struct Sidecar {
    duration_ms: u64,
    words: Vec<SidecarWord>,
}

#[derive(Debug, Deserialize, serde::Serialize)]
struct SidecarWord {
    text: String,
    start_ms: u64,
    end_ms: u64,
}

/// Does the work of a request; answers the protocol's `result`.
pub(crate) async fn run(ways: &Ways, sidecars: Option<&Path>, request: &JobRequest) -> Result<Value, Undone> {
    let result = |output: Value| json!({ "engine_version": VERSION, "output": output });
    match &request.work {
        Work::Recognise { source_language } => {
            let said = listen(ways, sidecars, request.media.as_ref()).await?;
            let transcript = json!({
                "version": 1,
                "language": source_language.bcp47,
                "words": said.words,
                "duration_ms": said.duration_ms,
            });
            let mut made = result(json!({ "kind": "transcript", "transcript": transcript }));
            made["audio_duration_ms"] = said.duration_ms.into();
            if said.words.is_empty() {
                made["warnings"] = json!([{ "name": "NoSpeech", "detail": "nobody speaks" }]);
            }
            if let Some((bcp47, confidence)) = language(&said.words, &[]) {
                made["language"] = json!({ "bcp47": bcp47, "confidence": confidence });
            }
            Ok(made)
        }
        Work::Identify { candidates } => {
            let said = listen(ways, sidecars, request.media.as_ref()).await?;
            let Some((bcp47, confidence)) = language(&said.words, candidates) else {
                return Err(refused(
                    "none of the little words is said",
                    "The language that is spoken could not be told.",
                ));
            };
            let mut made = result(json!({ "kind": "language" }));
            made["language"] = json!({ "bcp47": bcp47, "confidence": confidence });
            made["audio_duration_ms"] = said.duration_ms.into();
            Ok(made)
        }
        Work::Translate {
            source_language,
            target_language,
            passages,
        } => {
            let glossary = glossary(&source_language.bcp47, &target_language.bcp47);
            if glossary.is_empty() {
                return Err(refused(
                    "the glossary has no such pair of languages",
                    "This pair of languages is not offered.",
                ));
            }
            let texts: Vec<String> = passages
                .iter()
                .map(|passage| translated(&passage.text, &glossary))
                .collect();
            Ok(result(json!({ "kind": "texts", "texts": texts })))
        }
        Work::Speak { passages, .. } => speak(ways, passages, &request.uploads)
            .await
            .map(|speech| result(json!({ "kind": "speech", "speech": speech }))),
        Work::Other => Err(refused(
            "this engine does not do that kind of work",
            "The service ordered is not offered.",
        )),
    }
}

/// Fetches the media and finds out what is said in it.
async fn listen(ways: &Ways, sidecars: Option<&Path>, media: Option<&Media>) -> Result<Sidecar, Undone> {
    let media = media.ok_or_else(|| failed("the request has no media"))?;
    let hash = fetched(ways, &media.url).await.map_err(failed)?;
    let folder = sidecars.ok_or_else(|| failed("this engine was started without sidecars"))?;
    let own = folder.join(format!("{hash}.json"));
    let found: PathBuf = if own.is_file() {
        own
    } else {
        folder.join("any.json")
    };
    let Ok(text) = tokio::fs::read(&found).await else {
        return Err(refused(
            &format!("there is no sidecar of {hash}"),
            "What is said in this media is not known.",
        ));
    };
    serde_json::from_slice(&text).map_err(|error| failed(format!("{}: {error}", found.display())))
}

/// The SHA-256 of the media, read as it comes. A link redirects to where the media is at that time.
async fn fetched(ways: &Ways, url: &url::Url) -> Result<String, String> {
    let plain = |error: reqwest::Error| error.without_url().to_string();
    ways.check(url)?;
    let response = ways.fetching.get(url.clone()).send().await.map_err(plain)?;
    let mut response = response.error_for_status().map_err(plain)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(chunk) = response.chunk().await.map_err(plain)? {
        size += chunk.len();
        if size > MOST_MEDIA_BYTES {
            return Err(format!("the media has more than {MOST_MEDIA_BYTES} bytes"));
        }
        hash.update(&chunk);
    }
    Ok(hex(&hash.finalize()))
}

/// The language whose little words are the most, with their share of all little words; only among the candidates, where
/// there are any.
fn language(words: &[SidecarWord], candidates: &[String]) -> Option<(&'static str, f64)> {
    let plain = |text: &str| {
        text.to_lowercase()
            .trim_matches(|c: char| !c.is_alphanumeric())
            .to_owned()
    };
    let said: Vec<String> = words.iter().map(|word| plain(&word.text)).collect();
    let counts: Vec<(&str, u32)> = LITTLE_WORDS
        .into_iter()
        .map(|(language, little)| {
            let hits = said.iter().filter(|word| little.contains(&word.as_str())).count();
            (language, u32::try_from(hits).unwrap_or(u32::MAX))
        })
        .collect();
    let all: u32 = counts.iter().map(|(_, hits)| hits).sum();
    let wanted =
        |language: &str| candidates.is_empty() || candidates.iter().any(|tag| primary(tag) == language);
    let of_wanted = counts
        .into_iter()
        .filter(|(language, hits)| *hits > 0 && wanted(language));
    let (language, hits) = of_wanted.max_by_key(|(_, hits)| *hits)?;
    Some((language, f64::from(hits) / f64::from(all)))
}

fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}

fn glossary(from: &str, into: &str) -> BTreeMap<&'static str, &'static str> {
    let lines = GLOSSARY.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let pair = (fields.next()?, fields.next()?);
        (pair == (primary(from), primary(into))).then_some((fields.next()?, fields.next()?))
    });
    lines.collect()
}

/// Word by word; a word that the glossary doesn't know stays as it is.
fn translated(text: &str, glossary: &BTreeMap<&str, &str>) -> String {
    let word = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        match glossary.get(bare.to_lowercase().as_str()) {
            Some(translation) if !bare.is_empty() => word.replacen(bare, translation, 1),
            _ => word.to_owned(),
        }
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

const SAMPLES_PER_MS: u64 = 16;

/// A tone for each passage, 100 ms a word, with a pause after each, as one WAV file that is uploaded; and when each phrase of
/// a passage begins.
async fn speak(ways: &Ways, passages: &[Passage], uploads: &[Upload]) -> Result<Value, Undone> {
    let upload = uploads.iter().find(|upload| upload.name == "sound");
    let upload = upload.ok_or_else(|| failed("the request has no place for the sound"))?;
    let mut samples: Vec<u8> = Vec::new();
    let mut clips = Vec::new();
    let mut at_ms = 0;
    for (index, passage) in passages.iter().enumerate() {
        let end_ms = at_ms + 100 * words_of(&passage.text).clamp(1, 100);
        // A square wave of 500 Hz.
        for sample in at_ms * SAMPLES_PER_MS..end_ms * SAMPLES_PER_MS {
            let level: i16 = if (sample / SAMPLES_PER_MS).is_multiple_of(2) {
                4_000
            } else {
                -4_000
            };
            samples.extend_from_slice(&level.to_le_bytes());
        }
        let mut said_ms = at_ms;
        let begins = passage.phrases.iter().map(|phrase| {
            let begins_ms = said_ms;
            said_ms += 100 * words_of(phrase);
            begins_ms
        });
        let marks: Vec<u64> = begins.skip(1).collect();
        clips.push(json!({ "passage": index, "start_ms": at_ms, "end_ms": end_ms, "marks_ms": marks }));
        at_ms = end_ms + 50;
        samples.resize(
            usize::try_from(2 * at_ms * SAMPLES_PER_MS).unwrap_or(samples.len()),
            0,
        );
    }
    put(ways, upload, wav(&samples)).await.map_err(failed)?;
    let sound = json!({ "key": upload.key, "container": "wav", "duration_ms": at_ms });
    Ok(json!({ "sound": sound, "clips": clips, "voice": "tone" }))
}

fn words_of(text: &str) -> u64 {
    u64::try_from(text.split_whitespace().count()).unwrap_or(1)
}

/// A WAV file of 16-bit mono samples.
fn wav(samples: &[u8]) -> Vec<u8> {
    let rate = u32::try_from(1_000 * SAMPLES_PER_MS).unwrap_or(16_000);
    let size = u32::try_from(samples.len()).unwrap_or(u32::MAX - 36);
    let mut file = Vec::with_capacity(44 + samples.len());
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + size).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&(2 * rate).to_le_bytes());
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&size.to_le_bytes());
    file.extend_from_slice(samples);
    file
}

/// Asks the link, without a body, where the file goes, and puts it there: the door in between takes no large bodies.
async fn put(ways: &Ways, upload: &Upload, file: Vec<u8>) -> Result<(), String> {
    let plain = |error: reqwest::Error| error.without_url().to_string();
    ways.check(&upload.url)?;
    let asked = ways
        .direct
        .put(upload.url.clone())
        .body(Vec::new())
        .send()
        .await
        .map_err(plain)?;
    let place = asked
        .headers()
        .get("location")
        .and_then(|value| value.to_str().ok());
    let place = place.and_then(|place| upload.url.join(place).ok());
    let place = place.ok_or_else(|| format!("the upload link answers {}", asked.status()))?;
    let answer = ways.direct.put(place).body(file).send().await.map_err(plain)?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("the upload is answered {status}")),
    }
}
