//! The operator's command: commands, and what each prints.
//!
//! What lives here: the command line, finding the stack, and the form of the answers. What an operator may do to a task, and
//! under which rules, is [`pipeline::operator`].

pub mod error;
pub mod queues;
pub mod show;
pub mod stack;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use kaltura::{PartnerId, TaskId};
use pipeline::handin::HandedIn;
use pipeline::operator::Wanted;
use pipeline::ports::{Clock as _, SystemClock};
use pipeline::record::{TaskRecord, TaskState};
use serde::Serialize;
use serde_json::json;

use crate::error::{ReachctlError, Result};
use crate::queues::Which;
use crate::show::{Now, Row};
use crate::stack::{LocalRun, Stack, sdk_of};

/// Looks at the tasks of a stack, and does by hand what the pipeline doesn't do by itself.
///
/// Credentials come from where the AWS command line takes them: the environment, a profile, a role. For a profile of IAM
/// Identity Center: eval "$(aws configure export-credentials --profile NAME --format env)".
#[derive(Debug, Parser)]
#[command(name = "reachctl", version)]
pub struct Arguments {
    /// A profile of the AWS configuration.
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// The region of the stack; the profile's where nothing is said.
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    /// The stack's name.
    #[arg(
        long,
        global = true,
        env = "REACH_STACK",
        default_value = "reach",
        value_name = "NAME"
    )]
    stack: String,
    /// The stack of a local run (`infra/local/run --keep`) in place of one on AWS.
    #[arg(long, global = true, value_name = "RUN", num_args = 0..=1, default_missing_value = "run",
          conflicts_with_all = ["profile", "region"])]
    local: Option<String>,
    /// Who is at work, as the tasks' histories show.
    #[arg(
        long = "as",
        global = true,
        env = "USER",
        default_value = "an operator",
        value_name = "NAME"
    )]
    operator: String,
    /// JSON for scripts in place of text for people.
    #[arg(long, global = true)]
    json: bool,
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List tasks, the oldest first: those that have not ended, where no state is named.
    List {
        /// Only tasks in this state; may be repeated. One that has ended is looked for in the whole table.
        #[arg(long, value_enum)]
        state: Vec<State>,
        /// Only tasks of this customer.
        #[arg(long, value_name = "PARTNER_ID")]
        customer: Option<i64>,
        /// At most so many.
        #[arg(long, default_value_t = 200, value_name = "NUMBER")]
        limit: usize,
    },
    /// Show one task, with its history and the customer's notes.
    Show {
        /// The task.
        task_id: TaskId,
    },
    /// Let a task go on as a new attempt now; what runs is stopped, and its function waited out. Also takes back a `fail` that
    /// has not come about.
    Retry {
        /// The task.
        task_id: TaskId,
    },
    /// Hold a task back for a time; what runs is stopped. Kaltura is told nothing.
    Park {
        /// The task.
        task_id: TaskId,
        /// For how long, as 90m, 12h or 3days.
        #[arg(long = "for", value_parser = humantime::parse_duration, value_name = "TIME")]
        time: Duration,
        /// Why, for the history.
        #[arg(long, default_value = "no reason given")]
        why: String,
    },
    /// End a task with ERROR, for good: the customer is refunded and reads the text.
    Fail {
        /// The task.
        task_id: TaskId,
        /// What the customer reads: what went wrong, and what to do about it.
        #[arg(long, value_parser = customer_text)]
        text: String,
    },
    /// Upload the page of people who do orders, as its build leaves it.
    Page {
        /// The folder with `index.html` and `assets/`.
        folder: PathBuf,
    },
    /// Hand in what people made for a task that waits for it: captions (SRT, WebVTT, DFXP), a script or chapters (the same), or a
    /// finished sound track (whatever ffmpeg reads). It is checked first; what is refused changes nothing.
    Submit {
        /// The task.
        task_id: TaskId,
        /// The file.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Send nothing more: orders are kept, and what was sent is worked to its end.
    Drain {
        /// Why, for whoever finds the gate closed.
        #[arg(long, default_value = "no reason given")]
        why: String,
    },
    /// Send again after a drain.
    Resume,
    /// Say whether the gate is open.
    Gate,
    /// The dead-letter queues.
    #[command(subcommand)]
    Dlq(Dlq),
    /// Tokens of live captions. They are secrets: whoever has one may use it.
    #[command(subcommand)]
    Live(Live),
    /// Extend the access key of a task now, whenever it would expire.
    ExtendKey {
        /// The task.
        task_id: TaskId,
    },
}

#[derive(Debug, Subcommand)]
enum Dlq {
    /// Show what lies there.
    Show,
    /// Send each order there once more.
    Redrive,
    /// Delete what lies in a queue. Nothing is lost by that: poll sends again, and schedules call again.
    Purge {
        /// Which queue.
        queue: Which,
    },
}

