//! What a person does with an order: the actions, each under who they are and what they may see.
//!
//! Whatever changes the record does so under its version, on what was read just now: of two people who take one order, one gets
//! it and the other is told who. All of it is safe to repeat.
//!
//! Before somebody puts work into an order (opens it, takes it, saves, hands in), Kaltura is asked whether the customer still wants
//! it, once in some minutes: nobody is to work for an hour, until reconcile looks, on what was withdrawn.

use std::time::Duration;

use kaltura::TaskId;

use super::draft::{self, DraftCue, Origin, SavedDraft, Written};
use super::hold::{Ended, Hold, PeopleRecord, waiting};
use super::person::{Person, Refused, SUPERVISOR};
use super::work_order::WorkOrder;
use super::{peaks, service_name};
use crate::context::Context;
use crate::error::{Class, Failure, Refusal, StepError};
use crate::handin::{self, Checked, Handed, HandedIn};
use crate::material::{Material, SourceMaterial};
use crate::plan::{MediaNeed, Order, Plan};
use crate::ports::{Expected, LinkMethod, PresignedUpload, PresignedUrl};
use crate::record::TaskRecord;
use crate::steps::process::load_order;
use crate::steps::{Task, reconcile};
use crate::telemetry::names;

/// For how long an order is held where nobody says it.
pub const HOLD_S: u64 = 8 * 60 * 60;
/// The longest that an order may be held from now on.
pub const LONGEST_HOLD_S: u64 = 14 * 24 * 60 * 60;
/// A saved draft prolongs a hold that has less than this left.
const PROLONG_BELOW_S: u64 = 7 * 60 * 60;
/// A link to the media is good for so long.
const MEDIA_LINK_S: u64 = 5 * 60;
/// An upload may begin within this time.
const UPLOAD_LINK_S: u64 = 15 * 60;
/// The largest file that may be handed in.
pub const MOST_FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Whether an order was withdrawn is asked again after this time.
const ASK_EVERY_S: u64 = 3 * 60;
/// Kaltura is waited for so long.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// How often a change is tried against others' writes.
const TRIES: u32 = 5;

/// A person at an order's desk.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    ctx: &'a Context,
    who: &'a Person,
}

/// A draft, as somebody gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The cues and the note.
    pub written: Written,
    /// Where they come from.
    pub origin: Origin,
    /// When and by whom it was saved.
    pub saved: Option<(u64, String)>,
    /// What the next save names; `None` where nothing was saved.
    pub etag: Option<String>,
}

/// What came of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// It is kept.
    Kept {
        /// Under this ETag.
        etag: String,
        /// When.
        saved_epoch_s: u64,
        /// Until when the writer holds the order.
        held_until_epoch_s: u64,
    },
    /// Another draft was saved since, and nothing was written.
    Stale(Box<Draft>),
}

/// A link to the media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaLink {
    /// The address.
    pub url: PresignedUrl,
    /// Until when it is good.
    pub expires_epoch_s: u64,
    /// The container.
    pub container: String,
    /// Whether there may be something to see.
    pub has_picture: bool,
    /// How long the media is.
    pub duration_ms: Option<u64>,
}

/// What the work is on, beside the media.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The customer's cues.
    pub cues: Vec<DraftCue>,
    /// The customer's text.
    pub text: Option<String>,
    /// The natural pauses.
    pub pauses_ms: Vec<(u64, u64)>,
}

/// An order that this person may see.
struct Seen {
    record: TaskRecord,
    plan: Plan,
}

impl<'a> Desk<'a> {
    /// This person's.
    pub fn of(ctx: &'a Context, who: &'a Person) -> Self {
        Self { ctx, who }
    }

    fn now_epoch_s(&self) -> u64 {
        self.ctx.clock.now_epoch_s()
    }

