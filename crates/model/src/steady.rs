//! When a load is steady: the end of a warmup that goes by readiness.
//!
//! The last window of seconds must be level, in throughput and in the median of
//! the response time: its seconds scatter little, its halves agree with each
//! other and its ends with the whole, and a line through it does not rise or
//! fall. Medians carry all of it (the median absolute deviation; Theil and Sen's
//! slope: P. K. Sen, "Estimates of the regression coefficient based on Kendall's
//! tau", 1968), so that single odd seconds change nothing.
//!
//! A slow warmup looks level through a short window. So the window grows with
//! what there is to compare with: it is at least [`SHARE`] of all seconds so far.

use std::collections::VecDeque;

use crate::template::UntilSteady;

/// What became of one second of load, over all workers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Second {
    /// Operations that succeeded, per second.
    pub throughput_per_s: f64,
    /// The median of their response times, microseconds.
    pub p50_us: f64,
}

/// The load is steady.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steady {
    /// How that shows, with figures.
    pub message: String,
}

/// The least share of the seconds so far that must be level.
const SHARE: f64 = 0.3;
/// The longest window that is kept; template windows are no longer.
const MOST_SECONDS: usize = 3_600;
/// The trend is looked at over at most so many points, each the median of some
/// seconds: its cost grows with their square.
const MOST_POINTS: usize = 60;
/// The standard deviation of normal noise as a multiple of its median absolute
/// deviation.
const NORMAL: f64 = 1.482_6;
/// The ends of a window have at least so many seconds: the median of three
/// passes one odd second over.
const LEAST_END: usize = 3;

/// Watches a load, second by second.
#[derive(Clone, Debug)]
pub struct Detector {
    until: UntilSteady,
    seen: usize,
    seconds: VecDeque<Second>,
}

impl Detector {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(until: UntilSteady) -> Self {
        Self {
            until,
            seen: 0,
            seconds: VecDeque::new(),
        }
    }

    /// Takes the next second; a second in which nothing succeeded is never
    /// steady. Says whether the load is steady by now.
    pub fn push(&mut self, second: Second) -> Option<Steady> {
        self.seen += 1;
        self.seconds.push_back(second);
        if self.seconds.len() > MOST_SECONDS {
            self.seconds.pop_front();
        }
        let window = (self.until.window.as_secs_f64().ceil() as usize).clamp(2, MOST_SECONDS);
        let grown = (self.seen as f64 * SHARE).ceil() as usize;
        let length = window.max(grown.min(MOST_SECONDS));
        let from = self.seconds.len().checked_sub(length)?;
        let series = |figure: fn(&Second) -> f64| -> Vec<f64> {
            self.seconds.range(from..).map(figure).collect()
        };
        let throughput = Shape::of(&series(|second| second.throughput_per_s))?;
        let latency = Shape::of(&series(|second| second.p50_us))?;
        let tolerance = self.until.tolerance;
        (throughput.is_level(tolerance) && latency.is_level(tolerance)).then(|| Steady {
            message: format!(
                "steady for {length} s: throughput {:.1}/s (halves {:.1} % apart), median response time {:.3} ms (halves {:.1} % apart)",
                throughput.level,
                throughput.step * 100.0,
                latency.level / 1e3,
                latency.step * 100.0
            ),
        })
    }
}

/// How level a series is; shares are of its level.
struct Shape {
    /// Its median.
    level: f64,
    /// How its seconds scatter, as the standard deviation of normal noise.
    scatter: f64,
    /// Between the medians of its halves.
    step: f64,
    /// Of the first or the last third from the whole. The halves' medians do
    /// not see a jump that has just happened.
    ends: f64,
    /// What a line through it rises or falls over its length, as far as that is
    /// more than its standard error.
    trend: f64,
}

impl Shape {
    /// `None` when a second has no value.
    fn of(series: &[f64]) -> Option<Self> {
        if series.iter().any(|value| *value <= 0.0) {
            return None;
        }
        let level = median(series.to_vec());
        let away = series.iter().map(|value| (value - level).abs()).collect();
        let (early, late) = series.split_at(series.len() / 2);
        let end = (series.len() / 3).max(LEAST_END).min(series.len());
        let ends = [&series[..end], &series[series.len() - end..]];
        let off = ends.map(|end| (median(end.to_vec()) - level).abs());
        Some(Self {
            level,
            scatter: NORMAL * median(away) / level,
            step: (median(late.to_vec()) - median(early.to_vec())).abs() / level,
            ends: off[0].max(off[1]) / level,
            trend: trend(&points(series)) / level,
        })
    }

    fn is_level(&self, tolerance: f64) -> bool {
        let all = [self.scatter, self.step, self.ends, self.trend];
        all.iter().all(|share| *share <= tolerance)
    }
}

/// The series, shortened by medians of neighbours where it is long.
fn points(series: &[f64]) -> Vec<f64> {
    let each = series.len().div_ceil(MOST_POINTS);
    series
        .chunks(each)
        .map(|chunk| median(chunk.to_vec()))
        .collect()
}

