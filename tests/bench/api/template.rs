//! The templates that the runs of these measurements are made of.

use crate::plane::TARGET;

/// The table that they read.
pub const TABLE: &str = "items";
/// Operations of each.
pub const OPERATIONS: usize = 5;

/// A template over so many workers, a connection for each.
pub fn yaml(name: &str, workers: usize, measurement_s: u64) -> String {
    let operations: Vec<String> = (1..=OPERATIONS).map(operation).collect();
    format!(
        "\
name: {name}
target: {TARGET}
workers: {workers}
operations:
{}load:
  concurrency:
    connections: {workers}
phases:
  measurement: {measurement_s}s
",
        operations.concat()
    )
}

fn operation(number: usize) -> String {
    format!(
        "  - name: read-{number}
    kind: SQL
    class: READ
    weight: 20
    sql: SELECT k FROM {TABLE} WHERE id = $1
    parameters:
      - uniform:
          min: 1
          max: 1000
"
    )
}
