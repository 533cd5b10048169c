//! The sample engine of a run: `tests/sample-engine` as a process of its own, in the place of a vendor's own engine.
//!
//! The stack is told its address when it is deployed, and makes the secret that both share; so the engine starts after the
//! deployment, at the address that was told.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use serde::Deserialize;
use serde_json::json;

use crate::emulator::free_port;
use crate::error::{LocalError, Result};
use crate::layout::{Layout, present, tail};
use crate::program::{Group, logged};

/// What it does, as its README says.
const WORKS: &str = "recognise;identify;translate:en>es,fr;speak";

/// It is up at once; a machine that does other things besides may take longer.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// What the errors call it.
const NAME: &str = "the sample engine";

/// Where the engine will be, before it is there.
#[derive(Debug)]
pub(crate) struct Place {
    port: u16,
}

impl Place {
    /// A free one.
    pub(crate) async fn free() -> Result<Self> {
        let port = free_port().await.map_err(|source| LocalError::Start {
            program: NAME.to_owned(),
            source,
        })?;
        Ok(Self { port })
    }

    /// The template's parameters that name it.
    pub(crate) fn parameters(&self) -> Vec<(&str, String)> {
        vec![
            ("Engines", "http,people".to_owned()),
            ("HttpEngineUrl", format!("http://127.0.0.1:{}/", self.port)),
            ("HttpEngineWorks", WORKS.to_owned()),
        ]
    }
}

/// The running engine. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct SampleEngine {
    group: Group,
    sidecars: PathBuf,
    log: PathBuf,
}

impl SampleEngine {
    /// Starts it there, with the secret of that ARN; it follows links to `door` only.
    pub(crate) async fn start(
        layout: &Layout,
        place: Place,
        sdk: &SdkConfig,
        secret_arn: &str,
        door: &str,
    ) -> Result<Self> {
        let secret = shared_secret(sdk, secret_arn).await?;
        let program = present(layout.target.join("debug/sample-engine"))?;
        let (log, sidecars) = (layout.log("sample-engine"), layout.work.join("sidecars"));
        std::fs::create_dir_all(&sidecars).map_err(LocalError::file(&sidecars))?;
        let listen = format!("127.0.0.1:{}", place.port);
        // By the environment: a command line can be read by other users.
        let environment = [
            ("ENGINE_SECRET", OsStr::new(&secret)),
            ("RUST_LOG", OsStr::new("sample_engine=info")),
        ];
        let group = Group::start(&program, &environment, NAME, |command| {
            command.args(["--listen", &listen, "--door", door]);
            command.arg("--sidecars").arg(&sidecars);
            logged(command, &log)
        })?;
        let mut engine = Self { group, sidecars, log };
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(&listen).await.is_err() {
            engine.check()?;
            if begun.elapsed() > START_TIMEOUT {
                return Err(engine.failed());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(engine)
    }

    /// Fails if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self.group.has_ended() {
            return Err(self.failed());
        }
        Ok(())
    }

    fn failed(&self) -> LocalError {
        LocalError::Program {
            program: NAME.to_owned(),
            log: self.log.clone(),
            tail: tail(&self.log),
        }
    }

    /// From now on it hears these sentences in any media.
    pub(crate) fn hears(&self, said: &Said) -> Result<()> {
        let path = self.sidecars.join("any.json");
        std::fs::write(&path, said.sidecar().to_string()).map_err(LocalError::file(&path))
    }

    /// Ends it.
    pub(crate) async fn end(self) {
        self.group.end().await;
    }
}

/// The secret that the stack made, which the vendor gives to the engine.
pub(crate) async fn shared_secret(sdk: &SdkConfig, arn: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct Kept {
        secret: String,
    }
    let answer = aws_sdk_secretsmanager::Client::new(sdk)
        .get_secret_value()
        .secret_id(arn)
        .send()
        .await
        .map_err(LocalError::aws("GetSecretValue"))?;
    serde_json::from_str::<Kept>(answer.secret_string().unwrap_or_default())
        .map(|kept| kept.secret)
        .map_err(LocalError::aws("reading the engine's secret"))
}

/// A sentence with its times, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sentence {
    /// What is said.
    pub text: String,
    /// From when.
    pub start_ms: u64,
    /// Until when.
    pub end_ms: u64,
}

/// What is said in media: the part of `make_speech.py`'s description that an engine would find out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Said {
    /// The media's duration.
    pub duration_ms: u64,
    /// By time.
    pub sentences: Vec<Sentence>,
}

impl Said {
    /// Reads a description.
    pub fn read(description: &Path) -> Result<Self> {
        let text = std::fs::read(description).map_err(LocalError::file(description))?;
        serde_json::from_slice(&text).map_err(LocalError::Speech)
    }

    /// The sample engine's sidecar. The words of a sentence share its time by their lengths.
    fn sidecar(&self) -> serde_json::Value {
        let mut words = Vec::new();
        for sentence in &self.sentences {
            let length = |text: &str| u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
            let all: u64 = sentence.text.split_whitespace().map(length).sum();
            let (span_ms, mut before) = (sentence.end_ms.saturating_sub(sentence.start_ms), 0);
            let at_ms = |letters: u64| sentence.start_ms + span_ms * letters / all.max(1);
            for text in sentence.text.split_whitespace() {
                let start_ms = at_ms(before);
                before += length(text);
                words.push(json!({ "text": text, "start_ms": start_ms, "end_ms": at_ms(before) }));
            }
        }
        json!({ "duration_ms": self.duration_ms, "words": words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_sentence_fill_its_time() {
        let said = Said {
            duration_ms: 3_000,
            sentences: vec![Sentence {
                text: "The river runs".to_owned(),
                start_ms: 1_000,
                end_ms: 2_200,
            }],
        };
        assert_eq!(
            said.sidecar(),
            json!({ "duration_ms": 3_000, "words": [
                { "text": "The", "start_ms": 1_000, "end_ms": 1_300 },
                { "text": "river", "start_ms": 1_300, "end_ms": 1_800 },
                { "text": "runs", "start_ms": 1_800, "end_ms": 2_200 },
            ] })
        );
    }
}
