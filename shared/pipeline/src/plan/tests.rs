use engines::{Capabilities, Capability};

use super::*;
use crate::config::ProcessingRegion;

fn order() -> Order {
    Order {
        source_language: Some("English".into()),
        catalog_output_format: None,
        default_output_format: None,
        enable_speaker_id: false,
        enable_speaker_change_indication: false,
        enable_audio_tags: false,
        enable_profanity_removal: false,
        enable_metadata_extraction: false,
        max_characters_per_caption_line: None,
        flavor_params_ids: Vec::new(),
        dictionary: Vec::new(),
        notes: None,
        processing_region: None,
        deletion: DeletionPolicy::DoNothing,
        service_feature: 1,
        service_type: 2,
        turn_around_time: None,
        expected_finish_epoch_s: None,
        target_language: None,
        require_source: true,
        caption_asset_id: None,
        text_transcript_asset_id: None,
        json_transcript_asset_id: None,
        flavor_params_id: None,
        clear_audio_flavor_params_id: None,
        entry_duration_ms: None,
        event: None,
    }
}

fn english_only() -> Capabilities {
    let recognise = Capability::new(WorkKind::Recognise, &["en"]);
    Capabilities {
        engine: "test",
        works: vec![recognise],
    }
}

#[test]
fn the_format_is_the_catalog_items_then_the_profiles_then_srt() {
    let cases = [
        (Some(3), Some(2), CaptionFormat::Vtt),
        (None, Some(2), CaptionFormat::Dfxp),
        (None, None, CaptionFormat::Srt),
        (Some(99), Some(3), CaptionFormat::Vtt),
        (Some(99), Some(0), CaptionFormat::Srt),
    ];
    for (catalog_output_format, default_output_format, format) in cases {
        let order = Order {
            catalog_output_format,
            default_output_format,
            ..order()
        };
        assert_eq!(
            order.caption_format(),
            format,
            "{catalog_output_format:?}, {default_output_format:?}"
        );
    }
}

#[test]
fn the_plan_carries_every_wish_of_the_order() {
    let order = Order {
        source_language: Some("English (American)".into()),
        catalog_output_format: Some(2),
        enable_speaker_id: true,
        enable_speaker_change_indication: true,
        enable_audio_tags: true,
        enable_profanity_removal: true,
        max_characters_per_caption_line: Some(26),
        flavor_params_ids: vec![1, 3, 5],
        deletion: DeletionPolicy::AfterWeek,
        ..order()
    };
    insta::assert_json_snapshot!(Plan::new(&order, &[english_only()], PlanRules::default()).unwrap());
}

