//! One text for all messages that differ in their values only.

/// The most characters that [`normalise`] leaves; a cut message ends with "…".
pub const LONGEST: usize = 300;
/// Beyond this a message is not looked at: it would be cut anyway.
const LONGEST_READ: usize = 4_000;
/// Two are enough for any message that a database ever wrote.
const MOST_ROUNDS: usize = 8;

/// Puts a word in the place of every value, so that messages of one kind become
/// one text: numbers `N`, quoted texts `'…'` and `"…"`, `UUID`, `HEX`, network
/// addresses with their port `ADDRESS`, lists of values in parentheses `(…)`.
/// White space becomes single spaces. Doing it twice changes nothing.
#[must_use]
pub fn normalise(message: &str) -> String {
    let mut text: Vec<char> = message.chars().take(LONGEST_READ).collect();
    // What was put in and what was cut can make a new list or quoted text, so
    // the result is looked at again until it stays.
    for _ in 0..MOST_ROUNDS {
        let next = cut(&collapse_lists(&replace_values(&text)));
        if next == text {
            break;
        }
        text = next;
    }
    text.into_iter().collect()
}

fn cut(text: &[char]) -> Vec<char> {
    if text.len() <= LONGEST {
        return text.to_vec();
    }
    let mut cut = text[..LONGEST - 1].to_vec();
    cut.push('…');
    cut
}

fn replace_values(text: &[char]) -> Vec<char> {
    let mut out: Vec<char> = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let in_word = out.last().is_some_and(|last| is_word(*last));
        if let Some((length, word)) = value(rest, in_word) {
            out.extend(word.chars());
            at += length;
            continue;
        }
        let next = rest[0];
        if !next.is_whitespace() && !next.is_control() {
            out.push(next);
        } else if !out.is_empty() && out.last() != Some(&' ') {
            out.push(' ');
        }
        at += 1;
    }
    if out.last() == Some(&' ') {
        out.pop();
    }
    out
}

/// How long the value at the beginning is, and its word.
fn value(rest: &[char], in_word: bool) -> Option<(usize, &'static str)> {
    match rest[0] {
        // Within a word it is an apostrophe.
        '\'' if !in_word => quoted(rest).map(|length| (length, "'…'")),
        '"' => quoted(rest).map(|length| (length, "\"…\"")),
        _ if in_word => number(rest).map(|length| (length, "N")),
        _ => uuid(rest)
            .map(|length| (length, "UUID"))
            .or_else(|| address(rest).map(|length| (length, "ADDRESS")))
            .or_else(|| hex(rest).map(|length| (length, "HEX")))
            .or_else(|| number(rest).map(|length| (length, "N"))),
    }
}

/// A quoted text with its quotes; a quote in it is doubled.
fn quoted(rest: &[char]) -> Option<usize> {
    let quote = rest[0];
    let mut at = 1;
    loop {
        at += rest.get(at..)?.iter().position(|next| *next == quote)? + 1;
        if rest.get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}

/// Digits, with points and commas between them.
fn number(rest: &[char]) -> Option<usize> {
    let mut length = run(rest, |next| next.is_ascii_digit());
    if length == 0 {
        return None;
    }
    while let [separator, after, ..] = rest[length..]
        && matches!(separator, '.' | ',')
        && after.is_ascii_digit()
    {
        length += 1 + run(&rest[length + 1..], |next| next.is_ascii_digit());
    }
    Some(length)
}

fn uuid(rest: &[char]) -> Option<usize> {
    let mut at = 0;
    for (place, digits) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if place > 0 {
            (rest.get(at) == Some(&'-')).then_some(())?;
            at += 1;
        }
        (run(&rest[at..], |next| next.is_ascii_hexdigit()) == digits).then_some(())?;
        at += digits;
    }
    ends_word(rest, at)
}

