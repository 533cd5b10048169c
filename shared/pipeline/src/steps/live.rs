//! Live: the life of a live order, from its claim to the end of its event.
//!
//! Such an order is taken on for its event ([`TakenOn::ForItsEvent`]): its stream is provisioned, Kaltura is told where to send
//! and where to listen, and the task is SCHEDULED, for weeks perhaps. Its execution waits by a task token meanwhile, and costs
//! nothing. The first caption that is handed out sets it PROCESSING ([`on_air`]); the end of the stream is the end of the work
//! ([`over`]), and the state machine goes on to READY. Whatever the order's end, its stream goes with it.
//!
//! What lives here: what an order's state, at Kaltura and in its record, has to do with its stream. What does not: the stream
//! itself ([`crate::live`]).
//!
//! [`TakenOn::ForItsEvent`]: crate::plan::TakenOn::ForItsEvent

use captions::live::LiveRules;
use engines::{JobId, SourceLanguage, WorkKind};
use kaltura::{LiveCaptionFeature, ScheduleEvent, TaskStatus, UpdateJob};

use super::complete::{self, Completed};
use super::{EVENT_OVER_AFTER_S, StepInput, Task, claim, fail, finalize};
use crate::config::setting;
use crate::context::Context;
use crate::error::{Class, Failure, Refusal, Result, StepError};
use crate::live::{self, EndReason, LiveStream, Refused, StreamSettings, StreamState};
use crate::plan::{LiveEvent, Order, Plan, PlanLanguage, TakenOn};
use crate::record::{CHECK_EVERY_S, CHECK_JOBS_EVERY_S, LiveRecord, TaskRecord};

/// `KalturaScheduleEventStatus` ACTIVE.
const EVENT_ACTIVE: i64 = 2;
/// The class of an event that has a stream.
const LIVE_STREAM_EVENT: &str = "KalturaLiveStreamScheduleEvent";
/// From so long before its event, a live order is looked at more often.
const EVENT_IS_NEAR_S: u64 = 60 * 60;
/// How often a change of a stream's record is tried against others' writes.
const SAVE_TRIES: u32 = 5;

/// What came of the first caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnAir {
    /// The task is PROCESSING at Kaltura: now, or it has been.
    Told,
    /// The task is no longer ours: its stream was closed.
    Gone,
}

/// The first caption was handed out: PROCESSING at Kaltura, once. To be called after the hand-out, never before it; after an
/// error, again with the next caption. Safe to repeat.
pub async fn on_air(ctx: &Context, task_id: &kaltura::TaskId) -> Result<OnAir> {
    let record = ctx.tasks.load(task_id).await?;
    let record = record.ok_or_else(|| StepError::RecordMissing {
        task_id: task_id.to_string(),
    })?;
    if record.state.has_ended() {
        return Ok(OnAir::Gone);
    }
    if is_on_air(&record) {
        return Ok(OnAir::Told);
    }
    let input = StepInput {
        task_id: task_id.clone(),
        attempt: record.attempt,
    };
    let outcome = super::run(ctx, "on-air", &input, tell_on_air).await;
    match outcome {
        Err(error) if error.class() == Class::Gone => {
            withdrawn(ctx, &input).await?;
            Ok(OnAir::Gone)
        }
        outcome => outcome.map(|()| OnAir::Told),
    }
}

async fn tell_on_air(task: &mut Task<'_>) -> Result<()> {
    let ctx = task.ctx;
    claim::update(ctx, &task.record.task_id, UpdateJob::new(TaskStatus::Processing)).await?;
    let now_epoch_s = ctx.clock.now_epoch_s();
    task.change(|record| {
        let note = "on air: the first caption was handed out";
        if let Some(live) = &mut record.live
            && live.on_air_epoch_s.is_none()
        {
            live.on_air_epoch_s = Some(now_epoch_s);
            record.note(now_epoch_s, note);
        }
    })
    .await
}

/// Kaltura has the task no more: nobody is to listen any longer, and the execution closes the record. Where none waits yet, it is
/// closed here.
async fn withdrawn(ctx: &Context, input: &StepInput) -> Result<()> {
    let outcome = super::run(ctx, "withdrawn", input, async |task| {
        close(task, EndReason::Withdrawn).await?;
        match task.record.awaited() {
            Some((_, accepted)) => {
                let token = accepted.token.clone();
                ctx.completions()?
                    .fail(&token, Class::Gone, "GoneAtKaltura")
                    .await
            }
            None => fail::gone(task).await,
        }
    })
    .await;
    match outcome {
        Err(StepError::Ended { .. }) => Ok(()),
        outcome => outcome,
    }
}

