//! What a file may say, as the protos have it.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, EnumDescriptor, EnumValueDescriptor, MessageDescriptor};

/// The descriptor of `gauntlet.v1.TemplateSpec`.
pub(crate) static SPEC: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(gauntlet_api::DESCRIPTOR_SET)
        .expect("the descriptor set was made by this build");
    pool.get_message_by_name("gauntlet.v1.TemplateSpec")
        .expect("the schema has TemplateSpec")
});

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
