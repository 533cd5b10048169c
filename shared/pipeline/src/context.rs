//! What a function works with, built once at start.
//!
//! Each function asks for what it needs and no more, so that its binary links no SDK that it does not call and its role
//! needs no permission that it does not use. A step that reaches for what was not asked for gets a `Setting` error, not
//! a panic.

use std::sync::Arc;

use aws_config::SdkConfig;
use engines::http::signature::SharedSecret;
use kaltura::{ClientConfig, ServiceUrl};

use crate::aws;
use crate::config::{Config, Env, setting};
use crate::error::Result;
use crate::links::Links;
use crate::live::LiveTokens;
use crate::ports::{
    Clock, Completions, EventBus, Executions, Gate, Leases, MediaFetcher, ObjectStore, OrderQueue,
    PeopleIndex, SharedObjects, Sockets, StreamStore, SystemClock, TaskStore,
};
use crate::session::VendorSessions;
use crate::telemetry;

/// What the steps work with. A clone shares all of it.
#[derive(Clone)]
pub struct Context {
    /// The settings.
    pub config: Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The tasks' records.
    pub tasks: Arc<dyn TaskStore>,
    /// The timers' leases.
    pub leases: Arc<dyn Leases>,
    /// The gate before the queue.
    pub gate: Arc<dyn Gate>,
    /// The vendor session.
    pub sessions: Arc<VendorSessions>,
    /// Kaltura's API.
    pub kaltura: kaltura::Client,
    /// The optional parts.
    pub parts: Parts,
}

/// The parts that only some functions need.
#[derive(Clone, Default)]
pub struct Parts {
    /// The orders queue.
    pub queue: Option<Arc<dyn OrderQueue>>,
    /// The bucket.
    pub objects: Option<Arc<dyn ObjectStore>>,
    /// The state machine.
    pub executions: Option<Arc<dyn Executions>>,
    /// The waits of the state machine.
    pub completions: Option<Arc<dyn Completions>>,
    /// The event bus.
    pub events: Option<Arc<dyn EventBus>>,
    /// The media fetcher.
    pub fetcher: Option<Arc<dyn MediaFetcher>>,
    /// The engines.
    pub engines: Option<engines::EngineSet>,
    /// The links that outlive credentials.
    pub links: Option<Arc<Links>>,
    /// The list of orders that wait for people.
    pub people: Option<Arc<dyn PeopleIndex>>,
    /// The drafts of people's work.
    pub drafts: Option<Arc<dyn SharedObjects>>,
    /// The live streams.
    pub streams: Option<Arc<dyn StreamStore>>,
    /// The websocket's connections.
    pub sockets: Option<Arc<dyn Sockets>>,
    /// The tokens of live captions.
    pub live_tokens: Option<Arc<LiveTokens>>,
}

