//! What the terminals behind stderr and stdout can show.

use std::{
    env,
    io::{IsTerminal as _, stderr, stdout},
};

use rustix::termios::tcgetwinsize;

/// The size of a terminal that does not say: that of the first ones.
const USUAL: (usize, usize) = (80, 24);

/// What a terminal can show now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Its columns.
    pub columns: usize,
    /// Its lines.
    pub lines: usize,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
    /// Whether it shall show colours.
    pub color: bool,
}

impl Terminal {
    /// The terminal behind stderr as it is at this moment.
    pub fn of_stderr() -> Self {
        let said = tcgetwinsize(stderr()).ok();
        let said = said.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
        let (columns, lines) = said
            .filter(|(columns, lines)| *columns > 0 && *lines > 0)
            .unwrap_or(USUAL);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| env::var(name).ok());
        Self {
            columns,
            lines,
            unicode: is_unicode(&locale),
            color: env::var_os("NO_COLOR").is_none_or(|said| said.is_empty()),
        }
    }
}

/// The columns of the terminal that results go to; `None` when they go elsewhere,
/// or when it does not say.
pub fn columns_of_results() -> Option<usize> {
    let out = stdout();
    if !out.is_terminal() {
        return None;
    }
    let columns = usize::from(tcgetwinsize(out).ok()?.ws_col);
    Some(columns).filter(|columns| *columns > 0)
}

/// Whether a terminal of this kind takes the sequences that move its cursor.
pub fn can_redraw(kind: Option<&str>) -> bool {
    kind.is_some_and(|kind| !kind.is_empty() && kind != "dumb")
}

/// Whether the locale's letters are those of Unicode; the first variable that
/// says something decides.
fn is_unicode(locale: &[Option<String>]) -> bool {
    let said = locale.iter().flatten().find(|value| !value.is_empty());
    said.is_some_and(|value| {
        let value = value.to_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_something_decides() {
        let locale =
            |values: [&str; 3]| values.map(|value| (value != "-").then(|| value.to_owned()));
        for (values, expected) in [
            (["-", "-", "-"], false),
            (["-", "-", "C"], false),
            (["-", "-", "en_US.UTF-8"], true),
            (["-", "", "de_DE.utf8"], true),
            (["C", "-", "en_US.UTF-8"], false),
            (["C.UTF-8", "C", "C"], true),
        ] {
            assert_eq!(is_unicode(&locale(values)), expected, "{values:?}");
        }
    }

    #[test]
    fn a_dumb_terminal_is_not_redrawn() {
        for (kind, expected) in [
            (None, false),
            (Some(""), false),
            (Some("dumb"), false),
            (Some("xterm-256color"), true),
        ] {
            assert_eq!(can_redraw(kind), expected, "{kind:?}");
        }
    }
}
