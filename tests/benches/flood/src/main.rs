//! One customer's flood of orders, through the real queue and the deployed template, and how long ten others wait beside it.
//!
//! Two stacks, one after the other: ten customers with an order each; then the same, and an eleventh with a flood that was
//! there first. Measured is, from the records, when each of the ten was claimed, and how many orders of the flood were claimed
//! before it; and from the kernel, how much memory the poll function had at most, which listed all of them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use kaltura_sim::{CatalogItemSpec, CustomerSpec, EntrySpec, OrderRequest, PartnerId, PlacedOrder};
use pipeline::record::TaskRecord;
use reach_local::{LANGUAGE, LocalError, LocalStack, Options};
use serde_json::json;

/// The customer of the flood, and the first of the ten others.
const FLOOD: i64 = 500;
const QUIET: i64 = 600;
const TEN: i64 = 10;
/// Within this time the ten are claimed.
const DEADLINE: Duration = Duration::from_mins(15);

#[derive(Debug, Parser)]
#[command(name = "tests/bench flood", bin_name = "tests/bench flood")]
struct Arguments {
    /// Orders of the flood.
    #[arg(long, default_value_t = 5_000)]
    orders: usize,
    /// A flood of 200 only.
    #[arg(long)]
    quick: bool,
    /// Write the report as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What became of the ten beside a flood of this size.
struct Seen {
    flood: usize,
    /// Of each of the ten: seconds from being kept to being claimed, and orders of the flood claimed before it.
    ten: Vec<(u64, usize)>,
    /// Orders of the flood that were kept by the time the last of the ten was claimed.
    kept: usize,
    poll_peak_bytes: u64,
}

#[tokio::main]
async fn main() -> Result<(), LocalError> {
    let arguments = Arguments::parse();
    let flood = if arguments.quick { 200 } else { arguments.orders };
    let mut all = Vec::new();
    for flood in [0, flood] {
        all.push(seen(flood).await?);
    }
    println!(
        "\nflood    wait s (least, median, most)    flood claimed before (most)    kept of the flood    poll peak MiB"
    );
    for seen in &all {
        let mut waits: Vec<u64> = seen.ten.iter().map(|(wait_s, _)| *wait_s).collect();
        waits.sort_unstable();
        let before = seen
            .ten
            .iter()
            .map(|(_, before)| *before)
            .max()
            .unwrap_or_default();
        println!(
            "{:<8} {:>4} {:>4} {:>4} {:>34} {:>20} {:>16}",
            seen.flood,
            waits.first().copied().unwrap_or_default(),
            waits[waits.len() / 2],
            waits.last().copied().unwrap_or_default(),
            before,
            seen.kept,
            seen.poll_peak_bytes >> 20,
        );
    }
    if let Some(path) = arguments.json {
        let report: Vec<_> = all
            .iter()
            .map(|seen| {
                json!({
                    "flood": seen.flood, "ten": seen.ten, "kept": seen.kept,
                    "poll_peak_bytes": seen.poll_peak_bytes,
                })
            })
            .collect();
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        std::fs::write(&path, text).map_err(|source| LocalError::File { path, source })?;
    }
    Ok(())
}

/// Deploys, places the orders, and watches the ten.
async fn seen(flood: usize) -> Result<Seen, LocalError> {
    let stack = LocalStack::up(Options::sim("flood")).await?;
    let speech = stack.speech().await?;
    // The flood's orders have no media and end soon: what is measured is who is claimed when, not this machine's recogniser.
    let order = |customer, media: Option<&PathBuf>| OrderRequest {
        customer: CustomerSpec {
            partner_id: PartnerId(customer),
            ..CustomerSpec::default()
        },
        entry: EntrySpec {
            media: media.cloned(),
            ..EntrySpec::default()
        },
        catalog_item: CatalogItemSpec {
            source_language: LANGUAGE.to_owned(),
            ..CatalogItemSpec::default()
        },
        ..OrderRequest::default()
    };
    let begun = Instant::now();
    for number in 0..flood {
        stack.place_order(order(FLOOD, None)).await?;
        if number % 1_000 == 999 {
            eprintln!(
                "{} orders placed after {:.0} s",
                number + 1,
                begun.elapsed().as_secs_f64()
            );
        }
    }
    let mut ten: Vec<PlacedOrder> = Vec::new();
    for customer in QUIET..QUIET + TEN {
        ten.push(stack.place_order(order(customer, Some(&speech[0].media))).await?);
    }

    let begun = Instant::now();
    stack.poll_now().await?;
    let mut claimed = vec![None; ten.len()];
    while claimed.iter().any(Option::is_none) && begun.elapsed() < DEADLINE {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for (placed, claimed) in ten.iter().zip(&mut claimed) {
            if claimed.is_none()
                && let Some(record) = stack.record(placed.task_id.as_str()).await?
            {
                *claimed = record.claimed_epoch_s.map(|at| (record.kept_epoch_s, at));
            }
        }
    }
    let of_the_flood: Vec<TaskRecord> = stack
        .records()
        .await?
        .into_iter()
        .filter(|record| record.partner_id.number() == FLOOD)
        .collect();
    let before = |at: u64| {
        let claims = of_the_flood.iter().filter_map(|record| record.claimed_epoch_s);
        claims.filter(|claimed| *claimed < at).count()
    };
    let ten = claimed
        .into_iter()
        .flatten()
        .map(|(kept, at)| (at.saturating_sub(kept), before(at)))
        .collect();
    let poll_peak_bytes = stack.peak_memory_bytes("poll");
    stack.down().await;
    Ok(Seen {
        flood,
        ten,
        kept: of_the_flood.len(),
        poll_peak_bytes,
    })
}
