//! Tables that scroll sideways where the screen is narrow.

use crate::html::markup::{Attributes, Markup};

/// A text with more bytes gets a column that is wide on a narrow screen too.
const LONG: usize = 40;

/// A table's cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::html) struct Cell {
    text: String,
    class: &'static str,
}

impl Cell {
    /// Words.
    pub(in crate::html) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            class: "",
        }
    }

    /// A figure, whose digits stand below those of the others.
    pub(in crate::html) fn number(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            class: "n",
        }
    }

    /// A short word in a frame whose colour says how good it is.
    pub(in crate::html) fn badge(text: &str, class: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            class,
        }
    }

    /// A statement or a message of a database, as it was.
    pub(in crate::html) fn code(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            class: "code",
        }
    }

    /// A sentence is not squeezed into a column of single words.
    fn room(&self) -> Attributes<'static> {
        if self.text.len() > LONG {
            return &[("class", "w")];
        }
        &[]
    }

    fn write(&self, page: &mut Markup) {
        match self.class {
            "" => page.line("td", self.room(), &self.text),
            "n" => page.line("td", &[("class", "n")], &self.text),
            "code" => page.element("td", self.room(), |page| {
                page.line("code", &[], &self.text);
            }),
            badge => page.element("td", &[], |page| {
                page.line("span", &[("class", badge)], &self.text);
            }),
        }
    }
}

/// A table with a heading for each column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::html) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(in crate::html) fn new(header: &[&str]) -> Self {
        Self {
            header: header.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, a cell for each column.
    pub(in crate::html) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(cells.into());
    }

    /// Whether it has no row.
    pub(in crate::html) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes the column at a place out.
    pub(in crate::html) fn drop_column(&mut self, place: usize) {
        self.header.remove(place);
        for row in &mut self.rows {
            row.remove(place);
        }
    }

    /// Takes columns out in which every cell is `text`.
    pub(in crate::html) fn drop_all(&mut self, text: &str) {
        for place in (0..self.header.len()).rev() {
            let mut cells = self.rows.iter().filter_map(|row| row.get(place));
            if cells.all(|cell| cell.text == text) {
                self.drop_column(place);
            }
        }
    }

    pub(in crate::html) fn write(&self, page: &mut Markup) {
        // Who uses a keyboard can scroll it.
        let scroll = [("class", "scroll"), ("tabindex", "0")];
        page.element("div", &scroll, |page| {
            page.element("table", &[], |page| {
                page.element("thead", &[], |page| self.head(page));
                page.element("tbody", &[], |page| {
                    for row in &self.rows {
                        page.element("tr", &[], |page| {
                            for cell in row {
                                cell.write(page);
                            }
                        });
                        page.newline();
                    }
                });
            });
        });
    }

    fn head(&self, page: &mut Markup) {
        page.element("tr", &[], |page| {
            for (place, name) in self.header.iter().enumerate() {
                let first = self.rows.first().and_then(|row| row.get(place));
                let class = first.map_or("", |cell| if cell.class == "n" { "n" } else { "" });
                let attributes = [("scope", "col"), ("class", class)];
                let used = if class.is_empty() { 1 } else { 2 };
                page.line("th", &attributes[..used], name);
            }
        });
    }
}

/// Names and what they are, below each other.
pub(in crate::html) fn pairs(page: &mut Markup, pairs: &[(&str, String)]) {
    page.element("dl", &[], |page| {
        for (name, value) in pairs {
            page.line("dt", &[], name);
            page.line("dd", &[], value);
        }
    });
}
