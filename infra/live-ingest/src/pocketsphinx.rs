//! pocketsphinx as a live recogniser: `listen.py` of the engine `local`, a process for each stretch of sound.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use engines::local::{Token, words_of};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::error::{IngestError, Result};
use crate::recogniser::{Listening, Recogniser, Wanted};
use crate::timeline::Heard;

const PROGRAM: &str = "listen.py";
/// What the program's lines are written by.
const OUTPUT_VERSION: u32 = 1;
/// Loading the model takes a third of a second; a machine that does other things besides may take longer.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// Pieces of sound that may wait: some minutes, beyond which a machine is too slow for what it is asked.
const WAITING_PIECES: usize = 4_096;

/// The recogniser, US English.
#[derive(Debug, Clone)]
pub struct Pocketsphinx {
    /// The python that can import pocketsphinx.
    pub python: PathBuf,
    /// The folder with `listen.py`.
    pub scripts_dir: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Ready {
    version: u32,
    unknown_dictionary_words: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Line {
    tokens: Vec<Token>,
    heard_until_ms: u64,
}

fn failed(detail: impl Into<String>) -> IngestError {
    IngestError::Program {
        program: PROGRAM,
        detail: detail.into(),
    }
}

#[async_trait]
impl Recogniser for Pocketsphinx {
    fn name(&self) -> &'static str {
        "pocketsphinx"
    }

    async fn open(&self, wanted: &Wanted) -> Result<Listening> {
        // Held until the program has read it.
        let words = tempfile::NamedTempFile::new().map_err(IngestError::file(std::env::temp_dir()))?;
        let json = serde_json::to_vec(&wanted.dictionary).unwrap_or_default();
        tokio::fs::write(words.path(), json)
            .await
            .map_err(IngestError::file(words.path()))?;
        let mut child = Command::new(&self.python)
            .arg("-B")
            .arg(self.scripts_dir.join(PROGRAM))
            .arg("--dictionary")
            .arg(words.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("its pipes are missing"));
        };
        let mut lines = BufReader::new(stdout).lines();
        let ready = tokio::time::timeout(READY_TIMEOUT, lines.next_line()).await;
        let ready = match ready {
            Ok(Ok(Some(line))) => {
                serde_json::from_str::<Ready>(&line).map_err(|error| failed(error.to_string()))?
            }
            Ok(_) => return Err(failed("it ended before it was ready")),
            Err(_) => return Err(failed(format!("it was not ready after {READY_TIMEOUT:?}"))),
        };
        if ready.version != OUTPUT_VERSION {
            return Err(failed(format!(
                "it writes version {}, expected {OUTPUT_VERSION}",
                ready.version
            )));
        }
        if !ready.unknown_dictionary_words.is_empty() {
            tracing::warn!(
                words = ready.unknown_dictionary_words.join(", "),
                "no pronunciation is known for words of the dictionary"
            );
        }

        let (sound, mut pieces) = mpsc::channel::<Vec<u8>>(WAITING_PIECES);
        let (tell, heard) = mpsc::channel(64);
        let dictionary = wanted.dictionary.clone();
        tokio::spawn(async move {
            let writing = async move {
                while let Some(piece) = pieces.recv().await {
                    if stdin.write_all(&piece).await.is_err() {
                        // It is gone: the other side says why.
                        return;
                    }
                }
            };
            let reading = async {
                while let Ok(Some(line)) = lines.next_line().await {
                    match serde_json::from_str::<Line>(&line) {
                        Ok(line) => {
                            let heard = Heard {
                                words: words_of(&line.tokens, line.heard_until_ms, &dictionary),
                                heard_until_ms: line.heard_until_ms,
                            };
                            if tell.send(heard).await.is_err() {
                                return;
                            }
                        }
                        Err(error) => {
                            tracing::error!(%error, "the recogniser's line can't be read");
                            return;
                        }
                    }
                }
            };
            // The program ends by itself once its sound has; then its output does.
            tokio::select! {
                () = async { tokio::join!(writing, std::future::pending::<()>()); } => {}
                () = reading => {}
                () = tell.closed() => {}
            }
            drop(words);
            drop(child);
        });
        Ok(Listening { sound, heard })
    }
}
