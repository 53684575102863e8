//! The values that are no mappings and no lists.

use prost_reflect::{DynamicMessage, EnumDescriptor, MessageDescriptor, Value};
use saphyr::{MarkedYaml, Scalar, YamlData};

use super::{Walk, cut};
use crate::{duration, near, schema};

impl Walk<'_> {
    pub(super) fn text(&mut self, node: &MarkedYaml<'_>, path: &str) -> Option<String> {
        if let YamlData::Value(Scalar::String(text)) = &node.data {
            return Some(text.clone().into_owned());
        }
        let found = self.found(node);
        let quoted = match &node.data {
            YamlData::Value(Scalar::Null) => String::new(),
            YamlData::Value(_) => format!(": write \"{}\"", cut(&self.source.text(node))),
            _ => String::new(),
        };
        self.fault(node, path, format!("must be a text; {found}{quoted}"));
        None
    }

    pub(super) fn boolean(&mut self, node: &MarkedYaml<'_>, path: &str) -> Option<Value> {
        if let YamlData::Value(Scalar::Boolean(value)) = &node.data {
            return Some(Value::Bool(*value));
        }
        let found = self.found(node);
        self.fault(node, path, format!("must be true or false; {found}"));
        None
    }

    pub(super) fn number(&mut self, node: &MarkedYaml<'_>, path: &str) -> Option<f64> {
        match &node.data {
            YamlData::Value(Scalar::Integer(value)) => Some(*value as f64),
            YamlData::Value(Scalar::FloatingPoint(value)) if value.is_finite() => {
                Some(value.into_inner())
            }
            _ => {
                let found = self.found(node);
                self.fault(node, path, format!("must be a number; {found}"));
                None
            }
        }
    }

    pub(super) fn integer<T: TryFrom<i128>>(
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
        let message = format!("must be a whole number from {smallest} to {largest}; {found}");
        self.fault(node, path, message);
        None
    }

    pub(super) fn enum_value(
        &mut self,
        node: &MarkedYaml<'_>,
        descriptor: &EnumDescriptor,
        path: &str,
    ) -> Option<Value> {
        let prefix = schema::prefix(descriptor);
        // Zero says "not given"; who means that leaves the key out.
        let known: Vec<(String, i32)> = descriptor
            .values()
            .filter(|value| value.number() != 0)
            .map(|value| (schema::short(&value), value.number()))
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
        let given = cut(&given);
        self.fault(node, path, format!("unknown value \"{given}\"{hint}"));
        None
    }

    pub(super) fn duration(
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
            let message = format!("must be a duration like 20s, 500ms or 1m30s; {found}");
            self.fault(node, path, message);
            return None;
        };
        let mut message = DynamicMessage::new(descriptor.clone());
        message.set_field_by_name("seconds", Value::I64(seconds));
        message.set_field_by_name("nanos", Value::I32(nanos));
        Some(Value::Message(message))
    }
}
