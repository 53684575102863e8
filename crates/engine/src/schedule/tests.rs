use proptest::prelude::*;

use super::*;
use crate::levels::Levels;
use crate::plan::Load;

fn levels(rate_per_s: f64) -> Arc<Levels> {
    Arc::new(Levels::new(&Load::Open {
        rate_per_s,
        connections: 1,
        max_backlog: 0,
    }))
}

#[test]
fn arrivals_keep_their_rate_without_drift() {
    for rate in [0.1, 3.0, 1_000.0, 9_999.9, 250_000.0] {
        let arrivals = Arrivals::new(5, &levels(rate).marks());
        for seconds in [1_u32, 3_600, 8_640_000] {
            let index = (f64::from(seconds) * rate).round();
            let ideal = 5.0 + index * 1e9 / rate;
            let error = (arrivals.due(index as u64) as f64 - ideal).abs();
            assert!(
                error <= 1.0 + ideal * 1e-15,
                "rate {rate}, {seconds} s: {error} ns"
            );
        }
    }
}

const ALL: Lot = Lot {
    shard: 0,
    shards: 1,
    connections: 1,
    thread: 0,
    threads: 1,
    first_index: 0,
};

#[test]
fn nothing_is_due_in_a_pause_and_the_rest_of_a_gap_comes_after_it() {
    let levels = levels(1e6);
    levels.change(2_500, |mark| mark.set_paused(true));
    levels.change(9_000, |mark| mark.set_paused(false));
    levels.change(9_000, |mark| mark.set_rate(5e5));
    let arrivals = Arrivals::new(0, &levels.marks());
    let due: Vec<_> = (0..5).map(|index| arrivals.due(index)).collect();
    // Half of the gap was over when the pause began; the other half is one of 2,000 ns.
    assert_eq!(due, [0, 1_000, 2_000, 10_000, 12_000]);
}

#[test]
fn arrivals_of_a_shard_that_joins_are_due_like_others_and_have_other_indices() {
    let lot = Lot {
        first_index: 1 << 62,
        ..ALL
    };
    let mut joiner = ArrivalQueue::new(Schedule::new(7, &levels(1e6)), lot, 3);
    let mut other = ArrivalQueue::new(Schedule::new(7, &levels(1e6)), ALL, 3);
    assert_eq!(joiner.next_due(), other.next_due());
    for _ in 0..100 {
        let (joining, usual) = (joiner.take_next(NEVER), other.take_next(NEVER));
        let (joining, usual) = (joining.unwrap(), usual.unwrap());
        assert_eq!(joining.index, (1 << 62) + usual.index);
        assert_eq!(joining.due, usual.due);
        assert_eq!(joiner.due(joining.index), joining.due);
    }
}

#[test]
fn a_full_backlog_drops_the_newest() {
    let mut queue = ArrivalQueue::new(Schedule::new(0, &levels(1e9)), ALL, 3);
    let mut dropped = Vec::new();
    queue.advance(4, NEVER, |arrival| dropped.push(arrival.index));
    assert_eq!((queue.backlog(), dropped), (3, vec![3, 4]));
    assert_eq!(queue.pop(), Some(Arrival { index: 0, due: 0 }));
    queue.advance(6, 6, |_| {
        panic!("there is room for one and only one is due before 6")
    });
    assert_eq!(
        std::iter::from_fn(|| queue.pop())
            .map(|arrival| arrival.index)
            .collect::<Vec<_>>(),
        [1, 2, 5]
    );
}

#[test]
fn a_clearing_drops_what_was_due_before_it_whether_it_waits_already_or_not() {
    let levels = levels(1e9);
    let mut queue = ArrivalQueue::new(Schedule::new(0, &levels), ALL, 100);
    let mut dropped = Vec::new();
    queue.advance(9, NEVER, |arrival| dropped.push(arrival.due));
    levels.change(15, |mark| mark.set_cleared(15));
    queue.advance(10, NEVER, |arrival| dropped.push(arrival.due));
    assert_eq!((queue.backlog(), queue.next_clearing()), (11, 15));
    assert_eq!(dropped, Vec::<Nanos>::new());
    queue.advance(20, NEVER, |arrival| dropped.push(arrival.due));
    assert_eq!(dropped, (0..15).collect::<Vec<_>>());
    assert_eq!((queue.backlog(), queue.next_clearing()), (6, NEVER));
    assert_eq!(queue.pop(), Some(Arrival { index: 15, due: 15 }));
}

fn indices(lot: Lot, until: Nanos) -> Vec<u64> {
    let mut queue = ArrivalQueue::new(Schedule::new(0, &levels(1e9)), lot, u64::MAX);
    queue.advance(NEVER, until, |_| ());
    std::iter::from_fn(|| queue.pop())
        .map(|arrival| arrival.index)
        .collect()
}

#[test]
fn a_thread_gets_arrivals_by_its_connections() {
    let lot = |thread| Lot {
        first_index: 0,
        shard: 1,
        shards: 2,
        connections: 3,
        thread,
        threads: 2,
    };
    assert_eq!(indices(lot(0), 14), [1, 5, 7, 11, 13]);
    assert_eq!(indices(lot(1), 14), [3, 9]);
}

