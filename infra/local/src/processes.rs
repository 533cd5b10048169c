//! The functions' own processes: which they are, how much memory they took, and how to kill them.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use crate::deploy::STACK;

/// The processes of a function whose AWS is at `endpoint`.
fn of_function(endpoint: &str, function: &str) -> Vec<Pid> {
    let is_it = |process: &Path| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        let has = |variable: &str| {
            environment
                .split(|byte| *byte == 0)
                .any(|one| one == variable.as_bytes())
        };
        has(&format!("AWS_LAMBDA_FUNCTION_NAME={STACK}-{function}"))
            && has(&format!("AWS_ENDPOINT_URL={endpoint}"))
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| is_it(&process.path()))
        .filter_map(|process| Pid::from_raw(process.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// Kills them at once; says how many.
pub(crate) fn kill(endpoint: &str, function: &str) -> usize {
    let processes = of_function(endpoint, function).into_iter();
    processes
        .filter(|process| kill_process(*process, Signal::KILL).is_ok())
        .count()
}

/// The most memory that one of them has taken so far, in bytes; 0 where none runs.
pub(crate) fn peak_memory_bytes(endpoint: &str, function: &str) -> u64 {
    let peak = |process: Pid| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1_024)
    };
    let processes = of_function(endpoint, function).into_iter();
    processes.filter_map(peak).max().unwrap_or_default()
}
