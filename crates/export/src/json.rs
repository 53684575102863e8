//! One JSON document, its points written as they come.

use gauntlet_model::{
    history::{Distribution, HistoryPoint, Stats},
    id::Name,
    interval::Failures,
    run::Run,
    time::micros,
};
use serde_json::{Map, Value, json};

use crate::{Contents, table};

#[derive(Clone, Debug)]
pub(crate) struct Json {
    operations: Vec<Name>,
    percentiles: Vec<String>,
    empty: bool,
}

impl Json {
    pub(crate) fn begin(contents: &Contents) -> (Self, Vec<u8>) {
        let json = Self {
            operations: table::names(contents),
            percentiles: contents
                .percentiles
                .values()
                .into_iter()
                .map(table::label)
                .collect(),
            empty: true,
        };
        let report = serde_json::to_value(&contents.report).expect("a report is plain data");
        let first = format!(
            "{{\"run\":{},\n\"report\":{report},\n\"resolution_us\":{},\n\"points\":[",
            run(&contents.run),
            contents.resolution.us()
        );
        (json, first.into_bytes())
    }

    pub(crate) fn write(&mut self, points: &[HistoryPoint]) -> Vec<u8> {
        let mut text = String::new();
        for point in points {
            text.push_str(if self.empty { "\n" } else { ",\n" });
            text.push_str(&self.point(point).to_string());
            self.empty = false;
        }
        text.into_bytes()
    }

    pub(crate) fn end() -> Vec<u8> {
        b"\n]}\n".to_vec()
    }

    fn point(&self, point: &HistoryPoint) -> Value {
        let operations = point.operations.iter().map(|entry| {
            let name = self.operations.get(entry.operation as usize);
            let mut fields = self.stats(&entry.stats);
            fields.insert("operation".to_owned(), json!(name));
            Value::Object(fields)
        });
        json!({
            "start_us": point.start,
            "covered_us": micros(point.covered),
            "phase": point.phase,
            "in_flight_max": point.in_flight_max,
            "backlog_max": point.backlog_max,
            "total": self.stats(&point.total),
            "operations": operations.collect::<Vec<Value>>(),
        })
    }

    fn stats(&self, stats: &Stats) -> Map<String, Value> {
        let fields = json!({
            "succeeded": stats.succeeded,
            "failed": stats.failed,
            "failures": failures(stats.failures),
            "cut": stats.cut,
            "dropped": stats.dropped,
            "rows": stats.rows,
            "throughput_per_s": stats.throughput_per_s,
            "response": self.distribution(stats.response.as_ref()),
            "service": self.distribution(stats.service.as_ref()),
            "lag": self.distribution(stats.lag.as_ref()),
            "failed_response": self.distribution(stats.failed_response.as_ref()),
        });
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// Nothing has no shape: null.
    fn distribution(&self, distribution: Option<&Distribution>) -> Value {
        let Some(distribution) = distribution else {
            return Value::Null;
        };
        let percentiles = self.percentiles.iter().zip(&distribution.percentiles_us);
        let figures = [
            ("min", distribution.min_us),
            ("mean", distribution.mean_us),
            ("max", distribution.max_us),
        ];
        figures
            .into_iter()
            .chain(percentiles.map(|(label, value)| (label.as_str(), *value)))
            .map(|(figure, value)| (format!("{figure}_us"), json!(value)))
            .collect()
    }
}

/// By class, those without any left out.
fn failures(failures: Failures) -> Value {
    let found = failures.found();
    found
        .map(|(class, count)| (class.as_str().to_owned(), json!(count)))
        .collect()
}

fn run(run: &Run) -> Value {
    json!({
        "id": run.id,
        "project": run.project,
        "name": run.name,
        "template": run.template,
        "template_version": run.template_version,
        "status": run.status(),
        "end": run.state.end(),
        "labels": run.labels,
        "notes": run.notes,
        "rerun_of": run.rerun_of,
        "created_us": run.created,
        "started_us": run.started,
        "ended_us": run.ended,
        "load_started_us": run.state.load_started,
        "search": run.state.search,
        "measured_us": run.state.measured().map(|window| [window.from, window.to]),
        "spec": run.spec,
    })
}
