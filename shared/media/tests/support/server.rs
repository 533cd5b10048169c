//! A server of a folder on loopback that misbehaves on demand, and notes what it is asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;

/// How one path misbehaves.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers this status.
    Status(u16),
    /// Answers a page at 200, typed as media.
    Html,
    /// Answers an empty 200 with these headers.
    Empty(Vec<(&'static str, &'static str)>),
    /// Announces everything, sends this share in percent, and resets the connection.
    Reset(usize),
    /// Sends this share in percent and announces just that: cut short upstream.
    CutShort(usize),
    /// Sends media without end.
    Endless,
    /// Sends half, then nothing.
    Silent,
    /// Answers a request for a part with the whole.
    IgnoresRange,
    /// Flips a bit of this byte.
    Flipped(usize),
    /// Redirects.
    Redirect(String),
    /// Answers this.
    Body(Vec<u8>),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
}

#[derive(Debug, Default)]
struct Shared {
    root: PathBuf,
    /// The fault of a path and how often it still shows.
    faults: Mutex<HashMap<String, (Fault, usize)>>,
    seen: Mutex<Vec<Seen>>,
}

/// The server; it ends with the test's runtime.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Serves a folder.
    pub async fn of(root: impl AsRef<Path>) -> Self {
        let shared = Arc::new(Shared {
            root: root.as_ref().to_owned(),
            ..Shared::default()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, shared }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Makes a path misbehave from now on.
    #[must_use]
    pub fn with(self, path: &str, fault: Fault) -> Self {
        self.with_times(path, fault, usize::MAX)
    }

    /// Makes a path misbehave the first times.
    #[must_use]
    pub fn with_times(self, path: &str, fault: Fault, times: usize) -> Self {
        self.shared
            .faults
            .lock()
            .unwrap()
            .insert(path.to_owned(), (fault, times));
        self
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.path == path).count()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let headers = request.headers().clone();
    shared.seen.lock().unwrap().push(Seen {
        path: path.clone(),
        headers: headers.clone(),
    });
    let fault = shared
        .faults
        .lock()
        .unwrap()
        .get_mut(&path)
        .and_then(|(fault, left)| {
            *left = left.checked_sub(1)?;
            Some(fault.clone())
        });
    if let Some(response) = fault.as_ref().and_then(in_place_of_the_file) {
        return response;
    }
    let Ok(mut file) = tokio::fs::read(shared.root.join(&path)).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Some(Fault::Flipped(at)) = fault {
        file[at] ^= 0x10;
    }
    if let Some(Fault::CutShort(percent)) = fault {
        // A whole number of transport packets, which only time can tell.
        let keep = file.len() * percent / 100;
        file.truncate(keep / 188 * 188);
    }
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
        .map(str::to_owned);
    let (status, first, last) = match range {
        Some(range) if !matches!(fault, Some(Fault::IgnoresRange)) => {
            let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            let last = last.parse().unwrap_or(file.len() - 1).min(file.len() - 1);
            (StatusCode::PARTIAL_CONTENT, first.parse().unwrap(), last)
        }
        _ => (StatusCode::OK, 0, file.len() - 1),
    };
    let total = file.len();
    let body = Bytes::from(file).slice(first..=last);
    let mut response = sent(body, fault.as_ref());
    *response.status_mut() = status;
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first}-{last}/{total}");
        response
            .headers_mut()
            .insert(header::CONTENT_RANGE, range.parse().unwrap());
    }
    response
}

/// The answer of a fault that needs no file.
fn in_place_of_the_file(fault: &Fault) -> Option<Response> {
    Some(match fault.clone() {
        Fault::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Fault::Html => {
            let page = "<html><body>Please log in</body></html>";
            ([(header::CONTENT_TYPE, "video/MP2T")], page).into_response()
        }
        Fault::Empty(headers) => {
            let mut response = StatusCode::OK.into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Fault::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Fault::Body(body) => body.into_response(),
        Fault::Endless => {
            let packet = [&[0x47, 0x1f, 0xff, 0x10][..], &[0xff; 184]].concat().repeat(64);
            let packets = stream::repeat_with(move || Ok::<_, Infallible>(Bytes::from(packet.clone())));
            Body::from_stream(packets).into_response()
        }
        _ => return None,
    })
}

/// The body, or as much of it as the fault lets through while all of it is announced.
fn sent(body: Bytes, fault: Option<&Fault>) -> Response {
    let announced = body.len();
    let mut response = match fault {
        Some(Fault::Reset(percent)) => {
            let begin = body.slice(..announced * percent / 100);
            let chunks = [Ok(begin), Err(std::io::Error::other("reset"))];
            // Without a pause the first chunk may go down with the connection.
            let chunks = stream::unfold(chunks.into_iter(), |mut chunks| async {
                tokio::task::yield_now().await;
                chunks.next().map(|chunk| (chunk, chunks))
            });
            Body::from_stream(chunks).into_response()
        }
        Some(Fault::Silent) => {
            let half = stream::iter([Ok::<_, Infallible>(body.slice(..announced / 2))]);
            Body::from_stream(futures::StreamExt::chain(half, stream::pending())).into_response()
        }
        _ => body.into_response(),
    };
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, announced.into());
    response
}
