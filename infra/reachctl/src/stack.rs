//! The stack that a command is for: found by its name, from the settings that its own functions have.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationError;
use kaltura::TaskId;
use pipeline::StepError;
use pipeline::aws::dynamodb::Table;
use pipeline::aws::s3::Bucket;
use pipeline::aws::states::StateMachine;
use pipeline::config::Env;
use pipeline::context::Builder;
use pipeline::handin::{self, Handed, HandedIn};
use pipeline::live::{LiveStream, LiveTokens};
use pipeline::operator::Operator;
use pipeline::plan::Order;
use pipeline::ports::{ObjectStore as _, SystemClock};
use pipeline::record::TaskRecord;
use pipeline::steps::extend_keys::ExtendReport;
use serde::{Deserialize, Serialize};

use crate::error::{ReachctlError, Result, chain};
use crate::queues::Letters;

/// What a local run leaves for this command, `target/local/NAME/aws.json`. Its credentials are the emulator's, worth nothing
/// anywhere else.
#[derive(Clone, Serialize, Deserialize)]
pub struct LocalRun {
    /// The emulator's address.
    pub endpoint_url: String,
    /// The region.
    pub region: String,
    /// The key id of the emulated account's root, and its secret as well.
    pub root_key: String,
    /// The stack's name.
    pub stack: String,
}

impl LocalRun {
    /// Reads what the run has left.
    pub fn read(run: &str, path: &Path) -> Result<Self> {
        let missing = |detail: String| ReachctlError::NoLocalRun {
            run: run.to_owned(),
            path: path.display().to_string(),
            detail,
        };
        let json = std::fs::read(path).map_err(|error| missing(error.to_string()))?;
        serde_json::from_slice(&json).map_err(|error| missing(error.to_string()))
    }

    /// The configuration of SDK clients for it.
    pub async fn sdk(&self) -> SdkConfig {
        let root = Credentials::new(&self.root_key, &self.root_key, None, None, "local run");
        aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint_url)
            .region(Region::new(self.region.clone()))
            .credentials_provider(root)
            .load()
            .await
    }
}

/// The configuration of SDK clients: of this profile and region, or those of the environment.
pub async fn sdk_of(profile: Option<&str>, region: Option<&str>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    loader.load().await
}

/// A stack, found.
pub struct Stack {
    name: String,
    sdk: SdkConfig,
    lambda: aws_sdk_lambda::Client,
    /// What may be done to its tasks.
    pub operator: Operator,
    /// Its dead-letter queues.
    pub letters: Letters,
}

impl Stack {
    /// Finds a stack by the settings of its functions: nothing else needs to be known or configured. `operator_name` stands in
    /// the histories of the tasks that are changed.
    pub async fn find(sdk: &SdkConfig, name: &str, operator_name: &str) -> Result<Self> {
        let lambda = aws_sdk_lambda::Client::new(sdk);
        let poll = Settings::of(&lambda, name, "poll").await?;
        let reconcile = Settings::of(&lambda, name, "reconcile").await?;
        let table = Arc::new(Table::new(
            aws_sdk_dynamodb::Client::new(sdk),
            poll.get("TASKS_TABLE")?,
        ));
        let executions =
            StateMachine::new(aws_sdk_sfn::Client::new(sdk), reconcile.get("STATE_MACHINE_ARN")?);
        let schedules_arn = on_failure(&lambda, &poll.function).await?;
        let letters = Letters::new(
            aws_sdk_sqs::Client::new(sdk),
            poll.get("ORDERS_QUEUE_URL")?,
            schedules_arn,
        );
        Ok(Self {
            name: name.to_owned(),
            sdk: sdk.clone(),
            lambda,
            operator: Operator {
                tasks: table.clone(),
                executions: Arc::new(executions),
                gate: table,
                clock: Arc::new(SystemClock),
                name: operator_name.to_owned(),
            },
            letters,
        })
    }

