//! Workers that are replaced or added while a run is under load.

use super::*;
use crate::template::ScalingMode;

fn replacing() -> Timing {
    Timing {
        worker_loss: WorkerLossPolicy::Replace,
        ..timing()
    }
}

fn growing() -> Timing {
    Timing {
        scaling: Scaling {
            mode: ScalingMode::Auto,
            ..Scaling::default()
        },
        ..replacing()
    }
}

fn worker(id: u128) -> WorkerId {
    WorkerId(Uuid::from_u128(id))
}

fn replace(shard: u32) -> Event {
    let worker = worker(7);
    Event::Replace { shard, worker }
}

fn scale_out() -> Event {
    Event::ScaleOut {
        worker: worker(8),
        message: "CPU 95 %".to_owned(),
    }
}

fn ready_again(shard: u32, attempt: u32) -> Event {
    Event::ShardReady { shard, attempt }
}

fn lost_again(shard: u32, attempt: u32) -> Event {
    Event::WorkerLost {
        shard,
        attempt,
        message: "silent".to_owned(),
    }
}

fn rebalance(weights: &[u32]) -> Event {
    Event::Rebalance {
        split: Split::of(weights.to_vec()),
        message: "shard 0 is hot".to_owned(),
    }
}

fn release(shard: u32, attempt: u32) -> Effect {
    Effect::ReleaseShard { shard, attempt }
}

fn command(sequence: i64, at: Timestamp, action: Action) -> Effect {
    Effect::Command {
        sequence,
        at,
        action,
    }
}

/// The state after the events, and what the last one brought; two seconds into
/// the measurement.
fn last(timing: &Timing, events: &[Event]) -> (RunState, Vec<Effect>, Timestamp) {
    let (mut state, _, now) = fold(timing, &to_measurement());
    let now = now + LEAD + Duration::from_secs(2);
    let mut effects = Vec::new();
    for event in events {
        let change = state.on(timing, event.clone(), now).unwrap();
        (state, effects) = (change.state, change.effects);
    }
    (state, effects, now)
}

#[test]
fn a_lost_worker_is_replaced_and_the_load_goes_on() {
    let timing = replacing();
    let (vacant, effects, now) = last(&timing, &[lost(1)]);
    assert_eq!(vacant.phase(), Some(Phase::Measurement));
    assert_eq!(effects, [release(1, 1)]);
    assert!(vacant.shards[1].is_vacant());
    assert_eq!(vacant.shards[1].deadline, Some(now + timing.start));

    let (assigned, effects, now) = last(&timing, &[lost(1), replace(1)]);
    assert_eq!(effects, [Effect::AssignShard { shard: 1 }]);
    let expected = ShardState {
        attempt: 2,
        deadline: Some(now + timing.start),
        ..ShardState::assigned(worker(7))
    };
    assert_eq!(assigned.shards[1], expected);

    let (joined, effects, now) = last(&timing, &[lost(1), replace(1), ready_again(1, 2)]);
    let Effect::Command { at, .. } = effects[0] else {
        panic!("{effects:?}")
    };
    assert_eq!(effects, [command(3, at, Action::Start(Phase::Measurement))]);
    assert!(now + LEAD <= at && at < now + LEAD + INTERVAL);
    let since = at.since(joined.load_started.unwrap());
    assert_eq!(
        since.as_micros() % INTERVAL.as_micros(),
        0,
        "intervals end together"
    );
    assert_eq!(joined.shards[1].stage, ShardStage::Running);
    assert_eq!(joined.shards[1].deadline, None);
}

#[test]
fn a_command_is_for_those_who_had_joined_by_then() {
    let (state, ..) = last(&replacing(), &[lost(1), replace(1)]);
    assert!(state.is_for(0, 1) && state.is_for(0, 2));
    assert!(!state.is_for(1, 2), "not ready yet");
    assert!(!state.is_for(9, 2), "no such shard");
    let (state, ..) = last(&replacing(), &[lost(1), replace(1), ready_again(1, 2)]);
    let told: Vec<i64> = (1..=state.commands)
        .filter(|&sequence| state.is_for(1, sequence))
        .collect();
    assert_eq!(told, [3], "its START is its first");
    assert!(state.is_for(0, 3), "who is under load passes it over");
}

#[test]
fn who_joins_learns_the_level_and_the_pause() {
    let events = [
        lost(1),
        replace(1),
        connections(20),
        pause(),
        ready_again(1, 2),
    ];
    let (_, effects, _) = last(&replacing(), &events);
    let Effect::Command { at, .. } = effects[0] else {
        panic!("{effects:?}")
    };
    let level = Level::Concurrency { connections: 20 };
    assert_eq!(
        effects,
        [
            command(5, at, Action::Start(Phase::Measurement)),
            command(6, at, Action::SetTarget(level.into())),
            command(7, at, Action::Pause),
        ]
    );
}

