//! Builds the tests of a crate and runs them one by one or several at once.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;

use crate::error::{Error, Result};

/// Where a crate is built and what tests it.
#[derive(Debug, Clone)]
pub struct Place {
    /// The workspace.
    pub tree: PathBuf,
    /// The crate's name.
    pub name: String,
    /// The crates whose tests count, its own among them.
    pub tested_by: Vec<String>,
    /// Where the build goes.
    pub target: PathBuf,
}

/// A program of tests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    /// The folder of its crate, which it runs in.
    pub folder: PathBuf,
}

/// A place in a source file that the compiler complains about: its path below the workspace, and bytes of it.
pub type Complaint = (PathBuf, Range<usize>);

/// What a build comes to.
#[derive(Debug)]
pub enum Built {
    /// The programs of the tests.
    Programs(Vec<Program>),
    /// Where it does not compile, and what the compiler says.
    Complaints(Vec<Complaint>, String),
}

/// A test: its program and its name there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Test {
    /// The program.
    pub program: Program,
    /// The name.
    pub name: String,
}

/// How a run of tests ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All passed.
    Passed,
    /// One failed, or the program died.
    Failed,
    /// It took too long, and was killed.
    TooLong,
}

impl Place {
    /// Checks the library (`tests` is false), or builds all programs of tests. Safe to repeat.
    pub async fn build(&self, tests: bool) -> Result<Built> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target)
            // Nothing is built twice here but the crate itself, a few times.
            .env("CARGO_INCREMENTAL", "1")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        if tests {
            cargo.args(["test", "--no-run", "--tests"]);
            for package in &self.tested_by {
                cargo.args(["--package", package]);
            }
        } else {
            cargo.args(["check", "--lib", "--package", &self.name]);
        }
        cargo.args(["--locked", "--quiet", "--message-format=json"]);
        let output = cargo.output().await.map_err(Error::io("cannot run", "cargo"))?;
        let mut programs = Vec::new();
        let mut complaints = Vec::new();
        let mut said = String::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(message) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let folder = message["manifest_path"]
                .as_str()
                .and_then(|path| Path::new(path).parent());
            if let (Some(path), Some(folder), true) = (
                message["executable"].as_str(),
                folder,
                message["profile"]["test"] == true,
            ) {
                programs.push(Program {
                    path: path.into(),
                    folder: folder.into(),
                });
            }
            if message["message"]["level"] == "error" {
                said += message["message"]["rendered"].as_str().unwrap_or_default();
                complaints.extend(places(&message["message"]));
            }
        }
        Ok(if output.status.success() {
            Built::Programs(programs)
        } else {
            Built::Complaints(complaints, said)
        })
    }

    fn command(&self, program: &Program, mutant: &str) -> Command {
        let mut command = Command::new(&program.path);
        command
            .current_dir(&program.folder)
            // libtest's own --fail-fast is not stable yet.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("INSTA_UPDATE", "no")
            .env("INSTA_WORKSPACE_ROOT", &self.tree)
            .env("PROPTEST_RNG_SEED", "1")
            .env("MUTANT", mutant)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// The tests that a program has.
    pub async fn tests(&self, program: &Program) -> Result<Vec<Test>> {
        let mut command = self.command(program, "0");
        let output = command
            .args(["--list", "--format=terse"])
            .stdout(Stdio::piped())
            .output()
            .await
            .map_err(Error::io("cannot run", &program.path))?;
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(|name| Test {
                program: program.clone(),
                name: name.to_owned(),
            })
            .collect())
    }

    /// Runs one test by itself, and tells how long it takes and which mutants it reaches. `record` is a file to use for that.
    pub async fn reach(&self, test: &Test, record: &Path) -> Result<(Duration, Vec<u32>)> {
        let _ = std::fs::remove_file(record);
        let begun = Instant::now();
        let mut command = self.command(&test.program, "reached");
        let status = command
            .env("MUTANTS_REACHED", record)
            .args(["--exact", &test.name])
            .status()
            .await
            .map_err(Error::io("cannot run", &test.program.path))?;
        let took = begun.elapsed();
        if !status.success() {
            return Err(Error::Fails(test.name.clone()));
        }
        let reached = std::fs::read_to_string(record).unwrap_or_default();
        Ok((
            took,
            reached.lines().filter_map(|line| line.parse().ok()).collect(),
        ))
    }

    /// Runs tests of one program with a mutant on, up to the first that fails.
    pub async fn run(
        &self,
        program: &Program,
        names: &[&str],
        mutant: u32,
        limit: Duration,
    ) -> Result<Verdict> {
        let mut command = self.command(program, &mutant.to_string());
        command
            .args(["-Zunstable-options", "--fail-fast", "--test-threads=1", "--exact"])
            .args(names);
        let Ok(status) = tokio::time::timeout(limit, command.status()).await else {
            return Ok(Verdict::TooLong);
        };
        let status = status.map_err(Error::io("cannot run", &program.path))?;
        Ok(if status.success() {
            Verdict::Passed
        } else {
            Verdict::Failed
        })
    }
}

fn places(message: &Value) -> Vec<Complaint> {
    let spans = message["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
    let at = |span: &Value, name: &str| span[name].as_u64().and_then(|at| usize::try_from(at).ok());
    spans
        .iter()
        .filter(|span| span["is_primary"] == true)
        .filter_map(|span| {
            let path = PathBuf::from(span["file_name"].as_str()?);
            Some((path, at(span, "byte_start")?..at(span, "byte_end")?))
        })
        .collect()
}

/// Tests by their programs, in the order of `tests`.
pub fn by_program<'a>(tests: &[&'a Test]) -> Vec<(&'a Program, Vec<&'a str>)> {
    let mut places: HashMap<&Program, usize> = HashMap::new();
    let mut found: Vec<(&Program, Vec<&str>)> = Vec::new();
    for test in tests {
        let at = *places.entry(&test.program).or_insert_with(|| {
            found.push((&test.program, Vec::new()));
            found.len() - 1
        });
        found[at].1.push(&test.name);
    }
    found
}
