//! What goes wrong, and when: at each call that leaves a function, chance (or a plan) decides whether the function dies before
//! it, dies after it, is refused, or never hears the answer.
//!
//! Every decision comes from one seeded source, in the order in which it is asked: the same seed tells the same story.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// The function dies before the call.
    DieBefore,
    /// The call takes effect, and the function dies.
    DieAfter,
    /// The call takes effect, and its answer is lost.
    ReplyLost,
    /// The call is refused: throttled, say.
    Refused,
}

/// When blows fall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Plan {
    /// Never.
    Calm,
    /// At each call by chance.
    Random {
        /// The chance of a death.
        death: f64,
        /// The chance of a lost answer or a refusal.
        fault: f64,
    },
    /// Once: at the call of this number, from 0.
    Once {
        /// The number.
        call: usize,
        /// What happens there.
        blow: Blow,
    },
}

struct State {
    rng: StdRng,
    plan: Plan,
    calls: usize,
    names: Vec<String>,
    struck: BTreeMap<Blow, usize>,
}

/// The one source of chance.
#[derive(Clone)]
pub struct Chaos(Arc<Mutex<State>>);

impl Chaos {
    /// Chance by a seed.
    pub fn new(seed: u64, plan: Plan) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng: StdRng::seed_from_u64(seed),
            plan,
            calls: 0,
            names: Vec::new(),
            struck: BTreeMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes when blows fall.
    pub fn plan(&self, plan: Plan) {
        self.state().plan = plan;
    }

    /// Draws a number below `below`; 0 for none.
    pub fn below(&self, below: usize) -> usize {
        if below == 0 {
            return 0;
        }
        self.state().rng.random_range(0..below)
    }

    /// Draws whether something of this chance happens.
    pub fn happens(&self, chance: f64) -> bool {
        self.state().rng.random_bool(chance.clamp(0.0, 1.0))
    }

    /// Puts things into a random order.
    pub fn shuffle<T>(&self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }

    /// How often each blow fell so far.
    pub fn struck(&self) -> BTreeMap<Blow, usize> {
        self.state().struck.clone()
    }

    /// The calls that were made so far, by name.
    pub fn calls(&self) -> Vec<String> {
        self.state().names.clone()
    }

    /// What happens at this call.
    fn strike(&self, name: &str) -> Option<Blow> {
        let mut state = self.state();
        let call = state.calls;
        state.calls += 1;
        if matches!(state.plan, Plan::Once { .. } | Plan::Calm) && state.names.len() < 10_000 {
            state.names.push(name.to_owned());
        }
        let blow = match state.plan {
            Plan::Calm => None,
            Plan::Once { call: at, blow } => (call == at).then_some(blow),
            Plan::Random { death, fault } => {
                let drawn: f64 = state.rng.random();
                let after = state.rng.random_bool(0.5);
                if drawn < death {
                    Some(if after { Blow::DieAfter } else { Blow::DieBefore })
                } else if drawn < death + fault {
                    Some(if after { Blow::ReplyLost } else { Blow::Refused })
                } else {
                    None
                }
            }
        };
        if let Some(blow) = blow {
            *state.struck.entry(blow).or_default() += 1;
        }
        blow
    }
}

/// One run of one function.
#[derive(Clone)]
pub struct Run {
    chaos: Chaos,
    dead: Arc<AtomicBool>,
}

impl Run {
    /// A run that is alive.
    pub fn new(chaos: &Chaos) -> Self {
        Self {
            chaos: chaos.clone(),
            dead: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Runs a function to its end; `None` where it died.
    pub async fn live<T>(&self, function: impl Future<Output = T>) -> Option<T> {
        // Boxed: a step holds kilobytes of state.
        let mut function = Box::pin(function);
        std::future::poll_fn(|context| {
            let polled = function.as_mut().poll(context);
            if self.dead.load(Ordering::SeqCst) {
                return Poll::Ready(None);
            }
            polled.map(Some)
        })
        .await
    }

    /// Makes a call out of the function, if it comes to that; `lost` is what the function hears of a call whose answer it
    /// doesn't get.
    pub async fn call<T, E>(
        &self,
        name: &str,
        lost: impl Fn() -> E,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        // Others get a turn in between: what overlaps in time overlaps here.
        for _ in 0..self.chaos.below(3) {
            tokio::task::yield_now().await;
        }
        match self.chaos.strike(name) {
            None => call.await,
            Some(Blow::DieBefore) => self.die().await,
            Some(Blow::DieAfter) => {
                drop(call.await);
                self.die().await
            }
            Some(Blow::ReplyLost) => {
                drop(call.await);
                Err(lost())
            }
            Some(Blow::Refused) => Err(lost()),
        }
    }

    async fn die<T>(&self) -> T {
        self.dead.store(true, Ordering::SeqCst);
        std::future::pending().await
    }
}
