//! Holds values against rules and says what is wrong and what is allowed.

use std::{borrow::Cow, time::Duration};

use gauntlet_model::{
    id::{Name, Project},
    template::Violation,
};
use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, MapKey, Value};
use uuid::Uuid;

use super::read::{Bounds, FieldRules, MessageRules, Rule, number};
use crate::fields::shortened;

const REQUIRED: &str = "is required";

/// Checks one message, what it holds aside.
pub(super) fn message(
    rules: &MessageRules,
    message: &DynamicMessage,
    path: &str,
    found: &mut Vec<Violation>,
) {
    for (name, fields) in &rules.oneofs {
        if !fields.iter().any(|field| message.has_field(field)) {
            let message = format!("{REQUIRED}: give {}", one_of(fields));
            found.push(Violation::new(join(path, name), message));
        }
    }
    for rules in &rules.fields {
        field(rules, message, &join(path, rules.field.name()), found);
    }
}

/// The path of a field of the message at `path`.
pub(super) fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

/// The names of fields, as in "a, b or c".
fn one_of(fields: &[FieldDescriptor]) -> String {
    let names: Vec<&str> = fields.iter().map(FieldDescriptor::name).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

fn field(rules: &FieldRules, message: &DynamicMessage, path: &str, found: &mut Vec<Violation>) {
    let field = &rules.field;
    let given = message.has_field(field);
    if rules.required && !given {
        found.push(Violation::new(path, REQUIRED));
        return;
    }
    if !given && (rules.ignore_zero || field.supports_presence()) {
        return;
    }
    let value = message.get_field(field);
    let kind = field.kind();
    let values = kind.as_enum();
    for rule in &rules.whole {
        if let Some(problem) = broken(rule, &value, values) {
            found.push(Violation::new(path, problem));
            // One thing that is wrong with a value is enough.
            break;
        }
    }
    match value.as_ref() {
        // A list that is too long is not looked through.
        Value::List(list) if found.last().is_none_or(|last| last.field != path) => {
            for (index, item) in list.iter().enumerate() {
                let broken = rules
                    .items
                    .iter()
                    .find_map(|rule| broken(rule, item, values));
                let twice = || rules.whole.contains(&Rule::Unique) && list[..index].contains(item);
                let problem = broken.or_else(|| twice().then(|| "is there twice".to_owned()));
                if let Some(problem) = problem {
                    found.push(Violation::new(format!("{path}[{index}]"), problem));
                }
            }
        }
        Value::Map(pairs) => {
            let mut sorted: Vec<_> = pairs.iter().collect();
            sorted.sort_by_key(|(key, _)| key_text(key).into_owned());
            for (key, value) in sorted {
                pair(rules, &key_text(key), value, path, found);
            }
        }
        _ => {}
    }
}

fn pair(rules: &FieldRules, key: &str, value: &Value, path: &str, found: &mut Vec<Violation>) {
    let place = || format!("{path}[{:?}]", shortened(key));
    let text = Value::String(key.to_owned());
    let wrong = |rules: &[Rule], value: &Value| {
        rules.iter().any(|rule| broken(rule, value, None).is_some())
    };
    if wrong(&rules.keys, &text) || key.contains('\0') {
        found.push(Violation::new(
            place(),
            format!("keys {}", length(&rules.keys)),
        ));
    }
    let nul = value.as_str().is_some_and(|text| text.contains('\0'));
    if wrong(&rules.items, value) || nul {
        found.push(Violation::new(
            place(),
            format!("values {}", length(&rules.items)),
        ));
    }
}

/// What a text may have, in words.
fn length(rules: &[Rule]) -> String {
    if rules.is_empty() {
        return "must not hold the character NUL".to_owned();
    }
    let (mut least, mut most) = (0, u64::MAX);
    for rule in rules {
        match rule {
            Rule::MinChars(chars) => least = *chars,
            Rule::MaxChars(chars) => most = *chars,
            _ => {}
        }
    }
    if least == 0 {
        format!("must have at most {most} characters")
    } else {
        format!("must have {least} to {most} characters")
    }
}

fn key_text(key: &MapKey) -> Cow<'_, str> {
    match key {
        MapKey::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(format!("{other:?}")),
    }
}

