//! What all cases share: the deployed stack, media, and the ways to order and to wait.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use kaltura_sim::{
    CatalogItemSpec, CustomerSpec, EntrySpec, OrderReport, OrderRequest, PartnerId, PlacedOrder, SimHandle,
};
use reach_local::{LANGUAGE, LocalStack, Options, PARAMETERS, Speech, TaskView};

/// Within this time a task comes where no recogniser is on its way.
pub const SOON: Duration = Duration::from_mins(2);
/// Within this time a task ends that is recognised beside several others.
pub const RECOGNISED_WITHIN: Duration = Duration::from_mins(4);
/// The waits of the state machine and the pauses before its retries are cut to this share: out of retries in seconds.
const WAITS: f64 = 0.02;

pub struct Bed {
    pub stack: LocalStack,
    /// Three pieces of speech of half a minute, each with what is said in it.
    pub speech: Vec<Speech>,
    /// A few seconds of speech, where it doesn't matter what is said.
    pub clip: PathBuf,
    customers: AtomicI64,
}

impl Bed {
    /// Deploys.
    pub async fn up() -> Self {
        let stack = LocalStack::up(Options {
            live: true,
            // The later one of a name counts.
            parameters: PARAMETERS
                .into_iter()
                .chain([("EnabledServices", "1,2,3,4,5,6,7,8,9,11")])
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            ..Options::sim("e2e")
        })
        .await
        .unwrap();
        stack.scale_waits(WAITS).await.unwrap();
        let speech = stack.speech().await.unwrap();
        let clip = stack.work_dir().join("clip.mp4");
        let cut = tokio::process::Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-t", "4", "-i"])
            .arg(&speech[0].media)
            .args(["-c", "copy"])
            .arg(&clip)
            .status()
            .await
            .unwrap();
        assert!(cut.success());
        Self {
            stack,
            speech,
            clip,
            customers: AtomicI64::new(200),
        }
    }

    pub fn sim(&self) -> &SimHandle {
        self.stack.sim().unwrap()
    }

    /// An order of captions for this media, of a customer of its own.
    pub fn order_for(&self, media: &Path) -> OrderRequest {
        OrderRequest {
            customer: CustomerSpec {
                partner_id: PartnerId(self.customers.fetch_add(1, Ordering::Relaxed)),
                ..CustomerSpec::default()
            },
            entry: EntrySpec {
                media: Some(media.to_owned()),
                ..EntrySpec::default()
            },
            catalog_item: CatalogItemSpec {
                source_language: LANGUAGE.to_owned(),
                ..CatalogItemSpec::default()
            },
            ..OrderRequest::default()
        }
    }

    /// Places an order and has it taken on.
    pub async fn order(&self, order: OrderRequest) -> PlacedOrder {
        let placed = self.place(order).await;
        self.take_on(&placed).await;
        placed
    }

    /// Places an order; the vendor isn't told before [`Bed::take_on`].
    pub async fn place(&self, order: OrderRequest) -> PlacedOrder {
        self.stack.place_order(order).await.unwrap()
    }

    /// Polls until the task is kept: a poll that meets another one at work leaves everything to that one, which may have
    /// asked before the order was placed.
    pub async fn take_on(&self, placed: &PlacedOrder) {
        let begun = Instant::now();
        loop {
            self.stack.poll_now().await.unwrap();
            let kept = self
                .stack
                .wait_for_task(placed.task_id.as_str(), Duration::from_secs(3), |_| true)
                .await;
            if kept.is_ok() {
                return;
            }
            assert!(begun.elapsed() < SOON, "{kept:?}");
        }
    }

    /// Waits until the task is so.
    pub async fn until(
        &self,
        placed: &PlacedOrder,
        deadline: Duration,
        is_so: impl Fn(&TaskView) -> bool,
    ) -> TaskView {
        self.stack
            .wait_for_task(placed.task_id.as_str(), deadline, is_so)
            .await
            .unwrap()
    }

    /// Waits until the task has ended, or is parked.
    pub async fn ended(&self, placed: &PlacedOrder, deadline: Duration) -> TaskView {
        self.until(placed, deadline, TaskView::has_ended).await
    }

    pub fn report(&self, placed: &PlacedOrder) -> OrderReport {
        self.sim().order(&placed.task_id).unwrap()
    }
}
