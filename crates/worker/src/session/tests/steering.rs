//! Levels, pauses, draining and examples.

use super::*;

#[test]
fn levels_and_pauses_begin_epochs_in_the_phase_that_is_on() {
    let mut script = Script::prepared();
    script.command(1, script.now, Action::Start(Phase::Warmup));
    let phase = script.now + Duration::from_millis(300);
    script.command(2, phase, Action::SetPhase(Phase::Measurement));
    // It comes before a phase that was already commanded, which must stay.
    let at = script.now + Duration::from_millis(100);
    let level = Action::SetTarget(Level::Concurrency { connections: 9 }.into());
    assert_eq!(
        script.command(3, at, level),
        vec![
            steer(Steer::Enter {
                at,
                epoch: Epoch(2)
            }),
            steer(Steer::Enter {
                at: phase,
                epoch: Epoch(3)
            }),
            steer(Steer::SetConnections { at, connections: 9 }),
            Do::Send(ack(3, 0)),
        ]
    );
    assert_eq!(
        sent(script.pass(Duration::from_millis(300))),
        vec![entered(Phase::Measurement, phase)],
        "a level is no phase"
    );
    // One that is late takes effect now.
    let late = script.now.before(Duration::from_millis(2));
    for (sequence, action, what) in [
        (4, Action::Pause, steer(Steer::Pause { at: late })),
        (5, Action::Resume, steer(Steer::Resume { at: late })),
    ] {
        let epoch = Epoch(sequence as u32);
        assert_eq!(
            script.command(sequence, late, action.clone()),
            vec![
                steer(Steer::Enter { at: late, epoch }),
                what,
                Do::Send(ack(sequence, 2_000))
            ]
        );
        // A repeat is acknowledged and nothing else.
        let again = script.command(sequence, late, action);
        assert_eq!(again, vec![Do::Send(ack(sequence, 2_000))]);
    }
    // What is measured in any of these epochs is of the phase.
    let phase_of = |script: &mut Script, epoch| {
        let series = series(epoch, 0, Outcome::Ok, &[1_000]);
        let todo = script.on(measured(snapshot(vec![series]), script.now, script.now));
        intervals(todo)[0].operations[0].phase
    };
    let phases: Vec<Phase> = (0..6).map(|epoch| phase_of(&mut script, epoch)).collect();
    let (warmup, rest) = (Phase::Warmup, Phase::Measurement);
    let expected = [warmup, rest, warmup, rest, rest, rest];
    assert_eq!(phases, expected);
}

#[test]
fn connections_of_a_level_are_shared_and_a_rate_is_not() {
    for (shard, connections) in [(0, 3), (1, 2), (2, 2)] {
        let mut script = Script::attached();
        let mut assign = an_assign();
        (assign.attempt.shard, assign.shards) = (shard, 3);
        let attempt = assign.attempt;
        script.control(ControlMessage::Assign(Box::new(assign)));
        script.on(prepared_as(attempt));
        let at = script.now;
        let mut command = |sequence, action| {
            done(script.control(ControlMessage::Command(Command {
                attempt,
                sequence,
                at: server(at),
                action,
            })))
        };
        command(1, Action::Start(Phase::Measurement));
        let todo = command(
            2,
            Action::SetTarget(Level::Concurrency { connections: 7 }.into()),
        );
        let what = Steer::SetConnections { at, connections };
        assert_eq!(todo[1], Do::Steer(attempt, what));
        let milli_per_s = 1_500;
        let todo = command(3, Action::SetTarget(Level::Rate { milli_per_s }.into()));
        let what = Steer::SetRate { at, milli_per_s };
        assert_eq!(todo[1], Do::Steer(attempt, what));
    }
}

