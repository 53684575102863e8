use uuid::Uuid;

use super::*;

mod joining;
mod rules;
mod searching;
mod steering;
mod table;
mod waiting;

const T0: Timestamp = Timestamp(1_000_000_000);

fn timing() -> Timing {
    Timing {
        warmup: Duration::from_secs(3),
        measurement: Duration::from_secs(10),
        drain: Duration::from_secs(5),
        start: Duration::from_secs(30),
        worker_loss: WorkerLossPolicy::Fail,
        until_steady: false,
        wait: Duration::from_mins(1),
        level: Level::Concurrency { connections: 8 },
        search: None,
        scaling: Scaling::default(),
    }
}

fn lenient() -> Timing {
    Timing {
        worker_loss: WorkerLossPolicy::Continue,
        ..timing()
    }
}

fn workers(count: u128) -> Vec<WorkerId> {
    (0..count).map(|id| WorkerId(Uuid::from_u128(id))).collect()
}

fn wait() -> Event {
    Event::Wait {
        message: "2 of 2 workers are busy".to_owned(),
    }
}

fn start() -> Event {
    Event::Start {
        workers: workers(2),
    }
}

fn ready(shard: u32) -> Event {
    Event::ShardReady { shard, attempt: 1 }
}

fn finished(shard: u32) -> Event {
    Event::ShardFinished { shard, attempt: 1 }
}

fn lost(shard: u32) -> Event {
    Event::WorkerLost {
        shard,
        attempt: 1,
        message: "silent".to_owned(),
    }
}

fn stop() -> Event {
    Event::Stop {
        message: "enough".to_owned(),
    }
}

fn abort() -> Event {
    Event::Abort {
        message: "wrong target".to_owned(),
    }
}

fn adjust(adjustment: Adjustment) -> Event {
    let message = String::new();
    Event::Adjust {
        adjustment,
        message,
    }
}

fn pause() -> Event {
    adjust(Adjustment::Paused(true))
}

fn connections(connections: u32) -> Event {
    adjust(Adjustment::Level(Level::Concurrency { connections }))
}

fn give_up(shard: u32) -> Event {
    Event::AbortShard {
        shard,
        attempt: 1,
        message: "its disk is full".to_owned(),
    }
}

fn late(millis: u64) -> Event {
    Event::CommandLate {
        late: Duration::from_millis(millis),
    }
}

/// Folds events one after another; the time moves to the state's deadline
/// before each `DeadlineReached`.
fn fold(timing: &Timing, events: &[Event]) -> (RunState, Vec<Effect>, Timestamp) {
    let (mut state, mut effects, mut now) = (RunState::prepared(), Vec::new(), T0);
    for event in events {
        if *event == Event::DeadlineReached {
            now = state.deadline().unwrap();
        }
        let change = state.on(timing, event.clone(), now).unwrap();
        state = change.state;
        effects.extend(change.effects);
    }
    (state, effects, now)
}

fn to_measurement() -> Vec<Event> {
    vec![start(), ready(0), ready(1), Event::DeadlineReached]
}

fn then(mut events: Vec<Event>, more: &[Event]) -> Vec<Event> {
    events.extend_from_slice(more);
    events
}

#[test]
fn a_run_goes_through_all_phases_to_completed() {
    let whole = then(
        to_measurement(),
        &[
            Event::DeadlineReached,
            finished(0),
            finished(1),
            Event::ReportStored,
        ],
    );
    let (state, effects, _) = fold(&timing(), &whole);
    let begin = T0 + LEAD;
    let measured = begin + timing().warmup;
    let end = measured + timing().measurement;
    let command = |sequence, at, action| Effect::Command {
        sequence,
        at,
        action,
    };
    assert_eq!(
        effects,
        [
            Effect::Assign,
            command(1, begin, Action::Start(Phase::Warmup)),
            command(2, measured, Action::SetPhase(Phase::Measurement)),
            command(3, end, Action::stop(timing().drain)),
            Effect::Release,
            Effect::MakeReport,
        ]
    );
    assert_eq!(state.status(), Status::Completed);
    assert_eq!(
        state.measured(),
        Some(Window {
            from: measured,
            to: end
        })
    );
    assert_eq!(state.processing(), ProcessingStatus::Completed);
}

#[test]
fn planned_commands_go_out_ahead_of_their_instant() {
    let (state, _, now) = fold(&timing(), &to_measurement());
    assert_eq!(state.phase_started(), Some(now + LEAD));
}

#[test]
fn without_warmup_the_load_begins_with_the_measurement() {
    let timing = Timing {
        warmup: Duration::ZERO,
        ..timing()
    };
    let (state, effects, _) = fold(&timing, &[start(), ready(0), ready(1)]);
    assert_eq!(state.phase(), Some(Phase::Measurement));
    assert!(matches!(
        effects.last(),
        Some(Effect::Command {
            action: Action::Start(Phase::Measurement),
            ..
        })
    ));
}

#[test]
fn the_barrier_names_who_is_missing() {
    let (state, effects, _) = fold(&timing(), &[start(), ready(0), Event::DeadlineReached]);
    let end = state.end().unwrap();
    assert_eq!(end.reason, StopReason::SetupError);
    assert!(end.message.contains("shard 1 on worker"), "{}", end.message);
    assert!(!end.message.contains("shard 0"), "{}", end.message);
    assert_eq!(state.processing(), ProcessingStatus::Skipped);
    assert_eq!(effects, [Effect::Assign, Effect::Release]);
}

