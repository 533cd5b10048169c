//! Functions that are really killed: the process of a function dies while it works, as on a machine of Lambda's that fails.

use std::time::Instant;

use kaltura_sim::{AssetKind, Fault, FaultEffect};
use pipeline::record::TaskState;
use reach_local::TaskView;

use crate::bed::{Bed, RECOGNISED_WITHIN, SOON};

const READY: i64 = 2;
const READY_ASSET: i64 = 2;

/// For so long Kaltura thinks about a call, so that there is time to kill who waits for it. Longer than a kill takes; what is
/// killed doesn't wait for the rest.
const THINKS_MS: u64 = 15_000;

/// The functions of the state machine are killed, each once, on the way of one order. It is delivered, once. Not `process`: of a
/// function that a state waits for by a token, the emulator doesn't hear that it died; the simulation does.
pub async fn functions_on_the_way(bed: &Bed) {
    let placed = bed.place(bed.order_for(&bed.clip)).await;
    let thinks = |service: &str, action: &str| {
        Fault::new(FaultEffect::Delay { ms: THINKS_MS })
            .on(service, action)
            .for_task(&placed.task_id)
            .times(1)
    };
    let mut ready = thinks("reach_entryvendortask", "updateJob");
    // PROCESSING passes.
    ready.skip = 1;
    bed.sim().faults(vec![
        thinks("baseentry", "getPlaybackContext"),
        thinks("caption_captionasset", "add"),
        ready,
    ]);
    bed.take_on(&placed).await;
    for (state, function) in [("Fetch", "fetch"), ("Upload", "upload"), ("Finalize", "finalize")] {
        let is_in = |task: &TaskView| task.steps.last().is_some_and(|step| step.name == state);
        bed.until(&placed, RECOGNISED_WITHIN, is_in).await;
        let has_failed = |task: &TaskView| task.faults.iter().any(|fault| fault.starts_with(state));
        // The state is entered a moment before its function is called.
        let begun = Instant::now();
        let task = loop {
            bed.stack.kill_function(function);
            let moment = std::time::Duration::from_millis(300);
            let task = bed
                .stack
                .wait_for_task(placed.task_id.as_str(), moment, has_failed)
                .await;
            if let Ok(task) = task {
                break task;
            }
            assert!(begun.elapsed() < SOON, "{function} could not be killed: {task:?}");
        };
        let told = task.faults.last().unwrap();
        assert!(
            told.contains("Runtime.ExitError") || told.contains("Lambda.Unknown"),
            "it failed by the kill and nothing else: {told}"
        );
    }
    let task = bed.ended(&placed, RECOGNISED_WITHIN).await;
    assert_eq!((task.state, task.attempt), (TaskState::Delivered, 1), "{task:?}");
    let report = bed.report(&placed);
    assert_eq!(report.status, READY);
    // Kaltura may have come to an end with the add that was given up, after another was made: it then has an asset without
    // content, which nobody sees.
    let captions: Vec<_> = report.delivered(AssetKind::Caption).collect();
    let ready = captions.iter().filter(|asset| asset.status == READY_ASSET);
    assert_eq!(ready.count(), 1, "{captions:?}");
    let empty = captions.iter().filter(|asset| asset.file.is_none());
    assert!(captions.len() - empty.count() == 1, "{captions:?}");
}
