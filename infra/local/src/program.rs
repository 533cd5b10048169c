//! Programs that a run starts: none outlives it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use crate::error::{LocalError, Result};
use crate::layout::tail;

/// A command with an environment of its own: `PATH` and what is given, nothing else of the user's.
pub(crate) fn command(program: &Path, environment: &[(&str, &OsStr)]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.env("LANG", "C.UTF-8").envs(environment.iter().copied());
    command
}

/// Sends a command's output to a log.
pub(crate) fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let file = std::fs::File::create(log).map_err(LocalError::file(log))?;
    let copy = file.try_clone().map_err(LocalError::file(log))?;
    command.stdout(file).stderr(copy);
    Ok(())
}

/// Runs a command to its end; its failure comes with the end of its output. `what` names it to the reader.
pub(crate) async fn run(mut command: Command, what: &str, log: &Path) -> Result<()> {
    logged(&mut command, log)?;
    let status = command.status().await.map_err(|source| LocalError::Start {
        program: what.to_owned(),
        source,
    })?;
    if status.success() {
        return Ok(());
    }
    Err(LocalError::Program {
        program: what.to_owned(),
        log: log.to_owned(),
        tail: tail(log),
    })
}

/// Runs its arguments, and ends their whole process group once its own standard input is at its end. Asked to end, it waits
/// for them to do so.
const WATCH: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{ read -r _ <&3; kill -KILL 0; } &
trap : TERM
wait $program
wait $program
"#;

/// A program that runs in a process group of its own, with all that it starts. Dropped, the group is ended; and it ends by
/// itself when this process is gone, in whatever way: the watcher's standard input is a pipe that only we hold open.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    group: Option<Pid>,
}

impl Group {
    /// Starts `program` with an environment as of [`command`]; `prepare` adds what else it needs. `what` names it to the
    /// reader.
    pub(crate) fn start(
        program: &Path,
        environment: &[(&str, &OsStr)],
        what: &str,
        prepare: impl FnOnce(&mut Command) -> Result<()>,
    ) -> Result<Self> {
        let mut command = command(Path::new("/bin/sh"), environment);
        command.args(["-c", WATCH, "sh"]).arg(program);
        prepare(&mut command)?;
        let child = command
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| LocalError::Start {
                program: what.to_owned(),
                source,
            })?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Self { child, group })
    }

    /// Whether the program has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end, waits a little, then ends whatever is left of the group.
    pub(crate) async fn end(mut self) {
        self.signal(Signal::TERM);
        // Its answer is of no interest: what is left is killed with the drop.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // An error means that the group is gone already.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
    use tokio::process::ChildStdout;

    #[tokio::test]
    async fn a_group_ends_with_all_that_it_started() {
        let (group, output) = family().await;
        drop(group);
        assert_ends(output).await;
    }

    #[tokio::test]
    async fn a_group_ends_with_whoever_started_it() {
        let (mut group, output) = family().await;
        // As when this process is killed: the system closes what it held open.
        drop(group.child.stdin.take());
        assert_ends(output).await;
    }

    #[tokio::test]
    async fn a_program_that_ends_by_itself_is_seen_to() {
        let mut group = Group::start(Path::new("/bin/true"), &[], "true", |_| Ok(())).unwrap();
        let ended = async {
            while !group.has_ended() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended)
            .await
            .unwrap();
    }

    /// A shell that has started a program of its own, which holds the output open as long as it lives.
    async fn family() -> (Group, BufReader<ChildStdout>) {
        let mut group = Group::start(Path::new("/bin/sh"), &[], "sh", |shell| {
            shell
                .args(["-c", "sleep 600 & echo started; wait"])
                .stdout(Stdio::piped());
            Ok(())
        })
        .unwrap();
        let mut output = BufReader::new(group.child.stdout.take().unwrap());
        let mut text = String::new();
        output.read_line(&mut text).await.unwrap();
        assert_eq!(text, "started\n");
        assert!(!group.has_ended());
        (group, output)
    }

    async fn assert_ends(mut output: BufReader<ChildStdout>) {
        let mut rest = String::new();
        let to_the_end = output.read_to_string(&mut rest);
        tokio::time::timeout(Duration::from_secs(10), to_the_end)
            .await
            .expect("the grandchild lives on")
            .unwrap();
    }

    #[tokio::test]
    async fn a_failed_program_comes_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = command(Path::new("/bin/sh"), &[]);
        shell.args(["-c", "echo all went wrong >&2; exit 3"]);
        let error = run(shell, "the shell", &folder.path().join("sh.log"))
            .await
            .unwrap_err();
        assert!(error.to_string().ends_with("all went wrong"), "{error}");
    }

    #[tokio::test]
    async fn nothing_of_the_users_environment_comes_in() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("env.log");
        run(
            command(Path::new("/usr/bin/env"), &[("GIVEN", OsStr::new("1"))]),
            "env",
            &log,
        )
        .await
        .unwrap();
        let mut names: Vec<String> = std::fs::read_to_string(&log)
            .unwrap()
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["GIVEN", "LANG", "PATH"]);
    }
}