/// The stream has ended: the whole of it is kept as the result of the order's work, and its execution goes on. Where none waits,
/// because the task is parked or its execution on its way, the end is noted for the one that comes to wait. An event that was
/// never on air is not over by that: it has until an hour after its end, and then is refused by reconcile. Safe to repeat.
pub async fn over(ctx: &Context, task_id: &kaltura::TaskId) -> Result<Completed> {
    let Some(record) = ctx.tasks.load(task_id).await? else {
        return Ok(Completed::NobodyWaits);
    };
    let completed = complete_wait(ctx, &record).await?;
    if completed != Completed::NobodyWaits || record.state.has_ended() || record.next_work().is_none() {
        return Ok(completed);
    }
    let input = StepInput {
        task_id: task_id.clone(),
        attempt: record.attempt,
    };
    let noted = super::run(ctx, "over", &input, async |task| {
        note_over(task).await?;
        Ok(task.record.clone())
    });
    match noted.await {
        // Whoever came to wait before the note could not see it.
        Ok(record) => complete_wait(ctx, &record).await,
        Err(error) if matches!(error.class(), Class::Stale | Class::Gone) => Ok(completed),
        Err(error) => Err(error),
    }
}

async fn complete_wait(ctx: &Context, record: &TaskRecord) -> Result<Completed> {
    match record.awaited() {
        None => Ok(Completed::NobodyWaits),
        Some((_, accepted)) => complete::run(ctx, &JobId::named(&accepted.job_id)).await,
    }
}

/// Notes that a stream is over, where it is: all of it is kept, Kaltura knows that it was on air, and no reader may come back for
/// the rest. Safe to repeat.
async fn note_over(task: &mut Task<'_>) -> Result<()> {
    let stream = task.ctx.streams()?.load(&task.record.task_id).await?;
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    let is_over = |stream: LiveStream| stream.transcript_key.is_some() && !stream.awaits_readers(now_epoch_s);
    if !is_on_air(&task.record) || !stream.is_some_and(is_over) {
        return Ok(());
    }
    task.change(|record| {
        if let Some(live) = &mut record.live {
            live.is_over = true;
        }
    })
    .await
}

/// Whether Kaltura was told that the event of this order is on air.
pub(super) fn is_on_air(record: &TaskRecord) -> bool {
    record
        .live
        .as_ref()
        .is_some_and(|live| live.on_air_epoch_s.is_some())
}

/// Whether a job that has ended counts as work done: any but that of a live event. Such a one counts only if anybody got captions,
/// and once nobody may come back for the last of them, since the stream goes with the order. If Kaltura could not be told in
/// time that it was on air, it is told now.
pub(super) async fn counts(task: &mut Task<'_>, index: usize) -> Result<bool> {
    let plan = task.record.plan.as_ref();
    let kind = plan.and_then(|plan| plan.works.get(index)).map(|work| work.kind);
    if kind != Some(WorkKind::Live) {
        return Ok(true);
    }
    // A function that knows no streams (process) goes by what was noted, and leaves the rest to reconcile.
    if task.ctx.streams().is_err() {
        return Ok(task.record.live.as_ref().is_some_and(|live| live.is_over));
    }
    if !went_on_air(task).await? {
        return Ok(false);
    }
    let stream = task.ctx.streams()?.load(&task.record.task_id).await?;
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    Ok(stream.is_none_or(|stream| !stream.awaits_readers(now_epoch_s)))
}

/// Whether anybody got captions of this event. If Kaltura could not be told so when they did, it is told now.
async fn went_on_air(task: &mut Task<'_>) -> Result<bool> {
    if is_on_air(&task.record) {
        return Ok(true);
    }
    let stream = task.ctx.streams()?.load(&task.record.task_id).await?;
    if !stream.as_ref().is_some_and(had_captions_and_readers) {
        return Ok(false);
    }
    tell_on_air(task).await?;
    Ok(true)
}

fn had_captions_and_readers(stream: &LiveStream) -> bool {
    stream.first_caption_epoch_s.is_some() && stream.next_place > 1
}

