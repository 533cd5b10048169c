//! One order of each kind that the guide has for recorded media, with what people would hand in for those that are theirs.
//!
//! The machine's part is done by the `local` engine: recognition, alignment, apertium's English to Spanish, voices, chapters.

use std::path::{Path, PathBuf};

use kaltura_sim::{
    CatalogItemSpec, CustomerSpec, EntrySpec, ExistingCaption, ExistingTranscript, OrderRequest, PartnerId,
    ProfileSpec,
};
use serde::Deserialize;

use crate::error::{LocalError, Result};
use crate::program::{command, run};
use crate::speech::{LANGUAGE, Speech};
use crate::stack::LocalStack;

/// The template's parameters of a stack that takes all of these orders.
pub const PARAMETERS: [(&str, &str); 1] = [("EnabledServices", "1,2,3,4,5,6,7,9")];

/// How long the pause is that a description is put into, in milliseconds.
const PAUSE_MS: u64 = 8_000;
/// How much of the speech the orders are on, to spare recognition.
const SPEECH_MS: u64 = 12_000;

/// Sentences of a translation.
const IN_SPANISH: [&str; 3] = [
    "El agua baja de la montaña.",
    "Los árboles crecen a la orilla del río.",
    "De noche se oye el viento.",
];

/// An order, and what people hand in for it.
#[derive(Debug, Clone)]
pub struct ServiceOrder {
    /// What it is of, for people.
    pub name: &'static str,
    /// The order.
    pub order: OrderRequest,
    /// The file that people hand in; `None` for a machine's order.
    pub hand_in: Option<PathBuf>,
}

/// What `make_speech.py` says of its media.
#[derive(Debug, Deserialize)]
struct Said {
    sentences: Vec<Sentence>,
}

#[derive(Debug, Deserialize)]
struct Sentence {
    text: String,
    start_ms: u64,
    end_ms: u64,
}

impl Said {
    fn cues(&self) -> Vec<captions::Cue> {
        self.sentences
            .iter()
            .map(|sentence| captions::Cue::new(sentence.start_ms, sentence.end_ms, &sentence.text))
            .collect()
    }

    fn srt(&self) -> String {
        captions::write(captions::CaptionFormat::Srt, &self.cues(), "en-US")
    }

    /// What somebody makes of it in Spanish who takes it lightly.
    fn spanish_srt(&self) -> String {
        let said = self.sentences.iter().zip(IN_SPANISH.iter().cycle());
        let cues: Vec<captions::Cue> = said
            .map(|(sentence, text)| captions::Cue::new(sentence.start_ms, sentence.end_ms, text))
            .collect();
        captions::write(captions::CaptionFormat::Srt, &cues, "es")
    }

    fn text(&self) -> String {
        let texts: Vec<&str> = self
            .sentences
            .iter()
            .map(|sentence| sentence.text.as_str())
            .collect();
        texts.join(" ")
    }
}

