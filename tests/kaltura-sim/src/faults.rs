//! Faults that can be switched on: what they hit, how often, and what they do.

use crate::ids::{FaultId, PartnerId, TaskId};
use serde::{Deserialize, Serialize};

/// A fault: the calls it hits and what it does to them. All given conditions must hold; without any it hits every
/// call. It is taken off by itself once `count` calls were hit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Service, in any case (`caption_captionasset`); `playmanifest`, `playlist`, `segment`, `progressive` for
    /// playback, `import` for the fetch after `setContent`.
    #[serde(default)]
    pub service: Option<String>,
    /// Action, in any case.
    #[serde(default)]
    pub action: Option<String>,
    /// Customer's account: of the session, or of the task that the call is for.
    #[serde(default)]
    pub partner_id: Option<PartnerId>,
    /// Task that the call is for.
    #[serde(default)]
    pub task_id: Option<TaskId>,
    /// So many matching calls pass first.
    #[serde(default)]
    pub skip: u32,
    /// So many calls are hit, then the fault is off; `None`: until it is taken off.
    #[serde(default)]
    pub count: Option<u32>,
    /// Share of matching calls that are hit, 0 to 1; `None`: all. The draws follow from `seed` alone.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Seed of the draws.
    #[serde(default)]
    pub seed: u64,
    /// What happens.
    pub effect: FaultEffect,
}

impl Fault {
    /// A fault that hits every call until narrowed.
    pub fn new(effect: FaultEffect) -> Self {
        Self {
            service: None,
            action: None,
            partner_id: None,
            task_id: None,
            skip: 0,
            count: None,
            probability: None,
            seed: 0,
            effect,
        }
    }

    /// Narrows to one action of one service.
    #[must_use]
    pub fn on(mut self, service: &str, action: &str) -> Self {
        self.service = Some(service.to_owned());
        self.action = Some(action.to_owned());
        self
    }

    /// Narrows to one task.
    #[must_use]
    pub fn for_task(mut self, task_id: &TaskId) -> Self {
        self.task_id = Some(task_id.clone());
        self
    }

    /// Hits so many calls only.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }
}

/// What a fault does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FaultEffect {
    /// Answers an API exception at HTTP 200, before any work.
    Api {
        /// For instance `ACTION_BLOCKED` or `SERVICE_FORBIDDEN`.
        code: String,
        /// The message; empty: the code.
        #[serde(default)]
        message: String,
    },
    /// Answers an HTTP error, before any work.
    HttpStatus {
        /// For instance 503.
        status: u16,
    },
    /// Answers an HTML page at HTTP 200, before any work.
    Html,
    /// Does the work, then cuts the answer in half.
    Truncated,
    /// Answers HTTP 200 with nothing in it, before any work.
    Empty,
    /// Waits in real time, then goes on as usual.
    Delay {
        /// How long, milliseconds.
        ms: u64,
    },
    /// Closes the connection before any work.
    Reset,
    /// Does the work, then closes the connection: the caller can't know.
    ReplyLost,
    /// `updateJob` ignores these properties with HTTP 200 and a header, as for a session without the permission
    /// (spec section 1.1).
    ForbidProperties {
        /// Among `status`, `errDescription`, `accuracy`, `outputObjectId`, `externalTaskId`.
        names: Vec<String>,
    },
    /// playManifest's empty answer with `X-Kaltura: error-<n>` (spec section 6.2).
    Manifest {
        /// For instance 3 access control, 7 invalid session, 57 rate limit.
        error: u16,
    },
    /// A media answer that sends without end.
    Endless,
    /// The import never ends: the asset stays at 7.
    ImportStuck,
    /// The import starts later, on the sim clock.
    ImportLate {
        /// How much later, milliseconds.
        ms: u64,
    },
    /// The import fails at once, without a request.
    ImportFails {
        /// The asset's description then.
        description: String,
    },
}

/// The faults that are on.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next_id: u64,
    installed: Vec<Installed>,
}

#[derive(Debug)]
struct Installed {
    id: FaultId,
    fault: Fault,
    seen: u32,
    hit: u32,
}

