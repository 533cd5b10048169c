//! The real state machine (`infra/reach-task.asl.json`), interpreted: task, choice, wait, succeed and fail states with their
//! retries, catches and time-outs, as far as that file uses them.
//!
//! What it doesn't know it refuses with a panic, so that the file can't outgrow it unnoticed. Jitter is drawn from the
//! story's chance.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kaltura::TaskId;
use pipeline::ports::ExecutionState;
use serde_json::Value;

use crate::lock;

const DEFINITION: &str = include_str!("../../../infra/reach-task.asl.json");

/// An execution.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The task.
    pub task_id: TaskId,
    /// The attempt.
    pub attempt: u32,
    /// The state that it is in.
    pub state: String,
    /// When it goes on.
    pub at_epoch_s: u64,
    /// What states have put beside the input, by their result paths.
    data: Value,
    /// How often each retry rule of the present state was used.
    retries: BTreeMap<usize, u32>,
    /// The token that it waits for, and until when.
    waits: Option<(String, u64)>,
    /// Tokens that were given out so far.
    tokens: u32,
    /// Whether a function works for it now.
    pub is_busy: bool,
    /// Whether it has ended.
    pub has_ended: bool,
}

/// What is to be done for an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A function is to be called: its name in the template, and whether it gets a task token.
    Call {
        /// `FetchFunctionArn`, say.
        function: String,
        /// The ending that the function is told.
        ending: Option<String>,
        /// The token that completes the wait.
        token: Option<String>,
    },
    /// Nothing: the state was passed.
    Passed,
}

#[derive(Default)]
struct Executions {
    all: BTreeMap<String, Execution>,
    completed: BTreeMap<String, Result<Value, String>>,
    now_epoch_s: u64,
    visited: BTreeMap<String, usize>,
}

/// All executions. Cheap to clone.
#[derive(Clone)]
pub struct Machine {
    definition: Arc<Value>,
    executions: Arc<Mutex<Executions>>,
}

impl Default for Machine {
    fn default() -> Self {
        let definition = serde_json::from_str(DEFINITION).unwrap();
        Self {
            definition: Arc::new(definition),
            executions: Arc::default(),
        }
    }
}

fn name(task_id: &TaskId, attempt: u32) -> String {
    format!("{task_id}-{attempt}")
}

impl Machine {
    /// Tells it the time.
    pub fn set_time(&self, now_epoch_s: u64) {
        lock(&self.executions).now_epoch_s = now_epoch_s;
    }

    /// Starts an execution, unless one of that name was ever started.
    pub fn start(&self, task_id: &TaskId, attempt: u32) {
        let start_at = self.definition["StartAt"].as_str().unwrap().to_owned();
        let mut executions = lock(&self.executions);
        let at_epoch_s = executions.now_epoch_s;
        let execution = Execution {
            task_id: task_id.clone(),
            attempt,
            state: start_at,
            at_epoch_s,
            data: Value::Null,
            retries: BTreeMap::new(),
            waits: None,
            tokens: 0,
            is_busy: false,
            has_ended: false,
        };
        executions.all.entry(name(task_id, attempt)).or_insert(execution);
    }

    /// How an execution is.
    pub fn look(&self, task_id: &TaskId, attempt: u32) -> ExecutionState {
        match lock(&self.executions).all.get(&name(task_id, attempt)) {
            None => ExecutionState::Missing,
            Some(execution) if execution.has_ended => ExecutionState::Ended,
            Some(_) => ExecutionState::Running,
        }
    }

    /// Stops an execution; a function that works for it works on.
    pub fn stop(&self, task_id: &TaskId, attempt: u32) {
        if let Some(execution) = lock(&self.executions).all.get_mut(&name(task_id, attempt)) {
            execution.has_ended = true;
        }
    }

    /// Completes a wait with an output, or fails it by a class. Who comes second comes too late.
    pub fn complete(&self, token: &str, outcome: Result<Value, String>) {
        lock(&self.executions)
            .completed
            .entry(token.to_owned())
            .or_insert(outcome);
    }

    /// How often each state was entered.
    pub fn visited(&self) -> BTreeMap<String, usize> {
        lock(&self.executions).visited.clone()
    }

    /// Those that have something to do by now.
    pub fn due(&self) -> Vec<Execution> {
        let executions = lock(&self.executions);
        let is_due = |execution: &&Execution| {
            let waits_on = execution.waits.as_ref().is_some_and(|(token, until_epoch_s)| {
                !executions.completed.contains_key(token) && executions.now_epoch_s < *until_epoch_s
            });
            !execution.has_ended
                && !execution.is_busy
                && execution.at_epoch_s <= executions.now_epoch_s
                && !waits_on
        };
        executions.all.values().filter(is_due).cloned().collect()
    }

    /// When the next one has something to do; `None` where all have ended or wait for a completion.
    pub fn next_epoch_s(&self) -> Option<u64> {
        let executions = lock(&self.executions);
        let live = executions.all.values().filter(|execution| !execution.has_ended);
        live.map(|execution| {
            let until = execution
                .waits
                .as_ref()
                .map_or(0, |(_, until_epoch_s)| *until_epoch_s);
            execution.at_epoch_s.max(until)
        })
        .min()
    }

