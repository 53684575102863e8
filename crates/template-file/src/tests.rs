mod copied;
mod written;

use std::{collections::BTreeSet, fs};

use gauntlet_api::v1 as pb;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::*;

const WHOLE: &str = r"
name: bench
project: acme/shop
description: every key once
target: db
table: items
keyColumn: id
operations:
  - kind: point_lookup
    weight: 69.5
    label: hot
    parameters:
      - zipf: {min: 1, max: 100000, exponent: 1}
  - name: scan
    kind: RANGE_SCAN
    weight: 10
    limit: 50
    columns: [id, c]
    parameters:
      - uniform: {min: 1, max: 10}
  - kind: OPERATION_KIND_SQL
    weight: 20.5
    class: read
    sql: |
      SELECT 1
      WHERE 1 = $1
    parameters:
      - literal: {null: true}
load:
  rate: {per_second: 1000, connections: 8, maxBacklog: 5000}
phases:
  warmup: 1m30s
  measurement: 0.5s
  until_steady: {window: 20s, tolerance: 0.1}
workers: 2
seed: 18446744073709551615
slos:
  - latency: {percentile: 99.9, max: 10ms}
    operation: point-lookup
  - max_error_ratio: 0
    class: write
    abortOnFail: true
worker_loss: replace
operation_timeout: 500ms
search:
  bisect: {growth: 1.5, descend: true}
  step: 10s
  confirm: 0s
  maxLevel: 4000
  stop: {max_latency_increase: 1, ignore_slos: true}
scaling: {mode: bounded, max_workers: 4}
guardrails: {mode: soft, max_worker_memory_bytes: 1073741824}
worker_labels: {zone: a, disk.kind: '1'}
worker_wait: 1m
launcher: local
max_clock_uncertainty: 5ms
";

fn seconds(seconds: i64, nanos: i32) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos }
}

fn parameter(generator: pb::parameter::Generator) -> Vec<pb::Parameter> {
    vec![pb::Parameter {
        generator: Some(generator),
    }]
}

