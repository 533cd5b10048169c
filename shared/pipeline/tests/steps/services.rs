//! One order of each service, run to READY with every step done twice, and what Kaltura has of it then.

use std::fmt::Write as _;

use captions::{CaptionFormat, Cue};
use engines::WorkKind;
use kaltura_sim::{
    AssetKind, AssetReport, CatalogItemSpec, EntrySpec, ExistingCaption, ExistingTranscript, Fault,
    FaultEffect, OrderReport, OrderRequest, ProfileSpec,
};
use pipeline::handin::{self, Handed, HandedIn};
use pipeline::people::draft::Origin;
use pipeline::people::{Desk, Person, PersonId, SUPERVISOR};
use pipeline::ports::{Clock, ObjectStore, TaskStore};
use pipeline::steps::{StepInput, fetch, finalize, render};
use serde_json::{Value, json};

use crate::world::{World, order};

/// The flavor params of a dubbed or described track, and of the clear one.
const NEW_TRACK: i64 = 301;
const CLEAR_TRACK: i64 = 302;

/// A machine order of this service, from English.
pub fn of_service(service_feature: i64) -> OrderRequest {
    OrderRequest {
        service_feature,
        ..order()
    }
}

/// The same for people.
pub fn for_people(order: OrderRequest) -> OrderRequest {
    OrderRequest {
        service_type: 1,
        ..order
    }
}

/// An order into Spanish.
pub fn into_spanish(service_feature: i64) -> OrderRequest {
    let mut order = of_service(service_feature);
    order.catalog_item.target_language = Some("Spanish".into());
    order
}

/// Captions in English that may be translated.
pub fn good_captions() -> ExistingCaption {
    ExistingCaption {
        accuracy: Some(100),
        content: "1\n00:00:00,500 --> 00:00:01,500\nGood morning.\n\n\
                  2\n00:00:02,000 --> 00:00:03,500\nThe river is near.\n"
            .into(),
        ..ExistingCaption::default()
    }
}

/// A translation of captions.
pub fn translation() -> OrderRequest {
    let mut order = into_spanish(2);
    order.entry.captions = vec![good_captions()];
    order
}

/// A dubbing into Spanish, or a description in English.
pub fn with_tracks(mut order: OrderRequest) -> OrderRequest {
    order.catalog_item.flavor_params_id = Some(NEW_TRACK);
    order.catalog_item.clear_audio_flavor_params_id = Some(CLEAR_TRACK);
    order
}

/// An alignment of a text.
pub fn alignment() -> OrderRequest {
    let mut order = of_service(3);
    order.entry.transcripts = vec![ExistingTranscript {
        content: "Every word, as the customer wrote it: Ströme & Flüsse.\n".into(),
        ..ExistingTranscript::default()
    }];
    order
}

/// Runs a task to READY; each step is done twice. `hand_in` is what people hand in when it comes to that.
pub async fn delivered_twice_over(
    world: &World,
    order: OrderRequest,
    hand_in: Option<(&str, &[u8])>,
) -> OrderReport {
    let input = world.begin(order).await;
    for _ in 0..2 {
        fetch::run(&world.ctx, &input).await.unwrap();
        world.process(&input).await.unwrap();
    }
    if let Some((name, content)) = hand_in {
        assert!(
            world.record(&input.task_id).await.accepted().is_some(),
            "people are waited for"
        );
        let taken = submit(world, &input, name, content).await;
        assert!(matches!(taken, HandedIn::Taken { .. }), "{taken:?}");
        let again = submit(world, &input, name, content).await;
        assert_eq!(again, HandedIn::NobodyWaits);
    }
    for _ in 0..2 {
        world.process(&input).await.unwrap();
        render::run(&world.ctx, &input).await.unwrap();
    }
    for _ in 0..2 {
        world.upload_until_done(&input).await.unwrap();
    }
    finalize::run(&world.ctx, &input).await.unwrap();
    finalize::run(&world.ctx, &input).await.unwrap_err();
    let report = world.report(&input.task_id);
    assert_eq!((report.status, report.charged), (2, true), "{:?}", report.task);
    for asset in report.assets.iter().filter(|asset| asset.by_vendor) {
        assert_eq!(asset.status, 2, "{asset:?}");
    }
    report
}

/// Puts a file where its task's files are, and hands it in.
pub async fn submit(world: &World, input: &StepInput, name: &str, content: &[u8]) -> HandedIn {
    let key = handin::key_of(&world.record(&input.task_id).await, name);
    let content = bytes::Bytes::copy_from_slice(content);
    world
        .bucket
        .put(&key, content, "application/octet-stream")
        .await
        .unwrap();
    handin::run(&world.ctx, &input.task_id, &Handed::File(key), None)
        .await
        .unwrap()
}

pub fn assets(report: &OrderReport, kind: AssetKind) -> Vec<&AssetReport> {
    report.delivered(kind).collect()
}

pub fn file(asset: &AssetReport) -> Vec<u8> {
    std::fs::read(asset.file.as_ref().unwrap()).unwrap()
}

fn text(asset: &AssetReport) -> String {
    String::from_utf8(file(asset)).unwrap()
}

