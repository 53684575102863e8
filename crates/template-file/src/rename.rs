//! A copy of a file for another template.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::{Draft, schema::OWN_KEYS, write};

/// The text of a file that says another name, and another project if it says
/// one; all else is as it was. `None` for what cannot be changed in place: a
/// name that other parts of the file refer to, or one that takes several lines.
#[must_use]
pub fn rename(text: &str, name: &str, project: &str) -> Option<String> {
    let before = Draft::read("", text);
    let mut after: Vec<char> = text.chars().collect();
    // From the last to the first: what was found before stays where it was.
    for (key, place) in own_values(text)?.into_iter().rev() {
        let value = if key == OWN_KEYS[0] { name } else { project };
        let given: String = after.get(place.start..place.end)?.iter().collect();
        let quotes = match given.chars().next() {
            Some(quote @ ('"' | '\'')) => format!("{quote}{value}{quote}"),
            _ => write::text(value),
        };
        after.splice(place, quotes.chars());
    }
    let after: String = after.into_iter().collect();
    let read = Draft::read("", &after);
    let is_own = |before: &Option<String>, now: &Option<String>, wanted: &str| {
        now.as_deref() == before.as_ref().map(|_| wanted)
    };
    // Whatever is odd about a file, it is the same template in the end.
    let is_right = is_own(&before.name, &read.name, name)
        && is_own(&before.project, &read.project, project)
        && before.spec.is_some()
        && before.spec == read.spec;
    is_right.then_some(after)
}

type Range = std::ops::Range<usize>;

/// Where the values of a file's own keys stand, by characters, in their order.
fn own_values(text: &str) -> Option<Vec<(&'static str, Range)>> {
    let mut depth = 0;
    let mut found = Vec::new();
    // At the top level: the key whose value comes next, `Some(None)` for one
    // that is not ours.
    let mut key: Option<Option<&'static str>> = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        let is_entry = depth == 1;
        match &event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => {
                depth -= 1;
                continue;
            }
            Event::Scalar(..) | Event::Alias(_) => {}
            _ => continue,
        }
        if !is_entry {
            continue;
        }
        key = match (key, event) {
            (None, Event::Scalar(word, ..)) => Some(OWN_KEYS.into_iter().find(|own| *own == word)),
            (None, _) => Some(None),
            (Some(None), _) => None,
            (Some(Some(own)), Event::Scalar(_, style, 0, None)) => {
                let is_short = !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let place = span.start.index()..span.end.index();
                found.push((own, Some(place).filter(|_| is_short)?));
                None
            }
            // It has an anchor or a tag, or stands elsewhere.
            (Some(Some(_)), _) => return None,
        };
    }
    Some(found)
}
