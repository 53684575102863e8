//! The Universal Scalability Law, fitted to the steps of a search.

use super::{Fit, Step, ledger::with_throughput, student};
use crate::template::Level;

/// The fewest different levels: three parameters and one to judge them by.
const FEWEST_LEVELS: usize = 4;
/// How far beyond the highest level that was tried a maximum is believed.
const FARTHEST_PEAK: f64 = 2.0;
/// The most rounds of the iteration; a few are enough.
const MOST_ROUNDS: usize = 200;
/// The share of the sum of squares below which an improvement is none.
const SMALLEST_GAIN: f64 = 1e-12;

/// Connections and the throughput that they brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// N.
    pub n: f64,
    /// X, per second.
    pub x: f64,
}

/// λ, σ and κ.
type Parameters = [f64; 3];
type Matrix = [[f64; 3]; 3];

/// The law fitted to the steps of a closed loop, or why it cannot be.
pub(super) fn fit(steps: &[Step]) -> Result<Fit, String> {
    let rate = |step: &Step| matches!(step.trial.level, Level::Rate { .. });
    if steps.iter().any(rate) {
        return Err("the law is about connections, and an open loop has a rate".to_owned());
    }
    let points: Vec<Point> = with_throughput(steps)
        .map(|step| Point {
            n: step.trial.level.value(),
            x: step.figures.throughput_per_s,
        })
        .collect();
    of_points(&points)
}

/// The law fitted by least squares of relative errors, with Levenberg's and
/// Marquardt's iteration (Nocedal and Wright, "Numerical Optimization", section
/// 10.3). A parameter that would leave its range (0 ≤ σ ≤ 1, 0 ≤ κ) is put on the
/// border. Errors are taken as relative because a busy target's throughput
/// scatters in proportion. The intervals are those of the linear model at the
/// minimum: `s² (JᵀJ)⁻¹` with Student's t.
pub(super) fn of_points(points: &[Point]) -> Result<Fit, String> {
    let mut levels: Vec<f64> = points.iter().map(|point| point.n).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    if levels.len() < FEWEST_LEVELS {
        return Err(format!(
            "the law needs {FEWEST_LEVELS} levels with a throughput, there are {}",
            levels.len()
        ));
    }
    let parameters = minimum(points, start(points));
    let [lambda, sigma, kappa] = parameters;
    let normal = normal(points, parameters).0;
    let Some(inverse) = inverse(normal) else {
        return Err("the levels do not tell contention from coherence".to_owned());
    };
    let degrees = points.len() - 3;
    let variance = squares(points, parameters) / degrees as f64;
    let half =
        |index: usize| student::quantile(degrees) * (variance * inverse[index][index]).sqrt();
    let sigma_interval = ((sigma - half(1)).max(0.0), (sigma + half(1)).min(1.0));
    let kappa_interval = ((kappa - half(2)).max(0.0), kappa + half(2));
    let highest = levels[levels.len() - 1];
    let peak = (kappa_interval.0 > 0.0)
        .then(|| ((1.0 - sigma) / kappa).sqrt())
        .filter(|n| (1.0..=highest * FARTHEST_PEAK).contains(n))
        .map(|n| (n, law(n, parameters)));
    let residuals: Vec<f64> = points
        .iter()
        .map(|point| point.x - law(point.n, parameters))
        .collect();
    Ok(Fit {
        lambda,
        sigma,
        sigma_interval,
        kappa,
        kappa_interval,
        peak,
        r_squared: r_squared(points, &residuals),
        residuals,
    })
}

/// X(N).
pub(super) fn law(n: f64, [lambda, sigma, kappa]: Parameters) -> f64 {
    lambda * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0))
}

/// Without contention, at the best throughput per connection.
fn start(points: &[Point]) -> Parameters {
    let lambda = points.iter().map(|it| it.x / it.n).fold(0.0, f64::max);
    [lambda, 0.01, 1e-6]
}

