//! Where things stand: the repository, what `infra/local/setup` made, and the folder of one run.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{LocalError, Result};

/// The paths of one run.
#[derive(Debug)]
pub struct Layout {
    /// The repository.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    /// The run's own folder, `target/local/NAME`: logs, the local template, what Kaltura's stand-in keeps.
    pub work: PathBuf,
    /// Held as long as the run lasts, so that no second one uses the folder.
    _lock: File,
}

impl Layout {
    /// The paths of the run `name`. Makes its folder afresh, apart from what the stand-in keeps from run to run (cut
    /// media), and takes it for this process alone.
    pub fn take(name: &str) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().map_err(LocalError::file(root))?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |path| root.join(path));
        let work = target.join("local").join(name);
        std::fs::create_dir_all(&work).map_err(LocalError::file(&work))?;
        let lock_path = work.join("lock");
        let lock = File::create(&lock_path).map_err(LocalError::file(&lock_path))?;
        if lock.try_lock().is_err() {
            return Err(LocalError::Taken { path: work });
        }
        for folder in ["logs", "home", "tmp", "template"] {
            let folder = work.join(folder);
            if folder.exists() {
                std::fs::remove_dir_all(&folder).map_err(LocalError::file(&folder))?;
            }
            std::fs::create_dir_all(&folder).map_err(LocalError::file(&folder))?;
        }
        Ok(Self {
            root,
            target,
            work,
            _lock: lock,
        })
    }

    /// A program of one of the environments that the setup makes: `emulator`, `deploy`, `engine`.
    pub fn tool(&self, environment: &str, program: &str) -> Result<PathBuf> {
        present(
            self.target
                .join("tools")
                .join(environment)
                .join("bin")
                .join(program),
        )
    }

    /// Where the functions' binaries are.
    pub fn binaries(&self) -> Result<PathBuf> {
        let folder = self.target.join("debug");
        for function in FUNCTIONS {
            present(folder.join(function))?;
        }
        Ok(folder)
    }

    /// The folder of `infra/local`.
    pub fn local(&self) -> PathBuf {
        self.root.join("infra/local")
    }

    /// A log of this run.
    pub fn log(&self, name: &str) -> PathBuf {
        self.work.join("logs").join(format!("{name}.log"))
    }
}

/// The functions, by the names of their binaries; a test compares them with the template's.
pub(crate) const FUNCTIONS: [&str; 15] = [
    "poll",
    "claim",
    "fetch",
    "process",
    "ended",
    "render",
    "upload",
    "finalize",
    "fail",
    "extend-keys",
    "reconcile",
    "sweep",
    "door",
    "live",
    "people",
];

pub(crate) fn present(path: PathBuf) -> Result<PathBuf> {
    if path.exists() {
        Ok(path)
    } else {
        Err(LocalError::NotSetUp { path })
    }
}

/// The last lines of a log, for an error's text.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_are_those_of_the_template() {
        let template = include_str!("../../../template.yaml");
        let mut built: Vec<&str> = template
            .lines()
            .filter_map(|line| {
                line.trim()
                    .strip_prefix("BuildProperties: { Binary: ")?
                    .strip_suffix(" }")
            })
            .collect();
        built.sort_unstable();
        let mut known = FUNCTIONS.to_vec();
        known.sort_unstable();
        assert_eq!(built, known);
    }

    #[test]
    fn a_folder_serves_one_run_at_a_time() {
        let first = Layout::take("test-lock").unwrap();
        assert!(matches!(Layout::take("test-lock"), Err(LocalError::Taken { .. })));
        drop(first);
        assert!(Layout::take("test-lock").is_ok());
    }

    #[test]
    fn the_tail_is_the_last_lines_that_say_something() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        let lines: Vec<String> = (1..=40).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&log, lines.join("\n")).unwrap();
        assert!(tail(&log).starts_with("line 26\n"));
        assert_eq!(tail(&folder.path().join("absent")), "");
    }
}