fn cues(asset: &AssetReport) -> Vec<Cue> {
    captions::read_any(&file(asset)).unwrap().1
}

fn texts(cues: &[Cue]) -> Vec<String> {
    cues.iter().map(|cue| cue.lines.join(" ")).collect()
}

fn times(cues: &[Cue]) -> Vec<(u64, u64)> {
    cues.iter().map(|cue| (cue.start_ms, cue.end_ms)).collect()
}

/// The fields of an asset that the guide names, without those that it hasn't.
fn fields(asset: &AssetReport) -> Value {
    let named = [
        "objectType",
        "format",
        "fileExt",
        "accuracy",
        "language",
        "isDefault",
        "displayOnPlayer",
        "label",
        "title",
        "filename",
        "tags",
        "flavorParamsId",
        "usage",
    ];
    named
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), asset.fields.get(*name)?.clone())))
        .collect()
}

fn all_fields(report: &OrderReport) -> Value {
    let delivered = report.assets.iter().filter(|asset| asset.by_vendor);
    delivered.map(fields).collect()
}

#[tokio::test]
async fn captions_with_all_that_a_profile_may_ask_for() {
    let world = World::of_every_service(&[("DELIVER_TRANSCRIPTS", "true")]).await;
    world.engine.tell(|| {
        let mut words = crate::world::said(
            300,
            &["Captions", "for", "the", "kaltora", "shit", "rivers", "applause"],
        );
        for (word, speaker) in words.iter_mut().zip(["a", "a", "a", "b", "b", "b", "b"]) {
            word.speaker = Some(captions::SpeakerId::new(speaker));
            word.confidence = Some(0.5);
        }
        words[6].kind = captions::WordKind::AudioTag;
        Ok(words)
    });
    let mut order = of_service(1);
    order.profile = ProfileSpec {
        enable_metadata_extraction: true,
        enable_speaker_change_indication: true,
        enable_audio_tags: true,
        enable_profanity_removal: true,
        default_output_format: Some(3),
        ..ProfileSpec::default()
    };
    order.catalog_item.enable_speaker_id = Some(true);
    order.dictionary = Some("Kaltura".into());
    order.entry.tags = "boats".into();
    order.entry.multilingual_tags = [("FR".to_owned(), "soleil".to_owned())].into();
    let report = delivered_twice_over(&world, order, None).await;

    insta::assert_json_snapshot!("captions_fields", all_fields(&report));
    let caption = assets(&report, AssetKind::Caption)[0];
    let shown = text(caption);
    assert!(shown.starts_with("WEBVTT"), "the profile's format: {shown}");
    assert!(
        shown.contains("[Speaker 1]") && shown.contains("[Speaker 2]"),
        "{shown}"
    );
    assert!(shown.contains(">>") || shown.contains("&gt;&gt;"), "{shown}");
    assert!(shown.contains("Kaltura"), "the customer's spelling: {shown}");
    assert!(shown.contains("[applause]"), "the sounds: {shown}");
    assert!(!shown.contains("shit"), "no profanity: {shown}");
    let transcripts = assets(&report, AssetKind::Attachment);
    let ids: Vec<String> = transcripts.iter().map(|asset| asset.id.to_string()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(
        caption.fields["associatedTranscriptIds"],
        ids[..2].join(","),
        "those of the text and of the DFXP (guide)"
    );
    assert!(text(transcripts[0]).contains("Kaltura"));
    assert_eq!(
        captions::read(CaptionFormat::Dfxp, &file(transcripts[1]))
            .unwrap()
            .len(),
        cues(caption).len()
    );
    let timed = captions::read_timed_json(&file(transcripts[2])).unwrap();
    assert!(
        timed.words.iter().any(|word| word.text.contains("Kaltura")),
        "{timed:?}"
    );
    let english = report.multilingual_tags["EN"].as_str().unwrap();
    assert!(english.starts_with("boats, "), "the customer's stay: {english}");
    assert_eq!(report.multilingual_tags["FR"], "soleil");
    let asked = world.engine.asked.lock().unwrap();
    let engines::Work::Recognise(work) = &asked[0] else {
        panic!("{asked:?}")
    };
    assert_eq!(
        (work.dictionary.as_slice(), work.speakers_wanted),
        (["Kaltura".to_owned()].as_slice(), true)
    );
}

#[tokio::test]
async fn speakers_are_told_apart_for_either_of_what_shows_them() {
    for (id, change) in [(true, false), (false, true), (false, false)] {
        let world = World::of_every_service(&[]).await;
        let mut order = of_service(1);
        order.profile.enable_speaker_change_indication = change;
        order.catalog_item.enable_speaker_id = Some(id);
        world.processed(order).await;
        let asked = world.engine.asked.lock().unwrap();
        let engines::Work::Recognise(work) = &asked[0] else {
            panic!("{asked:?}")
        };
        assert_eq!(work.speakers_wanted, id || change, "{id}, {change}");
    }
}

/// Kaltura downloads an attachment within the call and says that it is READY: nobody has to look again.
#[tokio::test]
async fn what_is_ready_at_once_is_not_looked_at_again() {
    let world = World::of_every_service(&[("DELIVER_TRANSCRIPTS", "true")]).await;
    let report = delivered_twice_over(&world, of_service(1), None).await;
    assert_eq!(assets(&report, AssetKind::Attachment).len(), 3);
    let looks = report
        .calls
        .iter()
        .filter(|call| call.service == "attachment_attachmentasset" && call.action == "get");
    assert_eq!(looks.count(), 0);
}

/// The customer deletes the captions once they are READY, before they are told which transcripts are theirs: others take their place.
#[tokio::test]
async fn captions_that_were_deleted_before_their_transcripts_are_linked_are_added_again() {
    let world = World::of_every_service(&[("DELIVER_TRANSCRIPTS", "true")]).await;
    let input = world.processed(of_service(1)).await;
    render::run(&world.ctx, &input).await.unwrap();
    let no_link = Fault::new(FaultEffect::api("ACTION_BLOCKED"));
    world
        .sim
        .faults(vec![no_link.on("caption_captionasset", "update")]);
    let refused = world.upload_until_done(&input).await.unwrap_err();
    assert_eq!(refused.name(), "ACTION_BLOCKED");
    world.sim.clear_faults();

    let before = world.report(&input.task_id);
    let deleted = &assets(&before, AssetKind::Caption)[0].id;
    assert_eq!(assets(&before, AssetKind::Caption)[0].status, 2, "READY");
    let record = world.record(&input.task_id).await;
    let customer = world.ctx.kaltura.task(&record.task_id, &record.access_key);
    customer
        .caption_delete(&kaltura::AssetId::parse(deleted.to_string()).unwrap())
        .await
        .unwrap();

    world.upload_until_done(&input).await.unwrap();
    finalize::run(&world.ctx, &input).await.unwrap();
    let after = world.report(&input.task_id);
    assert_eq!(after.status, 2, "READY");
    let ready = assets(&after, AssetKind::Caption);
    let ready: Vec<_> = ready.into_iter().filter(|asset| asset.status == 2).collect();
    assert_eq!(ready.len(), 1, "{:?}", after.assets);
    assert_ne!(&ready[0].id, deleted);
    let transcripts = assets(&after, AssetKind::Attachment);
    let ids: Vec<String> = transcripts.iter().map(|asset| asset.id.to_string()).collect();
    assert_eq!(ready[0].fields["associatedTranscriptIds"], ids[..2].join(","));
}

#[tokio::test]
async fn a_translation_of_captions_keeps_their_times() {
    let world = World::of_every_service(&[]).await;
    let report = delivered_twice_over(&world, translation(), None).await;
    insta::assert_json_snapshot!("translation_fields", all_fields(&report));
    let caption = assets(&report, AssetKind::Caption)[0];
    assert_eq!(times(&cues(caption)), [(500, 1_500), (2_000, 3_500)]);
    assert_eq!(
        texts(&cues(caption)),
        ["Goodo morningo.", "Theo rivero iso nearo."]
    );
    assert_eq!(report.task["outputObjectId"], caption.id.to_string());
    assert_eq!(world.engine.asked_kinds(), [WorkKind::Translate]);
}

#[tokio::test]
async fn the_output_object_of_a_translation_may_be_its_source() {
    let world = World::of_every_service(&[("TRANSLATION_OUTPUT", "source")]).await;
    let report = delivered_twice_over(&world, translation(), None).await;
    assert_eq!(
        report.task["outputObjectId"],
        report.task["taskJobData"]["captionAssetId"]
    );
    assert_eq!(assets(&report, AssetKind::Caption).len(), 1);
}

#[tokio::test]
async fn a_translation_without_source_captions_is_made_from_the_sound() {
    let world = World::of_every_service(&[]).await;
    let mut order = into_spanish(2);
    order.catalog_item.require_source = Some(false);
    let report = delivered_twice_over(&world, order, None).await;
    insta::assert_json_snapshot!("translation_of_sound_fields", all_fields(&report));
    let caption = assets(&report, AssetKind::Caption)[0];
    let shown = texts(&cues(caption)).join(" ");
    assert_eq!(
        shown,
        crate::world::in_spanish("Captions are made for everybody who watches.")
    );
    assert_eq!(report.task["outputObjectId"], caption.id.to_string());
}

#[tokio::test]
async fn an_alignment_keeps_every_word_of_the_customers() {
    let world = World::of_every_service(&[]).await;
    let report = delivered_twice_over(&world, alignment(), None).await;
    insta::assert_json_snapshot!("alignment_fields", all_fields(&report));
    let caption = assets(&report, AssetKind::Caption)[0];
    assert_eq!(
        texts(&cues(caption)).join(" "),
        "Every word, as the customer wrote it: Ströme & Flüsse."
    );
}

/// A timed JSON and captions are texts as well.
#[tokio::test]
async fn a_json_transcript_and_captions_may_be_aligned() {
    for order in [
        {
            let mut order = of_service(3);
            order.entry.captions = vec![good_captions()];
            order
        },
        {
            let mut order = of_service(3);
            let words = crate::world::said(100, &["Good", "morning.", "The", "river", "is", "near."]);
            let transcript = captions::Transcript::new(Some("en".into()), words, 4_000);
            order.entry.transcripts = vec![ExistingTranscript {
                format: 4,
                content: captions::write_timed_json(&transcript),
                ..ExistingTranscript::default()
            }];
            order
        },
    ] {
        let world = World::of_every_service(&[]).await;
        let report = delivered_twice_over(&world, order, None).await;
        let caption = assets(&report, AssetKind::Caption)[0];
        assert_eq!(
            texts(&cues(caption)).join(" "),
            "Good morning. The river is near."
        );
    }
}

/// What ffmpeg has to say of a track: nothing against it.
async fn checked(asset: &AssetReport, media_ms: u64) -> sound::TrackFacts {
    let path = asset.file.as_ref().unwrap();
    let source = sound::Source::new(path, "track");
    let facts = sound::inspect(&sound::Tools::default(), &source).await.unwrap();
    let rules = sound::TrackRules {
        // An encoder spends next to nothing on a tone.
        bit_rate_tolerance: 0.5,
        ..sound::TrackRules::of_media(media_ms)
    };
    assert_eq!(sound::check_track(&facts, &rules), [], "{facts:?}");
    facts
}

#[tokio::test]
async fn a_dubbing_brings_its_track_and_the_original() {
    let world = World::of_every_service(&[]).await;
    let report = delivered_twice_over(&world, with_tracks(into_spanish(7)), None).await;
    insta::assert_json_snapshot!("dubbing_fields", all_fields(&report));
    let tracks = assets(&report, AssetKind::Flavor);
    assert_eq!(tracks.len(), 2);
    for track in &tracks {
        checked(track, 4_000).await;
    }
    assert_ne!(file(tracks[0]), file(tracks[1]));
    assert_eq!(report.task["outputObjectId"], tracks[0].id.to_string());
    assert_eq!(
        world.engine.asked_kinds(),
        [WorkKind::Recognise, WorkKind::Translate, WorkKind::Speak]
    );
    // Deletion goes by the folders of the task: what lay elsewhere would stay.
    let task_id = world.table.all()[0].task_id.clone();
    let keys = world.bucket.objects().keys();
    let (folder, order) = (format!("/{task_id}/"), format!("orders/{task_id}.json"));
    assert!(
        keys.iter().all(|key| key.contains(&folder) || *key == order),
        "{keys:?}"
    );
    for name in ["translation", "speech"] {
        let key = format!("transcripts/{task_id}/passages-{name}.json");
        assert!(keys.contains(&key), "{key}: {keys:?}");
    }
}

/// The speaker waits before the last word, and so does the voice, though it says both in one go.
#[tokio::test]
async fn a_dub_pauses_where_the_speaker_does() {
    let world = World::of_every_service(&[]).await;
    world.engine.tell(|| {
        let words = [("Wait,", 100, 400), ("now.", 1_800, 2_400)];
        Ok(words
            .map(|(text, start_ms, end_ms)| captions::Word::new(text, start_ms, end_ms))
            .into())
    });
    let report = delivered_twice_over(&world, with_tracks(into_spanish(7)), None).await;
    let asked = world.engine.asked.lock().unwrap().clone();
    let passages = asked.iter().find_map(|work| match work {
        engines::Work::Speak(speak) => Some(speak.passages.clone()),
        _ => None,
    });
    let said: Vec<_> = passages
        .unwrap()
        .into_iter()
        .map(|it| (it.text, it.phrases))
        .collect();
    let phrases = ["Waito, ", "nowo."].map(str::to_owned);
    assert_eq!(said, [(phrases.concat(), phrases.into())]);
    // Wherever one of the two speaks there is nothing of the original, so all that is heard is the voice.
    let track = assets(&report, AssetKind::Flavor)[0].file.as_ref().unwrap();
    let tools = sound::Tools::default();
    let peaks = sound::peaks(&tools, &sound::Source::new(track, "track"), 100)
        .await
        .unwrap();
    let loudest = |from_ms: usize, to_ms: usize| peaks[from_ms / 10..to_ms / 10].iter().max().copied();
    assert!(loudest(110, 300) > Some(20), "the first phrase: {peaks:?}");
    assert!(loudest(330, 390) < Some(5), "it has been said: {peaks:?}");
    assert!(
        loudest(1_810, 1_940) > Some(20),
        "the second, when it is due: {peaks:?}"
    );
    assert!(loudest(1_980, 2_380) < Some(5), "it has been said: {peaks:?}");
}

/// Somebody speaks in the first second only.
fn short_speech(world: &World) {
    world
        .engine
        .tell(|| Ok(crate::world::said(100, &["Look", "here."])));
}

#[tokio::test]
async fn a_described_track_is_made_by_machine() {
    let world = World::of_every_service(&[]).await;
    short_speech(&world);
    let report = delivered_twice_over(&world, with_tracks(of_service(4)), None).await;
    insta::assert_json_snapshot!("description_fields", all_fields(&report));
    let tracks = assets(&report, AssetKind::Flavor);
    for track in &tracks {
        checked(track, 4_000).await;
    }
    assert_ne!(file(tracks[0]), file(tracks[1]));
    let record = world.record(&report.task_id.as_str().parse().unwrap()).await;
    let end_ms = record.media.unwrap().duration_ms.unwrap();
    let asked = world.engine.asked.lock().unwrap();
    let pauses = asked.iter().find_map(|work| match work {
        engines::Work::Describe(describe) => Some(describe.pauses_ms.clone()),
        _ => None,
    });
    assert_eq!(pauses.unwrap(), [(950, end_ms)]);
}

/// Where nobody speaks, there is all the more to describe.
#[tokio::test]
async fn media_without_a_word_is_described() {
    let world = World::of_every_service(&[]).await;
    world.engine.tell(|| Ok(Vec::new()));
    let report = delivered_twice_over(&world, with_tracks(of_service(4)), None).await;
    assert_eq!(assets(&report, AssetKind::Flavor).len(), 2);
}

#[tokio::test]
async fn a_script_that_people_hand_in_is_spoken() {
    let world = World::of_every_service(&[]).await;
    short_speech(&world);
    let script = b"WEBVTT\n\n00:01.500 --> 00:03.000\nColoured bars move.\n";
    let order = for_people(with_tracks(of_service(4)));
    let report = delivered_twice_over(&world, order, Some(("script.vtt", script))).await;
    insta::assert_json_snapshot!("description_by_people_fields", all_fields(&report));
    for track in assets(&report, AssetKind::Flavor) {
        checked(track, 4_000).await;
    }
    let asked = world.engine.asked.lock().unwrap();
    let said = asked.iter().find_map(|work| match work {
        engines::Work::Speak(speak) => Some(speak.passages[0].text.clone()),
        _ => None,
    });
    assert_eq!(said.as_deref(), Some("Coloured bars move."));
}

/// A description is for the pauses: one that would only fit over what is spoken is refused, with when that is.
#[tokio::test]
async fn a_description_that_no_pause_has_room_for_is_refused() {
    let world = World::of_every_service(&[]).await;
    let input = waiting_for_people(&world, with_tracks(of_service(4))).await;
    let script = b"WEBVTT\n\n00:02.000 --> 00:03.800\nColoured bars move from here to there.\n";
    let taken = submit(&world, &input, "script.vtt", script).await;
    assert!(matches!(taken, HandedIn::Taken { .. }), "{taken:?}");
    let refused = world.process(&input).await.unwrap_err();
    assert_eq!(refused.name(), "NoRoom");
    let told = refused.to_string();
    assert!(told.contains("ms too long at 2 s"), "{told}");
}

/// Sound of this many seconds, as people may hand it in.
fn wav(seconds: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("track.wav");
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i"])
        .arg(format!("sine=frequency=330:duration={seconds}"))
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn a_finished_track_that_people_hand_in_is_delivered() {
    for (order, name) in [
        (into_spanish(7), "dubbing"),
        // In place of a script, too.
        (of_service(4), "description"),
    ] {
        let world = World::of_every_service(&[]).await;
        let order = for_people(with_tracks(order));
        let report = delivered_twice_over(&world, order, Some(("track.wav", &wav("4")))).await;
        let tracks = assets(&report, AssetKind::Flavor);
        assert_eq!(tracks.len(), 2, "{name}");
        for track in &tracks {
            checked(track, 4_000).await;
        }
        assert!(
            !world.engine.asked_kinds().contains(&WorkKind::Speak),
            "{name}: no voice is needed"
        );
    }
}

/// Where no voice speaks the script, sound is no script: nothing could be drawn from it.
#[tokio::test]
async fn a_finished_track_in_place_of_a_script_that_is_delivered_as_text_is_refused() {
    let world = World::of_every_service(&[]).await;
    let input = world.processed(for_people(of_service(9))).await;
    let refused = submit(&world, &input, "track.wav", &wav("4")).await;
    let HandedIn::Refused(findings) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(findings[0].name, "TextUnreadable", "{findings:?}");
}

#[tokio::test]
async fn a_track_that_is_taken_is_known_by_its_ending() {
    let world = World::of_every_service(&[]).await;
    let input = world.processed(for_people(with_tracks(into_spanish(7)))).await;
    let taken = submit(&world, &input, "track.wav", &wav("4")).await;
    assert!(matches!(taken, HandedIn::Taken { .. }), "{taken:?}");
    let record = world.record(&input.task_id).await;
    let mut results = record.works.iter().filter_map(|work| work.result.as_ref());
    let stored = results.find(|result| result.output == "sound").unwrap();
    let json = world.bucket.get(&stored.key).await.unwrap().unwrap();
    let result = engines::JobResult::from_json(&json).unwrap();
    let engines::Output::Sound { sound } = result.output else {
        panic!("{:?}", result.output);
    };
    assert_eq!(
        (sound.container.as_str(), sound.duration_ms),
        ("wav", Some(4_000))
    );
}

#[tokio::test]
async fn an_extended_description_is_an_attachment_that_the_player_knows() {
    let world = World::of_every_service(&[]).await;
    let report = delivered_twice_over(&world, of_service(9), None).await;
    insta::assert_json_snapshot!("extended_description_fields", all_fields(&report));
    let description = assets(&report, AssetKind::Attachment)[0];
    let read = captions::read(CaptionFormat::Vtt, &file(description)).unwrap();
    assert_eq!(texts(&read), ["Coloured bars move."]);
    assert_eq!(report.task["outputObjectId"], description.id.to_string());
}

#[tokio::test]
async fn an_extended_description_may_be_a_caption_of_that_usage() {
    let world = World::of_every_service(&[("EXTENDED_DESCRIPTION_AS", "caption")]).await;
    let script = b"WEBVTT\n\n00:00.500 --> 00:02.500\nBars of seven colours.\n";
    let report = delivered_twice_over(&world, for_people(of_service(9)), Some(("s.vtt", script))).await;
    insta::assert_json_snapshot!("extended_description_as_caption_fields", all_fields(&report));
    let caption = assets(&report, AssetKind::Caption)[0];
    assert_eq!(texts(&cues(caption)), ["Bars of seven colours."]);
    assert_eq!(times(&cues(caption)), [(500, 2_500)]);
}

/// What the guide names of a cue point.
fn chapters(report: &OrderReport) -> Value {
    let mut points = report.cue_points.clone();
    for point in &mut points {
        point.retain(|name, _| {
            [
                "objectType",
                "systemName",
                "startTime",
                "subType",
                "title",
                "description",
            ]
            .contains(&name.as_str())
        });
        let name = point["systemName"].as_str().unwrap();
        point["systemName"] = json!(name.replace(report.task_id.as_str(), "[task]"));
    }
    json!(points)
}

#[tokio::test]
async fn chapters_are_cue_points_of_their_own_names() {
    let world = World::of_every_service(&[]).await;
    let report = delivered_twice_over(&world, of_service(5), None).await;
    insta::assert_json_snapshot!("chapters", chapters(&report));
    assert!(report.delivered(AssetKind::Caption).next().is_none());
}

#[tokio::test]
async fn chapters_that_people_hand_in_are_cue_points_as_well() {
    let world = World::of_every_service(&[]).await;
    let file =
        b"WEBVTT\n\n00:00.000 --> 00:01.000\nWelcome\nWho we are\n\n00:02.500 --> 00:04.000\nThe river\n";
    let report = delivered_twice_over(&world, for_people(of_service(5)), Some(("chapters.vtt", file))).await;
    insta::assert_json_snapshot!("chapters_by_people", chapters(&report));
}

#[tokio::test]
async fn tagging_adds_keywords_to_the_customers_own() {
    let world = World::of_every_service(&[]).await;
    let mut order = of_service(6);
    order.entry = EntrySpec {
        tags: "boats".into(),
        multilingual_tags: [("EN".to_owned(), "harbour,Captions".to_owned())].into(),
        ..order.entry
    };
    let report = delivered_twice_over(&world, order, None).await;
    let tags = report.multilingual_tags["EN"].as_str().unwrap();
    assert_eq!(tags, "harbour, Captions, watches");
    assert_eq!(tags.to_lowercase().matches("captions").count(), 1, "{tags}");
    assert!(report.assets.iter().all(|asset| !asset.by_vendor));
}

#[tokio::test]
async fn captions_that_people_hand_in_are_delivered_as_they_are() {
    let world = World::of_every_service(&[("DELIVER_TRANSCRIPTS", "true")]).await;
    let mut order = for_people(of_service(1));
    order.catalog_item = CatalogItemSpec {
        output_format: Some("2".into()),
        ..order.catalog_item
    };
    let handed_in = b"1\n00:00:00,400 --> 00:00:02,000\nPeople wrote\nthese lines.\n";
    let report = delivered_twice_over(&world, order, Some(("captions.srt", handed_in))).await;
    insta::assert_json_snapshot!("captions_by_people_fields", all_fields(&report));
    let caption = assets(&report, AssetKind::Caption)[0];
    let read = captions::read(CaptionFormat::Dfxp, &file(caption)).unwrap();
    assert_eq!(read, [Cue::new(400, 2_000, "People wrote\nthese lines.")]);
}

#[tokio::test]
async fn a_translation_that_people_hand_in_is_in_the_other_language() {
    let world = World::of_every_service(&[]).await;
    let handed_in = b"1\n00:00:00,500 --> 00:00:01,500\nBuenos d\xc3\xadas.\n";
    let report = delivered_twice_over(&world, for_people(translation()), Some(("c.srt", handed_in))).await;
    let caption = assets(&report, AssetKind::Caption)[0];
    assert_eq!(caption.fields["language"], "Spanish");
    assert_eq!(caption.fields["accuracy"], 99, "people's work");
    assert_eq!(texts(&cues(caption)), ["Buenos días."]);
}

/// What is refused is told with its place, and the order waits for another file.
#[tokio::test]
async fn what_can_not_be_used_is_refused_and_the_order_waits_on() {
    let short = wav("2");
    let late = b"WEBVTT\n\n00:03.000 --> 00:09.000\nToo late.\n";
    let cases: [(OrderRequest, &str, &[u8], &str); 5] = [
        (
            of_service(1),
            "c.srt",
            late,
            "cue 1 at 0:03.000 ends at 0:09.000, and the media at 0:04.0",
        ),
        (
            of_service(1),
            "c.srt",
            b"no captions",
            "no SRT, WebVTT or DFXP cue in 11 bytes",
        ),
        (
            with_tracks(into_spanish(7)),
            "t.wav",
            &short,
            "the track is 2.000 s long, expected the media's",
        ),
        (with_tracks(into_spanish(7)), "t.wav", late, "t.wav"),
        (of_service(5), "c.vtt", late, "cue 1 at 0:03.000"),
    ];
    for (order, _, content, expected) in cases {
        let world = World::of_every_service(&[]).await;
        let input = world.processed(for_people(order)).await;
        let HandedIn::Refused(findings) = submit(&world, &input, "t.wav", content).await else {
            panic!("it was taken, expected: {expected}")
        };
        let told: Vec<_> = findings.iter().map(|finding| finding.text.as_str()).collect();
        assert!(
            told.concat().contains(expected) || expected == "t.wav",
            "{told:?}"
        );
        let record = world.record(&input.task_id).await;
        assert!(record.accepted().is_some(), "the order waits on");
        assert_eq!(record.failure, None);
        assert_eq!(world.states.failed(), []);
    }
}

/// What a check says of a file of this content, as the name and level of each finding and what it would be taken for.
async fn checked_as(
    world: &World,
    input: &StepInput,
    name: &str,
    content: &[u8],
) -> (Option<&'static str>, Vec<&'static str>) {
    let key = handin::key_of(&world.record(&input.task_id).await, name);
    let content = bytes::Bytes::copy_from_slice(content);
    let kind = "application/octet-stream";
    world.bucket.put(&key, content, kind).await.unwrap();
    let checked = handin::check(&world.ctx, &input.task_id, &Handed::File(key)).await;
    let checked = checked.unwrap().unwrap();
    let names = checked.findings.iter().map(|finding| finding.name).collect();
    (checked.what, names)
}

/// An order that waits for people.
async fn waiting_for_people(world: &World, order: OrderRequest) -> StepInput {
    world.processed(for_people(order)).await
}

/// Text has no zero byte, but for UTF-16, as editors on Windows write it.
#[tokio::test]
async fn a_script_is_told_from_a_finished_track_in_whatever_way_it_is_written() {
    let world = World::of_every_service(&[]).await;
    let input = waiting_for_people(&world, with_tracks(of_service(4))).await;
    let script = "1\n00:00:01,000 --> 00:00:02,000\nColoured bars move.\n";
    let little: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = script.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let written = [
        script.as_bytes().to_vec(),
        [&[0xFF, 0xFE], little.as_slice()].concat(),
        [&[0xFE, 0xFF], big.as_slice()].concat(),
    ];
    for content in written {
        let (what, findings) = checked_as(&world, &input, "script.srt", &content).await;
        assert_eq!(
            (what, findings),
            (Some("script"), Vec::new()),
            "{:?}",
            &content[..2]
        );
    }
    let (what, findings) = checked_as(&world, &input, "noise.wav", &[7, 0, 7, 7]).await;
    assert_eq!(
        (what, findings),
        (None, vec!["MediaUnreadable"]),
        "no text, and no sound"
    );
}

#[tokio::test]
async fn what_is_larger_than_any_text_is_none() {
    let world = World::of_every_service(&[]).await;
    let input = waiting_for_people(&world, of_service(1)).await;
    for (more, name) in [(0, "TextUnreadable"), (1, "TextTooLarge"), (2, "TextTooLarge")] {
        let text = vec![b'x'; 8 * 1024 * 1024 + more];
        assert_eq!(
            checked_as(&world, &input, "c.srt", &text).await,
            (None, vec![name]),
            "{more} more"
        );
    }
}

/// The length of a line is the customer's number, so it refuses; chapters are no captions, and have no such rule.
#[tokio::test]
async fn captions_are_held_against_the_rules_of_the_order_and_chapters_are_not() {
    let long = b"1\n00:00:00,000 --> 00:00:03,000\nThis line has more than twelve letters.\n";
    let world = World::of_every_service(&[]).await;
    for (service_feature, expected) in [
        (1, (None, vec!["LineTooLong"])),
        (5, (Some("chapters"), Vec::new())),
    ] {
        let mut order = of_service(service_feature);
        order.profile = ProfileSpec {
            max_characters_per_caption_line: Some(12),
            ..ProfileSpec::default()
        };
        let input = waiting_for_people(&world, order).await;
        assert_eq!(checked_as(&world, &input, "c.srt", long).await, expected);
    }
}

/// The player reads an extended description as it is; a voice reads a script of any format.
#[tokio::test]
async fn a_description_for_the_player_is_webvtt() {
    let srt = b"1\n00:00:01,000 --> 00:00:02,000\nColoured bars move.\n";
    let vtt = b"WEBVTT\n\n00:01.000 --> 00:02.000\nColoured bars move.\n";
    let world = World::of_every_service(&[]).await;
    let input = waiting_for_people(&world, of_service(9)).await;
    assert_eq!(
        checked_as(&world, &input, "d.srt", srt).await,
        (None, vec!["NotWebVtt"])
    );
    assert_eq!(
        checked_as(&world, &input, "d.vtt", vtt).await,
        (Some("script"), Vec::new())
    );
}

/// What people begin with where nobody has saved anything: how it came about, and its texts.
async fn begun_with(world: &World, order: OrderRequest) -> (Origin, Vec<String>) {
    let input = waiting_for_people(world, order).await;
    let who = Person {
        id: PersonId::new("sue"),
        name: "Sue".to_owned(),
        groups: vec![SUPERVISOR.to_owned()],
    };
    let draft = Desk::of(&world.ctx, &who).draft(&input.task_id).await.unwrap();
    let texts = draft.written.cues.into_iter().map(|cue| cue.text);
    (draft.origin, texts.collect())
}

#[tokio::test]
async fn people_begin_with_what_a_machine_made_of_the_sound() {
    let world = World::of_every_service(&[]).await;
    for order in [of_service(1), with_tracks(into_spanish(7))] {
        let service = order.service_feature;
        let (origin, texts) = begun_with(&world, order).await;
        assert_eq!(origin, Origin::Machine, "service {service}");
        assert!(!texts.is_empty(), "service {service}");
    }
}

#[tokio::test]
async fn people_begin_with_a_machines_chapters_and_descriptions() {
    let world = World::of_every_service(&[]).await;
    for order in [of_service(5), of_service(9)] {
        let service = order.service_feature;
        let (origin, texts) = begun_with(&world, order).await;
        assert_eq!(origin, Origin::Machine, "service {service}");
        assert!(!texts.is_empty(), "service {service}");
    }
}

/// The words that were recognised only tell the pauses.
#[tokio::test]
async fn people_who_describe_begin_with_nothing() {
    let world = World::of_every_service(&[]).await;
    let order = with_tracks(of_service(4));
    assert_eq!(begun_with(&world, order).await, (Origin::Empty, Vec::new()));
}

#[tokio::test]
async fn people_begin_with_the_customers_captions_where_no_machine_made_a_draft() {
    let world = World::of_every_service(&[("DRAFTS_FOR_PEOPLE", "false")]).await;
    let texts = ["Good morning.", "The river is near."].map(str::to_owned);
    assert_eq!(
        begun_with(&world, translation()).await,
        (Origin::Source, texts.to_vec())
    );
    assert_eq!(
        begun_with(&world, of_service(1)).await,
        (Origin::Empty, Vec::new()),
        "there are none"
    );
}

/// What is held back takes nothing: the wait of that attempt is over.
#[tokio::test]
async fn a_task_that_is_parked_takes_nothing() {
    let captions = b"1\n00:00:00,000 --> 00:00:02,000\nBy hand.\n";
    let world = World::of_every_service(&[]).await;
    let input = world.processed(for_people(of_service(1))).await;
    let mut record = world.record(&input.task_id).await;
    record.park(world.clock.now_epoch_s(), "held by an operator");
    assert!(world.table.save(&mut record).await.unwrap());
    let told = submit(&world, &input, "c.srt", captions).await;
    assert_eq!(told, HandedIn::NobodyWaits);
    let record = world.record(&input.task_id).await;
    assert!(record.accepted().is_some() && record.works.iter().all(|work| work.untold.is_none()));
}

/// Kaltura's calls for an order of each kind: what the task costs the customer's and the vendor's limits.
#[tokio::test]
async fn the_calls_of_each_kind_of_order_are_counted() {
    let mut told = String::new();
    let orders = [
        ("captions", of_service(1)),
        ("translation of captions", translation()),
        ("alignment", alignment()),
        ("dubbing", with_tracks(into_spanish(7))),
        ("audio description", with_tracks(of_service(4))),
        ("extended audio description", of_service(9)),
        ("chaptering", of_service(5)),
        ("tagging", of_service(6)),
    ];
    for (name, order) in orders {
        let world = World::of_every_service(&[("DELIVER_TRANSCRIPTS", "true")]).await;
        if name == "audio description" {
            short_speech(&world);
        }
        let input = world.begin(order).await;
        world.run_to_the_end(&input).await;
        let report = world.report(&input.task_id);
        assert_eq!(report.status, 2, "{name}: {:?}", report.task["errDescription"]);
        let mut counts = std::collections::BTreeMap::new();
        for call in &report.calls {
            // Playback is no call of the API; and how often an asset is looked at is a matter of time.
            let is_look = call.action == "get" && call.service.ends_with("asset");
            let is_playback = !call.service.contains('_')
                && !["flavorasset", "media", "baseentry", "uploadtoken"].contains(&call.service.as_str());
            if !is_look && !is_playback {
                *counts
                    .entry(format!("{}.{}", call.service, call.action))
                    .or_insert(0) += 1;
            }
        }
        let sum: i32 = counts.values().sum();
        writeln!(told, "{name}: {sum} calls beside the looks at assets").unwrap();
        for (call, times) in counts {
            writeln!(told, "  {times} {call}").unwrap();
        }
    }
    insta::assert_snapshot!(told);
}
