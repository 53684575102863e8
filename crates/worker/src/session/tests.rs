//! The session against a scripted server and engine.

use gauntlet_engine::{Epoch, Outcome};
use gauntlet_model::{
    lifecycle::{Action, Phase},
    sample::SampleKind,
    session::{Assign, Command, ResumePoint},
    template::Level,
    time::Timestamp,
};
use uuid::Uuid;

mod joining;
mod script;
mod several;
mod standstill;
mod steering;

use script::*;

use super::*;
use crate::measured::tests::{kept, series, snapshot};

#[test]
fn the_clock_is_known_after_four_heartbeats_at_once() {
    let mut script = Script::new();
    let mut todo = script.attach();
    for answered in 1..=QUICK_HEARTBEATS {
        let heartbeats: Vec<&Do> = todo
            .iter()
            .filter(|what| matches!(what, Do::Send(WorkerEvent::Heartbeat(_))))
            .collect();
        assert_eq!(heartbeats.len(), 1, "before answer {answered}");
        let sent_at = script.now;
        script.now = script.now + Duration::from_micros(200);
        todo = script.answer_heartbeat(sent_at);
    }
    assert_eq!(todo, vec![]);
    // The server read its clock at the end of a round trip of 200.
    assert_eq!(script.session.clock.offset_us(), AHEAD_US + 100);
    assert_eq!(
        script.session.clock.uncertainty(script.now),
        Some(Duration::from_micros(101))
    );
    assert_eq!(
        script.session.wake_at(),
        Some(script.now + Duration::from_micros(999_800))
    );
    let todo = script.pass(Duration::from_secs(1));
    assert!(
        matches!(&todo[..], [Do::Send(WorkerEvent::Heartbeat(heartbeat))]
            if heartbeat.sent == script.now && heartbeat.clock_offset_us == AHEAD_US + 100)
    );
}

#[test]
fn a_shard_is_prepared_and_reported() {
    let mut script = Script::attached();
    let assign = Box::new(an_assign());
    assert_eq!(
        script.control(ControlMessage::Assign(assign.clone())),
        vec![Do::Prepare(assign.clone())]
    );
    // A repeat is not a second shard.
    assert_eq!(
        script.control(ControlMessage::Assign(assign.clone())),
        vec![]
    );
    let todo = script.on(prepared());
    assert_eq!(sent(todo), vec![ready()]);
    assert_eq!(
        sent(script.control(ControlMessage::Assign(assign))),
        vec![ready()]
    );
}

#[test]
fn a_load_that_nobody_ends_ends_itself() {
    let mut script = Script::prepared();
    let phases = an_assign().spec.phases;
    let planned = phases.warmup + phases.measurement;
    script.command(1, script.now, Action::Start(Phase::Measurement));
    script.on(Event::Disconnected);
    // A control plane that is a little late is waited for.
    assert_eq!(script.pass(planned + Duration::from_secs(59)), vec![]);
    assert_eq!(
        script.session.wake_at(),
        Some(script.now + Duration::from_secs(1))
    );
    let stop = steer(Steer::Stop {
        at: script.now + Duration::from_secs(1),
        drain: phases.drain_timeout,
    });
    assert_eq!(script.pass(Duration::from_secs(1)), vec![stop]);
    assert_eq!(script.pass(Duration::from_hours(1)), vec![]);
}

#[test]
fn commands_are_carried_out_in_order_and_once() {
    let mut script = Script::prepared();
    let start = script.now + Duration::from_millis(200);
    let switch = script.now + Duration::from_millis(500);
    let stop = script.now + Duration::from_millis(900);

    // The second comes first and waits.
    let todo = script.command(2, switch, Action::SetPhase(Phase::Measurement));
    assert_eq!(todo, vec![]);
    let todo = script.command(1, start, Action::Start(Phase::Warmup));
    assert_eq!(
        todo,
        vec![
            steer(Steer::Start {
                at: start,
                epoch: Epoch(0)
            }),
            Do::Send(ack(1, 0)),
            steer(Steer::Enter {
                at: switch,
                epoch: Epoch(1)
            }),
            Do::Send(ack(2, 0)),
        ]
    );
    // Repeats are acknowledged and nothing else.
    for sequence in [1, 2] {
        let todo = script.command(sequence, start, Action::Start(Phase::Warmup));
        assert_eq!(todo, vec![Do::Send(ack(sequence, 0))]);
    }
    // The phases are entered at their instants.
    assert_eq!(script.session.wake_at(), Some(start));
    assert_eq!(
        sent(script.pass(Duration::from_millis(200))),
        vec![entered(Phase::Warmup, start)]
    );
    assert_eq!(
        sent(script.pass(Duration::from_millis(400))),
        vec![entered(Phase::Measurement, switch)]
    );
    let drain = Duration::from_secs(2);
    let todo = script.command(3, stop, Action::stop(drain));
    assert_eq!(
        todo,
        vec![steer(Steer::Stop { at: stop, drain }), Do::Send(ack(3, 0))]
    );
    assert_eq!(
        sent(script.pass(Duration::from_millis(300))),
        vec![entered(Phase::Cooldown, stop)]
    );
}