/// The order with its event as Kaltura has it now: there, a live stream, not over, and with the times of today. An order that
/// names none is as it was; its plan says so.
pub(super) async fn with_its_event(task: &Task<'_>, order: Order) -> Result<Order> {
    let Some(event) = order.event.clone() else {
        return Ok(order);
    };
    // Not extended where it dies: the task may be PENDING, whose key can't be.
    let client = task
        .ctx
        .kaltura
        .task(&task.record.task_id, &task.record.access_key);
    let told = client
        .schedule_event(event.event_id)
        .await
        .map_err(StepError::from);
    let event = checked(told, task, &event)?;
    check_not_over(&task.record, &event, task.ctx.clock.now_epoch_s())?;
    Ok(Order {
        event: Some(event),
        ..order
    })
}

/// What Kaltura told of an event, as the order has to know it.
fn checked(told: Result<ScheduleEvent>, task: &Task<'_>, known: &LiveEvent) -> Result<LiveEvent> {
    let unknown = |detail: String| Refusal::EventUnknown {
        event_id: known.event_id.to_string(),
        detail,
    };
    let told = match told {
        Err(error) if error.name() == "INVALID_OBJECT_ID" => {
            return Err(unknown(error.name().to_owned()).into());
        }
        outcome => outcome?,
    };
    if let Some(status) = told.status.filter(|status| *status != EVENT_ACTIVE) {
        return Err(unknown(format!("its status is {status}")).into());
    }
    let object_type = told.object_type.clone().unwrap_or_default();
    if object_type != LIVE_STREAM_EVENT {
        return Err(Refusal::EventNotLive {
            event_id: known.event_id.to_string(),
            object_type,
        }
        .into());
    }
    Ok(times_of(&told, &feature_name(task), known))
}

fn feature_name(task: &Task<'_>) -> String {
    format!("LiveCaptionFeature-reach-{}", task.record.task_id)
}

/// When captions are wanted: the event's times, widened by what the task's feature has before and after it (spec 8.1). So an event
/// that is moved takes the order with it, while the task's own times stay as they were ordered.
fn times_of(told: &ScheduleEvent, feature: &str, known: &LiveEvent) -> LiveEvent {
    let feature = told
        .live_features
        .iter()
        .find(|has| has.system_name.as_deref() == Some(feature));
    let shifted =
        |at: Option<u64>, by_s: Option<i64>| at.map(|at| at.saturating_add_signed(by_s.unwrap_or(0)));
    let (before_s, after_s) = feature.map_or((None, None), |feature| {
        (
            feature.pre_start_time_s.map(i64::saturating_neg),
            feature.post_end_time_s,
        )
    });
    match (
        feature,
        shifted(told.start_date_epoch_s, before_s),
        shifted(told.end_date_epoch_s, after_s),
    ) {
        (Some(_), Some(start_epoch_s), Some(end_epoch_s)) => LiveEvent {
            event_id: known.event_id,
            start_epoch_s,
            end_epoch_s,
        },
        _ => known.clone(),
    }
}

/// Refuses an order whose event is over. One that was made ready in time may begin late.
fn check_not_over(record: &TaskRecord, event: &LiveEvent, now_epoch_s: u64) -> Result<()> {
    let live = record.live.as_ref();
    let was_ready = live.is_some_and(|live| live.provisioned_in.is_some());
    let late_s = if was_ready { EVENT_OVER_AFTER_S } else { 0 };
    if is_on_air(record) || event.end_epoch_s.saturating_add(late_s) > now_epoch_s {
        return Ok(());
    }
    Err(Refusal::EventOver {
        ended_epoch_s: event.end_epoch_s,
    }
    .into())
}

/// Refuses a live translation that no engine of this stack can make while somebody speaks. Of all other plans, nothing is asked.
pub(super) fn check_interpreter(ctx: &Context, plan: &Plan) -> Result<()> {
    let Some(target) = plan
        .target
        .as_ref()
        .filter(|_| plan.taken_on == TakenOn::ForItsEvent)
    else {
        return Ok(());
    };
    let engines = ctx.engines()?;
    if engines.interprets(&plan.source_bcp47, &target.bcp47) {
        return Ok(());
    }
    Err(Refusal::PairNotServed {
        from: plan.source_language.clone(),
        into: target.catalog_name.clone(),
        engine: "any, within a call".to_owned(),
    }
    .into())
}

