//! What is written is what is read.

use std::{collections::HashMap, path::Path};

use proptest::{collection::vec, option, prelude::*};
use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, MapKey, Value};

use super::*;

#[test]
fn a_whole_spec_is_written_short() {
    let expected = r#"name: bench
project: acme/shop
description: every key once
target: db
table: items
key_column: id

operations:
  - kind: point_lookup
    label: hot
    weight: 69.5
    parameters:
      - zipf: {min: 1, max: 100000, exponent: 1}
  - name: scan
    kind: range_scan
    weight: 10
    columns: [id, c]
    limit: 50
    parameters:
      - uniform: {min: 1, max: 10}
  - kind: sql
    class: read
    weight: 20.5
    sql: |
      SELECT 1
      WHERE 1 = $1
    parameters:
      - literal: {null: true}

load:
  rate: {per_second: 1000, connections: 8, max_backlog: 5000}

workers: 2

scaling:
  mode: bounded
  max_workers: 4

worker_labels:
  disk.kind: "1"
  zone: a

worker_wait: 1m
launcher: local

phases:
  warmup: 1m30s
  until_steady: {window: 20s, tolerance: 0.1}
  measurement: 500ms

search:
  bisect: {growth: 1.5, descend: true}
  step: 10s
  confirm: 0s
  max_level: 4000
  stop: {ignore_slos: true, max_latency_increase: 1}

seed: 18446744073709551615
worker_loss: replace
operation_timeout: 500ms
max_clock_uncertainty: 5ms

guardrails:
  mode: soft
  max_worker_memory_bytes: 1073741824

slos:
  - operation: point-lookup
    latency: {percentile: 99.9, max: 10ms}
  - class: write
    max_error_ratio: 0
    abort_on_fail: true
"#;
    let text = write("bench", Some("acme/shop"), &whole_spec());
    assert_eq!(text, expected);
    let file = TemplateFile::parse("f", &text).unwrap();
    assert_eq!(file.spec, whole_spec());
}

#[test]
fn the_examples_come_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension() != Some("yaml".as_ref()) {
            continue;
        }
        let file = TemplateFile::read(&path).unwrap();
        let text = write(&file.name, file.project.as_deref(), &file.spec);
        let again = TemplateFile::parse("f", &text).unwrap();
        assert_eq!(again.spec, file.spec, "{text}");
        assert_eq!(again.name, file.name);
        seen += 1;
    }
    assert!(seen >= 3);
}

/// A reader that fills in two things and takes an operation of 7 rows for wrong.
fn read(mut spec: pb::TemplateSpec) -> Option<pb::TemplateSpec> {
    spec.workers = spec.workers.max(1);
    for operation in &mut spec.operations {
        if operation.limit == 7 {
            return None;
        }
        if operation.limit == 0 {
            operation.limit = 100;
        }
    }
    Some(spec)
}

#[test]
fn what_is_filled_in_is_left_out() {
    let rows = |limit| pb::Operation {
        limit,
        weight: 100.0,
        name: "scan".to_owned(),
        ..Default::default()
    };
    let spec = pb::TemplateSpec {
        workers: 1,
        seed: 1,
        operations: vec![rows(100), rows(7), rows(8)],
        ..Default::default()
    };
    let expected = pb::TemplateSpec {
        workers: 0,
        operations: vec![rows(0), rows(7), rows(8)],
        ..spec.clone()
    };
    assert_eq!(shorten(&spec, read), expected);
    // Where nothing can be read, nothing is left out.
    assert_eq!(shorten(&spec, |_| None::<()>), spec);
    // Nor of what would take long.
    let large = pb::TemplateSpec {
        operations: vec![rows(100); 20_000],
        ..spec
    };
    assert_eq!(shorten(&large, read), large);
}

/// What no file can say is a fault when it is read, and not another value.
#[test]
fn nothing_is_left_out_in_silence() {
    let operation = |operation: pb::Operation| pb::TemplateSpec {
        operations: vec![operation],
        ..Default::default()
    };
    let phases = |warmup: prost_types::Duration| pb::TemplateSpec {
        phases: Some(pb::Phases {
            warmup: Some(warmup),
            ..Default::default()
        }),
        ..Default::default()
    };
    for (spec, field) in [
        (phases(seconds(-5, 0)), "phases.warmup"),
        (phases(seconds(i64::MAX, 0)), "phases.warmup"),
        (
            operation(pb::Operation {
                weight: f64::NAN,
                ..Default::default()
            }),
            "operations[0].weight",
        ),
        (
            operation(pb::Operation {
                kind: 99,
                ..Default::default()
            }),
            "operations[0].kind",
        ),
    ] {
        let text = write("x", None, &spec);
        let draft = Draft::read("f", &text);
        let fields: Vec<&str> = draft.faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, [field], "{text}");
    }
}

