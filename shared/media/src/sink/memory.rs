//! A sink that keeps the object in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::{MIN_PART_BYTES, PartSink, SinkError};

/// Keeps parts and the finished object in memory, and holds the fetch to the rules of a multipart upload:
/// a short part that is not the last one is refused by [`finish`](PartSink::finish), as S3 does.
#[derive(Debug, Default)]
pub struct MemorySink {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    parts: BTreeMap<u32, Bytes>,
    order: Vec<u32>,
    object: Option<Bytes>,
    aborts: u32,
}

impl MemorySink {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// The finished object, if there is one.
    pub fn object(&self) -> Option<Bytes> {
        self.locked(|s| s.object.clone())
    }

    /// How many parts are stored and not yet finished or aborted.
    pub fn open_parts(&self) -> usize {
        self.locked(|s| s.parts.len())
    }

    /// The part numbers in the order in which they were stored.
    pub fn part_order(&self) -> Vec<u32> {
        self.locked(|s| s.order.clone())
    }

    /// How often the upload was aborted.
    pub fn aborts(&self) -> u32 {
        self.locked(|s| s.aborts)
    }

    fn locked<T>(&self, use_state: impl FnOnce(&mut State) -> T) -> T {
        use_state(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What [`finish`](PartSink::finish) requires of parts, shared by the sinks here: all numbers from 1 to
/// `parts`, none short but the last.
pub(super) fn check_parts(
    sizes: impl ExactSizeIterator<Item = (u32, usize)>,
    parts: u32,
) -> Result<(), SinkError> {
    if parts == 0 || sizes.len() != parts as usize {
        let stored = sizes.len();
        return Err(SinkError::permanent(format!(
            "{parts} parts to finish, {stored} stored"
        )));
    }
    for (expected, (number, size)) in (1..).zip(sizes) {
        if number != expected {
            return Err(SinkError::permanent(format!("part {expected} is missing")));
        }
        if number < parts && size < MIN_PART_BYTES {
            return Err(SinkError::permanent(format!(
                "part {number} of {parts} has {size} bytes, at least {MIN_PART_BYTES} expected"
            )));
        }
    }
    Ok(())
}

#[async_trait]
impl PartSink for MemorySink {
    async fn put_part(&self, number: u32, data: Bytes) -> Result<(), SinkError> {
        if number == 0 {
            return Err(SinkError::permanent("part numbers start at 1"));
        }
        self.locked(|s| {
            s.order.push(number);
            s.parts.insert(number, data);
        });
        Ok(())
    }

    async fn finish(&self, parts: u32) -> Result<(), SinkError> {
        self.locked(|s| {
            check_parts(s.parts.iter().map(|(n, d)| (*n, d.len())), parts)?;
            let whole: Vec<u8> = s.parts.values().flatten().copied().collect();
            s.parts.clear();
            s.object = Some(whole.into());
            Ok(())
        })
    }

    async fn put_whole(&self, data: Bytes) -> Result<(), SinkError> {
        self.locked(|s| s.object = Some(data));
        Ok(())
    }

    /// The parts stay where they are: in this sink.
    async fn state(&self) -> Result<Option<Vec<u8>>, SinkError> {
        Ok(self.locked(|s| (!s.parts.is_empty()).then(|| s.aborts.to_be_bytes().to_vec())))
    }

    async fn resume(&self, state: &[u8]) -> Result<bool, SinkError> {
        Ok(self.locked(|s| !s.parts.is_empty() && s.aborts.to_be_bytes() == state))
    }

    async fn abort(&self) -> Result<(), SinkError> {
        self.locked(|s| {
            s.parts.clear();
            s.aborts += 1;
        });
        Ok(())
    }
}
