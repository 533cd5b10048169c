//! Several downloads at once, read in order.
//!
//! Each has a channel of its own with an equal share of the buffer, so the one being read can always go
//! on, and those behind it stop on the connection's own back-pressure when their share is full.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;

use super::download::{Message, Want, run};
use super::fetcher::Session;
use super::slab::{Slab, SlabPool};
use crate::error::FetchError;

/// Bytes handed from a download to the reader at a time.
pub(crate) const SLAB_BYTES: usize = 32 << 10;

/// What comes next.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Bytes of the download at the head.
    Bytes(Slab),
    /// The download at the head is whole; what follows is the next one's.
    End,
    /// There is nothing more.
    Done,
}

/// The downloads under way.
#[derive(Debug)]
pub(crate) struct Window<I> {
    session: Arc<Session>,
    wants: I,
    width: usize,
    lane_slabs: usize,
    pool: SlabPool,
    lanes: VecDeque<Receiver<Message>>,
    tasks: JoinSet<()>,
}

impl<I: Iterator<Item = Want>> Window<I> {
    /// A window over `wants`, as many of them at once as the configuration says, in `buffer_bytes` of memory. Dropping it ends
    /// the downloads.
    pub(crate) fn new(session: Arc<Session>, wants: I, buffer_bytes: usize) -> Self {
        let width = session.config().window_segments.max(1);
        // A lane holds its channel's slabs, the one being filled, and one in the reader's hands.
        let slabs = buffer_bytes / SLAB_BYTES / width;
        Self {
            session,
            wants,
            width,
            lane_slabs: slabs.saturating_sub(2).max(1),
            pool: SlabPool::new(SLAB_BYTES),
            lanes: VecDeque::with_capacity(width),
            tasks: JoinSet::new(),
        }
    }

    /// The next piece. Safe to drop before it is ready.
    pub(crate) async fn next(&mut self) -> Result<Piece, FetchError> {
        while self.lanes.len() < self.width
            && let Some(want) = self.wants.next()
        {
            let (sender, receiver) = channel(self.lane_slabs);
            self.tasks
                .spawn(run(Arc::clone(&self.session), want, self.pool.clone(), sender));
            self.lanes.push_back(receiver);
        }
        while self.tasks.try_join_next().is_some() {}
        let Some(head) = self.lanes.front_mut() else {
            return Ok(Piece::Done);
        };
        match head.recv().await {
            Some(Message::Bytes(slab)) => Ok(Piece::Bytes(slab)),
            Some(Message::End) => {
                self.lanes.pop_front();
                Ok(Piece::End)
            }
            Some(Message::Failed(error)) => Err(error),
            None => {
                let what = "its download ended without a word".to_owned();
                Err(FetchError::Truncated {
                    at: "segment".to_owned(),
                    what,
                })
            }
        }
    }

    /// Most bytes that were held at once.
    #[cfg(test)]
    pub(crate) fn peak_bytes(&self) -> usize {
        self.pool.peak() * SLAB_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::Router;
    use axum::body::{Body, Bytes};
    use futures::stream;

    use super::*;
    use crate::{FetchConfig, Fetcher, MediaSource};

    const SEGMENTS: usize = 40;
    const CHUNKS: usize = 64;

    /// A server of segments of 2 MiB each.
    async fn server() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(async || {
            let chunk = Bytes::from(vec![0x47; SLAB_BYTES]);
            Body::from_stream(stream::iter(vec![Ok::<_, Infallible>(chunk); CHUNKS]))
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/")
    }

    #[tokio::test]
    async fn what_is_held_stays_within_the_budget_while_the_reader_is_slow() {
        let config = FetchConfig {
            window_segments: 8,
            buffer_bytes: 4 << 20,
            ..FetchConfig::loopback()
        };
        let source = MediaSource::new(server().await);
        let session = Arc::new(Session::new(&Fetcher::new(config).unwrap(), &source).unwrap());
        let want = Want {
            url: session.origin().clone(),
            span: None,
            whole: None,
            opaque: false,
            limit: 64 << 20,
        };
        let mut window = Window::new(Arc::clone(&session), std::iter::repeat_n(want, SEGMENTS), 4 << 20);
        let (mut bytes, mut ended) = (0, 0);
        loop {
            match window.next().await.unwrap() {
                Piece::Bytes(slab) => bytes += slab.len(),
                Piece::End => ended += 1,
                Piece::Done => break,
            }
            // The downloads run on while the reader holds back.
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!((ended, bytes), (SEGMENTS, SEGMENTS * CHUNKS * SLAB_BYTES));
        let peak = window.peak_bytes();
        assert!(peak <= 4 << 20, "{peak} bytes held");
        assert!(
            peak > 2 << 20,
            "{peak} bytes held: the window did not fill, so nothing was shown"
        );
    }
}
