//! Which levels are tried, and that it ends.

use super::*;
use crate::search::{Current, StepKind as K};

/// Every trial above `cap` connections fails.
fn capped(search: &Search, first: u32, cap: u64) -> Progress {
    drive(search, connections(first), |_, trial| {
        of_cap(trial, level::units(trial.level) <= cap)
    })
}

fn of_cap(trial: Trial, passes: bool) -> (Outcome, String, Figures) {
    let outcome = if passes {
        Outcome::Passed
    } else {
        Outcome::Latency
    };
    (
        outcome,
        format!("as told at step {}", trial.step),
        Figures::default(),
    )
}

/// The outcomes of the steps in their order; those beyond pass.
fn told(search: &Search, first: u32, outcomes: &[Outcome]) -> Progress {
    drive(search, connections(first), |_, trial| {
        let outcome = outcomes
            .get(trial.step as usize - 1)
            .copied()
            .unwrap_or(Outcome::Passed);
        (
            outcome,
            format!("as told at step {}", trial.step),
            Figures::default(),
        )
    })
}

#[test]
fn it_grows_then_halves_the_gap_then_confirms() {
    let progress = capped(&bisect(), 8, 45);
    assert_eq!(
        tried(&progress),
        [
            (K::Grow, 8),
            (K::Grow, 16),
            (K::Grow, 32),
            (K::Grow, 64),
            (K::Bisect, 48),
            (K::Bisect, 40),
            (K::Bisect, 44),
            (K::Bisect, 46),
            (K::Bisect, 45),
            (K::Confirm, 45),
        ]
    );
    assert_eq!(
        progress.end,
        Some((
            SearchEnd::Found,
            "45 connections passed and held in the confirmation, 46 connections failed: as told \
             at step 8; the first failure was 64 connections: as told at step 4"
                .to_owned()
        ))
    );
    assert_eq!(progress.best().map(|step| step.trial.step), Some(10));
    assert_eq!(progress.failed(), Some(connections(46)));
}

#[test]
fn rates_are_halved_down_to_the_resolution() {
    let first = Level::Rate {
        milli_per_s: 100_000,
    };
    let progress = drive(&bisect(), first, |_, trial| {
        of_cap(trial, trial.level.value() <= 333.3)
    });
    let best = progress.best().unwrap().trial.level.value();
    let failed = progress.failed().unwrap().value();
    assert!(best <= 333.3 && failed > 333.3 && failed - best <= 0.03 * failed);
    assert_eq!(progress.steps.last().unwrap().trial.kind, K::Confirm);
}

#[test]
fn a_confirmation_that_fails_makes_the_level_failed() {
    let mut confirmations = 0;
    let progress = drive(&bisect(), connections(8), |_, trial| {
        let confirms = trial.kind == K::Confirm;
        confirmations += u32::from(confirms);
        let cap = if confirms { 40 } else { 45 };
        of_cap(trial, level::units(trial.level) <= cap)
    });
    assert_eq!(
        tried(&progress)[9..],
        [
            (K::Confirm, 45),
            (K::Confirm, 44),
            (K::Bisect, 42),
            (K::Bisect, 43),
            (K::Confirm, 43),
            (K::Confirm, 42),
            (K::Bisect, 41),
            (K::Confirm, 41),
            (K::Confirm, 40),
        ]
    );
    assert_eq!(progress.best().unwrap().trial.level, connections(40));
    assert_eq!(progress.failed(), Some(connections(41)));
    assert_eq!(confirmations, 6);
}

#[test]
fn the_highest_level_allowed_ends_it() {
    let progress = capped(&bisect(), 300, 5_000);
    assert_eq!(
        tried(&progress),
        [
            (K::Grow, 300),
            (K::Grow, 600),
            (K::Grow, 1_000),
            (K::Confirm, 1_000)
        ]
    );
    assert_eq!(end(&progress), SearchEnd::MaxLevel);
    assert_eq!(progress.failed(), None);
}

#[test]
fn a_first_level_that_fails_ends_it() {
    for search in [bisect(), linear(10.0, 3)] {
        let progress = capped(&search, 8, 7);
        assert_eq!(tried(&progress), [(K::Grow, 8)]);
        assert_eq!(
            progress.end,
            Some((
                SearchEnd::NonePassed,
                "no level passed: 8 connections failed: as told at step 1; begin lower or allow \
                 more"
                    .to_owned()
            ))
        );
        assert_eq!(progress.best(), None);
    }
}

#[test]
fn the_most_steps_end_it() {
    let search = Search {
        max_steps: 6,
        ..bisect()
    };
    let progress = capped(&search, 8, 45);
    assert_eq!(progress.steps.len(), 6);
    assert_eq!(end(&progress), SearchEnd::MaxSteps);
    assert_eq!(progress.best().unwrap().trial.level, connections(40));
}

#[test]
fn the_way_down_shows_hysteresis_and_changes_nothing() {
    let mut search = bisect();
    search.method = Method::Bisect(Bisect {
        growth: 2.0,
        resolution: 0.03,
        descend: true,
    });
    let calm = capped(&search, 8, 45);
    let down = [(K::Descend, 46), (K::Descend, 45), (K::Descend, 32)];
    assert_eq!(tried(&calm)[10..], down);
    assert!(calm.end.as_ref().unwrap().1.ends_with("passed again"));

    let stuck = drive(&search, connections(8), |_, trial| {
        let cap = if trial.kind == K::Descend { 35 } else { 45 };
        of_cap(trial, level::units(trial.level) <= cap)
    });
    assert_eq!(tried(&stuck)[10..], down);
    let (end, message) = stuck.end.clone().unwrap();
    assert_eq!(end, SearchEnd::Found);
    assert!(
        message.ends_with(
            "hysteresis: on the way down failed what had passed before: 45 connections (as told \
             at step 12)"
        ),
        "{message}"
    );
    assert_eq!(stuck.best().map(|step| step.trial.step), Some(10));
    assert_eq!(stuck.failed(), Some(connections(46)));

    search.max_steps = 11;
    let cut = capped(&search, 8, 45);
    assert_eq!((cut.steps.len(), super::end(&cut)), (11, SearchEnd::Found));
}

