//! What can go wrong at the operator's desk.

use pipeline::StepError;

/// An error of the command. Nothing is retried here: the operator reads it, and may say the command again; each is safe to
/// repeat.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReachctlError {
    /// There is no such stack, or the account or the region is another one.
    #[error(
        "stack `{stack}` was not found: it has no function `{function}` in this account and region (--profile, --region, \
         --stack): {detail}"
    )]
    NoStack {
        /// The stack.
        stack: String,
        /// The function that was asked for.
        function: String,
        /// What AWS says.
        detail: String,
    },
    /// The stack is of a version that doesn't have what the command needs.
    #[error("function `{function}` has no setting {name}: the stack is of another version than this command")]
    NoSetting {
        /// The function.
        function: String,
        /// The environment variable.
        name: String,
    },
    /// There is no local run of this name.
    #[error("no local run `{run}`: {path} can't be read ({detail}); start one with `infra/local/run --keep`")]
    NoLocalRun {
        /// The run's name.
        run: String,
        /// Where it would stand.
        path: String,
        /// Why it can't be read.
        detail: String,
    },
    /// A call to AWS failed.
    #[error("{action} failed: {detail}")]
    Aws {
        /// The call.
        action: &'static str,
        /// What AWS says.
        detail: String,
    },
    /// The extend-keys function ended with an error.
    #[error("the extend-keys function failed: {detail}")]
    Function {
        /// What it says.
        detail: String,
    },
    /// A key can't be extended now.
    #[error("the key of task {task_id} was not extended: {why}")]
    NotExtended {
        /// The task.
        task_id: String,
        /// Why.
        why: &'static str,
    },
    /// The file to hand in can't be read.
    #[error("{path} can't be read: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file that was handed in can't be used.
    #[error("the file was refused, and task {task_id} waits on:{findings}")]
    Refused {
        /// The task.
        task_id: String,
        /// A line for each thing that is wrong with it.
        findings: String,
    },
    /// The task doesn't wait for people.
    #[error(
        "task {task_id} doesn't wait for anybody to hand something in; `reachctl show {task_id}` tells how it is"
    )]
    NobodyWaits {
        /// The task.
        task_id: String,
    },
    /// What was asked for can't be done to the task.
    #[error("{0}")]
    Task(#[from] StepError),
}

impl ReachctlError {
    /// A call that failed.
    pub(crate) fn aws<E: std::error::Error>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Aws {
            action,
            detail: chain(&error),
        }
    }
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A result of the command.
pub type Result<T> = std::result::Result<T, ReachctlError>;
