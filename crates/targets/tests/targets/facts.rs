//! What both databases say of themselves: the same questions, the same answers where the databases allow it.

mod plans;
mod postgres;
mod sqlite;

use gauntlet_targets::{
    CatalogColumn, CatalogTable, ColumnProfile, Config, SampleMethod, TableKind, TableProfile,
    TargetError, capabilities, catalog, near_tables, profile, sample_column,
};

use crate::support::{dataset, load};

/// A table, a view, an empty table, one without a primary key, one with odd names, one with many NULLs.
const TABLES: &str = r#"
    CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL, price INT, UNIQUE (name));
    CREATE INDEX items_price ON items (price, name);
    CREATE INDEX items_few ON items (price) WHERE price > 100;
    INSERT INTO items (id, name, price) VALUES (1, 'one', 10), (2, 'two', 10), (3, 'three', 9), (4, 'four', NULL);
    CREATE TABLE empty (id BIGINT PRIMARY KEY, v TEXT);
    CREATE TABLE keyless (a BIGINT, b TEXT);
    INSERT INTO keyless (a, b) VALUES (1, 'x'), (1, 'x'), (2, NULL);
    CREATE VIEW cheap AS SELECT id, name FROM items WHERE price < 10;
    CREATE TABLE "tab""le. x" ("co""l um.n" BIGINT PRIMARY KEY, "Ärger" TEXT);
    INSERT INTO "tab""le. x" VALUES (5, 'a"b''c');
"#;

const ODD: &str = r#""tab""le. x""#;

async fn all(config: &Config) -> Vec<CatalogTable> {
    catalog(config, None, None, 100).await.expect("a catalog")
}

fn column<'a>(profile: &'a TableProfile, name: &str) -> &'a ColumnProfile {
    let found = profile.columns.iter().find(|column| column.name == name);
    found.expect("a column of that name")
}

/// The tables of [`TABLES`], in a schema with this name.
async fn check_catalog(config: &Config, schema: &str) {
    let tables = all(config).await;
    let listed: Vec<(&str, TableKind)> = tables
        .iter()
        .map(|table| (table.name.as_str(), table.kind))
        .collect();
    assert_eq!(
        listed,
        [
            ("cheap", TableKind::View),
            ("empty", TableKind::Table),
            ("items", TableKind::Table),
            ("keyless", TableKind::Table),
            ("tab\"le. x", TableKind::Table),
        ]
    );
    assert!(tables.iter().all(|table| table.schema == schema));
    let items = &tables[2];
    let columns: Vec<(&str, bool, Option<u32>, bool)> = items
        .columns
        .iter()
        .map(|c| {
            (
                c.name.as_str(),
                c.nullable,
                c.primary_key_position,
                c.indexed,
            )
        })
        .collect();
    assert_eq!(
        columns[1..],
        [("name", false, None, true), ("price", true, None, true)]
    );
    assert_eq!(
        (columns[0].0, columns[0].2, columns[0].3),
        ("id", Some(1), true)
    );
    let indexes: Vec<(Vec<&str>, bool, bool, bool)> = items
        .indexes
        .iter()
        .map(|i| {
            (
                i.columns.iter().map(String::as_str).collect(),
                i.unique,
                i.primary,
                i.partial,
            )
        })
        .collect();
    assert_eq!(indexes.len(), 4, "{indexes:?}");
    for index in [
        (vec!["id"], true, true, false),
        (vec!["name"], true, false, false),
        (vec!["price", "name"], false, false, false),
        (vec!["price"], false, false, true),
    ] {
        assert!(indexes.contains(&index), "{index:?} in {indexes:?}");
    }
    assert!(
        items.bytes.is_some_and(|bytes| bytes >= 4 * 4_096),
        "{items:?}"
    );
    assert_eq!(tables[0].bytes, None);
    let odd: &CatalogColumn = &tables[4].columns[0];
    assert_eq!(odd.name, "co\"l um.n");
    assert_eq!(tables[4].path(), format!("{schema}.\"tab\"\"le. x\""));
}

/// Pages of two tables, and a schema that is not there.
async fn check_pages(config: &Config, schema: &str) {
    let mut names = Vec::new();
    let mut after: Option<(String, String)> = None;
    loop {
        let from = after
            .as_ref()
            .map(|(schema, name)| (schema.as_str(), name.as_str()));
        let page = catalog(config, Some(schema), from, 2)
            .await
            .expect("a page");
        let Some(last) = page.last() else { break };
        after = Some((last.schema.clone(), last.name.clone()));
        names.extend(page.into_iter().map(|table| table.name));
    }
    let whole: Vec<String> = all(config)
        .await
        .into_iter()
        .map(|table| table.name)
        .collect();
    assert_eq!(names, whole);
    assert_eq!(
        catalog(config, Some("nowhere"), None, 10).await,
        Ok(Vec::new())
    );
}

