//! The text of a file, for messages that quote it.

use saphyr::{MarkedYaml, Marker};

use crate::fault::Place;

/// The text of a file by characters, as the parser counts.
pub(super) struct Source {
    characters: Vec<char>,
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        Self {
            characters: text.chars().collect(),
        }
    }

    /// The text of a node as it stands in the file, without its quotes' meaning.
    pub(super) fn text(&self, node: &MarkedYaml<'_>) -> String {
        let end = node.span.end.index().min(self.characters.len());
        let start = node.span.start.index().min(end);
        let text: String = self.characters[start..end].iter().collect();
        text.trim().to_owned()
    }

    /// The key that begins at a mark.
    pub(super) fn word_at(&self, mark: &Marker) -> String {
        self.characters
            .iter()
            .skip(mark.index())
            .take_while(|letter| !matches!(letter, ':' | '\n' | ',' | '}'))
            .filter(|letter| !matches!(letter, '"' | '\''))
            .collect::<String>()
            .trim()
            .to_owned()
    }
}

/// The place of a mark; the parser counts lines from 1 and columns from 0.
pub(super) fn place(mark: &Marker) -> Place {
    Place {
        line: mark.line(),
        column: mark.col() + 1,
    }
}