#[test]
fn a_stop_drains_and_an_abort_cuts() {
    for (event, drain, lead) in [
        (stop(), timing().drain, STOP_LEAD),
        (abort(), Duration::ZERO, Duration::ZERO),
    ] {
        let (state, effects, now) = fold(&timing(), &then(to_measurement(), &[event]));
        assert_eq!(state.status(), Status::Cancelling);
        let expected = Effect::Command {
            sequence: 3,
            at: now + lead,
            action: Action::stop(drain),
        };
        assert_eq!(effects.last(), Some(&expected));
    }
}

#[test]
fn stopping_again_changes_nothing() {
    let once = then(to_measurement(), &[stop()]);
    let twice = then(once.clone(), &[stop()]);
    assert_eq!(fold(&timing(), &once), fold(&timing(), &twice));
    let over = then(once, &[finished(0), finished(1), Event::ReportStored]);
    assert_eq!(
        fold(&timing(), &over),
        fold(&timing(), &then(over.clone(), &[stop(), abort()]))
    );
}

#[test]
fn the_stronger_reason_wins() {
    let natural = then(to_measurement(), &[Event::DeadlineReached]);
    for (event, reason) in [
        (stop(), StopReason::UserStop),
        (lost(0), StopReason::WorkerLost),
        (abort(), StopReason::UserAbort),
    ] {
        let (state, ..) = fold(&timing(), &then(natural.clone(), &[event]));
        assert_eq!(state.end().unwrap().reason, reason);
    }
    let (state, ..) = fold(&timing(), &then(natural, &[lost(0), stop()]));
    assert_eq!(state.end().unwrap().reason, StopReason::WorkerLost);
}

#[test]
fn a_lost_worker_fails_the_run_or_not_as_the_policy_says() {
    let events = then(to_measurement(), &[lost(0)]);
    let (failing, ..) = fold(&timing(), &events);
    assert_eq!(failing.end().unwrap().reason, StopReason::WorkerLost);
    assert_eq!(failing.phase(), Some(Phase::Cooldown));
    let (going_on, ..) = fold(&lenient(), &events);
    assert_eq!(going_on.phase(), Some(Phase::Measurement));
    let (none_left, ..) = fold(&lenient(), &then(events, &[lost(1)]));
    assert_eq!(none_left.phase(), Some(Phase::Processing));
    assert_eq!(none_left.end().unwrap().reason, StopReason::WorkerLost);
}

#[test]
fn who_does_not_deliver_is_lost_and_the_run_still_ends() {
    let events = then(
        to_measurement(),
        &[
            Event::DeadlineReached,
            finished(0),
            Event::DeadlineReached,
            Event::ReportStored,
        ],
    );
    let (state, ..) = fold(&timing(), &events);
    assert_eq!(state.status(), Status::Failed);
    assert_eq!(state.shards[1].stage, ShardStage::Lost);
    assert!(state.end().unwrap().message.contains("shard 1"));
}

#[test]
fn the_report_of_a_long_run_may_take_longer() {
    for (measured, more) in [(20, 1), (72_000, 3_600)] {
        let timing = Timing {
            warmup: Duration::ZERO,
            measurement: Duration::from_secs(measured),
            ..timing()
        };
        let whole = [start(), ready(0), ready(1), Event::DeadlineReached];
        let (mut state, ..) = fold(&timing, &whole);
        let end = state.measured().unwrap().to;
        for shard in 0..2 {
            state = state.on(&timing, finished(shard), end).unwrap().state;
        }
        let expected = end + PROCESSING + Duration::from_secs(more);
        assert_eq!(state.deadline(), Some(expected));
    }
}

#[test]
fn an_older_attempt_changes_nothing() {
    let (state, ..) = fold(&timing(), &to_measurement());
    for event in [
        Event::ShardFinished {
            shard: 0,
            attempt: 0,
        },
        Event::WorkerLost {
            shard: 0,
            attempt: 2,
            message: String::new(),
        },
        Event::ShardFailed {
            shard: 9,
            attempt: 1,
            message: String::new(),
        },
    ] {
        let change = state.on(&timing(), event, T0).unwrap();
        assert_eq!(
            change,
            Change {
                state: state.clone(),
                effects: vec![]
            }
        );
    }
}

#[test]
fn a_finished_run_cannot_be_stopped() {
    let whole = then(
        to_measurement(),
        &[
            Event::DeadlineReached,
            finished(0),
            finished(1),
            Event::ReportStored,
        ],
    );
    let (state, ..) = fold(&timing(), &whole);
    let refused = state.on(&timing(), stop(), T0).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a run in status COMPLETED and phase DONE cannot be stopped"
    );
}

#[test]
fn a_state_survives_storage() {
    let (state, ..) = fold(&timing(), &then(to_measurement(), &[stop()]));
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<RunState>(&text).unwrap(), state);
}

#[test]
fn a_state_of_the_first_version_is_read() {
    let stored = r#"{"stage":{"measurement":{"since":5,"ends":9}},"shards":[],"commands":2,"load_started":1}"#;
    let state: RunState = serde_json::from_str(stored).unwrap();
    let expected = RunState {
        stage: Stage::Measurement {
            since: Timestamp(5),
            ends: Timestamp(9),
        },
        commands: 2,
        load_started: Some(Timestamp(1)),
        ..RunState::prepared()
    };
    assert_eq!(state, expected);
}
