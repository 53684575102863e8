//! A template comes back as its author would write it.

use std::{collections::BTreeSet, fs, path::Path};

use gauntlet_model::template::Spec;
use gauntlet_template_file::TemplateFile;
use gauntlet_wire::encode;
use proptest::{prelude::*, sample::select};

use super::*;

fn read(text: &str) -> TemplateFile {
    TemplateFile::parse("f", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What a text describes; `None` when its parts contradict each other.
fn meaning(text: &str) -> Option<Spec> {
    decode::template_spec(read(text).spec).ok()
}

/// A template of a text, as the API gives it and writes it.
fn round(text: &str) -> (Spec, String) {
    let file = read(text);
    let spec = decode::template_spec(file.spec).unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"));
    let written = super::text(&file.name, file.project.as_deref(), &encode::spec(&spec));
    (spec, written)
}

#[test]
fn twelve_lines_come_back_as_twelve() {
    let text = "\
name: reads
target: db
table: items

operations:
  - kind: point_lookup
    weight: 100
    parameters:
      - zipf: {min: 1, max: 1000}

load:
  rate: {per_second: 200, connections: 8}

phases:
  measurement: 30s
";
    assert_eq!(round(text).1, text);
}

/// Comments and the empty lines around them aside.
#[test]
fn the_examples_come_back_as_they_stand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension() != Some("yaml".as_ref()) {
            continue;
        }
        let said = |text: &str| -> Vec<String> {
            let lines = text.lines().map(|line| match line.split_once('#') {
                Some((before, _)) => before.trim_end().to_owned(),
                None => line.to_owned(),
            });
            lines.filter(|line| !line.is_empty()).collect()
        };
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(said(&round(&text).1), said(&text), "{}", path.display());
        seen.insert(path);
    }
    assert!(seen.len() >= 3);
}

/// One that is wrong does not keep the others from being short.
#[test]
fn a_draft_is_as_short_as_it_can_be_read() {
    let text = "\
name: draft
operations:
  - name: point-lookup
    kind: point_lookup
    table: items
    key_column: id
    parameters:
      - zipf: {min: 9, max: 1, exponent: 0.99}
  - name: range-scan
    kind: range_scan
    parameters:
      - zipf: {min: 1, max: 1000, exponent: 0.99}
workers: 1
slos:
  - {max_error_ratio: 2, confidence: 0.95}
  - {name: error ratio <= 0.5, max_error_ratio: 0.5, confidence: 0.95}
";
    let expected = "\
name: draft

operations:
  - kind: point_lookup
    table: items
    parameters:
      - zipf: {min: 9, max: 1, exponent: 0.99}
  - name: range-scan
    kind: range_scan
    parameters:
      - zipf: {min: 1, max: 1000}

slos:
  - max_error_ratio: 2
    confidence: 0.95
  - max_error_ratio: 0.5
";
    assert_eq!(super::text("draft", None, &read(text).spec), expected);
}

/// For each part of a file, ways to say it: nothing, the defaults, something else.
const PARTS: &[&[&str]] = &[
    &["", "description: 100 rows"],
    &["", "key_column: id", "key_column: k"],
    &[
        "load: {concurrency: {connections: 8}}",
        "load: {concurrency: {connections: 8, think_time: 0s}}",
        "load: {concurrency: {connections: 8, think_time: 5ms}}",
        "load: {rate: {per_second: 200.5, connections: 8}}",
        "load: {rate: {per_second: 200.5, connections: 8, max_backlog: 2005}}",
        "load: {rate: {per_second: 200.5, connections: 8, max_backlog: 9}}",
    ],
    &["", "workers: 1", "workers: 3"],
    &["", "seed: 1", "seed: 7"],
    &[
        "phases: {measurement: 100s}",
        "phases: {warmup: 0s, measurement: 100s, drain_timeout: 10s}",
        "phases: {warmup: 20s, measurement: 100s, drain_timeout: 5s}",
        "phases: {warmup: 20s, until_steady: {}, measurement: 100s}",
        "phases: {warmup: 20s, until_steady: {window: 10s, tolerance: 0.05}, measurement: 100s}",
        "phases: {warmup: 20s, until_steady: {window: 5s, tolerance: 0.1}, measurement: 100s}",
    ],
    &["", "worker_loss: fail", "worker_loss: replace"],
    &["", "operation_timeout: 10s", "operation_timeout: 5s"],
    &["", "start_timeout: 30s", "start_timeout: 1m"],
    &[
        "",
        "search: {bisect: {}}",
        "search: {bisect: {growth: 2, resolution: 0.03}, step: 10s, confirm: 20s}",
        "search: {bisect: {growth: 3, descend: true}, step: 3s, settle: 1s, confirm: 6s}",
        "search: {linear: {increment: 4, backoffs: 3}, step: 3s, settle: 2s, max_steps: 40}",
        "search: {linear: {increment: 4, backoffs: 0}, settle: 5s, confirm: 0s, max_steps: 9}",
        "search: {bisect: {}, max_level: 1000}",
        "search: {bisect: {}, max_level: 3000}",
        "search: {bisect: {}, max_level: 10000000}",
        "search: {bisect: {}, stop: {}}",
        "search: {bisect: {}, stop: {max_error_ratio: 0.01, max_throughput_drop: 0.2}}",
        "search: {bisect: {}, stop: {max_rate_shortfall: 0.02, ignore_slos: true}}",
        "search: {bisect: {}, stop: {max_error_ratio: 0, max_queue_ratio: 0.5}}",
    ],
    &[
        "",
        "scaling: {mode: fixed, max_worker_cpu: 0.8, patience_s: 3}",
        "scaling: {mode: auto, max_worker_cpu: 0.8, patience_s: 5}",
        "scaling: {mode: bounded, max_workers: 4, patience_s: 3}",
        "scaling: {max_worker_cpu: 0.5}",
    ],
    &[
        "",
        "guardrails: {mode: hard, max_worker_cpu: 0.9, patience_s: 3}",
        "guardrails: {mode: soft, max_error_ratio: 0.5, patience_s: 9}",
    ],
    &["", "worker_labels: {zone: a, disk.kind: '1'}"],
    &[
        "",
        "worker_wait: 0s\nlauncher: external",
        "worker_wait: 1m",
        "launcher: local",
    ],
    &[
        "",
        "max_clock_uncertainty: 20ms",
        "max_clock_uncertainty: 5ms",
    ],
];