#[derive(Debug, Subcommand)]
enum Live {
    /// Print the account's token, to be given to Kaltura once.
    Account,
    /// Print where the words of a live event go, and the token for it: for a stenographer's program.
    Words {
        /// The task.
        task_id: TaskId,
    },
}

/// The states of a task, as they are named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Kept,
    Queued,
    Running,
    Parked,
    Delivered,
    Failed,
    Gone,
    LeftAlone,
}

impl From<State> for TaskState {
    fn from(state: State) -> Self {
        match state {
            State::Kept => Self::Kept,
            State::Queued => Self::Queued,
            State::Running => Self::Running,
            State::Parked => Self::Parked,
            State::Delivered => Self::Delivered,
            State::Failed => Self::Failed,
            State::Gone => Self::Gone,
            State::LeftAlone => Self::LeftAlone,
        }
    }
}

fn customer_text(text: &str) -> std::result::Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("the customer must be told something".to_owned()),
        1..=1_000 => Ok(text.to_owned()),
        long => Err(format!("has {long} characters, expected 1,000 at most")),
    }
}

/// Does what the arguments say, and answers what to print.
pub async fn run(arguments: &Arguments) -> Result<String> {
    let (sdk, name) = if let Some(run) = &arguments.local {
        let local = LocalRun::read(run, &local_run_path(run))?;
        (local.sdk().await, local.stack)
    } else {
        let sdk = sdk_of(arguments.profile.as_deref(), arguments.region.as_deref()).await;
        (sdk, arguments.stack.clone())
    };
    let stack = Stack::find(&sdk, &name, &arguments.operator).await?;
    let say = Say {
        json: arguments.json,
        now: Now {
            epoch_s: SystemClock.now_epoch_s(),
        },
    };
    command(&stack, &arguments.command, &say).await
}

async fn command(stack: &Stack, command: &Command, say: &Say) -> Result<String> {
    let operator = &stack.operator;
    Ok(match command {
        Command::List {
            state,
            customer,
            limit,
        } => {
            let wanted = Wanted {
                states: state.iter().copied().map(TaskState::from).collect(),
                partner_id: customer.map(PartnerId::from),
            };
            let records = operator.list(&wanted, *limit).await?;
            let rows: Vec<Row> = records.iter().map(Row::of).collect();
            say.this(&rows, || show::tasks(&records, say.now))
        }
        Command::Show { task_id } => {
            let (record, execution) = operator.show(task_id).await?;
            // The task is shown all the same to whoever may not read the bucket.
            let notes = stack.notes(&record).await;
            let notes = notes.unwrap_or_else(|error| Some(format!("can't be read: {error}")));
            // So it is to whoever may not read the streams: an order's event stands in its record.
            let stream = stack.stream(&record).await.unwrap_or_default();
            let json = show::record_json(&record, execution, notes.as_deref());
            say.this(&json, || {
                show::task(&record, execution, notes.as_deref(), stream.as_ref(), say.now)
            })
        }
        Command::Retry { task_id } => say.held(&operator.retry(task_id).await?),
        Command::Park { task_id, time, why } => say.held(&operator.park(task_id, time.as_secs(), why).await?),
        Command::Fail { task_id, text } => say.held(&operator.fail(task_id, text).await?),
        Command::Submit { task_id, file } => submit(stack, task_id, file, say).await?,
        Command::Page { folder } => {
            let files = stack.upload_page(folder).await?;
            say.this(&json!({ "files": files }), || {
                format!("the page is up: {files} files\n")
            })
        }
        Command::Drain { why } => {
            let closed = operator.drain(why).await?;
            say.this(&json!({ "closed": closed }), || {
                show::gate(Some(&closed), say.now)
            })
        }
        Command::Resume => {
            operator.resume().await?;
            say.this(&json!({ "closed": null }), || show::gate(None, say.now))
        }
        Command::Gate => {
            let closed = operator.gate.closed().await?;
            say.this(&json!({ "closed": closed }), || {
                show::gate(closed.as_ref(), say.now)
            })
        }
        Command::Dlq(Dlq::Show) => {
            let letters = stack.letters.look().await?;
            say.this(&letters, || show::letters(&letters))
        }
        Command::Dlq(Dlq::Redrive) => {
            let sent = stack.letters.redrive_orders().await?;
            say.this(&json!({ "sent": sent }), || {
                format!("{sent} orders sent once more\n")
            })
        }
        Command::Dlq(Dlq::Purge { queue }) => {
            let deleted = stack.letters.purge(*queue).await?;
            say.this(&json!({ "deleted": deleted }), || {
                format!("{deleted} messages deleted\n")
            })
        }
        Command::Live(Live::Account) => {
            let (tokens, door_url) = stack.live().await?;
            let token = tokens.account().reveal().to_owned();
            let auth_url = format!("{door_url}/live/auth");
            say.this(&json!({ "token": token, "auth_url": auth_url }), || {
                format!("token   {token}\naddress {auth_url}\n")
            })
        }
        Command::Live(Live::Words { task_id }) => {
            let (tokens, door_url) = stack.live().await?;
            let token = tokens.engine(task_id).reveal().to_owned();
            let captions_url = format!("{door_url}/live/streams/{task_id}/captions");
            say.this(&json!({ "token": token, "captions_url": captions_url }), || {
                format!("token   {token}\naddress {captions_url}\n")
            })
        }
        Command::ExtendKey { task_id } => {
            stack.extend_key(task_id).await?;
            let (record, _) = operator.show(task_id).await?;
            let expires_epoch_s = record.key_expires_epoch_s;
            say.this(
                &json!({ "task_id": task_id.as_str(), "key_expires_epoch_s": expires_epoch_s }),
                || {
                    format!(
                        "the key of task {task_id} expires {}\n",
                        say.now.tell(expires_epoch_s)
                    )
                },
            )
        }
    })
}

