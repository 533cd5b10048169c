use engines::{Capabilities, Capability};
use kaltura::FromJson as _;

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
        (Some(1), Some(3), CaptionFormat::Srt),
        (Some(2), Some(3), CaptionFormat::Dfxp),
        (Some(3), Some(2), CaptionFormat::Vtt),
        (None, Some(1), CaptionFormat::Srt),
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

/// A stack of every work: one engine for recorded media in English and Spanish, people for any language.
fn every_work() -> [Capabilities; 2] {
    let languages = ["en", "es"];
    let mut works: Vec<Capability> = WorkKind::ALL
        .into_iter()
        .filter(|kind| !matches!(kind, WorkKind::Translate | WorkKind::HandIn | WorkKind::Live))
        .map(|kind| Capability::new(kind, &languages))
        .collect();
    works.push(Capability::translate(&languages, &languages));
    [
        Capabilities {
            engine: "test",
            works,
        },
        engines::Engine::capabilities(&engines::people::People),
    ]
}

fn asset(id: &str) -> AssetId {
    AssetId::parse(id).unwrap()
}

/// An order of a service of recorded media that has all that any of them needs.
fn of_service(service_feature: i64, service_type: i64) -> Order {
    Order {
        service_feature,
        service_type,
        target_language: Some("Spanish".into()),
        caption_asset_id: Some(asset("0_caption")),
        text_transcript_asset_id: Some(asset("0_text")),
        json_transcript_asset_id: Some(asset("0_json")),
        flavor_params_id: Some(301),
        clear_audio_flavor_params_id: Some(302),
        ..order()
    }
}

fn planned(order: &Order) -> Result<Plan, crate::error::Refusal> {
    Plan::new(order, &every_work(), PlanRules::default())
}

fn refused(order: &Order) -> String {
    planned(order).unwrap_err().name().to_owned()
}

/// The operator reads which engines there are.
#[test]
fn an_order_in_a_language_that_no_engine_knows_names_the_engines() {
    let mut order = of_service(1, 2);
    order.source_language = Some("Icelandic".to_owned());
    let english = |engine| Capabilities {
        engine,
        works: vec![Capability::new(WorkKind::Recognise, &["en"])],
    };
    let refused = Plan::new(&order, &[english("one"), english("other")], PlanRules::default());
    assert_eq!(
        refused.unwrap_err().to_string(),
        "engine `one, other` does not work in `Icelandic`"
    );
}

