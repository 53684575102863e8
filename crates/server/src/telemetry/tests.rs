//! What is told of runs, from what the store was given.

use gauntlet_model::{
    id::RunId,
    lifecycle::{End, ProcessingStatus, Stage, StopReason},
    time::Timestamp,
};
use gauntlet_store::{
    Stores,
    battery::samples::{interval, moved, run, starting, stored},
    memory,
};
use prometheus_client::encoding::prometheus_protobuf::{self, prometheus_data_model::MetricFamily};

use super::*;

/// A store with a witness, and a registry of the runs alone.
fn seen() -> (Arc<Telemetry>, Stores, Registry) {
    let telemetry = Telemetry::new();
    let witness: Arc<dyn Witness> = telemetry.clone();
    let stores = gauntlet_store::metered(memory::stores(), &witness);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(telemetry.runs.clone()));
    (telemetry, stores, registry)
}

/// A run that is starting.
async fn active(stores: &Stores, called: &str) -> Run {
    let made = stored(stores, &run("acme", called)).await;
    let mut change = moved(&made, starting());
    change.run.revision = stores.runs.advance(&change).await.unwrap().revision - 1;
    Run {
        revision: change.run.revision + 1,
        ..change.run
    }
}

async fn end(stores: &Stores, run: &Run) {
    let done = Stage::Done {
        at: Timestamp(9),
        measured: None,
        end: End {
            reason: StopReason::DurationElapsed,
            message: String::new(),
        },
        processing: ProcessingStatus::Completed,
    };
    stores.runs.advance(&moved(run, done)).await.unwrap();
}

fn text(registry: &Registry) -> String {
    String::from_utf8(Format::Text.encode(registry).unwrap()).unwrap()
}

/// The value of the one line that begins so.
fn value(text: &str, series: &str) -> Option<f64> {
    let mut found = text.lines().filter_map(|line| line.strip_prefix(series));
    let value = found.next()?.trim().parse().unwrap();
    assert_eq!(found.next(), None, "{series}");
    Some(value)
}

fn operations(run: &str, operation: &str, phase: &str, outcome: &str) -> String {
    format!(
        "run_operations_total{{project=\"acme\",run=\"{run}\",operation=\"{operation}\",phase=\"{phase}\",outcome=\"{outcome}\"}}"
    )
}

#[tokio::test]
async fn an_interval_counts_once_however_often_it_is_sent() {
    let (_telemetry, stores, registry) = seen();
    let one = active(&stores, "one").await;
    let first = [interval(one.id, 1)];
    let both = [interval(one.id, 1), interval(one.id, 2)];
    stores.intervals.append(&first).await.unwrap();
    stores.intervals.append(&both).await.unwrap();
    let text = text(&registry);
    for (outcome, expected) in [
        ("succeeded", 4.0),
        ("failed", 2.0),
        ("cut", 26.0),
        ("dropped", 28.0),
    ] {
        let series = operations("one", "operation-1", "warmup", outcome);
        assert_eq!(value(&text, &series), Some(expected), "{outcome}\n{text}");
    }
    let labels = "{project=\"acme\",run=\"one\"}";
    assert_eq!(value(&text, &format!("run_in_flight{labels}")), Some(3.0));
    assert_eq!(value(&text, &format!("run_backlog{labels}")), Some(4.0));
    assert_eq!(value(&text, "runs_active{status=\"starting\"}"), Some(1.0));
}

fn family<'a>(families: &'a [MetricFamily], name: &str) -> &'a MetricFamily {
    let found = families.iter().find(|family| family.name == name);
    found.expect(name)
}

#[tokio::test]
async fn native_buckets_hold_every_operation() {
    let (_telemetry, stores, registry) = seen();
    let one = active(&stores, "one").await;
    stores
        .intervals
        .append(&[interval(one.id, 1)])
        .await
        .unwrap();
    let families = prometheus_protobuf::encode(&registry).unwrap();
    let responses = family(&families, "run_response_seconds");
    let counts: Vec<(u64, i64, u64)> = responses
        .metric
        .iter()
        .map(|metric| {
            let histogram = metric.histogram.as_ref().unwrap();
            assert_eq!(histogram.schema, SCHEMA);
            // Each delta is to the bucket before, so the count is the sum of sums.
            let mut bucket = 0;
            let native = histogram.positive_delta.iter().map(|delta| {
                bucket += delta;
                bucket
            });
            let native = native.sum();
            let classic = histogram.bucket.last().unwrap().cumulative_count;
            (histogram.sample_count, native, classic)
        })
        .collect();
    // By operation and phase: 0 in MEASUREMENT, 1 in WARMUP, 1 in MEASUREMENT.
    assert_eq!(counts, [(1, 1, 1), (2, 2, 2), (0, 0, 0)]);
}

#[tokio::test]
async fn the_end_is_counted_and_the_series_stay_for_a_last_scrape() {
    let (telemetry, stores, registry) = seen();
    let one = active(&stores, "one").await;
    stores
        .intervals
        .append(&[interval(one.id, 1)])
        .await
        .unwrap();
    end(&stores, &one).await;
    let now = text(&registry);
    assert_eq!(
        value(&now, "runs_ended_total{status=\"completed\"}"),
        Some(1.0)
    );
    assert_eq!(value(&now, "runs_active{status=\"starting\"}"), Some(0.0));
    let succeeded = operations("one", "operation-1", "warmup", "succeeded");
    assert_eq!(value(&now, &succeeded), Some(2.0));
    assert_eq!(
        value(&now, "run_in_flight{project=\"acme\",run=\"one\"}"),
        Some(0.0)
    );
    // Another run's change much later finds them gone.
    let later = Instant::now() + runs::KEPT;
    telemetry.runs.changed(&run("acme", "two"), later);
    assert_eq!(value(&text(&registry), &succeeded), None);
}

#[tokio::test]
async fn more_runs_than_have_series_are_counted_and_left_out() {
    let (_telemetry, stores, registry) = seen();
    for index in 0..=runs::MOST_RUNS {
        let one = active(&stores, &format!("run-{index}")).await;
        stores
            .intervals
            .append(&[interval(one.id, 1)])
            .await
            .unwrap();
    }
    let text = text(&registry);
    let active = (runs::MOST_RUNS + 1) as f64;
    assert_eq!(
        value(&text, "runs_active{status=\"starting\"}"),
        Some(active)
    );
    assert_eq!(value(&text, "runs_left_out_total"), Some(1.0));
    let last = operations(
        &format!("run-{}", runs::MOST_RUNS),
        "operation-1",
        "warmup",
        "cut",
    );
    assert_eq!(value(&text, &last), None);
}

#[tokio::test]
async fn series_end_at_their_bound() {
    let telemetry = Telemetry::new();
    let one = Run {
        id: RunId(uuid::Uuid::from_u128(1)),
        ..run("acme", "one")
    };
    let one = moved(&one, starting()).run;
    telemetry.runs.changed(&one, Instant::now());
    let mut wide = interval(one.id, 1);
    let part = wide.operations[0].clone();
    let many = 0..=runs::MOST_SERIES as u32;
    wide.operations = many
        .map(|operation| gauntlet_model::interval::OperationInterval {
            operation,
            ..part.clone()
        })
        .collect();
    telemetry.runs.measured(&[wide], &[true]);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(telemetry.runs.clone()));
    let text = text(&registry);
    assert_eq!(value(&text, "runs_left_out_total"), Some(1.0));
    let series = text
        .lines()
        .filter(|line| line.starts_with("run_response_seconds_count"));
    assert_eq!(series.count(), runs::MOST_SERIES);
}