/// `0x` and hex digits, or at least eight hex digits of which some are letters
/// and some are not.
fn hex(rest: &[char]) -> Option<usize> {
    if let ['0', 'x' | 'X', digits @ ..] = rest {
        let digits = run(digits, |next| next.is_ascii_hexdigit());
        (digits > 0).then_some(())?;
        return ends_word(rest, digits + 2);
    }
    let digits = run(rest, |next| next.is_ascii_hexdigit());
    let some = |kind: fn(&char) -> bool| rest[..digits].iter().any(kind);
    let mixed = some(char::is_ascii_digit) && some(char::is_ascii_alphabetic);
    (digits >= 8 && mixed).then_some(())?;
    ends_word(rest, digits)
}

/// An IPv4 or IPv6 address, with its port when it has one.
fn address(rest: &[char]) -> Option<usize> {
    let end = match rest {
        ['[', inner @ ..] => {
            let end = 1 + ipv6(inner)?;
            (rest.get(end) == Some(&']')).then_some(end + 1)?
        }
        _ => ipv4(rest).or_else(|| ipv6(rest))?,
    };
    let port = match &rest[end..] {
        [':', digits @ ..] => run(digits, |next| next.is_ascii_digit()),
        _ => 0,
    };
    ends_word(rest, if port > 0 { end + 1 + port } else { end })
}

fn ipv4(rest: &[char]) -> Option<usize> {
    let mut at = 0;
    for place in 0..4 {
        if place > 0 {
            (rest.get(at) == Some(&'.')).then_some(())?;
            at += 1;
        }
        let digits = run(&rest[at..], |next| next.is_ascii_digit());
        (1..=3).contains(&digits).then_some(())?;
        at += digits;
    }
    Some(at)
}

/// Eight groups, or fewer with `::`. A digit must be there: `::date` is a cast.
fn ipv6(rest: &[char]) -> Option<usize> {
    let end = run(rest, |next| next.is_ascii_hexdigit() || next == ':');
    let text = &rest[..end];
    let colons = text.iter().filter(|next| **next == ':').count();
    let shortened = text.windows(2).any(|pair| pair == [':', ':']);
    let digit = text.iter().any(char::is_ascii_digit);
    ((shortened || colons == 7) && digit).then_some(end)
}

/// Puts `(…)` in the place of lists of values, whatever their length. A list that
/// the end of the text cuts off is one, too.
fn collapse_lists(text: &[char]) -> Vec<char> {
    let mut out: Vec<char> = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if let Some(length) = list(&text[at..]) {
            out.extend("(…)".chars());
            at += length;
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

fn list(rest: &[char]) -> Option<usize> {
    (rest[0] == '(').then_some(())?;
    let mut at = 1;
    let mut items = 0;
    loop {
        at += run(&rest[at..], |next| matches!(next, ' ' | '-' | '+' | '$'));
        let Some(item) = item(&rest[at..]) else {
            return (items > 1 && at == rest.len()).then_some(at);
        };
        items += 1;
        at += item;
        at += run(&rest[at..], |next| next == ' ');
        match rest.get(at) {
            Some(',') => at += 1,
            Some(')') => return Some(at + 1),
            Some(_) => return None,
            None => return (items > 1).then_some(at),
        }
    }
}

/// A value, as [`replace_values`] leaves it.
fn item(rest: &[char]) -> Option<usize> {
    let words = ["NULL", "N", "'…'", "\"…\"", "UUID", "HEX", "ADDRESS"];
    let found = words.into_iter().find_map(|word| {
        let length = word.chars().count();
        let same = rest.len() >= length && word.chars().eq(rest[..length].iter().copied());
        same.then_some(length)
    })?;
    ends_word(rest, found)
}

fn run(text: &[char], is: impl Fn(char) -> bool) -> usize {
    text.iter().take_while(|next| is(**next)).count()
}

fn ends_word(rest: &[char], at: usize) -> Option<usize> {
    let goes_on = rest.get(at).is_some_and(|next| is_word(*next));
    (!goes_on).then_some(at)
}

fn is_word(next: char) -> bool {
    next.is_alphanumeric() || next == '_'
}
