//! One measured number beside those of its peers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stats::short;

/// An entry of `docs/benchmarks.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figure {
    pub name: Cow<'static, str>,
    pub unit: Cow<'static, str>,
    /// gauntlet's value.
    pub ours: Option<f64>,
    /// The value of the first peer.
    pub peer: Option<f64>,
    /// The value of each peer; null for one that was not there.
    pub peers: BTreeMap<Cow<'static, str>, Option<f64>>,
    /// Ours to the first peer's: the median of the rounds' ratios where there are rounds.
    pub ratio: Option<f64>,
    pub note: String,
    /// When it was measured, and how busy the machine was; empty until the measurement is over.
    #[serde(default)]
    pub measured: String,
}

/// The list as it is written, with numbers as exact as they can be meant.
pub fn json(figures: &[Figure]) -> String {
    let rounded: Vec<Figure> = figures.iter().map(Figure::rounded).collect();
    let text = serde_json::to_string_pretty(&rounded).expect("numbers and texts are always JSON");
    format!("{text}\n")
}

impl Figure {
    /// One of gauntlet alone.
    pub fn alone(name: impl Into<Cow<'static, str>>, unit: &'static str, ours: f64) -> Self {
        Self {
            name: name.into(),
            unit: unit.into(),
            // What could not be measured is absent, not NaN.
            ours: ours.is_finite().then_some(ours),
            peer: None,
            peers: BTreeMap::new(),
            ratio: None,
            note: String::new(),
            measured: String::new(),
        }
    }

    /// With what a reader needs to judge it.
    pub fn noting(self, note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            ..self
        }
    }

    fn rounded(&self) -> Self {
        let peers = self.peers.iter();
        Self {
            name: self.name.clone(),
            unit: self.unit.clone(),
            ours: self.ours.map(round),
            peer: self.peer.map(round),
            peers: peers
                .map(|(name, value)| (name.clone(), value.map(round)))
                .collect(),
            ratio: self.ratio.map(round),
            note: self.note.clone(),
            measured: self.measured.clone(),
        }
    }
}

/// The figures that an earlier benchmark wrote.
pub fn read(path: &Path) -> Result<Vec<Figure>> {
    let what = path.display().to_string();
    let text = fs::read_to_string(path).map_err(Error::io(&what))?;
    serde_json::from_str(&text).map_err(|error| Error::Failed(format!("{what}: {error}")))
}

/// The figures of an earlier benchmark with those measured now in their places; new ones at the end.
pub fn merged(earlier: Vec<Figure>, now: Vec<Figure>) -> Vec<Figure> {
    let mut figures = earlier;
    for figure in now {
        match figures.iter_mut().find(|one| one.name == figure.name) {
            Some(place) => *place = figure,
            None => figures.push(figure),
        }
    }
    figures
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
            name: "a".into(),
            unit: "us".into(),
            ours: Some(1.23456),
            peer: Some(2.0),
            peers: BTreeMap::from([("pgbench".into(), Some(2.0)), ("sysbench".into(), None)]),
            ratio: None,
            note: String::new(),
            measured: "today".to_owned(),
        };
        let read: serde_json::Value = serde_json::from_str(&json(&[figure])).unwrap();
        let expected = serde_json::json!([{
            "name": "a", "unit": "us", "ours": 1.23, "peer": 2.0,
            "peers": {"pgbench": 2.0, "sysbench": null}, "ratio": null, "note": "",
            "measured": "today",
        }]);
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_measured_again_stays_in_its_place() {
        let figures = |all: &[(&'static str, f64)]| -> Vec<Figure> {
            all.iter()
                .map(|(name, ours)| Figure::alone(*name, "us", *ours))
                .collect()
        };
        let merged = merged(
            figures(&[("a", 1.0), ("b", 2.0)]),
            figures(&[("c", 3.0), ("a", 4.0)]),
        );
        let read: Vec<_> = merged
            .iter()
            .map(|one| (one.name.as_ref(), one.ours))
            .collect();
        assert_eq!(read, [("a", Some(4.0)), ("b", Some(2.0)), ("c", Some(3.0))]);
    }
}
