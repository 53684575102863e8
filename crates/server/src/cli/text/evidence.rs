//! What the target's own statistics say of a run, as people read it.

use std::fmt::Write as _;

use gauntlet_client::pb;

use super::{
    number::{bytes, count, latency, percent},
    table::{Align, Table},
    word,
};

/// How many waits are listed.
const MOST_WAITS: usize = 5;
/// The counters that are worth a place on the screen; JSON has all.
const SHOWN: [&str; 10] = [
    "cache_hit_ratio",
    "xact_commit",
    "xact_rollback",
    "deadlocks",
    "temp_bytes",
    "checkpoints_timed",
    "checkpoints_requested",
    "wal_bytes",
    "file_bytes",
    "wal_file_bytes",
];

/// The evidence of the measurement, on a terminal with so many columns; empty
/// when there is none to speak of.
pub fn section(evidence: &pb::Evidence, most: Option<usize>) -> String {
    let status = evidence.status();
    if status != pb::ProcessingStatus::Completed {
        let status = word::lower(status.as_str_name(), "PROCESSING_STATUS_");
        let why = match evidence.message.as_str() {
            "" => String::new(),
            message => format!(": {message}"),
        };
        return format!("at the target: {status}{why}");
    }
    let mut text = String::new();
    for period in &evidence.periods {
        if period.phase() == pb::RunPhase::Measurement {
            text.push_str(&statements(period, most));
            text.push_str(&figures(period));
        }
    }
    for skipped in &evidence.skipped {
        let _ = writeln!(text, "not seen at the target: {skipped}");
    }
    text
}

fn statements(period: &pb::EvidencePeriod, most: Option<usize>) -> String {
    use Align::{Left, Right};
    if period.statements.is_empty() {
        return String::new();
    }
    let mut table = Table::with_header([
        ("at the target", Left),
        ("calls", Right),
        ("mean", Right),
        ("rows", Right),
        ("pages hit", Right),
        ("pages read", Right),
    ])
    .spare(["pages hit", "rows", "pages read", "calls"]);
    for statement in &period.statements {
        table.row([
            statement.operation.clone(),
            count(statement.calls),
            latency(statement.mean_us),
            count(statement.rows),
            count(statement.pages_hit),
            count(statement.pages_read),
        ]);
    }
    table.within(most)
}

fn figures(period: &pb::EvidencePeriod) -> String {
    let mut text = String::new();
    let shown = period
        .counters
        .iter()
        .filter(|counter| SHOWN.contains(&counter.name.as_str()))
        .map(counter);
    let counters: Vec<String> = shown.collect();
    if !counters.is_empty() {
        let _ = writeln!(text, "counters: {}", counters.join(", "));
    }
    let waits: Vec<String> = period.waits.iter().take(MOST_WAITS).map(wait).collect();
    if !waits.is_empty() {
        let _ = writeln!(text, "sessions were in: {}", waits.join(", "));
    }
    let relations: Vec<String> = period.relations.iter().map(relation).collect();
    if !relations.is_empty() {
        let _ = writeln!(text, "sizes: {}", relations.join(", "));
    }
    text
}

fn counter(counter: &pb::EvidenceCounter) -> String {
    let size = counter.value.abs();
    let value = match counter.name.rsplit('_').next() {
        Some("ratio") => percent(size),
        Some("bytes") => bytes(size as u64),
        _ => count(size.round() as u64),
    };
    let sign = if counter.value < 0.0 { "-" } else { "" };
    format!("{} {sign}{value}", counter.name)
}

fn wait(wait: &pb::EvidenceWait) -> String {
    let name = match wait.event.as_str() {
        "" => wait.kind.clone(),
        event => format!("{}/{event}", wait.kind),
    };
    format!("{name} {}", percent(wait.share))
}

fn relation(relation: &pb::EvidenceRelation) -> String {
    let grown = match relation.grown_bytes {
        0 => String::new(),
        grown if grown > 0 => format!(" (grew {})", bytes(grown.unsigned_abs())),
        shrunk => format!(" (shrank {})", bytes(shrunk.unsigned_abs())),
    };
    format!("{} {}{grown}", relation.name, bytes(relation.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gathering_that_was_skipped_says_why() {
        let evidence = pb::Evidence {
            status: pb::ProcessingStatus::Skipped.into(),
            message: "no load was sent".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            section(&evidence, None),
            "at the target: skipped: no load was sent"
        );
    }

    #[test]
    fn the_measurement_is_shown_with_units() {
        let period = pb::EvidencePeriod {
            phase: pb::RunPhase::Measurement.into(),
            statements: vec![pb::EvidenceStatement {
                operation: "read".to_owned(),
                calls: 1_000,
                mean_us: 12.0,
                rows: 1_000,
                pages_hit: 3_000,
                ..Default::default()
            }],
            counters: vec![
                pb::EvidenceCounter {
                    name: "cache_hit_ratio".to_owned(),
                    value: 0.5,
                },
                pb::EvidenceCounter {
                    name: "temp_bytes".to_owned(),
                    value: 2_000.0,
                },
                pb::EvidenceCounter {
                    name: "wal_file_bytes".to_owned(),
                    value: -4_000.0,
                },
            ],
            waits: vec![pb::EvidenceWait {
                kind: "Lock".to_owned(),
                event: "tuple".to_owned(),
                sessions: 1.0,
                share: 0.25,
            }],
            relations: vec![pb::EvidenceRelation {
                name: "t".to_owned(),
                kind: "table".to_owned(),
                bytes: 4_000_000,
                grown_bytes: 1_000,
            }],
            ..Default::default()
        };
        let evidence = pb::Evidence {
            status: pb::ProcessingStatus::Completed.into(),
            periods: vec![period],
            skipped: vec!["pg_stat_wal: needs version 14".to_owned()],
            ..Default::default()
        };
        assert_eq!(
            section(&evidence, None),
            "\
at the target  calls     mean   rows  pages hit  pages read
read           1,000  12.0 µs  1,000      3,000           0
counters: cache_hit_ratio 50 %, temp_bytes 2.00 kB, wal_file_bytes -4.00 kB
sessions were in: Lock/tuple 25 %
sizes: t 4.00 MB (grew 1.00 kB)
not seen at the target: pg_stat_wal: needs version 14
"
        );
    }
}
