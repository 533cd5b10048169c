//! Orders through the real template, deployed to the emulator: what arrives at Kaltura is read back and checked.
//!
//! The stack is deployed once; the cases run on it at the same time, each with orders of its own. Needs what
//! `infra/local/setup run` makes; `tests/run` calls it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

mod adapters;
mod afterwards;
mod bed;
mod captions;
mod endings;
mod killed;
mod life;
mod live;
mod operator;
mod people;
mod services;
mod signed_get;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Trial};

use crate::bed::Bed;

/// One test a case, which runs on the bed once it is up.
macro_rules! cases {
    ($bed:ident, $runtime:ident, $($module:ident::$case:ident),+ $(,)?) => {
        vec![$({
            let (bed, runtime) = (Arc::clone(&$bed), $runtime.handle().clone());
            Trial::test(concat!(stringify!($module), "::", stringify!($case)), move || {
                runtime.block_on($module::$case(bed.get().expect("the stack is up")));
                Ok(())
            })
        }),+]
    };
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bed = Arc::new(OnceLock::new());
    let cases = cases![
        bed,
        runtime,
        captions::srt,
        captions::dfxp,
        captions::vtt,
        endings::refused_by_the_profile,
        endings::entry_deleted_midway,
        endings::aborted_midway,
        endings::parked_and_taken_up_again,
        life::withdrawn_and_stopped_from_outside,
        life::deleted_in_time,
        operator::looks_and_fails,
        people::captions_by_a_person,
        people::files_are_checked,
        people::nobody_gets_in_unverified,
        people::the_api_is_as_its_file_says,
        people::deadlines_are_told_on_the_bus,
        people::a_withdrawn_order_is_noticed_by_who_works_on_it,
        services::one_of_each_kind,
        signed_get::opens_just_what_was_signed,
        adapters::conform,
    ];
    if !arguments.list {
        // All at once: they wait for the stack, not for the processor.
        arguments.test_threads = Some(cases.len());
        let _ = bed.set(runtime.block_on(Bed::up()));
    }
    let conclusion = libtest_mimic::run(&arguments, cases);
    if let Some(bed) = Arc::into_inner(bed).and_then(OnceLock::into_inner) {
        if !conclusion.has_failed() && arguments.filter.is_none() {
            // Heard while it is spoken, so it needs the processor.
            runtime.block_on(live::events(&bed));
            runtime.block_on(killed::functions_on_the_way(&bed));
            runtime.block_on(operator::drains_and_redrives(&bed));
            runtime.block_on(afterwards::all_invariants_hold(&bed));
            runtime.block_on(afterwards::no_secret_was_told(&bed));
        }
        runtime.block_on(bed.stack.down());
    }
    conclusion.exit_code()
}
