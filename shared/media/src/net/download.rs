//! One segment or file, from its first byte to its last, over as many requests as it takes.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, TRANSFER_ENCODING};
use hyper::{StatusCode, Version};
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;
use url::Url;

use super::client::Response;
use super::fetcher::{Session, Tries, content_range, etag, refusal};
use super::slab::{Slab, SlabPool};
use crate::address::redact;
use crate::error::FetchError;

/// A part of a file, as `EXT-X-BYTERANGE` states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSpan {
    pub(crate) first: u64,
    pub(crate) bytes: u64,
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WholeFile {
    pub(crate) bytes: u64,
    pub(crate) etag: Option<String>,
}

/// What to download.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    pub(crate) url: Url,
    pub(crate) span: Option<ByteSpan>,
    /// The file that `span` must be of, where it was looked at before.
    pub(crate) whole: Option<WholeFile>,
    /// Its first byte may be anything: no page can be told from it.
    pub(crate) opaque: bool,
    /// Most bytes taken.
    pub(crate) limit: u64,
}

/// What a download tells its reader.
#[derive(Debug)]
pub(super) enum Message {
    Bytes(Slab),
    /// The download is whole.
    End,
    Failed(FetchError),
}

/// Downloads into a channel, whose bound is what holds it back. Nobody listening is no fault: the fetch
/// has ended.
pub(super) async fn run(session: Arc<Session>, want: Want, pool: SlabPool, sender: Sender<Message>) {
    let mut download = Download {
        session: &session,
        want: &want,
        sender: &sender,
        slab: pool.take(),
        pool,
        received: 0,
        total: None,
        etag: None,
    };
    let mut tries = Tries::new(session.limits().attempts);
    let outcome = loop {
        match download.attempt().await {
            Ok(()) => break download.flush().await,
            Err(Interrupted::Closed) => break Err(Interrupted::Closed),
            Err(Interrupted::Fault(error)) => {
                if let Err(error) = tries.failed(&session, error).await {
                    break Err(Interrupted::Fault(error));
                }
            }
        }
    };
    // A failed send means that nobody listens any more.
    let _ = match outcome {
        Ok(()) => sender.send(Message::End).await,
        Err(Interrupted::Fault(error)) => sender.send(Message::Failed(error)).await,
        Err(Interrupted::Closed) => Ok(()),
    };
}

enum Interrupted {
    Fault(FetchError),
    /// The reader is gone.
    Closed,
}

impl From<FetchError> for Interrupted {
    fn from(error: FetchError) -> Self {
        Self::Fault(error)
    }
}

struct Download<'a> {
    session: &'a Session,
    want: &'a Want,
    sender: &'a Sender<Message>,
    pool: SlabPool,
    slab: Slab,
    /// Bytes of the wanted part taken so far; a further attempt goes on here.
    received: u64,
    /// Length of the wanted part, once a server has told it.
    total: Option<u64>,
    etag: Option<String>,
}

