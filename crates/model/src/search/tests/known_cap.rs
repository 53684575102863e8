//! The check: a pool of k servers with a fixed sleep.

use super::*;

const SEEDS: u64 = 20;
const SERVICE_S: f64 = 0.01;
const SIZES: [u32; 11] = [7, 12, 16, 25, 40, 64, 77, 128, 200, 301, 400];

/// A template's author knows the order of magnitude.
fn first(servers: u32) -> u32 {
    if servers < 50 { 4 } else { 16 }
}

/// What a window of ten seconds brings when each second's throughput scatters by
/// 1 % and the p95 by 0.3 %.
fn noisy(chance: &mut Chance, throughput: f64, p95_us: f64) -> Figures {
    let seconds: Vec<f64> = (0..10)
        .map(|_| throughput * (1.0 + 0.01 * chance.normal()))
        .collect();
    let mean = seconds.iter().sum::<f64>() / 10.0;
    let variance = seconds.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / 9.0;
    let half = crate::search::student::quantile(9) * (variance / 10.0).sqrt();
    Figures {
        low_per_s: mean - half,
        high_per_s: mean + half,
        ..figures(mean, p95_us * (1.0 + 0.003 * chance.normal()))
    }
}

/// N connections at k servers: as many are served at once as there are servers,
/// the others wait their turn.
fn closed(chance: &mut Chance, servers: u32, level: Level) -> Figures {
    let (k, n) = (f64::from(servers), level.value());
    noisy(
        chance,
        n.min(k) / SERVICE_S,
        SERVICE_S * 1e6 * (n / k).max(1.0),
    )
}

/// A rate at k servers: beyond what they do, the queue grows for the 13 seconds
/// of a step.
fn open(chance: &mut Chance, servers: u32, level: Level) -> Measured {
    let (most, rate) = (f64::from(servers) / SERVICE_S, level.value());
    let left = ((rate - most) * 13.0).max(0.0);
    let p95 = SERVICE_S + left / most * 0.95;
    Measured {
        figures: noisy(chance, rate.min(most), p95 * 1e6),
        backlog: left as u64,
        ..Measured::default()
    }
}

/// The search must find what is there to 3 % or one connection.
fn check(progress: &Progress, cap: f64, unit: f64, what: &str) {
    let found = progress.best().expect("a level passed").trial.level.value();
    let (end, message) = progress.end.as_ref().expect("it ended");
    let probes = progress.steps.len();
    assert_eq!(*end, SearchEnd::Found, "{what}: {message}");
    assert!(probes <= 15, "{what}: {probes} probes");
    assert!(
        (found - cap).abs() <= (0.03 * cap).max(unit),
        "{what}: found {found} in {probes} probes: {message}"
    );
}

#[test]
fn the_size_of_a_pool_is_found_by_the_latency() {
    let mut search = bisect();
    search.stop.max_latency_increase = Some(0.02);
    for servers in SIZES {
        for seed in 0..SEEDS {
            let mut chance = Chance(seed);
            let progress = run(&search, connections(first(servers)), |trial| Measured {
                figures: closed(&mut chance, servers, trial.level),
                ..Measured::default()
            });
            check(
                &progress,
                f64::from(servers),
                1.0,
                &format!("{servers} servers, seed {seed}"),
            );
        }
    }
}

#[test]
fn the_size_of_a_pool_is_found_by_an_objective() {
    for servers in SIZES {
        for seed in 0..SEEDS {
            let mut chance = Chance(seed);
            let progress = run(&bisect(), connections(first(servers)), |trial| {
                let figures = closed(&mut chance, servers, trial.level);
                let late = figures.response.p95_us > SERVICE_S * 1.015 * 1e6;
                Measured {
                    failed_slo: late.then(|| "too slow".to_owned()),
                    figures,
                    ..Measured::default()
                }
            });
            check(
                &progress,
                f64::from(servers),
                1.0,
                &format!("{servers} servers, seed {seed}"),
            );
        }
    }
}

#[test]
fn the_size_of_a_pool_is_found_by_the_gain() {
    let mut search = bisect();
    search.stop.min_gain = Some(0.9);
    for servers in SIZES {
        for seed in 0..SEEDS {
            let mut chance = Chance(seed);
            let progress = run(&search, connections(first(servers)), |trial| Measured {
                figures: closed(&mut chance, servers, trial.level),
                ..Measured::default()
            });
            check(
                &progress,
                f64::from(servers),
                1.0,
                &format!("{servers} servers, seed {seed}"),
            );
        }
    }
}

#[test]
fn the_rate_of_a_pool_is_found() {
    let mut search = bisect();
    search.max_level = 1e6;
    search.stop.max_rate_shortfall = 0.01;
    for servers in SIZES {
        for seed in 0..SEEDS {
            let mut chance = Chance(seed);
            let first = Level::Rate {
                milli_per_s: u64::from(first(servers)) * 100_000,
            };
            let progress = run(&search, first, |trial| {
                open(&mut chance, servers, trial.level)
            });
            let cap = f64::from(servers) / SERVICE_S;
            check(
                &progress,
                cap,
                0.0,
                &format!("{servers} servers, seed {seed}"),
            );
        }
    }
}
