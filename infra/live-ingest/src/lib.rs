//! Hears live streams beside an RTMP server, and posts what is said to the stack.
//!
//! The RTMP server is nginx with its rtmp module ([`Nginx`] writes its configuration). It asks here whether a publisher may
//! publish; here the stack is asked, which knows the keys. Then ffmpeg reads the stream, a recogniser hears it
//! ([`Recogniser`]; [`Pocketsphinx`] is one), and words go to the stack as soon as they are final, each once and in order.
//! A publisher may go and come back; what is said goes on, on one line of time.
//!
//! Not here: captions, and who gets them (the stack's); and how media gets to the RTMP server (Kaltura's).

mod error;
mod hooks;
mod nginx;
mod pocketsphinx;
mod poster;
mod recogniser;
mod sound;
mod stack;
mod stream;
mod stretch;
mod timeline;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use engines::http::signature::SharedSecret;
pub use error::{IngestError, Result};
pub use nginx::Nginx;
pub use pocketsphinx::Pocketsphinx;
pub use recogniser::{BYTES_PER_MS, Listening, Recogniser, SAMPLE_RATE_HZ, Wanted};
pub use timeline::Heard;
use url::Url;

/// Settings of an ingest.
#[derive(Clone)]
pub struct Settings {
    /// The stack's live routes: `https://…/live`.
    pub stack_url: Url,
    /// What the stack and the vendor's engine share.
    pub secret: SharedSecret,
    /// Where streams are read: the RTMP server's application, without a slash at the end.
    pub rtmp_url: String,
    /// ffmpeg: a path, or a name to be found on `PATH`.
    pub ffmpeg: PathBuf,
    /// Where the places of streams are kept, for a next life.
    pub state_dir: PathBuf,
    /// So many streams are heard at once; more publishers are refused.
    pub most_streams: usize,
    /// How long a publisher that has gone is waited for before the stream is over. After the event's end it is over at once.
    pub reconnect: Duration,
}

/// A running ingest. Dropped, it ends with all that it started.
pub struct Ingest {
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
    streams: Arc<hooks::Streams>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ingest {{ {} }}", self.address)
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.serving.abort();
        self.streams.end();
    }
}

impl Ingest {
    /// Starts one that takes the RTMP server's hooks at `listen`; port 0 takes a free one. The address should be one that only
    /// the RTMP server reaches: loopback.
    pub async fn start(
        listen: SocketAddr,
        settings: Settings,
        recogniser: Arc<dyn Recogniser>,
    ) -> Result<Self> {
        let failed = |source| IngestError::Listen {
            address: listen,
            source,
        };
        std::fs::create_dir_all(&settings.state_dir).map_err(IngestError::file(&settings.state_dir))?;
        let listener = tokio::net::TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let means = stream::Means {
            ears: stretch::Ears {
                ffmpeg: settings.ffmpeg,
                recogniser,
            },
            stack: stack::Stack::new(&settings.stack_url, settings.secret)?,
            rtmp_url: settings.rtmp_url.trim_end_matches('/').to_owned(),
            state_dir: settings.state_dir,
            reconnect: settings.reconnect,
        };
        let streams = hooks::Streams::new(means, settings.most_streams);
        let routes = hooks::routes(streams.clone());
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the hooks are served no longer");
            }
        });
        Ok(Self {
            address,
            serving,
            streams,
        })
    }

    /// Where the hooks are taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The wall clock, seconds since 1970.
fn now_epoch_s() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
