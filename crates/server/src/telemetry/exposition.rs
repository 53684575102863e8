//! What a scrape gets, in the form that it asks for.

mod text;

use std::fmt;

use prometheus_client::{
    encoding::{prometheus_protobuf, text as openmetrics},
    registry::Registry,
};

/// The forms of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text, version 0.0.4.
    Text,
    /// The text of `OpenMetrics`, version 1.0.0.
    OpenMetrics,
    /// Prometheus' protobuf: the only one with native histograms.
    Protobuf,
}

impl Format {
    /// The form that an `Accept` header likes best; text when it likes none.
    /// Of those that it likes as much the first.
    pub fn accepted(accept: &str) -> Self {
        let mut best = (Self::Text, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next().unwrap_or_default() {
                "application/vnd.google.protobuf" => Self::Protobuf,
                "application/openmetrics-text" => Self::OpenMetrics,
                "text/plain" | "text/*" | "*/*" => Self::Text,
                _ => continue,
            };
            let parameters: Vec<&str> = parts.collect();
            if format == Self::Protobuf && !is_our_protobuf(&parameters) {
                continue;
            }
            let quality = parameters.iter().find_map(|one| one.strip_prefix("q="));
            let quality = quality.map_or(1.0, |value| value.parse().unwrap_or(0.0));
            if quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    /// The `Content-Type` header.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// The metrics as they are now.
    pub fn encode(self, registry: &Registry) -> Result<Vec<u8>, fmt::Error> {
        match self {
            Self::Text => {
                let families = prometheus_protobuf::encode(registry)?;
                Ok(text::encode(&families)?.into_bytes())
            }
            Self::OpenMetrics => {
                let mut text = String::new();
                openmetrics::encode(&mut text, registry)?;
                Ok(text.into_bytes())
            }
            Self::Protobuf => prometheus_protobuf::encode_to_vec(registry).map_err(|_| fmt::Error),
        }
    }
}

fn is_our_protobuf(parameters: &[&str]) -> bool {
    let said = |name: &str| {
        parameters.iter().find_map(|one| {
            let (key, value) = one.split_once('=')?;
            (key.trim() == name).then(|| value.trim().trim_matches('"'))
        })
    };
    said("proto").is_none_or(|proto| proto == "io.prometheus.client.MetricFamily")
        && said("encoding").is_none_or(|encoding| encoding == "delimited")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_form_that_is_accepted_is_given() {
        let prometheus = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, expected) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html,*/*;q=0.8", Format::Text),
            ("application/json", Format::Text),
            (prometheus, Format::Protobuf),
            (
                "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
                Format::OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf;proto=other.Message,text/plain;q=0.1",
                Format::Text,
            ),
            ("application/openmetrics-text;q=0", Format::Text),
        ] {
            assert_eq!(Format::accepted(accept), expected, "{accept}");
        }
    }
}
