//! A search within the measurement.

use super::*;
use crate::{
    search::{Figures, Measured, Outcome, SearchEnd, StepKind},
    template::{Bisect, Method, Search, StopSignals},
};

mod workers;

/// Steps of 2 s after 500 ms, growing by 2 from 8 connections.
pub(super) fn searching() -> Timing {
    let search = Search {
        method: Method::Bisect(Bisect {
            growth: 2.0,
            resolution: 0.1,
            descend: false,
        }),
        step: Duration::from_secs(2),
        settle: Duration::from_millis(500),
        confirm: Duration::from_secs(4),
        max_level: 32.0,
        max_steps: 12,
        stop: StopSignals::default(),
    };
    Timing {
        warmup: Duration::ZERO,
        measurement: Duration::from_mins(2),
        search: Some(search),
        ..timing()
    }
}

fn figures(throughput_per_s: f64) -> Figures {
    Figures {
        succeeded: 1_000,
        throughput_per_s,
        low_per_s: throughput_per_s,
        high_per_s: throughput_per_s,
        ..Figures::default()
    }
}

pub(super) fn measured(step: u32, throughput_per_s: f64) -> Event {
    let measured = Measured {
        figures: figures(throughput_per_s),
        ..Measured::default()
    };
    Event::StepMeasured {
        step,
        measured: Box::new(measured),
    }
}

fn begun() -> Vec<Event> {
    vec![start(), ready(0), ready(1)]
}

/// Folds events: each comes 20 ms after the window of the step under load, or
/// at once when there is none.
fn go(timing: &Timing, events: &[Event]) -> (RunState, Vec<Effect>, Timestamp) {
    let (mut state, mut effects, mut now) = fold(timing, &begun());
    for event in events {
        if let Some(current) = state.search.as_ref().and_then(|search| search.current) {
            now = current.to + Duration::from_millis(20);
        }
        let change = state.on(timing, event.clone(), now).unwrap();
        (state, effects) = (change.state, change.effects);
    }
    (state, effects, now)
}

fn current(state: &RunState) -> crate::search::Current {
    state
        .search
        .as_ref()
        .unwrap()
        .current
        .expect("a step is under load")
}

fn outcomes(state: &RunState) -> Vec<(u32, StepKind, Outcome)> {
    let steps = &state.search.as_ref().unwrap().steps;
    steps
        .iter()
        .map(|step| {
            (
                connections_of(step.trial.level),
                step.trial.kind,
                step.outcome,
            )
        })
        .collect()
}

fn connections_of(level: Level) -> u32 {
    match level {
        Level::Concurrency { connections } => connections,
        Level::Rate { .. } => panic!("{level:?}"),
    }
}

#[test]
fn the_first_step_comes_with_the_measurement() {
    let (state, effects, _) = go(&searching(), &[]);
    let since = state.load_started.unwrap();
    let step = StepPlan {
        step: 1,
        aim: timing().level.into(),
        settle_us: 1_000_000,
        window_us: 2_000_000,
    };
    let (_, all, _) = fold(&searching(), &begun());
    assert_eq!(effects, all);
    assert_eq!(
        all[1..],
        [
            Effect::Command {
                sequence: 1,
                at: since,
                action: Action::Start(Phase::Measurement)
            },
            Effect::Command {
                sequence: 2,
                at: since,
                action: Action::Step(step)
            },
        ]
    );
    assert_eq!(
        current(&state).to,
        since + Duration::from_secs(3),
        "with an interval's end"
    );

    let after_warmup = Timing {
        warmup: Duration::from_secs(3),
        ..searching()
    };
    let (warm, ..) = fold(&after_warmup, &begun());
    assert_eq!(warm.search, None);
    let (state, effects, _) = fold(&after_warmup, &to_measurement());
    assert!(matches!(
        effects[2..],
        [
            Effect::Command {
                action: Action::SetPhase(Phase::Measurement),
                ..
            },
            Effect::Command {
                action: Action::Step(_),
                ..
            }
        ]
    ));
    assert_eq!(current(&state).begins, state.phase_started().unwrap());
}

#[test]
fn each_step_follows_the_one_before_at_once() {
    let (first, ..) = go(&searching(), &[]);
    let (state, effects, now) = go(&searching(), &[measured(1, 800.0)]);
    let step = current(&state);
    assert_eq!(connections_of(step.trial.level), 16);
    assert_eq!(step.begins, now + STEP_LEAD);
    assert_eq!(
        step.to.since(state.load_started.unwrap()).subsec_micros(),
        0
    );
    assert!(step.from >= step.begins + Duration::from_millis(500));
    assert_eq!(step.to, step.from + Duration::from_secs(2));
    assert_eq!(state.level, Some(step.trial.level));
    assert_eq!(effects.len(), 1);
    let (third, ..) = go(&searching(), &[measured(1, 800.0), measured(2, 1_600.0)]);
    let steps = &third.search.as_ref().unwrap().steps;
    assert_eq!(steps[0].transition_us, 0);
    assert_eq!(
        steps[1].transition_us, 30_000,
        "20 ms for the figures, 10 ms ahead"
    );
    assert_eq!(steps[0].to, current(&first).to);
}

#[test]
fn a_step_does_not_begin_within_the_window_of_the_one_before() {
    let (state, _, now) = go(&searching(), &[]);
    let change = state.on(&searching(), measured(1, 800.0), now).unwrap();
    assert_eq!(current(&change.state).begins, current(&state).to);
}

