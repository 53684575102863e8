//! Aligned columns.

use std::fmt::{self, Write as _};

/// Which side of its column a text stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of equal length, printed in aligned columns two spaces apart.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a row of headings.
    pub fn with_header<const N: usize>(columns: [(&str, Align); N]) -> Self {
        Self {
            rows: vec![columns.iter().map(|(name, _)| (*name).to_owned()).collect()],
            columns: columns.iter().map(|(_, align)| *align).collect(),
        }
    }

    /// A table without headings.
    pub fn plain<const N: usize>(columns: [Align; N]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; one that is too short ends with empty cells.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, align), width) in row.iter().zip(&self.columns).zip(&widths) {
                match align {
                    Align::Left => write!(line, "{cell:<width$}  ")?,
                    Align::Right => write!(line, "{cell:>width$}  ")?,
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::with_header([("name", Align::Left), ("p99", Align::Right)]);
        table.row(["point-lookup".to_owned(), "812 µs".to_owned()]);
        table.row(["total".to_owned(), "1.20 ms".to_owned()]);
        assert_eq!(
            table.to_string(),
            "name              p99\npoint-lookup   812 µs\ntotal         1.20 ms\n"
        );
    }

    #[test]
    fn nothing_trails() {
        let mut table = Table::plain([Align::Left, Align::Left]);
        table.row(["a".to_owned(), String::new()]);
        table.row(["bb".to_owned(), "c".to_owned()]);
        assert_eq!(table.to_string(), "a\nbb  c\n");
        assert_eq!(Table::plain([Align::Left]).to_string(), "");
    }
}