impl Download<'_> {
    async fn attempt(&mut self) -> Result<(), Interrupted> {
        if self.received == 0 {
            // What an answer said that gave nothing (a page, say) is no fact about the file.
            self.total = None;
            self.etag = self.want.whole.as_ref().and_then(|file| file.etag.clone());
        }
        let start = self.want.span.map_or(0, |span| span.first);
        let from = start + self.received;
        let last = self
            .want
            .span
            .map(|span| span.first + span.bytes.saturating_sub(1));
        let range = (from > 0 || last.is_some()).then_some((from, last));
        let (mut response, found_at) = self.session.open(&self.want.url, range).await?;
        let at = redact(&found_at);
        Self::check_answer(&response, &at)?;
        let mut skip = self.align(&response, from, &at)?;
        // Time spent reading only: waiting for room in the channel is not the server's doing.
        let after = self.session.limits().request_time;
        let mut reading = Duration::ZERO;
        loop {
            let began = Instant::now();
            let chunk = self.session.chunk(&mut response).await?;
            reading += began.elapsed();
            if reading > after {
                return Err(FetchError::Stalled { at, after }.into());
            }
            let Some(chunk) = chunk else { break };
            self.session.count_bytes(chunk.len())?;
            let passed_over = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
            skip -= passed_over as u64;
            let mut bytes = &chunk[passed_over..];
            if let Some(span) = self.want.span {
                let left = usize::try_from(span.bytes - self.received).unwrap_or(usize::MAX);
                bytes = &bytes[..bytes.len().min(left)];
            }
            if self.received == 0 && !self.want.opaque && bytes.first() == Some(&b'<') {
                let what = "it begins with '<', so it is a page".to_owned();
                return Err(FetchError::NotMedia { at, what }.into());
            }
            if self.received + bytes.len() as u64 > self.want.limit {
                return Err(FetchError::SegmentTooLarge {
                    at,
                    limit: self.want.limit,
                }
                .into());
            }
            self.deliver(bytes).await?;
            if self.want.span.is_some_and(|span| self.received == span.bytes) {
                return Ok(());
            }
        }
        self.check_end(&response, at)
    }

    /// Refuses what is plainly something else: another type, or an end that can't be told from a broken
    /// connection.
    fn check_answer(response: &Response, at: &str) -> Result<(), FetchError> {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let kind = header(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        if ["text/html", "application/json", "application/xhtml"]
            .iter()
            .any(|page| kind.starts_with(page))
        {
            // Refusals of the delivery servers are empty, and of a page's type.
            if refusal(response).code.is_some() || response.content_length() == Some(0) {
                return Err(empty(response, at.to_owned()));
            }
            let what = format!("its type is {}", kind.chars().take(60).collect::<String>());
            return Err(FetchError::NotMedia {
                at: at.to_owned(),
                what,
            });
        }
        let framed = response.version() >= Version::HTTP_2
            || response.content_length().is_some()
            || header(TRANSFER_ENCODING)
                .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
        if framed {
            return Ok(());
        }
        let what = "the answer does not tell where it ends".to_owned();
        Err(FetchError::Truncated {
            at: at.to_owned(),
            what,
        })
    }

    /// Compares the answer with what is known of the file; gives the bytes to pass over because the
    /// server answered the whole file to a request for a part.
    fn align(&mut self, response: &Response, from: u64, at: &str) -> Result<u64, FetchError> {
        let changed = |what: String| FetchError::Changed {
            at: at.to_owned(),
            what,
        };
        let start = self.want.span.map_or(0, |span| span.first);
        let (first, whole) = match content_range(response) {
            Some((first, whole)) => (first, whole),
            None if response.status() == StatusCode::PARTIAL_CONTENT => {
                return Err(changed("a part is answered that does not say which".to_owned()));
            }
            None => (0, response.content_length()),
        };
        if first != from && first != 0 {
            return Err(changed(format!(
                "bytes from {first} answered, from {from} asked for"
            )));
        }
        if let (Some(file), Some(now)) = (&self.want.whole, whole)
            && file.bytes != now
        {
            return Err(changed(format!("it has {now} bytes, {} before", file.bytes)));
        }
        let total = match self.want.span {
            Some(span) => Some(span.bytes),
            None => whole.map(|whole| whole.saturating_sub(start)),
        };
        if let (Some(before), Some(now)) = (self.total, total)
            && before != now
        {
            return Err(changed(format!("it has {now} bytes, {before} before")));
        }
        self.total = total.or(self.total);
        let etag = etag(response);
        if let (Some(before), Some(now)) = (&self.etag, &etag)
            && before != now
        {
            return Err(changed("its ETag is another".to_owned()));
        }
        self.etag = etag.or(self.etag.take());
        if let Some(total) = self.total.filter(|total| *total > self.want.limit) {
            tracing::debug!(total, at, "announced length is beyond the limit");
            return Err(FetchError::SegmentTooLarge {
                at: at.to_owned(),
                limit: self.want.limit,
            });
        }
        Ok(from - first)
    }

    fn check_end(&self, response: &Response, at: String) -> Result<(), Interrupted> {
        match self.total {
            Some(total) if self.received < total => {
                let what = format!("{} of {total} bytes", self.received);
                Err(FetchError::Truncated { at, what }.into())
            }
            _ if self.received == 0 => Err(empty(response, at).into()),
            _ => Ok(()),
        }
    }

    async fn deliver(&mut self, mut bytes: &[u8]) -> Result<(), Interrupted> {
        self.received += bytes.len() as u64;
        while !bytes.is_empty() {
            bytes = self.slab.fill(bytes);
            if self.slab.is_full() {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Interrupted> {
        if self.slab.is_empty() {
            return Ok(());
        }
        // Room first, so that no more than the channel's bound and this one are ever held.
        let permit = self.sender.reserve().await.map_err(|_| Interrupted::Closed)?;
        let full = std::mem::replace(&mut self.slab, self.pool.take());
        permit.send(Message::Bytes(full));
        Ok(())
    }
}

/// An answer without a byte: a refusal where the headers say so.
fn empty(response: &Response, at: String) -> FetchError {
    let refusal = refusal(response);
    if refusal.code.is_some() {
        FetchError::ManifestEmpty { at, refusal }
    } else {
        FetchError::Empty { at }
    }
}