    /// The order, if this person may see it and it waits for people.
    async fn seen(&self, task_id: &TaskId) -> Result<Seen, Refused> {
        let record = self.ctx.tasks.load(task_id).await?.ok_or(Refused::NotFound)?;
        let plan = record.plan.clone().filter(Plan::needs_people);
        let plan = plan.ok_or(Refused::NotFound)?;
        let service = service_name(plan.service()).ok_or(Refused::NotFound)?;
        let delivered = plan.delivered_language().bcp47;
        if let Some(lacks) = self.who.lacks(service, [plan.source_bcp47.as_str(), &delivered]) {
            return Err(Refused::NotYours { lacks });
        }
        waiting(&record)?;
        Ok(Seen { record, plan })
    }

    /// The same, where the customer has not withdrawn it. One that was is closed, and its execution ended.
    async fn wanted(&self, seen: Seen) -> Result<Seen, Refused> {
        let now_epoch_s = self.now_epoch_s();
        let is_fresh = |asked_epoch_s: u64| now_epoch_s < asked_epoch_s + ASK_EVERY_S;
        if seen.record.people.asked_epoch_s.is_some_and(is_fresh) {
            return Ok(seen);
        }
        // First the time: of many who come at once one asks, and a Kaltura that doesn't answer is not waited for by each.
        let task_id = seen.record.task_id.clone();
        let asks = |people: &mut PeopleRecord, now_epoch_s| {
            people.asked_epoch_s = Some(now_epoch_s);
            Ok(())
        };
        let record = self.change(&task_id, asks).await?;
        if reconcile::closed_if_withdrawn(self.ctx, &record, ASK_WITHIN).await? {
            return Err(Refused::Ended(Ended::Withdrawn));
        }
        Ok(Seen { record, ..seen })
    }

    /// The same where this person holds it, or looks at it as a supervisor.
    async fn at_work(&self, task_id: &TaskId) -> Result<Seen, Refused> {
        let seen = self.seen(task_id).await?;
        if !self.who.is_supervisor() {
            seen.record.people.held_by(self.who, self.now_epoch_s())?;
        }
        Ok(seen)
    }

    /// The same where this person holds it.
    async fn writing(&self, task_id: &TaskId) -> Result<Seen, Refused> {
        let seen = self.seen(task_id).await?;
        seen.record.people.held_by(self.who, self.now_epoch_s())?;
        Ok(seen)
    }

    async fn work_order(&self, record: TaskRecord) -> Result<WorkOrder, Refused> {
        let task = Task::of(self.ctx, record);
        let order = load_order(&task).await?;
        WorkOrder::new(&task.record, &order, self.who, self.now_epoch_s())
    }

    /// All that the customer says of an order.
    pub async fn order(&self, task_id: &TaskId) -> Result<WorkOrder, Refused> {
        let seen = self.seen(task_id).await?;
        let seen = self.wanted(seen).await?;
        self.work_order(seen.record).await
    }

    /// Changes the people's part of a record under its version.
    async fn change(
        &self,
        task_id: &TaskId,
        change: impl Fn(&mut PeopleRecord, u64) -> Result<(), Refused>,
    ) -> Result<TaskRecord, Refused> {
        for _ in 0..TRIES {
            let mut record = self.seen(task_id).await?.record;
            let before = record.people.clone();
            change(&mut record.people, self.now_epoch_s())?;
            if record.people == before || self.ctx.tasks.save(&mut record).await? {
                return Ok(record);
            }
            metrics::counter!(names::RECORD_CONFLICTS).increment(1);
        }
        Err(StepError::RecordConflict {
            task_id: task_id.to_string(),
            times: TRIES,
        }
        .into())
    }

    fn told(&self, task_id: &TaskId, what: &'static str) {
        tracing::info!(%task_id, person = %self.who.id, what, "a person acted");
        metrics::counter!(names::PEOPLE_ACTS, "What" => what).increment(1);
    }

    fn until(&self, wanted_epoch_s: Option<u64>) -> Result<u64, Refused> {
        let now_epoch_s = self.now_epoch_s();
        match wanted_epoch_s {
            None => Ok(now_epoch_s + HOLD_S),
            Some(until) if until > now_epoch_s && until <= now_epoch_s + LONGEST_HOLD_S => Ok(until),
            Some(_) => Err(Refused::BadRequest(format!(
                "until_epoch_s is not within the next {} days",
                LONGEST_HOLD_S / 86_400
            ))),
        }
    }

