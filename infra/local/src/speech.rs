//! Media with speech for the orders of a run.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{LocalError, Result};
use crate::layout::Layout;
use crate::program::{command, run};

/// The catalog name of the language that the made speech is in.
pub const LANGUAGE: &str = "English (American)";

/// A file to order captions for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Speech {
    /// The media.
    pub media: PathBuf,
    /// What is said in it and when, as `infra/local/engines/make_speech.py` describes it; `None` for the user's own.
    #[serde(default)]
    pub description: Option<PathBuf>,
}

/// Makes media with speech, or finds what an earlier run made. Safe to repeat: the same texts give the same files.
pub async fn make(layout: &Layout) -> Result<Vec<Speech>> {
    let log = layout.log("speech");
    let mut program = command(&layout.tool("engine", "python")?, &[]);
    program
        .arg("-B")
        .arg(layout.local().join("engines/make_speech.py"))
        .arg(layout.target.join("local/media"));
    run(program, "the making of speech media", &log).await?;
    parse(&log)
}

fn parse(answer: &Path) -> Result<Vec<Speech>> {
    let text = std::fs::read_to_string(answer).map_err(LocalError::file(answer))?;
    serde_json::from_str(&text).map_err(LocalError::Speech)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_list_of_media_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let answer = folder.path().join("speech.log");
        std::fs::write(
            &answer,
            r#"[{"media": "/m/river.mp4", "description": "/m/river.json"}]"#,
        )
        .unwrap();
        assert_eq!(parse(&answer).unwrap()[0].media, Path::new("/m/river.mp4"));
        std::fs::write(&answer, "ffmpeg: not found").unwrap();
        assert_eq!(parse(&answer).unwrap_err().name(), "Speech");
    }
}
