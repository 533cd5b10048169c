//! Measures a dub of a long programme: speed against real time, and the memory of this process at its peak.
//!
//! `cargo run --release -p sound --example mix_hours -- 180` makes three hours of stereo sound with a clip every six
//! seconds (every fourth one stretched), mixes it, and prints what it took. The files need 25 MB a minute of programme
//! in the temporary directory.

use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use sound::{BitRate, Ducking, Order, Placement, Source, Span, Speech, Tools, mix_dub};

const CLIP_EVERY_MS: u64 = 6_000;
const CLIP_MS: u64 = 4_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let minutes: u64 = std::env::args().nth(1).map_or(Ok(60), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let (programme, clips) = (dir.path().join("programme.mp4"), dir.path().join("clips.wav"));
    let media_ms = minutes * 60_000;
    let count = media_ms / CLIP_EVERY_MS;
    let made = [
        lavfi(
            "anoisesrc=c=pink:r=48000:a=0.3,aformat=channel_layouts=stereo",
            media_ms,
            &programme,
        )?,
        lavfi("sine=f=440:r=24000", count * CLIP_MS, &clips)?,
    ];
    if made.contains(&false) {
        return Err("ffmpeg could not make the media".into());
    }
    let placements: Vec<Placement> = (0_u32..)
        .zip(0..usize::try_from(count)?)
        .map(|(number, clip)| {
            let start_ms = u64::from(number) * CLIP_EVERY_MS + 500;
            let speed = if number % 4 == 0 { 1.25 } else { 1.0 };
            let end_ms = start_ms + if number % 4 == 0 { CLIP_MS * 4 / 5 } else { CLIP_MS };
            Placement {
                clip,
                start_ms,
                end_ms,
                speed,
            }
        })
        .collect();
    let ranges: Vec<Span> = (0..count)
        .map(|clip| Span::new(clip * CLIP_MS, (clip + 1) * CLIP_MS))
        .collect();
    let tools = Tools {
        timeout: Duration::from_hours(4),
        ..Tools::default()
    };
    let order = Order {
        original: Source::new(&programme, "programme"),
        bit_rate: BitRate::Kbps128,
        to: &dir.path().join("dub.mp4"),
    };
    let speech = Speech {
        wav: &clips,
        ranges: &ranges,
        placements: &placements,
        gain_db: 0.0,
    };
    let begun = Instant::now();
    let track = mix_dub(&tools, &order, &speech, &[], Ducking::DUB).await?;
    let took_s = begun.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let times = track.duration_ms as f64 / 1_000.0 / took_s;
    println!(
        "{minutes} min with {count} clips: {took_s:.1} s, {times:.0} times real time, {} at its peak",
        peak_memory()?
    );
    Ok(())
}

fn lavfi(source: &str, length_ms: u64, to: &std::path::Path) -> std::io::Result<bool> {
    let length = (length_ms / 1_000).to_string();
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", source, "-t", &length]);
    Ok(command.arg(to).status()?.success())
}

/// The most memory that this process had resident, in the kernel's words.
fn peak_memory() -> std::io::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.unwrap_or("unknown").trim().to_owned())
}
