//! What a receiver got, by the ids of its messages.

use std::collections::HashMap;

use serde::Serialize;

/// What went wrong at the receivers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Messages that a place was to get and never did.
    pub lost: usize,
    /// Messages that came twice on one connection.
    pub doubled: usize,
    /// Messages that came before one that they stand behind, on one connection.
    pub out_of_order: usize,
    /// Messages of no stream, or of another one.
    pub foreign: usize,
    /// Messages that came once more on the next connection, by their ids: a connection that broke says not whether they had
    /// arrived. No fault.
    pub sent_again: usize,
}

impl Faults {
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.foreign += other.foreign;
        self.sent_again += other.sent_again;
    }

    pub fn is_clean(&self) -> bool {
        (self.lost, self.doubled, self.out_of_order, self.foreign) == (0, 0, 0, 0)
    }
}

/// Compares what came on the connections of one place, one after the other, with the stream's messages: `ids` in their order,
/// of which the place was to get those from `from` on.
pub fn compare(ids: &[String], from: usize, connections: &[Vec<String>]) -> Faults {
    let places: HashMap<&str, usize> = ids.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
    let mut came = vec![false; ids.len()];
    let mut faults = Faults::default();
    for messages in connections {
        let mut here = vec![false; ids.len()];
        let mut highest = None;
        for id in messages {
            let Some(&at) = places.get(id.as_str()) else {
                faults.foreign += 1;
                continue;
            };
            if here[at] {
                faults.doubled += 1;
                continue;
            }
            faults.sent_again += usize::from(came[at]);
            faults.out_of_order += usize::from(highest.is_some_and(|highest| at < highest));
            highest = highest.max(Some(at));
            here[at] = true;
            came[at] = true;
        }
    }
    faults.lost = came.iter().skip(from).filter(|came| !**came).count();
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn every_fault_is_seen() {
        let ids = texts(&["a", "b", "c", "d"]);
        let faults = |connections: &[&[&str]]| {
            let connections: Vec<_> = connections.iter().map(|ids| texts(ids)).collect();
            compare(&ids, 0, &connections)
        };
        assert_eq!(faults(&[&["a", "b"], &["c", "d"]]), Faults::default());
        assert_eq!(
            faults(&[&["a", "b", "d"]]),
            Faults {
                lost: 1,
                ..Faults::default()
            }
        );
        assert_eq!(
            faults(&[&["a", "b", "b", "c", "d"]]),
            Faults {
                doubled: 1,
                ..Faults::default()
            }
        );
        assert_eq!(
            faults(&[&["a", "c", "b", "d"]]),
            Faults {
                out_of_order: 1,
                ..Faults::default()
            }
        );
        assert_eq!(
            faults(&[&["a", "b", "c", "d", "x"]]),
            Faults {
                foreign: 1,
                ..Faults::default()
            }
        );
        let again = faults(&[&["a", "b"], &["b", "c", "d"]]);
        assert_eq!(
            again,
            Faults {
                sent_again: 1,
                ..Faults::default()
            }
        );
        assert!(again.is_clean());
        assert_eq!(compare(&ids, 2, &[texts(&["c", "d"])]), Faults::default());
    }
}