/// Hands a file in; what the customer's order doesn't allow is an error that says why.
async fn submit(stack: &Stack, task_id: &TaskId, file: &Path, say: &Say) -> Result<String> {
    match stack.hand_in(task_id, file).await? {
        HandedIn::Taken { what, warnings } => {
            let json = json!({ "task_id": task_id.as_str(), "taken": what, "warnings": warnings });
            Ok(say.this(&json, || {
                let lines = warnings.iter().map(|finding| format!("  {}\n", finding.text));
                let lines: String = lines.collect();
                format!("taken as the {what} of task {task_id}, which goes on\n{lines}")
            }))
        }
        HandedIn::Refused(findings) => {
            let lines = findings.iter().map(|finding| format!("\n  {}", finding.text));
            Err(ReachctlError::Refused {
                task_id: task_id.to_string(),
                findings: lines.collect(),
            })
        }
        HandedIn::NobodyWaits => Err(ReachctlError::NobodyWaits {
            task_id: task_id.to_string(),
        }),
    }
}

/// How answers are given.
struct Say {
    json: bool,
    now: Now,
}

impl Say {
    fn this(&self, json: &impl Serialize, text: impl FnOnce() -> String) -> String {
        if self.json {
            serde_json::to_string_pretty(json).unwrap_or_default() + "\n"
        } else {
            text()
        }
    }

    fn held(&self, record: &TaskRecord) -> String {
        self.this(&Row::of(record), || show::held(record, self.now))
    }
}

/// Where a local run leaves what this command needs.
fn local_run_path(run: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |path| root.join(path));
    target.join("local").join(run).join("aws.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_wrong_word_says_what_was_expected() {
        let told = |line: &str| {
            Arguments::try_parse_from(line.split('|'))
                .unwrap_err()
                .to_string()
        };
        assert!(told("reachctl|list|--state|done").contains("possible values: kept, queued"));
        assert!(told("reachctl|park|7|--for|soon").contains("expected number"));
        assert!(told("reachctl|fail|7|--text| ").contains("the customer must be told something"));
        assert!(told("reachctl|show|seven").contains("seven"));
        assert!(told("reachctl|--local|--profile|x|gate").contains("cannot be used with"));
    }

    /// What an operator is to be able to do, each by its own words.
    #[test]
    fn there_is_a_command_for_each_need() {
        for line in [
            "list",
            "list --state parked --state running --customer 101 --limit 5",
            "show 9292",
            "retry 9292",
            "park 9292 --for 12h --why holidays",
            "fail 9292 --text silent",
            "submit 9292 --file captions.srt",
            "drain --why upgrade",
            "resume",
            "gate",
            "dlq show",
            "dlq redrive",
            "dlq purge orders",
            "dlq purge schedules",
            "extend-key 9292",
        ] {
            for of in [
                "reachctl",
                "reachctl --json --profile staging --region eu-central-1",
                "reachctl --local e2e",
            ] {
                let words = of.split(' ').chain(line.split(' '));
                let arguments = Arguments::try_parse_from(words);
                let arguments = arguments.unwrap_or_else(|error| panic!("{of} {line}: {error}"));
                assert_eq!(arguments.json, of.contains("--json"), "{line}");
            }
        }
    }

    /// The same answer, for people and for scripts.
    #[test]
    fn what_was_done_is_told_to_people_and_to_scripts() {
        let now = Now { epoch_s: 1_000_000 };
        let mut record = pipeline::memory::sample_record("9292".parse().unwrap());
        record.park(now.epoch_s, "out of retries");
        let told = |json| Say { json, now }.held(&record);
        assert_eq!(
            told(false),
            "task 9292 is held, and goes on as attempt 2 in 10m\n"
        );
        let json: serde_json::Value = serde_json::from_str(&told(true)).unwrap();
        assert_eq!(
            (&json["task_id"], &json["state"], &json["due_epoch_s"]),
            (&json!("9292"), &json!("Parked"), &json!(1_000_600))
        );
        assert_eq!(json["last"], "parked for 600 s: out of retries");
    }
}
