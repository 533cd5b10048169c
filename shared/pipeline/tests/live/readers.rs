//! Readers: who come, go, come back, are slow, or are not there yet.

use std::sync::Arc;

use async_trait::async_trait;
use pipeline::StepError;
use pipeline::live::{
    ConnectionId, EndReason, Refused, StreamState, end, hand_out, join, leave, look, note_on_air,
};
use pipeline::memory::{ManualClock, MemorySockets};
use pipeline::ports::{Clock, Sent, Sockets};
use serde_json::json;
use step_world::{World, live_line as line, told};

use crate::stage::{connection, heard, is_open, kept, stream, take, texts};

fn lines(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers
        .into_iter()
        .map(|number| format!("This is line {number}."))
        .collect()
}

#[tokio::test]
async fn the_first_reader_gets_all_and_a_second_one_what_comes() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    let first = world.listen(&task_id, "first").await;
    let backup = world.listen(&task_id, "backup").await;
    for number in 2..=20 {
        take(&world.ctx, &task_id, &line("main", number, number)).await;
    }
    let second = world.listen(&task_id, "second").await;
    take(&world.ctx, &task_id, &line("main", 21, 21)).await;
    assert_eq!(texts(&heard(&world, &first)), lines(1..=21));
    // It came before the first had got anything.
    assert_eq!(texts(&heard(&world, &backup)), lines(1..=21));
    // Half a minute of what was said, which viewers have not seen yet.
    assert_eq!(texts(&heard(&world, &second)), lines(11..=21));
}

/// A connection that is dead, which nobody knows of yet: who comes back looks like somebody else.
#[tokio::test]
async fn who_comes_back_beside_their_own_dead_connection_gets_what_was_sent_to_it() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let dead = world.listen(&task_id, "dead").await;
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    world.clock.advance(60);
    for number in 2..=6 {
        // Sent, and never read.
        take(&world.ctx, &task_id, &line("main", number, number)).await;
    }
    let back = world.listen(&task_id, "back").await;
    take(&world.ctx, &task_id, &line("main", 7, 7)).await;
    assert_eq!(heard(&world, &dead).len(), 7, "it counts as there");
    assert_eq!(texts(&heard(&world, &back)), lines(1..=7));
}

/// Two that have gone at once, one of which had got less: nobody knows which of them comes back first.
#[tokio::test]
async fn of_two_that_are_lost_at_once_neither_misses_anything_whoever_comes_back_first() {
    tokio::time::pause();
    for is_behind_first in [false, true] {
        let world = World::new().await;
        let task_id = stream(&world, 1).await;
        let ahead = world.listen(&task_id, "ahead").await;
        let behind = world.listen(&task_id, "behind").await;
        take(&world.ctx, &task_id, &line("main", 1, 1)).await;
        world.sockets.slow(&behind, true);
        take(&world.ctx, &task_id, &line("main", 2, 2)).await;
        assert_eq!(heard(&world, &behind).len(), 1);
        world.clock.advance(60);
        let mut gone = [&ahead, &behind];
        if is_behind_first {
            gone.reverse();
        }
        for connection in gone {
            world.sockets.lose(connection);
            leave(&world.ctx, connection).await.unwrap();
            world.clock.advance(1);
        }
        take(&world.ctx, &task_id, &line("main", 3, 3)).await;
        for name in ["one", "other"] {
            let back = world.listen(&task_id, name).await;
            hand_out(&world.ctx, &task_id).await.unwrap();
            assert_eq!(texts(&heard(&world, &back)), lines([2, 3]), "{name}");
        }
    }
}

#[tokio::test]
async fn who_breaks_off_again_before_anything_came_still_gets_what_they_missed() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let before = world.listen(&task_id, "before").await;
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    world.clock.advance(60);
    world.sockets.lose(&before);
    take(&world.ctx, &task_id, &line("main", 2, 2)).await;
    // So late that the former is not said just now any more.
    take(&world.ctx, &task_id, &line("main", 3, 30)).await;
    let between = world.listen(&task_id, "between").await;
    world.sockets.lose(&between);
    let after = world.listen(&task_id, "after").await;
    take(&world.ctx, &task_id, &line("main", 4, 31)).await;
    assert_eq!(texts(&heard(&world, &between)), lines([]));
    assert_eq!(texts(&heard(&world, &after)), lines([2, 30, 31]));
}

