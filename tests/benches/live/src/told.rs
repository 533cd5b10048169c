//! The report.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::meter::{Took, percentile};
use crate::tally::Faults;

/// The goals for the function's own time.
const OWN_P50: Duration = Duration::from_millis(10);
const OWN_P99: Duration = Duration::from_millis(50);

/// What a time was, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Times {
    pub count: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub most_ms: f64,
}

impl Times {
    pub fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        Some(Self {
            count: times.len(),
            p50_ms: ms(percentile(&times, 50)),
            p99_ms: ms(percentile(&times, 99)),
            most_ms: ms(*times.last()?),
        })
    }

    fn keeps(self, p50: Duration, p99: Duration) -> bool {
        self.p50_ms <= p50.as_secs_f64() * 1_000.0 && self.p99_ms <= p99.as_secs_f64() * 1_000.0
    }
}

/// One measurement.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub name: &'static str,
    /// Of the posts that completed captions: the function's own time, where it is known.
    pub own: Option<Times>,
    /// From the words' coming in to the answer, by when all messages have been handed out.
    pub whole: Option<Times>,
    /// From the words' leaving to the message's coming at the receiver.
    pub received: Option<Times>,
    pub posts: usize,
    pub messages: u64,
    pub connections: usize,
    pub reconnects: usize,
    pub killed: usize,
    pub replayed: usize,
    /// Over all receivers; none where this measurement's are counted with another's.
    pub faults: Option<Faults>,
}

impl Row {
    pub fn named(name: &'static str) -> Self {
        Self {
            name,
            own: None,
            whole: None,
            received: None,
            posts: 0,
            messages: 0,
            connections: 0,
            reconnects: 0,
            killed: 0,
            replayed: 0,
            faults: None,
        }
    }

    pub fn times(&mut self, took: &[Took]) {
        self.own = Times::of(took.iter().map(|took| took.own).collect());
        self.whole = Times::of(took.iter().map(|took| took.whole).collect());
    }
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub streams: usize,
    pub rows: Vec<Row>,
}

impl Report {
    pub fn is_clean(&self) -> bool {
        self.rows
            .iter()
            .filter_map(|row| row.faults)
            .all(|faults| faults.is_clean())
    }

    pub fn keeps_goals(&self) -> bool {
        self.rows
            .iter()
            .filter_map(|row| row.own)
            .all(|own| own.keeps(OWN_P50, OWN_P99))
    }

    pub fn table(&self) -> String {
        let mut table = format!(
            "\n{} streams, two connections each; milliseconds, of posts that completed captions\n\n\
             | | own p50 | p99 | most | whole p50 | p99 | at the receiver p50 | p99 |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |\n",
            self.streams
        );
        let ms = |value: Option<f64>| value.map_or_else(String::new, |ms| format!("{ms:.1}"));
        for row in &self.rows {
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                row.name,
                ms(row.own.map(|own| own.p50_ms)),
                ms(row.own.map(|own| own.p99_ms)),
                ms(row.own.map(|own| own.most_ms)),
                ms(row.whole.map(|whole| whole.p50_ms)),
                ms(row.whole.map(|whole| whole.p99_ms)),
                ms(row.received.map(|received| received.p50_ms)),
                ms(row.received.map(|received| received.p99_ms)),
            );
        }
        table += "\n| | posts | messages | connections | reconnects | killed | replayed | lost | doubled | out of order | \
                  foreign | changed | handed out again, same id: after a break | on the same connection |\n\
                  | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
        for row in &self.rows {
            let faults = row.faults.map_or_else(
                || "| | | | | |".to_owned(),
                |faults| {
                    format!(
                        "{} | {} | {} | {} | {} | {} | {}",
                        faults.lost,
                        faults.doubled,
                        faults.out_of_order,
                        faults.foreign,
                        faults.changed,
                        faults.again_after_break,
                        faults.again
                    )
                },
            );
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} | {faults} |",
                row.name, row.posts, row.messages, row.connections, row.reconnects, row.killed, row.replayed,
            );
        }
        table
    }
}
