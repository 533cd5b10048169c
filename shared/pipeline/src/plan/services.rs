//! The plan of each service of the guide: what is fetched, who works on it, what is delivered.
//!
//! One function a service, all of them pure. What lives here is what differs between services; what an order of any service
//! may ask for (format, speakers, line length, deletion) is in [`Order`] and copied once.

use engines::{Capabilities, Handover, WorkKind, language::Language};
use kaltura::{AssetLanguage, CatalogLanguage, ServiceFeature};

use super::{
    CaptionStyle, Deliverable, LiveEvent, MediaNeed, Order, OutputObject, Plan, PlanLanguage, PlannedWork,
    SoundTrack, SourceText, TakenOn, TranscriptForm,
};
use crate::error::Refusal;

/// The title of an extended audio description, as the guide's example has it.
const DESCRIPTION_TITLE: &str = "Extended Audio Description";

/// What the vendor, and not the customer, decides of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "switches, each of its own")]
pub struct PlanRules {
    /// Transcripts go with captions (the guide calls them optional).
    pub transcripts: bool,
    /// People get a machine's draft where an engine can make one.
    pub drafts_for_people: bool,
    /// What `outputObjectId` names in a translation from captions (spec D11).
    pub translation_output: OutputObject,
    /// An extended audio description is a caption asset of that usage, and not an attachment (spec D8).
    pub description_as_caption: bool,
    /// The captions of a live event become captions of its recording.
    pub captions_on_recording: bool,
    /// A live event that is to last longer is refused, in seconds.
    pub live_longest_s: u64,
}

impl Default for PlanRules {
    fn default() -> Self {
        Self {
            transcripts: true,
            drafts_for_people: true,
            translation_output: OutputObject::Delivered,
            description_as_caption: false,
            captions_on_recording: false,
            live_longest_s: 12 * 60 * 60,
        }
    }
}

impl Plan {
    /// The plan of an order, or why there is none. `engines` are those of this stack, by preference: whoever is first to do
    /// a work in the language does it. They are asked before PROCESSING, so that an order that none can work on is refused
    /// at once.
    pub fn new(order: &Order, engines: &[Capabilities], rules: PlanRules) -> Result<Self, Refusal> {
        let planner = Planner {
            order,
            engines,
            rules,
        };
        match order.service() {
            ServiceFeature::Captions => planner.captions(),
            ServiceFeature::Translation => planner.translation(),
            ServiceFeature::Alignment => planner.alignment(),
            ServiceFeature::AudioDescription => planner.audio_description(),
            ServiceFeature::Chaptering => planner.chapters(),
            ServiceFeature::IntelligentTagging => planner.tagging(),
            ServiceFeature::Dubbing => planner.dubbing(),
            ServiceFeature::ExtendedAudioDescription => planner.extended_audio_description(),
            ServiceFeature::LiveCaption => planner.live(None),
            ServiceFeature::LiveTranslation => planner.live(Some(planner.target()?)),
            other => Err(Refusal::NoPlan {
                feature: other.number().to_string(),
            }),
        }
    }
}

struct Planner<'a> {
    order: &'a Order,
    engines: &'a [Capabilities],
    rules: PlanRules,
}

/// A language that an asset can carry.
struct Usable {
    plan: PlanLanguage,
    asset: AssetLanguage,
    iso639_1: Option<&'static str>,
}

fn usable(name: &str) -> Option<Usable> {
    let asset = CatalogLanguage::from(name).asset_language()?;
    let language = Language::by_catalog_name(name)?;
    Some(Usable {
        plan: PlanLanguage {
            catalog_name: name.to_owned(),
            bcp47: language.bcp47.to_owned(),
        },
        asset,
        iso639_1: language.iso639_1(),
    })
}

