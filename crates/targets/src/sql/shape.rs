//! What is the same of a statement's text and of the text that a target keeps of it.

use super::scan::{Piece, pieces};

/// The text without comments and with `?` for numbers, quoted values and placeholders: targets that count statements put
/// placeholders of their own in the place of values.
pub(crate) fn shape(sql: &str) -> String {
    let mut shape = String::with_capacity(sql.len());
    for piece in pieces(sql) {
        match piece {
            Piece::Word(word) => shape.push_str(word),
            Piece::Placeholder(_) => shape.push('?'),
            Piece::Other(other) => push_other(&mut shape, other),
        }
    }
    shape.truncate(shape.trim_end_matches([' ', ';']).len());
    shape
}

fn push_other(shape: &mut String, text: &str) {
    let is_comment = text.starts_with("--") || text.starts_with("/*");
    if is_comment || text.chars().all(char::is_whitespace) {
        if !shape.is_empty() && !shape.ends_with(' ') {
            shape.push(' ');
        }
        return;
    }
    if text.starts_with(|letter: char| letter.is_ascii_digit()) {
        // A number with a point comes in three pieces.
        if shape.ends_with("?.") {
            shape.pop();
        } else {
            shape.push('?');
        }
        return;
    }
    let is_value = text.starts_with('\'') || (text.starts_with('$') && text.len() > 1);
    shape.push_str(if is_value { "?" } else { text });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_comments_make_no_difference() {
        for (ours, theirs) in [
            (
                "SELECT /* gauntlet op=a class=READ */ * FROM \"t\" WHERE \"id\" >= $1 ORDER BY \"id\" LIMIT 10",
                "SELECT /* gauntlet op=b class=READ */ * FROM \"t\" WHERE \"id\" >= $1 ORDER BY \"id\" LIMIT $2",
            ),
            ("SELECT 1.5, 'a', $$b$$ FROM t;", "SELECT $1, $2, $3 FROM t"),
            (
                "UPDATE  t\n SET a = 1 -- one\n WHERE b = 2",
                "UPDATE t SET a = $1 WHERE b = $2",
            ),
        ] {
            assert_eq!(shape(ours), shape(theirs));
        }
        assert_ne!(shape("SELECT a FROM t"), shape("SELECT b FROM t"));
        assert_ne!(shape("SELECT a1 FROM t"), shape("SELECT a2 FROM t"));
    }
}
