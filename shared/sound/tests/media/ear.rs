//! Media made by ffmpeg, and an ear for it.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rate at which tracks are listened to.
pub const RATE_HZ: usize = 48_000;

/// Makes a file with ffmpeg's own sources. `args` are all between the options that keep it quiet and the file's name.
pub fn make(dir: &Path, name: &str, args: &[&str]) -> PathBuf {
    let path = dir.join(name);
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(args)
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}

/// A stream of a file as ffprobe shows it, with `format` beside.
pub fn ffprobe(path: &Path) -> serde_json::Value {
    let shown = Command::new("ffprobe")
        .args(["-v", "error", "-show_streams", "-show_format", "-of", "json"])
        .arg(path)
        .output()
        .unwrap();
    serde_json::from_slice(&shown.stdout).unwrap()
}

/// What is heard in the first channel of a file.
pub fn listen(path: &Path) -> Vec<f32> {
    let heard = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        .args(["-af", "pan=mono|c0=c0", "-ar", "48000", "-f", "f32le", "pipe:1"])
        .output()
        .unwrap();
    assert!(
        heard.status.success(),
        "{}",
        String::from_utf8_lossy(&heard.stderr)
    );
    heard
        .stdout
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect()
}

/// A Hann window.
#[allow(clippy::cast_precision_loss)]
fn window(count: usize) -> Vec<f64> {
    (0..count)
        .map(|at| 0.5 - 0.5 * (TAU * at as f64 / count as f64).cos())
        .collect()
}

/// The amplitude of a tone in samples (Goertzel's algorithm).
#[allow(clippy::cast_precision_loss)]
fn tone(samples: &[f32], window: &[f64], frequency_hz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * frequency_hz / RATE_HZ as f64).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for (sample, weight) in samples.iter().zip(window) {
        (last, before) = (f64::from(*sample) * weight + coefficient * last - before, last);
    }
    let power = last * last + before * before - coefficient * last * before;
    power.max(0.0).sqrt() * 4.0 / samples.len() as f64
}

/// The amplitude of a tone between two times.
pub fn tone_between(samples: &[f32], frequency_hz: f64, from_ms: usize, until_ms: usize) -> f64 {
    let samples = &samples[from_ms * RATE_HZ / 1_000..until_ms * RATE_HZ / 1_000];
    tone(samples, &window(samples.len()), frequency_hz)
}

/// From when to when a tone is heard, in milliseconds: where it is at half of its usual amplitude. Exact to some 5 ms.
pub fn heard(samples: &[f32], frequency_hz: f64, amplitude: f64) -> (usize, usize) {
    let (step, width) = (RATE_HZ / 1_000, RATE_HZ / 50);
    let window = window(width);
    let loud: Vec<usize> = (0..samples.len().saturating_sub(width))
        .step_by(step)
        .filter(|at| tone(&samples[*at..at + width], &window, frequency_hz) > amplitude / 2.0)
        .collect();
    // Half of the window has the tone where its middle is at the tone's begin or end.
    let middle = |at: &usize| (at + width / 2) / step;
    (loud.first().map_or(0, middle), loud.last().map_or(0, middle))
}
