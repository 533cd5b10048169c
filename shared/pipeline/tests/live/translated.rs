//! Captions in another language than is spoken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engines::{
    Capabilities, Capability, Engine, EngineError, EngineSet, Interpreter, JobFiles, JobId, JobRequest,
    Progress, SourceLanguage, Translate,
};
use kaltura::TaskId;
use pipeline::live::{EndReason, LiveStream, Refused, end, take_in};
use pipeline::memory::sample_stream_settings;
use step_world::World;

use crate::stage::{heard, kept, post, take, task, texts, words};

/// Translates into capitals, where it is not out of order.
#[derive(Default)]
struct Loud {
    is_broken: AtomicBool,
    /// The streams that it was told to stop for.
    stopped: Mutex<Vec<String>>,
}

#[async_trait]
impl Engine for Loud {
    fn name(&self) -> &'static str {
        "loud"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            engine: "loud",
            works: vec![Capability::translate(&["en"], &["es"])],
        }
    }
    async fn start(&self, _: &JobRequest, _: &dyn JobFiles) -> Result<Progress, EngineError> {
        unreachable!("interprets only")
    }
    fn interpreter(&self) -> Option<&dyn Interpreter> {
        Some(self)
    }
}

#[async_trait]
impl Interpreter for Loud {
    async fn interpret(&self, _: &JobId, work: &Translate) -> Result<Vec<String>, EngineError> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(EngineError::Unavailable {
                engine: "loud".to_owned(),
                action: "translate".to_owned(),
                detail: "out of order".to_owned(),
            });
        }
        Ok(work
            .passages
            .iter()
            .map(|passage| passage.text.to_uppercase())
            .collect())
    }

    async fn stop(&self, job_id: &JobId) -> Result<(), EngineError> {
        self.stopped.lock().unwrap().push(job_id.to_string());
        Ok(())
    }
}

/// A world with such a translator, and a stream into Spanish.
async fn translated() -> (World, Arc<Loud>, TaskId) {
    let mut world = World::new().await;
    let loud = Arc::new(Loud::default());
    world.ctx.parts.engines = Some(EngineSet::new(vec![loud.clone()]));
    let task_id = task(1);
    let mut settings = sample_stream_settings();
    settings.target = Some(SourceLanguage {
        catalog_name: "Spanish".to_owned(),
        bcp47: "es".to_owned(),
    });
    "es".clone_into(&mut settings.rules.language);
    let stream = LiveStream::new(task_id.clone(), settings, 500);
    assert!(world.ctx.streams().unwrap().keep(&stream).await.unwrap());
    (world, loud, task_id)
}

#[tokio::test]
async fn sentences_are_translated_whole_and_a_post_is_asked_for_again_while_they_can_not_be() {
    let (world, loud, task_id) = translated().await;
    let reader = world.listen(&task_id, "reader").await;

    take(&world.ctx, &task_id, &words("main", 1, 1_000, "Good evening and")).await;
    assert!(heard(&world, &reader).is_empty(), "the sentence goes on");
    let mut rest = words("main", 2, 2_500, "welcome to you.");
    rest.heard_until_ms = Some(8_000);
    loud.is_broken.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let refused = take_in(&world.ctx, &task_id, &rest).await;
        assert!(matches!(refused, Err(Refused::Step(_))), "{refused:?}");
    }
    loud.is_broken.store(false, Ordering::SeqCst);
    assert!(!take(&world.ctx, &task_id, &rest).await.is_duplicate);
    assert_eq!(
        texts(&heard(&world, &reader)),
        ["GOOD EVENING AND WELCOME TO YOU."]
    );

    take(&world.ctx, &task_id, &words("main", 3, 9_000, "Good night")).await;
    let mut last = post("main", 4);
    last.end_of_stream = true;
    take(&world.ctx, &task_id, &last).await;
    let ended = end(&world.ctx, &task_id, EndReason::EndOfStream).await.unwrap();
    assert_eq!(
        texts(&heard(&world, &reader)),
        ["GOOD EVENING AND WELCOME TO YOU.", "GOOD NIGHT", "END"]
    );
    let (_, result) = kept(&world, &ended).await;
    assert_eq!(result.transcript().unwrap().language.as_deref(), Some("es"));
    assert_eq!(*loud.stopped.lock().unwrap(), ["reach-1-1-live"]);
}
