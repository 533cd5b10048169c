//! What live captions take from words in to message out, with 200 streams of two connections each, and what is lost, doubled or
//! out of order at the receivers when connections break, functions are killed and words come twice.
//!
//! Three measurements, from the function alone to the whole deployment:
//!
//! 1. **The function's own time.** Its handler, in this process, with stand-ins for the table and the websocket that take as long
//!    as they are told. Own time is what the handler spends in its polls ([`meter`]); what it waits for others is not in it. Things
//!    break all the while.
//! 2. **With the real clients.** The same handler with the SDK's clients against the emulated AWS, and real websockets at it: own
//!    time as before, and the whole, the rest of which is the emulator's.
//! 3. **Deployed.** Words by HTTP to the deployed function, messages at the websockets, while connections break, the function's
//!    processes are killed and words come twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement: a panic is its verdict"
)]

mod deployed;
mod handler;
mod meter;
mod own;
mod speech;
mod tally;
mod told;

use std::path::PathBuf;

use clap::Parser;

use crate::told::Report;

/// The arguments.
#[derive(Debug, Clone, Parser)]
#[command(name = "tests/bench live", bin_name = "tests/bench live")]
struct Arguments {
    /// Streams on air at once.
    #[arg(long, default_value_t = 200)]
    streams: usize,
    /// How long each speaks, in seconds of speech.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Twenty streams of twenty seconds.
    #[arg(long)]
    quick: bool,
    /// Without the deployment: the function's own time only.
    #[arg(long)]
    own: bool,
    /// For what breaks when.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the report as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        arguments.streams = arguments.streams.min(20);
        arguments.seconds = arguments.seconds.min(20);
    }
    let mut report = Report {
        streams: arguments.streams,
        rows: vec![own::measure(&arguments).await],
    };
    if !arguments.own {
        report.rows.extend(Box::pin(deployed::measure(&arguments)).await);
    }
    println!("{}", report.table());
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report).unwrap()).unwrap();
    }
    assert!(
        report.is_clean(),
        "messages were lost, doubled, out of order or foreign"
    );
    assert!(
        report.keeps_goals(),
        "p50 <= 10 ms and p99 <= 50 ms of the function's own time"
    );
}
