//! Each stop signal.

use super::*;

/// A step of 10 connections with 1,000 per second, then 20 with 1,900.
fn steps() -> Progress {
    let trial = |step, level| Trial {
        step,
        kind: StepKind::Grow,
        level: connections(level),
    };
    let passed = |trial, figures| step(trial, Outcome::Passed, "", figures);
    Progress {
        steps: vec![
            passed(trial(1, 10), figures(1_000.0, 3_500.0)),
            passed(trial(2, 20), figures(1_900.0, 3_600.0)),
        ],
        ..Progress::default()
    }
}

fn check(stop: StopSignals, level: Level, measured: &Measured, expected: (Outcome, &str)) {
    let search = Search { stop, ..bisect() };
    let trial = Trial {
        step: 3,
        kind: StepKind::Grow,
        level,
    };
    let (outcome, message) = steps().judge(&search, trial, measured);
    assert_eq!((outcome, message.as_str()), expected);
}

fn brought(throughput: f64, p95_us: f64) -> Measured {
    Measured {
        figures: figures(throughput, p95_us),
        ..Measured::default()
    }
}

#[test]
fn without_a_signal_a_step_passes() {
    let level = connections(40);
    let mut measured = brought(3_000.0, 8_200.0);
    let words = "3000 per second, p95 8.20 ms, 0 of 30000 operations failed";
    check(
        StopSignals::default(),
        level,
        &measured,
        (Outcome::Passed, words),
    );
    measured.undecided = Some("objective \"p99\": too few".to_owned());
    let words = format!("{words}; not decided: objective \"p99\": too few");
    check(
        StopSignals::default(),
        level,
        &measured,
        (Outcome::Passed, &words),
    );
}

#[test]
fn queueing_comes_first() {
    let stop = StopSignals {
        max_queue_ratio: Some(0.1),
        ..StopSignals::default()
    };
    let mut measured = brought(3_000.0, 8_200.0);
    measured.figures.queue_ratio = Some(0.25);
    measured.figures.failed = 30_000;
    let expected = "25 % of the connections waited at the target; 10 % may";
    check(
        stop,
        connections(40),
        &measured,
        (Outcome::Queueing, expected),
    );
}

#[test]
fn failed_operations_count_by_their_share() {
    let mut measured = brought(3_000.0, 8_200.0);
    measured.figures.failed = 600;
    let expected = "600 of 30600 operations failed (1.96 %); 1 % may";
    check(
        StopSignals::default(),
        connections(40),
        &measured,
        (Outcome::Errors, expected),
    );
    let strict = StopSignals {
        max_error_ratio: 0.0,
        ..StopSignals::default()
    };
    measured.figures.failed = 1;
    let expected = "1 of 30001 operations failed (0 %); 0 % may";
    check(
        strict,
        connections(40),
        &measured,
        (Outcome::Errors, expected),
    );
}

#[test]
fn objectives_count_unless_they_are_ignored() {
    let mut measured = brought(3_000.0, 8_200.0);
    measured.failed_slo = Some("objective \"p99\": too slow".to_owned());
    let expected = (Outcome::Slo, "objective \"p99\": too slow");
    check(StopSignals::default(), connections(40), &measured, expected);
    let ignored = StopSignals {
        slos: false,
        ..StopSignals::default()
    };
    let passed = "3000 per second, p95 8.20 ms, 0 of 30000 operations failed";
    check(
        ignored,
        connections(40),
        &measured,
        (Outcome::Passed, passed),
    );
}

#[test]
fn the_latency_is_held_against_the_first_step() {
    let stop = StopSignals {
        max_latency_increase: Some(1.0),
        ..StopSignals::default()
    };
    let expected = "p95 8.20 ms is 2.34 times the first step's 3.50 ms; 2.00 times is allowed";
    let measured = brought(3_000.0, 8_200.0);
    check(
        stop,
        connections(40),
        &measured,
        (Outcome::Latency, expected),
    );
}

#[test]
fn the_throughput_is_held_against_the_highest_level_below() {
    let stop = StopSignals::default();
    let expected = "1500 per second are 21.05 % less than the 1900 of 20 connections; 10 % less is \
                    allowed";
    let fallen = brought(1_500.0, 3_500.0);
    check(
        stop,
        connections(40),
        &fallen,
        (Outcome::Throughput, expected),
    );
    // Below the second step's level the first is what counts.
    let passed = "1500 per second, p95 3.50 ms, 0 of 15000 operations failed";
    check(stop, connections(15), &fallen, (Outcome::Passed, passed));
    // What noise may have done fails no step.
    let mut noisy = fallen;
    noisy.figures.high_per_s = 1_720.0;
    check(stop, connections(40), &noisy, (Outcome::Passed, passed));
}

#[test]
fn a_window_in_which_nothing_ended_fails() {
    let expected = (Outcome::Throughput, "no operation ended in the window");
    check(
        StopSignals::default(),
        connections(40),
        &Measured::default(),
        expected,
    );
}

#[test]
fn an_open_loop_must_reach_its_rate() {
    let rate = |per_second: u64| Level::Rate {
        milli_per_s: per_second * 1_000,
    };
    let stop = StopSignals::default();
    let expected = "2940 of 3100 per second were achieved, 5.16 % less; 2 % less is allowed";
    let mut measured = brought(2_940.0, 3_500.0);
    check(stop, rate(3_100), &measured, (Outcome::Rate, expected));
    let passed = "2940 per second, p95 3.50 ms, 0 of 29400 operations failed";
    check(stop, rate(3_000), &measured, (Outcome::Passed, passed));
    // 3 s to settle, 1 s to align, 10 s of window: 42,000 were due.
    measured.backlog = 840;
    check(stop, rate(3_000), &measured, (Outcome::Passed, passed));
    measured.backlog = 2_100;
    let expected = "2100 operations waited at the end, 5 % of those due since the step began; 2 % \
                    may";
    check(stop, rate(3_000), &measured, (Outcome::Rate, expected));
}

#[test]
fn added_connections_must_bring_their_share() {
    let stop = StopSignals {
        min_gain: Some(0.5),
        ..StopSignals::default()
    };
    let measured = brought(2_600.0, 3_500.0);
    let expected = "20 more connections than 20 brought 700 per second, 35 % of the ideal gain; \
                    50 % are asked for";
    check(stop, connections(40), &measured, (Outcome::Gain, expected));
    let mut noisy = measured;
    noisy.figures.high_per_s = 2_950.0;
    let passed = "2600 per second, p95 3.50 ms, 0 of 26000 operations failed";
    check(stop, connections(40), &noisy, (Outcome::Passed, passed));
}

#[test]
fn a_limit_of_the_generator_outweighs_all() {
    let mut measured = brought(3_000.0, 8_200.0);
    measured.figures.failed = 30_000;
    measured.generator = Some("worker w1 used 95 % of its processors".to_owned());
    let expected = (Outcome::Generator, "worker w1 used 95 % of its processors");
    check(StopSignals::default(), connections(40), &measured, expected);
}

#[test]
fn the_baseline_is_the_first_step_that_says_something() {
    let mut progress = steps();
    let trial = progress.steps[0].trial;
    let broken = step(trial, Outcome::Abandoned, "", figures(1.0, 1.0));
    progress.steps.insert(0, broken);
    assert_eq!(progress.baseline_p95_us(), Some(3_500.0));
}