/// What a fault is matched against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) service: String,
    pub(crate) action: String,
    pub(crate) partners: Vec<PartnerId>,
    pub(crate) task_id: Option<TaskId>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> FaultId {
        self.next_id += 1;
        let id = FaultId(self.next_id);
        self.installed.push(Installed {
            id,
            fault,
            seen: 0,
            hit: 0,
        });
        id
    }

    pub(crate) fn clear(&mut self) {
        self.installed.clear();
    }

    pub(crate) fn remove(&mut self, id: FaultId) -> bool {
        let before = self.installed.len();
        self.installed.retain(|installed| installed.id != id);
        before != self.installed.len()
    }

    /// The effect for one call, of the oldest fault that hits it; counts the call.
    pub(crate) fn hit(&mut self, target: &Target) -> Option<FaultEffect> {
        let index = self
            .installed
            .iter_mut()
            .position(|installed| installed.hits(target))?;
        let effect = self.installed[index].fault.effect.clone();
        let spent = self.installed[index]
            .fault
            .count
            .is_some_and(|count| self.installed[index].hit >= count);
        if spent {
            self.installed.remove(index);
        }
        Some(effect)
    }
}

impl Installed {
    fn hits(&mut self, target: &Target) -> bool {
        let fault = &self.fault;
        let is = |wanted: &Option<String>, got: &str| {
            wanted.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(got))
        };
        let matches = is(&fault.service, &target.service)
            && is(&fault.action, &target.action)
            && fault.partner_id.is_none_or(|id| target.partners.contains(&id))
            && (fault.task_id.is_none() || fault.task_id == target.task_id)
            // Effects of the import job make no sense on a call, nor those of a call in the job.
            && (fault.effect.is_import() == (target.service == "import"));
        if !matches {
            return false;
        }
        self.seen += 1;
        let drawn = fault
            .probability
            .is_none_or(|share| draw(fault.seed, u64::from(self.seen)) < share);
        if self.seen <= fault.skip || !drawn {
            return false;
        }
        self.hit += 1;
        true
    }
}

impl FaultEffect {
    /// An API exception of this code, whose message is the code.
    pub fn api(code: impl Into<String>) -> Self {
        Self::Api {
            code: code.into(),
            message: String::new(),
        }
    }

    fn is_import(&self) -> bool {
        matches!(
            self,
            Self::ImportStuck | Self::ImportLate { .. } | Self::ImportFails { .. }
        )
    }

    /// The name in the call log.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Api { .. } => "fault:api",
            Self::HttpStatus { .. } => "fault:http_status",
            Self::Html => "fault:html",
            Self::Truncated => "fault:truncated",
            Self::Empty => "fault:empty",
            Self::Delay { .. } => "fault:delay",
            Self::Reset => "fault:reset",
            Self::ReplyLost => "fault:reply_lost",
            Self::ForbidProperties { .. } => "fault:forbid_properties",
            Self::Manifest { .. } => "fault:manifest",
            Self::Endless => "fault:endless",
            Self::ImportStuck => "fault:import_stuck",
            Self::ImportLate { .. } => "fault:import_late",
            Self::ImportFails { .. } => "fault:import_fails",
        }
    }
}

/// A number in 0..1 that depends on the seed and the count only (splitmix64).
#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits are kept, which an f64 holds exactly"
)]
fn draw(seed: u64, count: u64) -> f64 {
    let mut z = seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(task: &str) -> Target {
        Target {
            service: "caption_captionasset".to_owned(),
            action: "add".to_owned(),
            partners: vec![PartnerId(101)],
            task_id: Some(TaskId::from(task)),
        }
    }

    #[test]
    fn skips_then_hits_then_is_off() {
        let mut faults = Faults::default();
        let mut fault = Fault::new(FaultEffect::Html)
            .on("Caption_CaptionAsset", "ADD")
            .times(2);
        fault.skip = 1;
        faults.add(fault);
        let hits: Vec<bool> = (0..5).map(|_| faults.hit(&call("1")).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
    }

    #[test]
    fn narrows_by_task_and_customer() {
        let mut faults = Faults::default();
        let mut fault = Fault::new(FaultEffect::Empty).for_task(&TaskId::from("2"));
        fault.partner_id = Some(PartnerId(101));
        faults.add(fault);
        assert!(faults.hit(&call("1")).is_none());
        assert!(faults.hit(&call("2")).is_some());
    }

    #[test]
    fn draws_follow_the_seed() {
        let run = |seed| {
            let mut faults = Faults::default();
            let mut fault = Fault::new(FaultEffect::Empty);
            fault.probability = Some(0.5);
            fault.seed = seed;
            faults.add(fault);
            (0..64)
                .map(|_| faults.hit(&call("1")).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let hits = run(7).into_iter().filter(|hit| *hit).count();
        assert!((16..48).contains(&hits), "{hits} of 64");
    }
}
