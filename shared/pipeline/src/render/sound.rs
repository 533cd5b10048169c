//! Sound tracks: the dubbed, the described and the clear one, from the media and what was spoken or handed in.
//!
//! What lives here: which clips go where by the rules of the service. What does not: the mixing (`sound`).

use std::path::PathBuf;

use sound::{
    BitRate, Description, DescriptionLimits, Ducking, Misfit, Order, Passage, Phrase, Piece, PlaceLimits,
    Source, Span, Speech, Tools,
};

use crate::error::{Refusal, Result};
use crate::material::{Material, Voice};
use crate::plan::{Deliverable, Plan, SoundTrack};
use crate::steps::Task;

/// Makes a track and puts it into the bucket; answers its size in bytes. Safe to repeat.
///
/// MP4 with AAC-LC at 128 kbit/s, as long as the media (guide, "Audio tracks": 64 or 128 kbit/s).
pub async fn sound(
    task: &Task<'_>,
    plan: &Plan,
    material: &Material,
    deliverable: &Deliverable,
    key: &str,
) -> Result<u64> {
    let Deliverable::Sound { track, .. } = deliverable else {
        return Err(task.out_of_order("render", "a sound track"));
    };
    let folder = crate::files::folder()?;
    let objects = task.ctx.objects()?;
    let fetched = async |key: &str, name: &str| -> Result<PathBuf> {
        let path = folder.path().join(name);
        objects.download(key, &path).await?;
        Ok(path)
    };
    let stored = task.record.media.as_ref();
    let media_key = &stored.ok_or_else(|| task.out_of_order("render", "media"))?.key;
    let tools = Tools::default();
    let to = folder.path().join("track.mp4");
    let iso639_3 =
        engines::language::Language::by_catalog_name(&plan.source_language).map(|language| language.iso639_3);
    let handed_in = material.sound().filter(|_| *track != SoundTrack::Clear);
    let (path, name) = match &handed_in {
        Some(sound) => (fetched(&sound.key, "handed-in").await?, sound.key.as_str()),
        None => (fetched(media_key, "media").await?, media_key.as_str()),
    };
    let order = Order {
        original: Source {
            path: &path,
            name,
            language: if handed_in.is_some() { None } else { iso639_3 },
        },
        bit_rate: BitRate::Kbps128,
        to: &to,
    };
    if *track == SoundTrack::Clear || handed_in.is_some() {
        sound::clear_track(&tools, &order).await?;
        return objects.upload(key, &to, deliverable.mime_type()).await;
    }
    let voice = material
        .voice(task)
        .await?
        .ok_or_else(|| task.out_of_order("render", "a voice"))?;
    let wav = fetched(&voice.speech.sound.key, "clips.wav").await?;
    let media_ms = sound::media_ms(&tools, &order.original).await?;
    let spoken: Vec<Span> = spans(&material.speech_ms());
    let pieces = pieces(&voice);
    let placed = match track {
        SoundTrack::Described => described(&pieces, &spoken, media_ms),
        _ => dubbed(&pieces, media_ms),
    };
    if !placed.misfits.is_empty() {
        return Err(no_room(&pieces, &placed.misfits).into());
    }
    let ranges: Vec<Span> = pieces.iter().map(|piece| piece.range).collect();
    let speech = Speech {
        wav: &wav,
        ranges: &ranges,
        placements: &placed.placements,
        gain_db: 0.0,
    };
    if *track == SoundTrack::Described {
        sound::mix_description(&tools, &order, &speech, Ducking::DESCRIPTION).await?;
    } else {
        sound::mix_dub(&tools, &order, &speech, &spoken, Ducking::DUB).await?;
    }
    objects.upload(key, &to, deliverable.mime_type()).await
}

fn spans(ms: &[(u64, u64)]) -> Vec<Span> {
    ms.iter()
        .map(|(start_ms, end_ms)| Span::new(*start_ms, *end_ms))
        .collect()
}

/// What is placed by itself: the clips, cut where the speaker of the original pauses and the engine told where that is.
fn pieces(voice: &Voice) -> Vec<Piece> {
    let pieces = voice.speech.clips.iter().flat_map(|clip| {
        let (start_ms, end_ms) = voice.window_ms(clip);
        let phrases = voice.phrases_ms(clip);
        let phrases: Vec<Phrase> = phrases
            .into_iter()
            .map(|(due_ms, from_ms)| Phrase { due_ms, from_ms })
            .collect();
        let range = Span::new(clip.start_ms, clip.end_ms);
        sound::in_phrases(
            Span::new(start_ms, end_ms),
            range,
            &phrases,
            PlaceLimits::default().min_gap_ms,
        )
    });
    pieces.collect()
}

/// Each piece in the time of its passage.
fn dubbed(pieces: &[Piece], media_ms: u64) -> sound::Plan {
    let passages: Vec<Passage> = pieces
        .iter()
        .map(|piece| Passage {
            window: piece.window,
            clip_ms: piece.range.duration_ms(),
        })
        .collect();
    sound::place(&passages, media_ms, &PlaceLimits::default())
}

/// Each piece in a pause of what is spoken, near the time that its author wrote; where nobody knows when somebody speaks, at
/// that very time.
fn described(pieces: &[Piece], spoken: &[Span], media_ms: u64) -> sound::Plan {
    if spoken.is_empty() {
        return dubbed(pieces, media_ms);
    }
    let limits = DescriptionLimits::default();
    let pauses = sound::pauses(spoken, media_ms, 2 * limits.min_gap_ms);
    let descriptions: Vec<Description> = pieces
        .iter()
        .map(|piece| Description {
            wanted_ms: piece.window.start_ms,
            clip_ms: piece.range.duration_ms(),
        })
        .collect();
    sound::fit_descriptions(&descriptions, &pauses, &limits)
}

fn no_room(pieces: &[Piece], misfits: &[Misfit]) -> Refusal {
    let told = misfits.iter().take(5).map(|misfit| {
        let at_s = pieces[misfit.clip].window.start_ms / 1_000;
        format!("{} ms too long at {at_s} s", misfit.over_ms)
    });
    Refusal::NoRoom {
        detail: told.collect::<Vec<_>>().join(", "),
    }
}
