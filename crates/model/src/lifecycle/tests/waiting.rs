//! Runs that wait for workers, warmups that end early, conditions that end a run.

use super::*;

fn steady() -> Event {
    Event::Steady {
        message: "the halves of 10 s differ by 2 %".to_owned(),
    }
}

fn breach(reason: StopReason) -> Event {
    Event::Breach {
        reason,
        message: "5 % failed".to_owned(),
    }
}

#[test]
fn a_run_that_waits_starts_like_any_other() {
    let (waiting, effects, _) = fold(&timing(), &[wait(), wait()]);
    assert_eq!(
        waiting.stage,
        Stage::Waiting {
            since: T0,
            deadline: T0 + timing().wait
        }
    );
    assert_eq!(effects, []);
    assert_eq!(waiting.status(), Status::Starting);
    let at_once = fold(&timing(), &to_measurement());
    assert_eq!(
        fold(&timing(), &then(vec![wait()], &to_measurement())),
        at_once
    );
}

#[test]
fn a_run_does_not_wait_for_ever() {
    let cases = [
        (
            Event::DeadlineReached,
            StopReason::SetupError,
            "no worker was free within 60 s; attach more workers, or raise worker_wait",
        ),
        (stop(), StopReason::UserStop, "enough"),
        (abort(), StopReason::UserAbort, "wrong target"),
        (
            Event::SetupFailed {
                message: "no table".to_owned(),
            },
            StopReason::SetupError,
            "no table",
        ),
    ];
    for (event, reason, message) in cases {
        let (state, effects, _) = fold(&timing(), &[wait(), event]);
        let end = End {
            reason,
            message: message.to_owned(),
        };
        assert_eq!(state.end(), Some(&end));
        assert_eq!(effects, [Effect::Release]);
    }
}

#[test]
fn a_warmup_ends_when_the_load_is_steady() {
    let timing = Timing {
        until_steady: true,
        ..timing()
    };
    let warm = vec![start(), ready(0), ready(1)];
    let (state, ..) = fold(&timing, &warm);
    let now = T0 + Duration::from_secs(1);
    let change = state.on(&timing, steady(), now).unwrap();
    let command = Effect::Command {
        sequence: 2,
        at: now + LEAD,
        action: Action::SetPhase(Phase::Measurement),
    };
    assert_eq!(change.effects, [command]);
    assert_eq!(change.state.warmup_steady, Some(true));
    assert_eq!(
        change.state.phase_ends(),
        Some(now + LEAD + timing.measurement)
    );
    let again = change.state.on(&timing, steady(), now).unwrap();
    assert_eq!(again, change.state.unchanged());

    let (never, ..) = fold(&timing, &then(warm.clone(), &[Event::DeadlineReached]));
    assert_eq!(never.warmup_steady, Some(false));
}

#[test]
fn a_warmup_by_time_alone_does_not_care() {
    let warm = vec![start(), ready(0), ready(1)];
    let without = fold(&timing(), &warm);
    assert_eq!(fold(&timing(), &then(warm, &[steady()])), without);
    assert_eq!(fold(&timing(), &to_measurement()).0.warmup_steady, None);
}

#[test]
fn a_condition_ends_the_load_and_the_results_stay() {
    for reason in [
        StopReason::Guardrail,
        StopReason::SloAbort,
        StopReason::BoundReached,
    ] {
        let (state, effects, now) = fold(&timing(), &then(to_measurement(), &[breach(reason)]));
        assert_eq!(state.status(), Status::Stopping);
        assert_eq!(state.end().unwrap().reason, reason);
        let stop = Effect::Command {
            sequence: 3,
            at: now + STOP_LEAD,
            action: Action::stop(timing().drain),
        };
        assert_eq!(effects.last(), Some(&stop));
        let whole = [
            breach(reason),
            breach(reason),
            finished(0),
            finished(1),
            Event::ReportStored,
        ];
        let (over, ..) = fold(&timing(), &then(to_measurement(), &whole));
        assert_eq!(over.status(), Status::Stopped);
    }
}

#[test]
fn a_condition_seen_after_the_load_changes_nothing() {
    let planned = then(to_measurement(), &[Event::DeadlineReached]);
    let seen = then(planned.clone(), &[breach(StopReason::Guardrail)]);
    assert_eq!(fold(&timing(), &planned), fold(&timing(), &seen));
    assert!(
        RunState::prepared()
            .on(&timing(), breach(StopReason::Guardrail), T0)
            .is_err()
    );
}

#[test]
fn a_deadline_that_moved_away_changes_nothing() {
    let (state, ..) = fold(&timing(), &to_measurement());
    let early = state.deadline().unwrap().before(Duration::from_micros(1));
    let change = state.on(&timing(), Event::DeadlineReached, early).unwrap();
    assert_eq!(change, state.unchanged());
}
