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
pub(crate) const SLAB_BYTES: usize = 64 << 10;

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
    /// A window over `wants`, `width` of them at once. Dropping it ends the downloads.
    pub(crate) fn new(session: Arc<Session>, wants: I, width: usize) -> Self {
        let width = width.max(1);
        // A lane holds its channel's slabs, the one being filled, and one in the reader's hands.
        let slabs = session.config().buffer_bytes / SLAB_BYTES / width;
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
