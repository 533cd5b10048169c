//! Admission: which of the waiting tasks are let in next. Pure.
//!
//! Customers are admitted in turn: next is always a task of the customer who has the fewest in flight, the oldest first
//! within one, as long as there is capacity. So however many orders one customer places, another's waits no longer. Neither
//! price nor promise lets an order overtake (guide, "Job Prioritization").
//!
//! Orders of live events don't come before this: they are admitted at once, and count against no capacity. What capacity
//! rations is what works on an order (an engine's quota, imports at Kaltura), and a live order uses none of it: to take it on
//! is to make its stream ready, a matter of a few calls, and then it waits for its event, for weeks perhaps. If it counted
//! meanwhile, a customer with fifty events next month would get nothing done today; and if it had to wait for its turn, it
//! could miss its event, for a customer who starts before it is ready gets no captions at all. So it overtakes nobody: nobody
//! stands where it goes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

use kaltura::PartnerId;

use crate::ports::StagedTask;

/// How many tasks may be in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Of all customers together.
    pub whole: usize,
    /// Of one customer. At most 50: Kaltura runs so many imports for an account at once (spec 3.2), and one more would
    /// outlive its signature in that queue.
    pub per_customer: usize,
}

/// Whose turn it is: the fewest in flight first; among equals, whoever has waited longest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    in_flight: usize,
    oldest_epoch_s: u64,
    partner: PartnerId,
}

/// Chooses among the waiting, in the order in which they are to be sent. `in_flight` is how many each customer has.
pub fn choose(
    waiting: Vec<StagedTask>,
    in_flight: &BTreeMap<PartnerId, usize>,
    capacity: Capacity,
) -> Vec<StagedTask> {
    let mut free = capacity.whole.saturating_sub(in_flight.values().sum());
    let mut waiting = waiting;
    // An index may tell of tasks in any order, and of ones that were sent as well: each counts once.
    waiting.sort_by(|one, other| {
        (one.created_epoch_s, one.task_id.as_str()).cmp(&(other.created_epoch_s, other.task_id.as_str()))
    });
    waiting.dedup_by(|one, other| one.task_id == other.task_id);
    let mut customers: HashMap<PartnerId, VecDeque<StagedTask>> = HashMap::new();
    for task in waiting {
        customers.entry(task.partner_id).or_default().push_back(task);
    }
    let turn = |in_flight, partner, tasks: &VecDeque<StagedTask>| {
        let oldest_epoch_s = tasks.front()?.created_epoch_s;
        Some(Reverse(Turn {
            in_flight,
            oldest_epoch_s,
            partner,
        }))
    };
    let mut turns: BinaryHeap<Reverse<Turn>> = customers
        .iter()
        .filter_map(|(partner, tasks)| {
            let count = in_flight.get(partner).copied().unwrap_or(0);
            turn(count, *partner, tasks)
        })
        .collect();
    let mut chosen = Vec::new();
    while free > 0
        && let Some(Reverse(Turn {
            in_flight, partner, ..
        })) = turns.pop()
    {
        // Whoever comes after has as many or more.
        if in_flight >= capacity.per_customer {
            break;
        }
        let Some(tasks) = customers.get_mut(&partner) else {
            continue;
        };
        chosen.extend(tasks.pop_front());
        free -= 1;
        turns.extend(turn(in_flight + 1, partner, tasks));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use kaltura::TaskId;
    use proptest::prelude::*;

    use super::*;

    fn task(id: u32, partner: i64, created_epoch_s: u64) -> StagedTask {
        StagedTask {
            task_id: TaskId::parse(id.to_string()).unwrap(),
            partner_id: PartnerId::from(partner),
            created_epoch_s,
        }
    }

    fn ids(chosen: &[StagedTask]) -> Vec<&str> {
        chosen.iter().map(|task| task.task_id.as_str()).collect()
    }

    const ROOMY: Capacity = Capacity {
        whole: 1_000,
        per_customer: 1_000,
    };

    #[test]
    fn customers_take_turns_and_each_its_oldest() {
        let waiting = vec![
            task(1, 101, 10),
            task(2, 101, 20),
            task(3, 101, 30),
            task(4, 102, 40),
            task(5, 102, 35),
            task(6, 103, 50),
        ];
        let chosen = choose(waiting, &BTreeMap::new(), ROOMY);
        assert_eq!(ids(&chosen), ["1", "5", "6", "2", "4", "3"]);
    }

    #[test]
    fn what_is_in_flight_counts() {
        let waiting = vec![task(1, 101, 10), task(2, 102, 99), task(3, 101, 11)];
        let in_flight = BTreeMap::from([(PartnerId::from(101), 2), (PartnerId::from(104), 5)]);
        let capacity = Capacity {
            whole: 9,
            per_customer: 50,
        };
        assert_eq!(
            ids(&choose(waiting, &in_flight, capacity)),
            ["2", "1"],
            "7 are there, 9 may be"
        );
    }

    #[test]
    fn a_task_that_is_named_twice_is_sent_once() {
        let waiting = vec![task(1, 101, 10), task(1, 101, 10)];
        assert_eq!(ids(&choose(waiting, &BTreeMap::new(), ROOMY)), ["1"]);
    }

    proptest! {
        #[test]
        fn nobody_is_let_in_beyond_capacity_or_out_of_turn(
            tasks in prop::collection::vec((1..8_i64, 0..1_000_u64), 0..200),
            counts in prop::collection::hash_map(1..8_i64, 0..20_usize, 0..8),
            whole in 0..150_usize,
            per_customer in 0..30_usize,
        ) {
            let waiting: Vec<StagedTask> =
                (0..).zip(&tasks).map(|(id, (partner, created))| task(id, *partner, *created)).collect();
            let mut in_flight: BTreeMap<PartnerId, usize> =
                counts.into_iter().map(|(partner, count)| (PartnerId::from(partner), count)).collect();
            let before: usize = in_flight.values().sum();
            let chosen = choose(waiting.clone(), &in_flight, Capacity { whole, per_customer });
            prop_assert!(chosen.is_empty() || before + chosen.len() <= whole);
            let mut left = waiting;
            for task in &chosen {
                let count = in_flight.get(&task.partner_id).copied().unwrap_or(0);
                prop_assert!(count < per_customer);
                for other in &left {
                    let others = in_flight.get(&other.partner_id).copied().unwrap_or(0);
                    prop_assert!(others >= count, "{other:?} was to be before {task:?}");
                    if other.partner_id == task.partner_id {
                        prop_assert!(other.created_epoch_s >= task.created_epoch_s);
                    }
                }
                *in_flight.entry(task.partner_id).or_default() += 1;
                left.retain(|other| other.task_id != task.task_id);
            }
            // What is left had no room.
            let room = before + chosen.len() < whole;
            let full = |task: &StagedTask| in_flight.get(&task.partner_id).copied().unwrap_or(0) >= per_customer;
            prop_assert!(!room || left.iter().all(full));
        }
    }
}
