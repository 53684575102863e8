use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{id::RunId, interval::ErrorCount, session::AttemptRef};

#[test]
fn values_become_words() {
    for (message, expected) in [
        ("deadlock detected", "deadlock detected"),
        (
            "Process 4711 waits for ShareLock on transaction 99; blocked by process 12.",
            "Process N waits for ShareLock on transaction N; blocked by process N.",
        ),
        (
            "duplicate key value violates unique constraint \"orders_pkey\"",
            "duplicate key value violates unique constraint \"…\"",
        ),
        (
            "Key (id)=(5) already exists.",
            "Key (id)=(…) already exists.",
        ),
        (
            "Key (id, shard)=(5, abc) already exists.",
            "Key (id, shard)=(N, abc) already exists.",
        ),
        (
            "invalid input syntax for type integer: 'it''s'",
            "invalid input syntax for type integer: '…'",
        ),
        ("can't open it: it's gone", "can't open it: it's gone"),
        (
            "connection to server at \"10.0.0.7\", port 5432 failed",
            "connection to server at \"…\", port N failed",
        ),
        (
            "connect 127.0.0.1:5432: refused",
            "connect ADDRESS: refused",
        ),
        ("connect [::1]:5432: refused", "connect ADDRESS: refused"),
        ("connect fe80::1ff:fe23 refused", "connect ADDRESS refused"),
        ("at 2024-01-02 03:04:05.123+00", "at N-N-N N:N:N+N"),
        ("cannot cast 5::date", "cannot cast N::date"),
        (
            "row 0192f3c1-7c2e-7d15-9f04-0a1b2c3d4e5f is locked",
            "row UUID is locked",
        ),
        ("page 0xDEADBEEF of 16/B374D848", "page HEX of N/HEX"),
        (
            "decade facade deadbeef 1,234.5 rows",
            "decade facade deadbeef N rows",
        ),
        ("sbtest12.pad", "sbtestN.pad"),
        (
            "… WHERE id IN (1, 2,3) AND t IN ('a', 'b') OR k = $1",
            "… WHERE id IN (…) AND t IN (…) OR k = $N",
        ),
        ("VALUES (-1, NULL, $3)", "VALUES (…)"),
        ("lock\n\ttimeout  \u{0} ", "lock timeout"),
        ("unclosed 'quote 5", "unclosed 'quote N"),
        ("", ""),
    ] {
        assert_eq!(normalise(message), expected);
    }
}

#[test]
fn lists_of_any_length_are_one_text() {
    let list = |length: usize| {
        let items: Vec<String> = (0..length).map(|item| item.to_string()).collect();
        format!("no rows for id IN ({})", items.join(", "))
    };
    for length in [1, 2, 50, 5_000] {
        assert_eq!(normalise(&list(length)), "no rows for id IN (…)");
    }
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let long = normalise(&"é ß ".repeat(1_000));
    assert_eq!(long.chars().count(), LONGEST);
    assert!(long.ends_with('…'));
}

fn message() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("'"),
        Just("\""),
        Just("("),
        Just(")"),
        Just(", "),
        Just("5"),
        Just("0x"),
        Just("ab"),
        Just("::"),
        Just(":"),
        Just("."),
        Just(" "),
        Just("-"),
        Just("N"),
        Just("…"),
        Just("'…'"),
        Just("(…)"),
        Just("HEX"),
        Just("NULL"),
        Just("10.0.0.1"),
        Just("é"),
        Just("$"),
        Just("_"),
        Just("0192f3c1-7c2e-7d15-9f04-0a1b2c3d4e5f"),
        Just("["),
        Just("]"),
        Just("\n"),
        Just("deadbee5"),
    ];
    prop::collection::vec(part, 0..400).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn twice_is_once_and_short(message in prop_oneof![message(), any::<String>()]) {
        let once = normalise(&message);
        prop_assert!(once.chars().count() <= LONGEST);
        prop_assert_eq!(normalise(&once), once);
    }

    #[test]
    fn values_do_not_matter(a in any::<u64>(), b in any::<u64>(), x in "[a-z ]{0,20}", y in "[a-z ]{0,20}") {
        let message = |number: u64, text: &str| format!("row {number} of '{text}' is locked by {number}");
        prop_assert_eq!(normalise(&message(a, &x)), normalise(&message(b, &y)));
    }

    #[test]
    fn parts_merge_into_the_whole(intervals in prop::collection::vec(interval(), 0..20), split in 0_usize..20) {
        let mut whole = ErrorSummary::default();
        for interval in &intervals {
            whole.add(interval);
        }
        let (left, right) = intervals.split_at(split.min(intervals.len()));
        let mut merged = ErrorSummary::default();
        for part in [right, left] {
            let mut summary = ErrorSummary::default();
            for interval in part {
                summary.add(interval);
            }
            for group in summary.into_groups() {
                merged.merge(group);
            }
        }
        prop_assert_eq!(merged, whole);
    }
}

