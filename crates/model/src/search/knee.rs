//! The level from which more load brings mostly latency.

use std::collections::BTreeMap;

use super::{
    Step,
    ledger::with_throughput,
    level::{figure, percent, units, words},
};
use crate::template::Level;

/// How far the curve must rise above the straight line from its first level to
/// its last, as a share of its height. Throughputs with 1 % of noise stay below.
const LEAST_RISE: f64 = 0.1;
/// The fewest levels with which a bend can be told from noise.
const FEWEST_LEVELS: usize = 4;

/// One level with the means of its steps.
#[derive(Clone, Copy, Debug)]
struct Point {
    level: Level,
    throughput: f64,
    p95: f64,
}

/// The knee and how it was found, or why there is none.
///
/// The curve of throughput over level is scaled to the unit square; the knee is
/// where it lies highest above the diagonal (Satopaa et al., "Finding a 'Kneedle'
/// in a Haystack", 2011), if that is a tenth or more, and if from there to the
/// highest level the p95 grows by a greater factor than the throughput.
pub(super) fn knee(steps: &[Step]) -> (Option<Level>, String) {
    let points = points(steps);
    if points.len() < FEWEST_LEVELS {
        let message = format!(
            "a knee needs {FEWEST_LEVELS} levels with a throughput, there are {}",
            points.len()
        );
        return (None, message);
    }
    let (low, high) = (points[0], points[points.len() - 1]);
    let greatest = points.iter().map(|it| it.throughput).fold(0.0, f64::max);
    let width = high.level.value() - low.level.value();
    let height = greatest - low.throughput;
    if height <= 0.0 {
        let message = "no level brought more throughput than the first".to_owned();
        return (None, message);
    }
    let rise = |point: &Point| {
        (point.throughput - low.throughput) / height
            - (point.level.value() - low.level.value()) / width
    };
    let Some(knee) = points.iter().max_by(|a, b| rise(a).total_cmp(&rise(b))) else {
        return (None, String::new());
    };
    let above = rise(knee);
    if above < LEAST_RISE {
        let message = format!(
            "the throughput grows in proportion up to {}: it rises at most {} above the straight \
             line, a knee needs {}",
            words(high.level),
            percent(above.max(0.0)),
            percent(LEAST_RISE)
        );
        return (None, message);
    }
    let gained = high.throughput / knee.throughput;
    let slower = if knee.p95 > 0.0 {
        high.p95 / knee.p95
    } else {
        1.0
    };
    let figures = format!(
        "from {} to {} the throughput changes by a factor of {} and p95 by {}",
        words(knee.level),
        words(high.level),
        figure(gained),
        figure(slower)
    );
    if slower > gained {
        (Some(knee.level), figures)
    } else {
        (
            None,
            format!("more load does not bring mostly latency: {figures}"),
        )
    }
}

/// The levels in ascending order.
fn points(steps: &[Step]) -> Vec<Point> {
    let mut levels: BTreeMap<u64, Vec<&Step>> = BTreeMap::new();
    for step in with_throughput(steps) {
        let level = levels.entry(units(step.trial.level));
        level.or_default().push(step);
    }
    let mean = |steps: &[&Step], of: fn(&Step) -> f64| {
        steps.iter().map(|step| of(step)).sum::<f64>() / steps.len() as f64
    };
    levels
        .values()
        .map(|steps| Point {
            level: steps[0].trial.level,
            throughput: mean(steps, |step| step.figures.throughput_per_s),
            p95: mean(steps, |step| step.figures.response.p95_us),
        })
        .collect()
}
