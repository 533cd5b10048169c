//! Cuts a stream of bytes into a sink's parts.

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};

use crate::config::FetchConfig;
use crate::error::FetchError;
use crate::net::slab::{Slab, SlabPool};
use crate::resume::PartsState;
use crate::sink::{MIN_PART_BYTES, PartSink, SinkError};

/// Whether something will precede the bytes that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Head {
    /// Nothing: they are the object.
    None,
    /// What is known only at the end.
    Later,
}

/// Fills parts and puts them into the sink, several at a time.
///
/// Where a head comes later, the first part is kept back until the end.
pub(crate) struct PartWriter<'a> {
    sink: &'a dyn PartSink,
    pool: SlabPool,
    in_flight: usize,
    head: Head,
    first: Option<Slab>,
    filling: Slab,
    /// The number that the part being filled will have.
    number: u32,
    uploads: FuturesUnordered<BoxFuture<'a, Result<(), SinkError>>>,
    bytes_out: u64,
}

impl<'a> PartWriter<'a> {
    pub(crate) fn new(sink: &'a dyn PartSink, config: &FetchConfig, head: Head) -> Self {
        let pool = SlabPool::new(config.part_bytes.max(MIN_PART_BYTES));
        Self {
            sink,
            in_flight: config.parts_in_flight.max(1),
            head,
            first: None,
            filling: pool.take(),
            pool,
            number: 1,
            uploads: FuturesUnordered::new(),
            bytes_out: 0,
        }
    }

    /// One that goes on where another stood; `held` are the bytes that it held. `None` where they are not what `state` says, or
    /// where parts have another size now.
    pub(crate) fn resumed(
        sink: &'a dyn PartSink,
        config: &FetchConfig,
        state: PartsState,
        held: &[u8],
    ) -> Option<Self> {
        let mut parts = Self::new(sink, config, state.head);
        let (first, filling) = held.split_at_checked(state.first.unwrap_or_default())?;
        if parts.pool.slab_bytes() != state.part_bytes || filling.len() != state.filling {
            return None;
        }
        if state.first.is_some() {
            let mut slab = parts.pool.take();
            let over = slab.fill(first);
            parts.first = Some(slab).filter(|_| over.is_empty());
            parts.first.as_ref()?;
        }
        let over = parts.filling.fill(filling);
        parts.number = state.number;
        parts.bytes_out = state.bytes_out;
        over.is_empty().then_some(parts)
    }

    /// Where it stands. To be asked for once it has settled.
    pub(crate) fn state(&self) -> PartsState {
        PartsState {
            part_bytes: self.pool.slab_bytes(),
            head: self.head,
            number: self.number,
            bytes_out: self.bytes_out,
            first: self.first.as_ref().map(Slab::len),
            filling: self.filling.len(),
        }
    }