#[test]
fn a_late_command_says_how_late_and_takes_effect_now() {
    let mut script = Script::prepared();
    let at = script.now.before(Duration::from_millis(3));
    let todo = script.command(1, at, Action::Start(Phase::Measurement));
    let now = script.now;
    assert_eq!(
        todo,
        vec![
            steer(Steer::Start {
                at,
                epoch: Epoch(0)
            }),
            Do::Send(ack(1, 3_000)),
            Do::Send(entered(Phase::Measurement, now)),
        ]
    );
}

#[test]
fn a_stop_ends_the_preparation() {
    let mut script = Script::attached();
    script.control(ControlMessage::Assign(Box::new(an_assign())));
    let later = script.now + Duration::from_millis(50);
    let todo = script.command(4, later, Action::Stop { drain_us: 0 });
    let finished = WorkerEvent::ShardFinished(gauntlet_model::session::ShardTotals {
        attempt: an_attempt(),
        intervals: 0,
        operations: 0,
        first_operation: None,
        peak_cpu: 0.0,
    });
    let expected = vec![forget(), Do::Send(ack(4, 0)), Do::Send(finished)];
    assert_eq!(todo, expected);
    // What is heard of the connections after that is of no interest.
    assert_eq!(script.on(prepared()), vec![]);
}

#[test]
fn an_abort_during_the_drain_is_passed_on_and_changes_no_phase() {
    let mut script = Script::measuring();
    let stop = script.now + Duration::from_millis(1);
    script.command(2, stop, Action::stop(Duration::from_secs(10)));
    script.pass(Duration::from_millis(2));
    let todo = script.command(3, script.now, Action::Stop { drain_us: 0 });
    assert_eq!(
        todo,
        vec![
            steer(Steer::Stop {
                at: script.now,
                drain: Duration::ZERO
            }),
            Do::Send(ack(3, 0)),
        ]
    );
    // A stop before the planned end takes the place of what was planned.
    let mut script = Script::measuring();
    let planned = script.now + Duration::from_millis(200);
    script.command(2, planned, Action::stop(Duration::from_secs(10)));
    let todo = script.command(3, script.now, Action::Stop { drain_us: 0 });
    assert_eq!(
        sent(todo),
        vec![ack(3, 0), entered(Phase::Cooldown, script.now)]
    );
    assert_eq!(sent(script.pass(Duration::from_millis(300))), vec![]);
}

#[test]
fn intervals_are_numbered_and_by_the_servers_clock() {
    let mut script = Script::measuring();
    let start = server(script.now);
    let found = intervals(script.measure(3));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].sequence, found[0].attempt), (1, an_attempt()));
    assert_eq!(found[0].start, start);
    assert_eq!(found[0].end, start + Duration::from_secs(1));
    assert_eq!(found[0].operations[0].phase, Phase::Measurement);
    assert_eq!(sequences(script.measure(1)), [2]);
}

#[test]
fn a_new_stream_gets_only_what_was_not_acknowledged() {
    let mut script = Script::measuring();
    for _ in 0..4 {
        script.measure(1);
    }
    script.acknowledge(2);
    script.on(Event::Disconnected);
    // Measuring goes on; nothing can be sent.
    assert_eq!(script.measure(5), vec![]);
    let WorkerEvent::Hello(hello) = script.session.hello() else {
        panic!("the first message is hello");
    };
    assert_eq!(
        hello.resumes,
        [ResumePoint {
            attempt: an_attempt(),
            last_command: 1
        }]
    );
    script.generation += 1;
    let todo = script.attach();
    let events = sent(todo);
    assert_eq!(events[0], ack(1, 0));
    let resent: Vec<i64> = events[1..]
        .iter()
        .map(|event| match event {
            WorkerEvent::Interval { interval, .. } => interval.sequence,
            other => panic!("only intervals follow: {other:?}"),
        })
        .collect();
    assert_eq!(resent, [3, 4, 5]);
    assert_eq!(sequences(script.measure(1)), [6]);
}