    /// Puts a file into the bucket for a task that waits for people, and has it taken for what they were to make. The operator's
    /// own credentials do it: they may write to the bucket and complete the waits of the state machine. Safe to repeat: a file
    /// that was refused may be followed by another, and a task that has gone on takes none.
    pub async fn hand_in(&self, task_id: &TaskId, file: &Path) -> Result<HandedIn> {
        let unreadable = |source| ReachctlError::File {
            path: file.display().to_string(),
            source,
        };
        std::fs::File::open(file).map_err(unreadable)?;
        let ctx = self.builder().await?.with_objects()?.with_completions().build()?;
        let record = ctx
            .tasks
            .load(task_id)
            .await?
            .ok_or_else(|| StepError::RecordMissing {
                task_id: task_id.to_string(),
            })?;
        if !handin::is_waited_for(&record) {
            return Ok(HandedIn::NobodyWaits);
        }
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let key = handin::key_of(&record, name);
        ctx.objects()?
            .upload(&key, file, "application/octet-stream")
            .await?;
        Ok(handin::run(&ctx, task_id, &Handed::File(key), None).await?)
    }

    /// Uploads the page of people who do orders: a folder with `index.html` and `assets/`, as its build leaves it. The files whose
    /// names have a hash come first and those of former builds stay, so that no open page misses one. Safe to repeat. Answers how
    /// many files there were.
    pub async fn upload_page(&self, folder: &Path) -> Result<usize> {
        let unreadable = |path: &Path| {
            let path = path.display().to_string();
            move |source| ReachctlError::File { path, source }
        };
        let people = Settings::of(&self.lambda, &self.name, "people").await?;
        let files = Bucket::new(&self.sdk, people.get("PAGE_BUCKET")?);
        let index = folder.join("index.html");
        std::fs::File::open(&index).map_err(unreadable(&index))?;
        let assets = folder.join("assets");
        let mut count = 0;
        for entry in std::fs::read_dir(&assets).map_err(unreadable(&assets))? {
            let path = entry.map_err(unreadable(&assets))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            files
                .upload(&format!("page/assets/{name}"), &path, "application/octet-stream")
                .await?;
            count += 1;
        }
        files.upload("page/index.html", &index, "text/html").await?;
        Ok(count + 1)
    }

    /// The customer's notes on a task, as claim has stored them with the order: `None` where there are none, before the claim, and
    /// once the order was deleted. The operator's own credentials read the bucket.
    pub async fn notes(&self, record: &TaskRecord) -> Result<Option<String>> {
        let Some(key) = &record.order_key else {
            return Ok(None);
        };
        let ctx = self.builder().await?.with_objects()?.build()?;
        let Some(order) = ctx.objects()?.get(key).await? else {
            return Ok(None);
        };
        let order: Order = serde_json::from_slice(&order).map_err(|error| StepError::RecordUnreadable {
            what: key.clone(),
            detail: error.to_string(),
        })?;
        Ok(order.notes)
    }

    /// The tokens of live captions, and the address of the stack's door. The operator's own credentials read the secret.
    pub async fn live(&self) -> Result<(Arc<LiveTokens>, String)> {
        let live = Settings::of(&self.lambda, &self.name, "live").await?;
        let door_url = live.get("DOOR_URL")?;
        let ctx = self.builder_of(&live)?.with_live_tokens().await?.build()?;
        Ok((ctx.live_tokens()?.clone(), door_url))
    }

    /// The stream of a live order, as long as it has one; `None` for every other order.
    pub async fn stream(&self, record: &TaskRecord) -> Result<Option<LiveStream>> {
        if record.live.is_none() {
            return Ok(None);
        }
        let ctx = self.builder().await?.with_streams()?.build()?;
        Ok(ctx.streams()?.load(&record.task_id).await?)
    }

    /// What the functions of the stack work with, by their settings.
    async fn builder(&self) -> Result<Builder> {
        self.builder_of(&Settings::of(&self.lambda, &self.name, "process").await?)
    }

