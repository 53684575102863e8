//! Just enough of SQL's surface to tell words and placeholders from quoted text and comments.

/// A piece of a text; all pieces together are the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A keyword or a bare identifier.
    Word(&'a str),
    /// `$1`, `$2`, …
    Placeholder(usize),
    /// Anything else: quoted text, comments, numbers, operators, space.
    Other(&'a str),
}

/// Cuts a text into pieces.
pub(super) fn pieces(sql: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = piece_length(rest);
        let (text, behind) = rest.split_at(length);
        rest = behind;
        Some(classify(text))
    })
}

fn classify(text: &str) -> Piece<'_> {
    if text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') {
        return Piece::Word(text);
    }
    match text
        .strip_prefix('$')
        .and_then(|number| number.parse().ok())
    {
        Some(number) => Piece::Placeholder(number),
        None => Piece::Other(text),
    }
}

/// Bytes of the piece at the beginning of a text that is not empty.
fn piece_length(text: &str) -> usize {
    let first = text.chars().next().expect("the text is not empty");
    let second = text[first.len_utf8()..].chars().next();
    match (first, second) {
        ('\'' | '"' | '`', _) => quoted_length(text, first),
        ('-', Some('-')) => text.find('\n').unwrap_or(text.len()),
        ('/', Some('*')) => text[2..].find("*/").map_or(text.len(), |end| end + 4),
        ('$', Some(digit)) if digit.is_ascii_digit() => {
            1 + length_while(&text[1..], |letter| letter.is_ascii_digit())
        }
        ('$', _) => dollar_quoted_length(text),
        _ if is_word(first) => length_while(text, |letter| is_word(letter) || letter == '$'),
        _ => first.len_utf8(),
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn length_while(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !belongs(letter)).unwrap_or(text.len())
}

/// A doubled quote inside ends one quoted piece and begins the next, which comes to the same.
fn quoted_length(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |end| end + 2)
}

/// PostgreSQL's `$tag$ … $tag$`; a lone dollar is a piece of its own.
fn dollar_quoted_length(text: &str) -> usize {
    let tag_end = 1 + length_while(&text[1..], is_word);
    if !text[tag_end..].starts_with('$') {
        return 1;
    }
    let tag = &text[..=tag_end];
    text[tag.len()..]
        .find(tag)
        .map_or(text.len(), |end| end + 2 * tag.len())
}
