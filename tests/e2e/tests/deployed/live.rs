//! A live event: the order made ready in time, real speech pushed by RTMP, recognised while it is spoken, and its captions at
//! Kaltura's listeners; the publisher and a listener drop out in the middle.

use reach_local::play_event;

use crate::bed::Bed;

/// How long the event is: two stretches of a few sentences.
const EVENT_S: u64 = 35;

pub async fn short_event_with_dropouts(bed: &Bed) {
    let outcome = play_event(&bed.stack, EVENT_S, |line| println!("{line}"))
        .await
        .unwrap();
    assert!(outcome.all_well(), "{}", outcome.table());
    // The publisher came back, and so did the listener; a wrong token was refused.
    assert!(outcome.live.pushes.iter().all(|push| push.sent_ms > 5_000));
    let sessions: Vec<usize> = outcome
        .live
        .connections
        .iter()
        .map(|one| {
            one.sessions
                .iter()
                .filter(|session| session.http_status == Some(101))
                .count()
        })
        .collect();
    assert_eq!(sessions, [2, 1], "{:#?}", outcome.live.connections);
    assert_eq!(outcome.live.wrong_tokens.len(), 1);
}
