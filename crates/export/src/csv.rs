//! Comma-separated values (RFC 4180).

use gauntlet_model::history::HistoryPoint;

use crate::{
    Contents,
    table::{Table, Value},
};

#[derive(Clone, Debug)]
pub(crate) struct Csv {
    table: Table,
}

impl Csv {
    pub(crate) fn begin(contents: &Contents) -> (Self, Vec<u8>) {
        let table = Table::new(contents);
        let columns = table.columns().iter();
        let header = line(columns.map(|column| field(&column.name)));
        (Self { table }, header.into_bytes())
    }

    pub(crate) fn write(&self, points: &[HistoryPoint]) -> Vec<u8> {
        let rows = points.iter().flat_map(|point| self.table.rows(point));
        let lines: String = rows.map(|row| line(row.iter().map(text))).collect();
        lines.into_bytes()
    }
}

fn line(fields: impl Iterator<Item = String>) -> String {
    let mut line = fields.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// A number as the shortest text that reads back as the same number; nothing as
/// an empty field.
fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => field(text),
        Value::Integer(integer) => integer.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Nothing => String::new(),
    }
}

fn field(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_must_be() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
        ] {
            assert_eq!(field(text), expected);
        }
    }
}