    /// Takes an order, until then or for [`HOLD_S`].
    pub async fn take(&self, task_id: &TaskId, until_epoch_s: Option<u64>) -> Result<WorkOrder, Refused> {
        let until_epoch_s = self.until(until_epoch_s)?;
        let seen = self.seen(task_id).await?;
        self.wanted(seen).await?;
        let take = |people: &mut PeopleRecord, now_epoch_s| people.take(self.who, until_epoch_s, now_epoch_s);
        let record = self.change(task_id, take).await?;
        self.told(task_id, "take");
        self.work_order(record).await
    }

    /// Has who holds it hold it until then.
    pub async fn extend(&self, task_id: &TaskId, until_epoch_s: Option<u64>) -> Result<WorkOrder, Refused> {
        let until_epoch_s = self.until(until_epoch_s)?;
        let extend =
            |people: &mut PeopleRecord, now_epoch_s| people.extend(self.who, until_epoch_s, now_epoch_s);
        let record = self.change(task_id, extend).await?;
        self.told(task_id, "extend");
        self.work_order(record).await
    }

    /// Gives it back.
    pub async fn release(&self, task_id: &TaskId) -> Result<WorkOrder, Refused> {
        let release = |people: &mut PeopleRecord, now_epoch_s| people.release(self.who, now_epoch_s);
        let record = self.change(task_id, release).await?;
        self.told(task_id, "release");
        self.work_order(record).await
    }

    /// Gives it back with a reason.
    pub async fn reject(&self, task_id: &TaskId, reason: &str) -> Result<WorkOrder, Refused> {
        let reject = |people: &mut PeopleRecord, now_epoch_s| people.reject(self.who, reason, now_epoch_s);
        let record = self.change(task_id, reject).await?;
        self.told(task_id, "reject");
        self.work_order(record).await
    }

    /// Ends an order that can't be done: ERROR at Kaltura with this text, which refunds the customer and is final. For
    /// supervisors. Answers the order as it was.
    pub async fn end(
        &self,
        task_id: &TaskId,
        reason: &str,
        text_for_customer: &str,
    ) -> Result<WorkOrder, Refused> {
        if !self.who.is_supervisor() {
            return Err(Refused::NotYours {
                lacks: SUPERVISOR.to_owned(),
            });
        }
        let refusal = Refusal::ByOperator {
            text: text_for_customer.to_owned(),
        };
        for _ in 0..TRIES {
            let mut record = self.seen(task_id).await?.record;
            let Some(token) = record.accepted().map(|(_, accepted)| accepted.token.clone()) else {
                return Err(Refused::NotFound);
            };
            let now_epoch_s = self.now_epoch_s();
            record.failure = Some(Failure {
                name: refusal.name().to_owned(),
                detail: format!("ended by {}: {reason}", self.who.id),
                customer_text: refusal.customer_text(),
                step: "people".to_owned(),
            });
            record
                .people
                .note(self.who, format!("ended: {reason}"), now_epoch_s);
            if self.ctx.tasks.save(&mut record).await? {
                let order = self.work_order(record).await?;
                let completions = self.ctx.completions()?;
                completions.fail(&token, Class::Terminal, refusal.name()).await?;
                self.told(task_id, "end");
                return Ok(order);
            }
            metrics::counter!(names::RECORD_CONFLICTS).increment(1);
        }
        Err(StepError::RecordConflict {
            task_id: task_id.to_string(),
            times: TRIES,
        }
        .into())
    }