#[tokio::test]
async fn who_comes_back_gets_what_they_missed() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let before = world.listen(&task_id, "before").await;
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    world.clock.advance(60);
    world.sockets.lose(&before);
    leave(&world.ctx, &before).await.unwrap();
    // So many that some are in the bucket by then.
    for number in 2..=70 {
        take(&world.ctx, &task_id, &line("main", number, number)).await;
    }
    let after = world.listen(&task_id, "after").await;
    take(&world.ctx, &task_id, &line("main", 71, 71)).await;
    assert_eq!(texts(&heard(&world, &before)), lines([1]));
    assert_eq!(texts(&heard(&world, &after)), lines(2..=71));
}

/// The record is one item of the table: it must not grow with the event.
#[tokio::test]
async fn old_messages_are_in_the_bucket_and_come_from_there_wherever_a_reader_goes_on() {
    for first in 1..=4 {
        let world = World::new().await;
        let task_id = stream(&world, 1).await;
        let before = world.listen(&task_id, "before").await;
        for number in 1..=first {
            take(&world.ctx, &task_id, &line("main", number, number)).await;
        }
        world.clock.advance(60);
        world.sockets.lose(&before);
        leave(&world.ctx, &before).await.unwrap();
        for number in first + 1..=100 {
            take(&world.ctx, &task_id, &line("main", number, number)).await;
        }
        let stream = look(&world.ctx, &task_id).await.unwrap();
        assert_eq!(stream.chunks, [1, 17, 33, 49]);
        assert_eq!(stream.tail.len(), 36);
        let after = world.listen(&task_id, "after").await;
        take(&world.ctx, &task_id, &line("main", 101, 101)).await;
        assert_eq!(texts(&heard(&world, &after)), lines(first + 1..=101));
    }
}

/// A connection lasts two hours at most; whose it is has to be known when it ends.
#[tokio::test]
async fn whose_a_connection_is_is_known_for_as_long_as_it_can_last() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let reader = world.listen(&task_id, "reader").await;
    let bound = world
        .ctx
        .streams()
        .unwrap()
        .bound(&reader)
        .await
        .unwrap()
        .unwrap();
    let kept_s = bound.expires_epoch_s - world.clock.now_epoch_s();
    assert!((2 * 3_600 + 60..=4 * 3_600).contains(&kept_s), "{kept_s}");
}

#[test]
fn a_reader_that_is_lost_is_counted() {
    let ((), told) = told(async {
        let world = World::new().await;
        let task_id = stream(&world, 1).await;
        let reader = world.listen(&task_id, "reader").await;
        take(&world.ctx, &task_id, &line("main", 1, 1)).await;
        world.clock.advance(60);
        world.sockets.lose(&reader);
        take(&world.ctx, &task_id, &line("main", 2, 2)).await;
    });
    assert_eq!(told.counted["LiveReadersLost"], 1, "{:?}", told.counted);
}

#[tokio::test]
async fn what_was_sent_right_before_a_reader_was_lost_is_sent_again() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let before = world.listen(&task_id, "before").await;
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    world.clock.advance(60);
    take(&world.ctx, &task_id, &line("main", 2, 2)).await;
    leave(&world.ctx, &before).await.unwrap();
    let after = world.listen(&task_id, "after").await;
    hand_out(&world.ctx, &task_id).await.unwrap();
    assert_eq!(texts(&heard(&world, &after)), lines([2]));
    assert_eq!(heard(&world, &after)[0]["id"], heard(&world, &before)[1]["id"]);
}

#[tokio::test]
async fn who_comes_back_before_anybody_has_told_that_they_were_lost_has_their_place() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let before = world.listen(&task_id, "before").await;
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    world.clock.advance(60);
    world.sockets.lose(&before);
    let after = world.listen(&task_id, "after").await;
    leave(&world.ctx, &before).await.unwrap();
    take(&world.ctx, &task_id, &line("main", 2, 2)).await;
    assert_eq!(texts(&heard(&world, &after)), lines([2]));
    let stream = hand_out(&world.ctx, &task_id).await.unwrap();
    assert_eq!(stream.places.len(), 1);
}

