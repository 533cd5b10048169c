//! Work that an engine takes on and ends later: hints of its end, in time, late, doubled and forged; jobs that fail; engines
//! that can't be asked; and what the language that was heard decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::engines::{Capabilities, CompletionToken, EngineSet, JobFiles as _, JobId, Look};
use kaltura_sim::{AssetKind, CatalogItemSpec, OrderRequest};
use pipeline::files::JobObjects;
use pipeline::links::{JOB_LINK_TTL_S, Links};
use pipeline::memory::MemoryStates;
use pipeline::plan::Deliverable;
use pipeline::ports::{Clock as _, Completions, LinkMethod, WorkState};
use pipeline::record::{TaskRecord, TaskState};
use pipeline::steps::complete::{self, Completed};
use pipeline::steps::fail::{self, Ending};
use pipeline::steps::{StepInput, fetch, finalize, render};
use pipeline::{Class, Result};
use step_world::{ElsewhereEngine, World, heard, order};

/// A world whose only engine works elsewhere.
async fn elsewhere() -> (World, Arc<ElsewhereEngine>) {
    let mut world = World::new().await;
    let engine = Arc::new(ElsewhereEngine::default());
    world.ctx.parts.engines = Some(EngineSet::new(vec![engine.clone()]));
    (world, engine)
}

/// A world with a task whose job was taken on.
async fn waiting() -> (World, Arc<ElsewhereEngine>, StepInput) {
    let (world, engine) = elsewhere().await;
    let input = begun(&world, order()).await;
    (world, engine, input)
}

async fn begun(world: &World, order: OrderRequest) -> StepInput {
    let input = world.begin(order).await;
    fetch::run(&world.ctx, &input).await.unwrap();
    world.work(&input, "first").await.unwrap();
    input
}

fn in_language(name: &str) -> OrderRequest {
    OrderRequest {
        catalog_item: CatalogItemSpec {
            source_language: name.to_owned(),
            ..CatalogItemSpec::default()
        },
        ..order()
    }
}

fn job(input: &StepInput, kind: &str) -> String {
    format!("reach-{}-{}-{kind}", input.task_id, input.attempt)
}

/// Somebody says that a job has ended.
async fn hint(world: &World, job: &str) -> Result<Completed> {
    complete::run(&world.ctx, &JobId::named(job)).await
}

/// What a hint may not change: the record, and what the state machine was told.
async fn standing(world: &World, input: &StepInput) -> (TaskRecord, Vec<String>, Vec<(String, Class)>) {
    let record = world.record(&input.task_id).await;
    (record, world.states.succeeded(), world.states.failed())
}

/// The task is parked, and goes on as its second attempt.
async fn taken_up_again(world: &World, input: &StepInput) -> StepInput {
    fail::run(&world.ctx, input, Ending::Parked).await.unwrap();
    world.advance(10 * 60);
    world.poll().await;
    world.claim_all().await;
    let second = StepInput {
        task_id: input.task_id.clone(),
        attempt: 2,
    };
    assert_eq!(
        world.states.started().last(),
        Some(&(second.task_id.clone(), 2)),
        "a second attempt"
    );
    fetch::run(&world.ctx, &second).await.unwrap();
    second
}