#[test]
fn a_shard_that_became_ready_without_a_stream_is_reported_to_the_next() {
    let mut script = Script::attached();
    script.control(ControlMessage::Assign(Box::new(an_assign())));
    script.on(Event::Disconnected);
    let todo = script.on(prepared());
    assert_eq!(todo, vec![]);
    script.generation += 1;
    assert_eq!(sent(script.attach()), vec![ready()]);
}

#[test]
fn every_interval_tells_when_the_first_operation_was_sent() {
    fn told(todo: Vec<Do>) -> Vec<Option<Timestamp>> {
        let told = sent(todo).into_iter().map(|event| match event {
            WorkerEvent::Interval {
                first_operation, ..
            } => Some(first_operation),
            _ => None,
        });
        told.flatten().collect()
    }

    let mut script = Script::measuring();
    let first = script.now;
    assert_eq!(told(script.measure(0)), [None]);
    script.first_operation = Some(first);
    assert_eq!(told(script.measure(1)), [Some(server(first))]);
    assert_eq!(told(script.measure(1)), [Some(server(first))]);
    // Those that are sent again tell it, too.
    assert_eq!(told(script.reattach()), [Some(server(first)); 3]);
}

#[test]
fn the_end_is_told_after_the_last_interval_and_again_until_released() {
    let mut script = Script::measuring();
    script.measure(3);
    let first = script.now.before(Duration::from_secs(1));
    script.on(Event::Used {
        usage: Usage {
            cpu: 0.5,
            memory_bytes: 1,
        },
        since: first,
        in_flight: 0,
        backlog: 0,
    });
    script.command(2, script.now, Action::stop(Duration::from_secs(1)));
    script.on(Event::Disconnected);
    script.measure(2);
    script.on(Event::Used {
        usage: Usage {
            cpu: 0.9,
            memory_bytes: 1,
        },
        since: script.now,
        in_flight: 0,
        backlog: 0,
    });
    script.on(ended(Some(first)));
    let finished = WorkerEvent::ShardFinished(gauntlet_model::session::ShardTotals {
        attempt: an_attempt(),
        intervals: 2,
        operations: 5,
        first_operation: Some(server(first)),
        // What was used after the measurement does not count.
        peak_cpu: 0.5,
    });
    for _ in 0..2 {
        script.generation += 1;
        let events = sent(script.attach());
        let sequences: Vec<i64> = events
            .iter()
            .filter_map(|event| match event {
                WorkerEvent::Interval { interval, .. } => Some(interval.sequence),
                _ => None,
            })
            .collect();
        assert_eq!(sequences, [1, 2]);
        assert_eq!(events.last(), Some(&finished));
        script.on(Event::Disconnected);
    }
    script.generation += 1;
    script.attach();
    assert_eq!(script.acknowledge(2), vec![]);
    assert_eq!(
        script.control(ControlMessage::Release {
            attempt: an_attempt()
        }),
        vec![forget()]
    );
    assert_eq!(sent(script.reattach()), vec![]);
    assert!(script.session.holds().is_empty());
}

#[test]
fn the_end_waits_for_acknowledgements_when_many_intervals_are_out() {
    let mut script = Script::measuring();
    let mut heard = Vec::new();
    for _ in 0..70 {
        heard.extend(sequences(script.measure(1)));
        let now = script.now;
        script.answer_heartbeat(now);
    }
    assert_eq!(heard, (1..=60).collect::<Vec<_>>());
    let ended = ended(None);
    assert_eq!(sent(script.on(ended)), vec![]);
    let events = sent(script.acknowledge(60));
    assert_eq!(events.len(), 11);
    assert!(matches!(&events[10], WorkerEvent::ShardFinished(totals)
        if totals.intervals == 70 && totals.operations == 70));
}

#[test]
fn a_failure_is_told_and_the_shard_kept_until_released() {
    let mut script = Script::attached();
    script.control(ControlMessage::Assign(Box::new(an_assign())));
    let failed = WorkerEvent::ShardFailed {
        attempt: an_attempt(),
        message: "no such table".to_owned(),
    };
    let event = script::failed("no such table");
    assert_eq!(sent(script.on(event)), vec![failed.clone()]);
    assert_eq!(sent(script.reattach()), vec![failed]);
    // Commands for it have nothing to act on.
    let todo = script.command(1, script.now, Action::Stop { drain_us: 0 });
    assert_eq!(todo, vec![Do::Send(ack(1, 0))]);
}

