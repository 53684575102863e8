//! A description as a text.
//!
//! Whatever a message holds is written: what no file can say (a negative
//! duration, a number that is none) is a fault when it is read again, never left
//! out in silence. What need not be said is taken out before, by
//! [`shorten`](crate::shorten).

mod scalar;

use gauntlet_api::v1 as pb;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _, Value};

use crate::schema::{self, DURATION, SPEC};
use scalar::Around;

/// What goes on one line ends before this column.
const WIDTH: usize = 80;

/// The text of a template file; `project` is left out when it is `None`.
#[must_use]
pub fn write(name: &str, project: Option<&str>, spec: &pb::TemplateSpec) -> String {
    let mut message = DynamicMessage::new(SPEC.clone());
    message
        .transcode_from(spec)
        .expect("both follow the same schema");
    let text = |text: &str| Node::Text(text.to_owned());
    let mut entries = vec![("name".to_owned(), text(name))];
    if let Some(project) = project {
        entries.push(("project".to_owned(), text(project)));
    }
    entries.extend(fields(&message));

    let mut lines = Vec::new();
    let mut was_section = false;
    for (key, node) in &entries {
        let next = entry(0, key, node);
        // Sections stand apart.
        let is_section = next.len() > 1;
        if is_section || was_section {
            lines.push(String::new());
        }
        lines.extend(next);
        was_section = is_section;
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A text as it stands in a file, wherever it stands.
pub(crate) fn text(text: &str) -> String {
    scalar::text(text, Around::Flow)
}

/// A field's value, or one of its list, on one line; `None` when it takes more.
pub(crate) fn line(field: &FieldDescriptor, value: &Value) -> Option<String> {
    flow(&node(field, value))
}

/// What is written.
enum Node {
    /// A number, a duration, an enum's value: as it stands.
    Word(String),
    /// A text, which may need quotes.
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// The fields that a message gives.
fn fields(message: &DynamicMessage) -> Vec<(String, Node)> {
    let fields = schema::in_order(&message.descriptor()).into_iter();
    fields
        .filter(|field| message.has_field(field))
        .map(|field| {
            let value = message.get_field(&field);
            (field.name().to_owned(), node(&field, &value))
        })
        .collect()
}

fn node(field: &FieldDescriptor, value: &Value) -> Node {
    let kind = field.kind();
    match value {
        Value::List(items) => Node::List(items.iter().map(|item| one(&kind, item)).collect()),
        Value::Map(pairs) => {
            let word = |text: Option<&str>| text.unwrap_or_default().to_owned();
            let pairs = pairs.iter();
            let mut pairs: Vec<(String, String)> = pairs
                .map(|(key, value)| (word(key.as_str()), word(value.as_str())))
                .collect();
            pairs.sort();
            let entry = |(key, value): (String, String)| {
                (scalar::text(&key, Around::Flow), Node::Text(value))
            };
            Node::Map(pairs.into_iter().map(entry).collect())
        }
        value => one(&kind, value),
    }
}

fn one(kind: &Kind, value: &Value) -> Node {
    match value {
        Value::Message(message) if message.descriptor().full_name() == DURATION => {
            Node::Word(duration(message))
        }
        Value::Message(message) => Node::Map(fields(message)),
        Value::EnumNumber(number) => {
            let value = match kind {
                Kind::Enum(descriptor) => descriptor.get_value(*number),
                _ => None,
            };
            Node::Word(value.map_or_else(|| number.to_string(), |value| schema::short(&value)))
        }
        Value::String(text) => Node::Text(text.clone()),
        Value::Bool(value) => Node::Word(value.to_string()),
        Value::F64(value) => Node::Word(scalar::number(*value)),
        Value::U32(value) => Node::Word(value.to_string()),
        Value::U64(value) => Node::Word(value.to_string()),
        Value::I32(value) => Node::Word(value.to_string()),
        Value::I64(value) => Node::Word(value.to_string()),
        // The spec has no field of another kind; the schema test holds that.
        Value::F32(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_) => {
            Node::Word("~".to_owned())
        }
    }
}

fn duration(message: &DynamicMessage) -> String {
    let part = |name| {
        let value = message.get_field_by_name(name);
        let value = value.as_deref().map(|value| match value {
            Value::I64(value) => i128::from(*value),
            Value::I32(value) => i128::from(*value),
            _ => 0,
        });
        value.unwrap_or_default()
    };
    crate::duration::write(part("seconds") * 1_000_000_000 + part("nanos"))
}

/// The lines of a key with its value.
fn entry(indent: usize, key: &str, node: &Node) -> Vec<String> {
    let margin = " ".repeat(indent);
    let may_flow = match node {
        // What is no single value here has lines of its own.
        Node::Text(_) => false,
        // A section of its own has a line for each of its keys.
        Node::Map(entries) => indent > 0 || entries.is_empty(),
        Node::Word(_) | Node::List(_) => true,
    };
    let fits = |line: &String| indent + key.len() + 2 + line.len() <= WIDTH;
    if let Some(value) = single(node) {
        return vec![format!("{margin}{key}: {value}")];
    }
    if may_flow && let Some(value) = flow(node).filter(fits) {
        return vec![format!("{margin}{key}: {value}")];
    }
    let mut lines = vec![format!("{margin}{key}:")];
    match node {
        Node::Word(_) => {}
        Node::Text(text) => {
            let (header, texts) = scalar::lines(text).unwrap_or_default();
            lines[0] = format!("{margin}{key}: {header}");
            lines.extend(texts.into_iter().map(|line| match line {
                // A line without text has no margin either.
                "" => String::new(),
                line => format!("{margin}  {line}"),
            }));
        }
        Node::List(items) => lines.extend(items.iter().flat_map(|one| item(indent + 2, one))),
        Node::Map(entries) => {
            let entries = entries.iter();
            lines.extend(entries.flat_map(|(key, node)| entry(indent + 2, key, node)));
        }
    }
    lines
}

/// The lines of one of a list, with its dash.
fn item(indent: usize, node: &Node) -> Vec<String> {
    let margin = " ".repeat(indent);
    let Node::Map(entries) = node else {
        let value = single(node).or_else(|| flow(node)).unwrap_or_default();
        return vec![format!("{margin}- {value}")];
    };
    let entries = entries.iter();
    let inner = entries.flat_map(|(key, node)| entry(indent + 2, key, node));
    let mut lines: Vec<String> = inner.collect();
    match lines.first_mut() {
        // The dash takes the place of the margin.
        Some(first) => *first = format!("{margin}- {}", &first[indent + 2..]),
        None => lines.push(format!("{margin}- {{}}")),
    }
    lines
}

/// A value that stands on the line of its key; `None` for a text that has lines
/// of its own, and for what is no single value.
fn single(node: &Node) -> Option<String> {
    match node {
        Node::Word(word) => Some(word.clone()),
        Node::Text(text) if scalar::lines(text).is_some() => None,
        Node::Text(text) => Some(scalar::text(text, Around::Block)),
        Node::List(_) | Node::Map(_) => None,
    }
}

/// The form on one line, for what has nothing more than single values and lists
/// of them below it.
fn flow(node: &Node) -> Option<String> {
    match node {
        Node::Word(word) => Some(word.clone()),
        Node::Text(text) if text.contains('\n') => None,
        Node::Text(text) => Some(scalar::text(text, Around::Flow)),
        Node::List(items) => {
            let items = items.iter().map(leaf);
            let items: Option<Vec<String>> = items.collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        Node::Map(entries) => {
            let entries = entries.iter().map(|(key, node)| match node {
                Node::Map(_) => None,
                node => Some(format!("{key}: {}", flow(node)?)),
            });
            let entries: Option<Vec<String>> = entries.collect();
            Some(format!("{{{}}}", entries?.join(", ")))
        }
    }
}

fn leaf(node: &Node) -> Option<String> {
    match node {
        Node::Word(_) | Node::Text(_) => flow(node),
        Node::List(_) | Node::Map(_) => None,
    }
}