/// What is wrong with a value, and what is allowed.
fn broken(rule: &Rule, value: &Value, values: Option<&EnumDescriptor>) -> Option<String> {
    match (rule, value) {
        (Rule::Number(bounds), value) => out_of_bounds(bounds, number(value)?),
        (Rule::Lasts { from, above, to }, Value::Message(value)) => {
            lasts(value, *from, *above, *to)
        }
        (Rule::Defined, Value::EnumNumber(number)) => values
            .is_some_and(|values| values.get_value(*number).is_none())
            .then(|| format!("{number} is not one of its values")),
        (Rule::NotZero, Value::EnumNumber(0)) => Some(REQUIRED.to_owned()),
        (Rule::Items { least: 1, .. }, Value::List(list)) if list.is_empty() => {
            Some(REQUIRED.to_owned())
        }
        (Rule::Items { least, most }, Value::List(list)) => {
            let there = list.len() as u64;
            let allowed = match least {
                0 => format!("must be at most {most}"),
                least => format!("must be {least} to {most}"),
            };
            (!(*least..=*most).contains(&there)).then(|| format!("{allowed}, there are {there}"))
        }
        (Rule::MaxPairs(most), Value::Map(pairs)) => (pairs.len() as u64 > *most)
            .then(|| format!("must be at most {most} pairs, there are {}", pairs.len())),
        (rule, Value::String(text)) => wrong_text(rule, text),
        _ => None,
    }
}

fn wrong_text(rule: &Rule, text: &str) -> Option<String> {
    let (bytes, chars) = (text.len() as u64, text.chars().count() as u64);
    let blank = || text.trim().is_empty();
    match rule {
        Rule::Uuid | Rule::Name | Rule::Project if text.is_empty() => Some(REQUIRED.to_owned()),
        Rule::MinBytes(1) | Rule::MinChars(1) if blank() => Some(REQUIRED.to_owned()),
        Rule::Uuid => Uuid::parse_str(text)
            .is_err()
            .then(|| format!("{:?} is not a UUID", shortened(text))),
        Rule::Name => Name::new(shortened(text))
            .err()
            .map(|error| error.to_string()),
        Rule::Project if bytes > LONGEST_PROJECT => {
            Some(Project::new(shortened(text)).err()?.to_string())
        }
        Rule::Project => Project::new(text).err().map(|error| error.to_string()),
        Rule::MinBytes(least) => {
            (bytes < *least).then(|| format!("must have at least {least} bytes, it has {bytes}"))
        }
        Rule::MaxBytes(most) => {
            (bytes > *most).then(|| format!("must have at most {most} bytes, it has {bytes}"))
        }
        Rule::MinChars(least) => (chars < *least)
            .then(|| format!("must have at least {least} characters, it has {chars}")),
        Rule::MaxChars(most) => {
            (chars > *most).then(|| format!("must have at most {most} characters, it has {chars}"))
        }
        _ => None,
    }
}

/// The longest project: three labels and two slashes.
const LONGEST_PROJECT: u64 = 3 * 63 + 2;

fn out_of_bounds(bounds: &Bounds, value: f64) -> Option<String> {
    let low = bounds.at_least.is_none_or(|least| value >= least)
        && bounds.above.is_none_or(|least| value > least);
    let high = bounds.at_most.is_none_or(|most| value <= most)
        && bounds.below.is_none_or(|most| value < most);
    if low && high {
        return None;
    }
    let allowed = match (bounds.at_least, bounds.above, bounds.at_most, bounds.below) {
        (Some(least), None, Some(most), None) => format!("must be {least} to {most}"),
        (None, Some(least), Some(most), None) => {
            format!("must be greater than {least} and at most {most}")
        }
        (None, Some(least), None, Some(most)) => {
            format!("must be greater than {least} and less than {most}")
        }
        (None, Some(least), None, None) => format!("must be greater than {least}"),
        (None, None, Some(most), None) if bounds.zero_is_absent => format!("must be 1 to {most}"),
        (None, None, Some(most), None) => format!("must be at most {most}"),
        (Some(0.0), None, None, None) => "must not be negative".to_owned(),
        _ => format!("must be within {bounds:?}"),
    };
    Some(format!("{allowed}, it is {value}"))
}

fn lasts(
    value: &DynamicMessage,
    from: Option<Duration>,
    above: Option<Duration>,
    to: Option<Duration>,
) -> Option<String> {
    let seconds = value.get_field_by_name("seconds")?.as_i64()?;
    let nanos = value.get_field_by_name("nanos")?.as_i32()?;
    if seconds < 0 || nanos < 0 {
        return Some("must not be negative".to_owned());
    }
    if nanos > 999_999_999 {
        return Some("must have nanos below 1,000,000,000".to_owned());
    }
    let given = Duration::new(seconds.unsigned_abs(), nanos.unsigned_abs());
    if above.is_some_and(|least| given <= least) {
        return Some(format!("must be greater than {}", above?.as_secs()));
    }
    if from.is_some_and(|least| given < least) {
        return Some(format!("must be at least {} s", from?.as_secs()));
    }
    if to.is_some_and(|most| given > most) {
        return Some(format!("must be at most {} s", to?.as_secs()));
    }
    None
}
