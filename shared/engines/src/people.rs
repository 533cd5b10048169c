//! People: orders that wait until somebody hands something in.
//!
//! A job is accepted at once and ends days later, when a deliverable was handed in and found good. What lives here: that it is
//! accepted. What doesn't: who takes an order and what is checked of what they hand in (the pipeline's).

use async_trait::async_trait;

use crate::contract::{Capabilities, Capability, Engine, JobFiles, Progress};
use crate::error::Result;
use crate::job::{JobRequest, WorkKind};

/// The engine's name.
pub const NAME: &str = "people";

/// Work for people, in any language.
#[derive(Debug, Clone, Copy, Default)]
pub struct People;

#[async_trait]
impl Engine for People {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            engine: NAME,
            works: vec![Capability::new(WorkKind::HandIn, &["*"])],
        }
    }

    async fn start(&self, request: &JobRequest, _files: &dyn JobFiles) -> Result<Progress> {
        self.capabilities().check(&request.work)?;
        Ok(Progress::Accepted {
            external_id: request.job_id.to_string(),
        })
    }
}
