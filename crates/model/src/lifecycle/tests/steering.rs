//! What people do to a load, and what becomes of it.

use super::*;

#[test]
fn an_adjustment_is_a_command_a_little_ahead() {
    let level = Level::Concurrency { connections: 9 };
    for path in [vec![start(), ready(0), ready(1)], to_measurement()] {
        let (state, _, now) = fold(&timing(), &path);
        // Past the instant at which the phase begins.
        let now = now + Duration::from_secs(1);
        let apply = |state: &RunState, event, now| state.on(&timing(), event, now).unwrap();
        let set = apply(&state, connections(9), now);
        let command = |sequence, at, action| Effect::Command {
            sequence,
            at,
            action,
        };
        let given = state.commands;
        let at = now + ADJUST_LEAD;
        assert_eq!(
            set.effects,
            [command(given + 1, at, Action::SetTarget(level.into()))]
        );
        assert_eq!(set.state.level, Some(level));
        assert_eq!(set.state.adjusted, Some(at));
        assert_eq!(set.state.deadline(), state.deadline());
        let paused = apply(&set.state, pause(), now);
        assert_eq!(paused.effects, [command(given + 2, at, Action::Pause)]);
        assert!(paused.state.paused);
        assert_eq!(
            paused.state.deadline(),
            state.deadline(),
            "a pause prolongs nothing"
        );
        for again in [connections(9), pause()] {
            assert_eq!(
                apply(&paused.state, again, now),
                paused.state.clone().unchanged()
            );
        }
        let resumed = apply(&paused.state, adjust(Adjustment::Paused(false)), now);
        assert_eq!(resumed.effects, [command(given + 3, at, Action::Resume)]);
        assert_eq!(resumed.state.adjustments, 3);
        assert_eq!(
            resumed.state.level,
            Some(level),
            "the level outlives the pause"
        );
    }
}

#[test]
fn commands_take_effect_in_their_order() {
    // The measurement's command is on its way with an instant to come.
    let (state, _, now) = fold(&timing(), &to_measurement());
    let change = state.on(&timing(), connections(2), now).unwrap();
    assert_eq!(change.state.adjusted, state.phase_started());
    // The measurement comes late, and an adjustment was faster.
    let (state, ..) = fold(&timing(), &[start(), ready(0), ready(1)]);
    let end = state.phase_ends().unwrap();
    let state = state.on(&timing(), connections(2), end).unwrap().state;
    let change = state.on(&timing(), Event::DeadlineReached, end).unwrap();
    assert_eq!(change.state.phase_started(), state.adjusted);
}

#[test]
fn a_load_is_adjusted_only_while_there_is_one_and_not_for_ever() {
    let stopped = then(to_measurement(), &[stop()]);
    for path in [vec![], vec![start()], stopped] {
        let (state, _, now) = fold(&timing(), &path);
        assert!(state.on(&timing(), pause(), now).is_err());
    }
    let (mut state, _, now) = fold(&timing(), &to_measurement());
    for number in 0..MOST_ADJUSTMENTS {
        state = state.on(&timing(), connections(number), now).unwrap().state;
    }
    let refused = state.on(&timing(), connections(7), now).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a run in status RUNNING and phase MEASUREMENT cannot have its load changed: its load was adjusted 1,000 times, which is the most"
    );
    assert!(state.on(&timing(), stop(), now).is_ok());
}

#[test]
fn a_shard_that_is_given_up_is_released_and_the_policy_decides() {
    let release = Effect::ReleaseShard {
        shard: 0,
        attempt: 1,
    };
    let events = then(to_measurement(), &[give_up(0)]);
    let (failing, effects, _) = fold(&timing(), &events);
    assert_eq!(failing.end().unwrap().reason, StopReason::WorkerLost);
    assert!(effects.contains(&release));
    let (going_on, effects, _) = fold(&lenient(), &events);
    assert_eq!(going_on.phase(), Some(Phase::Measurement));
    assert_eq!(going_on.shards[0].stage, ShardStage::Failed);
    assert_eq!(effects.last(), Some(&release));
    let again = going_on.on(&lenient(), give_up(0), T0).unwrap();
    assert_eq!(again, going_on.unchanged(), "once is enough");
    let cooling = then(to_measurement(), &[Event::DeadlineReached, give_up(0)]);
    let (state, effects, _) = fold(&timing(), &cooling);
    assert_eq!(state.end().unwrap().reason, StopReason::WorkerLost);
    assert_eq!(effects.last(), Some(&release));
}

#[test]
fn the_latest_command_is_remembered() {
    let (state, ..) = fold(
        &timing(),
        &then(to_measurement(), &[late(7), late(30), late(2)]),
    );
    assert_eq!(state.command_lateness_us, 30_000);
}

#[test]
fn a_report_made_anew_changes_only_what_is_known_of_it() {
    let over = then(
        to_measurement(),
        &[
            Event::DeadlineReached,
            finished(0),
            finished(1),
            Event::ReportFailed {
                message: "x".to_owned(),
            },
        ],
    );
    let (failed, ..) = fold(&timing(), &over);
    let (mended, effects, _) = fold(&timing(), &then(over.clone(), &[Event::ReportRemade]));
    assert_eq!(failed.processing(), ProcessingStatus::Failed);
    assert_eq!(mended.processing(), ProcessingStatus::Completed);
    assert_eq!(
        (mended.status(), mended.end()),
        (failed.status(), failed.end())
    );
    assert_eq!(effects, fold(&timing(), &over).1);
    let (skipped, _, now) = fold(&timing(), &[stop()]);
    assert!(skipped.on(&timing(), Event::ReportRemade, now).is_err());
}