#[test]
fn a_pause_does_not_shorten_the_plan_of_a_load_that_nobody_ends() {
    let mut script = Script::measuring();
    let phases = an_assign().spec.phases;
    let limit = script.now + phases.warmup + phases.measurement + Duration::from_mins(1);
    script.command(2, script.now, Action::Pause);
    script.on(Event::Disconnected);
    assert_eq!(done(script.pass(Duration::from_mins(10))), vec![]);
    script.generation += 1;
    script.attach();
    script.command(3, script.now, Action::Resume);
    script.on(Event::Disconnected);
    let limit = limit + Duration::from_mins(10);
    assert_eq!(script.session.wake_at(), Some(limit));
    let todo = script.pass(limit.since(script.now));
    assert!(
        matches!(&todo[..], [Do::Steer(_, Steer::Stop { .. })]),
        "{todo:?}"
    );
}

#[test]
fn a_drained_worker_leaves_when_it_holds_nothing() {
    let drain = || ControlMessage::Drain {
        message: "the machine is needed".to_owned(),
    };
    let gone = || {
        vec![
            Do::Send(WorkerEvent::Goodbye {
                message: "the worker was drained: the machine is needed".to_owned(),
            }),
            Do::Quit,
        ]
    };
    assert_eq!(Script::attached().control(drain()), gone());
    let mut script = Script::measuring();
    assert_eq!(script.control(drain()), vec![]);
    // It goes on with what it has, over a new stream too, and takes nothing else.
    assert_eq!(sequences(script.measure(1)), [1]);
    script.reattach();
    let mut other = an_assign();
    other.attempt.run.0 = Uuid::from_u128(99);
    let todo = script.control(ControlMessage::Assign(Box::new(other)));
    assert!(matches!(
        &sent(todo)[..],
        [WorkerEvent::ShardFailed { message, .. }] if message == "the worker is being drained"
    ));
    let released = script.control(ControlMessage::Release {
        attempt: an_attempt(),
    });
    assert_eq!(released[0], forget());
    assert_eq!(released[1..], gone());
}

fn samples_of(todo: Vec<Do>) -> Vec<Vec<gauntlet_model::sample::OperationSample>> {
    sent(todo)
        .into_iter()
        .filter_map(|event| match event {
            WorkerEvent::Samples { attempt, samples } => {
                assert_eq!(attempt, an_attempt());
                Some(samples)
            }
            _ => None,
        })
        .collect()
}

#[test]
fn examples_are_told_every_five_seconds_and_before_the_end() {
    let mut script = Script::measuring();
    let begin = script.now;
    let told = samples_of(script.measure_with(kept(3)));
    let [samples] = &told[..] else {
        panic!("told at once the first time: {told:?}")
    };
    assert_eq!(samples.len(), 6, "three slowest, three drawn");
    let sample = &samples[0];
    assert_eq!((sample.operation, sample.phase), (1, Phase::Measurement));
    assert_eq!(sample.kind, SampleKind::Slowest);
    assert_eq!(sample.due, server(begin) + Duration::from_micros(2));
    assert_eq!(sample.response_ns, 3_000);
    // The insert of the plan: its key, a number, random letters, a text.
    let expected = [format!("{}, 7, '", 1_000 + 2), "', 'x'".to_owned()];
    assert!(sample.parameters.starts_with(&expected[0]), "{sample:?}");
    assert!(sample.parameters.ends_with(&expected[1]), "{sample:?}");
    // Changed again and again: not before five seconds are over.
    let counts: Vec<usize> = (0..6)
        .map(|_| {
            script.answer_heartbeat(script.now);
            samples_of(script.measure_with(kept(4))).len()
        })
        .collect();
    assert_eq!(counts, [0, 0, 0, 0, 1, 0]);
    // Nothing new, nothing told.
    for _ in 0..10 {
        script.answer_heartbeat(script.now);
        samples_of(script.measure(1));
    }
    assert_eq!(samples_of(script.measure(1)), Vec::<Vec<_>>::new());
    // A new session knows nothing yet.
    assert_eq!(samples_of(script.reattach()).len(), 1);
    samples_of(script.measure_with(kept(5)));
    let ended = script.on(ended(None));
    let events = sent(ended);
    let position = |wanted: fn(&WorkerEvent) -> bool| events.iter().position(wanted);
    let examples = position(|event| matches!(event, WorkerEvent::Samples { .. }));
    let end = position(|event| matches!(event, WorkerEvent::ShardFinished(_)));
    assert!(examples.is_some() && examples < end, "{events:?}");
}
