//! The operator's command: see the library of this crate.

use std::process::ExitCode;

use clap::Parser as _;
use reachctl::Arguments;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match reachctl::run(&Arguments::parse()).await {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("reachctl: {error}");
            ExitCode::FAILURE
        }
    }
}
