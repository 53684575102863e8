//! Shards that join a run under way, and steps of a search.

use gauntlet_model::{
    lifecycle::{Aim, StepPlan},
    template::Split,
};

use super::*;

/// A second attempt at the shard, ready for commands.
fn joiner() -> (Script, AttemptRef) {
    let mut script = Script::attached();
    let mut assign = an_assign();
    assign.attempt.attempt = 2;
    let attempt = assign.attempt;
    script.control(ControlMessage::Assign(Box::new(assign)));
    script.on(prepared_as(attempt));
    (script, attempt)
}

fn command(
    script: &mut Script,
    attempt: AttemptRef,
    (sequence, at): (i64, Timestamp),
    action: Action,
) -> Vec<Do> {
    script.control(ControlMessage::Command(Command {
        attempt,
        sequence,
        at: server(at),
        action,
    }))
}

fn target(connections: u32) -> Action {
    Action::SetTarget(Level::Concurrency { connections }.into())
}

#[test]
fn a_shard_that_joins_begins_with_the_start_that_it_gets_and_no_burst() {
    // In time, late, and too late for what comes right behind it.
    for (lead_ms, begins_ms) in [(200, 200), (5, 20), (-400, 20)] {
        let (mut script, attempt) = joiner();
        let ms = |ms: i64| Timestamp(script.now.0 + ms * 1_000);
        let (at, begins) = (ms(lead_ms), ms(begins_ms));
        let todo = command(
            &mut script,
            attempt,
            (12, at),
            Action::Start(Phase::Measurement),
        );
        let start = Steer::Start {
            at: begins,
            epoch: Epoch(0),
        };
        assert_eq!(done(todo), vec![Do::Steer(attempt, start)]);
        let todo = done(command(&mut script, attempt, (13, at), target(2)));
        let level = Steer::SetConnections { at, connections: 2 };
        assert_eq!(todo.last(), Some(&Do::Steer(attempt, level)));
        assert!(at <= begins, "the level holds before the load begins");
        let WorkerEvent::Hello(hello) = script.session.hello() else {
            panic!("the first message is hello");
        };
        assert_eq!(hello.resumes[0].last_command, 13);
    }
}

#[test]
fn a_start_for_another_shard_is_passed_over() {
    let mut script = Script::measuring();
    let at = script.now + Duration::from_millis(200);
    let todo = script.command(2, at, Action::Start(Phase::Warmup));
    assert_eq!(todo, vec![Do::Send(ack(2, 0))]);
    assert_eq!(sent(script.pass(Duration::from_millis(300))), vec![]);
    // The next one is for this shard too.
    let todo = script.command(3, script.now, target(2));
    assert_eq!(done(todo).len(), 2);
}

#[test]
fn a_shard_that_never_began_can_be_stopped() {
    let (mut script, attempt) = joiner();
    let at = script.now;
    let drain = Duration::ZERO;
    let todo = command(&mut script, attempt, (9, at), Action::stop(drain));
    let stop = Steer::Stop { at, drain };
    assert_eq!(done(todo), vec![Do::Steer(attempt, stop)]);
}

#[test]
fn a_step_has_a_level_a_window_and_an_interval_that_ends_with_it() {
    let mut script = Script::measuring();
    let at = script.now + Duration::from_millis(10);
    let plan = StepPlan {
        step: 3,
        aim: Level::Concurrency { connections: 4 }.into(),
        settle_us: 500_000,
        window_us: 2_000_000,
    };
    let (from, to) = (
        at + Duration::from_millis(500),
        at + Duration::from_millis(2_500),
    );
    let enter = |at, epoch| {
        steer(Steer::Enter {
            at,
            epoch: Epoch(epoch),
        })
    };
    assert_eq!(
        script.command(2, at, Action::Step(plan)),
        vec![
            enter(at, 1),
            enter(from, 2),
            enter(to, 3),
            steer(Steer::SetConnections { at, connections: 4 }),
            steer(Steer::EndInterval { at: to }),
            Do::Send(ack(2, 0)),
        ]
    );
    let parts: Vec<(Phase, u32)> = (0..4)
        .map(|epoch| {
            let series = series(epoch, 0, Outcome::Ok, &[1_000]);
            let todo = script.on(measured(snapshot(vec![series]), script.now, script.now));
            let part = &intervals(todo)[0].operations[0];
            (part.phase, part.step)
        })
        .collect();
    let phase = Phase::Measurement;
    assert_eq!(parts, [(phase, 0), (phase, 0), (phase, 3), (phase, 0)]);
}

