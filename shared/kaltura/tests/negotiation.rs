//! What client and server agree on: HTTP/2 over TLS where the server offers it, and answers that come compressed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

mod support;

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Request, Version, header};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kaltura::transport::HttpTransport;
use kaltura::{Client, ClientConfig, JobQuery, PartnerId, ServiceUrl, TaskStatus};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A TLS server on loopback that speaks the protocols offered, answers each call with `null`, and notes in which version it
/// was asked, and over how many connections.
struct TlsServer {
    url: String,
    certificate: reqwest::Certificate,
    versions: Arc<Mutex<Vec<Version>>>,
    connections: Arc<AtomicUsize>,
}

impl TlsServer {
    async fn start(offers: &[&str]) -> Self {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = reqwest::Certificate::from_der(signed.cert.der()).unwrap();
        let key = PrivateKeyDer::Pkcs8(signed.signing_key.serialize_der().into());
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = offers.iter().map(|name| name.as_bytes().to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let server = Self {
            url,
            certificate,
            versions: Arc::default(),
            connections: Arc::default(),
        };
        tokio::spawn(accept(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::clone(&server.versions),
            Arc::clone(&server.connections),
        ));
        server
    }

    fn client(&self) -> Client {
        let url = ServiceUrl::parse_allow_loopback(&self.url).unwrap();
        let config = ClientConfig::new(url, "vendorName", PartnerId::from(12_345));
        let builder = reqwest::Client::builder().add_root_certificate(self.certificate.clone());
        let transport = HttpTransport::built_from(builder, &config).unwrap();
        Client::with_transport(config, Arc::new(transport)).unwrap()
    }
}

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    versions: Arc<Mutex<Vec<Version>>>,
    connections: Arc<AtomicUsize>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let (tls, versions) = (tls.clone(), Arc::clone(&versions));
        tokio::spawn(async move {
            let stream = tls.accept(stream).await.unwrap();
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                versions.lock().unwrap().push(request.version());
                async { Ok::<_, std::convert::Infallible>("null".into_response()) }
            });
            let io = TokioIo::new(stream);
            // How a connection ends is of no interest here.
            let _ = if is_http2 {
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(io, service)
                    .await
            } else {
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(io, service)
                    .await
            };
        });
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered_and_one_connection_is_enough() {
    for (offers, expected) in [
        (["h2", "http/1.1"].as_slice(), Version::HTTP_2),
        (["http/1.1"].as_slice(), Version::HTTP_11),
    ] {
        let server = TlsServer::start(offers).await;
        let client = server.client();
        let (key, task_id) = (support::key(), support::task_id());
        let task = client.task(&task_id, &key);
        let id = support::samples::asset_id();
        // The answer can't be read; it came.
        for _ in 0..5 {
            assert_eq!(task.caption_get(&id).await.unwrap_err().name(), "UnexpectedShape");
        }
        let together = tokio::join!(
            task.caption_get(&id),
            task.flavor_get(&id),
            task.attachment_get(&id)
        );
        assert!(together.0.is_err() && together.1.is_err() && together.2.is_err());
        assert_eq!(*server.versions.lock().unwrap(), [expected; 8]);
        let connections = server.connections.load(Ordering::SeqCst);
        if expected == Version::HTTP_2 {
            assert_eq!(connections, 1, "calls at the same time share it");
        } else {
            assert!(connections <= 3, "{connections} for 3 calls at the same time");
        }
    }
}

/// A certificate of nobody is refused, before anything was sent.
#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_nothing() {
    let server = TlsServer::start(&["h2"]).await;
    let url = ServiceUrl::parse_allow_loopback(&server.url).unwrap();
    let mut config = ClientConfig::new(url, "vendorName", PartnerId::from(12_345));
    config.retry.base_delay = std::time::Duration::ZERO;
    let client = Client::new(config).unwrap();
    let error = client
        .vendor(&support::ks())
        .get_jobs(&JobQuery::new(TaskStatus::Pending, 500))
        .await
        .unwrap_err();
    assert_eq!(error.name(), "Connect");
    assert!(!error.may_have_taken_effect());
    assert!(server.versions.lock().unwrap().is_empty());
}

/// A page of jobs takes less than a tenth of its size on the way.
#[tokio::test]
async fn answers_may_come_compressed() {
    async fn compressed(State(sent_bytes): State<Arc<AtomicUsize>>, headers: HeaderMap) -> Response {
        assert_eq!(headers[header::ACCEPT_ENCODING], "gzip");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(page().as_bytes()).unwrap();
        let body = encoder.finish().unwrap();
        sent_bytes.store(body.len(), Ordering::SeqCst);
        ([(header::CONTENT_ENCODING, "gzip")], body).into_response()
    }
    let sent_bytes = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .fallback(compressed)
        .with_state(Arc::clone(&sent_bytes));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (client, _) = support::client(&url);
    let ks = support::ks();
    let page_of_jobs = client
        .vendor(&ks)
        .get_jobs(&JobQuery::new(TaskStatus::Pending, 500))
        .await
        .unwrap();
    assert_eq!(page_of_jobs.rejected.first(), None);
    assert_eq!(page_of_jobs.jobs.len(), 500);
    let sent_bytes = sent_bytes.load(Ordering::SeqCst);
    assert!(
        sent_bytes * 10 < page().len(),
        "{sent_bytes} of {} bytes",
        page().len()
    );
}

fn page() -> String {
    let jobs: Vec<_> = (0..500)
        .map(|n| json!({ "id": (n + 1).to_string(), "partnerId": 110, "entryId": format!("0_entry{n}"), "status": 1, "notes": "names matter", "objectType": "KalturaEntryVendorTask" }))
        .collect();
    json!({ "objects": jobs, "totalCount": 500, "objectType": "KalturaEntryVendorTaskListResponse" })
        .to_string()
}
