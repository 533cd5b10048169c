//! Posts: in order, doubled, skipped, late, of several sources at once.

use futures::future::join_all;
use pipeline::live::{EndReason, Origin, Refused, end, hand_out, look, take_in};
use step_world::{World, live_line as line};

use crate::stage::{Kill, contended, heard, kept, mortal, post, stream, take, task, texts, words};

#[tokio::test]
async fn a_repeated_post_changes_nothing_and_a_skipped_one_is_asked_for() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let reader = world.listen(&task_id, "reader").await;
    let first = take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    assert_eq!(
        (first.next_sequence, first.is_duplicate, first.captions),
        (2, false, 1)
    );
    let again = take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    assert_eq!(
        (again.next_sequence, again.is_duplicate, again.captions),
        (2, true, 0)
    );
    let skipped = take_in(&world.ctx, &task_id, &line("main", 3, 3)).await;
    assert!(
        matches!(
            skipped,
            Err(Refused::Skipped {
                expected: 2,
                found: 3
            })
        ),
        "{skipped:?}"
    );
    take(&world.ctx, &task_id, &line("main", 2, 2)).await;
    assert_eq!(
        texts(&heard(&world, &reader)),
        ["This is line 1.", "This is line 2."]
    );
    assert_eq!(world.sockets.received(&reader).len(), 2);
}

#[tokio::test]
async fn there_is_no_stream_that_nobody_made_and_none_that_has_ended() {
    let world = World::new().await;
    let unknown = take_in(&world.ctx, &task(7), &line("main", 1, 1)).await;
    assert!(matches!(unknown, Err(Refused::NoStream)));
    let task_id = stream(&world, 1).await;
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    end(&world.ctx, &task_id, EndReason::EndOfStream).await.unwrap();
    let late = take_in(&world.ctx, &task_id, &line("main", 2, 2)).await;
    assert!(matches!(late, Err(Refused::Ended)));
    assert!(take(&world.ctx, &task_id, &line("main", 1, 1)).await.is_duplicate);
}

#[tokio::test]
async fn of_two_sources_that_hear_the_same_the_first_is_shown() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let reader = world.listen(&task_id, "reader").await;
    for number in 1..=3 {
        let main = take(&world.ctx, &task_id, &line("main", number, number)).await;
        assert_eq!(main.late_words, 0);
        let backup = take(&world.ctx, &task_id, &line("backup", number, number)).await;
        assert_eq!((backup.captions, backup.late_words), (0, 4));
    }
    // The first has died: the other goes on.
    take(&world.ctx, &task_id, &line("backup", 4, 4)).await;
    assert_eq!(
        texts(&heard(&world, &reader)),
        [1, 2, 3, 4].map(|number| format!("This is line {number}."))
    );
}

#[tokio::test]
async fn the_whole_says_how_many_words_were_left_out() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    for source in ["main", "backup"] {
        take(&world.ctx, &task_id, &line(source, 1, 1)).await;
    }
    let ended = end(&world.ctx, &task_id, EndReason::EndOfStream).await.unwrap();
    let (_, result) = kept(&world, &ended).await;
    let warnings: Vec<_> = result
        .warnings
        .iter()
        .map(|warning| warning.name.as_str())
        .collect();
    assert_eq!(warnings, ["WordsLeftOut"]);
    assert!(
        result.warnings[0].detail.starts_with("4 words"),
        "{:?}",
        result.warnings
    );
}

#[tokio::test]
async fn an_end_is_kept_though_somebody_else_writes_meanwhile() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    end(&world.ctx, &task_id, EndReason::EndOfStream).await.unwrap();
    // The write of where the whole is, once more.
    let streams = world.ctx.streams().unwrap();
    let mut stream = look(&world.ctx, &task_id).await.unwrap();
    let transcript_key = stream.transcript_key.take();
    assert!(streams.save(&mut stream).await.unwrap());
    let ctx = contended(&world.ctx, 0..1);
    end(&ctx, &task_id, EndReason::EndOfStream).await.unwrap();
    let stream = look(&world.ctx, &task_id).await.unwrap();
    assert_eq!(stream.transcript_key, transcript_key);
}

/// Whoever can't write gives up, and is asked again; nothing is lost by that.
#[tokio::test]
async fn a_hand_out_that_can_never_write_down_what_it_sent_ends() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let reader = world.listen(&task_id, "reader").await;
    let ctx = contended(&world.ctx, 0..u32::MAX);
    let refused = take_in(&ctx, &task_id, &line("main", 1, 1)).await;
    assert!(
        matches!(&refused, Err(Refused::Step(error)) if error.name() == "RecordConflict"),
        "{refused:?}"
    );
    take(&world.ctx, &task_id, &line("main", 1, 1)).await;
    let mut stream = look(&world.ctx, &task_id).await.unwrap();
    // What it has sent is not noted, as if its sender had died.
    for place in &mut stream.places {
        place.delivered_seq = 0;
    }
    assert!(world.ctx.streams().unwrap().save(&mut stream).await.unwrap());
    // The lease is taken, and nothing more is written.
    let ctx = contended(&world.ctx, 1..u32::MAX);
    let ended = hand_out(&ctx, &task_id).await;
    assert!(
        matches!(&ended, Err(Refused::Step(error)) if error.name() == "RecordConflict"),
        "{ended:?}"
    );
    assert_eq!(texts(&heard(&world, &reader)), ["This is line 1."]);
}

