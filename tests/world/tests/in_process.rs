//! The stand-in without a socket and without real time: a captions order from its job to READY, and what faults look like.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use futures::future::BoxFuture;
use kaltura::{
    AccessKey, AppToken, AppTokenHashType, AssetStatus, Client, ClientConfig, ContentResource, EntryId,
    ErrorClass, JobQuery, NewCaptionAsset, PartnerId, ServiceUrl, TaskId, TaskStatus, UpdateJob,
};
use kaltura_sim::{
    AssetKind, Fault, FaultEffect, OrderRequest, Sim, SimConfig, SimHandle, SimTime, Web, WebAnswer,
};
use step_world::InProcess;

const SRT: &str = "1\n00:00:00,000 --> 00:00:02,000\nGood morning.\n";
const URL: &str = "https://bucket.s3.eu-west-1.amazonaws.com/deliverables/1.srt";

/// A web of one file, that is there from the second look on.
#[derive(Debug, Default)]
struct OneFile {
    asked: Mutex<Vec<(Method, bool)>>,
}

impl Web for OneFile {
    fn fetch(
        &self,
        method: Method,
        url: String,
        headers: HeaderMap,
    ) -> BoxFuture<'_, Result<WebAnswer, String>> {
        assert_eq!(url, URL);
        let mut asked = self.asked.lock().unwrap();
        let gets = asked.iter().filter(|(method, _)| method == Method::GET).count();
        asked.push((method.clone(), headers.contains_key("authorization")));
        let answer = if method == Method::GET && gets > 0 {
            WebAnswer::of(200, SRT)
        } else {
            WebAnswer::of(403, "")
        };
        Box::pin(async { Ok(answer) })
    }
}

fn start() -> (Arc<SimHandle>, Arc<OneFile>, Client) {
    let web = Arc::new(OneFile::default());
    let config = SimConfig {
        clock: SimTime::StandsAt(1_700_000_000_000),
        ..SimConfig::default()
    };
    let sim = Arc::new(Sim::in_process(config, web.clone()).unwrap());
    let url = ServiceUrl::parse_allow_loopback(sim.service_url()).unwrap();
    let partner = PartnerId::from(sim.vendor_partner_id().0);
    let mut config = ClientConfig::new(url, "inProcess", partner);
    config.retry.base_delay = Duration::ZERO;
    let client = Client::with_transport(config, Arc::new(InProcess(sim.clone()))).unwrap();
    (sim, web, client)
}

fn token(sim: &SimHandle) -> AppToken {
    AppToken {
        id: sim.app_token_id().to_owned(),
        token: sim.app_token().into(),
        hash_type: AppTokenHashType::Sha256,
    }
}

#[tokio::test]
async fn an_order_needs_no_socket_and_no_time() {
    let (sim, web, client) = start();
    let session = client.open_vendor_session(&token(&sim), 86_400).await.unwrap();
    assert_eq!(session.expires_epoch_s, 1_700_000_000 + 86_400);
    let vendor = client.vendor(&session.ks);
    let placed = sim.place_order(OrderRequest::default()).await.unwrap();

    let query = JobQuery::new(TaskStatus::Pending, 500);
    let job = vendor.get_jobs(&query).await.unwrap().jobs.remove(0);
    let (task_id, key): (TaskId, AccessKey) = (job.id, job.access_key.unwrap());
    let entry_id: EntryId = job.entry_id.unwrap();
    let task = client.task(&task_id, &key);
    task.get().await.unwrap();
    vendor
        .update_job(&task_id, &UpdateJob::new(TaskStatus::Processing))
        .await
        .unwrap();

    let language = kaltura::AssetLanguage::parse("English").unwrap();
    let new = NewCaptionAsset {
        format: kaltura::CaptionType::Srt,
        file_ext: "srt".to_owned(),
        accuracy: 95,
        label: language.to_string(),
        language,
        is_default: true,
        display_on_player: true,
        partner_data: "in-process-0".to_owned(),
        usage: None,
    };
    let asset = task.caption_add(&entry_id, &new).await.unwrap();
    let content = ContentResource::url(URL, &["Authorization: signed".to_owned()]).unwrap();
    task.caption_set_content(&asset.id, &content).await.unwrap();
    let status = async || task.caption_get(&asset.id).await.unwrap().status;
    // The import's first try gets 403; the second comes after five minutes, and not before.
    while sim
        .order(&placed.task_id)
        .unwrap()
        .assets
        .iter()
        .all(|asset| asset.imports.len() < 2)
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(status().await, Some(AssetStatus::Importing));
    sim.advance_clock(Duration::from_mins(5));
    while status().await == Some(AssetStatus::Importing) {
        tokio::task::yield_now().await;
    }
    assert_eq!(status().await, Some(AssetStatus::Ready));
    let asked = web.asked.lock().unwrap().clone();
    let tries = [(Method::HEAD, false), (Method::GET, true)];
    assert_eq!(asked, [tries.clone(), tries].concat());

    // A file goes up, too.
    let uploaded = task.upload_file("2.srt", SRT.into()).await.unwrap();
    let second = task.caption_add(&entry_id, &new).await.unwrap();
    let second = task
        .caption_set_content(&second.id, &ContentResource::upload_token(&uploaded))
        .await
        .unwrap();
    assert_eq!(second.status, Some(AssetStatus::Ready));

    vendor
        .update_job(&task_id, &UpdateJob::new(TaskStatus::Ready))
        .await
        .unwrap();
    let report = sim.order(&placed.task_id).unwrap();
    assert_eq!((report.status, report.charged), (2, true));
    for asset in report.delivered(AssetKind::Caption) {
        assert_eq!(
            std::fs::read_to_string(asset.file.as_ref().unwrap()).unwrap(),
            SRT
        );
    }
}

/// What a socket makes of a fault, the transport makes of it too.
#[tokio::test]
async fn faults_look_as_they_do_over_the_network() {
    let (sim, _, client) = start();
    let session = client.open_vendor_session(&token(&sim), 86_400).await.unwrap();
    for (effect, name) in [
        (FaultEffect::Reset, "Broken"),
        (FaultEffect::ReplyLost, "Broken"),
        (FaultEffect::Empty, "Empty"),
        (FaultEffect::Html, "NotJson"),
        (FaultEffect::Truncated, "Truncated"),
        (FaultEffect::HttpStatus { status: 503 }, "Http"),
        (FaultEffect::api("ACTION_BLOCKED"), "ACTION_BLOCKED"),
    ] {
        sim.faults(vec![Fault::new(effect).on("reach_entryvendortask", "getJobs")]);
        let error = client
            .vendor(&session.ks)
            .get_jobs(&JobQuery::new(TaskStatus::Pending, 500))
            .await
            .unwrap_err();
        assert_eq!((error.name(), error.class()), (name, ErrorClass::Retryable));
        sim.clear_faults();
    }
}