#[test]
fn messages_of_other_sessions_and_attempts_are_dropped() {
    let mut script = Script::prepared();
    let release = ControlMessage::Release {
        attempt: an_attempt(),
    };
    for generation in [GENERATION - 1, GENERATION + 1] {
        let event = Event::Control(generation, release.clone());
        assert_eq!(script.on(event), vec![]);
    }
    assert_eq!(script.session.stale, 2);
    let other = AttemptRef {
        attempt: 2,
        ..an_attempt()
    };
    for message in [
        ControlMessage::Release { attempt: other },
        ControlMessage::IntervalsAck {
            attempt: other,
            sequence: 5,
        },
        ControlMessage::Command(Command {
            attempt: other,
            sequence: 1,
            at: script.now,
            action: Action::Start(Phase::Warmup),
        }),
    ] {
        assert_eq!(script.control(message), vec![]);
    }
    assert!(!script.session.holds().is_empty());
}

#[test]
fn nothing_is_said_before_welcome() {
    let mut script = Script::new();
    script.on(Event::Connected);
    let assign = ControlMessage::Assign(Box::new(an_assign()));
    assert_eq!(script.control(assign), vec![]);
    assert!(script.session.holds().is_empty());
    assert_eq!(
        script.pass(WELCOME_WITHIN),
        vec![Do::Disconnect("the server did not say welcome")]
    );
    assert_eq!(script.session.wake_at(), None);
}

#[test]
fn a_silent_server_is_given_up() {
    let mut script = Script::attached();
    for _ in 0..4 {
        assert_eq!(done(script.pass(Duration::from_secs(1))), vec![]);
    }
    assert_eq!(
        script.pass(Duration::from_secs(1)),
        vec![Do::Disconnect("the server does not answer heartbeats")]
    );
}

#[test]
fn a_foreign_protocol_ends_the_worker() {
    let mut script = Script::new();
    script.on(Event::Connected);
    let todo = script.control(ControlMessage::Welcome(Welcome {
        protocol: PROTOCOL + 1,
        generation: 1,
        heartbeat_period: Duration::from_secs(1),
        now: Timestamp(1),
    }));
    assert!(
        matches!(&todo[..], [Do::GiveUp(message)] if message.contains(&format!("protocol {}", PROTOCOL + 1)))
    );
}

fn goodbye() -> Vec<Do> {
    vec![
        Do::Send(WorkerEvent::Goodbye {
            message: "the worker was stopped".to_owned(),
        }),
        Do::Quit,
    ]
}

#[test]
fn a_free_worker_leaves_at_once() {
    assert_eq!(Script::attached().on(Event::Leave), goodbye());
    // Without a stream there is nobody to say goodbye to.
    assert_eq!(Script::new().on(Event::Leave), vec![Do::Quit]);
    // Nothing was measured yet.
    let mut script = Script::attached();
    script.control(ControlMessage::Assign(Box::new(an_assign())));
    assert_eq!(script.on(Event::Leave), goodbye());
}

#[test]
fn a_loaded_worker_cuts_delivers_and_leaves() {
    let mut script = Script::measuring();
    assert_eq!(script.on(Event::Leave), vec![steer(Steer::Abort)]);
    assert_eq!(sequences(script.measure(1)), [1]);
    let todo = script.on(ended(None));
    assert!(matches!(
        &todo[..],
        [
            Do::Send(WorkerEvent::ShardFinished(_)),
            Do::Send(WorkerEvent::Goodbye { .. }),
            Do::Quit
        ]
    ));
}

#[test]
fn a_leaving_worker_does_not_wait_for_ever() {
    let mut script = Script::measuring();
    script.on(Event::Leave);
    assert_eq!(
        script
            .session
            .wake_at()
            .map(|at| at <= script.now + LEAVE_WITHIN),
        Some(true)
    );
    assert_eq!(done(script.pass(LEAVE_WITHIN)), vec![Do::Quit]);
    // A shard that comes too late is refused.
    let mut script = Script::measuring();
    script.on(Event::Leave);
    let mut other = an_assign();
    other.attempt.attempt = 2;
    let todo = script.control(ControlMessage::Assign(Box::new(other)));
    assert!(matches!(
        &sent(todo)[..],
        [WorkerEvent::ShardFailed { message, .. }] if message == "the worker is leaving"
    ));
}
