//! Along the schema through a document: every fault with its place, every field
//! with its line.

use std::collections::BTreeMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use saphyr::{MarkedYaml, Scalar, YamlData};

use super::{
    Place, duration,
    source::{self, Source},
};
use crate::near;

/// What the top level of a file holds.
pub(super) struct TopLevel {
    pub(super) name: String,
    pub(super) project: Option<String>,
    pub(super) spec: DynamicMessage,
}

/// A pass through one document.
pub(super) struct Walk<'a> {
    source: &'a Source,
    faults: Vec<(Place, String)>,
    places: BTreeMap<String, Place>,
}

/// The keys beside the spec's own.
const OWN_KEYS: [&str; 2] = ["name", "project"];

impl<'a> Walk<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self {
            source,
            faults: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// The faults in the order of the file, and where each field is given.
    pub(super) fn into_parts(mut self) -> (Vec<(Place, String)>, BTreeMap<String, Place>) {
        self.faults.sort();
        (self.faults, self.places)
    }

    /// The whole document; `None` when it is not even a mapping with a name.
    pub(super) fn top_level(
        &mut self,
        document: &MarkedYaml<'_>,
        spec: &MessageDescriptor,
    ) -> Option<TopLevel> {
        let YamlData::Mapping(mapping) = &document.data else {
            self.fault(document, "a template is a mapping that begins with name: …");
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
        let spec = self.fields(rest, spec, "", &OWN_KEYS);
        if !self.places.contains_key("name") {
            self.fault(
                document,
                "name is missing: give the template a name at the top level",
            );
        }
        Some(TopLevel {
            name: own.remove("name")?,
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
        if descriptor.full_name() == "google.protobuf.Duration" {
            return self.duration(node, descriptor, path);
        }
        let YamlData::Mapping(mapping) = &node.data else {
            let keys = field_names(descriptor).join(", ");
            let found = self.found(node);
            self.fault(
                node,
                format!("{path}: must be a mapping of {keys}; {found}"),
            );
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
                self.fault(key, format!("unknown key \"{word}\" {place}{path}{hint}"));
                continue;
            };
            let place = source::place(&key.span.start);
            if let Some(message) = contradiction(&field, &word, &given) {
                self.fault(key, message);
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
        if !field.is_list() {
            return self.value(node, &field.kind(), path);
        }
        let YamlData::Sequence(items) = &node.data else {
            let found = self.found(node);
            self.fault(node, format!("{path}: must be a list; {found}"));
            return None;
        };
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            self.places
                .insert(path.clone(), source::place(&item.span.start));
            values.extend(self.value(item, &field.kind(), &path));
        }
        Some(Value::List(values))
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
                self.fault(node, format!("{path}: cannot be given in a file"));
                None
            }
        }
    }

    fn text(&mut self, node: &MarkedYaml<'_>, path: &str) -> Option<String> {
        if let YamlData::Value(Scalar::String(text)) = &node.data {
            return Some(text.clone().into_owned());
        }
        let found = self.found(node);
        let quoted = match &node.data {
            YamlData::Value(Scalar::Null) => String::new(),
            YamlData::Value(_) => format!(": write \"{}\"", self.source.text(node)),
            _ => String::new(),
        };
        self.fault(node, format!("{path}: must be a text; {found}{quoted}"));
        None
    }

    fn boolean(&mut self, node: &MarkedYaml<'_>, path: &str) -> Option<Value> {
        if let YamlData::Value(Scalar::Boolean(value)) = &node.data {
            return Some(Value::Bool(*value));
        }
        let found = self.found(node);
        self.fault(node, format!("{path}: must be true or false; {found}"));
        None
    }

    fn number(&mut self, node: &MarkedYaml<'_>, path: &str) -> Option<f64> {
        match &node.data {
            YamlData::Value(Scalar::Integer(value)) => Some(*value as f64),
            YamlData::Value(Scalar::FloatingPoint(value)) if value.is_finite() => {
                Some(value.into_inner())
            }
            _ => {
                let found = self.found(node);
                self.fault(node, format!("{path}: must be a number; {found}"));
                None
            }
        }
    }

    fn integer<T: TryFrom<i128>>(
        &mut self,
        node: &MarkedYaml<'_>,
        path: &str,
        smallest: i128,
        largest: i128,
    ) -> Option<T> {
        let value = match &node.data {
            YamlData::Value(Scalar::Integer(value)) => Some(i128::from(*value)),
            // The parser makes a float of an integer beyond 63 bits.
            YamlData::Value(Scalar::FloatingPoint(_)) => self.source.text(node).parse().ok(),
            _ => None,
        };
        let fits = value.filter(|value| (smallest..=largest).contains(value));
        if let Some(value) = fits.and_then(|value| T::try_from(value).ok()) {
            return Some(value);
        }
        let found = self.found(node);
        self.fault(
            node,
            format!("{path}: must be a whole number from {smallest} to {largest}; {found}"),
        );
        None
    }

    fn enum_value(
        &mut self,
        node: &MarkedYaml<'_>,
        descriptor: &prost_reflect::EnumDescriptor,
        path: &str,
    ) -> Option<Value> {
        let prefix = screaming(descriptor.name());
        // Zero says "not given"; who means that leaves the key out.
        let known: Vec<(String, i32)> = descriptor
            .values()
            .filter(|value| value.number() != 0)
            .map(|value| {
                let short = value.name().strip_prefix(&prefix).unwrap_or(value.name());
                (short.to_lowercase(), value.number())
            })
            .collect();
        let given = self.text(node, path)?;
        let word = given.to_uppercase().replace('-', "_");
        let word = word.strip_prefix(&prefix).unwrap_or(&word).to_lowercase();
        if let Some((_, number)) = known.iter().find(|(name, _)| *name == word) {
            return Some(Value::EnumNumber(*number));
        }
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        let hint = match near::hint(&word, names.iter().copied()) {
            none if none.is_empty() => format!("; it is one of {}", names.join(", ")),
            hint => hint,
        };
        self.fault(node, format!("{path}: unknown value \"{given}\"{hint}"));
        None
    }

    fn duration(
        &mut self,
        node: &MarkedYaml<'_>,
        descriptor: &MessageDescriptor,
        path: &str,
    ) -> Option<Value> {
        let parsed = match &node.data {
            YamlData::Value(Scalar::String(text)) => duration::parse(text),
            _ => None,
        };
        let Some((seconds, nanos)) = parsed else {
            let found = self.found(node);
            self.fault(
                node,
                format!("{path}: must be a duration like 20s, 500ms or 1m30s; {found}"),
            );
            return None;
        };
        let mut message = DynamicMessage::new(descriptor.clone());
        message.set_field_by_name("seconds", Value::I64(seconds));
        message.set_field_by_name("nanos", Value::I32(nanos));
        Some(Value::Message(message))
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
            YamlData::Value(Scalar::String(text)) => format!("it is \"{text}\""),
            YamlData::Value(_) => format!("it is {}", self.source.text(node)),
            YamlData::Mapping(_) => "it is a mapping".to_owned(),
            YamlData::Sequence(_) => "it is a list".to_owned(),
            _ => "it has a tag".to_owned(),
        }
    }

    fn fault(&mut self, node: &MarkedYaml<'_>, message: impl Into<String>) {
        let place = source::place(&node.span.start);
        self.faults.push((place, message.into()));
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

/// `OperationKind` as `OPERATION_KIND_`.
fn screaming(name: &str) -> String {
    let mut prefix = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix.push('_');
    prefix
}
