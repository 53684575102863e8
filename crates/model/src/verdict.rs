//! Whether an objective was met, and how sure that is.
//!
//! "p99 is at most L" is a statement about a share: of all operations, at most
//! 1 % may take longer. With `t` violations among `n` operations it holds with
//! confidence `c` when so few violations would be seen with probability at most
//! `1 - c` if the true share were exactly 1 % (a one-sided Clopper-Pearson
//! bound; `MLPerf`'s early stopping rests on the same sum). It is refuted in the
//! same way from the other side. Between the two lies INCONCLUSIVE. The bound
//! takes operations as independent.

use serde::{Deserialize, Serialize};

/// Whether an objective was met. The greater is the worse for a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Met, with the confidence asked for.
    Pass,
    /// Too few operations to say; no data is never a pass.
    Inconclusive,
    /// Not met, with the confidence asked for.
    Fail,
}

/// Judges "the share of violations is at most `allowed`".
///
/// `allowed` and `confidence` are between 0 and 1. An `allowed` of 0 is met by
/// any operation without a violation.
#[must_use]
pub fn of_share(violations: u64, operations: u64, allowed: f64, confidence: f64) -> Verdict {
    if operations == 0 {
        return Verdict::Inconclusive;
    }
    if allowed <= 0.0 {
        return if violations == 0 {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
    }
    if allowed >= 1.0 {
        return Verdict::Pass;
    }
    let doubt = 1.0 - confidence;
    if at_most(violations, operations, allowed) <= doubt {
        Verdict::Pass
    } else if violations > 0 && 1.0 - at_most(violations - 1, operations, allowed) <= doubt {
        Verdict::Fail
    } else {
        Verdict::Inconclusive
    }
}

/// Judges "the mean is at least `floor`", by the means of batches of equal length
/// of which `mean` is the whole's: a one-sided test with Student's t (batch means:
/// Law, "Simulation Modeling and Analysis", 5th edition, section 9.5.3). With
/// fewer than two batches, or batches all alike, the mean is taken as it is.
#[must_use]
pub fn of_mean(mean: f64, batches: &[f64], floor: f64, confidence: f64) -> Verdict {
    let Some(error) = standard_error(batches).filter(|error| *error > 0.0) else {
        return if mean >= floor {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
    };
    let distance = (mean - floor) / error;
    if beyond(distance.abs(), (batches.len() - 1) as f64) > 1.0 - confidence {
        Verdict::Inconclusive
    } else if distance >= 0.0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    }
}

/// The standard error of the mean of batches; `None` with fewer than two.
#[must_use]
pub fn standard_error(batches: &[f64]) -> Option<f64> {
    if batches.len() < 2 {
        return None;
    }
    let count = batches.len() as f64;
    let mean = batches.iter().sum::<f64>() / count;
    let squares: f64 = batches.iter().map(|batch| (batch - mean).powi(2)).sum();
    Some((squares / (count - 1.0) / count).sqrt())
}

/// P(T > t) for Student's t with so many degrees of freedom and t >= 0:
/// `I(n / (n + t^2); n / 2, 1 / 2) / 2` (DLMF 8.17, Abramowitz and Stegun 26.7.1).
fn beyond(t: f64, degrees: f64) -> f64 {
    if t <= 0.0 {
        return 0.5;
    }
    incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t)) / 2.0
}

/// The fewest operations, none of them a violation, that can pass: the smallest
/// `n` with `(1 - allowed)^n <= 1 - confidence`.
#[must_use]
pub fn samples_needed(allowed: f64, confidence: f64) -> u64 {
    if allowed <= 0.0 || allowed >= 1.0 {
        return 1;
    }
    ((1.0 - confidence).ln() / (1.0 - allowed).ln()).ceil() as u64
}

/// P(X <= t) for X binomial with `n` trials of probability `p`: the regularised
/// incomplete beta function `I(1 - p; n - t, t + 1)` (DLMF 8.17.5).
fn at_most(t: u64, n: u64, p: f64) -> f64 {
    if t >= n {
        return 1.0;
    }
    incomplete_beta((n - t) as f64, t as f64 + 1.0, 1.0 - p)
}

/// `I(x; a, b)` by its continued fraction (DLMF 8.17.22), which converges fast
/// left of the mean; right of it the symmetry `1 - I(1 - x; b, a)` serves.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    (front.exp() / a) * continued_fraction(a, b, x)
}

/// The fraction of DLMF 8.17.22, from the front by Lentz's method.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..10_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + coefficient * d);
            c = away_from_zero(1.0 + coefficient / c);
            factor = c * d;
            fraction *= factor;
        }
        if (factor - 1.0).abs() < 1e-14 {
            break;
        }
    }
    fraction
}

