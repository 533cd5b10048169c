//! Custom vocabularies of Transcribe, made from the customer's dictionary.
//!
//! A vocabulary is named by what is in it, so that orders with the same dictionary share one and a repeated start finds
//! it. Transcribe makes it in some minutes, and keeps 100 an account: where they are used up, the oldest of ours that no
//! running job needs makes room. A dictionary is a help, not an order: whatever goes wrong here, the job goes on
//! without, and its result says so.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use aws_sdk_transcribe::Client;
use aws_sdk_transcribe::types::{LanguageCode, TranscriptionJobStatus, VocabularyState};
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use super::charset;
use super::fault::{code, is_missing, unavailable};
use super::name::prefix;
use crate::error::Result;

/// The most characters of a phrase.
const MAX_PHRASE_CHARACTERS: usize = 256;
/// The most bytes of a vocabulary.
const MAX_BYTES: usize = 50 * 1024;
/// How many vocabularies an account may have, unless Amazon raised it.
const MAX_VOCABULARIES: usize = 100;
/// How many jobs are asked at once which vocabulary they use.
const CONCURRENT_LOOKS: usize = 8;

/// A dictionary as Transcribe takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrases {
    /// The phrases, hyphens for spaces, each once, in order.
    pub(super) phrases: Vec<String>,
    /// How many entries Transcribe can't use: digits and signs, letters of another script, too long or too many.
    pub(super) unusable: usize,
}

/// The dictionary in the letters of that language (Transcribe's code).
pub(super) fn phrases(dictionary: &[String], language_code: &str) -> Phrases {
    let mut phrases = BTreeSet::new();
    let mut unusable = 0;
    let mut bytes = 0;
    for entry in dictionary {
        let mut phrase = entry.split_whitespace().collect::<Vec<_>>().join("-");
        phrase = phrase.replace(['\u{2019}', '\u{2BC}'], "'");
        if charset::is_lower_case(language_code) {
            phrase = phrase.to_lowercase();
        }
        let phrase = phrase.trim_matches(['-', '\'']);
        if phrase.is_empty() && entry.trim().is_empty() {
            continue;
        }
        let is_usable = phrase.chars().any(char::is_alphabetic)
            && phrase.chars().count() <= MAX_PHRASE_CHARACTERS
            && phrase
                .chars()
                .all(|letter| charset::allows(language_code, letter))
            && bytes + phrase.len() < MAX_BYTES;
        if !is_usable {
            unusable += 1;
        } else if phrases.insert(phrase.to_owned()) {
            bytes += phrase.len() + 1;
        }
    }
    Phrases {
        phrases: phrases.into_iter().collect(),
        unusable,
    }
}

/// The name of the vocabulary with these phrases; none where there are none.
pub(super) fn name(stack: &str, phrases: &[String], language_code: &str) -> Option<String> {
    if phrases.is_empty() {
        return None;
    }
    let hash = Sha256::digest(phrases.join("\n"));
    let mut name = format!("{}{language_code}-", prefix(stack));
    for byte in hash.iter().take(10) {
        // Writing to a string can't fail.
        let _ = write!(name, "{byte:02x}");
    }
    Some(name)
}

/// How a vocabulary is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It can be used.
    Ready,
    /// Transcribe is making it.
    Pending,
    /// It can't be had, for this reason.
    Unusable(String),
}

impl State {
    fn of(state: Option<&VocabularyState>, reason: Option<&str>) -> Self {
        match state {
            Some(VocabularyState::Ready) => Self::Ready,
            Some(VocabularyState::Failed) => Self::Unusable(reason.unwrap_or("no reason told").to_owned()),
            _ => Self::Pending,
        }
    }
}