    async fn draft_of(&self, seen: Seen) -> Result<Draft, Refused> {
        let key = draft::key_of(&seen.record);
        if let Some((json, etag)) = self.ctx.drafts()?.get_tagged(&key).await? {
            let saved = SavedDraft::from_json(&key, &json)?;
            return Ok(Draft {
                written: saved.written,
                origin: Origin::Saved,
                saved: Some((saved.saved_epoch_s, saved.saved_by)),
                etag: Some(etag),
            });
        }
        let task = Task::of(self.ctx, seen.record);
        let order: Order = load_order(&task).await?;
        let (origin, cues) = draft::first(&task, &seen.plan, &order).await?;
        Ok(Draft {
            written: Written { cues, note: None },
            origin,
            saved: None,
            etag: None,
        })
    }

    /// The draft that was saved last, or the machine's.
    pub async fn draft(&self, task_id: &TaskId) -> Result<Draft, Refused> {
        let seen = self.at_work(task_id).await?;
        self.draft_of(seen).await
    }

    /// Saves a draft that is based on the one of this ETag, or on none.
    pub async fn save(
        &self,
        task_id: &TaskId,
        written: Written,
        based_on: Option<&str>,
    ) -> Result<Saved, Refused> {
        written.within_limits()?;
        let seen = self.writing(task_id).await?;
        let seen = self.wanted(seen).await?;
        let key = draft::key_of(&seen.record);
        let saved_epoch_s = self.now_epoch_s();
        let draft = SavedDraft {
            written,
            saved_epoch_s,
            saved_by: self.who.name.clone(),
        };
        let expected = based_on.map_or(Expected::Missing, Expected::Tagged);
        let kept = self
            .ctx
            .drafts()?
            .put_expected(&key, draft.to_json()?.into(), "application/json", expected)
            .await?;
        let Some(etag) = kept else {
            return Ok(Saved::Stale(Box::new(self.draft_of(seen).await?)));
        };
        let held = self.prolong(task_id, seen.record.people.hold).await;
        tracing::info!(%task_id, person = %self.who.id, "draft saved");
        Ok(Saved::Kept {
            etag,
            saved_epoch_s,
            held_until_epoch_s: held.map_or(saved_epoch_s, |hold| hold.until_epoch_s),
        })
    }

    /// Who writes needs no reminder to hold on. What goes wrong here must not make a kept draft look lost.
    async fn prolong(&self, task_id: &TaskId, hold: Option<Hold>) -> Option<Hold> {
        let now_epoch_s = self.now_epoch_s();
        if hold
            .as_ref()
            .is_none_or(|hold| hold.until_epoch_s >= now_epoch_s + PROLONG_BELOW_S)
        {
            return hold;
        }
        let prolonged = self.change(task_id, |people, now_epoch_s| {
            people.held_by(self.who, now_epoch_s)?;
            if let Some(hold) = &mut people.hold {
                hold.until_epoch_s = hold.until_epoch_s.max(now_epoch_s + HOLD_S);
            }
            Ok(())
        });
        match prolonged.await {
            Ok(record) => record.people.hold,
            Err(error) => {
                tracing::warn!(%task_id, %error, "the hold was not prolonged");
                hold
            }
        }
    }

    /// A link to the media, good for minutes.
    pub async fn media(&self, task_id: &TaskId) -> Result<MediaLink, Refused> {
        let seen = self.at_work(task_id).await?;
        let media = seen.record.media.ok_or(Refused::NothingThere("media"))?;
        let now_epoch_s = self.now_epoch_s();
        let url = self
            .ctx
            .objects()?
            .presign(LinkMethod::Get, &media.key, now_epoch_s, MEDIA_LINK_S)
            .await?;
        self.told(task_id, "media");
        Ok(MediaLink {
            url,
            expires_epoch_s: now_epoch_s + MEDIA_LINK_S,
            has_picture: seen.plan.media == MediaNeed::AudioVideo && media.container != "m4a",
            container: media.container,
            duration_ms: media.duration_ms,
        })
    }

    /// The waveform, as JSON.
    pub async fn peaks(&self, task_id: &TaskId) -> Result<bytes::Bytes, Refused> {
        let seen = self.at_work(task_id).await?;
        let key = peaks::key_of(&seen.record);
        let json = self.ctx.objects()?.get(&key).await?;
        json.ok_or(Refused::NothingThere("waveform"))
    }

