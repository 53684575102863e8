use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::generate::Generator;
use crate::levels::Levels;
use crate::plan::{KeyBlock, Load, Operation, Share};
use crate::schedule::{ArrivalQueue, Lot, Schedule};

fn plan() -> Plan {
    let operation = |name: &str, weight, parameters| Operation {
        name: name.into(),
        weight,
        parameters,
    };
    Plan {
        seed: 42,
        operations: vec![
            operation(
                "read",
                7_000,
                vec![Generator::Zipf {
                    min: 1,
                    max: 1_000,
                    exponent: 1.1,
                }],
            ),
            operation(
                "scan",
                2_000,
                vec![Generator::Uniform { min: 1, max: 1_000 }],
            ),
            operation(
                "note",
                1_000,
                vec![
                    Generator::Text { length: 12 },
                    Generator::Sequential { min: 5, max: 50 },
                ],
            ),
        ],
        load: Load::Closed {
            connections: 8,
            think: Duration::ZERO,
        },
        share: Share {
            shard: 0,
            shards: 1,
            first_connection: 0,
            connections_total: 8,
            first_index: 0,
        },
        keys: KeyBlock { first: 1, len: 8 },
        threads: 1,
        operation_timeout: Duration::from_secs(1),
        snapshot_every: Duration::from_secs(1),
    }
}

fn performed(work: &Work, parameters: &mut Parameters, operation: usize, index: u64) -> String {
    format!(
        "{operation} {:?}",
        parameters
            .fill(work, operation, index)
            .expect("no keys are asked for")
    )
}

fn open_work(shards: u64, arrivals: u64) -> Vec<String> {
    let (plan, mut all) = (plan(), Vec::new());
    let work = Work::new(&plan);
    let levels = Arc::new(Levels::new(&Load::Open {
        rate_per_s: 1e9,
        connections: 1,
        max_backlog: 0,
    }));
    for shard in 0..shards {
        let mut parameters = Parameters::new(&plan, 0);
        let mut queue = ArrivalQueue::new(
            Schedule::new(0, &levels),
            Lot {
                shard,
                shards,
                connections: 1,
                thread: 0,
                threads: 1,
                first_index: 0,
            },
            0,
        );
        while let Some(arrival) = queue.take_next(arrivals) {
            all.push(performed(
                &work,
                &mut parameters,
                work.operation(arrival.index),
                arrival.index,
            ));
        }
    }
    all.sort();
    all
}

#[test]
fn one_shard_or_eight_do_the_same_work_in_an_open_loop() {
    let alone = open_work(1, 4_000);
    assert_eq!(alone.len(), 4_000);
    assert_eq!(open_work(8, 4_000), alone);
    assert_eq!(open_work(3, 4_000), alone);
}

fn closed_work(shards: u32, per_connection: usize) -> Vec<String> {
    let mut all = Vec::new();
    for shard in 0..shards {
        let connections = 8 / shards;
        let mut plan = plan();
        plan.load = Load::Closed {
            connections,
            think: Duration::ZERO,
        };
        plan.share = Share {
            shard,
            shards,
            first_connection: shard * connections,
            connections_total: 8,
            first_index: 0,
        };
        let work = Work::new(&plan);
        for connection in 0..connections {
            let mut parameters = Parameters::new(&plan, connection);
            let mut walk = ClosedWalk::new(&work, &plan, connection);
            for _ in 0..per_connection {
                let (operation, index) = walk.next(&work);
                all.push(performed(&work, &mut parameters, operation, index));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn one_shard_or_eight_do_the_same_work_in_a_closed_loop() {
    let alone = closed_work(1, 500);
    assert_eq!(closed_work(8, 500), alone);
    assert_eq!(closed_work(2, 500), alone);
}

#[test]
fn each_connection_of_a_closed_loop_has_the_whole_mix() {
    let plan = plan();
    let work = Work::new(&plan);
    for connection in 0..8 {
        let mut walk = ClosedWalk::new(&work, &plan, connection);
        let mut counts = [0; 3];
        for _ in 0..work.mix.len() * 3 {
            counts[walk.next(&work).0] += 1;
        }
        assert_eq!(counts, [21, 6, 3], "connection {connection}");
    }
}

#[test]
fn a_shard_that_joins_has_indices_of_its_own() {
    let mut plan = plan();
    plan.share.first_index = 1 << 62;
    let work = Work::new(&plan);
    let mut indices = BTreeSet::new();
    // Those beyond the plan too, and a connection that sends more than others.
    let walks = (0..12).map(|connection| ClosedWalk::new(&work, &plan, connection));
    for (number, mut walk) in walks.enumerate() {
        let mut counts = [0; 3];
        for _ in 0..work.mix.len() * 300 * (1 + number % 2) {
            let (operation, index) = walk.next(&work);
            counts[operation] += 1;
            assert!(indices.insert(index), "index {index} came twice");
        }
        let share = 300 * (1 + number % 2);
        assert_eq!(counts, [7 * share, 2 * share, share]);
    }
    // No more are used than are needed, a piece per connection aside.
    let used = indices.len() as u64 + 12 * PIECE;
    assert_eq!(indices.first(), Some(&(1 << 62)));
    assert!(indices.last().is_some_and(|last| *last < (1 << 62) + used));
}

#[test]
fn connections_beyond_the_plan_have_numbers_and_indices_of_their_own() {
    let (mut numbers, mut indices) = (BTreeSet::new(), BTreeSet::new());
    for shard in 0..2 {
        let mut plan = plan();
        plan.load = Load::Closed {
            connections: 4,
            think: Duration::ZERO,
        };
        plan.share = Share {
            shard,
            shards: 2,
            first_connection: shard * 4,
            connections_total: 8,
            first_index: 0,
        };
        let work = Work::new(&plan);
        for connection in 0..20 {
            assert!(numbers.insert(plan.number(connection)));
            let mut walk = ClosedWalk::new(&work, &plan, connection);
            let mut counts = [0; 3];
            for _ in 0..work.mix.len() * 3 {
                let (operation, index) = walk.next(&work);
                counts[operation] += 1;
                assert!(indices.insert(index), "index {index} came twice");
            }
            assert_eq!(counts, [21, 6, 3], "connection {connection}");
        }
    }
    assert_eq!(numbers, (0..40).collect());
}

#[test]
fn parameters_are_computed_again_as_they_were() {
    let mut plan = plan();
    plan.keys.len = 1_000;
    plan.operations[2].parameters = vec![
        Generator::UniqueKey,
        Generator::Text { length: 12 },
        Generator::UniqueKey,
    ];
    let (work, replay) = (Work::new(&plan), Replay::new(&plan));
    let mut parameters = Parameters::new(&plan, 3);
    for (operation, index) in [(0, 7), (1, 1 << 41), (2, 9), (2, 9)] {
        let values = parameters
            .fill(&work, operation, index)
            .expect("there are keys enough");
        let values: Vec<_> = values.iter().cloned().map(Some).collect();
        let again = replay.parameters(operation, index, Some(parameters.last_key()));
        assert_eq!(again, values, "operation {operation}");
    }
    let unknown = replay.parameters(2, 9, None);
    assert!(matches!(&unknown[..], [None, Some(Value::Text(_)), None]));
}
