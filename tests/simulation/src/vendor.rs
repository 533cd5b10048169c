//! The vendor: its functions, each run with ports of its own, as a fresh process would have them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use captions::Transcript;
use engines::{
    Capabilities, Capability, CompletionToken, Engine, EngineSet, EngineVersion, JobFiles, JobRequest,
    JobResult, Output, Progress, RESULT_VERSION, WorkKind,
};
use kaltura::{Client, ClientConfig, PartnerId, ServiceUrl, TaskId};
use kaltura_sim::SimHandle;
use pipeline::config::{Config, Env};
use pipeline::context::{Context, Parts};
use pipeline::live::{self, ConnectionId, EndReason, LiveInput, LiveTokens, Refused};
use pipeline::memory::{
    FixedAppToken, ManualClock, MemoryObjects, MemorySockets, MemoryStreams, MemoryTable,
};
use pipeline::operator::Operator;
use pipeline::record::TaskRecord;
use pipeline::session::VendorSessions;
use pipeline::steps::fail::Ending;
use pipeline::steps::process::ProcessInput;
use pipeline::steps::{
    OrderMessage, StepInput, claim, extend_keys, fail, fetch, finalize, live as life, poll, process,
    reconcile, render, sweep, upload,
};
use serde_json::{Value, json};
use step_world::{InProcess, spoken};

use crate::chaos::{Chaos, Run};
use crate::machine::{Execution, Machine};
use crate::ports::{Bucket, Calls, Media, Queue, Sent, SkewedClock, States, Streams, Table, Websocket};

/// What all functions share.
pub struct Vendor {
    pub sim: Arc<SimHandle>,
    pub url: ServiceUrl,
    pub chaos: Chaos,
    pub time: Arc<ManualClock>,
    pub table: Arc<MemoryTable>,
    pub objects: MemoryObjects,
    pub streams: Arc<MemoryStreams>,
    pub sockets: Arc<MemorySockets>,
    pub sent: Sent,
    pub machine: Machine,
    pub config: Config,
    pub broken: Arc<dyn Fn(&TaskRecord) + Send + Sync>,
    /// How long an answer is waited for; `None` as usual.
    pub time_out: Option<Duration>,
}

/// The settings of a vendor of this stand-in.
pub fn config(sim: &SimHandle, with_transcripts: bool) -> Config {
    let partner = sim.vendor_partner_id().to_string();
    let env = Env::of(&[
        ("KALTURA_SERVICE_URL", sim.service_url()),
        ("VENDOR_PARTNER_ID", &partner),
        ("VENDOR_NAME", "simulated"),
        ("TASKS_TABLE", "tasks"),
        ("APP_TOKEN_SECRET_ARN", "secret"),
        ("PROCESSING_REGION", "US"),
        ("ENABLED_SERVICES", "1,8"),
        ("LIVE_INGEST_URL", "rtmps://live.vendor.example/reach"),
        ("LIVE_CAPTIONS_URL", "wss://captions.vendor.example/live"),
        ("REACH_ALLOW_LOOPBACK", "true"),
        (
            "DELIVER_TRANSCRIPTS",
            if with_transcripts { "true" } else { "false" },
        ),
    ]);
    Config::from_env(&env).unwrap()
}