fn interval() -> impl Strategy<Value = Interval> {
    let error = (0_u32..2, 0_usize..3, 0_u32..30, 1_u64..50);
    (0_i64..20, prop::collection::vec(error, 0..4)).prop_map(|(second, errors)| {
        let errors = errors
            .into_iter()
            .map(|(operation, class, row, count)| ErrorCount {
                operation,
                phase: Phase::Measurement,
                class: ErrorClass::ALL[class],
                code: "40P01".to_owned(),
                message: format!("row {row} is locked"),
                count,
            });
        with_errors(second, errors.collect())
    })
}

fn with_errors(second: i64, errors: Vec<ErrorCount>) -> Interval {
    Interval {
        attempt: AttemptRef {
            run: RunId(Uuid::nil()),
            shard: 0,
            attempt: 1,
        },
        sequence: 1,
        start: Timestamp(second * 1_000_000),
        end: Timestamp((second + 1) * 1_000_000),
        operations: Vec::new(),
        errors,
        in_flight: 0,
        backlog: 0,
    }
}

fn failure(operation: u32, message: &str, count: u64) -> ErrorCount {
    ErrorCount {
        operation,
        phase: Phase::Measurement,
        class: ErrorClass::Timeout,
        code: String::new(),
        message: message.to_owned(),
        count,
    }
}

#[test]
fn a_summary_says_when_how_often_and_what_share() {
    let mut summary = ErrorSummary::of(&with_errors(7, vec![failure(0, "after 12 ms", 3)]));
    summary.add(&with_errors(
        4,
        vec![
            failure(0, "after 90 ms", 5),
            failure(0, "gone", 2),
            failure(1, "gone", 1),
        ],
    ));
    let groups: Vec<(u32, String, u64, f64)> = summary
        .groups()
        .into_iter()
        .map(|(group, share)| (group.operation, group.message, group.count, share))
        .collect();
    assert_eq!(
        groups,
        [
            (0, "after N ms".to_owned(), 8, 0.8),
            (0, "gone".to_owned(), 2, 0.2),
            (1, "gone".to_owned(), 1, 1.0),
        ]
    );
    let (most, _) = &summary.groups()[0];
    assert_eq!(
        (most.first, most.last),
        (Timestamp(4_000_000), Timestamp(8_000_000))
    );
    assert_eq!(most.sample, "after 90 ms");
}

#[test]
fn ever_new_messages_are_counted_in_one_group() {
    let mut summary = ErrorSummary::default();
    for number in 0..MOST_GROUPS + 500 {
        let letters: String = number
            .to_string()
            .chars()
            .map(|digit| char::from(digit as u8 + 49))
            .collect();
        summary.add(&with_errors(1, vec![failure(0, &letters, 2)]));
    }
    let groups = summary.groups();
    assert_eq!(groups.len(), MOST_GROUPS + 1);
    assert_eq!(
        (groups[0].0.message.as_str(), groups[0].0.count),
        (FURTHER, 1_000)
    );
}
