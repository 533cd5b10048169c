//! Which media an order fetches, as the stand-in sees it asked for.

use kaltura_sim::OrderRequest;
use pipeline::Class;
use pipeline::steps::fetch;

use crate::services::{for_people, of_service};
use crate::world::{World, media_with_early_end_of_sound, order};

/// The playlists that a task asked for, in order, by their file names.
fn playlists(world: &World, task_id: &kaltura::TaskId) -> Vec<String> {
    let calls = world.report(task_id).calls;
    let asked = calls.iter().filter(|call| call.service == "playlist");
    asked
        .map(|call| call.params["file"].as_str().unwrap().to_owned())
        .collect()
}

async fn asked_for(order: OrderRequest) -> Vec<String> {
    let world = World::of_every_service(&[]).await;
    let input = world.begin(order).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    assert!(world.record(&input.task_id).await.media.is_some());
    playlists(&world, &input.task_id)
}

#[tokio::test]
async fn a_machine_order_asks_for_the_sound_alone() {
    assert_eq!(asked_for(order()).await, ["index-a1.m3u8"]);
}

#[tokio::test]
async fn an_order_for_people_asks_for_the_picture_too() {
    assert_eq!(asked_for(for_people(of_service(1))).await, ["index.m3u8"]);
}

/// A world whose entries last so long, whatever their media.
async fn of_entries_that_last(ms: u64) -> World {
    World::with_answers("get", move |entry| {
        if entry.get("msDuration").is_some() {
            entry["msDuration"] = ms.into();
        }
    })
    .await
}

#[tokio::test]
async fn media_shorter_than_its_entry_is_not_taken_from_any_source() {
    let world = of_entries_that_last(60_000).await;
    let input = world.begin(order()).await;
    let error = fetch::run(&world.ctx, &input).await.unwrap_err();
    assert_eq!(
        (error.class(), error.name()),
        (Class::Retryable, "MediaShorterThanEntry"),
        "{error}"
    );
    assert_eq!(world.record(&input.task_id).await.media, None);
    let calls = world.report(&input.task_id).calls;
    let count = |service: &str| calls.iter().filter(|call| call.service == service).count();
    assert_eq!(count("segment"), 0, "the playlist tells");
    assert!(count("progressive") > 0, "the file was looked at too");
}

#[tokio::test]
async fn what_conversion_rounds_off_is_not_missed_and_longer_media_is_whole() {
    for ms in [5_900, 1_000, 0] {
        let world = of_entries_that_last(ms).await;
        let input = world.begin(order()).await;
        fetch::run(&world.ctx, &input).await.unwrap();
    }
}

#[tokio::test]
async fn sound_that_ends_before_the_picture_comes_with_it() {
    let world = World::new().await;
    let mut request = order();
    request.entry.media = Some(media_with_early_end_of_sound());
    let input = world.begin(request).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    assert_eq!(playlists(&world, &input.task_id), ["index-a1.m3u8", "index.m3u8"]);
    let media = world.record(&input.task_id).await.media.unwrap();
    assert!(media.duration_ms.unwrap() > 3_900, "{media:?}");
}