#[tokio::test]
async fn words_out_of_order_are_put_right_within_a_post_and_late_ones_stand_where_they_can() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let reader = world.listen(&task_id, "reader").await;
    let mut first = words("main", 1, 1_000, "one two three four five.");
    first.words.reverse();
    take(&world.ctx, &task_id, &first).await;
    let mut more = post("main", 2);
    more.heard_until_ms = Some(10_000);
    take(&world.ctx, &task_id, &more).await;
    let late = take(&world.ctx, &task_id, &words("main", 3, 1_500, "late.")).await;
    assert_eq!(late.late_words, 1);
    more.sequence = 4;
    more.heard_until_ms = Some(20_000);
    take(&world.ctx, &task_id, &more).await;
    let messages = heard(&world, &reader);
    assert_eq!(texts(&messages), ["one two three four five.", "late."]);
    assert!(messages[1]["start"].as_f64() >= messages[0]["end"].as_f64());
    // Each post tells of its own late words.
    let on_time = take(&world.ctx, &task_id, &words("main", 5, 21_000, "on time.")).await;
    assert_eq!(on_time.late_words, 0);
}

#[tokio::test]
async fn a_publisher_who_comes_back_has_its_own_pts_and_the_stream_s_time_goes_on() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let reader = world.listen(&task_id, "reader").await;
    let mut first = line("main", 1, 1);
    let origin = |pts_s, epoch_s| Some(Origin { pts_s, epoch_s });
    first.origin = origin(12.5, 1_790_000_000.25);
    take(&world.ctx, &task_id, &first).await;
    // A minute later, from its time 0 again.
    let mut second = line("main", 2, 1);
    second.origin = origin(700.0, 1_790_000_060.25);
    assert_eq!(take(&world.ctx, &task_id, &second).await.late_words, 0);
    let times = |message: &serde_json::Value| {
        ["start", "start_pts", "start_epoch"].map(|name| message[name].as_f64().map(|s| format!("{s}")))
    };
    let messages = heard(&world, &reader);
    assert_eq!(
        times(&messages[0]),
        ["3", "15.5", "1790000003.25"].map(|s| Some(s.to_owned()))
    );
    assert_eq!(
        times(&messages[1]),
        ["63", "703", "1790000063.25"].map(|s| Some(s.to_owned()))
    );
}

#[tokio::test]
async fn words_from_before_a_publisher_came_back_keep_their_pts_though_they_are_shown_after_it() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let reader = world.listen(&task_id, "reader").await;
    let origin = |pts_s, epoch_s| Some(Origin { pts_s, epoch_s });
    let mut first = words("main", 1, 1_000, "one two");
    first.origin = origin(100.0, 1_790_000_000.0);
    first.heard_until_ms = Some(2_000);
    assert_eq!(
        take(&world.ctx, &task_id, &first).await.captions,
        0,
        "more may follow"
    );
    // Its time goes on; its pts have begun anew, so that those of its time 0 are negative.
    let mut second = words("main", 2, 20_000, "three four.");
    second.origin = origin(-8.0, 1_790_000_000.0);
    second.heard_until_ms = Some(40_000);
    take(&world.ctx, &task_id, &second).await;
    let messages = heard(&world, &reader);
    let pts: Vec<_> = messages
        .iter()
        .map(|message| message["start_pts"].as_f64().unwrap().to_string())
        .collect();
    assert_eq!(pts, ["101", "12"], "{messages:#?}");
}

#[tokio::test]
async fn several_writers_at_once_take_turns() {
    let world = World::new().await;
    let task_id = stream(&world, 1).await;
    let readers = [
        world.listen(&task_id, "primary").await,
        world.listen(&task_id, "backup").await,
    ];
    let writers = (0..4_u64).map(async |writer| {
        let ctx = mortal(&world.ctx, &Kill::never());
        let source = format!("writer-{writer}");
        let mut captions = 0;
        for sequence in 1..=12 {
            // Each has its own time, so that each one's are shown as long as nobody is ahead.
            let input = line(&source, sequence, sequence * 4 + writer);
            captions += take(&ctx, &task_id, &input).await.captions;
        }
        captions
    });
    let captions: usize = join_all(writers).await.into_iter().sum();
    let left = take(&world.ctx, &task_id, &line("last", 1, 100)).await;
    let stream = world
        .ctx
        .streams()
        .unwrap()
        .load(&task_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stream.next_seq - 1, (captions + left.captions) as u64);
    assert!(captions > 12, "{captions}");
    for reader in &readers {
        let messages = heard(&world, reader);
        assert_eq!(messages.len(), captions + left.captions);
        assert_eq!(
            world.sockets.received(reader).len(),
            messages.len(),
            "each came once"
        );
        let starts: Vec<f64> = messages.iter().map(|m| m["start"].as_f64().unwrap()).collect();
        assert!(starts.is_sorted(), "{starts:?}");
    }
}
