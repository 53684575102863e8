use rusqlite::StatementStatus;

use super::*;

/// A table `t` with these rowids; the value of a row is its rowid.
fn database(rowids: impl Iterator<Item = i64>) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch("BEGIN; CREATE TABLE t (v INTEGER PRIMARY KEY, w TEXT)")
        .unwrap();
    let mut insert = connection
        .prepare("INSERT INTO t VALUES (?1, 'x')")
        .unwrap();
    for rowid in rowids {
        insert.execute([rowid]).unwrap();
    }
    drop(insert);
    connection.execute_batch("COMMIT").unwrap();
    connection
}

fn sample(connection: &Connection, wanted: u64, seed: u64) -> (Vec<i64>, Sampled) {
    let path = Path::new("t.db");
    let found = catalog::existing(connection, path, "t").unwrap();
    let question = Question {
        connection,
        path,
        found: &found,
        until: Instant::now() + FACTS_WITHIN,
    };
    let mut seen = Vec::new();
    let sampled = question.sample("v", wanted, seed, |row| {
        seen.push(row.get(0)?);
        Ok(true)
    });
    (seen, sampled.unwrap())
}

#[test]
fn a_small_table_is_sampled_evenly() {
    // One row far behind a gap must not be likelier than the others.
    let connection = database((0..1_000).chain([1_000_000]));
    let mut with_far = 0;
    for seed in 0..200 {
        let (seen, sampled) = sample(&connection, 100, seed);
        assert_eq!(seen.len(), 100);
        assert_eq!(
            sampled,
            Sampled {
                method: SampleMethod::Spread,
                rows: 1_001,
                rows_exact: true
            }
        );
        with_far += u32::from(seen.contains(&1_000_000));
    }
    // 20 expected of 200, with a standard deviation of 4.2.
    assert!((4..=40).contains(&with_far), "{with_far}");
}

#[test]
fn a_large_table_is_probed() {
    let connection = database((1..=200_000).map(|key| key * 3));
    let (seen, sampled) = sample(&connection, 1_000, 7);
    assert_eq!(sampled.method, SampleMethod::Spread);
    assert_eq!((sampled.rows, sampled.rows_exact), (200_000, true));
    assert_eq!(seen.len(), 1_000);
    let halves = seen.iter().filter(|key| **key <= 300_000).count();
    assert!((400..600).contains(&halves), "{halves}");
    assert_eq!(sample(&connection, 1_000, 7).0, seen);
    assert_ne!(sample(&connection, 1_000, 8).0, seen);
}

/// The statements that probing consists of find their row by the key: no step of a scan.
#[test]
fn a_probe_visits_one_row() {
    let connection = database(1..=100_000);
    for (query, key) in [
        (
            "SELECT rowid FROM t WHERE rowid >= ?1 ORDER BY rowid LIMIT 1",
            77,
        ),
        ("SELECT v FROM t WHERE rowid = ?1", 99_999),
    ] {
        let mut statement = connection.prepare(query).unwrap();
        assert_eq!(statement.query_row([key], |row| row.get(0)), Ok(key));
        assert_eq!(
            statement.get_status(StatementStatus::FullscanStep),
            0,
            "{query}"
        );
        assert!(
            statement.get_status(StatementStatus::VmStep) < 20,
            "{query}"
        );
    }
}

#[test]
fn few_rows_are_all_seen() {
    let connection = database(5..8);
    let (mut seen, sampled) = sample(&connection, 10, 1);
    seen.sort_unstable();
    assert_eq!((seen, sampled.method), (vec![5, 6, 7], SampleMethod::All));
    let (seen, sampled) = sample(&database(0..0), 10, 1);
    assert_eq!(
        (seen.len(), sampled.rows, sampled.method),
        (0, 0, SampleMethod::All)
    );
}

#[test]
fn a_question_that_takes_too_long_ends() {
    let connection = database(1..=60_000);
    let path = Path::new("t.db");
    let found = catalog::existing(&connection, path, "t").unwrap();
    let question = Question {
        connection: &connection,
        path,
        found: &found,
        until: Instant::now(),
    };
    let late = question.sample("v", 10, 1, |_| Ok(true));
    assert!(matches!(late, Err(TargetError::Timeout { .. })), "{late:?}");
}

#[test]
fn values_are_texts() {
    for (value, expected) in [
        (ValueRef::Null, None),
        (ValueRef::Integer(-7), Some("-7")),
        (ValueRef::Real(2.0), Some("2.0")),
        (ValueRef::Text("é".as_bytes()), Some("é")),
        (ValueRef::Blob(&[0, 0xab]), Some("\\x00ab")),
    ] {
        assert_eq!(text(value).as_deref(), expected);
    }
}