#[test]
fn what_can_not_be_done_is_refused_with_a_text_for_the_customer() {
    let with_language = |name: Option<&str>| Order {
        source_language: name.map(Into::into),
        ..order()
    };
    let refused = [
        with_language(None),
        with_language(Some("Auto Detect")),
        with_language(Some("English (ASL)")),
        with_language(Some("Klingon")),
        with_language(Some("Hebrew")),
        Order {
            service_feature: 7,
            ..order()
        },
    ]
    .map(|order| Plan::new(&order, &[english_only()], PlanRules::default()).unwrap_err());
    let told: Vec<String> = refused
        .iter()
        .map(|refusal| format!("{}: {}", refusal.name(), refusal.customer_text()))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// Whether the vendor makes drafts or not, of `service_type` 1, 2 and 3.
fn works_of(service_type: i64, source: &str, drafts_for_people: bool) -> Vec<WorkKind> {
    let order = Order {
        service_type,
        source_language: Some(source.into()),
        ..order()
    };
    let mut engines = [
        english_only(),
        engines::Engine::capabilities(&engines::people::People),
    ];
    engines[0]
        .works
        .push(Capability::new(WorkKind::Identify, &["und"]));
    let rules = PlanRules {
        drafts_for_people,
        ..PlanRules::default()
    };
    let plan = Plan::new(&order, &engines, rules).unwrap();
    assert_eq!(
        plan.media == MediaNeed::AudioVideo,
        service_type != 2,
        "people see what they hear"
    );
    plan.works.iter().map(|work| work.kind).collect()
}

#[test]
fn a_hybrid_order_is_people_s_with_a_machine_s_draft_in_any_case() {
    use WorkKind::{HandIn, Identify, Recognise};
    for drafts in [true, false] {
        assert_eq!(works_of(3, "English", drafts), [Recognise, HandIn]);
        assert_eq!(works_of(3, "Auto Detect", drafts), [Identify]);
        assert_eq!(works_of(3, "Hebrew", drafts), [HandIn], "no machine can");
        assert_eq!(works_of(2, "English", drafts), [Recognise]);
    }
    assert_eq!(works_of(1, "English", true), [Recognise, HandIn]);
    assert_eq!(works_of(1, "English", false), [HandIn]);
}

/// A stack that serves live events in English, and translates them into Spanish.
fn with_live() -> [Capabilities; 2] {
    [
        Capabilities {
            engine: "test",
            works: vec![Capability::translate(&["en"], &["es"])],
        },
        engines::Engine::capabilities(&engines::live::Live),
    ]
}

fn for_event(service_feature: i64, lasts_s: u64) -> Order {
    Order {
        service_feature,
        target_language: Some("Spanish".into()),
        event: Some(LiveEvent {
            event_id: 7.into(),
            start_epoch_s: 100_000,
            end_epoch_s: 100_000 + lasts_s,
        }),
        ..order()
    }
}

#[test]
fn a_live_order_waits_for_its_event_and_fetches_nothing() {
    for (service_feature, target) in [(8, None), (11, Some("Spanish"))] {
        let plan = Plan::new(
            &for_event(service_feature, 3_600),
            &with_live(),
            PlanRules::default(),
        )
        .unwrap();
        assert_eq!(
            (plan.taken_on, plan.media),
            (TakenOn::ForItsEvent, MediaNeed::None)
        );
        let works: Vec<_> = plan
            .works
            .iter()
            .map(|work| (work.kind, work.engine.as_str()))
            .collect();
        assert_eq!(works, [(WorkKind::Live, "live")]);
        assert_eq!(plan.deliverables, [], "the event is all that is delivered");
        let target_name = plan.target.as_ref().map(|target| target.catalog_name.as_str());
        assert_eq!(target_name, target);
    }
}

#[test]
fn the_captions_of_an_event_become_those_of_its_recording_where_that_is_offered() {
    let rules = PlanRules {
        captions_on_recording: true,
        transcripts: false,
        ..PlanRules::default()
    };
    for (service_feature, label) in [(8, "English"), (11, "Spanish")] {
        let plan = Plan::new(&for_event(service_feature, 3_600), &with_live(), rules).unwrap();
        assert!(
            matches!(plan.deliverables.as_slice(), [Deliverable::Caption { label: of, .. }] if of == label),
            "{:?}",
            plan.deliverables
        );
    }
}

#[test]
fn a_live_order_that_can_not_be_served_is_refused_with_a_text_for_the_customer() {
    let no_event = Order {
        event: None,
        ..for_event(8, 3_600)
    };
    let in_language = |source: &str, target: &str| Order {
        source_language: Some(source.into()),
        target_language: Some(target.into()),
        ..for_event(11, 3_600)
    };
    let refused = [
        no_event,
        for_event(8, 0),
        for_event(8, 12 * 3_600 + 1),
        in_language("Klingon", "Spanish"),
        in_language("Auto Detect", "Spanish"),
        in_language("English", "Klingon"),
        in_language("English", "Hebrew"),
    ]
    .map(|order| Plan::new(&order, &with_live(), PlanRules::default()).unwrap_err());
    let told: Vec<String> = refused
        .iter()
        .map(|refusal| format!("{}: {}", refusal.name(), refusal.customer_text()))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(Plan::new(&for_event(8, 12 * 3_600), &with_live(), PlanRules::default()).is_ok());
}

#[test]
fn a_task_belongs_to_its_region_or_to_any() {
    let of = |processing_region| Order {
        processing_region,
        ..order()
    };
    assert!(of(None).belongs_to(ProcessingRegion::Us));
    assert!(of(Some(1)).belongs_to(ProcessingRegion::Us));
    assert!(!of(Some(2)).belongs_to(ProcessingRegion::Us));
    assert!(!of(Some(9)).belongs_to(ProcessingRegion::Ca));
}

#[test]
fn deletion_is_due_by_the_customers_policy() {
    let due = |number| DeletionPolicy::from_number(number).delete_at_epoch_s(1_000);
    assert_eq!(due(None), None);
    assert_eq!(due(Some(1)), None);
    assert_eq!(due(Some(2)), Some(1_000));
    assert_eq!(due(Some(3)), Some(1_000 + 604_800));
    assert_eq!(due(Some(4)), Some(1_000 + 30 * 86_400));
    assert_eq!(due(Some(5)), Some(1_000 + 90 * 86_400));
    assert_eq!(
        due(Some(77)),
        Some(1_000),
        "an unknown policy is taken as the strictest"
    );
}

#[test]
fn a_dictionary_has_a_word_or_phrase_a_line() {
    assert_eq!(
        order::dictionary_words("kaltura\r\nhello world\n\n  name \n"),
        ["kaltura", "hello world", "name"]
    );
}
