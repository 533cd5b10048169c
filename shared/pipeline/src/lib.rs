//! The life of a task, from the job list to READY.
//!
//! What lives here: the order and its plan, the task's record, the steps, the ports that they reach the world through,
//! the AWS adapters of those ports, settings and telemetry. What does not: Kaltura's API (`kaltura`), media (`media`),
//! caption files (`captions`), the engines (`engines`), and the events that Lambda hands to a function (`functions/`).
//!
//! Read [`steps`] first: each file there is one step, and each step may be repeated at any point.

pub mod accuracy;
pub mod admission;
pub mod aws;
pub mod config;
pub mod conformance;
pub mod context;
pub mod error;
pub mod files;
pub mod function;
pub mod handin;
pub mod invariants;
pub mod links;
pub mod live;
pub mod material;
pub mod memory;
pub mod operator;
pub mod people;
pub mod plan;
pub mod ports;
pub mod record;
pub mod render;
pub mod session;
pub mod steps;
pub mod telemetry;

pub use context::{Builder, Context};
pub use error::{Class, Failure, Refusal, Result, StepError};
