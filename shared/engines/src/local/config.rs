//! Where the programs of the engine `local` are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{EngineError, Result};

/// The python of the environment that holds the recogniser (`requirements.txt`). Required.
const PYTHON: &str = "REACH_LOCAL_PYTHON";
/// The directory of the engine's own programs (`infra/local/engines`). Required.
const ENGINES: &str = "REACH_LOCAL_ENGINES";
/// ffmpeg, if it is not the one on `PATH`; ffprobe is expected beside it.
const FFMPEG: &str = "REACH_LOCAL_FFMPEG";
/// The other programs, if they are not those on `PATH`.
const APERTIUM: &str = "REACH_LOCAL_APERTIUM";
const ESPEAK: &str = "REACH_LOCAL_ESPEAK";
const FLITE: &str = "REACH_LOCAL_FLITE";
/// The most that one program may take, in seconds.
const TIMEOUT_S: &str = "REACH_LOCAL_TIMEOUT_S";

/// A Lambda function ends after 15 minutes; a program is ended before that, so that the log says which it was.
const DEFAULT_TIMEOUT_S: u64 = 14 * 60;

/// Where the programs of the engine `local` are, and how long they may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalConfig {
    /// The python that can import pocketsphinx.
    pub python: PathBuf,
    /// The directory with `recognise.py` and `align.py`.
    pub scripts_dir: PathBuf,
    /// ffmpeg: a path, or a name to be found on `PATH`.
    pub ffmpeg: PathBuf,
    /// apertium: a path, or a name to be found on `PATH`.
    pub apertium: PathBuf,
    /// espeak-ng: a path, or a name to be found on `PATH`.
    pub espeak: PathBuf,
    /// flite: a path, or a name to be found on `PATH`. The recogniser's own use of it is always that on `PATH`.
    pub flite: PathBuf,
    /// The most that one program may take; then it is killed, and the job fails with
    /// [`EngineError::ProgramTimedOut`].
    pub program_timeout: Duration,
}