    /// Goes on with an execution that is due, as far as the next call of a function.
    pub fn step(&self, execution: &Execution) -> Work {
        let mut executions = lock(&self.executions);
        let now_epoch_s = executions.now_epoch_s;
        *executions.visited.entry(execution.state.clone()).or_default() += 1;
        let Executions { all, completed, .. } = &mut *executions;
        let Some(execution) = all.get_mut(&name(&execution.task_id, execution.attempt)) else {
            return Work::Passed;
        };
        let state = &self.definition["States"][&execution.state];
        if let Some((token, _)) = execution.waits.take() {
            match completed.get(&token) {
                Some(Ok(output)) => {
                    keep(execution, state, output.clone());
                    enter(execution, state, now_epoch_s);
                }
                Some(Err(class)) => failed(execution, state, class, now_epoch_s, 0),
                None => failed(execution, state, "States.Timeout", now_epoch_s, 0),
            }
            return Work::Passed;
        }
        match state["Type"].as_str().unwrap() {
            "Task" => {
                let parameters = &state["Parameters"];
                let function = parameters["FunctionName"].as_str().unwrap();
                let with_token = state["Resource"].as_str().unwrap().ends_with(".waitForTaskToken");
                execution.is_busy = true;
                let token = with_token.then(|| {
                    execution.tokens += 1;
                    format!(
                        "{}-{}",
                        name(&execution.task_id, execution.attempt),
                        execution.tokens
                    )
                });
                Work::Call {
                    function: function.trim_matches(['$', '{', '}']).to_owned(),
                    ending: parameters["Payload"]["ending"].as_str().map(str::to_owned),
                    token,
                }
            }
            "Wait" => {
                let wait_s = at(&execution.data, &state["SecondsPath"]).as_u64().unwrap();
                enter(execution, state, now_epoch_s + wait_s);
                Work::Passed
            }
            "Choice" => {
                let rules = state["Choices"].as_array().unwrap();
                let chosen = rules
                    .iter()
                    .find(|rule| rule["StringEquals"] == *at(&execution.data, &rule["Variable"]));
                let next = chosen.map_or(&state["Default"], |rule| &rule["Next"]);
                go_to(execution, next, now_epoch_s);
                Work::Passed
            }
            "Succeed" | "Fail" => {
                execution.has_ended = true;
                Work::Passed
            }
            other => panic!("the interpreter doesn't know states of type {other}"),
        }
    }

    /// A function has answered, with its output or with the name of its error. `jitter` is a share of the pause, in percent.
    pub fn answered(
        &self,
        execution: &Execution,
        token: Option<String>,
        outcome: Result<Value, String>,
        jitter: u64,
    ) {
        let mut executions = lock(&self.executions);
        let now_epoch_s = executions.now_epoch_s;
        let key = name(&execution.task_id, execution.attempt);
        let Some(execution) = executions.all.get_mut(&key).filter(|one| !one.has_ended) else {
            return;
        };
        execution.is_busy = false;
        let state = &self.definition["States"][&execution.state];
        match (outcome, token) {
            (Ok(_), Some(token)) => {
                let limit_s = state["TimeoutSeconds"].as_u64().unwrap();
                execution.waits = Some((token, now_epoch_s + limit_s));
            }
            (Ok(output), None) => {
                keep(execution, state, output);
                enter(execution, state, now_epoch_s);
            }
            (Err(error), _) => failed(execution, state, &error, now_epoch_s, jitter),
        }
    }
}

/// Puts an output where the state's result path says; a path of null drops it.
fn keep(execution: &mut Execution, state: &Value, output: Value) {
    if let Some(name) = state["ResultPath"].as_str() {
        execution.data[name.strip_prefix("$.").unwrap()] = output;
    }
}

/// What stands at a path like `$.upload.wait_s`.
fn at<'v>(data: &'v Value, path: &Value) -> &'v Value {
    let path = path.as_str().unwrap().strip_prefix("$.").unwrap();
    path.split('.').fold(data, |value, name| &value[name])
}

/// On to the state's next one.
fn enter(execution: &mut Execution, state: &Value, at_epoch_s: u64) {
    go_to(execution, &state["Next"], at_epoch_s);
}

fn go_to(execution: &mut Execution, next: &Value, at_epoch_s: u64) {
    next.as_str().unwrap().clone_into(&mut execution.state);
    execution.at_epoch_s = at_epoch_s;
    execution.retries.clear();
}

/// Whether a rule is for an error.
fn matches(rule: &Value, error: &str) -> bool {
    let names = rule["ErrorEquals"].as_array().unwrap();
    names.iter().any(|name| name == error || name == "States.ALL")
}

/// Tries again, or goes where the error is caught; uncaught, the execution ends.
fn failed(execution: &mut Execution, state: &Value, error: &str, now_epoch_s: u64, jitter: u64) {
    let rules = state["Retry"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some((index, rule)) = rules.iter().enumerate().find(|(_, rule)| matches(rule, error)) {
        let used = execution.retries.entry(index).or_default();
        if u64::from(*used) < rule["MaxAttempts"].as_u64().unwrap() {
            let first_s = rule["IntervalSeconds"].as_u64().unwrap();
            let rate = rule["BackoffRate"].as_u64().unwrap();
            let pause_s = first_s.saturating_mul(rate.saturating_pow(*used));
            let pause_s = pause_s.min(rule["MaxDelaySeconds"].as_u64().unwrap_or(u64::MAX));
            *used += 1;
            let share = if rule["JitterStrategy"] == "FULL" {
                jitter.min(100)
            } else {
                100
            };
            execution.at_epoch_s = now_epoch_s + pause_s * share / 100;
            return;
        }
    }
    let rules = state["Catch"].as_array().map(Vec::as_slice).unwrap_or_default();
    match rules.iter().find(|rule| matches(rule, error)) {
        Some(rule) => go_to(execution, &rule["Next"], now_epoch_s),
        None => execution.has_ended = true,
    }
}
