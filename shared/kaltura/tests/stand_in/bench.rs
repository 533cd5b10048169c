//! A vendor, its Kaltura, and a server that has the vendor's files.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::get;
use kaltura::{
    AccessKey, AppToken, AppTokenHashType, AppTokenSecret, AssetLanguage, AssetStatus, CallObserver,
    CallReport, CaptionAsset, CaptionType, Client, ClientConfig, ContentResource, EntryId, NewCaptionAsset,
    PartnerId, ServiceUrl, TaskClient, TaskId, TaskStatus, UpdateJob, VendorClient, VendorSession,
};
use kaltura_sim::{OrderReport, OrderRequest, Sim, SimConfig, SimHandle};
use serde_json::Value;
use tokio::net::TcpListener;

pub const SRT: &str = "1\n00:00:00,000 --> 00:00:02,000\nGood morning everybody.\n";
/// What opens the vendor's files.
const PROOF: &str = "Authorization: Signed abc";

pub struct Bench {
    pub sim: SimHandle,
    pub client: Client,
    pub session: VendorSession,
    pub files: Files,
    requests: Arc<Requests>,
}

/// The names of the requests that the client makes.
#[derive(Debug, Default)]
struct Requests(Mutex<Vec<String>>);

impl CallObserver for Requests {
    fn called(&self, report: &CallReport<'_>) {
        let name = format!("{}.{}", report.service, report.action);
        self.0.lock().unwrap().push(name);
    }
}

/// An order, with what the vendor has of it.
pub struct Order {
    pub task_id: TaskId,
    pub entry_id: EntryId,
    pub key: AccessKey,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with(SimConfig::default()).await
    }

    pub async fn with(config: SimConfig) -> Self {
        let sim = Sim::start(config).await.unwrap();
        let url = ServiceUrl::parse_allow_loopback(sim.service_url()).unwrap();
        let partner = PartnerId::from(sim.vendor_partner_id().0);
        let requests = Arc::new(Requests::default());
        let mut config = ClientConfig::new(url, "standIn", partner);
        config.observer = Arc::<Requests>::clone(&requests);
        let client = Client::new(config).unwrap();
        let token = AppToken {
            id: sim.app_token_id().to_owned(),
            token: AppTokenSecret::from(sim.app_token()),
            hash_type: AppTokenHashType::Sha256,
        };
        let session = client.open_vendor_session(&token, 86_400).await.unwrap();
        Self {
            sim,
            client,
            session,
            files: Files::start().await,
            requests,
        }
    }

    /// The requests since this was last asked.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.0.lock().unwrap())
    }

    pub fn vendor(&self) -> VendorClient<'_> {
        self.client.vendor(&self.session.ks)
    }

    pub fn task<'a>(&'a self, order: &'a Order) -> TaskClient<'a> {
        self.client.task(&order.task_id, &order.key)
    }

    pub async fn place(&self, order: OrderRequest) -> Order {
        let placed = self.sim.place_order(order).await.unwrap();
        let key = self.sim.order(&placed.task_id).unwrap().task["accessKey"].clone();
        Order {
            task_id: TaskId::parse(placed.task_id.as_str()).unwrap(),
            entry_id: EntryId::parse(placed.entry_id.as_str()).unwrap(),
            key: AccessKey::from(key.as_str().unwrap()),
        }
    }

    pub fn report(&self, order: &Order) -> OrderReport {
        self.sim.order(&order.task_id.as_str().into()).unwrap()
    }

    pub async fn update(&self, order: &Order, update: UpdateJob) -> kaltura::Result<()> {
        self.vendor()
            .update_job(&order.task_id, &update)
            .await
            .map(|_| ())
    }

    pub async fn set(&self, order: &Order, status: TaskStatus) -> kaltura::Result<()> {
        self.update(order, UpdateJob::new(status)).await
    }

    /// A new caption of the order's, in English, without content.
    pub async fn captioned(&self, order: &Order) -> CaptionAsset {
        let new = caption(CaptionType::Srt, english());
        self.task(order).caption_add(&order.entry_id, &new).await.unwrap()
    }

    /// A call as the guide words it, which our types wouldn't let anybody make; answers the exception's code.
    pub async fn refused(&self, key: &AccessKey, service: &str, action: &str, mut body: Value) -> String {
        body["ks"] = key.reveal().into();
        body["format"] = 1.into();
        let url = format!(
            "{}/api_v3/service/{service}/action/{action}",
            self.sim.service_url()
        );
        let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        answer["code"].as_str().unwrap_or("went well").to_owned()
    }
}

pub fn english() -> AssetLanguage {
    AssetLanguage::parse("English").unwrap()
}

pub fn caption(format: CaptionType, language: AssetLanguage) -> NewCaptionAsset {
    let file_ext = match format {
        CaptionType::Dfxp => "dfxp",
        CaptionType::WebVtt => "vtt",
        _ => "srt",
    };
    NewCaptionAsset {
        format,
        file_ext: file_ext.to_owned(),
        accuracy: 95,
        label: language.to_string(),
        language,
        is_default: true,
        display_on_player: true,
        partner_data: "stand-in-0".to_owned(),
        usage: None,
    }
}

/// Looks until the status is none of those on the way.
pub async fn settled(look: impl AsyncFn() -> Option<AssetStatus>) -> AssetStatus {
    let begun = Instant::now();
    loop {
        let status = look().await.unwrap();
        if !matches!(status, AssetStatus::Queued | AssetStatus::Importing) {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it stays {status:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Requests for the vendor's files, and whether each brought the header.
type Seen = Arc<Mutex<Vec<(Method, bool)>>>;

/// A file server: what lies under `/signed/` wants a header, what lies under `/open/` doesn't.
pub struct Files {
    url: String,
    seen: Seen,
}

impl Files {
    async fn start() -> Self {
        let seen = Seen::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/{way}/{name}", get(serve))
            .with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    /// What Kaltura is told of a file that wants the header.
    pub fn signed(&self, name: &str) -> ContentResource {
        ContentResource::url(&format!("{}/signed/{name}", self.url), &[PROOF.to_owned()]).unwrap()
    }

    /// What Kaltura is told of a file that opens by its address.
    pub fn open(&self, name: &str) -> ContentResource {
        ContentResource::url(&format!("{}/open/{name}", self.url), &[]).unwrap()
    }

    /// The requests so far, and whether each brought the header.
    pub fn seen(&self) -> Vec<(Method, bool)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    State(seen): State<Seen>,
    Path((way, name)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<&'static str, StatusCode> {
    let proven = headers
        .get("authorization")
        .is_some_and(|value| value == "Signed abc");
    seen.lock().unwrap().push((method, proven));
    if way == "signed" && !proven {
        return Err(StatusCode::FORBIDDEN);
    }
    Ok(match name.rsplit_once('.') {
        Some((_, "srt")) => SRT,
        Some((_, "vtt")) => "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nGood morning everybody.\n",
        _ => "some bytes",
    })
}
