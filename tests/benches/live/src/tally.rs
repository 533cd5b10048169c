//! What a receiver got, by the ids of its messages.

use std::collections::HashMap;

use serde::Serialize;

/// A message as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Got {
    pub id: String,
    /// As it came.
    pub text: String,
    /// Its times in the stream, in seconds.
    pub start_s: f64,
    pub end_s: f64,
}

impl Got {
    /// Reads a message; says also whether it is the last one.
    pub fn read(text: &str) -> (Self, bool) {
        let message: serde_json::Value = serde_json::from_str(text).unwrap();
        let response = &message["response"];
        let got = Self {
            id: response["id"].as_str().unwrap().to_owned(),
            text: text.to_owned(),
            start_s: response["start"].as_f64().unwrap(),
            end_s: response["end"].as_f64().unwrap(),
        };
        (got, response["is_end_of_stream"] == true)
    }
}

/// What went wrong at the receivers, who know a message by its id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Messages that a receiver was to get and never did.
    pub lost: usize,
    /// Messages whose time was shown before, under another id.
    pub doubled: usize,
    /// Messages that came first after one that they stand before.
    pub out_of_order: usize,
    /// Messages of no stream, or of another one.
    pub foreign: usize,
    /// Messages that came again, by their id, and not the same to the byte.
    pub changed: usize,
    /// Handed out again with the same id on the next connection: one that broke says not whether they had arrived. No fault.
    pub again_after_break: usize,
    /// Handed out again with the same id on the same connection: who was killed, or waited in vain for an answer, could not say
    /// that they were sent. No fault.
    pub again: usize,
}

impl Faults {
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.foreign += other.foreign;
        self.changed += other.changed;
        self.again_after_break += other.again_after_break;
        self.again += other.again;
    }

    pub fn is_clean(&self) -> bool {
        [
            self.lost,
            self.doubled,
            self.out_of_order,
            self.foreign,
            self.changed,
        ] == [0; 5]
    }
}

/// Compares what came on the connections of one receiver, one after the other, with the stream's messages: `ids` in their order.
pub fn compare(ids: &[String], connections: &[Vec<Got>]) -> Faults {
    let places: HashMap<&str, usize> = ids.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
    let mut came: Vec<Option<&Got>> = vec![None; ids.len()];
    let mut faults = Faults::default();
    let mut highest = None;
    for messages in connections {
        let mut here = vec![false; ids.len()];
        for got in messages {
            let Some(&at) = places.get(got.id.as_str()) else {
                faults.foreign += 1;
                continue;
            };
            faults.changed += usize::from(came[at].is_some_and(|before| before.text != got.text));
            if here[at] {
                faults.again += 1;
            } else if came[at].is_some() {
                faults.again_after_break += 1;
            } else {
                faults.out_of_order += usize::from(highest.is_some_and(|highest| at < highest));
                highest = highest.max(Some(at));
            }
            here[at] = true;
            came[at] = Some(got);
        }
    }
    faults.lost = came.iter().filter(|came| came.is_none()).count();
    let mut shown_until_s = 0.0;
    for got in came.into_iter().flatten() {
        faults.doubled += usize::from(got.start_s < shown_until_s);
        shown_until_s = got.end_s;
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message a second, by their numbers.
    fn got(ids: &[&str]) -> Vec<Got> {
        let got = |id: &&str| {
            let start_s = f64::from(id.as_bytes()[0] - b'a');
            Got {
                id: (*id).to_owned(),
                text: (*id).to_owned(),
                start_s,
                end_s: start_s + 1.0,
            }
        };
        ids.iter().map(got).collect()
    }

    #[test]
    fn every_fault_is_seen() {
        let ids = ["a", "b", "c", "d"].map(str::to_owned);
        let faults = |connections: &[&[&str]]| {
            let connections: Vec<_> = connections.iter().map(|ids| got(ids)).collect();
            compare(&ids, &connections)
        };
        let none = Faults::default();
        assert_eq!(faults(&[&["a", "b"], &["c", "d"]]), none);
        assert_eq!(faults(&[&["a", "b", "d"]]), Faults { lost: 1, ..none });
        assert_eq!(
            faults(&[&["a", "c", "b", "d"]]),
            Faults {
                out_of_order: 1,
                ..none
            }
        );
        assert_eq!(
            faults(&[&["a", "b", "c", "d", "x"]]),
            Faults { foreign: 1, ..none }
        );
        for again in [
            faults(&[&["a", "b"], &["b", "c", "d"]]),
            faults(&[&["a", "b", "b", "c", "d"]]),
        ] {
            assert!(again.is_clean() && again.again + again.again_after_break == 1);
        }
        let mut changed = [got(&["a", "b"]), got(&["b", "c", "d"])];
        changed[1][0].text = "another".to_owned();
        let changed = compare(&ids, &changed);
        assert!(!changed.is_clean() && changed.changed == 1);
        let mut twice = got(&["a", "b", "c", "d"]);
        twice[2].start_s = 1.5;
        assert_eq!(compare(&ids, &[twice]), Faults { doubled: 1, ..none });
    }
}