#[test]
fn who_joins_is_in_the_phase_of_that_moment() {
    let timing = replacing();
    let path = [start(), ready(0), ready(1), lost(1), replace(1)];
    let (warm, ..) = fold(&timing, &path);
    for (now, phase) in [
        (T0, Phase::Warmup),
        (warm.deadline().unwrap(), Phase::Measurement),
    ] {
        let state = warm.on(&timing, Event::DeadlineReached, now).unwrap().state;
        let joined = state.on(&timing, ready_again(1, 2), now).unwrap();
        let Some(Effect::Command { at, action, .. }) = joined.effects.first() else {
            panic!("{:?}", joined.effects)
        };
        assert_eq!(*action, Action::Start(phase));
        assert!(*at >= state.phase_started().unwrap());
    }
}

#[test]
fn the_run_fails_when_nobody_takes_over() {
    let timing = Timing {
        measurement: Duration::from_mins(10),
        ..replacing()
    };
    let vacant = then(to_measurement(), &[lost(1)]);
    let assigned = then(vacant.clone(), &[replace(1)]);
    let lost_twice = then(assigned.clone(), &[lost_again(1, 2)]);
    let all_lost = then(vacant.clone(), &[lost(0)]);
    for (path, stage) in [
        (vacant, ShardStage::Lost),
        (assigned, ShardStage::Failed),
        (lost_twice, ShardStage::Lost),
        (all_lost, ShardStage::Lost),
    ] {
        let (state, ..) = fold(&timing, &path);
        assert_eq!(state.phase(), Some(Phase::Measurement), "it waits");
        let (state, ..) = fold(&timing, &then(path, &[Event::DeadlineReached]));
        let end = state.end().unwrap();
        assert_eq!(end.reason, StopReason::WorkerLost);
        assert!(
            end.message.starts_with("no worker could take over shard"),
            "{}",
            end.message
        );
        assert_eq!(state.shards[1].stage, stage);
        assert_eq!(state.shards[1].deadline, None);
    }
}

#[test]
fn with_nobody_left_an_end_needs_no_delivery() {
    let gone = [lost(0), lost(1)];
    for event in [stop(), Event::DeadlineReached] {
        let path = then(to_measurement(), &[gone.as_slice(), &[event]].concat());
        let (state, effects, _) = fold(&replacing(), &path);
        assert_eq!(state.phase(), Some(Phase::Processing));
        assert_eq!(
            effects[effects.len() - 2..],
            [Effect::Release, Effect::MakeReport]
        );
    }
}

#[test]
fn who_joins_too_late_is_let_go() {
    let events = [lost(1), replace(1), stop()];
    let (state, effects, now) = last(&replacing(), &events);
    let stop = command(3, now + STOP_LEAD, Action::stop(timing().drain));
    assert_eq!(effects, [release(1, 2), stop]);
    assert_eq!(state.shards[1].stage, ShardStage::Finished);
    assert_eq!(
        state.on(&replacing(), ready_again(1, 2), now).unwrap(),
        state.unchanged()
    );
    assert!(
        state.on(&replacing(), replace(0), now).is_err(),
        "its worker is not needed"
    );
}

#[test]
fn before_the_barrier_a_lost_worker_is_replaced_too() {
    let timing = replacing();
    let (vacant, effects, _) = fold(&timing, &[start(), ready(1), lost(0)]);
    assert_eq!(effects, [Effect::Assign, release(0, 1)]);
    assert_eq!(
        vacant.deadline(),
        Some(T0 + timing.start),
        "the barrier stays"
    );
    let message = fold(
        &timing,
        &[start(), ready(1), lost(0), Event::DeadlineReached],
    )
    .0;
    let message = &message.end().unwrap().message;
    assert!(
        message.contains("shard 0, whose worker was lost"),
        "{message}"
    );
    let events = [start(), ready(1), lost(0), replace(0), ready_again(0, 2)];
    let (state, effects, _) = fold(&timing, &events);
    assert_eq!(state.phase(), Some(Phase::Warmup));
    assert!(state.is_for(0, 1), "it begins with all others");
    assert!(effects.contains(&Effect::AssignShard { shard: 0 }));
}

#[test]
fn nobody_takes_over_what_a_person_gave_up() {
    let (state, effects, _) = last(&replacing(), &[give_up(1)]);
    assert_eq!(state.phase(), Some(Phase::Measurement));
    assert_eq!(effects, [release(1, 1)]);
    assert!(!state.shards[1].is_vacant());
    assert!(state.on(&replacing(), replace(1), T0).is_err());
    let (state, ..) = last(&replacing(), &[give_up(1), give_up(0)]);
    assert_eq!(state.end().unwrap().reason, StopReason::WorkerLost);
}