#[tokio::test]
async fn a_reader_whose_connection_is_only_being_made_is_waited_for() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let reader = connection("reader");
    for _ in 0..2 {
        // Twice, as an event may come.
        join(&world.ctx, &task_id, &reader).await.unwrap();
    }
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    world.clock.advance(2);
    world.sockets.open(&reader);
    take(&world.ctx, &task_id, &line("main", 2, 2)).await;
    assert_eq!(texts(&heard(&world, &reader)), lines([1, 2]));
    // Of one who never comes, the place is given up.
    let nobody = connection("nobody");
    join(&world.ctx, &task_id, &nobody).await.unwrap();
    world.clock.advance(11);
    take(&world.ctx, &task_id, &line("main", 3, 3)).await;
    let stream = hand_out(&world.ctx, &task_id).await.unwrap();
    assert!(!stream.has(&nobody) && stream.has(&reader));
}

#[tokio::test]
async fn a_slow_reader_holds_nobody_and_is_cut_off_in_the_end() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let quick = world.listen(&task_id, "quick").await;
    let slow = world.listen(&task_id, "slow").await;
    world.sockets.slow(&slow, true);
    tokio::time::pause();
    for number in 1..=40 {
        take(&world.ctx, &task_id, &line("main", number, number)).await;
        assert_eq!(heard(&world, &quick).len() as u64, number);
        world.clock.advance(3);
    }
    let stream = hand_out(&world.ctx, &task_id).await.unwrap();
    assert!(!stream.has(&slow) && stream.has(&quick));
    assert!(heard(&world, &slow).is_empty());
    assert!(!is_open(&world, &slow).await, "it has to know, to come back");
    // It may come back, and has missed nothing.
    let again = world.listen(&task_id, "again").await;
    take(&world.ctx, &task_id, &line("main", 41, 41)).await;
    assert_eq!(texts(&heard(&world, &again)), lines(1..=41));
}

/// A websocket that takes nothing for a while, not even the wish that a connection be closed.
struct Refusing {
    sockets: Arc<MemorySockets>,
    until_epoch_s: u64,
    clock: Arc<ManualClock>,
}

impl Refusing {
    fn check(&self) -> pipeline::Result<()> {
        if self.clock.now_epoch_s() >= self.until_epoch_s {
            return Ok(());
        }
        Err(StepError::Aws {
            service: "apigateway",
            action: "PostToConnection",
            detail: "throttled".to_owned(),
        })
    }
}

#[async_trait]
impl Sockets for Refusing {
    async fn send(&self, connection: &ConnectionId, text: &str) -> pipeline::Result<Sent> {
        self.check()?;
        self.sockets.send(connection, text).await
    }

    async fn is_open(&self, connection: &ConnectionId) -> pipeline::Result<bool> {
        self.sockets.is_open(connection).await
    }

    async fn close(&self, connection: &ConnectionId) -> pipeline::Result<()> {
        self.check()?;
        self.sockets.close(connection).await
    }
}

#[tokio::test]
async fn a_reader_that_can_not_be_cut_off_keeps_its_place_and_gets_all_of_it_later() {
    let mut world = World::new().await;
    let until_epoch_s = world.clock.now_epoch_s() + 180;
    world.ctx.parts.sockets = Some(Arc::new(Refusing {
        sockets: world.sockets.clone(),
        until_epoch_s,
        clock: world.clock.clone(),
    }));
    let task_id = stream(&world, 1).await;
    let reader = world.listen(&task_id, "reader").await;
    for number in 1..=20 {
        take(&world.ctx, &task_id, &line("main", number, number)).await;
        world.clock.advance(9);
    }
    assert!(heard(&world, &reader).is_empty());
    world.clock.advance(60);
    take(&world.ctx, &task_id, &line("main", 21, 21)).await;
    assert_eq!(texts(&heard(&world, &reader)), lines(1..=21));
}

