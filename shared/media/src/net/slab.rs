//! Buffers of one size that are used again, and counted.
//!
//! Slices of the HTTP client's own buffers would pin them as long as any byte of them waits; copying into
//! these keeps what is held equal to what is counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Gives out buffers of `slab_bytes` and takes them back when they are dropped.
#[derive(Debug, Clone)]
pub(crate) struct SlabPool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    slab_bytes: usize,
    free: Mutex<Vec<Vec<u8>>>,
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl SlabPool {
    pub(crate) fn new(slab_bytes: usize) -> Self {
        Self(Arc::new(Shared {
            slab_bytes: slab_bytes.max(1),
            free: Mutex::default(),
            held: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn slab_bytes(&self) -> usize {
        self.0.slab_bytes
    }

    /// Lets go of the buffers that nobody uses.
    pub(crate) fn trim(&self) {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = Vec::new();
    }

    /// An empty buffer.
    pub(crate) fn take(&self) -> Slab {
        let shared = &self.0;
        let held = shared.held.fetch_add(1, Ordering::Relaxed) + 1;
        shared.peak.fetch_max(held, Ordering::Relaxed);
        let free = shared.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = free.unwrap_or_else(|| Vec::with_capacity(shared.slab_bytes));
        Slab {
            bytes,
            pool: Arc::clone(shared),
        }
    }

    /// Most buffers that were out at once.
    #[cfg(test)]
    pub(crate) fn peak(&self) -> usize {
        self.0.peak.load(Ordering::Relaxed)
    }
}

/// A buffer from a [`SlabPool`].
#[derive(Debug)]
pub(crate) struct Slab {
    bytes: Vec<u8>,
    pool: Arc<Shared>,
}

impl Slab {
    /// Appends what fits; gives the rest.
    pub(crate) fn fill<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = self.pool.slab_bytes - self.bytes.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.bytes.extend_from_slice(head);
        rest
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() == self.pool.slab_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl AsRef<[u8]> for Slab {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        self.pool
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(bytes);
        self.pool.held.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_are_counted() {
        let pool = SlabPool::new(4);
        let mut slab = pool.take();
        assert_eq!(slab.fill(b"abcdef"), b"ef");
        assert!(slab.is_full());
        drop(slab);
        let again = pool.take();
        assert!(again.is_empty());
        assert_eq!(pool.peak(), 1);
    }
}
