//! Along the schema through a document: every fault with its place, every field
//! with its line.

mod scalar;

use std::collections::{BTreeMap, HashMap};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use saphyr::{MarkedYaml, Scalar, YamlData};

use crate::{
    fault::Place,
    near,
    schema::{DURATION, OWN_KEYS, SPEC},
    source::{self, Source},
};

/// The most faults that are looked for: who has so many has given another file.
const MOST_FAULTS: usize = 200;
/// The longest text that a message quotes, in characters.
const LONGEST_QUOTE: usize = 100;

/// What the top level of a file holds.
pub(super) struct TopLevel {
    pub(super) name: Option<String>,
    pub(super) project: Option<String>,
    pub(super) spec: DynamicMessage,
}

/// A fault: where, the field, and the message.
pub(super) type Found = (Place, String, String);

/// A pass through one document.
pub(super) struct Walk<'a> {
    source: &'a Source,
    faults: Vec<Found>,
    places: BTreeMap<String, Place>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self {
            source,
            faults: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// The faults in the order of the file, and where each field is given.
    pub(super) fn into_parts(mut self) -> (Vec<Found>, BTreeMap<String, Place>) {
        self.faults.sort();
        (self.faults, self.places)
    }

    /// The whole document; `None` when it is not even a mapping.
    pub(super) fn top_level(&mut self, document: &MarkedYaml<'_>) -> Option<TopLevel> {
        let YamlData::Mapping(mapping) = &document.data else {
            let message = "a template is a mapping that begins with name: …";
            self.fault(document, "", message);
            return None;
        };
        let mut own: BTreeMap<&str, String> = BTreeMap::new();
        let mut rest = Vec::new();
        for (key, value) in mapping {
            let word = self.key_text(key);
            match OWN_KEYS.into_iter().find(|name| *name == word) {
                None => rest.push((word, key, value)),
                Some(name) => {
                    self.places.insert(word, source::place(&key.span.start));
                    if let Some(text) = self.text(value, name) {
                        own.insert(name, text);
                    }
                }
            }
        }
        let spec = self.fields(rest, &SPEC, "", &OWN_KEYS);
        Some(TopLevel {
            name: own.remove("name"),
            project: own.remove("project"),
            spec,
        })
    }

    fn message(
        &mut self,
        node: &MarkedYaml<'_>,
        descriptor: &MessageDescriptor,
        path: &str,
    ) -> Option<Value> {
        if descriptor.full_name() == DURATION {
            return self.duration(node, descriptor, path);
        }
        let YamlData::Mapping(mapping) = &node.data else {
            let keys = field_names(descriptor).join(", ");
            let found = self.found(node);
            self.fault(node, path, format!("must be a mapping of {keys}; {found}"));
            return None;
        };
        let entries = mapping
            .iter()
            .map(|(key, value)| (self.key_text(key), key, value))
            .collect();
        Some(Value::Message(self.fields(entries, descriptor, path, &[])))
    }

    /// The entries of a mapping as the fields of a message. `others` are keys
    /// that the caller has taken already.
    fn fields(
        &mut self,
        entries: Vec<(String, &MarkedYaml<'_>, &MarkedYaml<'_>)>,
        descriptor: &MessageDescriptor,
        path: &str,
        others: &[&str],
    ) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        let mut given: BTreeMap<u32, Place> = BTreeMap::new();
        for (word, key, node) in entries {
            if self.faults.len() >= MOST_FAULTS {
                break;
            }
            let Some(field) = field_named(descriptor, &word) else {
                let names = field_names(descriptor);
                let known = names
                    .iter()
                    .map(String::as_str)
                    .chain(others.iter().copied());
                let hint = near::hint(&word, known);
                let place = if path.is_empty() {
                    "at the top level"
                } else {
                    "in "
                };
                let word = cut(&word);
                let message = format!("unknown key \"{word}\" {place}{path}{hint}");
                self.fault(key, "", message);
                continue;
            };
            let place = source::place(&key.span.start);
            if let Some(message) = contradiction(&field, &word, &given) {
                self.fault(key, "", message);
                continue;
            }
            given.insert(field.number(), place);
            let path = if path.is_empty() {
                field.name().to_owned()
            } else {
                format!("{path}.{}", field.name())
            };
            self.places.insert(path.clone(), place);
            if let Some(value) = self.field(node, &field, &path) {
                message.set_field(&field, value);
            }
        }
        message
    }

    fn field(
        &mut self,
        node: &MarkedYaml<'_>,
        field: &FieldDescriptor,
        path: &str,
    ) -> Option<Value> {
        if field.is_map() {
            return self.pairs(node, path);
        }
        if !field.is_list() {
            return self.value(node, &field.kind(), path);
        }
        let YamlData::Sequence(items) = &node.data else {
            let found = self.found(node);
            self.fault(node, path, format!("must be a list; {found}"));
            return None;
        };
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if self.faults.len() >= MOST_FAULTS {
                break;
            }
            let path = format!("{path}[{index}]");
            self.places
                .insert(path.clone(), source::place(&item.span.start));
            values.extend(self.value(item, &field.kind(), &path));
        }
        Some(Value::List(values))
    }

    /// Free keys with texts; the schema has no other map.
    fn pairs(&mut self, node: &MarkedYaml<'_>, path: &str) -> Option<Value> {
        let YamlData::Mapping(mapping) = &node.data else {
            let found = self.found(node);
            self.fault(node, path, format!("must be a mapping of texts; {found}"));
            return None;
        };
        let mut pairs = HashMap::new();
        for (key, value) in mapping {
            if self.faults.len() >= MOST_FAULTS {
                break;
            }
            let word = self.key_text(key);
            let path = format!("{path}[{word:?}]");
            self.places
                .insert(path.clone(), source::place(&key.span.start));
            if let Some(text) = self.text(value, &path) {
                pairs.insert(MapKey::String(word), Value::String(text));
            }
        }
        Some(Value::Map(pairs))
    }

    fn value(&mut self, node: &MarkedYaml<'_>, kind: &Kind, path: &str) -> Option<Value> {
        match kind {
            Kind::Message(descriptor) => self.message(node, descriptor, path),
            Kind::Enum(descriptor) => self.enum_value(node, descriptor, path),
            Kind::String => self.text(node, path).map(Value::String),
            Kind::Bool => self.boolean(node, path),
            Kind::Double => self.number(node, path).map(Value::F64),
            Kind::Uint32 => self.integer(node, path, 0, u32::MAX.into()).map(Value::U32),
            Kind::Uint64 => self.integer(node, path, 0, u64::MAX.into()).map(Value::U64),
            Kind::Int32 => self
                .integer(node, path, i32::MIN.into(), i32::MAX.into())
                .map(Value::I32),
            Kind::Int64 => self
                .integer(node, path, i64::MIN.into(), i64::MAX.into())
                .map(Value::I64),
            // The spec has no field of another kind; the schema test holds that.
            _ => {
                self.fault(node, path, "cannot be given in a file");
                None
            }
        }
    }

    /// A key as written; YAML reads `null` as no text, the schema has such a key.
    fn key_text(&self, key: &MarkedYaml<'_>) -> String {
        match &key.data {
            YamlData::Value(Scalar::String(text)) => text.clone().into_owned(),
            _ => self.source.text(key),
        }
    }

    fn found(&self, node: &MarkedYaml<'_>) -> String {
        match &node.data {
            YamlData::Value(Scalar::Null) => "it has no value".to_owned(),
            YamlData::Value(Scalar::String(text)) => format!("it is \"{}\"", cut(text)),
            YamlData::Value(_) => format!("it is {}", cut(&self.source.text(node))),
            YamlData::Mapping(_) => "it is a mapping".to_owned(),
            YamlData::Sequence(_) => "it is a list".to_owned(),
            _ => "it has a tag".to_owned(),
        }
    }

    fn fault(&mut self, node: &MarkedYaml<'_>, field: &str, message: impl Into<String>) {
        let place = source::place(&node.span.start);
        self.faults.push((place, field.to_owned(), message.into()));
    }
}

/// As much of a text as a message quotes.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn field_named(descriptor: &MessageDescriptor, word: &str) -> Option<FieldDescriptor> {
    descriptor
        .get_field_by_name(word)
        .or_else(|| descriptor.get_field_by_json_name(word))
}

fn field_names(descriptor: &MessageDescriptor) -> Vec<String> {
    descriptor
        .fields()
        .map(|field| field.name().to_owned())
        .collect()
}

/// A field given under both of its spellings, or two of a oneof.
fn contradiction(
    field: &FieldDescriptor,
    word: &str,
    given: &BTreeMap<u32, Place>,
) -> Option<String> {
    if let Some(place) = given.get(&field.number()) {
        let line = place.line;
        return Some(format!(
            "the key \"{word}\" is given twice: see line {line}"
        ));
    }
    let oneof = field.containing_oneof()?;
    let other = oneof
        .fields()
        .find(|other| given.contains_key(&other.number()))?;
    let line = given[&other.number()].line;
    let names: Vec<String> = oneof
        .fields()
        .map(|field| field.name().to_owned())
        .collect();
    Some(format!(
        "\"{word}\" cannot be given together with \"{}\" (line {line}); give one of {}",
        other.name(),
        names.join(", ")
    ))
}