/// ln Γ(x) for x > 0: Stirling's series (DLMF 5.11.1) after the recurrence has
/// carried x above 10.
fn ln_gamma(x: f64) -> f64 {
    let mut shift = 0.0;
    let mut x = x;
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let series =
        inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - shift
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_sum_of_the_binomial_is_right() {
        let direct = |t: u64, n: u64, p: f64| -> f64 {
            let mut term = (1.0 - p).powi(n as i32);
            let mut sum = term;
            for k in 0..t {
                term *= (n - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
                sum += term;
            }
            sum
        };
        for (t, n, p) in [
            (0, 10, 0.1),
            (3, 10, 0.5),
            (9, 10, 0.5),
            (5, 1_000, 0.01),
            (40, 1_000, 0.05),
        ] {
            assert!(
                (at_most(t, n, p) - direct(t, n, p)).abs() < 1e-10,
                "{t} {n} {p}"
            );
        }
    }

    #[test]
    fn the_smallest_sample_that_passes_p99_at_95_percent() {
        for (violations, smallest) in [(0, 299), (1, 473), (5, 1_049), (10, 1_693), (50, 6_323)] {
            assert_eq!(of_share(violations, smallest, 0.01, 0.95), Verdict::Pass);
            assert_eq!(
                of_share(violations, smallest - 1, 0.01, 0.95),
                Verdict::Inconclusive
            );
        }
    }

    #[test]
    fn the_least_samples_by_percentile() {
        for (allowed, least) in [(0.05, 59), (0.01, 299), (0.001, 2_995)] {
            assert_eq!(samples_needed(allowed, 0.95), least);
        }
    }

    #[test]
    fn no_data_is_never_a_pass() {
        assert_eq!(of_share(0, 0, 0.01, 0.95), Verdict::Inconclusive);
        assert_eq!(of_share(0, 0, 0.0, 0.95), Verdict::Inconclusive);
        assert_eq!(of_share(0, 200, 0.01, 0.95), Verdict::Inconclusive);
    }

    #[test]
    fn no_failure_allowed_means_none() {
        assert_eq!(of_share(0, 5, 0.0, 0.95), Verdict::Pass);
        assert_eq!(of_share(1, 5_000_000, 0.0, 0.95), Verdict::Fail);
    }

    #[test]
    fn the_tail_of_student_is_right() {
        for (degrees, t, tail) in [
            (1.0, 6.3138, 0.05),
            (4.0, 2.1318, 0.05),
            (9.0, 1.8331, 0.05),
            (9.0, 2.8214, 0.01),
            (19.0, 1.7291, 0.05),
            (19.0, 0.0, 0.5),
        ] {
            let found = beyond(t, degrees);
            assert!((found - tail).abs() < 1e-5, "{degrees} {t}: {found}");
        }
    }

    #[test]
    fn a_mean_is_held_against_its_floor() {
        // Mean 100, standard error 2: t is 1.83 at 95 % with nine degrees of freedom.
        let batches: Vec<f64> = [94.0, 106.0].repeat(5);
        assert_eq!(standard_error(&batches), Some(2.0));
        let verdict = |floor| of_mean(100.0, &batches, floor, 0.95);
        assert_eq!(verdict(96.3), Verdict::Pass);
        assert_eq!(verdict(96.4), Verdict::Inconclusive);
        assert_eq!(verdict(100.0), Verdict::Inconclusive);
        assert_eq!(verdict(103.6), Verdict::Inconclusive);
        assert_eq!(verdict(103.7), Verdict::Fail);
        for batches in [vec![], vec![7.0], vec![100.0; 9]] {
            assert_eq!(of_mean(100.0, &batches, 100.0, 0.95), Verdict::Pass);
            assert_eq!(of_mean(100.0, &batches, 100.1, 0.95), Verdict::Fail);
        }
    }

    proptest! {
        #[test]
        fn more_violations_never_make_it_better(n in 1_u64..50_000_000, t in 0.0_f64..1.0, allowed in 0.0001_f64..0.5) {
            let fewer = (n as f64 * t * 0.9) as u64;
            let more = (n as f64 * t) as u64;
            prop_assert!(of_share(fewer, n, allowed, 0.95) <= of_share(more, n, allowed, 0.95));
        }

        #[test]
        fn far_off_is_decided(n in 100_000_u64..50_000_000) {
            prop_assert_eq!(of_share(n / 200, n, 0.01, 0.95), Verdict::Pass);
            prop_assert_eq!(of_share(n / 50, n, 0.01, 0.95), Verdict::Fail);
        }
    }
}
