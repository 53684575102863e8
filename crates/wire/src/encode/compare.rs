//! Runs side by side.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    compare::{
        AlignedPoint, Better, Comparison, Difference, MetricComparison, OperationComparison, Unit,
    },
    history::{HistoryPoint, Percentiles, Resolution, Stats},
};

/// The percentiles that points are to have for [`comparison`].
#[must_use]
pub fn compared_percentiles() -> Percentiles {
    Percentiles::new(&[50.0, 95.0, 99.0]).expect("these are percentiles")
}

/// Runs side by side; `runs` are the same ones encoded, and every point has the
/// length of `resolution` and [`compared_percentiles`].
#[must_use]
pub fn comparison(
    compared: &Comparison,
    runs: Vec<pb::Run>,
    resolution: Resolution,
) -> pb::Comparison {
    let operations = compared.operations.iter().chain([&compared.total]);
    let prefixed = |difference: &Difference| pb::ConfigurationDifference {
        path: format!("environment.{}", difference.path),
        ..configuration(difference)
    };
    let differences = compared.configuration.iter().map(configuration);
    pb::Comparison {
        operations: operations.map(operation).collect(),
        differences: differences
            .chain(compared.environment.iter().map(prefixed))
            .collect(),
        series: series(compared, runs.len(), resolution),
        warnings: compared
            .warnings
            .iter()
            .map(|warning| warning.message.clone())
            .collect(),
        resolution_us: resolution.us(),
        runs,
    }
}

fn operation(compared: &OperationComparison) -> pb::OperationComparison {
    let name = compared.operation.as_ref();
    pb::OperationComparison {
        operation: name.map_or_else(String::new, ToString::to_string),
        metrics: compared.metrics.iter().map(metric).collect(),
    }
}

fn metric(compared: &MetricComparison) -> pb::MetricComparison {
    let unit = match compared.metric.unit() {
        Unit::PerSecond => "_per_s",
        Unit::Microseconds => "_us",
        Unit::Count | Unit::Ratio => "",
    };
    let values = compared.values.iter().zip(&compared.differences);
    pb::MetricComparison {
        metric: format!("{}{unit}", compared.metric.word()),
        higher_is_better: compared.metric.better() == Better::Higher,
        values: values
            .zip(&compared.ratios)
            .map(|((value, difference), ratio)| pb::MetricValue {
                value: *value,
                difference: *difference,
                ratio: *ratio,
            })
            .collect(),
    }
}

fn configuration(difference: &Difference) -> pb::ConfigurationDifference {
    let values = difference.values.iter();
    pb::ConfigurationDifference {
        path: difference.path.clone(),
        values: values
            .map(|value| value.clone().unwrap_or_default())
            .collect(),
    }
}

/// The runs' points side by side. Buckets are counted from the start of the
/// load and places from the start of the measurement, so a run whose warmup is
/// no whole number of buckets goes to the nearest places. Of two points of one
/// run at one place, as where the phase changes, the one that covers more stays;
/// where both cover as much, the one with more operations: the other has only
/// those that were late for their phase.
fn series(compared: &Comparison, runs: usize, resolution: Resolution) -> Vec<pb::AlignedPoint> {
    let mut places: BTreeMap<(i64, usize), &HistoryPoint> = BTreeMap::new();
    for (run, series) in compared.series.iter().enumerate() {
        // A sliver at a change of phase, or at the end, is no second to hold against
        // another; nor is the drain, in which nothing is due.
        let tells = |AlignedPoint { point, .. }: &&AlignedPoint| {
            point.phase.is_load() && 2 * point.covered.as_micros() >= resolution.us() as u128
        };
        for aligned in series.points.iter().filter(tells) {
            match places.entry((place(aligned, resolution), run)) {
                Entry::Vacant(free) => {
                    free.insert(&aligned.point);
                }
                Entry::Occupied(mut taken) if weight(taken.get()) < weight(&aligned.point) => {
                    taken.insert(&aligned.point);
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    let mut points: Vec<pb::AlignedPoint> = Vec::new();
    for ((place, run), point) in places {
        let offset_us = place.saturating_mul(resolution.us());
        if points.last().is_none_or(|last| last.offset_us != offset_us) {
            let values = vec![pb::AlignedValue::default(); runs];
            points.push(pb::AlignedPoint { offset_us, values });
        }
        if let Some(last) = points.last_mut() {
            last.values[run] = value(&point.total);
        }
    }
    points
}

fn weight(point: &HistoryPoint) -> (Duration, u64) {
    let total = &point.total;
    (point.covered, total.succeeded.saturating_add(total.failed))
}

fn place(aligned: &AlignedPoint, resolution: Resolution) -> i64 {
    let half = resolution.us() / 2;
    aligned
        .offset_us
        .saturating_add(half)
        .div_euclid(resolution.us())
}

fn value(stats: &Stats) -> pb::AlignedValue {
    let ended = stats.succeeded.saturating_add(stats.failed);
    let percentile = |place: usize| {
        let response = stats.response.as_ref()?;
        response.percentiles_us.get(place).copied()
    };
    pb::AlignedValue {
        throughput_per_s: stats.throughput_per_s,
        response_p50_us: percentile(0),
        response_p95_us: percentile(1),
        response_p99_us: percentile(2),
        error_ratio: (ended > 0).then(|| stats.failed as f64 / ended as f64),
    }
}