/// A change of the level: after how long, and the rate, a pause or a resume.
#[derive(Debug, Clone, Copy)]
enum Change {
    Rate(f64),
    Pause,
    Resume,
}

fn a_change() -> impl Strategy<Value = (Nanos, Change)> {
    let change = prop_oneof![
        (0.5..50_000.0).prop_map(Change::Rate),
        Just(Change::Pause),
        Just(Change::Resume),
    ];
    (0_u64..2_000_000_000, change)
}

/// The levels after changes, and the integral of the rate from the origin to each change and to the end.
fn changed(
    origin: Nanos,
    changes: &[(Nanos, Change)],
    last: Nanos,
) -> (Arc<Levels>, Vec<(Nanos, f64)>) {
    let levels = levels(1_000.0);
    let (mut at, mut rate, mut paused, mut sum) = (origin, 1_000.0, false, 0.0);
    let mut sums = vec![(origin, 0.0)];
    for &(after, change) in changes.iter().chain([&(last, Change::Resume)]) {
        sum += if paused { 0.0 } else { rate } * after as f64 / 1e9;
        at += after;
        sums.push((at, sum));
        match change {
            Change::Rate(per_second) => rate = per_second,
            Change::Pause => paused = true,
            Change::Resume => paused = false,
        }
        levels.change(at, |mark| match change {
            Change::Rate(per_second) => mark.set_rate(per_second),
            Change::Pause => mark.set_paused(true),
            Change::Resume => mark.set_paused(false),
        });
    }
    (levels, sums)
}

proptest! {
    #[test]
    fn any_stretch_has_as_many_arrivals_as_the_integral_of_the_rate(
        origin in 0_u64..5_000_000_000,
        changes in prop::collection::vec(a_change(), 0..6),
        last in 1_u64..2_000_000_000,
    ) {
        let (levels, sums) = changed(origin, &changes, last);
        let mut queue = ArrivalQueue::new(Schedule::new(origin, &levels), ALL, u64::MAX);
        let (mut count, mut latest) = (0_u64, 0);
        for &(until, integral) in &sums {
            while let Some(arrival) = queue.take_next(until) {
                prop_assert_eq!(arrival.index, count, "in order, without gaps");
                prop_assert!(arrival.due >= latest && arrival.due >= origin);
                latest = arrival.due;
                count += 1;
            }
            // An arrival is due when the integral reaches its number, so before an instant as many are due as whole
            // numbers lie below the integral; a nanosecond of rounding may move one across.
            prop_assert!((count as f64 - integral).abs() <= 1.0 + 1e-4, "{count} until {until}, integral {integral}");
        }
    }

    #[test]
    fn shards_share_the_arrivals_of_a_changing_rate(
        shards in 1_u64..6,
        threads in 1_u64..4,
        changes in prop::collection::vec(a_change(), 0..4),
    ) {
        let (levels, sums) = changed(0, &changes, 10_000_000);
        let until = sums[sums.len() - 1].0;
        let taken = |lot: Lot| {
            let mut queue = ArrivalQueue::new(Schedule::new(0, &levels), lot, u64::MAX);
            std::iter::from_fn(move || queue.take_next(until)).collect::<Vec<_>>()
        };
        let mut shared: Vec<Arrival> = (0..shards)
            .flat_map(|shard| (0..threads).map(move |thread| (shard, thread)))
            .flat_map(|(shard, thread)| taken(Lot { shard, shards, connections: threads, thread, threads, first_index: 0 }))
            .collect();
        shared.sort_by_key(|arrival| arrival.index);
        prop_assert_eq!(shared, taken(ALL));
    }

    /// Threads see a change a moment later than it is made, and take arrivals in between: none is taken twice or left out.
    #[test]
    fn changes_while_arrivals_are_taken_lose_none(changes in prop::collection::vec(a_change(), 1..6)) {
        let levels = levels(1_000.0);
        let mut queue = ArrivalQueue::new(Schedule::new(0, &levels), ALL, u64::MAX);
        let (mut at, mut count) = (0, 0);
        for (after, change) in changes {
            at += after;
            while let Some(arrival) = queue.take_next(at) {
                prop_assert_eq!(arrival.index, count);
                count += 1;
            }
            levels.change(at.saturating_sub(1_000), |mark| match change {
                Change::Rate(per_second) => mark.set_rate(per_second),
                Change::Pause => mark.set_paused(true),
                Change::Resume => mark.set_paused(false),
            });
        }
        if let Some(arrival) = queue.take_next(NEVER) {
            prop_assert_eq!(arrival.index, count);
        }
    }

    #[test]
    fn lots_share_the_arrivals_without_overlap(shards in 1_u64..9, threads in 1_u64..5, more in 0_u64..9, until in 0_u64..2_000) {
        let mut taken = Vec::new();
        for shard in 0..shards {
            for thread in 0..threads {
                taken.extend(indices(Lot { shard, shards, connections: threads + more, thread, threads, first_index: 0 }, until));
            }
        }
        taken.sort_unstable();
        prop_assert_eq!(taken, (0..until).collect::<Vec<_>>());
    }
}
