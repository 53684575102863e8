use super::*;

fn statement(kind: StatementKind, columns: &[&str], sql: &str) -> Statement {
    let class = match kind {
        StatementKind::Insert | StatementKind::Update => Class::Write,
        _ => Class::Read,
    };
    Statement {
        name: "by id".into(),
        kind,
        class,
        table: "app.Orders".into(),
        key_column: "id".into(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        sql: sql.into(),
    }
}

fn check(kind: StatementKind, columns: &[&str], sql: &str, postgres: &str, parameters: usize) {
    let statement = statement(kind, columns, sql);
    assert_eq!(sql_text(Dialect::Postgres, &statement), postgres);
    assert_eq!(statement.parameters(), parameters, "{postgres}");
    if kind != StatementKind::Sql {
        assert_eq!(
            sql_text(Dialect::Sqlite, &statement),
            postgres.replace('$', "?")
        );
    }
}

#[test]
fn each_kind_has_its_text() {
    check(
        StatementKind::PointLookup,
        &[],
        "",
        r#"SELECT /* gauntlet op=by_id class=READ */ * FROM "app"."Orders" WHERE "id" = $1"#,
        1,
    );
    check(
        StatementKind::RangeScan { limit: 10 },
        &["a", "b\"c"],
        "",
        r#"SELECT /* gauntlet op=by_id class=READ */ "a", "b""c" FROM "app"."Orders" WHERE "id" >= $1 ORDER BY "id" LIMIT 10"#,
        1,
    );
    check(
        StatementKind::Insert,
        &["a", "b"],
        "",
        r#"INSERT /* gauntlet op=by_id class=WRITE */ INTO "app"."Orders" ("id", "a", "b") VALUES ($1, $2, $3)"#,
        3,
    );
    check(
        StatementKind::Update,
        &["a", "b"],
        "",
        r#"UPDATE /* gauntlet op=by_id class=WRITE */ "app"."Orders" SET "a" = $1, "b" = $2 WHERE "id" = $3"#,
        3,
    );
}

fn check_sql(sql: &str, postgres: &str, sqlite: &str, parameters: usize) {
    let statement = statement(StatementKind::Sql, &[], sql);
    let mark = "/* gauntlet op=by_id class=READ */";
    assert_eq!(
        sql_text(Dialect::Postgres, &statement).replace(mark, "#"),
        postgres
    );
    assert_eq!(
        sql_text(Dialect::Sqlite, &statement).replace(mark, "#"),
        sqlite
    );
    assert_eq!(placeholders(sql), parameters, "{sql}");
}

#[test]
fn own_texts_keep_what_is_quoted_or_commented() {
    check_sql("select 1", "select # 1", "select # 1", 0);
    check_sql(
        "  -- why\n/* $9 */ SELECT $2, $1",
        "  -- why\n/* $9 */ SELECT # $2, $1",
        "  -- why\n/* $9 */ SELECT # ?2, ?1",
        2,
    );
    check_sql(
        "SELECT '$1''$2', \"$3\", $1",
        "SELECT # '$1''$2', \"$3\", $1",
        "SELECT # '$1''$2', \"$3\", ?1",
        1,
    );
    check_sql(
        "WITH x AS (SELECT $10::int) TABLE x",
        "WITH # x AS (SELECT $10::int) TABLE x",
        "WITH # x AS (SELECT ?10::int) TABLE x",
        10,
    );
    check_sql(
        "SELECT $a$ it's $1 $a$, a$1, $",
        "SELECT # $a$ it's $1 $a$, a$1, $",
        "SELECT # $a$ it's $1 $a$, a$1, $",
        0,
    );
    check_sql(
        "SELECT 'open $1",
        "SELECT # 'open $1",
        "SELECT # 'open $1",
        0,
    );
    check_sql("", "", "", 0);
}

#[test]
fn a_name_cannot_end_the_comment() {
    let mut statement = statement(StatementKind::PointLookup, &[], "");
    statement.name = "x */ DROP TABLE t; --é".into();
    let text = sql_text(Dialect::Sqlite, &statement);
    assert!(
        text.starts_with("SELECT /* gauntlet op=x____DROP_TABLE_t__--_ class=READ */ *"),
        "{text}"
    );
}
