//! The whole vendor on one machine, as a library: for the command `infra/local/run` and for the end-to-end tests.
//!
//! [`LocalStack::up`] starts an emulated AWS (ministack) on a free loopback port, deploys the real `template.yaml` to it
//! by `sam deploy` (in the form that `local_template.py` gives it), and starts a stand-in for Kaltura in this process, or
//! works for a real account. Functions are the host-target binaries of `target/debug`; the tools come from
//! `infra/local/setup`.
//!
//! What does not live here: anything that the vendor does (the functions), what Kaltura does (`kaltura-sim`), the
//! recogniser (`engines`, with its scripts beside this crate), and the sample engine, which is only started.

mod deploy;
mod emulator;
mod engine;
mod error;
mod ingest;
mod issuer;
mod layout;
mod live;
mod processes;
mod program;
mod report;
mod services;
mod speech;
mod stack;
mod watch;

pub use emulator::REGION;
pub use engine::{Said, Sentence};
pub use error::{LocalError, Result};
pub use live::{LIVE_SERVICES, LiveOutcome, play_event};
pub use report::{DeliveredAsset, Report, TaskReport};
pub use services::{PARAMETERS, ServiceOrder, of_each_kind};
pub use speech::{LANGUAGE, Speech};
pub use stack::{Account, Ended, InBrowser, Kaltura, LocalStack, Options, Worker};
pub use watch::{StepTime, TaskView};