impl LocalConfig {
    /// The settings of the process's environment:
    ///
    /// | variable | meaning | if unset |
    /// | --- | --- | --- |
    /// | `REACH_LOCAL_PYTHON` | the python that can import pocketsphinx | an error |
    /// | `REACH_LOCAL_ENGINES` | the directory with `recognise.py` and `align.py` | an error |
    /// | `REACH_LOCAL_FFMPEG` | ffmpeg, with ffprobe beside it | `ffmpeg` on `PATH` |
    /// | `REACH_LOCAL_APERTIUM` | apertium | `apertium` on `PATH` |
    /// | `REACH_LOCAL_ESPEAK` | espeak-ng | `espeak-ng` on `PATH` |
    /// | `REACH_LOCAL_FLITE` | flite | `flite` on `PATH` |
    /// | `REACH_LOCAL_TIMEOUT_S` | the most that one program may take, 1 to 86400 s | 840 |
    ///
    /// A missing or impossible setting is [`EngineError::Setting`], which names the variable, what it holds and what
    /// was expected.
    pub fn from_env() -> Result<Self> {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    /// The same, from any source of variables; an empty one counts as unset.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let var = |name: &str| var(name).filter(|value| !value.trim().is_empty());
        let checked = |name: &'static str, expected: &str, is_it: fn(&Path) -> bool| {
            let path = var(name).map(PathBuf::from).ok_or_else(|| EngineError::Setting {
                name,
                detail: format!("is not set, expected {expected} (infra/local/engines/README.md)"),
            })?;
            if is_it(&path) {
                return Ok(path);
            }
            Err(EngineError::Setting {
                name,
                detail: format!("is `{}`, expected {expected}", path.display()),
            })
        };
        let python = checked(
            PYTHON,
            "the path of a python that can import pocketsphinx",
            Path::is_file,
        )?;
        let scripts_dir = checked(ENGINES, "a directory with recognise.py and align.py", |path| {
            ["recognise.py", "align.py"]
                .iter()
                .all(|script| path.join(script).is_file())
        })?;
        // What is named by a path is there; what is to be found on `PATH` shows when it is run.
        let program = |name: &'static str, default: &str| match var(name).map(PathBuf::from) {
            None => Ok(PathBuf::from(default)),
            Some(path) if path.components().count() == 1 || path.is_file() => Ok(path),
            Some(path) => Err(EngineError::Setting {
                name,
                detail: format!("is `{}`, expected the path of {default}", path.display()),
            }),
        };
        let timeout_s = match var(TIMEOUT_S) {
            None => DEFAULT_TIMEOUT_S,
            Some(text) => match text.trim().parse() {
                Ok(seconds @ 1..=86_400) => seconds,
                _ => {
                    return Err(EngineError::Setting {
                        name: TIMEOUT_S,
                        detail: format!("is `{text}`, expected a whole number of seconds from 1 to 86400"),
                    });
                }
            },
        };
        Ok(Self {
            python,
            scripts_dir,
            ffmpeg: var(FFMPEG).map_or_else(|| PathBuf::from("ffmpeg"), PathBuf::from),
            apertium: program(APERTIUM, "apertium")?,
            espeak: program(ESPEAK, "espeak-ng")?,
            flite: program(FLITE, "flite")?,
            program_timeout: Duration::from_secs(timeout_s),
        })
    }

    /// ffprobe, beside [`LocalConfig::ffmpeg`]; the packages install both together.
    pub(super) fn ffprobe(&self) -> PathBuf {
        self.ffmpeg.with_file_name("ffprobe")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with a python and a recogniser, as far as their being there goes.
    fn installed() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("python3"), "").unwrap();
        std::fs::write(dir.path().join("recognise.py"), "").unwrap();
        std::fs::write(dir.path().join("align.py"), "").unwrap();
        dir
    }

    fn config(vars: &[(&str, &str)]) -> Result<LocalConfig> {
        LocalConfig::from_vars(|name| {
            vars.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_is_unset_has_its_default() {
        let dir = installed();
        let python = dir.path().join("python3");
        let config = config(&[
            (PYTHON, python.to_str().unwrap()),
            (ENGINES, dir.path().to_str().unwrap()),
            (FFMPEG, " "),
        ])
        .unwrap();
        assert_eq!(config.ffmpeg, Path::new("ffmpeg"));
        assert_eq!(config.ffprobe(), Path::new("ffprobe"));
        assert_eq!(config.apertium, Path::new("apertium"));
        assert_eq!(config.espeak, Path::new("espeak-ng"));
        assert_eq!(config.flite, Path::new("flite"));
        assert_eq!(config.program_timeout, Duration::from_mins(14));
    }

    #[test]
    fn ffprobe_is_beside_ffmpeg() {
        let dir = installed();
        let python = dir.path().join("python3");
        let config = config(&[
            (PYTHON, python.to_str().unwrap()),
            (ENGINES, dir.path().to_str().unwrap()),
            (FFMPEG, "/opt/media/ffmpeg"),
            (TIMEOUT_S, "30"),
        ])
        .unwrap();
        assert_eq!(config.ffprobe(), Path::new("/opt/media/ffprobe"));
        assert_eq!(config.program_timeout, Duration::from_secs(30));
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected() {
        let dir = installed();
        let here = dir.path().to_str().unwrap();
        let python = dir.path().join("python3");
        let python = python.to_str().unwrap();
        let text = |vars: &[(&str, &str)]| config(vars).unwrap_err().to_string().replace(here, "DIR");
        let texts = [
            text(&[]),
            text(&[(PYTHON, "/nowhere/python3"), (ENGINES, here)]),
            text(&[(PYTHON, python), (ENGINES, "/nowhere")]),
            text(&[(PYTHON, python), (ENGINES, here), (TIMEOUT_S, "0")]),
            text(&[(PYTHON, python), (ENGINES, here), (TIMEOUT_S, "soon")]),
            text(&[(PYTHON, python), (ENGINES, here), (ESPEAK, "/nowhere/espeak-ng")]),
        ];
        insta::assert_snapshot!(texts.join("\n"));
    }
}
