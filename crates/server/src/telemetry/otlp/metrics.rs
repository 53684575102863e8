//! The families of a scrape as metrics of OTLP.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Metric,
        NumberDataPoint, Sum, exponential_histogram_data_point::Buckets, metric::Data,
        number_data_point::Value,
    },
};
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model as prometheus;

use super::attribute;

/// All that have a counterpart.
pub(super) fn convert(
    families: Vec<prometheus::MetricFamily>,
    began_ns: u64,
    now_ns: u64,
) -> Vec<Metric> {
    let times = (began_ns, now_ns);
    let metric = |family: prometheus::MetricFamily| Metric {
        data: data(&family, times),
        name: family.name,
        description: family.help,
        unit: family.unit,
        ..Metric::default()
    };
    families.into_iter().map(metric).collect()
}

fn data(family: &prometheus::MetricFamily, times: (u64, u64)) -> Option<Data> {
    let temporality = AggregationTemporality::Cumulative.into();
    let metrics = family.metric.iter();
    match family.r#type() {
        prometheus::MetricType::Counter => Some(Data::Sum(Sum {
            data_points: metrics
                .filter_map(|one| Some(number(one, one.counter.as_ref()?.value, times)))
                .collect(),
            aggregation_temporality: temporality,
            is_monotonic: true,
        })),
        prometheus::MetricType::Gauge => Some(Data::Gauge(Gauge {
            data_points: metrics
                .filter_map(|one| Some(number(one, one.gauge.as_ref()?.value, times)))
                .collect(),
        })),
        prometheus::MetricType::Histogram => {
            Some(Data::ExponentialHistogram(ExponentialHistogram {
                data_points: metrics
                    .filter_map(|one| Some(histogram(one, one.histogram.as_ref()?, times)))
                    .collect(),
                aggregation_temporality: temporality,
            }))
        }
        _ => None,
    }
}

fn number(
    metric: &prometheus::Metric,
    value: f64,
    (began_ns, now_ns): (u64, u64),
) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(metric),
        start_time_unix_nano: began_ns,
        time_unix_nano: now_ns,
        value: Some(Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

fn histogram(
    metric: &prometheus::Metric,
    histogram: &prometheus::Histogram,
    (began_ns, now_ns): (u64, u64),
) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        attributes: attributes(metric),
        start_time_unix_nano: began_ns,
        time_unix_nano: now_ns,
        count: histogram.sample_count,
        sum: Some(histogram.sample_sum),
        scale: histogram.schema,
        zero_count: histogram.zero_count,
        zero_threshold: histogram.zero_threshold,
        positive: Some(buckets(histogram)),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// The native buckets without gaps. Prometheus numbers a bucket by its upper
/// bound and OTLP by its lower one.
fn buckets(histogram: &prometheus::Histogram) -> Buckets {
    let mut counts = Vec::new();
    let mut deltas = histogram.positive_delta.iter();
    let mut count = 0_i64;
    for (index, span) in histogram.positive_span.iter().enumerate() {
        if index > 0 {
            counts.extend(std::iter::repeat_n(0, span.offset as usize));
        }
        for delta in deltas.by_ref().take(span.length as usize) {
            count += delta;
            counts.push(count as u64);
        }
    }
    let first = histogram.positive_span.first();
    Buckets {
        offset: first.map_or(0, |span| span.offset - 1),
        bucket_counts: counts,
    }
}

fn attributes(metric: &prometheus::Metric) -> Vec<KeyValue> {
    let labels = metric.label.iter();
    labels
        .map(|label| attribute(&label.name, &label.value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_and_bounds_are_the_same() {
        let span = |offset, length| prometheus::BucketSpan { offset, length };
        let native = prometheus::Histogram {
            positive_span: vec![span(-3, 2), span(3, 1)],
            positive_delta: vec![5, 2, -6],
            ..prometheus::Histogram::default()
        };
        let expected = Buckets {
            offset: -4,
            bucket_counts: vec![5, 7, 0, 0, 0, 1],
        };
        assert_eq!(buckets(&native), expected);
        assert_eq!(
            buckets(&prometheus::Histogram::default()),
            Buckets::default()
        );
    }
}