impl Planner<'_> {
    fn source_name(&self) -> &str {
        self.order.source_language.as_deref().unwrap_or_default()
    }

    fn source(&self) -> Result<Usable, Refusal> {
        let name = self.source_name();
        usable(name).ok_or_else(|| Refusal::UnusableLanguage {
            name: name.to_owned(),
        })
    }

    fn target(&self) -> Result<Usable, Refusal> {
        let name = self.order.target_language.as_deref().unwrap_or_default();
        usable(name).ok_or_else(|| Refusal::UnusableTarget {
            name: name.to_owned(),
        })
    }

    /// The flavor params of the two tracks. 0 is the customer's own source: a catalog item that says so is not configured.
    fn flavor_params(&self) -> Result<(i64, i64), Refusal> {
        let of = |id: Option<i64>, which: &str| {
            id.filter(|id| *id > 0)
                .ok_or_else(|| Refusal::FlavorParamsNotConfigured {
                    which: which.to_owned(),
                })
        };
        Ok((
            of(self.order.flavor_params_id, "flavorParamsId")?,
            of(
                self.order.clear_audio_flavor_params_id,
                "clearAudioFlavorParamsId",
            )?,
        ))
    }

    fn by(capabilities: &Capabilities, kind: WorkKind) -> PlannedWork {
        PlannedWork {
            kind,
            engine: capabilities.engine.to_owned(),
            handover: None,
        }
    }

    /// The engines that do this kind of work at all.
    fn doing(&self, kind: WorkKind) -> Result<Vec<&Capabilities>, Refusal> {
        let engines: Vec<_> = self.engines.iter().filter(|engine| engine.has(kind)).collect();
        if engines.is_empty() {
            return Err(Refusal::WorkNotOffered { work: kind.name() });
        }
        Ok(engines)
    }

    /// Work in one language.
    fn work(&self, kind: WorkKind, language: &PlanLanguage) -> Result<PlannedWork, Refusal> {
        let engines = self.doing(kind)?;
        let serving = engines.iter().find(|engine| engine.serves(kind, &language.bcp47));
        serving
            .map(|engine| Self::by(engine, kind))
            .ok_or_else(|| Refusal::LanguageNotServed {
                language: language.catalog_name.clone(),
                engine: names(&engines),
            })
    }

    fn translate(&self, from: &PlanLanguage, into: &PlanLanguage) -> Result<PlannedWork, Refusal> {
        let engines = self.doing(WorkKind::Translate)?;
        let serving = engines
            .iter()
            .find(|engine| engine.translates(&from.bcp47, &into.bcp47));
        serving
            .map(|engine| Self::by(engine, WorkKind::Translate))
            .ok_or_else(|| Refusal::PairNotServed {
                from: from.catalog_name.clone(),
                into: into.catalog_name.clone(),
                engine: names(&engines),
            })
    }

    /// Work for people, with a machine's draft before it where one can be made, and is wanted: the vendor decides it, unless the
    /// draft was ordered.
    fn people(&self, handover: Handover, draft: Vec<PlannedWork>) -> Result<Vec<PlannedWork>, Refusal> {
        let engines = self.doing(WorkKind::HandIn)?;
        let mut works = if self.rules.drafts_for_people || self.order.is_hybrid() {
            draft
        } else {
            Vec::new()
        };
        works.push(PlannedWork {
            handover: Some(handover),
            ..Self::by(engines[0], WorkKind::HandIn)
        });
        Ok(works)
    }

    /// What a machine can do of this; nothing where it can't.
    fn draft(works: impl IntoIterator<Item = Result<PlannedWork, Refusal>>) -> Vec<PlannedWork> {
        works.into_iter().collect::<Result<_, _>>().unwrap_or_default()
    }

    fn style(&self) -> CaptionStyle {
        let order = self.order;
        CaptionStyle {
            max_characters_per_line: order
                .max_characters_per_caption_line
                .filter(|characters| *characters > 0)
                .unwrap_or(captions::DEFAULT_CHARS_PER_LINE),
            speaker_labels: order.enable_speaker_id,
            speaker_change_marks: order.enable_speaker_change_indication,
            audio_tags: order.enable_audio_tags,
            remove_profanity: order.enable_profanity_removal,
        }
    }

    fn plan(&self, source: PlanLanguage, works: Vec<PlannedWork>, deliverables: Vec<Deliverable>) -> Plan {
        let media = if works.iter().any(|work| work.kind == WorkKind::HandIn) {
            MediaNeed::AudioVideo
        } else if works.iter().any(|work| work.kind.needs_media()) {
            MediaNeed::Audio
        } else {
            MediaNeed::None
        };
        Plan {
            service_feature: self.order.service_feature,
            taken_on: TakenOn::AtOnce,
            media,
            flavor_params_ids: self.order.flavor_params_ids.clone(),
            source_language: source.catalog_name,
            source_bcp47: source.bcp47,
            target: None,
            source_text: None,
            style: self.style(),
            works,
            deliverables,
            output_object: OutputObject::Delivered,
            deletion: self.order.deletion,
        }
    }

    /// A caption, and what goes with it: transcripts, and tags where the profile asks for metadata.
    fn caption_and_company(&self, language: &Usable, is_default: bool) -> Vec<Deliverable> {
        let mut deliverables = vec![Deliverable::Caption {
            format: self.order.caption_format(),
            language: language.asset.clone(),
            label: language.plan.catalog_name.clone(),
            is_default,
            is_description: false,
        }];
        if self.rules.transcripts {
            let forms = [TranscriptForm::Text, TranscriptForm::Dfxp, TranscriptForm::Json];
            deliverables.extend(forms.map(|form| Deliverable::Transcript {
                form,
                language: language.asset.clone(),
                title: format!("{} transcript", language.plan.catalog_name),
            }));
        }
        if self.order.enable_metadata_extraction {
            deliverables.extend(tags(language));
        }
        deliverables
    }

    fn captions(&self) -> Result<Plan, Refusal> {
        let has_machine = self.order.is_hybrid() || !self.order.is_for_people();
        if CatalogLanguage::from(self.source_name()).is_auto_detect() && has_machine {
            return self.of_unknown_language();
        }
        let source = self.source()?;
        let recognise = self.work(WorkKind::Recognise, &source.plan);
        let works = if self.order.is_for_people() {
            self.people(Handover::Captions, Self::draft([recognise]))?
        } else {
            vec![recognise?]
        };
        let deliverables = self.caption_and_company(&source, true);
        Ok(self.plan(source.plan, works, deliverables))
    }

    /// `Auto Detect`: the language is found out first, and the plan made anew with it ([`Plan::in_language`]).
    fn of_unknown_language(&self) -> Result<Plan, Refusal> {
        let name = self.source_name().to_owned();
        let Ok(engines) = self.doing(WorkKind::Identify) else {
            return Err(Refusal::UnusableLanguage { name });
        };
        let identify = Self::by(engines[0], WorkKind::Identify);
        let source = PlanLanguage {
            catalog_name: name,
            bcp47: "und".to_owned(),
        };
        let mut plan = self.plan(source, vec![identify], Vec::new());
        if self.order.is_for_people() {
            // The media is fetched before people have a part in the plan.
            plan.media = MediaNeed::AudioVideo;
        }
        Ok(plan)
    }

    fn translation(&self) -> Result<Plan, Refusal> {
        let (source, target) = (self.source()?, self.target()?);
        let source_text = match (&self.order.caption_asset_id, self.order.require_source) {
            (Some(id), true) => Some(SourceText::Caption(id.clone())),
            (None, true) => return Err(Refusal::NoSourceCaptions),
            (_, false) => None,
        };
        let translate = self.translate(&source.plan, &target.plan);
        let recognise = source_text
            .is_none()
            .then(|| self.work(WorkKind::Recognise, &source.plan));
        let machine = recognise.into_iter().chain([translate]);
        let works = if self.order.is_for_people() {
            self.people(Handover::Captions, Self::draft(machine))?
        } else {
            machine.collect::<Result<_, _>>()?
        };
        let deliverables = self.caption_and_company(&target, false);
        let mut plan = self.plan(source.plan, works, deliverables);
        if source_text.is_some() {
            plan.output_object = self.rules.translation_output;
        }
        plan.source_text = source_text;
        plan.target = Some(target.plan);
        Ok(plan)
    }

    fn alignment(&self) -> Result<Plan, Refusal> {
        let source = self.source()?;
        let order = self.order;
        let text = order
            .text_transcript_asset_id
            .clone()
            .map(SourceText::TextTranscript);
        let text = text.or_else(|| {
            order
                .json_transcript_asset_id
                .clone()
                .map(SourceText::JsonTranscript)
        });
        let text = text.or_else(|| order.caption_asset_id.clone().map(SourceText::Caption));
        let source_text = text.ok_or(Refusal::NoTextToAlign)?;
        let align = self.work(WorkKind::Align, &source.plan);
        let works = if order.is_for_people() {
            self.people(Handover::Captions, Self::draft([align]))?
        } else {
            vec![align?]
        };
        let deliverables = self.caption_and_company(&source, true);
        let mut plan = self.plan(source.plan, works, deliverables);
        plan.source_text = Some(source_text);
        Ok(plan)
    }

    fn chapters(&self) -> Result<Plan, Refusal> {
        let source = self.source()?;
        let machine = [WorkKind::Recognise, WorkKind::Chapter].map(|kind| self.work(kind, &source.plan));
        let works = if self.order.is_for_people() {
            self.people(Handover::Chapters, Self::draft(machine))?
        } else {
            machine.into_iter().collect::<Result<_, _>>()?
        };
        Ok(self.plan(source.plan, works, vec![Deliverable::Chapters]))
    }

    fn tagging(&self) -> Result<Plan, Refusal> {
        let source = self.source()?;
        let works = vec![self.work(WorkKind::Recognise, &source.plan)?];
        let tags = tags(&source).ok_or_else(|| Refusal::UnusableLanguage {
            name: source.plan.catalog_name.clone(),
        })?;
        Ok(self.plan(source.plan, works, vec![tags]))
    }

    fn dubbing(&self) -> Result<Plan, Refusal> {
        let (source, target) = (self.source()?, self.target()?);
        let (dubbed, clear) = self.flavor_params()?;
        let works = if self.order.is_for_people() {
            let draft = [
                self.work(WorkKind::Recognise, &source.plan),
                self.translate(&source.plan, &target.plan),
            ];
            self.people(Handover::Sound, Self::draft(draft))?
        } else {
            vec![
                self.work(WorkKind::Recognise, &source.plan)?,
                self.translate(&source.plan, &target.plan)?,
                self.work(WorkKind::Speak, &target.plan)?,
            ]
        };
        let label = target.plan.catalog_name.clone();
        let deliverables = tracks((SoundTrack::Dubbed, dubbed, &target, label), clear, &source);
        let mut plan = self.plan(source.plan, works, deliverables);
        plan.target = Some(target.plan);
        Ok(with_good_sound(plan))
    }

    /// People hand in the finished track, or a script that a voice speaks; where an engine describes, no people are needed.
    fn audio_description(&self) -> Result<Plan, Refusal> {
        let source = self.source()?;
        let (described, clear) = self.flavor_params()?;
        let pauses = Self::draft([self.work(WorkKind::Recognise, &source.plan)]);
        let speak = self.work(WorkKind::Speak, &source.plan);
        let works = if self.order.is_for_people() {
            // Without a voice, the finished track is the only thing that people can hand in.
            match speak {
                Ok(speak) => {
                    let mut works = pauses;
                    works.extend(self.people(Handover::Script, Vec::new())?);
                    works.push(speak);
                    works
                }
                Err(_) => self.people(Handover::Sound, Vec::new())?,
            }
        } else {
            let mut works = pauses;
            works.push(self.work(WorkKind::Describe, &source.plan)?);
            works.push(speak?);
            works
        };
        let label = format!("{} - Audio description", source.plan.catalog_name);
        let deliverables = tracks((SoundTrack::Described, described, &source, label), clear, &source);
        let mut plan = self.plan(source.plan, works, deliverables);
        plan.media = MediaNeed::AudioVideo;
        Ok(plan)
    }

    /// The event that a live order is for.
    fn event(&self) -> Result<&LiveEvent, Refusal> {
        let event = self.order.event.as_ref().ok_or(Refusal::NoEvent)?;
        if event.lasts_s() == 0 {
            return Err(Refusal::NoEvent);
        }
        if event.lasts_s() > self.rules.live_longest_s {
            return Err(Refusal::EventTooLong {
                lasts_s: event.lasts_s(),
                longest_s: self.rules.live_longest_s,
            });
        }
        Ok(event)
    }

    /// One piece of work, which lasts as long as the event; there is nothing to fetch. What was said becomes captions of the
    /// recording only where the vendor offers that, else the event is all that is delivered.
    fn live(&self, target: Option<Usable>) -> Result<Plan, Refusal> {
        self.event()?;
        let source = self.source()?;
        let works = vec![self.work(WorkKind::Live, &source.plan)?];
        if let Some(target) = &target {
            self.translate(&source.plan, &target.plan)?;
        }
        let deliverables = if self.rules.captions_on_recording {
            match &target {
                Some(target) => self.caption_and_company(target, false),
                None => self.caption_and_company(&source, true),
            }
        } else {
            Vec::new()
        };
        let mut plan = self.plan(source.plan, works, deliverables);
        plan.taken_on = TakenOn::ForItsEvent;
        plan.target = target.map(|target| target.plan);
        Ok(plan)
    }

    fn extended_audio_description(&self) -> Result<Plan, Refusal> {
        let source = self.source()?;
        let describe = self.work(WorkKind::Describe, &source.plan);
        let works = if self.order.is_for_people() {
            self.people(Handover::Script, Self::draft([describe]))?
        } else {
            vec![describe?]
        };
        let deliverable = if self.rules.description_as_caption {
            Deliverable::Caption {
                format: captions::CaptionFormat::Vtt,
                language: source.asset.clone(),
                label: DESCRIPTION_TITLE.to_owned(),
                is_default: false,
                is_description: true,
            }
        } else {
            Deliverable::Description {
                title: DESCRIPTION_TITLE.to_owned(),
            }
        };
        let mut plan = self.plan(source.plan, works, vec![deliverable]);
        plan.media = MediaNeed::AudioVideo;
        Ok(plan)
    }
}