/// One order of each kind, for this piece of made speech. Files that people would hand in are written into the run's folder.
/// Each is of a customer of its own, counted from `first_customer`.
#[expect(
    clippy::too_many_lines,
    reason = "a list of orders, each told where it stands"
)]
pub async fn of_each_kind(
    stack: &LocalStack,
    speech: &Speech,
    first_customer: i64,
) -> Result<Vec<ServiceOrder>> {
    let folder = stack.work_dir().join("handed-in");
    std::fs::create_dir_all(&folder).map_err(LocalError::file(&folder))?;
    let write = |name: &str, content: &str| {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(LocalError::file(&path))?;
        Ok::<_, LocalError>(path)
    };
    let description = speech.description.as_ref().ok_or_else(|| LocalError::NoOutput {
        name: "a description of the speech".to_owned(),
    })?;
    let json = std::fs::read(description).map_err(LocalError::file(description))?;
    let mut said: Said = serde_json::from_slice(&json).map_err(LocalError::Speech)?;
    said.sentences.retain(|sentence| sentence.end_ms <= SPEECH_MS);
    let talk = folder.join("talk.mp4");
    cut(stack, &speech.media, 0, &talk).await?;
    let with_pause = folder.join("with-pause.mp4");
    cut(stack, &speech.media, PAUSE_MS, &with_pause).await?;

    let of = |service_feature: i64| OrderRequest {
        service_feature,
        entry: EntrySpec {
            name: format!("A talk, service {service_feature}"),
            media: Some(talk.clone()),
            ..EntrySpec::default()
        },
        catalog_item: CatalogItemSpec {
            source_language: LANGUAGE.to_owned(),
            ..CatalogItemSpec::default()
        },
        ..OrderRequest::default()
    };
    let into_spanish = |service_feature: i64| {
        let mut order = of(service_feature);
        order.catalog_item.target_language = Some("Spanish".to_owned());
        order
    };
    let with_tracks = |mut order: OrderRequest| {
        order.catalog_item.flavor_params_id = Some(301);
        order.catalog_item.clear_audio_flavor_params_id = Some(302);
        order
    };
    let for_people = |order: OrderRequest| OrderRequest {
        service_type: 1,
        ..order
    };

    let mut captions = of(1);
    captions.profile = ProfileSpec {
        enable_metadata_extraction: true,
        ..ProfileSpec::default()
    };
    "spring".clone_into(&mut captions.entry.tags);
    let mut translation = into_spanish(2);
    translation.entry.captions = vec![ExistingCaption {
        language: LANGUAGE.to_owned(),
        accuracy: Some(100),
        content: said.srt(),
        ..ExistingCaption::default()
    }];
    let mut of_sound = into_spanish(2);
    of_sound.catalog_item.require_source = Some(false);
    let mut alignment = of(3);
    alignment.entry.transcripts = vec![ExistingTranscript {
        language: LANGUAGE.to_owned(),
        content: said.text(),
        ..ExistingTranscript::default()
    }];
    let mut description = for_people(with_tracks(of(4)));
    description.entry.media = Some(with_pause.clone());
    let mut extended = for_people(of(9));
    extended.entry.media = Some(with_pause);

    let by_people = for_people(translation.clone());
    let dubbing = with_tracks(into_spanish(7));
    let track = folder.join("track.wav");
    sound_of(stack, &talk, &track).await?;

    let start_s = (SPEECH_MS + 1_500) / 1_000;
    let script = format!(
        "WEBVTT\n\n00:{start_s}.500 --> 00:{}.000\nThe trees are green.\n",
        start_s + 3
    );
    let orders = vec![
        ("captions with tags and transcripts", captions, None),
        ("translation of captions", translation, None),
        ("translation of the sound", of_sound, None),
        ("alignment", alignment, None),
        ("dubbing", dubbing.clone(), None),
        ("chaptering", of(5), None),
        ("tagging", of(6), None),
        (
            "captions by people",
            for_people(of(1)),
            Some(write("captions.srt", &said.srt())?),
        ),
        (
            "audio description",
            description,
            Some(write("script.vtt", &script)?),
        ),
        (
            "extended audio description",
            extended,
            Some(write("extended.vtt", &script)?),
        ),
        (
            "translation by people",
            by_people,
            Some(write("translation.srt", &said.spanish_srt())?),
        ),
        ("dubbing by people", for_people(dubbing), Some(track)),
    ];
    let customers = first_customer..;
    Ok(customers
        .zip(orders)
        .map(|(partner_id, (name, order, hand_in))| ServiceOrder {
            name,
            order: OrderRequest {
                customer: CustomerSpec {
                    partner_id: PartnerId(partner_id),
                    name: format!("customer {partner_id}"),
                },
                ..order
            },
            hand_in,
        })
        .collect())
}

/// The beginning of the speech, and so much silence behind it: a description needs a pause.
async fn cut(stack: &LocalStack, media: &Path, pause_ms: u64, to: &Path) -> Result<()> {
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    let pause = seconds(pause_ms);
    let mut ffmpeg = command(Path::new("ffmpeg"), &[]);
    ffmpeg
        .args(["-v", "error", "-y", "-t", &seconds(SPEECH_MS), "-i"])
        .arg(media)
        .args(["-vf", &format!("tpad=stop_mode=clone:stop_duration={pause}")])
        .args(["-af", &format!("apad=pad_dur={pause}")])
        .args(["-t", &seconds(SPEECH_MS + pause_ms)])
        .arg(to);
    run(ffmpeg, "the cutting of media", &stack.log("cut")).await
}

/// Its sound, as a studio would send a track.
async fn sound_of(stack: &LocalStack, media: &Path, to: &Path) -> Result<()> {
    let mut ffmpeg = command(Path::new("ffmpeg"), &[]);
    ffmpeg
        .args(["-v", "error", "-y", "-i"])
        .arg(media)
        .args(["-vn", "-c:a", "pcm_s16le"])
        .arg(to);
    run(ffmpeg, "the making of a track", &stack.log("cut")).await
}