    /// What the work is on, beside the media.
    pub async fn source(&self, task_id: &TaskId) -> Result<Source, Refused> {
        let seen = self.at_work(task_id).await?;
        let task = Task::of(self.ctx, seen.record);
        let material = Material::load(&task).await?;
        let mut source = Source {
            pauses_ms: material.pauses_ms(&task),
            ..Source::default()
        };
        match material.source() {
            Some(SourceMaterial::Cues(cues)) => source.cues = draft::of_cues(cues),
            Some(SourceMaterial::Text(text)) => source.text = Some(text.clone()),
            None => {}
        }
        Ok(source)
    }

    /// Where a file of that name and SHA-256 may be put: the address, the key, until when.
    pub async fn upload(
        &self,
        task_id: &TaskId,
        file_name: &str,
        sha256: &[u8; 32],
    ) -> Result<(PresignedUpload, String, u64), Refused> {
        let seen = self.writing(task_id).await?;
        let key = handin::upload_key(&seen.record, file_name, sha256);
        let now_epoch_s = self.now_epoch_s();
        let upload = self
            .ctx
            .drafts()?
            .presign_upload(&key, sha256, now_epoch_s, UPLOAD_LINK_S)
            .await?;
        Ok((upload, key, now_epoch_s + UPLOAD_LINK_S))
    }

    /// What is handed in, as the hand-in takes it: cues with their speakers written in, a file that is there.
    async fn handed(&self, seen: &Seen, work: Work) -> Result<Handed, Refused> {
        match work {
            Work::Cues(cues) => {
                let style = &seen.plan.style;
                Ok(Handed::Cues(draft::to_cues(
                    &cues,
                    style.speaker_labels,
                    style.speaker_change_marks,
                )))
            }
            Work::File(key) => {
                let own = format!("engine/{}/", seen.record.task_id);
                if !key.starts_with(&own) || !key.contains("/handed-in") {
                    return Err(Refused::BadRequest("key is not one of this order".to_owned()));
                }
                match self.ctx.drafts()?.size_bytes(&key).await? {
                    // Whoever asked where to put it may have told another size.
                    Some(size_bytes) if size_bytes > MOST_FILE_BYTES => {
                        Err(Refused::BadRequest("the file has more than 2 GiB".to_owned()))
                    }
                    Some(_) => Ok(Handed::File(key)),
                    None => Err(Refused::BadRequest("nothing was put under key".to_owned())),
                }
            }
        }
    }

    /// What would be said of this.
    pub async fn check(&self, task_id: &TaskId, work: Work) -> Result<Checked, Refused> {
        let seen = self.writing(task_id).await?;
        let handed = self.handed(&seen, work).await?;
        match handin::check(self.ctx, task_id, &handed).await? {
            Some(checked) => Ok(checked),
            None => Err(self.ended(task_id).await),
        }
    }

    /// Hands in.
    pub async fn submit(&self, task_id: &TaskId, work: Work) -> Result<Checked, Refused> {
        let seen = self.writing(task_id).await?;
        let seen = self.wanted(seen).await?;
        let handed = self.handed(&seen, work).await?;
        match handin::run(self.ctx, task_id, &handed, Some(self.who)).await? {
            HandedIn::Taken { what, warnings } => {
                self.told(task_id, "submit");
                Ok(Checked {
                    what: Some(what),
                    findings: warnings,
                })
            }
            HandedIn::Refused(findings) => {
                self.told(task_id, "refused");
                Ok(Checked { what: None, findings })
            }
            HandedIn::NobodyWaits => Err(self.ended(task_id).await),
        }
    }

    /// Why it waits no longer.
    async fn ended(&self, task_id: &TaskId) -> Refused {
        match self.seen(task_id).await {
            Err(refused) => refused,
            Ok(_) => Refused::Step(StepError::RecordConflict {
                task_id: task_id.to_string(),
                times: 1,
            }),
        }
    }
}

/// What somebody hands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Cues.
    Cues(Vec<DraftCue>),
    /// The file that was put under this key.
    File(String),
}