/// A value of a single field.
fn value(kind: &Kind) -> BoxedStrategy<Value> {
    let text = prop_oneof![
        3 => "[a-z]{1,8}",
        1 => "\\PC{0,12}",
        1 => r#"[a-z0-9 :,#'"\\\[\]{}&*!|>@`%~-]{0,12}"#,
        1 => "[ \ta-z\n\r]{0,30}",
        1 => any::<String>(),
    ];
    match kind {
        Kind::Message(inner) if inner.full_name() == schema::DURATION => duration(inner.clone()),
        Kind::Message(inner) => message(inner).prop_map(Value::Message).boxed(),
        Kind::Enum(values) => enum_value(values),
        Kind::String => text.prop_map(Value::String).boxed(),
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Double => prop_oneof![
            (0..1_000_u32).prop_map(|whole| f64::from(whole) / 10.0),
            proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL,
        ]
        .prop_map(Value::F64)
        .boxed(),
        Kind::Uint32 => any::<u32>().prop_map(Value::U32).boxed(),
        Kind::Uint64 => any::<u64>().prop_map(Value::U64).boxed(),
        Kind::Int32 => any::<i32>().prop_map(Value::I32).boxed(),
        Kind::Int64 => any::<i64>().prop_map(Value::I64).boxed(),
        kind => unreachable!("the schema has no {kind:?}"),
    }
}

fn enum_value(values: &EnumDescriptor) -> BoxedStrategy<Value> {
    let numbers: Vec<i32> = values.values().map(|value| value.number()).collect();
    // Zero is left out, and read as zero.
    proptest::sample::select(numbers)
        .prop_map(Value::EnumNumber)
        .boxed()
}

fn duration(descriptor: MessageDescriptor) -> BoxedStrategy<Value> {
    let seconds = prop_oneof![0..200_i64, 0..=315_576_000_000_i64];
    let nanos = prop_oneof![Just(0), 0..1_000_000_000_i32];
    (seconds, nanos)
        .prop_map(move |(seconds, nanos)| {
            let mut message = DynamicMessage::new(descriptor.clone());
            message.set_field_by_name("seconds", Value::I64(seconds));
            message.set_field_by_name("nanos", Value::I32(nanos));
            Value::Message(message)
        })
        .boxed()
}

fn field(descriptor: &FieldDescriptor) -> BoxedStrategy<Option<Value>> {
    let given = if descriptor.is_map() {
        let pair = ("\\PC{1,8}", "\\PC{0,8}");
        let pairs = vec(pair, 0..3).prop_map(|pairs| {
            let pairs = pairs.into_iter();
            let pairs: HashMap<MapKey, Value> = pairs
                .map(|(key, value)| (MapKey::String(key), Value::String(value)))
                .collect();
            Value::Map(pairs)
        });
        pairs.boxed()
    } else if descriptor.is_list() {
        vec(value(&descriptor.kind()), 0..3)
            .prop_map(Value::List)
            .boxed()
    } else {
        value(&descriptor.kind())
    };
    option::weighted(0.3, given).boxed()
}

/// Any message of a kind; of a oneof, the last that is given stays.
fn message(descriptor: &MessageDescriptor) -> BoxedStrategy<DynamicMessage> {
    let fields: Vec<FieldDescriptor> = descriptor.fields().collect();
    let values: Vec<_> = fields.iter().map(field).collect();
    let descriptor = descriptor.clone();
    values
        .prop_map(move |values| {
            let mut message = DynamicMessage::new(descriptor.clone());
            for (field, value) in fields.iter().zip(values) {
                if let Some(value) = value {
                    message.set_field(field, value);
                }
            }
            message
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_spec_comes_back(message in message(&schema::SPEC)) {
        let spec: pb::TemplateSpec = message.transcode_to().unwrap();
        let text = write("x", Some("a/b"), &spec);
        let file = match TemplateFile::parse("f", &text) {
            Ok(file) => file,
            Err(error) => panic!("{error}\n{text}"),
        };
        prop_assert_eq!(file.project.as_deref(), Some("a/b"));
        prop_assert_eq!(file.spec, spec, "{}", text);
    }
}