impl Vendor {
    /// A function's context, of one run.
    fn context(&self, run: &Run) -> Context {
        let sim = &self.sim;
        let mut config = ClientConfig::new(
            self.url.clone(),
            "simulated",
            PartnerId::from(sim.vendor_partner_id().0),
        );
        config.retry.base_delay = Duration::ZERO;
        if let Some(time_out) = self.time_out {
            config.time_outs.quick = time_out;
            config.time_outs.content = time_out;
        }
        let calls = Calls {
            run: run.clone(),
            kaltura: InProcess(sim.clone()),
        };
        let kaltura = Client::with_transport(config, Arc::new(calls)).unwrap();
        let token = json!({
            "id": sim.app_token_id(), "token": sim.app_token(), "hash_type": sim.app_token_hash_type(),
        });
        let app_token = Arc::new(FixedAppToken(serde_json::from_value(token).unwrap()));
        let skew_s = i64::try_from(self.chaos.below(61)).unwrap() - 30;
        let clock = Arc::new(SkewedClock {
            time: self.time.clone(),
            skew_s,
        });
        let table = Arc::new(Table {
            run: run.clone(),
            store: self.table.clone(),
            broken: self.broken.clone(),
        });
        let states = Arc::new(States {
            run: run.clone(),
            machine: self.machine.clone(),
        });
        Context {
            sessions: Arc::new(VendorSessions::new(
                kaltura.clone(),
                table.clone(),
                app_token,
                clock.clone(),
            )),
            config: self.config.clone(),
            clock,
            tasks: table.clone(),
            leases: table.clone(),
            gate: table,
            kaltura,
            parts: Parts {
                queue: Some(Arc::new(Queue {
                    run: run.clone(),
                    sent: self.sent.clone(),
                })),
                objects: Some(Arc::new(Bucket {
                    run: run.clone(),
                    objects: self.objects.clone(),
                })),
                executions: Some(states.clone()),
                completions: Some(states),
                fetcher: Some(Arc::new(Media { run: run.clone() })),
                engines: Some(EngineSet::new(vec![
                    Arc::new(Speaker),
                    Arc::new(engines::live::Live),
                ])),
                streams: Some(Arc::new(Streams {
                    run: run.clone(),
                    store: self.streams.clone(),
                })),
                sockets: Some(Arc::new(Websocket {
                    run: run.clone(),
                    sockets: self.sockets.clone(),
                })),
                live_tokens: Some(Arc::new(
                    LiveTokens::new("a secret of more than thirty-two letters", 1).unwrap(),
                )),
                ..Parts::default()
            },
        }
    }

    /// Polls once; whatever comes of it, the next poll goes on.
    pub async fn poll(&self, holder: String) {
        let run = Run::new(&self.chaos);
        let ctx = self.context(&run);
        run.live(poll::run(&ctx, &holder)).await;
    }

    pub async fn reconcile(&self) {
        let run = Run::new(&self.chaos);
        let ctx = self.context(&run);
        run.live(reconcile::run(&ctx)).await;
    }

    pub async fn extend_keys(&self) {
        let run = Run::new(&self.chaos);
        let ctx = self.context(&run);
        run.live(extend_keys::run(&ctx)).await;
    }

    pub async fn sweep(&self) {
        let run = Run::new(&self.chaos);
        let ctx = self.context(&run);
        run.live(sweep::run(&ctx)).await;
    }

    /// An operator, for one run.
    pub fn operator(&self, run: &Run) -> Operator {
        let ctx = self.context(run);
        Operator {
            tasks: ctx.tasks.clone(),
            executions: ctx.executions().unwrap().clone(),
            gate: ctx.gate.clone(),
            clock: ctx.clock.clone(),
            name: "an operator".to_owned(),
        }
    }

    /// An operator does one thing or another, perhaps to this task; a refusal is an answer like any other.
    pub async fn operate(&self, task_id: TaskId) {
        let run = Run::new(&self.chaos);
        let operator = self.operator(&run);
        let work = async {
            match self.chaos.below(8) {
                0..=2 => drop(operator.retry(&task_id).await),
                3..=4 => drop(operator.park(&task_id, 3_600, "a story").await),
                5 => drop(operator.fail(&task_id, "An operator has ended this.").await),
                6 => drop(operator.drain("a story").await),
                _ => drop(operator.resume().await),
            }
        };
        run.live(work).await;
    }

    /// Whether the message is done with.
    pub async fn claim(&self, task_id: TaskId) -> bool {
        let run = Run::new(&self.chaos);
        let ctx = self.context(&run);
        let message = OrderMessage { task_id };
        matches!(Box::pin(run.live(claim::run(&ctx, &message))).await, Some(Ok(_)))
    }

    /// Somebody comes to listen to a stream. Whether they were let in.
    pub async fn connect(&self, task_id: &TaskId, connection: &ConnectionId) -> bool {
        let run = Run::new(&self.chaos);
        let ctx = self.context(&run);
        let joined = Box::pin(run.live(live::join(&ctx, task_id, connection))).await;
        matches!(joined, Some(Ok(_)))
    }

