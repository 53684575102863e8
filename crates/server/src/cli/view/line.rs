//! One line of a terminal: letters that each take one column, and no more of
//! them than fit.

use super::terminal::Terminal;

/// How a piece of a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As everything else.
    Plain,
    /// What the eye shall find first.
    Strong,
    /// What explains the rest.
    Faint,
    /// What is wrong.
    Bad,
}

impl Style {
    /// The code that begins it (ECMA-48, SGR).
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("\x1b[1m"),
            Self::Faint => Some("\x1b[2m"),
            Self::Bad => Some("\x1b[31m"),
        }
    }
}

/// A line that is being put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    text: String,
    columns: usize,
    most: usize,
    unicode: bool,
    color: bool,
}

impl Line {
    /// An empty line of a terminal. The last column stays free: a letter there
    /// leaves the cursor in a place that terminals do not agree on.
    pub fn new(terminal: Terminal) -> Self {
        Self {
            text: String::new(),
            columns: 0,
            most: terminal.columns.saturating_sub(1),
            unicode: terminal.unicode,
            color: terminal.color,
        }
    }

    /// Adds a piece, as much of it as fits.
    #[must_use]
    pub fn with(mut self, style: Style, piece: &str) -> Self {
        let room = self.most - self.columns;
        let mut letters: Vec<char> = piece.chars().map(|letter| self.shown(letter)).collect();
        if letters.len() > room {
            letters.truncate(room);
            if let Some(last) = letters.last_mut() {
                *last = if self.unicode { '…' } else { '~' };
            }
        }
        self.columns += letters.len();
        let code = style.code().filter(|_| self.color && !letters.is_empty());
        self.text.push_str(code.unwrap_or_default());
        self.text.extend(letters);
        if code.is_some() {
            self.text.push_str("\x1b[0m");
        }
        self
    }

    /// Adds a piece as it is.
    #[must_use]
    pub fn plain(self, piece: &str) -> Self {
        self.with(Style::Plain, piece)
    }

    /// What is sent to the terminal.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many columns it takes.
    pub fn columns(&self) -> usize {
        self.columns
    }

    fn shown(&self, letter: char) -> char {
        if self.unicode {
            narrow(letter)
        } else {
            ascii(letter)
        }
    }
}

/// A letter that takes one column and moves nothing: the words of a database may
/// hold anything, the sequences of a terminal among it.
fn narrow(letter: char) -> char {
    match letter {
        _ if letter.is_control() => ' ',
        '\0'..'\u{300}'
        | '\u{370}'..'\u{1100}'
        | '\u{2010}'..='\u{2027}'
        | '\u{2030}'..='\u{205e}'
        | '\u{2190}'..='\u{25ff}' => letter,
        _ => '?',
    }
}

/// The nearest letter of ASCII.
fn ascii(letter: char) -> char {
    const LEVELS: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
    match narrow(letter) {
        letter @ '\0'..='\u{7f}' => letter,
        'µ' => 'u',
        '·' => '|',
        '…' => '~',
        '²' => '2',
        '–' => '-',
        level @ '▁'..='█' => LEVELS[level as usize - '▁' as usize],
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(columns: usize, unicode: bool, color: bool) -> Terminal {
        Terminal {
            columns,
            lines: 24,
            unicode,
            color,
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_with_a_mark() {
        let line = Line::new(terminal(11, true, false));
        let line = line.plain("12345").plain("67890").plain("more");
        assert_eq!((line.text(), line.columns()), ("1234567890", 10));
        let cut = Line::new(terminal(11, true, false)).plain("a longer text");
        assert_eq!(cut.text(), "a longer …");
        let cut = Line::new(terminal(11, false, false)).plain("a longer text");
        assert_eq!(cut.text(), "a longer ~");
    }

    #[test]
    fn colours_take_no_columns_and_can_be_left_out() {
        let painted = Line::new(terminal(80, true, true)).with(Style::Bad, "no");
        assert_eq!(
            (painted.text(), painted.columns()),
            ("\x1b[31mno\x1b[0m", 2)
        );
        let plain = Line::new(terminal(80, true, false)).with(Style::Bad, "no");
        assert_eq!(plain.text(), "no");
        let empty = Line::new(terminal(80, true, true)).with(Style::Bad, "");
        assert_eq!(empty.text(), "");
    }

    #[test]
    fn no_letter_is_wide_or_moves_the_cursor() {
        let odd = "a\x1b[2J\n\u{200b}表µ·▁█";
        let line = |unicode| Line::new(terminal(80, unicode, false)).plain(odd);
        assert_eq!(line(true).text(), "a [2J ??µ·▁█");
        assert_eq!(line(false).text(), "a [2J ??u|_#");
        assert_eq!(line(true).columns(), 12);
    }
}
