//! A fetch that is killed or stopped, and goes on: the object is the same to the byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: a panic is its verdict")]

mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use media::sink::{MIN_PART_BYTES, MemorySink};
use media::{
    Checkpoints, FetchConfig, FetchError, FetchReport, Fetcher, HlsRequest, MediaSource, PartSink, Resume,
    SinkError, resume_hls, resume_progressive,
};
use support::server::Fault;
use support::{Server, clips, config, oracle};
use tokio::sync::Notify;

/// Every rest makes a checkpoint, parts are as small as may be, and an ffmpeg child gets one segment.
fn busy() -> FetchConfig {
    FetchConfig {
        checkpoint_every: Duration::ZERO,
        part_bytes: MIN_PART_BYTES,
        ffmpeg: Some(oracle::program("ffmpeg")),
        child_media: Duration::from_millis(900),
        ..config()
    }
}

/// A checkpoint in memory.
#[derive(Default)]
struct Kept(Mutex<Option<Bytes>>);

#[async_trait]
impl Checkpoints for Kept {
    async fn load(&self) -> Result<Option<Bytes>, SinkError> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn save(&self, checkpoint: Bytes) -> Result<(), SinkError> {
        *self.0.lock().unwrap() = Some(checkpoint);
        Ok(())
    }
}

/// An upload that outlives the fetches which fill it. The part of this number, counted over one fetch, is the last thing that it
/// does.
#[derive(Default)]
struct Mortal {
    inner: MemorySink,
    puts: AtomicUsize,
    last: AtomicUsize,
    died: Notify,
}

impl Mortal {
    async fn part(&self) {
        if self.puts.fetch_add(1, Ordering::SeqCst) + 1 == self.last.load(Ordering::SeqCst) {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }

    fn dies_at(&self, part: usize) {
        self.puts.store(0, Ordering::SeqCst);
        self.last.store(part, Ordering::SeqCst);
    }
}

#[async_trait]
impl PartSink for Mortal {
    async fn put_part(&self, number: u32, data: Bytes) -> Result<(), SinkError> {
        self.inner.put_part(number, data).await?;
        self.part().await;
        Ok(())
    }

    async fn finish(&self, parts: u32) -> Result<(), SinkError> {
        self.inner.finish(parts).await
    }

    async fn put_whole(&self, data: Bytes) -> Result<(), SinkError> {
        self.inner.put_whole(data).await
    }

    async fn state(&self) -> Result<Option<Vec<u8>>, SinkError> {
        self.inner.state().await
    }

    async fn resume(&self, state: &[u8]) -> Result<bool, SinkError> {
        self.inner.resume(state).await
    }

    async fn abort(&self) -> Result<(), SinkError> {
        self.inner.abort().await
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Transport,
    Fragments,
    File,
    /// What goes through ffmpeg.
    Converted,
}

const SHAPES: [(Shape, &str); 4] = [
    (Shape::Transport, "ts/index.m3u8"),
    (Shape::Fragments, "fmp4/index.m3u8"),
    (Shape::File, "heavy.mp4"),
    (Shape::Converted, "index.m3u8"),
];

struct Case {
    server: Server,
    shape: Shape,
    path: &'static str,
}

impl Case {
    async fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for (shape, path) in SHAPES {
            let server = Server::of(match shape {
                Shape::Converted => clips::mpeg2_heavy(),
                _ => clips::heavy(),
            })
            .await;
            cases.push(Self { server, shape, path });
        }
        cases
    }

    async fn fetch(&self, sink: &dyn PartSink, resume: Resume<'_>) -> Result<FetchReport, FetchError> {
        let fetcher = Fetcher::new(busy()).unwrap();
        let source = MediaSource::new(self.server.url(self.path));
        match self.shape {
            Shape::File => resume_progressive(&fetcher, &source, sink, resume).await,
            _ => resume_hls(&fetcher, &source, &HlsRequest::audio_video(), sink, resume).await,
        }
    }

