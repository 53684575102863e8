//! Several shards at once.

use super::*;

/// An assignment of a shard of another run.
fn another(run: u128) -> Assign {
    let mut assign = an_assign();
    assign.attempt.run.0 = Uuid::from_u128(run);
    assign
}

fn refusal(todo: Vec<Do>, expected: AttemptRef) -> String {
    match &sent(todo)[..] {
        [WorkerEvent::ShardFailed { attempt, message }] if *attempt == expected => message.clone(),
        other => panic!("the shard is refused: {other:?}"),
    }
}

#[test]
fn a_worker_takes_what_its_capacity_allows() {
    // Ten connections; each of these takes five.
    let mut script = Script::prepared();
    let other = Box::new(another(99));
    assert_eq!(
        script.control(ControlMessage::Assign(other.clone())),
        vec![Do::Prepare(other)]
    );
    let third = another(100);
    let todo = script.control(ControlMessage::Assign(Box::new(third.clone())));
    let message = refusal(todo, third.attempt);
    assert!(
        message.contains("needs 5 connections, the worker has 0 of its 10 left"),
        "{message}"
    );
    // What is over holds no connections, though it is not released.
    script.on(failed("gone"));
    let todo = script.control(ControlMessage::Assign(Box::new(third.clone())));
    assert_eq!(done(todo), vec![Do::Prepare(Box::new(third))]);
    assert_eq!(script.session.holds().len(), 3);
}

#[test]
fn one_shard_of_a_run_at_a_time() {
    let mut script = Script::prepared();
    let mut next = an_assign();
    next.attempt.attempt = 2;
    let todo = script.control(ControlMessage::Assign(Box::new(next.clone())));
    let message = refusal(todo, next.attempt);
    assert!(message.contains("still holds shard 0 of run"), "{message}");
    script.on(ended(None));
    let todo = script.control(ControlMessage::Assign(Box::new(next.clone())));
    assert_eq!(done(todo), vec![Do::Prepare(Box::new(next))]);
    // The older one is released alone.
    let release = |attempt| ControlMessage::Release { attempt };
    assert_eq!(script.control(release(an_attempt())), vec![forget()]);
    assert_eq!(script.session.holds().len(), 1);
}

#[test]
fn each_shard_has_commands_phases_and_intervals_of_its_own() {
    let mut script = Script::measuring();
    let other = another(99);
    script.control(ControlMessage::Assign(Box::new(other.clone())));
    script.on(prepared_as(other.attempt));
    let at = script.now + Duration::from_millis(100);
    let todo = script.control(ControlMessage::Command(Command {
        attempt: other.attempt,
        sequence: 1,
        at: server(at),
        action: Action::Start(Phase::Warmup),
    }));
    let start = Steer::Start {
        at,
        epoch: Epoch(0),
    };
    assert_eq!(done(todo), vec![Do::Steer(other.attempt, start)]);
    let todo = script.pass(Duration::from_millis(100));
    let warmup = WorkerEvent::PhaseEntered {
        attempt: other.attempt,
        phase: Phase::Warmup,
        at: server(at),
    };
    assert_eq!(sent(todo), vec![warmup]);
    for (attempt, phase) in [
        (an_attempt(), Phase::Measurement),
        (other.attempt, Phase::Warmup),
    ] {
        let heard = Heard::Measured {
            snapshot: Box::new(snapshot(vec![series(0, 0, Outcome::Ok, &[1_000])])),
            start: at,
            end: script.now,
            first_operation: None,
        };
        let found = intervals(script.on(Event::Engine(attempt, heard)));
        assert_eq!((found[0].attempt, found[0].sequence), (attempt, 1));
        assert_eq!(found[0].operations[0].phase, phase);
    }
    // A new stream hears of both, and each is acknowledged apart.
    let WorkerEvent::Hello(hello) = script.session.hello() else {
        panic!("the first message is hello");
    };
    let resumes: Vec<_> = hello.resumes.iter().map(|point| point.attempt).collect();
    assert_eq!(resumes, [an_attempt(), other.attempt]);
    script.acknowledge(1);
    let attempts: Vec<_> = intervals(script.reattach())
        .iter()
        .map(|interval| interval.attempt)
        .collect();
    assert_eq!(attempts, [other.attempt]);
    // The end of one is not the end of the other.
    let todo = script.on(ended(None));
    assert!(
        matches!(&sent(todo)[..], [WorkerEvent::ShardFinished(totals)]
        if totals.attempt == an_attempt() && totals.operations == 1)
    );
    assert_eq!(
        script.on(Event::Leave),
        vec![Do::Steer(other.attempt, Steer::Abort)]
    );
}

#[test]
fn a_new_stream_is_not_flooded_by_many_shards() {
    let mut script = Script::attached();
    let mut assigns: Vec<Assign> = (0..10).map(|run| another(100 + run)).collect();
    for assign in &mut assigns {
        assign.spec.load = gauntlet_model::template::Load::Concurrency {
            connections: 1,
            think_time: Duration::ZERO,
        };
        let attempt = assign.attempt;
        script.control(ControlMessage::Assign(Box::new(assign.clone())));
        script.on(prepared_as(attempt));
        script.control(ControlMessage::Command(Command {
            attempt,
            sequence: 1,
            at: server(script.now),
            action: Action::Start(Phase::Measurement),
        }));
    }
    script.on(Event::Disconnected);
    for _ in 0..50 {
        for assign in &assigns {
            let heard = Heard::Measured {
                snapshot: Box::new(snapshot(vec![])),
                start: script.now,
                end: script.now + Duration::from_secs(1),
                first_operation: None,
            };
            script.on(Event::Engine(assign.attempt, heard));
        }
        script.now = script.now + Duration::from_secs(1);
    }
    script.generation += 1;
    let first = intervals(script.attach());
    assert_eq!(first.len(), WINDOW);
    // The rest comes as these are acknowledged.
    let mut heard = first.len();
    for sequence in 1..=50 {
        for assign in &assigns {
            let todo = script.control(ControlMessage::IntervalsAck {
                attempt: assign.attempt,
                sequence,
            });
            heard += intervals(todo).len();
        }
    }
    assert_eq!(heard, 500);
}
