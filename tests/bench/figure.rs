//! One measured number beside those of its peers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::stats::short;

/// An entry of `docs/benchmarks.json`.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    /// gauntlet's value.
    pub ours: Option<f64>,
    /// The value of the first peer.
    pub peer: Option<f64>,
    /// The value of each peer; null for one that was not there.
    pub peers: BTreeMap<&'static str, Option<f64>>,
    /// Ours to the first peer's: the median of the rounds' ratios where there are rounds.
    pub ratio: Option<f64>,
    pub note: String,
}

/// The list as it is written, with numbers as exact as they can be meant.
pub fn json(figures: &[Figure]) -> String {
    let rounded: Vec<Figure> = figures.iter().map(Figure::rounded).collect();
    let text = serde_json::to_string_pretty(&rounded).expect("numbers and texts are always JSON");
    format!("{text}\n")
}

impl Figure {
    fn rounded(&self) -> Self {
        let peers = self.peers.iter();
        Self {
            name: self.name,
            unit: self.unit,
            ours: self.ours.map(round),
            peer: self.peer.map(round),
            peers: peers
                .map(|(name, value)| (*name, value.map(round)))
                .collect(),
            ratio: self.ratio.map(round),
            note: self.note.clone(),
        }
    }
}

/// One sentence about runs that gauntlet itself does not trust; nothing when it trusts all.
pub fn doubts<'a>(codes: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let codes: BTreeSet<&str> = codes.into_iter().map(String::as_str).collect();
    let list: Vec<&str> = codes.into_iter().collect();
    (!list.is_empty()).then(|| format!("gauntlet marked runs INVALID: {}", list.join(", ")))
}

fn round(value: f64) -> f64 {
    short(value).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_peer_is_null() {
        let figure = Figure {
            name: "a",
            unit: "us",
            ours: Some(1.23456),
            peer: Some(2.0),
            peers: BTreeMap::from([("pgbench", Some(2.0)), ("sysbench", None)]),
            ratio: None,
            note: String::new(),
        };
        let read: serde_json::Value = serde_json::from_str(&json(&[figure])).unwrap();
        let expected = serde_json::json!([{
            "name": "a", "unit": "us", "ours": 1.23, "peer": 2.0,
            "peers": {"pgbench": 2.0, "sysbench": null}, "ratio": null, "note": "",
        }]);
        assert_eq!(read, expected);
    }
}