#[test]
fn figures_of_another_step_change_nothing() {
    for step in [0, 2] {
        let (state, ..) = go(&searching(), &[]);
        assert_eq!(
            state.on(&searching(), measured(step, 9.0), T0).unwrap(),
            state.unchanged()
        );
    }
    let without = Timing {
        search: None,
        ..searching()
    };
    let (state, ..) = fold(&without, &begun());
    assert_eq!(
        state.on(&without, measured(1, 9.0), T0).unwrap(),
        state.unchanged()
    );
}

#[test]
fn a_search_that_is_over_ends_the_run() {
    let events = [
        measured(1, 800.0),
        measured(2, 1_600.0),
        measured(3, 3_200.0),
        measured(4, 3_200.0),
    ];
    let (state, effects, now) = go(&searching(), &events);
    assert_eq!(
        outcomes(&state),
        [
            (8, StepKind::Grow, Outcome::Passed),
            (16, StepKind::Grow, Outcome::Passed),
            (32, StepKind::Grow, Outcome::Passed),
            (32, StepKind::Confirm, Outcome::Passed),
        ]
    );
    let search = state.search.as_ref().unwrap();
    assert_eq!(search.end.as_ref().unwrap().0, SearchEnd::MaxLevel);
    assert_eq!(
        search.steps[3].to,
        search.steps[3].from + Duration::from_secs(4)
    );
    assert_eq!(state.end().unwrap().reason, StopReason::SearchFinished);
    assert_eq!(state.status(), Status::Stopping);
    let stop = Effect::Command {
        sequence: 6,
        at: now + STOP_LEAD,
        action: Action::stop(timing().drain),
    };
    assert_eq!(effects, [stop]);
}

#[test]
fn a_search_does_not_outlast_the_measurement() {
    let short = Timing {
        measurement: Duration::from_secs(5),
        ..searching()
    };
    let (state, ..) = go(&short, &[measured(1, 800.0)]);
    assert_eq!(state.end().unwrap().reason, StopReason::SearchFinished);
    let (end, message) = state.search.unwrap().end.unwrap();
    assert_eq!(end, SearchEnd::MaxTime);
    assert!(
        message.starts_with("step 2 would not have ended before"),
        "{message}"
    );
}

#[test]
fn the_figures_of_the_last_step_are_waited_for_and_not_for_ever() {
    let short = Timing {
        measurement: Duration::from_millis(2_500),
        ..searching()
    };
    let (state, ..) = go(&short, &[]);
    let to = current(&state).to;
    assert_eq!(state.deadline(), Some(to + STEP_DELIVERY));
    let (judged, ..) = go(&short, &[measured(1, 800.0)]);
    assert_eq!(outcomes(&judged), [(8, StepKind::Grow, Outcome::Passed)]);
    let late = state
        .on(&short, Event::DeadlineReached, to + STEP_DELIVERY)
        .unwrap()
        .state;
    assert_eq!(late.end().unwrap().reason, StopReason::DurationElapsed);
    assert_eq!(
        late.search.as_ref().unwrap().end.as_ref().unwrap().0,
        SearchEnd::MaxTime
    );
    assert_eq!(outcomes(&late), [(8, StepKind::Grow, Outcome::Abandoned)]);
}

#[test]
fn any_other_end_of_the_load_breaks_the_search_off() {
    for (event, end) in [
        (stop(), SearchEnd::Stopped),
        (abort(), SearchEnd::Stopped),
        (lost(0), SearchEnd::Stopped),
    ] {
        let (state, ..) = go(&searching(), &[measured(1, 800.0), event]);
        let search = state.search.as_ref().unwrap();
        assert_eq!(search.end.as_ref().unwrap().0, end);
        assert_eq!(search.end.as_ref().unwrap().1, state.end().unwrap().message);
        assert_eq!(search.current, None);
        assert_eq!(search.steps[1].outcome, Outcome::Abandoned);
    }
}

#[test]
fn people_do_not_set_the_level_of_a_search() {
    let (state, _, now) = go(&searching(), &[]);
    let refused = state.on(&searching(), connections(3), now).unwrap_err();
    assert_eq!(refused.why, Some("a search sets the level"));
}

#[test]
fn a_pause_breaks_the_step_off_and_it_is_repeated() {
    let events = [measured(1, 800.0), pause()];
    let (state, effects, now) = go(&searching(), &events);
    assert_eq!(effects.len(), 1);
    assert_eq!(state.search.as_ref().unwrap().current, None);
    assert_eq!(
        state.on(&searching(), measured(2, 9.0), now).unwrap(),
        state.unchanged()
    );
    let resume = adjust(Adjustment::Paused(false));
    let (state, effects, now) = go(&searching(), &then(events.to_vec(), &[resume]));
    let step = current(&state).trial;
    assert_eq!(
        (connections_of(step.level), step.kind, step.step),
        (16, StepKind::Repeat, 3)
    );
    let actions: Vec<&Action> = effects
        .iter()
        .map(|effect| match effect {
            Effect::Command { at, action, .. } => {
                assert_eq!(*at, now + ADJUST_LEAD);
                action
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(matches!(actions[..], [Action::Resume, Action::Step(_)]));
}
