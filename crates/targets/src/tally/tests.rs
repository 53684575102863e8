use super::*;

fn tally(order: Order, values: &[Option<&str>]) -> Tally {
    let mut tally = Tally::new(order);
    for value in values {
        match value {
            Some(text) => tally.value(text.len() as u64, Some((*text).to_owned())),
            None => tally.null(),
        }
    }
    tally
}

#[test]
fn all_rows_give_exact_figures() {
    let values = [
        Some("9"),
        Some("10"),
        None,
        Some("9"),
        Some("-3"),
        None,
        None,
        None,
    ];
    assert_eq!(
        tally(Order::Numeric, &values).profile("k", "bigint", 8),
        ColumnProfile {
            name: "k".into(),
            type_name: "bigint".into(),
            nulls_ratio: 0.5,
            distinct_estimate: Some(3),
            min: Some("-3".into()),
            max: Some("10".into()),
            range_exact: false,
            average_bytes: Some(1.5),
            common: vec![("9".into(), 0.25)],
        }
    );
}

#[test]
fn nothing_seen_is_nothing_said() {
    for (values, nulls_ratio) in [(&[][..], 0.0), (&[None, None][..], 1.0)] {
        let profile = tally(Order::Text, values).profile("c", "text", 100);
        assert_eq!(
            (
                profile.nulls_ratio,
                profile.distinct_estimate,
                profile.min,
                profile.average_bytes
            ),
            (nulls_ratio, None, None, None)
        );
    }
}

#[test]
fn the_order_is_the_columns() {
    let check = |order, values: &[&str], min: &str, max: &str| {
        let tally = Tally::new(order);
        let range = tally.range(values.iter().copied());
        assert_eq!(range, (Some(min.into()), Some(max.into())), "{values:?}");
    };
    check(Order::Text, &["9", "10"], "10", "9");
    check(Order::Numeric, &["9", "10", "-2.5"], "-2.5", "10");
    check(Order::Numeric, &["9", "x", "10"], "9", "x");
    let (large, larger) = ("9007199254740992", "9007199254740993");
    check(Order::Numeric, &[larger, large], large, larger);
}

/// Of a column of keys every sample has only different ones; of a column of few values it has all of them soon.
#[test]
fn distinct_values_are_estimated_for_the_whole_table() {
    let keys: Vec<String> = (0..1_000).map(|key| key.to_string()).collect();
    let keys: Vec<Option<&str>> = keys.iter().map(|key| Some(key.as_str())).collect();
    let estimate = |values, rows| {
        tally(Order::Text, values)
            .profile("", "", rows)
            .distinct_estimate
    };
    assert_eq!(estimate(&keys, 1_000_000), Some(1_000_000));
    let few: Vec<Option<&str>> = keys.iter().enumerate().map(|(n, _)| keys[n % 7]).collect();
    assert_eq!(estimate(&few, 1_000_000), Some(7));
}

#[test]
fn large_values_are_counted_without_their_text() {
    let mut tally = Tally::new(Order::Text);
    tally.value(1_000_000, None);
    tally.value(4, Some("é".repeat(300)));
    let profile = tally.profile("c", "text", 2);
    assert_eq!(profile.distinct_estimate, Some(2));
    assert_eq!(profile.average_bytes, Some(500_002.0));
    assert_eq!(profile.max, Some("é".repeat(LETTERS)));
}

#[test]
fn wide_tables_are_sampled_less() {
    for (wanted, columns, rows) in [
        (10_000, 4, 10_000),
        (10_000, 100, 5_000),
        (1_000_000, 1, 500_000),
        (0, 0, 1),
    ] {
        assert_eq!(rows_to_sample(wanted, columns), rows, "{columns}");
    }
}