async fn check_small_profiles(config: &Config) {
    let items = profile(config, "items", 1_000).await.expect("a profile");
    assert_eq!(
        (items.rows, items.rows_exact, items.sampled_rows),
        (4, true, 4)
    );
    assert_eq!(
        (items.sample, items.from_statistics),
        (SampleMethod::All, false)
    );
    let price = column(&items, "price");
    assert_eq!(
        (price.nulls_ratio, price.distinct_estimate),
        (0.25, Some(2))
    );
    assert_eq!(
        (price.min.as_deref(), price.max.as_deref()),
        (Some("9"), Some("10"))
    );
    assert!(price.range_exact);
    assert_eq!(price.common, [("10".to_owned(), 0.5)]);

    let empty = profile(config, "empty", 1_000).await.expect("a profile");
    assert_eq!(
        (empty.rows, empty.rows_exact, empty.sampled_rows),
        (0, true, 0)
    );
    let v = column(&empty, "v");
    assert_eq!(
        (v.nulls_ratio, v.distinct_estimate, &v.min),
        (0.0, None, &None)
    );

    let keyless = profile(config, "keyless", 2).await.expect("a profile");
    assert_eq!((keyless.rows, keyless.rows_exact), (3, true));
    let keyless = profile(config, "keyless", 3).await.expect("a profile");
    assert_eq!(column(&keyless, "a").distinct_estimate, Some(2));

    let view = profile(config, "cheap", 1_000).await.expect("a profile");
    assert_eq!(view.table.kind, TableKind::View);
    assert_eq!(
        (view.rows, view.rows_exact, view.sample),
        (1, true, SampleMethod::All)
    );

    let odd = profile(config, ODD, 10).await.expect("a profile");
    assert_eq!(column(&odd, "Ärger").max.as_deref(), Some("a\"b'c"));
}

async fn check_values(config: &Config) {
    let mut names = sample_column(config, "items", "name", 10, 1)
        .await
        .expect("values");
    names.sort();
    let expected = ["four", "one", "three", "two"].map(|name| Some(name.to_owned()));
    assert_eq!(names, expected);
    let prices = sample_column(config, "items", "price", 100, 1)
        .await
        .expect("values");
    assert_eq!(prices.iter().filter(|price| price.is_none()).count(), 1);
    assert_eq!(
        sample_column(config, "empty", "v", 10, 1).await,
        Ok(Vec::new())
    );
    let few = sample_column(config, "keyless", "a", 2, 1)
        .await
        .expect("values");
    assert_eq!(few.len(), 2);
    let view = sample_column(config, "cheap", "name", 10, 1).await;
    assert_eq!(view, Ok(vec![Some("three".to_owned())]));
    let odd = sample_column(config, ODD, "co\"l um.n", 10, 1).await;
    assert_eq!(odd, Ok(vec![Some("5".to_owned())]));
    let wrong = sample_column(config, "items", "prize", 10, 1).await;
    let Err(TargetError::NoSuchColumn { columns, .. }) = wrong else {
        panic!("{wrong:?}")
    };
    assert_eq!(columns, ["id", "name", "price"]);
}

async fn check_missing(config: &Config) {
    let missing = TargetError::NoSuchTable {
        address: config.address(),
        table: "itmes".to_owned(),
        near: vec!["items".to_owned()],
    };
    assert!(
        missing.to_string().ends_with("(there is: items)"),
        "{missing}"
    );
    assert_eq!(profile(config, "itmes", 10).await, Err(missing.clone()));
    assert_eq!(
        sample_column(config, "itmes", "id", 10, 1).await,
        Err(missing)
    );
    assert_eq!(
        near_tables(config, "emty").await,
        Ok(vec!["empty".to_owned()])
    );
    assert_eq!(near_tables(config, "zzzzzzzzz").await, Ok(Vec::new()));
}

/// 200,000 rows: a sample of some, of which the figures of all follow.
async fn check_large(config: &Config) -> TableProfile {
    load(config, &dataset(200_000)).await.expect("a dataset");
    let whole = profile(config, "demo", 2_000).await.expect("a profile");
    assert_eq!(whole.sample, SampleMethod::Spread);
    assert!(
        (1_000..=4_000).contains(&whole.sampled_rows),
        "{}",
        whole.sampled_rows
    );
    assert!((190_000..=210_000).contains(&whole.rows), "{}", whole.rows);
    let id = column(&whole, "id");
    assert_eq!(
        (id.min.as_deref(), id.max.as_deref()),
        (Some("1"), Some("200000"))
    );
    assert!(id.range_exact);
    let distinct = id.distinct_estimate.expect("an estimate");
    assert!((180_000..=210_000).contains(&distinct), "{distinct}");
    let c = column(&whole, "c");
    assert!(!c.range_exact && c.min < c.max);
    let bytes = c.average_bytes.expect("a size");
    assert!((119.0..=125.0).contains(&bytes), "{bytes}");
    assert_eq!(profile(config, "demo", 2_000).await, Ok(whole.clone()));

    let values = sample_column(config, "demo", "id", 500, 11)
        .await
        .expect("values");
    assert_eq!(values.len(), 500);
    assert_eq!(
        sample_column(config, "demo", "id", 500, 11).await,
        Ok(values.clone())
    );
    assert_ne!(
        sample_column(config, "demo", "id", 500, 12).await,
        Ok(values.clone())
    );
    let number = |value: &Option<String>| {
        value
            .as_deref()
            .map_or(0, |id| id.parse::<i64>().expect("a number"))
    };
    let low = values
        .iter()
        .map(number)
        .filter(|id| *id <= 100_000)
        .count();
    assert!((150..=350).contains(&low), "{low} of 500 in the first half");
    whole
}

async fn check_settings(config: &Config, names: &[&str]) {
    let found = capabilities(config).await.expect("capabilities");
    for name in names {
        let setting = found.settings.iter().find(|setting| setting.name == *name);
        assert!(
            setting.is_some_and(|setting| !setting.value.is_empty()),
            "{name}: {setting:?}"
        );
    }
    assert!(
        found
            .features
            .iter()
            .all(|feature| !feature.note.is_empty())
    );
    assert!(!found.read_only);
}
