//! The SQL text of a statement: pure text, one dialect's differences in one place.

mod scan;
#[cfg(feature = "postgres")]
mod shape;

use std::fmt::Write as _;

use crate::name::TableName;
use crate::statement::{Class, Statement, StatementKind};
use scan::{Piece, pieces};
#[cfg(feature = "postgres")]
pub(crate) use shape::shape;

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite: placeholders are `?1`.
    Sqlite,
    /// PostgreSQL: placeholders are `$1`.
    Postgres,
}

impl Dialect {
    fn placeholder(self) -> char {
        match self {
            Self::Sqlite => '?',
            Self::Postgres => '$',
        }
    }
}

/// The text to prepare for a statement, with a comment after the first keyword that says whose it is.
#[must_use]
pub fn sql_text(dialect: Dialect, statement: &Statement) -> String {
    let mark = mark(statement);
    let table = quoted_path(&statement.table);
    let key = quoted(&statement.key_column);
    let parameter = dialect.placeholder();
    match statement.kind {
        StatementKind::PointLookup => {
            format!(
                "SELECT {mark} {} FROM {table} WHERE {key} = {parameter}1",
                selected(&statement.columns)
            )
        }
        StatementKind::RangeScan { limit } => {
            let columns = selected(&statement.columns);
            format!(
                "SELECT {mark} {columns} FROM {table} WHERE {key} >= {parameter}1 ORDER BY {key} LIMIT {limit}"
            )
        }
        StatementKind::Insert => {
            let columns: Vec<String> = std::iter::once(key)
                .chain(statement.columns.iter().map(|column| quoted(column)))
                .collect();
            let values: Vec<String> = (1..=columns.len())
                .map(|number| format!("{parameter}{number}"))
                .collect();
            format!(
                "INSERT {mark} INTO {table} ({}) VALUES ({})",
                columns.join(", "),
                values.join(", ")
            )
        }
        StatementKind::Update => {
            let set = |(number, column): (usize, &String)| {
                format!("{} = {parameter}{}", quoted(column), number + 1)
            };
            let sets: Vec<String> = statement.columns.iter().enumerate().map(set).collect();
            format!(
                "UPDATE {mark} {table} SET {} WHERE {key} = {parameter}{}",
                sets.join(", "),
                sets.len() + 1
            )
        }
        StatementKind::Sql => marked(dialect, &statement.sql, &mark),
    }
}

/// The number of parameters that a text takes: its highest placeholder.
#[must_use]
pub fn placeholders(sql: &str) -> usize {
    let number = |piece| {
        if let Piece::Placeholder(number) = piece {
            number
        } else {
            0
        }
    };
    pieces(sql).map(number).max().unwrap_or(0)
}

/// An identifier, quoted.
pub(crate) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// `table` or `schema.table`, each part quoted; parts that are quoted already stay so.
pub(crate) fn quoted_path(path: &str) -> String {
    TableName::parse(path).sql()
}

fn selected(columns: &[String]) -> String {
    if columns.is_empty() {
        return "*".to_owned();
    }
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    columns.join(", ")
}

/// The comment by which a statement is found again in the target's own statistics. Only letters that cannot end it.
fn mark(statement: &Statement) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || "_.-".contains(letter) {
            letter
        } else {
            '_'
        }
    };
    let name: String = statement.name.chars().take(64).map(plain).collect();
    let class = match statement.class {
        Class::Read => "READ",
        Class::Write => "WRITE",
    };
    format!("/* gauntlet op={name} class={class} */")
}

/// The text with the comment after its first keyword and with the dialect's placeholders.
fn marked(dialect: Dialect, sql: &str, mark: &str) -> String {
    let mut text = String::with_capacity(sql.len() + mark.len() + 1);
    let mut is_marked = false;
    for piece in pieces(sql) {
        match piece {
            Piece::Word(word) => {
                text.push_str(word);
                if !is_marked {
                    text.push(' ');
                    text.push_str(mark);
                    is_marked = true;
                }
            }
            Piece::Placeholder(number) => {
                write!(text, "{}{number}", dialect.placeholder())
                    .expect("writing to a string cannot fail");
            }
            Piece::Other(other) => text.push_str(other),
        }
    }
    text
}

#[cfg(test)]
mod tests;
