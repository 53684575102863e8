//! What runs differ in beside their figures.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Compared;

/// One thing that is not the same in all runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path of the field, like `operations[lookup].weight`: entries of a
    /// list are named where they have a name, else numbered from 0.
    pub path: String,
    /// One for each run, as JSON, durations like `"1.5s"`; `None` where the run has no such field.
    pub values: Vec<Option<String>>,
}

/// What the descriptions differ in.
pub(super) fn of_runs(runs: &[Compared]) -> Vec<Difference> {
    let flat = runs.iter().map(|side| {
        let mut leaves = BTreeMap::new();
        let run = &side.run;
        leaves.insert("template".to_owned(), Value::from(run.template.as_str()));
        leaves.insert(
            "template_version".to_owned(),
            Value::from(run.template_version),
        );
        let spec = serde_json::to_value(&run.spec).expect("a description is plain data");
        flatten(String::new(), &spec, &mut leaves);
        leaves
    });
    differences(&flat.collect::<Vec<_>>())
}

/// What the environments differ in.
pub(super) fn of_environments(runs: &[Compared]) -> Vec<Difference> {
    let flat = runs.iter().map(|side| {
        let mut leaves = BTreeMap::new();
        if let Some(report) = &side.report {
            let environment =
                serde_json::to_value(&report.environment).expect("an environment is plain data");
            flatten(String::new(), &environment, &mut leaves);
        }
        leaves
    });
    differences(&flat.collect::<Vec<_>>())
}

fn differences(runs: &[BTreeMap<String, Value>]) -> Vec<Difference> {
    let mut paths: Vec<&String> = runs.iter().flat_map(BTreeMap::keys).collect();
    paths.sort_unstable();
    paths.dedup();
    let values = |path: &String| -> Vec<Option<String>> {
        let found = runs.iter().map(|leaves| leaves.get(path));
        found.map(|value| value.map(Value::to_string)).collect()
    };
    paths
        .into_iter()
        .map(|path| Difference {
            path: path.clone(),
            values: values(path),
        })
        .filter(|difference| difference.values.windows(2).any(|pair| pair[0] != pair[1]))
        .collect()
}

/// The leaves of a value by their paths. An empty list or object is a leaf.
fn flatten(path: String, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            if let Some(duration) = duration(fields) {
                leaves.insert(path, duration);
                return;
            }
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(format!("{path}{dot}{name}"), field, leaves);
            }
        }
        Value::Array(entries) if !entries.is_empty() => {
            for (place, entry) in entries.iter().enumerate() {
                let label = name(entries, entry).map_or_else(|| place.to_string(), str::to_owned);
                flatten(format!("{path}[{label}]"), entry, leaves);
            }
        }
        leaf => {
            leaves.insert(path, leaf.clone());
        }
    }
}

/// The name of a list's entry, when no other entry has it.
fn name<'a>(entries: &[Value], entry: &'a Value) -> Option<&'a str> {
    let name = entry.get("name")?.as_str()?;
    let same = entries
        .iter()
        .filter(|other| other.get("name").and_then(Value::as_str) == Some(name));
    (same.count() == 1).then_some(name)
}

/// A duration as serde writes it, as seconds.
fn duration(fields: &Map<String, Value>) -> Option<Value> {
    let seconds = fields.get("secs")?.as_u64()?;
    let nanoseconds = fields.get("nanos")?.as_u64()?;
    if fields.len() != 2 {
        return None;
    }
    let fraction = format!("{nanoseconds:09}");
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    Some(Value::from(format!("{seconds}{dot}{fraction}s")))
}