#[test]
fn an_added_worker_takes_its_part_when_it_has_joined() {
    let (state, effects, now) = last(&growing(), &[scale_out()]);
    assert_eq!(effects, [Effect::AssignShard { shard: 2 }]);
    assert_eq!(state.split.weights(), [1, 1, 0]);
    assert_eq!(state.shards[2].deadline, Some(now + timing().start));
    let (state, effects, _) = last(&growing(), &[scale_out(), ready_again(2, 1)]);
    let Effect::Command { at, .. } = effects[0] else {
        panic!("{effects:?}")
    };
    let aim = Aim {
        level: timing().level,
        split: Split::of(vec![1, 1, 1]),
    };
    assert_eq!(
        effects,
        [
            command(3, at, Action::Start(Phase::Measurement)),
            command(4, at, Action::SetTarget(aim)),
        ]
    );
    assert!(state.is_for(2, 3) && !state.is_for(2, 2));
}

#[test]
fn a_run_can_do_without_a_worker_that_was_to_be_added() {
    for worker_loss in [
        WorkerLossPolicy::Fail,
        WorkerLossPolicy::Continue,
        WorkerLossPolicy::Replace,
    ] {
        let timing = Timing {
            worker_loss,
            ..growing()
        };
        let (before, _, now) = last(&timing, &[scale_out()]);
        let overdue = now + timing.start;
        for (event, at) in [
            (lost(2), now),
            (give_up(2), now),
            (Event::DeadlineReached, overdue),
        ] {
            let long = Timing {
                measurement: Duration::from_mins(9),
                ..timing
            };
            let mut before = before.clone();
            if let Stage::Measurement { ends, .. } = &mut before.stage {
                *ends = now + long.measurement;
            }
            let change = before.on(&long, event, at).unwrap();
            assert_eq!(change.state.phase(), Some(Phase::Measurement));
            assert_eq!(change.effects, [release(2, 1)]);
            assert!(!change.state.shards[2].counts());
            assert_eq!(change.state.split, before.split);
        }
    }
}

#[test]
fn who_was_replaced_after_a_worker_was_added_learns_its_weight() {
    let events = [
        scale_out(),
        lost_again(2, 1),
        lost(1),
        replace(1),
        ready_again(1, 2),
    ];
    let (_, effects, _) = last(&growing(), &events);
    let aim = Aim {
        level: timing().level,
        split: Split::of(vec![1, 1, 0]),
    };
    assert!(
        matches!(&effects[1], Effect::Command { action: Action::SetTarget(told), .. } if *told == aim),
        "{effects:?}"
    );
}

#[test]
fn no_more_workers_are_added_than_scaling_allows() {
    let bounded = Timing {
        scaling: Scaling {
            mode: ScalingMode::Bounded { max_workers: 3 },
            ..Scaling::default()
        },
        ..timing()
    };
    let (state, _, now) = last(&bounded, &[scale_out()]);
    for (timing, state) in [(bounded, state), (timing(), last(&timing(), &[]).0)] {
        let refused = state.on(&timing, scale_out(), now).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a run in status RUNNING and phase MEASUREMENT cannot have a worker added: its scaling allows no more workers"
        );
    }
}

#[test]
fn a_load_is_split_in_another_way() {
    let (state, effects, now) = last(&timing(), &[rebalance(&[4, 5])]);
    let aim = Aim {
        level: timing().level,
        split: Split::of(vec![4, 5]),
    };
    assert_eq!(
        effects,
        [command(
            3,
            now + ADJUST_LEAD,
            Action::SetTarget(aim.clone())
        )]
    );
    assert_eq!(
        state.on(&timing(), rebalance(&[4, 5]), now).unwrap(),
        state.unchanged()
    );
    let set = state.on(&timing(), connections(3), now).unwrap();
    let kept = Aim {
        level: Level::Concurrency { connections: 3 },
        ..aim
    };
    assert_eq!(
        set.effects,
        [command(4, now + ADJUST_LEAD, Action::SetTarget(kept))],
        "a person's level keeps the split"
    );
    for wrong in [&[][..], &[1], &[0, 0], &[1, 1, 1]] {
        assert!(state.on(&timing(), rebalance(wrong), now).is_err());
    }
}

#[test]
fn shards_do_not_change_for_ever() {
    let (mut state, _, now) = last(&growing(), &[]);
    for number in 0..MOST_ADJUSTMENTS {
        let weights = [1 + number, 3_000];
        state = state
            .on(&growing(), rebalance(&weights), now)
            .unwrap()
            .state;
    }
    assert_eq!(
        state.on(&growing(), rebalance(&[7, 1]), now).unwrap(),
        state.unchanged()
    );
    let refused = state.on(&growing(), scale_out(), now).unwrap_err();
    assert_eq!(
        refused.why,
        Some("its shards were changed 1,000 times, which is the most")
    );
    assert!(
        state.on(&growing(), connections(3), now).is_ok(),
        "people still may"
    );
}
