//! The HTTP server: accepts connections, routes requests, and can drop a connection instead of answering.

use crate::world::Shared;
use crate::{control, dispatch, playback};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, http};
use bytes::Bytes;
use futures::StreamExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_service::Service as _;

/// Marks a response that must not be sent: the connection is closed instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dropped;

/// The connection was closed on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed by a fault")]
struct ClosedByFault;

/// The running server; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    accepting: JoinHandle<()>,
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) fn spawn(listener: TcpListener, shared: Arc<Shared>) -> Self {
        let router = router(&shared);
        Self {
            accepting: tokio::spawn(accept(listener, router)),
            shared,
        }
    }

    /// Stops listening and ends open connections and jobs.
    pub(crate) async fn stop(mut self) {
        self.accepting.abort();
        // Cancelled or not, it has ended then.
        let _ = (&mut self.accepting).await;
        self.shared.stop_jobs();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.stop_jobs();
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    control::routes()
        .fallback(route)
        .layer(DefaultBodyLimit::disable())
        .with_state(shared.clone())
}

/// More than this of an answer is not for one who asks without a connection: a fault may make it endless.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Answers a request that came without a connection; `None` where the connection would be closed.
pub(crate) async fn exchange(
    shared: &Arc<Shared>,
    request: http::Request<Bytes>,
) -> Option<http::Response<Bytes>> {
    let mut request = request.map(Body::from);
    let is_control = request.uri().path().starts_with("/_sim");
    let response = if is_control {
        answer(router(shared), request).await.ok()?
    } else {
        // All else is the router's fallback; to make a router for each call costs more than the call.
        DefaultBodyLimit::disable().apply(&mut request);
        sent(route(State(shared.clone()), request).await).ok()?
    };
    let (head, body) = response.into_parts();
    let mut pieces = body.into_data_stream();
    let mut received = Vec::new();
    // A body that breaks off is what has come of it.
    while received.len() < MOST_BYTES
        && let Some(Ok(piece)) = pieces.next().await
    {
        received.extend_from_slice(&piece);
    }
    Some(http::Response::from_parts(head, received.into()))
}

async fn accept(listener: TcpListener, router: Router) {
    // Connections live in this set, so that they end with this task.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of files, or a peer that left at once: both pass.
                    tracing::warn!(%error, "a connection can't be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        connections.spawn(async move {
            let service = service_fn(move |request: http::Request<Incoming>| {
                answer(router.clone(), request.map(Body::new))
            });
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

async fn answer(mut router: Router, request: Request) -> Result<Response, ClosedByFault> {
    let response = match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    sent(response)
}

/// A response that goes out; one that must not be sent closes the connection.
fn sent(response: Response) -> Result<Response, ClosedByFault> {
    if response.extensions().get::<Dropped>().is_some() {
        Err(ClosedByFault)
    } else {
        Ok(response)
    }
}

async fn route(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if request.uri().path().starts_with("/api_v3") {
        return dispatch::handle(shared, request).await;
    }
    let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
    match playback::handle(&shared, &path, &headers).await {
        Some(response) => response,
        None => (
            StatusCode::NOT_FOUND,
            "no such path: /api_v3, /p/…/playManifest and /_sim are served\n",
        )
            .into_response(),
    }
}

/// A header value of printable characters; others are replaced.
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    let safe: String = text
        .chars()
        .map(|c| {
            if c == '\t' || (' '..='~').contains(&c) {
                c
            } else {
                '?'
            }
        })
        .collect();
    HeaderValue::from_str(&safe).ok()
}