fn whole_spec() -> pb::TemplateSpec {
    use pb::parameter::Generator;
    let operations = vec![
        pb::Operation {
            kind: pb::OperationKind::PointLookup.into(),
            weight: 69.5,
            label: "hot".to_owned(),
            parameters: parameter(Generator::Zipf(pb::Zipf {
                min: 1,
                max: 100_000,
                exponent: 1.0,
            })),
            ..Default::default()
        },
        pb::Operation {
            name: "scan".to_owned(),
            kind: pb::OperationKind::RangeScan.into(),
            weight: 10.0,
            limit: 50,
            columns: vec!["id".to_owned(), "c".to_owned()],
            parameters: parameter(Generator::Uniform(pb::IntegerRange { min: 1, max: 10 })),
            ..Default::default()
        },
        pb::Operation {
            kind: pb::OperationKind::Sql.into(),
            weight: 20.5,
            class: pb::StatementClass::Read.into(),
            sql: "SELECT 1\nWHERE 1 = $1\n".to_owned(),
            parameters: parameter(Generator::Literal(pb::Literal {
                value: Some(pb::literal::Value::Null(true)),
            })),
            ..Default::default()
        },
    ];
    pb::TemplateSpec {
        description: "every key once".to_owned(),
        target: "db".to_owned(),
        table: "items".to_owned(),
        key_column: "id".to_owned(),
        operations,
        load: Some(pb::Load {
            mode: Some(pb::load::Mode::Rate(pb::RateLoad {
                per_second: 1000.0,
                connections: 8,
                max_backlog: 5000,
            })),
        }),
        phases: Some(pb::Phases {
            warmup: Some(seconds(90, 0)),
            measurement: Some(seconds(0, 500_000_000)),
            drain_timeout: None,
            until_steady: Some(pb::UntilSteady {
                window: Some(seconds(20, 0)),
                tolerance: 0.1,
            }),
        }),
        workers: 2,
        seed: u64::MAX,
        slos: vec![
            pb::Slo {
                operation: "point-lookup".to_owned(),
                limit: Some(pb::slo::Limit::Latency(pb::LatencyLimit {
                    percentile: 99.9,
                    max: Some(seconds(0, 10_000_000)),
                })),
                ..Default::default()
            },
            pb::Slo {
                limit: Some(pb::slo::Limit::MaxErrorRatio(0.0)),
                class: pb::StatementClass::Write.into(),
                abort_on_fail: true,
                ..Default::default()
            },
        ],
        worker_loss: pb::WorkerLossPolicy::Replace.into(),
        operation_timeout: Some(seconds(0, 500_000_000)),
        start_timeout: None,
        search: Some(whole_search()),
        scaling: Some(pb::Scaling {
            mode: pb::ScalingMode::Bounded.into(),
            max_workers: 4,
            ..Default::default()
        }),
        guardrails: Some(pb::Guardrails {
            mode: pb::GuardrailMode::Soft.into(),
            max_worker_memory_bytes: Some(1 << 30),
            ..Default::default()
        }),
        worker_labels: [("zone", "a"), ("disk.kind", "1")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        worker_wait: Some(seconds(60, 0)),
        launcher: pb::Launcher::Local.into(),
        max_clock_uncertainty: Some(seconds(0, 5_000_000)),
    }
}

fn whole_search() -> pb::Search {
    pb::Search {
        method: Some(pb::search::Method::Bisect(pb::BisectSearch {
            growth: 1.5,
            resolution: 0.0,
            descend: true,
        })),
        step: Some(seconds(10, 0)),
        confirm: Some(seconds(0, 0)),
        max_level: 4_000.0,
        stop: Some(pb::StopSignals {
            max_latency_increase: Some(1.0),
            ignore_slos: true,
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn a_whole_file_is_read() {
    let file = TemplateFile::parse("bench.yaml", WHOLE).unwrap();
    assert_eq!(file.name, "bench");
    assert_eq!(file.project.as_deref(), Some("acme/shop"));
    assert_eq!(file.spec, whole_spec());
}

/// What is wrong with a file, without the file's name.
fn faults(text: &str) -> Vec<String> {
    match TemplateFile::parse("f", text) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .to_string()
            .lines()
            .map(|line| line.strip_prefix("f:").unwrap_or(line).to_owned())
            .collect(),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(faults(text), [(*expected).to_owned()], "{text}");
    }
}

#[test]
fn a_wrong_shape_is_refused_with_the_place_and_the_words() {
    check(&[
        ("", " the file is empty; a template needs at least a name"),
        (
            "# only a comment\n",
            " the file is empty; a template needs at least a name",
        ),
        ("a", "1:1: a template is a mapping that begins with name: …"),
        (
            "- name: x",
            "1:1: a template is a mapping that begins with name: …",
        ),
        (
            "target: db",
            "1:1: name is missing: give the template a name at the top level",
        ),
        (
            "name: a\n---\nname: b",
            " the file holds 2 documents; give each template its own file",
        ),
        (
            "name: x\ntabel: y",
            "2:1: unknown key \"tabel\" at the top level; did you mean \"table\"?",
        ),
        (
            "nmae: x\nname: x",
            "1:1: unknown key \"nmae\" at the top level; did you mean \"name\"?",
        ),
        (
            "name: x\ncolour: y",
            "2:1: unknown key \"colour\" at the top level",
        ),
        (
            "name: x\noperations:\n  - kind: insert\n    wieght: 3",
            "4:5: unknown key \"wieght\" in operations[0]; did you mean \"weight\"?",
        ),
        (
            "name: x\nload: {rate: {per_secnd: 3}}",
            "2:15: unknown key \"per_secnd\" in load.rate; did you mean \"per_second\"?",
        ),
        ("name: x\nname: y", "2:1: the key \"name\" is given twice"),
        (
            "name: x\nload: {rate: {}, rate: {}}",
            "2:18: the key \"rate\" is given twice",
        ),
        (
            "name: x\nkey_column: a\nkeyColumn: b",
            "3:1: the key \"keyColumn\" is given twice: see line 2",
        ),
        (
            "name: x\nload:\n  rate: {}\n  concurrency: {}",
            "4:3: \"concurrency\" cannot be given together with \"rate\" (line 3); give one of concurrency, rate",
        ),
    ]);
}

#[test]
fn a_wrong_value_is_refused_with_the_place_and_the_words() {
    check(&[
        (
            "name: 12",
            "1:7: name: must be a text; it is 12: write \"12\"",
        ),
        (
            "name: x\ntarget:",
            "2:7: target: must be a text; it has no value",
        ),
        (
            "name: x\ntarget: true",
            "2:9: target: must be a text; it is true: write \"true\"",
        ),
        (
            "name: x\ntarget: [a]",
            "2:9: target: must be a text; it is a list",
        ),
        (
            "name: x\nworkers: two",
            "2:10: workers: must be a whole number from 0 to 4294967295; it is \"two\"",
        ),
        (
            "name: x\nworkers: -1",
            "2:10: workers: must be a whole number from 0 to 4294967295; it is -1",
        ),
        (
            "name: x\nworkers: 1.5",
            "2:10: workers: must be a whole number from 0 to 4294967295; it is 1.5",
        ),
        (
            "name: x\nseed: 18446744073709551616",
            "2:7: seed: must be a whole number from 0 to 18446744073709551615; it is 18446744073709551616",
        ),
        (
            "name: x\noperations:\n- weight: heavy",
            "3:11: operations[0].weight: must be a number; it is \"heavy\"",
        ),
        (
            "name: x\noperations:\n- weight: .inf",
            "3:11: operations[0].weight: must be a number; it is .inf",
        ),
        (
            "name: x\noperations:\n- kind: point_lokup",
            "3:9: operations[0].kind: unknown value \"point_lokup\"; did you mean \"point_lookup\"?",
        ),
        (
            "name: x\noperations:\n- kind: unspecified",
            "3:9: operations[0].kind: unknown value \"unspecified\"; it is one of point_lookup, range_scan, insert, update, sql",
        ),
        (
            "name: x\noperations: {kind: sql}",
            "2:13: operations: must be a list; it is a mapping",
        ),
        (
            "name: x\noperations:\n- insert",
            "3:3: operations[0]: must be a mapping of name, kind, weight, table, key_column, columns, sql, class, limit, parameters, label; it is \"insert\"",
        ),
        (
            "name: x\nphases: {measurement: 20}",
            "2:23: phases.measurement: must be a duration like 20s, 500ms or 1m30s; it is 20",
        ),
        (
            "name: x\nphases:\n  measurement: {seconds: 20}",
            "3:16: phases.measurement: must be a duration like 20s, 500ms or 1m30s; it is a mapping",
        ),
        (
            "name: x\nworker_labels: [a]",
            "2:16: worker_labels: must be a mapping of texts; it is a list",
        ),
        (
            "name: x\nworker_labels: {rack: 7}",
            "2:23: worker_labels[\"rack\"]: must be a text; it is 7: write \"7\"",
        ),
        (
            "name: x\nsearch: bisect",
            "2:9: search: must be a mapping of bisect, linear, step, settle, confirm, max_level, max_steps, stop; it is \"bisect\"",
        ),
        (
            "name: x\nsearch: {bisect: {}, linear: {}}",
            "2:22: \"linear\" cannot be given together with \"bisect\" (line 2); give one of bisect, linear",
        ),
        (
            "name: x\nlauncher: locl",
            "2:11: launcher: unknown value \"locl\"; did you mean \"local\"?",
        ),
        (
            "name: x\ntarget: !secret y",
            "2:9: target: must be a text; it has a tag",
        ),
    ]);
}

#[test]
fn what_is_not_yaml_names_the_place() {
    for text in [
        "name: [",
        "name: x\n\ttarget: y",
        "name: \"x",
        "name: x\n target: y",
    ] {
        let found = faults(text);
        assert!(
            found.len() == 1
                && found[0].contains(": not YAML: ")
                && found[0].starts_with(['1', '2', '3']),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn all_faults_come_at_once_in_the_order_of_the_file() {
    assert_eq!(
        faults("name: x\nworkers: a\nlod: 1\nseed: b"),
        [
            "2:10: workers: must be a whole number from 0 to 4294967295; it is \"a\"",
            "3:1: unknown key \"lod\" at the top level; did you mean \"load\"?",
            "4:7: seed: must be a whole number from 0 to 18446744073709551615; it is \"b\"",
        ]
    );
}

/// What a draft says, and its faults without the file's name.
fn draft(text: &str) -> (Draft, Vec<String>) {
    let draft = Draft::read("f", text);
    let faults = draft.faults.iter().map(|fault| {
        let place = fault
            .place
            .map_or_else(String::new, |place| place.to_string());
        format!("{place} {} {}", fault.field, fault.message)
    });
    let faults = faults.collect();
    (draft, faults)
}

#[test]
fn a_draft_tells_what_can_be_read() {
    let missing = "1:1  name is missing: give the template a name at the top level";
    let spec = |target: &str| {
        Some(pb::TemplateSpec {
            target: target.to_owned(),
            ..Default::default()
        })
    };
    let db = spec("db");
    for (text, name, project, expected, faults) in [
        (
            "name: x\nproject: a/b\ntarget: db",
            Some("x"),
            Some("a/b"),
            &db,
            vec![],
        ),
        ("target: db", None, None, &db, vec![missing]),
        ("{}", None, None, &spec(""), vec![missing]),
        (
            "name: 12\ntarget: db",
            None,
            None,
            &db,
            vec!["1:7 name must be a text; it is 12: write \"12\""],
        ),
        (
            "name: x\nworkers: two",
            Some("x"),
            None,
            &None,
            vec!["2:10 workers must be a whole number from 0 to 4294967295; it is \"two\""],
        ),
        (
            "tabel: x",
            None,
            None,
            &None,
            vec![
                missing,
                "1:1  unknown key \"tabel\" at the top level; did you mean \"table\"?",
            ],
        ),
        (
            "",
            None,
            None,
            &None,
            vec!["  the file is empty; a template needs at least a name"],
        ),
    ] {
        let (draft, found) = draft(text);
        assert_eq!(found, faults, "{text}");
        assert_eq!(draft.name.as_deref(), name, "{text}");
        assert_eq!(draft.project.as_deref(), project, "{text}");
        assert_eq!(&draft.spec, expected, "{text}");
    }
}

#[test]
fn texts_that_mean_harm_are_refused_soon() {
    let flow = format!("name: {}", "[".repeat(200));
    let block = format!("- {}", "- ".repeat(100_000));
    let keys = format!("? {}", "? ".repeat(100_000));
    for deep in [flow, block, keys] {
        let (draft, faults) = draft(&deep);
        assert_eq!(draft.spec, None);
        let told = faults[0].ends_with(" no template has more than 64 levels");
        assert!(faults.len() == 1 && told, "{faults:?}");
    }

    let unknown: Vec<String> = (0..10_000).map(|key| format!("key{key}: 1")).collect();
    let (_, faults) = draft(&unknown.join("\n"));
    assert!(faults.len() <= 201, "{}", faults.len());
    let long = format!("name: x\n{}: 1", "k".repeat(1_000_000));
    let (_, faults) = draft(&long);
    assert!(faults[0].len() < 200, "{}", faults[0].len());

    // Each anchor holds ten times the one before.
    let mut laughs = vec!["a0: &a0 [x, x]".to_owned()];
    for level in 1..12 {
        let inner = format!("*a{}, ", level - 1).repeat(10);
        laughs.push(format!("a{level}: &a{level} [{inner}x]"));
    }
    let (_, faults) = draft(&laughs.join("\n"));
    assert!(!faults.is_empty());
}

#[test]
fn anchors_are_followed() {
    let text = "name: x\nphases: {warmup: &short 1s, measurement: *short}";
    let phases = TemplateFile::parse("f", text).unwrap().spec.phases.unwrap();
    assert_eq!(
        (phases.warmup, phases.measurement),
        (Some(seconds(1, 0)), Some(seconds(1, 0)))
    );
}

#[test]
fn the_control_planes_violations_find_their_line() {
    let file = TemplateFile::parse("bench.yaml", WHOLE).unwrap();
    for (field, expected) in [
        (
            "operations[1].weight",
            "bench.yaml:16:5: operations[1].weight: is wrong",
        ),
        (
            "spec.operations[1].weight",
            "bench.yaml:16:5: operations[1].weight: is wrong",
        ),
        (
            "operations[1].class",
            "bench.yaml:14:5: operations[1].class: is wrong",
        ),
        (
            "operations[0].parameters[0].zipf.max",
            "bench.yaml:13:24: operations[0].parameters[0].zipf.max: is wrong",
        ),
        ("operations", "bench.yaml:8:1: operations: is wrong"),
        (
            "phases.drain_timeout",
            "bench.yaml:31:1: phases.drain_timeout: is wrong",
        ),
        (
            "worker_labels[\"disk.kind\"]",
            "bench.yaml:53:26: worker_labels[\"disk.kind\"]: is wrong",
        ),
        (
            "search.stop.max_queue_ratio",
            "bench.yaml:50:3: search.stop.max_queue_ratio: is wrong",
        ),
        ("name", "bench.yaml:2:1: name: is wrong"),
        ("start_timeout", "bench.yaml: start_timeout: is wrong"),
        ("", "bench.yaml: is wrong"),
    ] {
        let violation = Violation {
            field: field.to_owned(),
            message: "is wrong".to_owned(),
        };
        assert_eq!(file.locate(&violation).to_string(), expected);
    }
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.yaml");
    let binary = folder.path().join("binary.yaml");
    fs::write(&binary, [0xff, 0xfe]).unwrap();
    for (path, reason) in [
        (missing.as_path(), "there is no such file"),
        (folder.path(), "it is a folder"),
        (binary.as_path(), "it is not UTF-8 text"),
    ] {
        assert_eq!(
            TemplateFile::read(path).unwrap_err().to_string(),
            format!("cannot read {}: {reason}", path.display())
        );
    }
}

/// The walk knows every kind of field that the spec has.
#[test]
fn the_schema_has_no_field_that_a_file_cannot_give() {
    fn visit(message: &MessageDescriptor, seen: &mut BTreeSet<String>) {
        if !seen.insert(message.full_name().to_owned()) {
            return;
        }
        for field in message.fields() {
            if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
                let text = |part: FieldDescriptor| matches!(part.kind(), Kind::String);
                let texts =
                    text(entry.map_entry_key_field()) && text(entry.map_entry_value_field());
                assert!(texts, "{}", field.full_name());
                continue;
            }
            match field.kind() {
                Kind::Message(inner) if inner.full_name() == schema::DURATION => {}
                Kind::Message(inner) => visit(&inner, seen),
                kind => assert!(
                    matches!(
                        kind,
                        Kind::Enum(_)
                            | Kind::String
                            | Kind::Bool
                            | Kind::Double
                            | Kind::Uint32
                            | Kind::Uint64
                            | Kind::Int32
                            | Kind::Int64
                    ),
                    "{}",
                    field.full_name()
                ),
            }
        }
    }
    let mut seen = BTreeSet::new();
    visit(&schema::SPEC, &mut seen);
    assert!(seen.len() > 10);
}