#[test]
fn each_service_has_its_plan_by_machine_and_by_people() {
    let mut told = Vec::new();
    for service_feature in [1, 2, 3, 4, 5, 6, 7, 9] {
        for service_type in [2, 1] {
            // Nobody tags by hand: `tagging` asks for no people.
            let plan = planned(&of_service(service_feature, service_type)).unwrap();
            assert_eq!(plan.service(), ServiceFeature::from(service_feature));
            assert_eq!(plan.taken_on, TakenOn::AtOnce);
            let works = plan.works.iter().map(|work| {
                let handover = work
                    .handover
                    .map_or(String::new(), |what| format!(" of {what:?}"));
                format!("{}{handover} by {}", work.kind.name(), work.engine)
            });
            let deliverables = plan.deliverables.iter().map(|deliverable| {
                let language = deliverable.language().map_or("", AssetLanguage::as_str);
                format!("{} {language}", deliverable.name()).trim_end().to_owned()
            });
            told.push(format!(
                "{service_feature} of type {service_type}: {:?}, {:?}, into {:?}\n  {}\n  {}",
                plan.media,
                plan.source_text,
                plan.target.as_ref().map(|target| &target.bcp47),
                works.collect::<Vec<_>>().join(", "),
                deliverables.collect::<Vec<_>>().join(", "),
            ));
        }
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn only_what_is_heard_in_a_track_is_fetched_at_its_best() {
    let media = |service_feature, service_type| {
        let order = of_service(service_feature, service_type);
        planned(&order).unwrap().media
    };
    assert_eq!(media(1, 2), MediaNeed::Audio, "recognised");
    assert_eq!(media(2, 2), MediaNeed::None, "text from text");
    assert_eq!(media(7, 2), MediaNeed::BestAudio, "it becomes part of the track");
    assert_eq!(media(7, 1), MediaNeed::AudioVideo, "people see what they dub");
    for service_type in [1, 2] {
        for described in [4, 9] {
            assert_eq!(
                media(described, service_type),
                MediaNeed::AudioVideo,
                "{described}"
            );
        }
    }
}

#[test]
fn a_translation_is_made_from_captions_or_where_none_are_required_from_the_sound() {
    let rules = PlanRules {
        translation_output: OutputObject::SourceCaptions,
        ..PlanRules::default()
    };
    let from = |require_source, caption_asset_id| {
        let order = Order {
            require_source,
            caption_asset_id,
            ..of_service(2, 2)
        };
        Plan::new(&order, &every_work(), rules)
    };
    let of_captions = from(true, Some(asset("0_caption"))).unwrap();
    assert_eq!(
        of_captions.source_text,
        Some(SourceText::Caption(asset("0_caption")))
    );
    assert_eq!(of_captions.output_object, OutputObject::SourceCaptions);
    assert_eq!(of_captions.delivered_language().bcp47, "es");
    assert_eq!(of_captions.source().bcp47, "en");
    for caption_asset_id in [None, Some(asset("0_caption"))] {
        let of_sound = from(false, caption_asset_id).unwrap();
        assert_eq!(of_sound.source_text, None);
        assert_eq!(
            of_sound.output_object,
            OutputObject::Delivered,
            "there are no captions"
        );
        let kinds: Vec<_> = of_sound.works.iter().map(|work| work.kind).collect();
        assert_eq!(kinds, [WorkKind::Recognise, WorkKind::Translate]);
    }
    assert_eq!(from(true, None).unwrap_err().name(), "NoSourceCaptions");
}

#[test]
fn a_text_is_aligned_before_timed_json_and_that_before_captions() {
    let mut order = of_service(3, 2);
    let source_text = |order: &Order| planned(order).map(|plan| plan.source_text.unwrap());
    assert_eq!(
        source_text(&order).ok(),
        Some(SourceText::TextTranscript(asset("0_text")))
    );
    order.text_transcript_asset_id = None;
    assert_eq!(
        source_text(&order).ok(),
        Some(SourceText::JsonTranscript(asset("0_json")))
    );
    order.json_transcript_asset_id = None;
    assert_eq!(
        source_text(&order).ok(),
        Some(SourceText::Caption(asset("0_caption")))
    );
    order.caption_asset_id = None;
    assert_eq!(refused(&order), "NoTextToAlign");
}

#[test]
fn a_track_takes_two_flavor_params_that_are_configured_and_nobody_s_source() {
    let with = |flavor_params_id, clear_audio_flavor_params_id| Order {
        flavor_params_id,
        clear_audio_flavor_params_id,
        ..of_service(7, 2)
    };
    let plan = planned(&with(Some(1), Some(2))).unwrap();
    let tracks: Vec<_> = plan
        .deliverables
        .iter()
        .map(|deliverable| match deliverable {
            Deliverable::Sound {
                track,
                flavor_params_id,
                label,
                is_default,
                ..
            } => (*track, *flavor_params_id, label.as_str(), *is_default),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        tracks,
        [
            (SoundTrack::Dubbed, 1, "Spanish", false),
            (SoundTrack::Clear, 2, "English", true)
        ]
    );
    for (made, clear) in [
        (None, Some(2)),
        (Some(1), None),
        (Some(0), Some(2)),
        (Some(1), Some(0)),
    ] {
        assert_eq!(
            refused(&with(made, clear)),
            "FlavorParamsNotConfigured",
            "{made:?}, {clear:?}"
        );
    }
}

#[test]
fn captions_are_the_default_in_the_source_language_only() {
    let is_default = |service_feature| {
        let plan = planned(&of_service(service_feature, 2)).unwrap();
        plan.deliverables
            .iter()
            .find_map(|deliverable| match deliverable {
                Deliverable::Caption { is_default, .. } => Some(*is_default),
                _ => None,
            })
    };
    assert_eq!(is_default(1), Some(true));
    assert_eq!(is_default(2), Some(false), "a translation");
    assert_eq!(is_default(3), Some(true));
}

#[test]
fn tags_go_with_captions_where_the_profile_wants_them_and_the_language_has_a_code() {
    let rules = PlanRules {
        transcripts: false,
        ..PlanRules::default()
    };
    let names = |enable_metadata_extraction, source: &str| -> Vec<&str> {
        let order = Order {
            enable_metadata_extraction,
            source_language: Some(source.into()),
            ..of_service(1, 1)
        };
        let plan = Plan::new(&order, &every_work(), rules).unwrap();
        plan.deliverables.iter().map(Deliverable::name).collect()
    };
    assert_eq!(names(true, "English"), ["caption", "tags"]);
    assert_eq!(names(false, "English"), ["caption"]);
    let tagging = planned(&of_service(6, 2)).unwrap();
    assert!(
        tagging
            .deliverables
            .iter()
            .all(|one| !matches!(one, Deliverable::Caption { .. })),
        "{:?}",
        tagging.deliverables
    );
}

#[test]
fn people_begin_with_a_draft_only_where_all_of_it_can_be_made() {
    use WorkKind::{HandIn, Recognise, Translate};
    let kinds = |target: &str| -> Vec<WorkKind> {
        let order = Order {
            target_language: Some(target.into()),
            ..of_service(7, 1)
        };
        let plan = planned(&order).unwrap();
        assert!(plan.needs_people());
        plan.works.iter().map(|work| work.kind).collect()
    };
    assert_eq!(kinds("Spanish"), [Recognise, Translate, HandIn]);
    assert_eq!(kinds("Hebrew"), [HandIn], "half a draft is none");
    assert!(!planned(&of_service(7, 2)).unwrap().needs_people());
}

#[test]
fn a_description_by_people_is_a_script_where_there_is_a_voice_and_else_the_finished_track() {
    use WorkKind::{HandIn, Recognise, Speak};
    let handover = |source: &str| {
        let order = Order {
            source_language: Some(source.into()),
            ..of_service(4, 1)
        };
        let plan = planned(&order).unwrap();
        let kinds: Vec<_> = plan.works.iter().map(|work| work.kind).collect();
        (kinds, plan.works.iter().find_map(|work| work.handover))
    };
    assert_eq!(
        handover("English"),
        (vec![Recognise, HandIn, Speak], Some(Handover::Script))
    );
    assert_eq!(handover("Hebrew"), (vec![HandIn], Some(Handover::Sound)));
}

#[test]
fn a_line_of_no_characters_is_no_wish() {
    let most = |max_characters_per_caption_line| {
        let order = Order {
            max_characters_per_caption_line,
            ..order()
        };
        planned(&order).unwrap().style.max_characters_per_line
    };
    assert_eq!(most(Some(1)), 1);
    assert_eq!(most(Some(0)), captions::DEFAULT_CHARS_PER_LINE);
    assert_eq!(most(None), captions::DEFAULT_CHARS_PER_LINE);
}

#[test]
fn a_language_that_was_found_out_is_planned_as_if_it_had_been_ordered() {
    let order = Order {
        source_language: Some("Auto Detect".into()),
        ..order()
    };
    let rules = PlanRules::default();
    let open = Plan::new(&order, &every_work(), rules).unwrap();
    assert_eq!(
        (open.media, open.source_bcp47.as_str(), open.deliverables.len()),
        (MediaNeed::Audio, "und", 0)
    );
    let spanish = engines::language::Language::by_catalog_name("Spanish").unwrap();
    let known = open.in_language(&order, spanish, &every_work(), rules).unwrap();
    let kinds = |plan: &Plan| plan.works.iter().map(|work| work.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&known), [WorkKind::Identify, WorkKind::Recognise]);
    assert_eq!(known.source_bcp47, "es");
    let again = known.in_language(&order, spanish, &every_work(), rules).unwrap();
    assert_eq!(again, known, "what is planned already is not planned twice");
    assert_eq!(
        Plan::new(&order, &[english_only()], rules).unwrap_err().name(),
        "UnusableLanguage",
        "nobody can find it out"
    );
}

/// Of the second record version: of captions, and by the one engine that there was.
#[test]
fn a_plan_that_tells_no_service_is_of_captions_recognised_locally() {
    let plan = planned(&order()).unwrap();
    let mut stored = serde_json::to_value(&plan).unwrap();
    for name in [
        "service_feature",
        "works",
        "taken_on",
        "target",
        "source_text",
        "output_object",
    ] {
        stored.as_object_mut().unwrap().remove(name).unwrap();
    }
    let read: Plan = serde_json::from_value(stored).unwrap();
    assert_eq!(read.service(), ServiceFeature::Captions);
    let works: Vec<_> = read
        .works
        .iter()
        .map(|work| (work.kind, work.engine.as_str(), work.handover))
        .collect();
    assert_eq!(works, [(WorkKind::Recognise, "local", None)]);
    assert_eq!(
        (read.taken_on, read.output_object, read.target),
        (TakenOn::AtOnce, OutputObject::Delivered, None)
    );
}

/// A translation that was kept before there were those from the sound is from captions.
#[test]
fn an_order_that_does_not_say_it_requires_its_source() {
    let mut stored = serde_json::to_value(of_service(2, 2)).unwrap();
    stored.as_object_mut().unwrap().remove("require_source").unwrap();
    let read: Order = serde_json::from_value(stored).unwrap();
    assert_eq!(read, of_service(2, 2));
}

/// Kaltura and browsers go by them.
#[test]
fn each_deliverable_has_its_kind_its_files_type_and_its_name() {
    let english = usable_language("English");
    let caption = |format, is_description| Deliverable::Caption {
        format,
        language: english.clone(),
        label: "English".to_owned(),
        is_default: true,
        is_description,
    };
    let transcript = |form| Deliverable::Transcript {
        form,
        language: english.clone(),
        title: "English transcript".to_owned(),
    };
    let sound = |track| Deliverable::Sound {
        track,
        flavor_params_id: 301,
        language: english.clone(),
        label: "English".to_owned(),
        is_default: false,
    };
    let all = [
        caption(CaptionFormat::Srt, false),
        caption(CaptionFormat::Dfxp, false),
        caption(CaptionFormat::Vtt, true),
        transcript(TranscriptForm::Text),
        transcript(TranscriptForm::Dfxp),
        transcript(TranscriptForm::Json),
        Deliverable::Description {
            title: "Extended Audio Description".to_owned(),
        },
        sound(SoundTrack::Dubbed),
        sound(SoundTrack::Described),
        sound(SoundTrack::Clear),
        Deliverable::Chapters,
        Deliverable::Tags {
            language_code: "EN".to_owned(),
        },
    ];
    let told: Vec<String> = all
        .iter()
        .map(|one| {
            format!(
                "{}: {:?}, .{}, {}{}",
                one.name(),
                one.delivered_as(),
                one.extension(),
                one.mime_type(),
                one.language().map_or("", |_| ", in a language"),
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

fn usable_language(name: &str) -> AssetLanguage {
    kaltura::CatalogLanguage::from(name).asset_language().unwrap()
}

#[test]
fn a_caption_format_has_kalturas_type() {
    let types = [CaptionFormat::Srt, CaptionFormat::Dfxp, CaptionFormat::Vtt].map(caption_type);
    assert_eq!(types, [CaptionType::Srt, CaptionType::Dfxp, CaptionType::WebVtt]);
}

#[test]
fn an_event_is_known_only_with_its_times() {
    let event = LiveEvent {
        event_id: 7.into(),
        start_epoch_s: 100,
        end_epoch_s: 160,
    };
    assert_eq!(event.lasts_s(), 60);
    let backwards = LiveEvent {
        end_epoch_s: 40,
        ..event.clone()
    };
    assert_eq!(backwards.lasts_s(), 0);
    let mut told = kaltura::TaskJobData::from_json(serde_json::json!({
        "objectType": "KalturaScheduledVendorTaskData",
        "scheduledEventId": 7,
        "startDate": 100,
        "endDate": 160,
    }))
    .unwrap();
    assert_eq!(LiveEvent::of(&told), Some(event));
    told.end_date_epoch_s = None;
    assert_eq!(LiveEvent::of(&told), None);
}

#[test]
fn people_do_orders_of_type_one_and_correct_drafts_of_type_three() {
    let of = |service_type| {
        let order = of_service(1, service_type);
        (order.is_for_people(), order.is_hybrid())
    };
    assert_eq!([1, 2, 3].map(of), [(true, false), (false, false), (true, true)]);
}
