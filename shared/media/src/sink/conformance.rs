//! What any [`PartSink`] must do. Each function takes fresh sinks from the caller and panics with what
//! was wrong, so that an adapter's test is one call:
//!
//! ```
//! # use media::sink::{MemorySink, conformance};
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! conformance::all(MemorySink::new, async |sink| sink.object().map(|b| b.to_vec())).await;
//! # });
//! ```

#![allow(
    clippy::missing_panics_doc,
    reason = "assertions for tests: panicking is their way to report"
)]

use bytes::Bytes;

use super::{MIN_PART_BYTES, PartSink, SinkError};

/// Runs every check of this module. `make` gives a fresh sink for an object that doesn't exist yet;
/// `read` gives the finished object's bytes, `None` where there is no object.
pub async fn all<S: PartSink>(make: impl Fn() -> S, read: impl AsyncFn(&S) -> Option<Vec<u8>>) {
    parts_join_by_number_with_the_first_last(&make(), &read).await;
    a_part_stored_again_is_replaced(&make(), &read).await;
    whole_objects_are_kept(&make(), &read).await;
    an_aborted_upload_leaves_nothing(&make(), &read).await;
    abort_is_safe_to_repeat_and_before_any_part(&make(), &read).await;
    abort_keeps_a_finished_object(&make(), &read).await;
    a_missing_part_is_refused(&make(), &read).await;
}

/// Parts arrive as 2, 3, 1 and read back as 1, 2, 3.
pub async fn parts_join_by_number_with_the_first_last<S: PartSink>(
    sink: &S,
    read: impl AsyncFn(&S) -> Option<Vec<u8>>,
) {
    let (first, second) = (filled(1, MIN_PART_BYTES + 7), filled(2, MIN_PART_BYTES));
    done("put_part 2", sink.put_part(2, second.clone()).await);
    done("put_part 3", sink.put_part(3, Bytes::from_static(b"tail")).await);
    done("put_part 1", sink.put_part(1, first.clone()).await);
    assert_eq!(read(sink).await, None, "no object before finish");
    done("finish", sink.finish(3).await);
    let expected = [&first[..], &second[..], b"tail"].concat();
    assert!(
        read(sink).await == Some(expected),
        "the object is the parts in order of number"
    );
}

/// The second of two parts with one number counts.
pub async fn a_part_stored_again_is_replaced<S: PartSink>(
    sink: &S,
    read: impl AsyncFn(&S) -> Option<Vec<u8>>,
) {
    done("put_part", sink.put_part(1, Bytes::from_static(b"old")).await);
    done(
        "put_part again",
        sink.put_part(1, Bytes::from_static(b"new")).await,
    );
    done("finish", sink.finish(1).await);
    assert_eq!(read(sink).await.as_deref(), Some(&b"new"[..]));
}

/// `put_whole` makes the object, and makes it anew.
pub async fn whole_objects_are_kept<S: PartSink>(sink: &S, read: impl AsyncFn(&S) -> Option<Vec<u8>>) {
    done("put_whole", sink.put_whole(Bytes::from_static(b"small")).await);
    assert_eq!(read(sink).await.as_deref(), Some(&b"small"[..]));
    done(
        "put_whole again",
        sink.put_whole(Bytes::from_static(b"other")).await,
    );
    assert_eq!(read(sink).await.as_deref(), Some(&b"other"[..]));
}

/// After `abort` there is no object, and its parts can't be finished.
pub async fn an_aborted_upload_leaves_nothing<S: PartSink>(
    sink: &S,
    read: impl AsyncFn(&S) -> Option<Vec<u8>>,
) {
    done("put_part", sink.put_part(1, Bytes::from_static(b"part")).await);
    done("abort", sink.abort().await);
    assert!(
        sink.finish(1).await.is_err(),
        "an aborted upload can't be finished"
    );
    assert_eq!(read(sink).await, None);
}

/// `abort` twice, and on a sink that holds nothing.
pub async fn abort_is_safe_to_repeat_and_before_any_part<S: PartSink>(
    sink: &S,
    read: impl AsyncFn(&S) -> Option<Vec<u8>>,
) {
    done("abort", sink.abort().await);
    done("abort again", sink.abort().await);
    assert_eq!(read(sink).await, None);
}

/// An upload is gone on with in another sink of the same object, where the sink can tell its state; one that is aborted is not.
/// `again` makes another sink of the object that `sink` writes.
pub async fn an_upload_is_gone_on_with<S: PartSink>(
    sink: &S,
    again: impl AsyncFn() -> S,
    read: impl AsyncFn(&S) -> Option<Vec<u8>>,
) {
    let state = async |sink: &S| {
        sink.state()
            .await
            .unwrap_or_else(|error| panic!("state: {error}"))
    };
    assert_eq!(state(sink).await, None, "nothing was put yet");
    let (first, second) = (filled(1, MIN_PART_BYTES), filled(2, MIN_PART_BYTES));
    done("put_part 2", sink.put_part(2, second.clone()).await);
    let Some(stood) = state(sink).await else {
        panic!("a sink that can be taken up again tells its state");
    };
    // After the state was told, more goes up, and goes up again.
    done("put_part 3", sink.put_part(3, Bytes::from_static(b"old")).await);
    let other = again().await;
    let resumed = async |sink: &S| {
        let resumed = sink.resume(&stood).await;
        resumed.unwrap_or_else(|error| panic!("resume: {error}"))
    };
    assert!(resumed(&other).await, "the upload is there");
    done("put_part 3", other.put_part(3, Bytes::from_static(b"new")).await);
    done("put_part 1", other.put_part(1, first.clone()).await);
    done("finish", other.finish(3).await);
    let expected = [&first[..], &second[..], b"new"].concat();
    assert!(read(&other).await == Some(expected), "the object is that of both");
    assert!(!resumed(&again().await).await, "a finished upload is gone");
}

/// What was finished outlives a later `abort`.
pub async fn abort_keeps_a_finished_object<S: PartSink>(sink: &S, read: impl AsyncFn(&S) -> Option<Vec<u8>>) {
    done("put_part", sink.put_part(1, Bytes::from_static(b"part")).await);
    done("finish", sink.finish(1).await);
    done("abort", sink.abort().await);
    assert_eq!(read(sink).await.as_deref(), Some(&b"part"[..]));
}

/// Two parts announced, one stored.
pub async fn a_missing_part_is_refused<S: PartSink>(sink: &S, read: impl AsyncFn(&S) -> Option<Vec<u8>>) {
    done("put_part 2", sink.put_part(2, Bytes::from_static(b"tail")).await);
    assert!(sink.finish(2).await.is_err(), "part 1 is missing");
    assert_eq!(read(sink).await, None);
}

fn filled(byte: u8, len: usize) -> Bytes {
    vec![byte; len].into()
}

#[track_caller]
fn done(what: &str, outcome: Result<(), SinkError>) {
    if let Err(error) = outcome {
        panic!("{what}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileSink, MemorySink};

    #[tokio::test]
    async fn memory_sink_conforms() {
        super::all(MemorySink::new, async |s| s.object().map(|b| b.to_vec())).await;
    }

    #[tokio::test]
    async fn file_sink_conforms() {
        let dir = tempfile::tempdir().unwrap();
        let next = std::cell::Cell::new(0);
        let make = || {
            next.set(next.get() + 1);
            FileSink::new(dir.path().join(format!("object-{}", next.get())))
        };
        super::all(make, async |s| std::fs::read(s.path()).ok()).await;
        let left: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.contains("whole") || (n.contains("part-") && !n.contains("part-2")))
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}