fn minimum(points: &[Point], start: Parameters) -> Parameters {
    let mut at = start;
    let mut sum = squares(points, at);
    let mut damping = 1e-3;
    for _ in 0..MOST_ROUNDS {
        let (mut damped, gradient) = normal(points, at);
        for (index, row) in damped.iter_mut().enumerate() {
            row[index] *= 1.0 + damping;
        }
        let candidate = inverse(damped).map(|inverse| moved(at, &inverse, gradient));
        let Some((next, less)) = candidate
            .map(|next| (next, squares(points, next)))
            .filter(|(_, less)| *less < sum)
        else {
            damping *= 4.0;
            if damping > 1e12 {
                break;
            }
            continue;
        };
        let gain = (sum - less) / sum;
        (at, sum) = (next, less);
        damping = (damping / 4.0).max(1e-12);
        if gain < SMALLEST_GAIN {
            break;
        }
    }
    at
}

/// One step from here, back into the range of the parameters.
fn moved(at: Parameters, inverse: &Matrix, gradient: Parameters) -> Parameters {
    let step = inverse.map(|row| {
        (0..3)
            .map(|index| row[index] * gradient[index])
            .sum::<f64>()
    });
    [
        (at[0] + step[0]).max(at[0] / 10.0),
        (at[1] + step[1]).clamp(0.0, 1.0),
        (at[2] + step[2]).max(0.0),
    ]
}

/// The sum of the squares of the relative errors.
fn squares(points: &[Point], parameters: Parameters) -> f64 {
    points
        .iter()
        .map(|point| (1.0 - law(point.n, parameters) / point.x).powi(2))
        .sum()
}

/// `JᵀJ` and `Jᵀr` of the relative errors `r`.
fn normal(points: &[Point], parameters: Parameters) -> (Matrix, Parameters) {
    let [lambda, sigma, kappa] = parameters;
    let (mut matrix, mut gradient) = ([[0.0; 3]; 3], [0.0; 3]);
    for Point { n, x } in points {
        let below = 1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0);
        let value = law(*n, parameters);
        let slopes = [
            value / lambda / x,
            -value * (n - 1.0) / below / x,
            -value * n * (n - 1.0) / below / x,
        ];
        let error = 1.0 - value / x;
        for row in 0..3 {
            gradient[row] += slopes[row] * error;
            for column in 0..3 {
                matrix[row][column] += slopes[row] * slopes[column];
            }
        }
    }
    (matrix, gradient)
}

/// The inverse of a symmetric matrix by its cofactors, scaled to a diagonal of
/// ones first because the parameters differ by orders of magnitude; `None` when
/// it is singular.
fn inverse(matrix: Matrix) -> Option<Matrix> {
    let scale = [0, 1, 2].map(|index: usize| matrix[index][index].sqrt());
    let m = [0, 1, 2].map(|row: usize| {
        [0, 1, 2].map(|column: usize| matrix[row][column] / scale[row] / scale[column])
    });
    let cofactor = |row: usize, column: usize| {
        let (r1, r2) = ((row + 1) % 3, (row + 2) % 3);
        let (c1, c2) = ((column + 1) % 3, (column + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant: f64 = (0..3)
        .map(|column| m[0][column] * cofactor(0, column))
        .sum();
    if !determinant.is_finite() || determinant < 1e-14 {
        return None;
    }
    Some([0, 1, 2].map(|row| {
        [0, 1, 2].map(|column| cofactor(column, row) / determinant / scale[row] / scale[column])
    }))
}

/// 1 less the share of the variance that the law leaves.
fn r_squared(points: &[Point], residuals: &[f64]) -> f64 {
    let mean = points.iter().map(|it| it.x).sum::<f64>() / points.len() as f64;
    let total: f64 = points.iter().map(|it| (it.x - mean).powi(2)).sum();
    let left: f64 = residuals.iter().map(|residual| residual * residual).sum();
    if total > 0.0 { 1.0 - left / total } else { 0.0 }
}