    /// What comes of it undisturbed, and in how many parts.
    async fn whole(&self) -> (Bytes, FetchReport, usize) {
        let sink = MemorySink::new();
        let report = self.fetch(&sink, Resume::never()).await.unwrap();
        (sink.object().unwrap(), report, sink.part_order().len())
    }
}

/// The fetch dies at a part: `true`. Otherwise it ends, well.
async fn dies(case: &Case, sink: &Mortal, kept: &Kept) -> bool {
    tokio::select! {
        outcome = case.fetch(sink, Resume::from(kept)) => {
            outcome.unwrap();
            false
        }
        () = sink.died.notified() => true,
    }
}

#[tokio::test]
async fn killed_at_any_part_it_comes_out_the_same() {
    for case in Case::all().await {
        let (whole, _, parts) = case.whole().await;
        assert!(parts >= 5, "{:?}: {parts} parts prove little", case.shape);
        for part in 1..=parts {
            let (sink, kept) = (Mortal::default(), Kept::default());
            sink.dies_at(part);
            assert!(dies(&case, &sink, &kept).await);
            sink.dies_at(usize::MAX);
            assert!(!dies(&case, &sink, &kept).await);
            assert!(
                sink.inner.object().unwrap() == whole,
                "{:?}, killed at part {part} of {parts}",
                case.shape
            );
        }
    }
}

#[tokio::test]
async fn killed_again_and_again_it_gets_there() {
    for case in Case::all().await {
        let (whole, report, parts) = case.whole().await;
        let (sink, kept) = (Mortal::default(), Kept::default());
        let mut deaths = 0;
        loop {
            // The last two parts come without a rest between.
            sink.dies_at(4);
            if !dies(&case, &sink, &kept).await {
                break;
            }
            deaths += 1;
            assert!(deaths < parts, "{:?}: it doesn't get on", case.shape);
        }
        assert!(deaths > 0);
        assert!(sink.inner.object().unwrap() == whole, "{:?}", case.shape);
        assert_eq!(report.bytes_out, whole.len() as u64);
    }
}

#[tokio::test]
async fn stopped_at_every_rest_it_comes_out_the_same() {
    for case in Case::all().await {
        let (whole, report, _) = case.whole().await;
        let (sink, kept) = (MemorySink::new(), Kept::default());
        let mut stops = 0;
        let resumed = loop {
            let resume = Resume::from(&kept).stop_at(Instant::now());
            match case.fetch(&sink, resume).await {
                Ok(report) => break report,
                Err(FetchError::Unfinished) => stops += 1,
                Err(error) => panic!("{:?}: {error}", case.shape),
            }
        };
        assert!(stops >= 5, "{:?}: {stops} stops", case.shape);
        // What goes through ffmpeg is begun anew when that shows.
        assert_eq!(sink.aborts(), u32::from(case.shape == Shape::Converted));
        assert!(sink.object().unwrap() == whole, "{:?}", case.shape);
        assert_eq!(
            (resumed.bytes_out, resumed.segments, resumed.duration_ms),
            (report.bytes_out, report.segments, report.duration_ms)
        );
        assert_eq!(resumed.tracks, report.tracks);
    }
}

#[tokio::test]
async fn what_does_not_fit_any_more_is_begun_anew() {
    let case = Case::all().await.remove(0);
    let (whole, ..) = case.whole().await;
    let stopped = async || {
        let (sink, kept) = (MemorySink::new(), Kept::default());
        for _ in 0..4 {
            let resume = Resume::from(&kept).stop_at(Instant::now());
            let error = case.fetch(&sink, resume).await.unwrap_err();
            assert_eq!(error.name(), "MediaUnfinished");
        }
        assert!(sink.open_parts() > 0);
        (sink, kept)
    };

    // The upload is gone.
    let (sink, kept) = stopped().await;
    sink.abort().await.unwrap();
    case.fetch(&sink, Resume::from(&kept)).await.unwrap();
    assert!(sink.object().unwrap() == whole);

    // The checkpoint is of another version, or of nothing at all.
    let (sink, kept) = stopped().await;
    kept.save(Bytes::from_static(b"\xff\xff\xff\xff\xff"))
        .await
        .unwrap();
    case.fetch(&sink, Resume::from(&kept)).await.unwrap();
    assert!(sink.object().unwrap() == whole);

    // It is of another fetch.
    let (sink, kept) = stopped().await;
    let other = Case {
        server: Server::of(clips::muxed()).await,
        shape: Shape::Transport,
        path: "index.m3u8",
    };
    let (small, ..) = other.whole().await;
    other.fetch(&sink, Resume::from(&kept)).await.unwrap();
    assert!(sink.object().unwrap() == small);
    assert_eq!(
        (sink.aborts(), sink.open_parts()),
        (1, 0),
        "the other upload is not left behind"
    );
}

#[tokio::test]
async fn a_fault_that_may_pass_leaves_what_the_checkpoint_needs_and_another_does_not() {
    let broken = async |times| Case {
        server: Server::of(clips::heavy())
            .await
            .with_times("ts/index4.ts", Fault::Status(503), times),
        shape: Shape::Transport,
        path: "ts/index.m3u8",
    };
    let case = broken(3).await;
    let (sink, kept) = (MemorySink::new(), Kept::default());
    assert_eq!(
        case.fetch(&sink, Resume::from(&kept)).await.unwrap_err().class(),
        media::Class::Retryable
    );
    assert_eq!(sink.aborts(), 0);
    case.fetch(&sink, Resume::from(&kept)).await.unwrap();
    assert_eq!(
        case.server.count("ts/index0.ts"),
        1,
        "what was fetched is not fetched again"
    );

    let (case, sink) = (broken(usize::MAX).await, MemorySink::new());
    case.fetch(&sink, Resume::never()).await.unwrap_err();
    assert_eq!((sink.aborts(), sink.open_parts()), (1, 0));
}
