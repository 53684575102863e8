//! Lines that fit a terminal.

/// How many columns a text takes.
pub fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Prose for a terminal with so many columns, or as it is where it goes elsewhere:
/// what follows a break stands a little further in than its line.
pub fn prose(text: &str, most: Option<usize>) -> String {
    let Some(most) = most else {
        return text.to_owned();
    };
    let mut broken = String::new();
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        let words = line.trim_start();
        let margin = columns(line) - columns(words);
        let mut rest = pieces(words, most.saturating_sub(margin)).into_iter();
        broken.push_str(&line[..line.len() - words.len()]);
        broken.push_str(&rest.next().unwrap_or_default());
        let rest: Vec<String> = rest.collect();
        if !rest.is_empty() {
            // What follows has less room than the first piece had.
            let room = most.saturating_sub(margin + INDENT);
            let indent = format!("\n{:1$}", "", margin + INDENT);
            for piece in pieces(&rest.join(" "), room) {
                broken.push_str(&indent);
                broken.push_str(&piece);
            }
        }
        broken.push_str(end);
    }
    broken
}

/// How much further in a line goes on.
const INDENT: usize = 2;

/// A text broken at blanks into pieces of so many columns; a longer word has a
/// piece for itself. At least one piece.
pub fn pieces(text: &str, most: usize) -> Vec<String> {
    if columns(text) <= most {
        return vec![text.to_owned()];
    }
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for word in text.split(' ') {
        if !piece.is_empty() && columns(&piece) + 1 + columns(word) > most {
            pieces.push(std::mem::take(&mut piece));
        } else if !piece.is_empty() {
            piece.push(' ');
        }
        piece.push_str(word);
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_at_blanks() {
        for (text, most, expected) in [
            ("", 5, &[""] as &[_]),
            ("one two", 7, &["one two"]),
            ("one two", 6, &["one", "two"]),
            ("µs µs µs", 5, &["µs µs", "µs"]),
            ("a verylongword b", 4, &["a", "verylongword", "b"]),
        ] {
            assert_eq!(pieces(text, most), expected, "{text} {most}");
        }
    }

    #[test]
    fn prose_goes_on_a_little_further_in() {
        let text = "short\n  a line that is too long\n\nend";
        assert_eq!(prose(text, None), text);
        assert_eq!(
            prose(text, Some(14)),
            "short\n  a line that\n    is too\n    long\n\nend"
        );
    }
}