/// Sees that the vocabulary exists, and makes it if not. Safe to repeat.
pub(super) async fn ensure(
    client: &Client,
    stack: &str,
    name: &str,
    phrases: &[String],
    language_code: &str,
) -> Result<State> {
    match client.get_vocabulary().vocabulary_name(name).send().await {
        Ok(found) => {
            return Ok(State::of(found.vocabulary_state(), found.failure_reason()));
        }
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(unavailable("look for a vocabulary")(error)),
    }
    let mut has_made_room = false;
    loop {
        let created = client
            .create_vocabulary()
            .vocabulary_name(name)
            .language_code(LanguageCode::from(language_code))
            .set_phrases(Some(phrases.to_vec()))
            .send()
            .await;
        let error = match created {
            Ok(created) => return Ok(State::of(created.vocabulary_state(), created.failure_reason())),
            Err(error) => error,
        };
        match code(&error) {
            // Another order with the same dictionary was quicker.
            "ConflictException" => return Ok(State::Pending),
            "LimitExceededException" if has_made_room => {
                return Ok(State::Unusable(
                    "the account's limit of vocabularies is reached".to_owned(),
                ));
            }
            "LimitExceededException" => {
                has_made_room = match make_room(client, stack).await? {
                    Room::Made => true,
                    Room::None => {
                        return Ok(State::Unusable(
                            "all of the account's vocabularies are in use".to_owned(),
                        ));
                    }
                    Room::Enough => return Err(unavailable("make a vocabulary")(error)),
                }
            }
            "BadRequestException" => {
                return Ok(State::Unusable(
                    aws_smithy_types::error::metadata::ProvideErrorMetadata::message(&error)
                        .unwrap_or("bad request")
                        .to_owned(),
                ));
            }
            _ => return Err(unavailable("make a vocabulary")(error)),
        }
    }
}

/// What came of making room.
enum Room {
    /// One went.
    Made,
    /// None may go.
    None,
    /// There is room: the limit was another one, of requests or of vocabularies in the making, and passes.
    Enough,
}

/// Deletes the oldest vocabulary of ours that isn't in the making or in use.
async fn make_room(client: &Client, stack: &str) -> Result<Room> {
    let mut vocabularies = Vec::new();
    let mut pages = client.list_vocabularies().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(unavailable("list vocabularies"))?;
        vocabularies.extend(page.vocabularies.unwrap_or_default());
    }
    if vocabularies.len() < MAX_VOCABULARIES {
        return Ok(Room::Enough);
    }
    vocabularies.retain(|vocabulary| {
        vocabulary.vocabulary_state() != Some(&VocabularyState::Pending)
            && vocabulary
                .vocabulary_name()
                .is_some_and(|name| name.starts_with(&prefix(stack)))
    });
    vocabularies.sort_by_key(|vocabulary| {
        vocabulary
            .last_modified_time()
            .map(|time| (time.secs(), time.subsec_nanos()))
    });
    let used = in_use(client, stack).await?;
    let oldest = vocabularies
        .iter()
        .filter_map(|vocabulary| vocabulary.vocabulary_name())
        .find(|name| !used.contains(*name));
    let Some(oldest) = oldest else {
        return Ok(Room::None);
    };
    tracing::info!(vocabulary = oldest, "deleted the oldest vocabulary to make room");
    delete(client, oldest).await?;
    Ok(Room::Made)
}

/// The vocabularies of jobs that wait or run.
async fn in_use(client: &Client, stack: &str) -> Result<HashSet<String>> {
    let mut jobs = Vec::new();
    for status in [TranscriptionJobStatus::Queued, TranscriptionJobStatus::InProgress] {
        let mut pages = client
            .list_transcription_jobs()
            .status(status)
            .job_name_contains(prefix(stack))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(unavailable("list jobs"))?;
            let summaries = page.transcription_job_summaries.unwrap_or_default();
            jobs.extend(
                summaries
                    .into_iter()
                    .filter_map(|summary| summary.transcription_job_name)
                    .filter(|name| name.starts_with(&prefix(stack))),
            );
        }
    }
    stream::iter(jobs)
        .map(|job| async move {
            match client
                .get_transcription_job()
                .transcription_job_name(job)
                .send()
                .await
            {
                Ok(found) => Ok(found.transcription_job.and_then(|job| vocabulary_of(&job))),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(unavailable("look at a job")(error)),
            }
        })
        .buffer_unordered(CONCURRENT_LOOKS)
        .try_filter_map(|name| async move { Ok(name) })
        .try_collect()
        .await
}