    /// Appends the bytes that it holds: the first part's, and those of the one being filled.
    pub(crate) fn append_held(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.first.as_ref().map(AsRef::as_ref).unwrap_or_default());
        into.extend_from_slice(self.filling.as_ref());
    }

    /// Waits until every part that was handed out has arrived.
    pub(crate) async fn settle(&mut self) -> Result<(), FetchError> {
        while self.is_busy() {
            self.progress().await?;
        }
        Ok(())
    }

    /// Whether any part was handed out.
    pub(crate) fn has_uploaded(&self) -> bool {
        self.bytes_out > 0
    }

    pub(crate) fn sink(&self) -> &'a dyn PartSink {
        self.sink
    }

    /// Takes the next bytes; waits while as many parts are on their way as may be.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), FetchError> {
        while !bytes.is_empty() {
            if self.filling.is_full() {
                self.part_full().await?;
            }
            bytes = self.filling.fill(bytes);
        }
        Ok(())
    }

    /// Waits for something else, while parts go on arriving.
    pub(crate) async fn beside<T>(&mut self, other: impl Future<Output = T>) -> Result<T, FetchError> {
        let mut other = std::pin::pin!(other);
        loop {
            tokio::select! {
                came = &mut other => return Ok(came),
                arrived = self.progress(), if self.is_busy() => arrived?,
            }
        }
    }

    /// Whether parts are on their way.
    fn is_busy(&self) -> bool {
        !self.uploads.is_empty()
    }

    /// Waits until one part has arrived. Safe to drop before it is ready.
    async fn progress(&mut self) -> Result<(), FetchError> {
        self.uploads
            .next()
            .await
            .unwrap_or(Ok(()))
            .map_err(FetchError::from)
    }

    async fn part_full(&mut self) -> Result<(), FetchError> {
        self.room().await?;
        let full = std::mem::replace(&mut self.filling, self.pool.take());
        if self.number == 1 && self.head == Head::Later {
            self.first = Some(full);
        } else {
            self.upload(full);
        }
        self.number += 1;
        Ok(())
    }

    async fn room(&mut self) -> Result<(), FetchError> {
        while self.uploads.len() >= self.in_flight {
            self.progress().await?;
        }
        Ok(())
    }

    fn upload(&mut self, part: Slab) {
        self.bytes_out += part.len() as u64;
        self.uploads
            .push(self.sink.put_part(self.number, Bytes::from_owner(part)));
    }

    /// Hands out what is left, and waits until everything but the first part has arrived: with that and what is held back, the
    /// memory of all other parts is free again for the head to be made in.
    pub(crate) async fn drain(&mut self) -> Result<(), FetchError> {
        if self.number > 1 && !self.filling.is_empty() {
            self.room().await?;
            let last = std::mem::replace(&mut self.filling, self.pool.take());
            self.upload(last);
            self.number += 1;
        }
        self.settle().await?;
        self.pool.trim();
        Ok(())
    }

    /// Puts `head` in front of everything and finishes the object. Gives its size in bytes.
    pub(crate) async fn finish(mut self, head: &[u8]) -> Result<u64, FetchError> {
        self.drain().await?;
        if self.number == 1 {
            let whole = [head, self.filling.as_ref()].concat();
            let size = whole.len() as u64;
            self.sink.put_whole(whole.into()).await?;
            return Ok(size);
        }
        if let Some(first) = self.first.take() {
            let begin = Bytes::from([head, first.as_ref()].concat());
            drop(first);
            self.pool.trim();
            self.bytes_out += begin.len() as u64;
            self.sink.put_part(1, begin).await?;
        }
        self.sink.finish(self.number - 1).await?;
        Ok(self.bytes_out)
    }

    /// Most bytes of parts that were held at once.
    #[cfg(test)]
    pub(crate) fn peak_parts(&self) -> usize {
        self.pool.peak()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::sink::MemorySink;

    /// Takes a while over every part, and counts those that it holds.
    #[derive(Default)]
    struct Slow {
        inner: MemorySink,
        now: AtomicUsize,
        most: AtomicUsize,
    }

    #[async_trait]
    impl PartSink for Slow {
        async fn put_part(&self, number: u32, data: Bytes) -> Result<(), SinkError> {
            let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(now, Ordering::Relaxed);
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            self.now.fetch_sub(1, Ordering::Relaxed);
            // A copy, as a request body would be once it is sent: the part's own buffer goes back.
            self.inner.put_part(number, Bytes::copy_from_slice(&data)).await
        }

        async fn finish(&self, parts: u32) -> Result<(), SinkError> {
            self.inner.finish(parts).await
        }

        async fn put_whole(&self, data: Bytes) -> Result<(), SinkError> {
            self.inner.put_whole(data).await
        }

        async fn abort(&self) -> Result<(), SinkError> {
            self.inner.abort().await
        }
    }

    fn pattern(len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..=250).collect::<Vec<u8>>().repeat(len / 251 + 1);
        bytes.truncate(len);
        bytes
    }

    #[tokio::test]
    async fn parts_in_flight_and_held_are_bounded() {
        let (sink, config) = (Slow::default(), FetchConfig::default());
        let payload = pattern(7 * config.part_bytes + 77);
        let mut parts = PartWriter::new(&sink, &config, Head::Later);
        for bytes in payload.chunks(1_000_000) {
            parts.write(bytes).await.unwrap();
        }
        assert_eq!(parts.peak_parts(), config.parts_in_flight + 2);
        let size = parts.finish(b"head").await.unwrap();
        let expected = [b"head", &payload[..]].concat();
        assert_eq!(size, expected.len() as u64);
        assert!(sink.inner.object().unwrap() == expected);
        assert_eq!(sink.most.into_inner(), config.parts_in_flight);
        assert_eq!(sink.inner.part_order().last(), Some(&1));
    }

    #[tokio::test]
    async fn sizes_around_a_part_come_out_whole() {
        let config = FetchConfig::default();
        let part = config.part_bytes;
        for len in [0, 1, part - 1, part, part + 1, 2 * part, 2 * part + 1] {
            for (head, bytes) in [(Head::Later, &b"head"[..]), (Head::None, b"")] {
                let (sink, payload) = (MemorySink::new(), pattern(len));
                let mut parts = PartWriter::new(&sink, &config, head);
                parts.write(&payload).await.unwrap();
                let size = parts.finish(bytes).await.unwrap();
                assert_eq!(size, (len + bytes.len()) as u64);
                assert!(
                    sink.object().unwrap() == [bytes, &payload[..]].concat(),
                    "{len} {head:?}"
                );
            }
        }
    }
}