#[test]
fn linear_steps_go_back_and_halve_and_go_on() {
    let progress = capped(&linear(10.0, 3), 10, 34);
    assert_eq!(
        tried(&progress),
        [
            (K::Grow, 10),
            (K::Grow, 20),
            (K::Grow, 30),
            (K::Grow, 40),
            (K::BackOff, 30),
            (K::Bisect, 35),
            (K::BackOff, 30),
            (K::Bisect, 32),
            (K::Grow, 35),
            (K::BackOff, 32),
            (K::Bisect, 33),
            (K::Confirm, 33),
        ]
    );
    let (end, message) = progress.end.clone().unwrap();
    assert_eq!(end, SearchEnd::Found);
    assert!(message.ends_with("the first failure was 40 connections: as told at step 4"));
    assert_eq!(progress.failed(), Some(connections(35)));
}

#[test]
fn linear_steps_pass_by_a_failure_that_was_noise() {
    let outcomes = [Outcome::Passed, Outcome::Passed, Outcome::Slo];
    let mut search = linear(10.0, 3);
    search.max_level = 50.0;
    let progress = told(&search, 10, &outcomes);
    assert_eq!(
        tried(&progress)[3..],
        [
            (K::BackOff, 20),
            (K::Bisect, 25),
            (K::Grow, 30),
            (K::Grow, 40),
            (K::Grow, 50),
            (K::Confirm, 50),
        ]
    );
    assert_eq!(end(&progress), SearchEnd::MaxLevel);
}

#[test]
fn without_steps_back_the_first_failure_ends_linear_steps() {
    let progress = capped(&linear(10.0, 0), 10, 34);
    assert_eq!(tried(&progress)[3..], [(K::Grow, 40), (K::Confirm, 30)]);
    assert_eq!(progress.best().unwrap().trial.level, connections(30));
}

#[test]
fn what_says_nothing_is_repeated_with_the_same_window() {
    let mut search = bisect();
    search.max_level = 16.0;
    let outcomes = [
        Outcome::Abandoned,
        Outcome::Generator,
        Outcome::Passed,
        Outcome::Passed,
        Outcome::Abandoned,
    ];
    let mut windows = Vec::new();
    let progress = drive(&search, connections(8), |progress, trial| {
        windows.push(progress.window(&search, trial.kind).as_secs());
        let outcome = outcomes.get(progress.steps.len()).copied();
        (
            outcome.unwrap_or(Outcome::Passed),
            String::new(),
            Figures::default(),
        )
    });
    assert_eq!(
        tried(&progress),
        [
            (K::Grow, 8),
            (K::Repeat, 8),
            (K::Repeat, 8),
            (K::Grow, 16),
            (K::Confirm, 16),
            (K::Repeat, 16),
        ]
    );
    assert_eq!(windows, [10, 10, 10, 10, 20, 20]);
    assert_eq!(progress.best().map(|step| step.trial.step), Some(6));
}

#[test]
fn a_level_that_never_says_anything_ends_it() {
    for (outcome, expected) in [
        (Outcome::Abandoned, SearchEnd::Stopped),
        (Outcome::Generator, SearchEnd::Generator),
    ] {
        let progress = told(&bisect(), 8, &[outcome; 40]);
        assert_eq!(progress.steps.len(), 4);
        assert_eq!(end(&progress), expected);
    }
}

#[test]
fn a_limit_of_the_generator_ends_it_when_no_worker_can_be_added() {
    let trial = Trial {
        step: 1,
        kind: K::Grow,
        level: connections(8),
    };
    let progress = Progress {
        steps: vec![step(
            trial,
            Outcome::Generator,
            "worker w1 is busy",
            Figures::default(),
        )],
        ..Progress::default()
    };
    let next = progress.next(&bisect(), connections(8), false);
    assert_eq!(
        next,
        Next::End(
            SearchEnd::Generator,
            "the generator is the limit at 8 connections and no worker can be added: worker w1 \
             is busy; no level passed"
                .to_owned()
        )
    );
}

#[test]
fn the_preview_is_what_follows_a_pass() {
    let trial = |step, level| Trial {
        step,
        kind: K::Grow,
        level: connections(level),
    };
    let current = |trial| {
        Some(Current {
            trial,
            begins: Timestamp(0),
            from: Timestamp(0),
            to: Timestamp(0),
        })
    };
    let mut search = bisect();
    search.confirm = Duration::ZERO;
    let mut progress = Progress {
        current: current(trial(1, 500)),
        ..Progress::default()
    };
    let preview = |progress: &Progress| progress.preview(&search, connections(500));
    assert_eq!(preview(&progress), Some(connections(1_000)));
    progress
        .steps
        .push(step(trial(1, 500), Outcome::Passed, "", Figures::default()));
    progress.current = current(trial(2, 1_000));
    assert_eq!(preview(&progress), None);
    progress.current = None;
    assert_eq!(preview(&progress), None);
}