#[test]
fn a_step_of_a_rate_begins_with_an_empty_backlog_and_a_level_does_not() {
    let mut script = Script::measuring();
    let at = script.now + Duration::from_millis(10);
    let milli_per_s = 1_500;
    let aim: Aim = Level::Rate { milli_per_s }.into();
    let plan = StepPlan {
        step: 1,
        aim: aim.clone(),
        settle_us: 0,
        window_us: 2_000_000,
    };
    let to = at + Duration::from_secs(2);
    let enter = |at, epoch| {
        steer(Steer::Enter {
            at,
            epoch: Epoch(epoch),
        })
    };
    let rate = |at| steer(Steer::SetRate { at, milli_per_s });
    assert_eq!(
        done(script.command(2, at, Action::Step(plan))),
        vec![
            enter(at, 1),
            enter(to, 2),
            steer(Steer::ClearBacklog { at }),
            rate(at),
            steer(Steer::EndInterval { at: to }),
        ]
    );
    let at = to + Duration::from_secs(1);
    assert_eq!(
        done(script.command(3, at, Action::SetTarget(aim))),
        vec![enter(at, 3), rate(at)]
    );
}

#[test]
fn what_a_step_left_waiting_counts_as_dropped_in_that_step() {
    let mut script = Script::measuring();
    let at = script.now;
    let step = |step, after| StepPlan {
        step,
        aim: Level::Rate { milli_per_s: 9 }.into(),
        settle_us: after,
        window_us: 1_000_000,
    };
    script.command(2, at, Action::Step(step(1, 0)));
    let next = at + Duration::from_secs(1);
    script.command(3, next, Action::Step(step(2, 100_000)));
    // It becomes known while the next step is on, in epochs of the first: its window and what came behind it.
    let tally = |epoch, count| gauntlet_engine::Tally {
        epoch: Epoch(epoch),
        operation: 0,
        count,
    };
    let mut second = snapshot(vec![series(4, 0, Outcome::Ok, &[1_000])]);
    second.dropped = vec![tally(1, 7), tally(2, 2)];
    let found = intervals(script.measure_with(second));
    let parts = found[0].operations.iter();
    let parts: Vec<_> = parts
        .map(|part| (part.phase, part.step, part.dropped))
        .collect();
    let phase = Phase::Measurement;
    // Of the other operation it is said that nothing happened.
    let nothing = (phase, 1, 0);
    assert_eq!(
        parts,
        [(phase, 0, 2), (phase, 1, 7), (phase, 2, 0), nothing]
    );
}

#[test]
fn the_parts_of_a_weighted_level_are_the_shards_own() {
    let rate = |shard, weights: &[u32]| {
        let mut script = Script::attached();
        let mut assign = an_assign();
        (assign.attempt.shard, assign.shards) = (shard, 4);
        let attempt = assign.attempt;
        script.control(ControlMessage::Assign(Box::new(assign)));
        script.on(prepared_as(attempt));
        let at = script.now;
        command(
            &mut script,
            attempt,
            (1, at),
            Action::Start(Phase::Measurement),
        );
        let aim = Aim {
            level: Level::Rate {
                milli_per_s: 1_000_000,
            },
            split: Split::of(weights.to_vec()),
        };
        let todo = done(command(
            &mut script,
            attempt,
            (2, at),
            Action::SetTarget(aim),
        ));
        match todo.last() {
            Some(Do::Steer(_, Steer::SetRate { milli_per_s, .. })) => *milli_per_s,
            other => panic!("a rate is set: {other:?}"),
        }
    };
    // The engine takes each fourth arrival.
    assert_eq!(rate(0, &[]) / 4, 250_000);
    assert_eq!(rate(0, &[8, 10, 0, 2]) / 4, 400_000);
    assert_eq!(rate(1, &[8, 10, 0, 2]) / 4, 500_000);
    assert_eq!(rate(2, &[8, 10, 0, 2]), 0);
    assert_eq!(rate(3, &[8, 10]), 0);
}
