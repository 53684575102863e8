//! A few lines at the end of a terminal that are written over again and again.

use std::io::Write;

use super::line::Line;

/// The lines that stand on the terminal, below which is the cursor.
pub struct Screen<W> {
    out: W,
    /// What stands there.
    drawn: Vec<Line>,
    /// How wide the terminal was when it was written.
    columns: usize,
}

impl<W: Write> Screen<W> {
    /// A terminal without any.
    pub fn new(out: W) -> Self {
        Self {
            out,
            drawn: Vec::new(),
            columns: 0,
        }
    }

    /// Puts these lines in the place of those that are there.
    pub fn draw(&mut self, lines: Vec<Line>, columns: usize) {
        if lines == self.drawn && columns == self.columns {
            return;
        }
        let mut text = self.back(columns);
        for line in &lines {
            // The whole line is cleared first: one that a terminal broke in two keeps
            // a mark of it until then.
            text.push_str("\x1b[2K");
            text.push_str(line.text());
            text.push('\n');
        }
        text.push_str("\x1b[J");
        self.send(&text);
        self.drawn = lines;
        self.columns = columns;
    }

    /// Takes the lines away, and writes others in their place that stay.
    pub fn leave(&mut self, staying: &str, columns: usize) {
        let rows = self.rows(columns);
        let mut text = self.back(columns);
        // Line by line: some terminals keep what is cleared as a whole in what can
        // be scrolled back to.
        text.push_str(&"\x1b[2K\n".repeat(rows));
        text.push_str(&up(rows));
        text.push_str(staying);
        self.drawn.clear();
        self.send(&text);
    }

    /// How many rows the lines take on a terminal that has become narrower and has
    /// broken those that no longer fit.
    fn rows(&self, columns: usize) -> usize {
        let rows = |line: &Line| line.columns().div_ceil(columns.max(1)).max(1);
        self.drawn.iter().map(rows).sum()
    }

    /// To the first column of the first line.
    fn back(&self, columns: usize) -> String {
        format!("\r{}", up(self.rows(columns)))
    }

    fn send(&mut self, text: &str) {
        // Nobody is left to be shown anything when the terminal is gone.
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }
}

/// So many rows up.
fn up(rows: usize) -> String {
    if rows == 0 {
        return String::new();
    }
    format!("\x1b[{rows}A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::terminal::Terminal;

    fn lines(columns: usize, texts: &[&str]) -> Vec<Line> {
        let terminal = Terminal {
            columns,
            lines: 24,
            unicode: true,
            color: false,
        };
        let line = |text: &&str| Line::new(terminal).plain(text);
        texts.iter().map(line).collect()
    }

    #[test]
    fn lines_take_the_place_of_those_before() {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out);
        screen.draw(lines(80, &["a", "b"]), 80);
        // The same again is not sent again.
        screen.draw(lines(80, &["a", "b"]), 80);
        screen.draw(lines(80, &["c"]), 80);
        screen.leave("done\n", 80);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\r\x1b[2Ka\n\x1b[2Kb\n\x1b[J\r\x1b[2A\x1b[2Kc\n\x1b[J\r\x1b[1A\x1b[2K\n\x1b[1Adone\n"
        );
    }

    #[test]
    fn a_terminal_that_became_narrower_has_broken_the_lines() {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out);
        screen.draw(lines(80, &[&"x".repeat(70), "", "y"]), 80);
        screen.draw(lines(30, &["z"]), 30);
        let sent = String::from_utf8(out).unwrap();
        assert!(
            sent.ends_with("\x1b[J\r\x1b[5A\x1b[2Kz\n\x1b[J"),
            "{sent:?}"
        );
    }
}
