//! What a file may say, as the protos have it.

use std::sync::LazyLock;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, MessageDescriptor,
};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(gauntlet_api::DESCRIPTOR_SET)
        .expect("the descriptor set was made by this build")
});

/// The descriptor of `gauntlet.v1.TemplateSpec`.
pub(crate) static SPEC: LazyLock<MessageDescriptor> =
    LazyLock::new(|| message("gauntlet.v1.TemplateSpec"));

/// The descriptor of a message of the API.
pub(crate) fn message(full_name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(full_name)
        .expect("the schema has every message that code was made of")
}

/// The keys that a file begins a message with; those that are not here follow
/// in the order of the protos.
const FIRST: [(&str, &[&str]); 4] = [
    (
        "gauntlet.v1.TemplateSpec",
        &[
            "description",
            "target",
            "table",
            "key_column",
            "operations",
            "load",
            "workers",
            "scaling",
            "worker_labels",
            "worker_wait",
            "launcher",
            "phases",
            "search",
            "seed",
            "worker_loss",
            "operation_timeout",
            "start_timeout",
            "max_clock_uncertainty",
            "guardrails",
            "slos",
        ],
    ),
    // What it is, before what it does.
    ("gauntlet.v1.Operation", &["name", "kind", "class", "label"]),
    ("gauntlet.v1.Phases", &["warmup", "until_steady"]),
    ("gauntlet.v1.Slo", &["name", "operation", "class", "label"]),
];

/// The fields of a message as a file gives them.
pub(crate) fn in_order(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let first = FIRST.iter().find(|(name, _)| *name == message.full_name());
    let first = first.map_or(&[] as &[&str], |(_, keys)| keys);
    let mut fields: Vec<FieldDescriptor> = message.fields().collect();
    // The sort leaves the others in their order.
    fields.sort_by_key(|field| {
        let place = first.iter().position(|key| *key == field.name());
        place.unwrap_or(first.len())
    });
    fields
}

/// The message that a file gives as a text like `1m30s`.
pub(crate) const DURATION: &str = "google.protobuf.Duration";

/// The keys beside the spec's own.
pub(crate) const OWN_KEYS: [&str; 2] = ["name", "project"];

/// What the names of an enum's values begin with: `OPERATION_KIND_` for `OperationKind`.
pub(crate) fn prefix(descriptor: &EnumDescriptor) -> String {
    let mut prefix = String::new();
    for letter in descriptor.name().chars() {
        if letter.is_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix.push('_');
    prefix
}

/// A value's name in a file: `point_lookup` for `OPERATION_KIND_POINT_LOOKUP`.
pub(crate) fn short(value: &EnumValueDescriptor) -> String {
    let prefix = prefix(value.parent_enum());
    let name = value.name();
    name.strip_prefix(&prefix).unwrap_or(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_come_first_exist() {
        for (name, keys) in FIRST {
            let message = message(name);
            for key in keys {
                assert!(message.get_field_by_name(key).is_some(), "{name}.{key}");
            }
        }
    }
}
