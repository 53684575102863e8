//! The law of scalability and the knee.

use std::collections::BTreeMap;

use super::*;
use crate::search::{
    Fit,
    fit::{Point, of_points},
    knee::knee,
};

/// What a search that grows by 2 and bisects tries.
const LEVELS: [f64; 12] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0,
];

fn law(n: f64, sigma: f64, kappa: f64) -> f64 {
    1_000.0 * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0))
}

fn noisy(seed: u64, sigma: f64, kappa: f64) -> Vec<Point> {
    let mut chance = Chance(seed);
    LEVELS
        .iter()
        .map(|&n| Point {
            n,
            x: law(n, sigma, kappa) * (1.0 + 0.01 * chance.normal()),
        })
        .collect()
}

fn steps(points: &[(f64, f64, f64)]) -> Vec<Step> {
    points
        .iter()
        .zip(1..)
        .map(|(&(n, throughput, p95_us), number)| {
            let trial = Trial {
                step: number,
                kind: StepKind::Grow,
                level: connections(n as u32),
            };
            step(trial, Outcome::Passed, "", figures(throughput, p95_us))
        })
        .collect()
}

/// A closed loop's response time follows from its throughput (Little's law).
fn curve(throughput: impl Fn(f64) -> f64) -> Vec<Step> {
    let points: Vec<_> = LEVELS
        .iter()
        .map(|&n| (n, throughput(n), n / throughput(n) * 1e6))
        .collect();
    steps(&points)
}

#[test]
fn the_law_is_the_formula() {
    let fit = Fit {
        lambda: 100.0,
        sigma: 0.1,
        sigma_interval: (0.0, 0.2),
        kappa: 0.01,
        kappa_interval: (0.0, 0.02),
        peak: None,
        r_squared: 1.0,
        residuals: vec![],
    };
    for (connections, throughput) in [(0.0, 0.0), (1.0, 100.0), (10.0, 1_000.0 / 2.8)] {
        assert!((fit.throughput(connections) - throughput).abs() < 1e-9);
    }
    // Where its denominator is not above 0 the law says nothing.
    let steep = Fit { kappa: 4.0, ..fit };
    assert!(steep.throughput(0.5).abs() < 1e-9);
}

#[test]
fn the_law_is_recovered() {
    for (sigma, kappa) in [(0.05, 0.001), (0.1, 0.0005), (0.03, 0.0002)] {
        for seed in 0..20 {
            let fit = of_points(&noisy(seed, sigma, kappa)).unwrap();
            let what = format!("seed {seed}: {fit:?}");
            assert!((fit.sigma / sigma - 1.0).abs() < 0.1, "{what}");
            assert!((fit.kappa / kappa - 1.0).abs() < 0.1, "{what}");
            let most = ((1.0 - sigma) / kappa).sqrt();
            let (peak, throughput) = fit.peak.expect("a maximum");
            assert!((peak / most - 1.0).abs() < 0.1, "{what}");
            assert!(
                (throughput / law(most, sigma, kappa) - 1.0).abs() < 0.03,
                "{what}"
            );
            assert!(fit.r_squared > 0.99, "{what}");
            assert_eq!(fit.residuals.len(), LEVELS.len());
        }
    }
}

#[test]
fn the_intervals_hold_the_truth_about_as_often_as_they_say() {
    let (sigma, kappa) = (0.05, 0.001);
    let mut held = (0, 0);
    for seed in 0..400 {
        let fit = of_points(&noisy(seed, sigma, kappa)).unwrap();
        held.0 += u32::from((fit.sigma_interval.0..=fit.sigma_interval.1).contains(&sigma));
        held.1 += u32::from((fit.kappa_interval.0..=fit.kappa_interval.1).contains(&kappa));
    }
    assert!(held.0 > 365 && held.1 > 365, "{held:?} of 400");
}

#[test]
fn what_is_linear_has_neither_maximum_nor_knee() {
    for seed in 0..20 {
        let points = noisy(seed, 0.0, 0.0);
        assert_eq!(of_points(&points).unwrap().peak, None, "seed {seed}");
        let steps = steps(
            &points
                .iter()
                .map(|it| (it.n, it.x, 1e3))
                .collect::<Vec<_>>(),
        );
        let (level, message) = knee(&steps);
        assert_eq!(level, None, "seed {seed}: {message}");
    }
    let exact = of_points(&LEVELS.map(|n| Point { n, x: n * 100.0 })).unwrap();
    assert_eq!((exact.peak, exact.r_squared > 0.999_999), (None, true));
}

#[test]
fn too_few_levels_cannot_be_fitted() {
    let points = [(1.0, 10.0), (2.0, 19.0), (4.0, 35.0), (4.0, 36.0)].map(|(n, x)| Point { n, x });
    assert_eq!(
        of_points(&points).unwrap_err(),
        "the law needs 4 levels with a throughput, there are 3"
    );
}

#[test]
fn the_knee_of_a_pool_is_its_size() {
    let (level, message) = knee(&curve(|n| 100.0 * n.min(48.0)));
    assert_eq!(level, Some(connections(48)), "{message}");
    assert_eq!(
        message,
        "from 48 connections to 192 connections the throughput changes by a factor of 1.00 and \
         p95 by 4.00"
    );
}

#[test]
fn a_bend_without_latency_is_no_knee() {
    let points: Vec<_> = LEVELS
        .iter()
        .map(|&n| (n, 100.0 * n.min(48.0), 1e3))
        .collect();
    let (level, message) = knee(&steps(&points));
    assert_eq!(level, None);
    assert!(
        message.starts_with("more load does not bring mostly latency"),
        "{message}"
    );
}

#[test]
fn findings_take_the_refined_figures() {
    let mut progress = Progress {
        steps: curve(|n| law(n, 0.05, 0.001)),
        ..Progress::default()
    };
    progress.end = Some((SearchEnd::MaxLevel, "192 connections passed".to_owned()));
    let refined = BTreeMap::from([(2, figures(1_234.0, 5.0))]);
    let findings = progress.findings(&refined);
    assert_eq!(findings.steps[1].figures, figures(1_234.0, 5.0));
    assert_eq!(findings.steps[0], progress.steps[0]);
    assert_eq!(
        (findings.best, findings.best_step),
        (Some(connections(192)), 12)
    );
    assert_eq!((findings.end, findings.failed), (SearchEnd::MaxLevel, None));
    assert!(findings.fit.is_ok());
}

#[test]
fn an_open_loop_has_no_law() {
    let mut steps = curve(|n| n);
    for step in &mut steps {
        step.trial.level = Level::Rate { milli_per_s: 1_000 };
    }
    let progress = Progress {
        steps,
        ..Progress::default()
    };
    let findings = progress.findings(&BTreeMap::new());
    assert!(findings.fit.is_err());
    assert_eq!(findings.end, SearchEnd::Stopped);
    assert_eq!(
        findings.message,
        "the run ended before the search did; 1 per second passed"
    );
}