#[tokio::test]
async fn a_reader_that_was_slow_once_gets_all_of_it_later() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let reader = world.listen(&task_id, "reader").await;
    world.sockets.slow(&reader, true);
    tokio::time::pause();
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    world.sockets.slow(&reader, false);
    take(&world.ctx, &task_id, &line("main", 2, 2)).await;
    assert!(heard(&world, &reader).is_empty(), "it rests");
    world.clock.advance(3);
    hand_out(&world.ctx, &task_id).await.unwrap();
    assert_eq!(texts(&heard(&world, &reader)), lines([1, 2]));
}

/// After the end, nobody comes for who rests: it is tried once more, and who takes nothing then is cut off, to come back.
#[tokio::test]
async fn a_slow_reader_gets_the_end_or_knows_that_it_has_to_come_back_for_it() {
    tokio::time::pause();
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let once = world.listen(&task_id, "once").await;
    let still = world.listen(&task_id, "still").await;
    for connection in [&once, &still] {
        world.sockets.slow(connection, true);
    }
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    world.sockets.slow(&once, false);
    end(&world.ctx, &task_id, EndReason::EndOfStream).await.unwrap();
    assert_eq!(texts(&heard(&world, &once)), ["This is line 1.", "END"]);
    assert!(heard(&world, &still).is_empty());
    for connection in [&once, &still] {
        assert!(!is_open(&world, connection).await);
    }
    let back = world.listen(&task_id, "back").await;
    hand_out(&world.ctx, &task_id).await.unwrap();
    assert_eq!(texts(&heard(&world, &back)), ["This is line 1.", "END"]);
}

#[tokio::test]
async fn the_end_is_said_to_all_and_whoever_was_away_hears_it_when_they_come_back() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let there = world.listen(&task_id, "there").await;
    let away = world.listen(&task_id, "away").await;
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    world.clock.advance(60);
    leave(&world.ctx, &away).await.unwrap();
    take(&world.ctx, &task_id, &line("main", 2, 2)).await;
    for _ in 0..2 {
        let ended = end(&world.ctx, &task_id, EndReason::EndOfStream).await.unwrap();
        assert_eq!(ended.captions, 2);
    }
    assert_eq!(
        texts(&heard(&world, &there)),
        ["This is line 1.", "This is line 2.", "END"]
    );
    assert!(!is_open(&world, &there).await, "closed");
    let back = world.listen(&task_id, "back").await;
    hand_out(&world.ctx, &task_id).await.unwrap();
    assert_eq!(texts(&heard(&world, &back)), ["This is line 2.", "END"]);
    assert!(!is_open(&world, &back).await, "closed");
    world.clock.advance(301);
    let late = join(&world.ctx, &task_id, &connection("late")).await;
    assert!(matches!(late, Err(Refused::Ended)));
}

#[tokio::test]
async fn a_stream_is_to_be_on_air_from_its_first_caption_to_somebody_until_that_is_noted() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let alone = take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    assert!(!alone.is_to_be_on_air, "nobody listens");
    world.listen(&task_id, "reader").await;
    for sequence in [2, 2, 3] {
        let taken = take(&world.ctx, &task_id, &line("main", sequence, sequence)).await;
        assert!(taken.is_to_be_on_air);
    }
    for _ in 0..2 {
        note_on_air(&world.ctx, &task_id).await.unwrap();
    }
    assert!(
        !take(&world.ctx, &task_id, &line("main", 4, 4))
            .await
            .is_to_be_on_air
    );
    let stream = hand_out(&world.ctx, &task_id).await.unwrap();
    assert_eq!(stream.state, StreamState::OnAir);
}

#[tokio::test]
async fn the_whole_is_kept_as_the_work_of_an_engine() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    for number in 1..=60 {
        take(&world.ctx, &task_id, &line("main", number, number)).await;
    }
    let ended = end(&world.ctx, &task_id, EndReason::EventOver).await.unwrap();
    let (_, result) = kept(&world, &ended).await;
    let words = &result.transcript().unwrap().words;
    assert_eq!(words.iter().filter(|word| word.text == "line").count(), 60);
    assert_eq!(
        json!([
            result.job_id,
            result.engine,
            result.audio_duration_ms,
            result.warnings
        ]),
        json!(["reach-1-1-live", { "name": "live", "version": "main" }, 183_000, []])
    );
}