/// Renders and delivers; answers the languages of the captions at Kaltura.
async fn delivered(world: &World, input: &StepInput) -> Vec<String> {
    render::run(&world.ctx, input).await.unwrap();
    world.upload_until_done(input).await.unwrap();
    finalize::run(&world.ctx, input).await.unwrap();
    let report = world.report(&input.task_id);
    report
        .delivered(AssetKind::Caption)
        .map(|asset| asset.fields["language"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_job_that_ends_later_is_kept_at_a_hint_and_the_wait_goes_on() {
    let (world, engine, input) = waiting().await;
    let record = world.record(&input.task_id).await;
    let (_, accepted) = record.accepted().unwrap();
    assert_eq!(accepted.job_id, job(&input, "recognise"));
    assert!(world.states.succeeded().is_empty() && world.states.failed().is_empty());

    // It says so before it is true.
    assert_eq!(hint(&world, &accepted.job_id).await.unwrap(), Completed::Running);
    assert!(world.states.succeeded().is_empty(), "the engine's answer counts");

    engine.tell_ended("en", 0.9);
    assert_eq!(hint(&world, &accepted.job_id).await.unwrap(), Completed::Ended);
    assert_eq!(world.states.succeeded(), ["first"]);
    assert_eq!(world.states.last_state(), Some(WorkState::Done));
    let record = world.record(&input.task_id).await;
    assert_eq!(record.works[0].result.as_ref().unwrap().engine, "elsewhere 1");
    assert_eq!(engine.begun().len(), 1);
    assert_eq!(delivered(&world, &input).await, ["English"]);
    assert_eq!(world.record(&input.task_id).await.state, TaskState::Delivered);
}

#[tokio::test]
async fn a_hint_that_is_doubled_forged_or_of_another_attempt_changes_nothing() {
    let (world, engine, input) = waiting().await;
    engine.tell_ended("en", 0.9);
    let before = standing(&world, &input).await;
    let forged = [
        "reach-".to_owned(),
        "anything".to_owned(),
        "reach-nobody-1-recognise".to_owned(),
        "reach-99999999-1-recognise".to_owned(),
        job(&input, "translate"),
        format!("reach-{}-2-recognise", input.task_id),
        format!("reach-{}-0-recognise", input.task_id),
    ];
    for job in &forged {
        assert_eq!(hint(&world, job).await.unwrap(), Completed::NobodyWaits, "{job}");
    }
    assert_eq!(standing(&world, &input).await, before);

    let job = job(&input, "recognise");
    assert_eq!(hint(&world, &job).await.unwrap(), Completed::Ended);
    let kept = standing(&world, &input).await;
    engine.tell_failed();
    assert_eq!(
        hint(&world, &job).await.unwrap(),
        Completed::NobodyWaits,
        "doubled"
    );
    assert_eq!(standing(&world, &input).await, kept);
}

#[tokio::test]
async fn a_hint_for_a_task_that_is_parked_or_has_ended_changes_nothing() {
    for ending in [Ending::Parked, Ending::Gone] {
        let (world, engine, input) = waiting().await;
        engine.tell_ended("en", 0.9);
        fail::run(&world.ctx, &input, ending).await.unwrap();
        let before = standing(&world, &input).await;
        let job = job(&input, "recognise");
        assert_eq!(hint(&world, &job).await.unwrap(), Completed::NobodyWaits);
        assert_eq!(standing(&world, &input).await, before, "{ending:?}");
    }
}

/// The engine is quicker than our note that it was begun: what it tells finds nobody, and it doesn't tell it twice.
#[tokio::test]
async fn a_job_that_ends_before_it_is_written_down_is_not_waited_for() {
    let (world, engine) = elsewhere().await;
    engine.tell_ended("en", 0.9);
    let input = begun(&world, order()).await;
    assert_eq!(world.states.succeeded(), ["first"]);
    assert!(world.record(&input.task_id).await.works[0].is_done());
}

/// How far it is stands in the record, where `reachctl show` reads it; the same again is no write.
#[tokio::test]
async fn how_far_a_job_is_stands_in_the_record() {
    let (world, engine, input) = waiting().await;
    let job = job(&input, "recognise");
    engine.tell(|_| Ok(Look::RunningAt(40)));
    assert_eq!(hint(&world, &job).await.unwrap(), Completed::Running);
    let record = world.record(&input.task_id).await;
    let told = record.accepted().unwrap().1.progress.unwrap();
    assert_eq!(told.percent, 40);
    world.advance(60);
    assert_eq!(hint(&world, &job).await.unwrap(), Completed::Running);
    assert_eq!(world.record(&input.task_id).await.version, record.version);
    engine.tell(|_| Ok(Look::RunningAt(75)));
    hint(&world, &job).await.unwrap();
    let now = world
        .record(&input.task_id)
        .await
        .accepted()
        .unwrap()
        .1
        .progress
        .unwrap();
    assert_eq!((now.percent, now.at_epoch_s), (75, told.at_epoch_s + 60));
}

#[tokio::test]
async fn an_engine_that_can_not_be_asked_keeps_the_wait() {
    let (world, engine) = elsewhere().await;
    engine.tell_away();
    let input = begun(&world, order()).await;
    let job = job(&input, "recognise");
    let error = hint(&world, &job).await.unwrap_err();
    assert_eq!(
        (error.class(), error.name()),
        (Class::Retryable, "EngineUnavailable")
    );
    assert!(world.states.succeeded().is_empty() && world.states.failed().is_empty());
    assert!(world.record(&input.task_id).await.accepted().is_some());
    engine.tell_ended("en", 0.9);
    assert_eq!(hint(&world, &job).await.unwrap(), Completed::Ended);
    assert_eq!(engine.begun(), [job]);
}

/// A state machine that can't be told anything until it listens.
struct Deaf {
    states: Arc<MemoryStates>,
    listens: AtomicBool,
}

#[async_trait::async_trait]
impl Completions for Deaf {
    async fn succeed(&self, token: &CompletionToken, state: WorkState) -> Result<()> {
        if self.listens.load(Ordering::Relaxed) {
            return self.states.succeed(token, state).await;
        }
        Err(pipeline::StepError::Aws {
            service: "states",
            action: "SendTaskSuccess",
            detail: "no answer".to_owned(),
        })
    }

    async fn fail(&self, token: &CompletionToken, class: Class, name: &str) -> Result<()> {
        self.states.fail(token, class, name).await
    }
}

/// Its result is there, so the next hint or look tells the state machine, and asks the engine nothing.
#[tokio::test]
async fn a_state_machine_that_could_not_be_told_is_told_later() {
    let (mut world, engine, input) = waiting().await;
    let deaf = Arc::new(Deaf {
        states: world.states.clone(),
        listens: AtomicBool::new(false),
    });
    world.ctx.parts.completions = Some(deaf.clone());
    engine.tell_ended("en", 0.9);
    let job = job(&input, "recognise");
    assert_eq!(hint(&world, &job).await.unwrap_err().class(), Class::Retryable);
    let record = world.record(&input.task_id).await;
    assert!(
        record.works[0].is_done() && record.awaited().is_some(),
        "{record:?}"
    );

    deaf.listens.store(true, Ordering::Relaxed);
    assert_eq!(hint(&world, &job).await.unwrap(), Completed::Ended);
    assert_eq!(world.states.succeeded(), ["first"]);
    assert!(world.record(&input.task_id).await.awaited().is_none());
    assert_eq!(hint(&world, &job).await.unwrap(), Completed::NobodyWaits);
    assert_eq!(world.states.succeeded(), ["first"], "once");
}

#[tokio::test]
async fn a_job_that_failed_is_begun_again() {
    let (world, engine, input) = waiting().await;
    engine.tell_failed();
    let job = job(&input, "recognise");
    assert_eq!(hint(&world, &job).await.unwrap_err().name(), "EngineJobFailed");
    assert_eq!(world.states.failed(), [("first".to_owned(), Class::Retryable)]);

    // The state machine comes again, with another token. That job still counts as failed until it is begun.
    let tries = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let asked = tries.clone();
    engine.tell(move |job| {
        if asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            return Err(::engines::EngineError::JobFailed {
                engine: "elsewhere".to_owned(),
                job: job.job_id.to_string(),
                detail: "out of memory".to_owned(),
            });
        }
        Ok(Look::Running)
    });
    world.work(&input, "second").await.unwrap();
    assert_eq!(engine.begun(), [job.clone(), job.clone()]);
    engine.tell_ended("en", 0.9);
    assert_eq!(hint(&world, &job).await.unwrap(), Completed::Ended);
    assert_eq!(world.states.succeeded(), ["second"]);
}

/// Nothing but a new job can help: so it is not waited for longer.
#[tokio::test]
async fn a_result_that_is_none_is_a_failed_job() {
    let (world, engine, input) = waiting().await;
    engine.tell(|job| {
        let mut result = heard(job, "en", 0.9);
        result.output = ::engines::Output::Language;
        Ok(Look::Done(Box::new(result)))
    });
    let job = job(&input, "recognise");
    let error = hint(&world, &job).await.unwrap_err();
    assert_eq!(error.name(), "EngineOutputUnreadable");
    assert_eq!(world.states.failed(), [("first".to_owned(), Class::Retryable)]);
    let second = taken_up_again(&world, &input).await;
    let error = world.work(&second, "second").await.unwrap_err();
    assert_eq!(error.name(), "EngineOutputUnreadable", "the new job is no better");
    assert_eq!(
        engine.begun(),
        [job, format!("reach-{}-2-recognise", input.task_id)]
    );
}

/// The engine has worked for an hour when the task is parked: nobody pays for it twice.
#[tokio::test]
async fn a_job_of_a_former_attempt_is_gone_on_with() {
    let (world, engine, input) = waiting().await;
    let second = taken_up_again(&world, &input).await;
    world.work(&second, "second").await.unwrap();
    let job = job(&input, "recognise");
    assert_eq!(engine.begun(), std::slice::from_ref(&job));
    engine.tell_ended("en", 0.9);
    assert_eq!(hint(&world, &job).await.unwrap(), Completed::Ended);
    assert_eq!(world.states.succeeded(), ["second"], "the token of today");
    assert_eq!(delivered(&world, &second).await, ["English"]);
}

/// What it uploads stands where it was told to put it when it began.
#[tokio::test]
async fn a_job_of_a_former_attempt_finds_its_files_where_they_are() {
    let (mut world, engine, input) = waiting().await;
    let links = Links::new("https://door.example.com", &"s".repeat(64)).unwrap();
    world.ctx.parts.links = Some(Arc::new(links));
    let second = taken_up_again(&world, &input).await;
    world.work(&second, "second").await.unwrap();
    assert_eq!(engine.places(), [format!("engine/{}/1/sound", input.task_id)]);
}

/// A job elsewhere may take a month and still has to read its media, and to put its sound, by the links that it began with.
#[tokio::test]
async fn a_jobs_links_are_good_for_as_long_as_a_job_may_run() {
    let (world, _, input) = waiting().await;
    let links = Arc::new(Links::new("https://door.example.com", &"s".repeat(64)).unwrap());
    let mut ctx = world.ctx.clone();
    ctx.parts.links = Some(links.clone());
    let files = JobObjects::new(&ctx, &world.record(&input.task_id).await).unwrap();
    let get = files.link("media/1/1.mp4").await.unwrap();
    let (put, key) = files.upload_link("sound").await.unwrap();
    assert_eq!(key, format!("engine/{}/1/sound", input.task_id));
    let last_epoch_s = world.clock.now_epoch_s() + JOB_LINK_TTL_S - 1;
    for (method, url, key) in [
        (LinkMethod::Get, get, "media/1/1.mp4"),
        (LinkMethod::Put, put, key.as_str()),
    ] {
        let token = url.rsplit('/').next().unwrap();
        assert_eq!(links.open(method, token, last_epoch_s).unwrap().key, key);
        assert!(links.open(method, token, last_epoch_s + 1).is_err());
    }
}

/// Nobody knows how it is: it may well run, and isn't paid for twice.
#[tokio::test]
async fn a_job_that_can_not_be_asked_for_now_is_not_begun_again() {
    let (world, engine, input) = waiting().await;
    let second = taken_up_again(&world, &input).await;
    engine.tell_away();
    let error = world.work(&second, "second").await.unwrap_err();
    assert_eq!(error.class(), Class::Retryable, "{error}");
    assert_eq!(engine.begun().len(), 1);
}

/// It ended while the task was parked and nobody waited.
#[tokio::test]
async fn a_job_that_ended_meanwhile_is_taken_as_it_is() {
    let (world, engine, input) = waiting().await;
    let second = taken_up_again(&world, &input).await;
    engine.tell_ended("en", 0.9);
    world.work(&second, "second").await.unwrap();
    assert_eq!(engine.begun().len(), 1);
    assert_eq!(world.states.succeeded(), ["second"]);
}

#[tokio::test]
async fn sound_in_another_language_than_ordered_is_refused_with_both_named() {
    let (world, engine, input) = waiting().await;
    engine.tell_ended("es-MX", 0.8);
    let job = job(&input, "recognise");
    let error = hint(&world, &job).await.unwrap_err();
    assert_eq!(
        (error.class(), error.name()),
        (Class::Terminal, "LanguageMismatch")
    );
    assert_eq!(world.states.failed(), [("first".to_owned(), Class::Terminal)]);
    assert!(!world.record(&input.task_id).await.works[0].is_done());

    fail::run(&world.ctx, &input, Ending::Error).await.unwrap();
    let report = world.report(&input.task_id);
    assert!(report.refunded);
    let told = report.task["errDescription"].as_str().unwrap();
    assert!(told.contains("\"English\"") && told.contains("Spanish"), "{told}");
    assert_eq!(report.assets.iter().filter(|asset| asset.by_vendor).count(), 0);
}

/// Below the threshold it is counted, and worked on; another variant of the language is no other language.
#[test]
fn a_language_that_is_only_guessed_is_counted_and_worked_on() {
    for (bcp47, confidence, doubted) in [("es", 0.79, 1), ("en-AU", 0.99, 0)] {
        let (completed, told) = step_world::told(async {
            let (world, engine, input) = waiting().await;
            engine.tell_ended(bcp47, confidence);
            hint(&world, &job(&input, "recognise")).await
        });
        assert_eq!(completed.unwrap(), Completed::Ended, "{bcp47}");
        let counted = told.counted.get("LanguageMismatches").copied();
        assert_eq!(counted.unwrap_or_default(), doubted, "{bcp47}");
    }
}

#[tokio::test]
async fn auto_detect_delivers_in_the_language_that_is_heard() {
    let (world, engine) = elsewhere().await;
    let input = begun(&world, in_language("Auto Detect")).await;
    assert_eq!(engine.begun(), [job(&input, "identify")]);
    engine.tell_ended("es", 0.95);
    assert_eq!(
        hint(&world, &job(&input, "identify")).await.unwrap(),
        Completed::Ended
    );
    assert_eq!(world.states.last_state(), Some(WorkState::More));
    let plan = world.record(&input.task_id).await.plan.unwrap();
    assert_eq!(
        (plan.source_language.as_str(), plan.works.len()),
        ("Spanish", 2),
        "{plan:?}"
    );
    assert!(matches!(
        plan.deliverables.as_slice(),
        [Deliverable::Caption { .. }]
    ));

    // Parked in between, it goes on with the language that was found.
    let second = taken_up_again(&world, &input).await;
    world.work(&second, "second").await.unwrap();
    assert_eq!(engine.begun()[1], job(&second, "recognise"));
    assert_eq!(world.states.last_state(), Some(WorkState::Done));
    assert_eq!(delivered(&world, &second).await, ["Spanish"]);
}

/// Nothing is promised that nobody can keep: found out only once the language is known.
#[tokio::test]
async fn auto_detect_of_a_language_that_nobody_serves_is_refused() {
    let (world, engine) = elsewhere().await;
    let input = begun(&world, in_language("Auto Detect")).await;
    engine.tell_ended("tlh", 0.99);
    let error = hint(&world, &job(&input, "identify")).await.unwrap_err();
    assert_eq!(
        (error.class(), error.name()),
        (Class::Terminal, "UnusableLanguage")
    );
    assert_eq!(world.states.failed(), [("first".to_owned(), Class::Terminal)]);
}

/// Where no engine can tell languages apart, the order is refused before it is PROCESSING.
#[tokio::test]
async fn auto_detect_without_an_engine_that_identifies_is_refused_at_once() {
    let world = World::new().await;
    let capabilities: Vec<Capabilities> = world.ctx.engines().unwrap().capabilities();
    assert!(!capabilities[0].has(::engines::WorkKind::Identify));
    let task_id = world.place(in_language("Auto Detect")).await;
    world.poll().await;
    world.claim_all().await;
    let report = world.report(&task_id);
    assert!(report.refunded, "{:?}", report.task);
    assert!(world.states.started().is_empty());
}