macro_rules! part {
    ($(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        pub fn $name(&self) -> Result<$type> {
            self.parts.$name.as_ref().ok_or_else(|| setting(stringify!($name), "this function was built without it"))
        }
    };
}

impl Context {
    part!(
        /// The orders queue, where the function has it.
        queue: &Arc<dyn OrderQueue>
    );
    part!(
        /// The bucket, where the function has it.
        objects: &Arc<dyn ObjectStore>
    );
    part!(
        /// The state machine, where the function has it.
        executions: &Arc<dyn Executions>
    );
    part!(
        /// The waits, where the function has them.
        completions: &Arc<dyn Completions>
    );
    part!(
        /// The event bus, where the function has it.
        events: &Arc<dyn EventBus>
    );
    part!(
        /// The media fetcher, where the function has it.
        fetcher: &Arc<dyn MediaFetcher>
    );
    part!(
        /// The engines, where the function has them.
        engines: &engines::EngineSet
    );
    part!(
        /// The links, where the function has them.
        links: &Arc<Links>
    );
    part!(
        /// The list of people's orders, where the function has it.
        people: &Arc<dyn PeopleIndex>
    );
    part!(
        /// The drafts, where the function has them.
        drafts: &Arc<dyn SharedObjects>
    );
    part!(
        /// The live streams, where the function has them.
        streams: &Arc<dyn StreamStore>
    );
    part!(
        /// The websocket's connections, where the function has them.
        sockets: &Arc<dyn Sockets>
    );
    part!(
        /// The tokens of live captions, where the function has them.
        live_tokens: &Arc<LiveTokens>
    );
}

/// Builds a [`Context`] from the environment of a function.
pub struct Builder {
    env: Env,
    sdk: SdkConfig,
    config: Config,
    parts: Parts,
}

impl Builder {
    /// Reads the settings and the SDK's configuration, and sets up telemetry. The error says which setting is wrong.
    pub async fn from_env() -> Result<Self> {
        let env = Env::of_process();
        telemetry::init(&env);
        let config = Config::from_env(&env)?;
        let sdk = aws::sdk_config().await;
        Ok(Self {
            env,
            sdk,
            config,
            parts: Parts::default(),
        })
    }

    /// The same for somebody who works on a stack from outside, with the settings that one of its functions has. Telemetry is
    /// the caller's own.
    pub fn of(env: Env, sdk: SdkConfig) -> Result<Self> {
        Ok(Self {
            config: Config::from_env(&env)?,
            env,
            sdk,
            parts: Parts::default(),
        })
    }

    /// With the orders queue of `ORDERS_QUEUE_URL`.
    pub fn with_queue(mut self) -> Result<Self> {
        let url = self.env.required("ORDERS_QUEUE_URL")?;
        self.parts.queue = Some(Arc::new(aws::sqs::Orders::new(
            aws_sdk_sqs::Client::new(&self.sdk),
            url,
        )));
        Ok(self)
    }

    /// With the bucket of `WORK_BUCKET`.
    pub fn with_objects(mut self) -> Result<Self> {
        let name = self.env.required("WORK_BUCKET")?;
        self.parts.objects = Some(Arc::new(aws::s3::Bucket::new(&self.sdk, name)));
        Ok(self)
    }

    /// With the list of orders that wait for people, and with their drafts and uploads in the bucket of `WORK_BUCKET`.
    pub fn with_people(mut self) -> Result<Self> {
        let table = aws::dynamodb::Table::new(
            aws_sdk_dynamodb::Client::new(&self.sdk),
            self.config.tasks_table.clone(),
        );
        self.parts.people = Some(Arc::new(table));
        let bucket = aws::s3::Bucket::new(&self.sdk, self.env.required("WORK_BUCKET")?);
        self.parts.drafts = Some(Arc::new(bucket));
        Ok(self)
    }

    /// The bucket of the page's files, `PAGE_BUCKET`.
    pub fn page_files(&self) -> Result<Arc<dyn ObjectStore>> {
        let name = self.env.required("PAGE_BUCKET")?;
        Ok(Arc::new(aws::s3::Bucket::new(&self.sdk, name)))
    }

    /// With the state machine of `STATE_MACHINE_ARN`.
    pub fn with_executions(mut self) -> Result<Self> {
        let arn = self.env.required("STATE_MACHINE_ARN")?;
        let client = aws_sdk_sfn::Client::new(&self.sdk);
        self.parts.executions = Some(Arc::new(aws::states::StateMachine::new(client, arn)));
        Ok(self)
    }

    /// With the waits of the state machine.
    #[must_use]
    pub fn with_completions(mut self) -> Self {
        let client = aws_sdk_sfn::Client::new(&self.sdk);
        self.parts.completions = Some(Arc::new(aws::states::Waits::new(client)));
        self
    }

    /// With the account's event bus. Its events name the state machine of `STATE_MACHINE_ARN`, by which stacks of one account are
    /// told apart.
    pub fn with_events(mut self) -> Result<Self> {
        let arn = self.env.required("STATE_MACHINE_ARN")?;
        let client = aws_sdk_eventbridge::Client::new(&self.sdk);
        self.parts.events = Some(Arc::new(aws::events::Bus::new(client, arn)));
        Ok(self)
    }

    /// With the media fetcher; what it can't put together itself goes through the ffmpeg of `REACH_FFMPEG`, a path, where that is
    /// set.
    pub fn with_fetcher(mut self) -> Result<Self> {
        let config = media::FetchConfig {
            allow_loopback: self.config.allow_loopback,
            ffmpeg: self.env.optional("REACH_FFMPEG").map(Into::into),
            ..media::FetchConfig::default()
        };
        self.parts.fetcher = Some(Arc::new(media::Fetcher::new(config)?));
        Ok(self)
    }

    /// With the engines of `ENGINES`, names separated by commas, the preferred first. The secret of the vendor's own engine is
    /// that of `ENGINE_SECRET_ARN`.
    pub async fn with_engines(mut self) -> Result<Self> {
        let names = self.env.required("ENGINES")?;
        let mut engines = Vec::new();
        for name in names.split(',').map(str::trim) {
            engines.push(self.engine(name).await?);
        }
        // Costs nothing, and an order that waits for its event needs it whatever is offered by now.
        engines.push(Arc::new(engines::live::Live));
        self.parts.engines = Some(engines::EngineSet::new(engines));
        Ok(self)
    }

    /// With those engines of `ENGINES` that can be set up; the others are logged. For the functions that look after jobs and
    /// have more to do than that, which must not stand still for an engine's setting.
    pub async fn with_engines_at_hand(mut self) -> Result<Self> {
        let names = self.env.required("ENGINES")?;
        let mut engines = Vec::new();
        for name in names.split(',').map(str::trim) {
            match self.engine(name).await {
                Ok(engine) => engines.push(engine),
                Err(error) => tracing::error!(engine = name, %error, "an engine is not at hand"),
            }
        }
        engines.push(Arc::new(engines::live::Live));
        self.parts.engines = Some(engines::EngineSet::new(engines));
        Ok(self)
    }

    /// The engine of that name, by its settings.
    async fn engine(&self, name: &str) -> Result<Arc<dyn engines::Engine>> {
        Ok(match name {
            "aws" => Arc::new(engines::aws::Aws::from_env(&self.sdk)?),
            "local" => Arc::new(engines::local::Local::from_env()?),
            "http" => {
                let secret = self.own_secret("ENGINE_SECRET_ARN").await?;
                Arc::new(engines::http::Http::from_env(&secret)?)
            }
            engines::people::NAME => Arc::new(engines::people::People),
            other => {
                return Err(setting(
                    "ENGINES",
                    &format!(
                        "has `{other}`, expected names of aws, local, http, people, separated by commas"
                    ),
                ));
            }
        })
    }

    /// With links under `DOOR_URL`, signed with the secret of `LINK_SECRET_ARN`.
    pub async fn with_links(mut self) -> Result<Self> {
        let door_url = self.door_url()?;
        let secret = self.own_secret("LINK_SECRET_ARN").await?;
        self.parts.links = Some(Arc::new(Links::new(&door_url, &secret)?));
        Ok(self)
    }

    /// With the live streams of `STREAMS_TABLE`.
    pub fn with_streams(mut self) -> Result<Self> {
        let client = aws_sdk_dynamodb::Client::new(&self.sdk);
        let name = self.env.required("STREAMS_TABLE")?;
        self.parts.streams = Some(Arc::new(aws::streams::Streams::new(client, name)));
        Ok(self)
    }

    /// With the tokens of live captions, made from the secret of `LINK_SECRET_ARN`. Another number in `LIVE_ACCOUNT_VERSION`
    /// makes another account token.
    pub async fn with_live_tokens(mut self) -> Result<Self> {
        let secret = self.own_secret("LINK_SECRET_ARN").await?;
        let version = self.env.number("LIVE_ACCOUNT_VERSION", 1, 1, 1_000_000)?;
        self.parts.live_tokens = Some(Arc::new(LiveTokens::new(&secret, version)?));
        Ok(self)
    }

    /// With the websocket's connections at `LIVE_SOCKETS_URL`, the address of its API and stage.
    pub fn with_sockets(mut self) -> Result<Self> {
        let url = self.env.required("LIVE_SOCKETS_URL")?;
        self.parts.sockets = Some(Arc::new(aws::sockets::Connections::new(&self.sdk, &url)));
        Ok(self)
    }

    /// The secret of `ENGINE_SECRET_ARN`, by which the vendor's own engine and we know each other.
    pub async fn engine_secret(&self) -> Result<SharedSecret> {
        let secret = SharedSecret::new(&self.own_secret("ENGINE_SECRET_ARN").await?);
        secret.ok_or_else(|| setting("ENGINE_SECRET_ARN", "the secret is shorter than 32 bytes"))
    }

    /// The address of the stack's door, `DOOR_URL`.
    pub fn door_url(&self) -> Result<String> {
        self.env.required("DOOR_URL")
    }

    /// The value of a secret of the stack's own, whose ARN is in the setting `name`.
    async fn own_secret(&self, name: &str) -> Result<String> {
        let client = aws_sdk_secretsmanager::Client::new(&self.sdk);
        aws::secrets::read_own(&client, &self.env.required(name)?, name).await
    }

    /// The context.
    pub fn build(self) -> Result<Context> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let table = Arc::new(aws::dynamodb::Table::new(
            aws_sdk_dynamodb::Client::new(&self.sdk),
            self.config.tasks_table.clone(),
        ));
        let kaltura = kaltura_client(&self.config)?;
        let secret = aws::secrets::AppTokenSecret::new(
            aws_sdk_secretsmanager::Client::new(&self.sdk),
            self.config.app_token_secret.clone(),
        );
        let sessions = VendorSessions::new(kaltura.clone(), table.clone(), Arc::new(secret), clock.clone());
        Ok(Context {
            config: self.config,
            clock,
            tasks: table.clone(),
            leases: table.clone(),
            gate: table,
            sessions: Arc::new(sessions),
            kaltura,
            parts: self.parts,
        })
    }
}

/// The client of Kaltura's API by the settings, reporting its calls as metrics.
pub fn kaltura_client(config: &Config) -> Result<kaltura::Client> {
    let parse = if config.allow_loopback {
        ServiceUrl::parse_allow_loopback
    } else {
        ServiceUrl::parse
    };
    let service_url = parse(&config.kaltura_service_url)
        .map_err(|error| setting("KALTURA_SERVICE_URL", &error.to_string()))?;
    let mut client = ClientConfig::new(service_url, &config.vendor_name, config.vendor_partner_id);
    client.application_version.clone_from(&config.application_version);
    client.observer = Arc::new(telemetry::KalturaCalls);
    Ok(kaltura::Client::new(client)?)
}
