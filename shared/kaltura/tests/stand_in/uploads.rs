//! Files of many chunks, as the server puts them together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use kaltura::{CaptionType, ChunkSource, Chunking, ContentResource};
use kaltura_sim::{AssetKind, Fault, FaultEffect, OrderRequest};

use crate::bench::{Bench, caption, english};

/// A caption of some 300 kB.
fn long_caption() -> Bytes {
    use std::fmt::Write as _;
    (1..=6_000u32)
        .fold(String::new(), |mut text, n| {
            let (at, end) = (n * 2, n * 2 + 1);
            let time = |s: u32| format!("{:02}:{:02}:{:02},000", s / 3_600, s / 60 % 60, s % 60);
            write!(
                text,
                "{n}\n{} --> {}\nSentence number {n}.\n\n",
                time(at),
                time(end)
            )
            .unwrap();
            text
        })
        .into()
}

const CHUNKING: Chunking = Chunking {
    chunk_bytes: 10_000,
    at_once: 4,
};

/// A source that counts how many of its chunks are on their way at the same time.
struct Counted {
    data: Bytes,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl ChunkSource for Counted {
    fn size_bytes(&self) -> u64 {
        self.data.len() as u64
    }

    async fn chunk(&self, offset_bytes: u64, len_bytes: u64) -> std::io::Result<Bytes> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        // Lets the others of the window begin.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        self.data.chunk(offset_bytes, len_bytes).await
    }
}

#[tokio::test]
async fn chunks_go_side_by_side_and_end_as_the_file() {
    let bench = Bench::start().await;
    let order = bench.place(OrderRequest::default()).await;
    let task = bench.task(&order);
    let source = Counted {
        data: long_caption(),
        now: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    };
    let token = task.upload_chunked("a.srt", &source, CHUNKING).await.unwrap();
    assert_eq!(source.most.into_inner(), CHUNKING.at_once);

    let asset = task
        .caption_add(&order.entry_id, &caption(CaptionType::Srt, english()))
        .await
        .unwrap();
    task.caption_set_content(&asset.id, &ContentResource::upload_token(&token))
        .await
        .unwrap();
    let report = bench.report(&order);
    let file = report
        .delivered(AssetKind::Caption)
        .next()
        .unwrap()
        .file
        .clone()
        .unwrap();
    assert_eq!(std::fs::read(file).unwrap(), source.data);
}

/// Uploads break off at each chunk in turn, and are gone on with: the file is whole, and little goes twice.
#[tokio::test]
async fn an_upload_that_breaks_anywhere_is_gone_on_with() {
    let bench = Bench::start().await;
    let order = bench.place(OrderRequest::default()).await;
    let task = bench.task(&order);
    let data = long_caption();
    let chunks = data.len().div_ceil(10_000);
    for broken in (1..chunks).step_by(7) {
        let token = task
            .upload_token_add("a.srt", data.len() as u64)
            .await
            .unwrap()
            .id;
        let blocked = Fault::new(FaultEffect::api("ACTION_BLOCKED")).on("uploadtoken", "upload");
        bench.sim.faults(vec![Fault {
            skip: u32::try_from(broken).unwrap(),
            ..blocked
        }]);
        let error = task
            .upload_resume(token.clone(), "a.srt", &data, CHUNKING)
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some("ACTION_BLOCKED"));
        bench.sim.clear_faults();

        let before = uploads(&bench);
        task.upload_resume(token.clone(), "a.srt", &data, CHUNKING)
            .await
            .unwrap();
        let rest = chunks - broken;
        assert!(
            uploads(&bench) - before <= rest + CHUNKING.at_once,
            "{broken} of {chunks} were there"
        );
        let state = task.upload_token_get(&token).await.unwrap();
        #[expect(clippy::cast_precision_loss, reason = "a size well below 2^52")]
        let size = data.len() as f64;
        assert_eq!(state.uploaded_file_size_bytes, Some(size));
    }
}

fn uploads(bench: &Bench) -> usize {
    let calls = bench.sim.calls();
    calls.iter().filter(|call| call.action == "upload").count()
}