/// Names are those of the kinds unless an operation has another.
const OPERATIONS: &[&[&str]] = &[
    &[
        "{kind: point_lookup, parameters: [zipf: {max: 9}]}",
        "{kind: point_lookup, parameters: [zipf: {min: 1, max: 9, exponent: 0.99}]}",
        "{kind: point_lookup, name: point-lookup, parameters: [zipf: {max: 9, exponent: 0.5}]}",
        "{kind: point_lookup, columns: [a], key_column: id, parameters: [pool: {pool: p}]}",
        "{kind: point_lookup, key_column: k, parameters: [pool: {pool: p, order: uniform}]}",
        "{kind: point_lookup, table: u, parameters: [pool: {pool: p, order: sequential}]}",
        "{kind: point_lookup, table: t, parameters: [pool: {pool: p, order: zipf}]}",
        "{kind: point_lookup, parameters: [pool: {pool: p, order: zipf, exponent: 0.99}]}",
    ],
    &[
        "{kind: range_scan, limit: 100, parameters: [uniform: {max: 9}]}",
        "{kind: range_scan, limit: 5, name: scan, parameters: [sequential: {max: 9}]}",
        "{kind: sql, sql: 'SELECT ''a: \"b\"''', class: read, label: hot}",
        "{kind: sql, sql: \"SELECT 1\\nWHERE 1 = $1\", class: read, parameters: [literal: {integer: 0}]}",
        "{kind: sql, name: sql, sql: (SELECT $1), class: read, parameters: [literal: {text: ''}]}",
    ],
    &[
        "{kind: insert, name: insert, label: hot}",
        "{kind: insert, columns: [a, 'b, c'], parameters: [text: {length: 5}, literal: {number: 1}]}",
    ],
    &[
        "{kind: update, table: t, columns: [a], parameters: [literal: {null: true}, uniform: {}]}",
        "{kind: update, columns: [a, b], parameters: [uniform: {}, uniform: {}, uniform: {}]}",
    ],
];

const SLOS: &[&[&str]] = &[
    &[
        "",
        "{max_error_ratio: 0}",
        "{name: error ratio <= 0.01, max_error_ratio: 0.01, confidence: 0.95}",
    ],
    &[
        "",
        "{operation: point-lookup, latency: {percentile: 99.9, max: 50ms}}",
        "{operation: point-lookup, name: fast, latency: {percentile: 50, max: 1s}}",
    ],
    &[
        "",
        "{class: read, name: reads throughput >= 9/s, min_throughput_per_s: 9}",
        "{class: read, min_throughput_per_s: 9, confidence: 0.5, abort_on_fail: true}",
    ],
];

fn choices(of: &'static [&'static [&'static str]]) -> impl Strategy<Value = Vec<&'static str>> {
    of.iter().map(|ways| select(*ways)).collect::<Vec<_>>()
}

/// A template file; its parts may contradict each other.
fn a_text() -> impl Strategy<Value = String> {
    let operations = (choices(OPERATIONS), select(vec![1, 2, 4]));
    (choices(PARTS), operations, choices(SLOS)).prop_map(|(parts, (operations, count), slos)| {
        let mut lines = vec!["name: x\ntarget: db\ntable: t\noperations:".to_owned()];
        let weight = 100 / count;
        let operations = operations.into_iter().take(count);
        lines.extend(
            operations.map(|one| one.replace("{kind", &format!("  - {{weight: {weight}, kind"))),
        );
        lines.extend(parts.into_iter().map(str::to_owned));
        let slos: Vec<String> = slos
            .into_iter()
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect();
        if !slos.is_empty() {
            lines.push(format!("slos: [{}]", slos.join(", ")));
        }
        lines.join("\n")
    })
}

/// A text without each of its lines, and without each of the things that stand
/// in braces on one; not each of them can be read.
fn with_one_thing_less(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let mut less = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let (before, after) = (lines[..at].join("\n"), lines[at + 1..].join("\n"));
        less.push(format!("{before}\n{after}"));
        let Some((begin, inner)) = line.split_once('{') else {
            continue;
        };
        let inner = inner.trim_end_matches('}').split(", ");
        let things: Vec<&str> = inner.filter(|thing| !thing.is_empty()).collect();
        for left_out in 0..things.len() {
            let mut kept = things.clone();
            kept.remove(left_out);
            let kept = kept.join(", ");
            less.push(format!("{before}\n{begin}{{{kept}}}\n{after}"));
        }
    }
    less
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_template_is_written_short(text in a_text()) {
        let meant = meaning(&text);
        prop_assume!(meant.is_some());
        let (_, written) = round(&text);
        let again = meaning(&written);
        prop_assert_eq!(&again, &meant, "{}", written);
        // Nothing in it is for nothing.
        for less in with_one_thing_less(&written) {
            let file = TemplateFile::parse("f", &less).ok();
            let meaning = file.and_then(|file| decode::template_spec(file.spec).ok());
            prop_assert_ne!(&meaning, &meant, "{}\n---\n{}", written, less);
        }
        prop_assert_eq!(round(&written).1, written);
    }
}
