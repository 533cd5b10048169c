//! Writers that die, at every point there is.

use pipeline::live::{self, EndReason, LEASE_S, LiveInput};
use serde_json::Value;
use step_world::{World, live_line as line};

use crate::stage::{Kill, again, heard, kept, mortal, stream, take, texts, words};

/// An event: a few words, many lines at once, so that some go into the bucket, words again, and nothing more to come.
fn script() -> Vec<LiveInput> {
    let mut many = line("main", 2, 2);
    for number in 3..56 {
        many.lines.extend(line("main", 2, number).lines);
    }
    many.heard_until_ms = Some(56 * 3_000);
    let mut last = words("main", 4, 176_000, "The very last words");
    last.end_of_stream = true;
    vec![
        words("main", 1, 500, "Good evening and welcome."),
        many,
        words("main", 3, 170_000, "That was a lot of lines."),
        last,
    ]
}

/// As many messages as a writer sends to one reader before it writes down that it did.
const MOST_AGAIN: usize = 4;

/// What two readers got, and the transcript.
#[derive(Debug, PartialEq)]
struct Event {
    readers: [Vec<Value>; 2],
    transcript: String,
}

/// Has the script happen, with one call killed at that point and then made again by others; says also how many messages came to
/// each reader again.
async fn event(world: &World, id: u32, kill: &std::sync::Arc<Kill>) -> (Event, [usize; 2]) {
    let task_id = stream(world, id).await;
    let mine = mortal(&world.ctx, kill);
    let readers = [
        world.listen(&task_id, &format!("primary of {id}")).await,
        world.listen(&task_id, &format!("backup of {id}")).await,
    ];
    for input in script() {
        let call = async |ctx| {
            let taken = take(ctx, &task_id, &input).await;
            if taken.is_end_of_stream {
                live::end(ctx, &task_id, EndReason::EndOfStream).await.unwrap();
            }
        };
        let was_dead = kill.has_struck();
        if was_dead || kill.run(call(&mine)).await.is_none() {
            if !was_dead {
                world.clock.advance(LEASE_S + 1);
            }
            call(&world.ctx).await;
        }
    }
    let ended = live::end(&world.ctx, &task_id, EndReason::EventOver)
        .await
        .unwrap();
    let (transcript, _) = kept(world, &ended).await;
    let again = readers.each_ref().map(|reader| again(world, reader));
    // The ids differ by the stream.
    let received = |connection| {
        let mut messages = heard(world, connection);
        for message in &mut messages {
            message["id"].take();
            for speaker in message["speakers"].as_array_mut().unwrap() {
                speaker["id"].take();
            }
            for item in message["alternatives"][0]["items"].as_array_mut().unwrap() {
                item["speaker_id"].take();
            }
            // Nobody told an origin, so that the time of day is that of the first word.
            message["start_epoch"].take();
            message["alternatives"][0]["start_epoch"].take();
        }
        messages
    };
    let event = Event {
        readers: [received(&readers[0]), received(&readers[1])],
        transcript: transcript.replace(&format!("reach-{id}-"), "reach-"),
    };
    (event, again)
}

#[tokio::test]
async fn whoever_dies_wherever_nothing_is_lost_and_nothing_comes_in_another_order() {
    let world = World::new().await;
    let (undisturbed, again) = event(&world, 1, &Kill::never()).await;
    assert_eq!(again, [0, 0]);
    let said = texts(&undisturbed.readers[0]);
    assert!(said.len() > 50, "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("END"));
    assert_eq!(undisturbed.readers[0], undisturbed.readers[1]);

    let mut id = 1;
    let mut most_again = 0;
    for is_after in [false, true] {
        for at in 0.. {
            id += 1;
            let kill = Kill::at(at, is_after);
            let (disturbed, again) = event(&world, id, &kill).await;
            if !kill.has_struck() {
                assert!(at > 40, "only {at} calls were there to be killed at");
                break;
            }
            assert_eq!(
                disturbed, undisturbed,
                "killed at call {at}, after it: {is_after}"
            );
            most_again = again.into_iter().chain([most_again]).max().unwrap_or(0);
        }
    }
    // Nobody can know whether what was sent last was written down, so it comes again; and no more than that.
    assert_eq!(most_again, MOST_AGAIN);
}