/// What Theil and Sen's line rises or falls over the points, less its standard
/// error: that of a slope over `n` equally spaced points is
/// `noise * sqrt(12 / (n^3 - n))`.
fn trend(points: &[f64]) -> f64 {
    let pairs = points.iter().enumerate().flat_map(|(at, one)| {
        let later = points[at + 1..].iter().zip(1_u32..);
        later.map(move |(other, apart)| (other - one) / f64::from(apart))
    });
    let slope = median(pairs.collect());
    let line = |(at, value): (usize, &f64)| value - slope * at as f64;
    let flat: Vec<f64> = points.iter().enumerate().map(line).collect();
    let middle = median(flat.clone());
    let noise = NORMAL * median(flat.iter().map(|value| (value - middle).abs()).collect());
    let n = points.len() as f64;
    let error = noise * (12.0 / (n * n * n - n)).sqrt();
    ((slope.abs() - error) * n).max(0.0)
}

/// The median; 0 of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    if middle >= values.len() {
        return 0.0;
    }
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = below.iter().copied().max_by(f64::total_cmp);
    match lower {
        Some(lower) if even => f64::midpoint(lower, *upper),
        _ => *upper,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SEEDS: u64 = 20;
    const TOLERANCE: f64 = 0.05;

    fn detector(window: u64) -> Detector {
        Detector::new(UntilSteady {
            window: Duration::from_secs(window),
            tolerance: TOLERANCE,
        })
    }

    /// Noise that is about normal, of standard deviation 1 (the sum of twelve
    /// uniform numbers), by splitmix64.
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> f64 {
            let mut uniform = || {
                self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
            };
            (0..12).map(|_| uniform()).sum::<f64>() - 6.0
        }
    }

    /// When a closed loop whose throughput follows `curve` is steady within ten
    /// minutes. Both series have noise, as a share of their level.
    fn cut(window: u64, noise: f64, seed: u64, curve: impl Fn(f64) -> f64) -> Option<u32> {
        let mut detector = detector(window);
        let mut normal = Noise(seed);
        let mut noise = || 1.0 + noise * normal.next();
        (1..=600).find(|second| {
            let x = curve(f64::from(*second) - 0.5);
            let second = Second {
                throughput_per_s: 1_000.0 * x * noise(),
                p50_us: 8_000.0 / x * noise(),
            };
            detector.push(second).is_some()
        })
    }

    /// The true knee is where the curve comes within the tolerance of its limit
    /// for good. The warmup must not end before that (less a tenth), and the
    /// window is all that it may take longer (and a tenth).
    #[test]
    fn a_warmup_curve_is_cut_at_its_knee() {
        for tau in [5.0, 8.0, 12.0, 20.0, 30.0_f64] {
            let knee = tau * (0.6 / TOLERANCE).ln();
            for seed in 0..SEEDS {
                let cut = cut(10, 0.01, seed, |t| 1.0 - 0.6 * (-t / tau).exp());
                let cut = f64::from(cut.expect("it gets steady"));
                assert!(
                    cut >= 0.9 * knee && cut <= 1.1 * (knee + 10.0),
                    "tau {tau}, seed {seed}: cut at {cut}, knee at {knee:.1}"
                );
            }
        }
    }

    #[test]
    fn a_sawtooth_is_never_steady() {
        for period in [3.0, 7.0, 10.0, 13.0, 25.0, 40.0] {
            for seed in 0..SEEDS {
                let saw = |t: f64| 0.5 + 0.5 * (t / period).fract();
                assert_eq!(
                    cut(10, 0.01, seed, saw),
                    None,
                    "period {period}, seed {seed}"
                );
            }
        }
    }

    #[test]
    fn a_constant_is_steady_as_soon_as_the_window_is_full() {
        for window in [10, 20, 60] {
            for seed in 0..SEEDS {
                let at = cut(window, 0.02, seed, |_| 1.0);
                assert_eq!(at, Some(window as u32), "window {window}, seed {seed}");
            }
        }
    }

    #[test]
    fn a_jump_is_waited_for_and_left_behind() {
        for seed in 0..SEEDS {
            let jump = |t: f64| if t < 8.0 { 0.3 } else { 1.0 };
            let cut = cut(10, 0.02, seed, jump).unwrap();
            assert!((14..=20).contains(&cut), "seed {seed}: cut at {cut}");
        }
    }

    #[test]
    fn a_second_without_a_success_is_not_steady() {
        let mut detector = detector(5);
        let full = Second {
            throughput_per_s: 100.0,
            p50_us: 1_000.0,
        };
        let empty = Second {
            throughput_per_s: 0.0,
            p50_us: 0.0,
        };
        for second in [full, full, empty, full, full, full, full] {
            assert_eq!(detector.push(second), None);
        }
        let steady = detector.push(full).unwrap();
        assert_eq!(
            steady.message,
            "steady for 5 s: throughput 100.0/s (halves 0.0 % apart), median response time 1.000 ms (halves 0.0 % apart)"
        );
    }

    #[test]
    fn one_odd_second_changes_nothing() {
        let mut detector = detector(10);
        let steady = (1..=10).find(|second| {
            let p50_us = if *second == 4 { 90_000.0 } else { 1_000.0 };
            detector
                .push(Second {
                    throughput_per_s: 100.0,
                    p50_us,
                })
                .is_some()
        });
        assert_eq!(steady, Some(10));
    }

    #[test]
    fn medians_are_of_the_middle() {
        for (values, expected) in [
            (vec![], 0.0),
            (vec![3.0], 3.0),
            (vec![3.0, 1.0], 2.0),
            (vec![9.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0, 2.0, 3.0], 2.5),
        ] {
            assert!((median(values) - expected).abs() < 1e-12);
        }
    }
}
