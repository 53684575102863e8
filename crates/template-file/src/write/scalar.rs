//! Single values, quoted where they must be.

use std::fmt::Write as _;

/// What a text stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// A line of its own.
    Block,
    /// Brackets or braces.
    Flow,
}

/// Words that some reader of YAML takes for something else than a text.
const TAKEN: [&str; 10] = [
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "~",
];

/// A text on one line, in quotes when it would be read as something else
/// without them.
pub(super) fn text(text: &str, around: Around) -> String {
    if is_plain(text, around) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if is_shown(letter) => quoted.push(letter),
            letter => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\U{:08X}", u32::from(letter));
            }
        }
    }
    quoted.push('"');
    quoted
}

fn is_plain(text: &str, around: Around) -> bool {
    // What begins so is no number, no date and no mark of YAML.
    let begins = |first: char| first.is_alphabetic() || "_(/$".contains(first);
    let begins_well = text.starts_with(begins) || is_counted(text);
    let is_taken = TAKEN.iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_split = text.contains(": ") || text.contains(" #") || text.ends_with([':', ' ']);
    let in_flow = around == Around::Flow;
    let breaks_flow = in_flow && text.contains([',', '[', ']', '{', '}', ':']);
    begins_well && !is_taken && !is_split && !breaks_flow && text.chars().all(is_shown)
}

/// Whether a text is like `100 rows`.
fn is_counted(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(number, rest)| {
        let is_number = number.bytes().all(|letter| letter.is_ascii_digit());
        is_number && !number.is_empty() && rest.starts_with(char::is_alphabetic)
    })
}

/// Whether a letter may stand in a file as it is.
fn is_shown(letter: char) -> bool {
    !matches!(
        letter,
        '\0'..='\x1f'
            | '\x7f'..='\u{a0}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}'
    )
}

/// The lines of a text that has several, or has quotes of its own that others
/// would have to mark, after what announces them; `None` when it stands on the
/// line of its key.
pub(super) fn lines(text: &str) -> Option<(&'static str, Vec<&str>)> {
    let (body, header) = match text.strip_suffix('\n') {
        Some(body) => (body, "|"),
        None => (text, "|-"),
    };
    let is_clean = |line: &str| {
        let is_blank = !line.is_empty() && line.trim().is_empty();
        let mut letters = line.chars();
        !is_blank
            && !line.starts_with('\t')
            && letters.all(|letter| is_shown(letter) || letter == '\t')
    };
    let is_marked = text.contains(['"', '\\']) && !is_plain(text, Around::Block);
    let fits = (text.contains('\n') || is_marked)
        && !body.is_empty()
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && body.split('\n').all(is_clean);
    fits.then(|| (header, body.split('\n').collect()))
}

/// A number, whole ones without a fraction.
pub(super) fn number(value: f64) -> String {
    /// Below it, all whole numbers are written out.
    const LARGE: f64 = 1e15;
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    if value.fract() == 0.0 && value.abs() < LARGE {
        return format!("{value:.0}");
    }
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_only_when_they_must_be() {
        for (given, block, flow) in [
            ("items", "items", "items"),
            ("two words", "two words", "two words"),
            (
                "SELECT a, b FROM t",
                "SELECT a, b FROM t",
                "\"SELECT a, b FROM t\"",
            ),
            ("a::text", "a::text", "\"a::text\""),
            ("é", "é", "é"),
            ("(SELECT 1)", "(SELECT 1)", "(SELECT 1)"),
            ("100 rows", "100 rows", "100 rows"),
            ("100 1", "\"100 1\"", "\"100 1\""),
            ("", "\"\"", "\"\""),
            ("1", "\"1\"", "\"1\""),
            ("-x", "\"-x\"", "\"-x\""),
            ("Null", "\"Null\"", "\"Null\""),
            ("a: b", "\"a: b\"", "\"a: b\""),
            ("a #b", "\"a #b\"", "\"a #b\""),
            ("a ", "\"a \"", "\"a \""),
            ("a:", "\"a:\"", "\"a:\""),
            (" a", "\" a\"", "\" a\""),
            ("a\"\\\tb", "\"a\\\"\\\\\\tb\"", "\"a\\\"\\\\\\tb\""),
            ("a\u{7}", "\"a\\U00000007\"", "\"a\\U00000007\""),
        ] {
            let found = [text(given, Around::Block), text(given, Around::Flow)];
            assert_eq!(found, [block, flow], "{given:?}");
        }
    }

    #[test]
    fn several_lines_stand_as_they_are_where_they_can() {
        let shape = |text| lines(text).map(|(header, lines)| (header, lines.len()));
        for (text, expected) in [
            ("a\nb", Some(("|-", 2))),
            ("a\n\n  b\n", Some(("|", 3))),
            ("a\tb\n", Some(("|", 1))),
            ("a: \"b\"", Some(("|-", 1))),
            ("a \"b\"", None),
            ("a", None),
            ("\n", None),
            (" a\nb", None),
            ("\na", None),
            ("a\n\n", None),
            ("a\n \nb", None),
            ("a\n\tb", None),
            ("a\r\nb", None),
        ] {
            assert_eq!(shape(text), expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (70.0, "70"),
            (0.01, "0.01"),
            (-0.0, "-0"),
            (1e15, "1000000000000000.0"),
            (1e300, "1e300"),
            (1e-9, "1e-9"),
            (f64::NAN, ".nan"),
            (f64::NEG_INFINITY, "-.inf"),
        ] {
            assert_eq!(number(value), expected);
        }
    }
}