/// Writes down, in the claim's own change, that a stream is about to be provisioned.
pub(super) fn note_provisioning(record: &mut TaskRecord, order: &Order) {
    let attempt = record.attempt;
    if let Some(live) = &mut record.live {
        live.event.clone_from(&order.event);
        live.provisioned_in.get_or_insert(attempt);
    }
}

/// Makes all ready for the event of an order, and tells Kaltura: answers the status that the task has by that. Safe to repeat:
/// the stream is kept once, its tokens are the same each time, and Kaltura's feature is set to the same again. A stream of an
/// earlier life of the task is closed before.
pub(super) async fn provision(
    task: &mut Task<'_>,
    order: &Order,
    plan: &Plan,
    was_on_air: bool,
) -> Result<TaskStatus> {
    let ctx = task.ctx;
    let task_id = task.record.task_id.clone();
    let (Some(event), Some(live)) = (order.event.as_ref(), task.record.live.clone()) else {
        return Err(Refusal::NoEvent.into());
    };
    let since = live.provisioned_in.unwrap_or(task.record.attempt);
    let streams = ctx.streams()?;
    let former = streams.load(&task_id).await?;
    if former.is_some_and(|stream| stream.settings.attempt < since) {
        close(task, EndReason::Withdrawn).await?;
    }
    let wanted = StreamSettings {
        attempt: since,
        ..settings(order, plan, event)
    };
    let stream = LiveStream::new(task_id.clone(), wanted.clone(), ctx.clock.now_epoch_s());
    if !streams.keep(&stream).await? {
        change_settings(ctx, &task_id, |settings| *settings = wanted.clone()).await?;
        note_over(task).await?;
    }
    if was_on_air || is_on_air(&task.record) {
        return Ok(TaskStatus::Processing);
    }
    let feature = feature(ctx, &task_id)?;
    let client = ctx.kaltura.task(&task_id, &task.record.access_key);
    match client.update_live_feature(event.event_id, &feature).await {
        Ok(_) => {}
        Err(error) if error.name() == "FEATURE_NAME_NOT_FOUND" => {
            // The server takes it away with the task: so is the task still ours?
            let details = client.get().await?;
            claim::check_is_ours(&task_id, details.status)?;
            return Err(Refusal::NoLiveFeature {
                event_id: event.event_id.to_string(),
            }
            .into());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(TaskStatus::Scheduled)
}

/// Where Kaltura sends the stream and listens.
fn feature(ctx: &Context, task_id: &kaltura::TaskId) -> Result<LiveCaptionFeature> {
    let ingest_url = ctx.config.live.ingest_url.clone();
    let media_url = ingest_url.ok_or_else(|| setting("LIVE_INGEST_URL", "is not set"))?;
    let captions_url = ctx.config.live.captions_url.as_deref();
    let captions_url = captions_url.ok_or_else(|| setting("LIVE_CAPTIONS_URL", "is not set"))?;
    let tokens = ctx.live_tokens()?;
    Ok(LiveCaptionFeature {
        media_url,
        media_key: tokens.media_key(task_id).reveal().to_owned(),
        caption_url: tokens.caption_url(captions_url, task_id).reveal().to_owned(),
        caption_token: tokens.caption(task_id).reveal().to_owned(),
        input_delay_s: None,
    })
}

fn settings(order: &Order, plan: &Plan, event: &LiveEvent) -> StreamSettings {
    let language = plan.delivered_language().bcp47;
    let style = &plan.style;
    StreamSettings {
        attempt: 1,
        source: spoken(&plan.source()),
        target: plan.target.as_ref().map(spoken),
        rules: LiveRules {
            speaker_labels: style.speaker_labels,
            speaker_change_marks: style.speaker_change_marks,
            audio_tags: style.audio_tags,
            remove_profanity: style.remove_profanity,
            ..LiveRules::for_order(Some(style.max_characters_per_line), &language)
        },
        dictionary: order.dictionary.clone(),
        event_start_epoch_s: event.start_epoch_s,
        event_end_epoch_s: event.end_epoch_s,
    }
}

fn spoken(language: &PlanLanguage) -> SourceLanguage {
    SourceLanguage {
        catalog_name: language.catalog_name.clone(),
        bcp47: language.bcp47.clone(),
    }
}

/// Changes a stream's settings, against others' writes; one that is not there, or has ended, stays so.
async fn change_settings(
    ctx: &Context,
    task_id: &kaltura::TaskId,
    change: impl Fn(&mut StreamSettings),
) -> Result<()> {
    let streams = ctx.streams()?;
    for _ in 0..SAVE_TRIES {
        let Some(mut stream) = streams.load(task_id).await? else {
            return Ok(());
        };
        let before = stream.settings.clone();
        change(&mut stream.settings);
        if stream.settings == before
            || stream.state == StreamState::Ended
            || streams.save(&mut stream).await?
        {
            return Ok(());
        }
    }
    Err(StepError::RecordConflict {
        task_id: task_id.to_string(),
        times: SAVE_TRIES,
    })
}

/// Ends a task's stream, if it has one: nobody listens to it any more, and nothing is left of it but what it came to. Safe to
/// repeat; of a task without an event, nothing is done.
pub(super) async fn close(task: &Task<'_>, why: EndReason) -> Result<()> {
    let was_provisioned = |live: &LiveRecord| live.provisioned_in.is_some();
    if !task.record.live.as_ref().is_some_and(was_provisioned) {
        return Ok(());
    }
    let ctx = task.ctx;
    let task_id = &task.record.task_id;
    let streams = ctx.streams()?;
    let Some(stream) = streams.load(task_id).await? else {
        return Ok(());
    };
    if stream.transcript_key.is_none() {
        end_stream(task, why).await?;
    }
    streams.delete(task_id).await
}

/// Notes where the captions of an event go: to the entry that was recorded of it, since that of a live stream takes none. An order
/// of an event on an entry of media has them there. Asked once; of a task without an event, nothing is.
pub(super) async fn find_recording(task: &mut Task<'_>) -> Result<()> {
    let Some(LiveRecord { recording: None, .. }) = &task.record.live else {
        return Ok(());
    };
    let entry_id = task.record.entry_id.clone();
    let entry_id = entry_id.ok_or_else(|| task.out_of_order("upload", "an entry"))?;
    let entry = task
        .with_key(async |client| client.entry(&entry_id).await)
        .await?;
    let recording = match entry.recorded_entry_id() {
        None if entry.is_live() => {
            return Err(Refusal::NotRecorded {
                entry_id: entry_id.to_string(),
            }
            .into());
        }
        recorded => recorded.unwrap_or(entry_id),
    };
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    task.change(|record| {
        if let Some(live) = &mut record.live {
            live.recording = Some(recording.clone());
            record.note(now_epoch_s, format!("its captions go to entry {recording}"));
        }
    })
    .await
}

/// An error of an upload. That the access key may not write to the recording is nothing that passes, and no fault of this stack.
pub(super) fn of_recording(task: &Task<'_>, error: StepError) -> StepError {
    let recording = task.record.live.as_ref().and_then(|live| live.recording.as_ref());
    match (recording, &error) {
        (Some(entry_id), StepError::Kaltura(refused))
            if refused.name() == "INVALID_KS" && refused.class() == kaltura::ErrorClass::Terminal =>
        {
            Refusal::RecordingClosed {
                entry_id: entry_id.to_string(),
            }
            .into()
        }
        _ => error,
    }
}

/// Whether an order can't fail any more: its event was on air, and is over. Only an operator fails it all the same.
pub(super) fn was_delivered_on_air(record: &TaskRecord) -> bool {
    is_on_air(record) && record.next_work().is_none() && record.fail_text.is_none()
}

/// Closes an order whose captions were handed out, and whose recording can't have them: there is none, it was deleted, or it is
/// somebody's whom the access key may not act for. There is nothing to refund, so it is READY without them. Safe to repeat.
pub(super) async fn deliver_without_recording(task: &mut Task<'_>, why: &Failure) -> Result<()> {
    let now_epoch_s = task.ctx.clock.now_epoch_s();
    tracing::warn!(
        name = why.name,
        detail = why.detail,
        "an event's recording gets no captions"
    );
    task.change(|record| {
        if record.deliverables.is_empty() {
            return;
        }
        if let Some(plan) = &mut record.plan {
            plan.deliverables.clear();
        }
        record.deliverables.clear();
        record.note(
            now_epoch_s,
            format!("its recording gets no captions: {}: {}", why.name, why.detail),
        );
    })
    .await?;
    finalize::finalize(task).await
}

/// An event that was on air is PROCESSING before it is READY, whatever came in between. One that is READY already, by an answer
/// that was lost, stays so.
pub(super) async fn processing_before_ready(task: &Task<'_>) -> Result<()> {
    if !is_on_air(&task.record) {
        return Ok(());
    }
    let update = UpdateJob::new(TaskStatus::Processing);
    match claim::update(task.ctx, &task.record.task_id, update).await {
        // Kaltura says the same of READY next, where it is not our own.
        Err(error) if error.class() == Class::Gone => Ok(()),
        outcome => outcome.map(|_| ()),
    }
}

/// What reconcile sees of a live order, beside what it sees of every other: whether its event was moved, cancelled or is over, and
/// whether Kaltura knows that it is on air. Says whether its stream was ended by this. `status` is the task's at Kaltura.
pub(super) async fn look(task: &mut Task<'_>, status: Option<TaskStatus>) -> Result<bool> {
    let ctx = task.ctx;
    let Some(known) = task.record.live.as_ref().and_then(|live| live.event.clone()) else {
        return Ok(false);
    };
    if task.record.next_work().is_none() {
        return Ok(false);
    }
    let now_epoch_s = ctx.clock.now_epoch_s();
    let is_told = is_on_air(&task.record);
    if (is_told && status == Some(TaskStatus::Scheduled))
        || (!is_told && status == Some(TaskStatus::Processing))
    {
        // A claim that was overtaken by the first caption; or it was told, and that it was is not written down.
        tell_on_air(task).await?;
    }
    // First whether it is on air: what becomes of its event matters less then.
    let was_on_air = went_on_air(task).await?;
    let event = moved(task, known).await?;
    let late_s = if was_on_air {
        ctx.config.live.grace_s
    } else {
        EVENT_OVER_AFTER_S
    };
    if event.end_epoch_s.saturating_add(late_s) > now_epoch_s {
        return Ok(false);
    }
    if !was_on_air {
        return Err(Refusal::EventOver {
            ended_epoch_s: event.end_epoch_s,
        }
        .into());
    }
    end_stream(task, EndReason::EventOver).await
}

/// Ends the stream of a task; says whether there was one. Safe to repeat.
async fn end_stream(task: &Task<'_>, why: EndReason) -> Result<bool> {
    match live::end(task.ctx, &task.record.task_id, why).await {
        Ok(_) => Ok(true),
        Err(Refused::NoStream) => Ok(false),
        Err(Refused::Step(error)) => Err(error),
        Err(refused) => Err(task.out_of_order("live", &format!("a stream that can be ended: {refused}"))),
    }
}

/// Where the whole of a task's stream stands once it has ended.
pub(super) fn result_key(record: &TaskRecord) -> String {
    let provisioned_in = record.live.as_ref().and_then(|live| live.provisioned_in);
    live::transcript_key(&record.task_id, provisioned_in.unwrap_or(record.attempt))
}

/// The event as it is at Kaltura now, noted where it was moved. One that is gone while it is on air is as it was: what matters
/// of it is known, and customers delete what is over.
async fn moved(task: &mut Task<'_>, known: LiveEvent) -> Result<LiveEvent> {
    let ctx = task.ctx;
    let event_id = known.event_id;
    let told = task
        .with_key(async |client| client.schedule_event(event_id).await)
        .await;
    let event = match checked(told, task, &known) {
        Err(StepError::Refused(refusal)) if is_on_air(&task.record) => {
            tracing::warn!(%refusal, "the event of a stream that is on air is not what it was");
            return Ok(known);
        }
        outcome => outcome?,
    };
    if event == known {
        return Ok(event);
    }
    let now_epoch_s = ctx.clock.now_epoch_s();
    let (start, end) = (event.start_epoch_s, event.end_epoch_s);
    change_settings(ctx, &task.record.task_id, |settings| {
        settings.event_start_epoch_s = start;
        settings.event_end_epoch_s = end;
    })
    .await?;
    task.change(|record| {
        if let Some(live) = &mut record.live {
            live.event = Some(event.clone());
        }
        record.note(now_epoch_s, format!("its event was moved: {start} to {end}"));
    })
    .await?;
    Ok(event)
}

/// When a live order is to be looked at next: each hour until its event is near, then each ten minutes, and when its stream is to
/// end. `None` for a task without an event, or whose event is done with.
pub(super) fn next_look_in_s(record: &TaskRecord, grace_s: u64, now_epoch_s: u64) -> Option<u64> {
    let event = record.live.as_ref()?.event.as_ref()?;
    record.next_work()?;
    let near_epoch_s = event.start_epoch_s.saturating_sub(EVENT_IS_NEAR_S);
    let pause_s = if near_epoch_s > now_epoch_s {
        CHECK_EVERY_S.min(near_epoch_s - now_epoch_s)
    } else {
        CHECK_JOBS_EVERY_S
    };
    let ends_epoch_s = [grace_s, EVENT_OVER_AFTER_S]
        .map(|after_s| event.end_epoch_s.saturating_add(after_s))
        .into_iter()
        .find(|at| *at > now_epoch_s);
    Some(
        ends_epoch_s
            .map_or(pause_s, |at| pause_s.min(at - now_epoch_s))
            .max(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::sample_record;
    use crate::record::WorkRecord;

    const MINUTE_S: u64 = 60;
    const HOUR_S: u64 = 60 * MINUTE_S;
    /// Of the event of these tests, which lasts an hour.
    const START_EPOCH_S: u64 = 1_700_000_000;
    const END_EPOCH_S: u64 = START_EPOCH_S + HOUR_S;

    fn event() -> LiveEvent {
        LiveEvent {
            event_id: 7.into(),
            start_epoch_s: START_EPOCH_S,
            end_epoch_s: END_EPOCH_S,
        }
    }

    /// An order that waits for the event.
    fn waiting() -> TaskRecord {
        let mut record = sample_record("9292".parse().unwrap());
        record.works = vec![WorkRecord::default()];
        record.live = Some(LiveRecord {
            event: Some(event()),
            ..LiveRecord::default()
        });
        record
    }

    #[test]
    fn the_next_look_is_when_something_may_have_come_of_the_event() {
        let grace_s = 30 * MINUTE_S;
        let next_at = |now_epoch_s| next_look_in_s(&waiting(), grace_s, now_epoch_s).unwrap();
        // Far from it each hour, and from an hour before it each ten minutes.
        assert_eq!(next_at(START_EPOCH_S - 100 * HOUR_S), HOUR_S);
        assert_eq!(next_at(START_EPOCH_S - HOUR_S - HOUR_S), HOUR_S);
        assert_eq!(next_at(START_EPOCH_S - HOUR_S - 20 * MINUTE_S), 20 * MINUTE_S);
        assert_eq!(next_at(START_EPOCH_S - HOUR_S - 1), 1);
        assert_eq!(next_at(START_EPOCH_S - HOUR_S), 10 * MINUTE_S);
        assert_eq!(next_at(START_EPOCH_S + HOUR_S / 2), 10 * MINUTE_S);
        // When its stream is to end: the end of the grace, and that of an event that was never on air.
        assert_eq!(next_at(END_EPOCH_S + 22 * MINUTE_S), 8 * MINUTE_S);
        assert_eq!(next_at(END_EPOCH_S + grace_s - 1), 1);
        assert_eq!(next_at(END_EPOCH_S + grace_s), 10 * MINUTE_S);
        assert_eq!(next_at(END_EPOCH_S + 55 * MINUTE_S), 5 * MINUTE_S);
        assert_eq!(next_at(END_EPOCH_S + EVENT_OVER_AFTER_S), 10 * MINUTE_S);
    }

    #[test]
    fn an_order_is_not_looked_at_for_an_event_that_it_has_not_or_is_done_with() {
        let next = |record: &TaskRecord| next_look_in_s(record, 0, START_EPOCH_S);
        assert!(next(&waiting()).is_some());
        let mut done = waiting();
        done.works[0].skipped = Some("the event is over".to_owned());
        assert_eq!(next(&done), None);
        let mut without = waiting();
        without.live = Some(LiveRecord::default());
        assert_eq!(next(&without), None);
        without.live = None;
        assert_eq!(next(&without), None);
    }

    /// The event as Kaltura tells it, with these seconds before and after it in the feature of that name.
    fn told(feature: &str, before_s: Option<i64>, after_s: Option<i64>) -> ScheduleEvent {
        kaltura::FromJson::from_json(serde_json::json!({
            "objectType": "KalturaLiveStreamScheduleEvent",
            "id": 7,
            "startDate": START_EPOCH_S + 5 * HOUR_S,
            "endDate": END_EPOCH_S + 5 * HOUR_S,
            "liveFeatures": [
                { "objectType": "KalturaLiveCaptionFeature", "systemName": "of-another", "preStartTime": 9_999 },
                {
                    "objectType": "KalturaLiveCaptionFeature",
                    "systemName": feature,
                    "preStartTime": before_s,
                    "postEndTime": after_s,
                },
            ],
        }))
        .unwrap()
    }

    #[test]
    fn captions_are_wanted_from_before_the_event_until_after_it_as_its_feature_says() {
        let (start_epoch_s, end_epoch_s) = (START_EPOCH_S + 5 * HOUR_S, END_EPOCH_S + 5 * HOUR_S);
        let times = |before_s, after_s| {
            let event = times_of(&told("ours", before_s, after_s), "ours", &event());
            assert_eq!(event.event_id, 7.into());
            (event.start_epoch_s, event.end_epoch_s)
        };
        assert_eq!(times(None, None), (start_epoch_s, end_epoch_s));
        assert_eq!(
            times(Some(300), Some(600)),
            (start_epoch_s - 300, end_epoch_s + 600)
        );
        assert_eq!(
            times(Some(-300), Some(-600)),
            (start_epoch_s + 300, end_epoch_s - 600)
        );
        // Without a feature of the task's own, the times that it was ordered with hold.
        assert_eq!(
            times_of(&told("of-a-third", Some(300), None), "ours", &event()),
            event()
        );
        let mut without_end = told("ours", Some(300), Some(600));
        without_end.end_date_epoch_s = None;
        assert_eq!(times_of(&without_end, "ours", &event()), event());
    }

    #[test]
    fn an_order_is_taken_until_its_event_ends_and_one_that_is_ready_for_an_hour_more() {
        let is_over =
            |record: &TaskRecord, now_epoch_s| check_not_over(record, &event(), now_epoch_s).is_err();
        let mut record = waiting();
        assert!(!is_over(&record, END_EPOCH_S - 1));
        assert!(is_over(&record, END_EPOCH_S));
        record.live.as_mut().unwrap().provisioned_in = Some(1);
        assert!(
            !is_over(&record, END_EPOCH_S + EVENT_OVER_AFTER_S - 1),
            "it may begin late"
        );
        assert!(is_over(&record, END_EPOCH_S + EVENT_OVER_AFTER_S));
        record.live.as_mut().unwrap().on_air_epoch_s = Some(START_EPOCH_S);
        assert!(!is_over(&record, u64::MAX), "what was on air was delivered");
    }

    #[test]
    fn an_order_can_fail_until_its_event_was_on_air_and_is_over() {
        let mut record = waiting();
        assert!(!was_delivered_on_air(&record));
        record.live.as_mut().unwrap().on_air_epoch_s = Some(START_EPOCH_S);
        assert!(!was_delivered_on_air(&record), "it is on air");
        record.works[0].skipped = Some("its work is done".to_owned());
        assert!(was_delivered_on_air(&record));
        record.fail_text = Some("An operator fails it.".to_owned());
        assert!(!was_delivered_on_air(&record), "an operator may all the same");
        let mut never_on_air = waiting();
        never_on_air.works[0].skipped = record.works[0].skipped.clone();
        assert!(!was_delivered_on_air(&never_on_air));
    }

    #[test]
    fn a_stream_was_heard_where_a_caption_went_to_a_reader() {
        let stream = |first_caption_epoch_s, next_place| {
            let settings = crate::memory::sample_stream_settings();
            let mut stream = LiveStream::new("9292".parse().unwrap(), settings, START_EPOCH_S);
            stream.first_caption_epoch_s = first_caption_epoch_s;
            stream.next_place = next_place;
            stream
        };
        assert!(had_captions_and_readers(&stream(Some(START_EPOCH_S), 2)));
        assert!(
            !had_captions_and_readers(&stream(Some(START_EPOCH_S), 1)),
            "nobody listened"
        );
        assert!(!had_captions_and_readers(&stream(None, 2)), "nothing was said");
    }
}
