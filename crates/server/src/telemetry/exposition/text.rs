//! Prometheus' text format, version 0.0.4.

use std::fmt::{self, Write as _};

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    Bucket, LabelPair, Metric, MetricFamily, MetricType,
};

/// Writes all families.
pub(super) fn encode(families: &[MetricFamily]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for family in families {
        let name = &family.name;
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        writeln!(text, "# HELP {name} {help}")?;
        writeln!(text, "# TYPE {name} {}", word(family.r#type()))?;
        for metric in &family.metric {
            one(&mut text, name, metric)?;
        }
    }
    Ok(text)
}

fn word(kind: MetricType) -> &'static str {
    match kind {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram | MetricType::GaugeHistogram => "histogram",
        MetricType::Summary => "summary",
        MetricType::Untyped => "untyped",
    }
}

fn one(text: &mut String, name: &str, metric: &Metric) -> fmt::Result {
    let labels = &metric.label;
    if let Some(counter) = &metric.counter {
        sample(text, name, labels, None, counter.value)?;
    }
    if let Some(gauge) = &metric.gauge {
        sample(text, name, labels, None, gauge.value)?;
    }
    if let Some(histogram) = &metric.histogram {
        let count = histogram.sample_count as f64;
        let bucket_name = format!("{name}_bucket");
        for bucket in &histogram.bucket {
            let count = bucket.cumulative_count as f64;
            sample(text, &bucket_name, labels, Some(bucket), count)?;
        }
        sample(
            text,
            &format!("{name}_sum"),
            labels,
            None,
            histogram.sample_sum,
        )?;
        sample(text, &format!("{name}_count"), labels, None, count)?;
    }
    Ok(())
}

fn sample(
    text: &mut String,
    name: &str,
    labels: &[LabelPair],
    bucket: Option<&Bucket>,
    value: f64,
) -> fmt::Result {
    text.write_str(name)?;
    let bound = bucket.map(|bucket| ("le", number(bucket.upper_bound)));
    let labels = labels
        .iter()
        .map(|label| (label.name.as_str(), escaped(&label.value)))
        .chain(bound);
    let mut before = '{';
    for (key, value) in labels {
        write!(text, "{before}{key}=\"{value}\"")?;
        before = ',';
    }
    if before == ',' {
        text.write_char('}')?;
    }
    writeln!(text, " {}", number(value))
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn number(value: f64) -> String {
    if value == f64::INFINITY {
        return "+Inf".to_owned();
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use prometheus_client::{
        encoding::prometheus_protobuf,
        metrics::{counter::Counter, family::Family, histogram::Histogram},
        registry::{Registry, Unit},
    };

    use super::*;

    #[test]
    fn every_kind_is_written_as_the_format_says() {
        let mut registry = Registry::default();
        let calls: Family<Vec<(String, String)>, Counter> = Family::default();
        let labels = vec![("path".to_owned(), "a\"b\\c\nd".to_owned())];
        calls.get_or_create(&labels).inc_by(3);
        registry.register("calls", "Calls", calls);
        let took = Histogram::new([0.5]);
        took.observe(0.25);
        took.observe(2.0);
        registry.register_with_unit("took", "How long", Unit::Seconds, took);
        let families = prometheus_protobuf::encode(&registry).unwrap();
        assert_eq!(
            encode(&families).unwrap(),
            "# HELP calls_total Calls.\n\
             # TYPE calls_total counter\n\
             calls_total{path=\"a\\\"b\\\\c\\nd\"} 3\n\
             # HELP took_seconds How long.\n\
             # TYPE took_seconds histogram\n\
             took_seconds_bucket{le=\"0.5\"} 1\n\
             took_seconds_bucket{le=\"+Inf\"} 2\n\
             took_seconds_sum 2.25\n\
             took_seconds_count 2\n"
        );
    }
}