    /// A source posts words, and what follows from it is done as the function of live captions does it.
    pub async fn hear(&self, task_id: &TaskId, input: &LiveInput) -> Heard {
        let run = Run::new(&self.chaos);
        let ctx = self.context(&run);
        let heard = async {
            let taken = match live::take_in(&ctx, task_id, input).await {
                Ok(taken) => taken,
                Err(Refused::NoStream | Refused::Ended) => return Heard::TooLate,
                Err(_) => return Heard::Again,
            };
            if taken.is_to_be_on_air && life::on_air(&ctx, task_id).await.is_ok() {
                drop(live::note_on_air(&ctx, task_id).await);
            }
            if !taken.is_end_of_stream {
                return Heard::Taken;
            }
            let ended = live::end(&ctx, task_id, EndReason::EndOfStream).await;
            if ended.is_ok() && life::over(&ctx, task_id).await.is_ok() {
                Heard::Taken
            } else {
                Heard::Again
            }
        };
        Box::pin(run.live(heard)).await.unwrap_or(Heard::Again)
    }

    /// Calls a function of the state machine; the error is the name that it matches on.
    pub async fn call(
        &self,
        execution: &Execution,
        function: &str,
        ending: Option<&str>,
        token: Option<&str>,
    ) -> Result<Value, String> {
        let run = Run::new(&self.chaos);
        let ctx = self.context(&run);
        let input = StepInput {
            task_id: execution.task_id.clone(),
            attempt: execution.attempt,
        };
        let call = async {
            match function {
                "FetchFunctionArn" => fetch::run(&ctx, &input).await.map(|()| Value::Null),
                "ProcessFunctionArn" => {
                    let input = ProcessInput {
                        step: input.clone(),
                        task_token: CompletionToken::new(token.unwrap()),
                    };
                    process::run(&ctx, &input).await.map(|()| Value::Null)
                }
                "RenderFunctionArn" => render::run(&ctx, &input).await.map(|()| Value::Null),
                "UploadFunctionArn" => upload::run(&ctx, &input)
                    .await
                    .map(|outcome| serde_json::to_value(outcome).unwrap()),
                "FinalizeFunctionArn" => finalize::run(&ctx, &input).await.map(|()| Value::Null),
                "FailFunctionArn" => {
                    let ending = match ending.unwrap() {
                        "error" => Ending::Error,
                        "gone" => Ending::Gone,
                        "parked" => Ending::Parked,
                        other => panic!("an ending `{other}`"),
                    };
                    fail::run(&ctx, &input, ending).await.map(|()| Value::Null)
                }
                other => panic!("the template has no function `{other}`"),
            }
        };
        match Box::pin(run.live(call)).await {
            Some(outcome) => outcome.map_err(|error| error.class().name().to_owned()),
            None if self.chaos.happens(0.5) => Err("Sandbox.Timedout".to_owned()),
            None => Err("Lambda.Unknown".to_owned()),
        }
    }
}

/// What a source is told of its post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// All is well.
    Taken,
    /// Nothing, or an error: it posts the same again.
    Again,
    /// There is nobody to tell anything any more.
    TooLate,
}

/// An engine that has always heard the same.
struct Speaker;

#[async_trait]
impl Engine for Speaker {
    fn name(&self) -> &'static str {
        "speaker"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            engine: "speaker",
            works: vec![Capability::new(WorkKind::Recognise, &["en"])],
        }
    }

    async fn start(&self, request: &JobRequest, _files: &dyn JobFiles) -> engines::Result<Progress> {
        Ok(Progress::Done(Box::new(JobResult {
            version: RESULT_VERSION,
            job_id: request.job_id.clone(),
            engine: EngineVersion {
                name: "speaker".into(),
                version: "1".into(),
            },
            output: Output::Transcript {
                transcript: Transcript::new(Some("en".into()), spoken(), 4_000),
            },
            language: None,
            audio_duration_ms: 4_000,
            warnings: Vec::new(),
        })))
    }
}
