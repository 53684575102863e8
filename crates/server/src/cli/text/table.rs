//! Aligned columns.

use std::fmt::{self, Write as _};

use super::wrap::{columns, pieces};

/// Between two columns.
const GAP: usize = 2;
/// A last column of words is broken into lines that are no shorter.
const NARROWEST: usize = 24;

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
    /// The columns that may be left out, the first one first.
    spare: Vec<usize>,
}

impl Table {
    /// A table with a row of headings.
    pub fn with_header<const N: usize>(columns: [(&str, Align); N]) -> Self {
        Self {
            rows: vec![columns.iter().map(|(name, _)| (*name).to_owned()).collect()],
            columns: columns.iter().map(|(_, align)| *align).collect(),
            spare: Vec::new(),
        }
    }

    /// A table without headings.
    pub fn plain<const N: usize>(columns: [Align; N]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Adds a row; one that is too short ends with empty cells.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Names the columns that may be left out where there is no room, the one that
    /// is missed least first.
    pub fn spare<const N: usize>(mut self, headings: [&str; N]) -> Self {
        let place = |heading: &str| self.rows.first()?.iter().position(|cell| cell == heading);
        self.spare = headings.into_iter().filter_map(place).collect();
        self
    }

    /// The table on a terminal with so many columns, or all of it where it goes
    /// elsewhere: a last column of words is broken into lines, and where that is
    /// not enough what can be spared is left out, and named.
    pub fn within(&self, most: Option<usize>) -> String {
        let mut kept: Vec<usize> = (0..self.columns.len()).collect();
        let Some(most) = most else {
            return self.shown(&kept, usize::MAX);
        };
        let mut without = Vec::new();
        for spare in &self.spare {
            if self.needs(&kept) <= most {
                break;
            }
            kept.retain(|column| column != spare);
            without.push(match self.rows[0][*spare].as_str() {
                "" => "remarks",
                heading => heading,
            });
        }
        let mut text = self.shown(&kept, most);
        if !without.is_empty() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "(no room for {})", without.join(", "));
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| columns(cell)).max().unwrap_or(0)
    }

    /// The place of the last of these columns.
    fn start_of_last(&self, kept: &[usize]) -> usize {
        let before = kept.split_last().map_or(kept, |(_, before)| before);
        before.iter().map(|column| self.width(*column) + GAP).sum()
    }

    /// How many columns of a terminal these columns need.
    fn needs(&self, kept: &[usize]) -> usize {
        let Some(last) = kept.last() else { return 0 };
        let width = match self.columns[*last] {
            Align::Left => self.width(*last).min(NARROWEST),
            Align::Right => self.width(*last),
        };
        self.start_of_last(kept) + width
    }

    /// These columns, the last of them broken where it is too long.
    fn shown(&self, kept: &[usize], most: usize) -> String {
        let start = self.start_of_last(kept);
        let widths: Vec<usize> = kept.iter().map(|column| self.width(*column)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (place, (column, width)) in kept.iter().zip(&widths).enumerate() {
                let cell = row.get(*column).map_or("", String::as_str);
                // Writing to a string does not fail.
                let _ = match self.columns[*column] {
                    Align::Left if place + 1 == kept.len() => {
                        let room = most.saturating_sub(start).max(NARROWEST);
                        let indent = format!("\n{:start$}", "");
                        write!(line, "{}", pieces(cell, room).join(&indent))
                    }
                    Align::Left => write!(line, "{cell:<width$}  "),
                    Align::Right => write!(line, "{cell:>width$}  "),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.within(None))
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

    fn wide() -> Table {
        let mut table = Table::with_header([
            ("name", Align::Left),
            ("p50", Align::Right),
            ("p99", Align::Right),
            ("why", Align::Left),
        ])
        .spare(["p50", "p99"]);
        let row = ["lookup", "1 µs", "2 µs", "because of this and of that"];
        table.row(row.map(str::to_owned));
        table
    }

    #[test]
    fn a_narrow_terminal_has_what_is_not_spared() {
        let all = "\
name     p50   p99  why
lookup  1 µs  2 µs  because of this and of that
";
        assert_eq!(wide().within(None), all);
        assert_eq!(wide().within(Some(47)), all);
        assert_eq!(
            wide().within(Some(46)),
            "\
name     p50   p99  why
lookup  1 µs  2 µs  because of this and of
                    that
"
        );
        assert_eq!(
            wide().within(Some(40)),
            "\
name     p99  why
lookup  2 µs  because of this and of
              that
(no room for p50)
"
        );
        assert_eq!(
            wide().within(Some(10)),
            "\
name    why
lookup  because of this and of
        that
(no room for p50, p99)
"
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
