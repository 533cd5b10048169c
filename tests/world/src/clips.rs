//! Media for the orders, made by ffmpeg once and kept in the target folder.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Four seconds of picture and sound.
pub fn media_with_sound() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        make_media(
            "sound.mp4",
            &["-f", "lavfi", "-i", "sine=frequency=440:duration=4", "-shortest"],
        )
    })
    .clone()
}

/// Four seconds of picture, and sound for the first of them.
pub fn media_with_early_end_of_sound() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        make_media(
            "sound-ends-early.mp4",
            &["-f", "lavfi", "-i", "sine=frequency=440:duration=1"],
        )
    })
    .clone()
}

/// Four seconds of picture alone.
pub fn media_without_sound() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| make_media("silent.mp4", &[])).clone()
}

fn make_media(name: &str, sound: &[&str]) -> PathBuf {
    // A test program is target/PROFILE/deps/NAME.
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(3).unwrap().join("tmp/world");
    let path = folder.join(name);
    if path.exists() {
        return path;
    }
    std::fs::create_dir_all(&folder).unwrap();
    // Each process makes its own and puts it in place whole: several test programs may run at once.
    let own = folder.join(format!("{}-{name}", std::process::id()));
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg("testsrc=size=160x90:rate=10:duration=4")
        .args(sound)
        .args(["-pix_fmt", "yuv420p", "-c:v", "libx264", "-c:a", "aac"])
        .arg(&own)
        .status()
        .expect("ffmpeg is needed by the tests: `infra/local/setup run` installs it");
    assert!(made.success(), "ffmpeg could not make {name}");
    std::fs::rename(&own, &path).unwrap();
    path
}