    fn builder_of(&self, function: &Settings) -> Result<Builder> {
        let settings = function.variables.iter();
        let mut settings: Vec<(&str, &str)> = settings
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        // A local run's stand-in has no certificate, and its functions know by the emulator. Kaltura isn't called here.
        if function
            .get("KALTURA_SERVICE_URL")?
            .starts_with("http://127.0.0.1:")
        {
            settings.push(("REACH_ALLOW_LOOPBACK", "true"));
        }
        Ok(Builder::of(Env::of(&settings), self.sdk.clone())?)
    }

    /// Has the extend-keys function extend a task's key now. It has the rights and the app token, which the operator needn't
    /// have. Safe to repeat: the former key stays valid.
    pub async fn extend_key(&self, task_id: &TaskId) -> Result<()> {
        let event = serde_json::json!({ "task_id": task_id.as_str() }).to_string();
        let answer = self
            .lambda
            .invoke()
            .function_name(format!("{}-extend-keys", self.name))
            .qualifier(ALIAS)
            .payload(event.into_bytes().into())
            .send()
            .await
            .map_err(ReachctlError::aws("Invoke"))?;
        let payload = answer.payload.unwrap_or_else(|| Vec::new().into());
        let told = String::from_utf8_lossy(payload.as_ref()).into_owned();
        if answer.function_error.is_some() {
            return Err(ReachctlError::Function { detail: told });
        }
        let report: ExtendReport =
            serde_json::from_str(&told).map_err(|_| ReachctlError::Function { detail: told })?;
        let why = match (report.extended, report.gone) {
            (1.., _) => return Ok(()),
            (0, 1..) => "the task is gone at kaltura",
            (0, 0) if report.failed > 0 => "kaltura refused it; the function's log says why",
            (0, 0) => "a key is extended from the claim on, until the task ends",
        };
        Err(ReachctlError::NotExtended {
            task_id: task_id.to_string(),
            why,
        })
    }
}

/// The alias that is live.
const ALIAS: &str = "live";

/// The settings of a function.
struct Settings {
    function: String,
    variables: HashMap<String, String>,
}

impl Settings {
    async fn of(lambda: &aws_sdk_lambda::Client, stack: &str, name: &str) -> Result<Self> {
        let function = format!("{stack}-{name}");
        let answer = lambda
            .get_function_configuration()
            .function_name(&function)
            .qualifier(ALIAS)
            .send()
            .await
            .map_err(|error| {
                let is_missing = error
                    .as_service_error()
                    .is_some_and(GetFunctionConfigurationError::is_resource_not_found_exception);
                if is_missing {
                    ReachctlError::NoStack {
                        stack: stack.to_owned(),
                        function: function.clone(),
                        detail: chain(&error),
                    }
                } else {
                    ReachctlError::aws("GetFunctionConfiguration")(error)
                }
            })?;
        let variables = answer.environment.and_then(|environment| environment.variables);
        Ok(Self {
            function,
            variables: variables.unwrap_or_default(),
        })
    }

    fn get(&self, name: &str) -> Result<String> {
        let value = self.variables.get(name).filter(|value| !value.is_empty());
        value.cloned().ok_or_else(|| ReachctlError::NoSetting {
            function: self.function.clone(),
            name: name.to_owned(),
        })
    }
}

/// Where calls of a function go that failed to the end: the queue of the schedules.
async fn on_failure(lambda: &aws_sdk_lambda::Client, function: &str) -> Result<String> {
    let config = lambda
        .get_function_event_invoke_config()
        .function_name(function)
        .qualifier(ALIAS)
        .send()
        .await
        .map_err(ReachctlError::aws("GetFunctionEventInvokeConfig"))?;
    config
        .destination_config
        .and_then(|config| config.on_failure?.destination)
        .ok_or_else(|| ReachctlError::NoSetting {
            function: function.to_owned(),
            name: "OnFailure".to_owned(),
        })
}