fn names(engines: &[&Capabilities]) -> String {
    engines
        .iter()
        .map(|engine| engine.engine)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Tags of a language: none for one without a two-letter code, which Kaltura would refuse (`INVALID_LANGUAGE_CODE`).
fn tags(language: &Usable) -> Option<Deliverable> {
    language.iso639_1.map(|code| Deliverable::Tags {
        language_code: code.to_ascii_uppercase(),
    })
}

/// The track made, and the original that goes with it (guide, "Audio tracks": "the vendor needs to add the original audio
/// track as well").
fn tracks(made: (SoundTrack, i64, &Usable, String), clear: i64, source: &Usable) -> Vec<Deliverable> {
    let (track, flavor_params_id, language, label) = made;
    vec![
        Deliverable::Sound {
            track,
            flavor_params_id,
            language: language.asset.clone(),
            label,
            is_default: false,
        },
        Deliverable::Sound {
            track: SoundTrack::Clear,
            flavor_params_id: clear,
            language: source.asset.clone(),
            label: source.plan.catalog_name.clone(),
            is_default: true,
        },
    ]
}

/// The sound becomes part of a track, so the best there is.
fn with_good_sound(mut plan: Plan) -> Plan {
    if plan.media == MediaNeed::Audio {
        plan.media = MediaNeed::BestAudio;
    }
    plan
}

impl Plan {
    /// The plan of an order whose language was left open, now that it is known: as if it had been ordered in that language,
    /// with the work of finding it out in front.
    pub fn in_language(
        &self,
        order: &Order,
        language: &Language,
        engines: &[Capabilities],
        rules: PlanRules,
    ) -> Result<Self, Refusal> {
        let known = Order {
            source_language: Some(language.catalog_name.to_owned()),
            ..order.clone()
        };
        let mut plan = Self::new(&known, engines, rules)?;
        // Of a plan that was made anew before, what follows is planned already.
        let identify = self.works.iter().filter(|work| work.kind == WorkKind::Identify);
        plan.works.splice(0..0, identify.cloned());
        Ok(plan)
    }
}