/// The vocabulary that a job uses: named by its settings, or by those for the ordered language.
pub(super) fn vocabulary_of(job: &aws_sdk_transcribe::types::TranscriptionJob) -> Option<String> {
    let by_settings = job.settings().and_then(|settings| settings.vocabulary_name());
    let by_language = || {
        let settings = job.language_id_settings()?;
        settings.values().find_map(|settings| settings.vocabulary_name())
    };
    by_settings.or_else(by_language).map(str::to_owned)
}

/// Deletes a vocabulary, unless a job that waits or runs needs it. Safe to repeat.
pub(super) async fn delete_unused(client: &Client, stack: &str, name: &str) -> Result<()> {
    if in_use(client, stack).await?.contains(name) {
        return Ok(());
    }
    delete(client, name).await
}

async fn delete(client: &Client, name: &str) -> Result<()> {
    match client.delete_vocabulary().vocabulary_name(name).send().await {
        Ok(_) => Ok(()),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(unavailable("delete a vocabulary")(error)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(entries: &[&str], language_code: &str) -> Phrases {
        let entries: Vec<_> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        phrases(&entries, language_code)
    }

    #[test]
    fn phrases_are_written_by_transcribes_rules() {
        let english = of(
            &[
                "River  Project",
                "Kaltura",
                "Kaltura",
                "O\u{2019}Brien",
                "A.W.S.",
                "",
                "R2D2",
                "naïve",
                "C++",
                "--",
            ],
            "en-US",
        );
        assert_eq!(english.phrases, ["A.W.S.", "Kaltura", "O'Brien", "River-Project"]);
        assert_eq!(english.unusable, 4);
        assert_eq!(
            of(&["Straße nach Köln", "déjà"], "de-DE").phrases,
            ["Straße-nach-Köln"]
        );
        assert_eq!(of(&["Москва"], "ru-RU").phrases, ["москва"]);
        assert_eq!(of(&["नमस्ते दुनिया", "hello"], "hi-IN").phrases, ["नमस्ते-दुनिया"]);
        assert_eq!(of(&["สวัสดี"], "th-TH").phrases, ["สวัสดี"]);
        assert_eq!(of(&["Ağrı Dağı"], "tr-TR").phrases, ["ağrı-dağı"]);
    }

    #[test]
    fn a_vocabulary_stays_under_50_kb() {
        let entries: Vec<_> = (0..5_000)
            .map(|number| {
                let letters: String = number.to_string().bytes().map(|b| char::from(b + 49)).collect();
                format!("{letters}{}", "x".repeat(20))
            })
            .collect();
        let made = phrases(&entries, "en-US");
        assert!(made.phrases.iter().map(|phrase| phrase.len() + 1).sum::<usize>() <= MAX_BYTES);
        assert_eq!(made.phrases.len() + made.unusable, 5_000);
        assert!(made.unusable > 0);
        assert_eq!(of(&[&"a".repeat(257)], "en-US").unusable, 1);
    }

    #[test]
    fn the_name_tells_the_content_and_the_language() {
        let phrases = |entries: &[&str]| of(entries, "en-US").phrases;
        let one = name("reach", &phrases(&["Kaltura", "Reach"]), "en-US").unwrap();
        assert_eq!(
            Some(one.clone()),
            name("reach", &phrases(&["Reach", "Kaltura"]), "en-US")
        );
        assert_ne!(Some(one.clone()), name("reach", &phrases(&["Reach"]), "en-US"));
        assert!(one.starts_with("reach.en-US-"), "{one}");
        assert!(
            one.len() <= 200
                && one
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
        );
        assert_eq!(name("reach", &[], "en-US"), None);
    }

    proptest! {
        #[test]
        fn any_dictionary_gives_phrases_of_allowed_letters(
            entries in proptest::collection::vec("\\PC{0,40}", 0..20),
            language in prop_oneof![Just("en-US"), Just("de-DE"), Just("ar-SA"), Just("ja-JP"), Just("tr-TR")],
        ) {
            let made = phrases(&entries, language);
            for phrase in &made.phrases {
                prop_assert!(phrase.chars().all(|letter| charset::allows(language, letter)), "{}", phrase);
                prop_assert!(!phrase.is_empty());
            }
        }
    }
}
