//! Enforces the rules that stand in the protos as protovalidate annotations.
//!
//! What an annotation can say stands there and only there; `decode` adds what
//! it cannot (weights that sum to 100, tokens that fit their query). Rules are
//! read from the descriptor set once; a kind of rule that is not known here is
//! refused by a test, never passed over.

use std::{collections::HashMap, sync::LazyLock};

use gauntlet_api::DESCRIPTOR_SET;
use gauntlet_model::template::Violation;
use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, ReflectMessage};

mod check;
mod read;

use read::{MessageRules, UnknownRule};

/// The rules of every message that has some, or holds one that has.
static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::read().expect("a test reads the same descriptor set"));

struct Rules {
    by_message: HashMap<String, MessageRules>,
    descriptors: HashMap<String, MessageDescriptor>,
}

impl Rules {
    fn read() -> Result<Self, UnknownRule> {
        let pool = DescriptorPool::decode(DESCRIPTOR_SET)
            .map_err(|error| UnknownRule(error.to_string()))?;
        let mut by_message = HashMap::new();
        for message in pool.all_messages() {
            if message.package_name() == "gauntlet.v1" {
                let rules = MessageRules::read(&message)?;
                by_message.insert(message.full_name().to_owned(), rules);
            }
        }
        let matter = read::that_matter(&by_message, &pool);
        by_message.retain(|name, _| matter.contains(name));
        let descriptors = pool
            .all_messages()
            .map(|message| (message.full_name().to_owned(), message))
            .filter(|(name, _)| matter.contains(name))
            .collect();
        Ok(Self {
            by_message,
            descriptors,
        })
    }

    fn check(&self, message: &DynamicMessage, path: &str, found: &mut Vec<Violation>) {
        let descriptor = message.descriptor();
        let Some(rules) = self.by_message.get(descriptor.full_name()) else {
            return;
        };
        check::message(rules, message, path, found);
        for field in descriptor.fields() {
            let Kind::Message(inner) = field.kind() else {
                continue;
            };
            if field.is_map() || !self.by_message.contains_key(inner.full_name()) {
                continue;
            }
            if !message.has_field(&field) {
                continue;
            }
            let value = message.get_field(&field);
            let place = check::join(path, field.name());
            if let Some(list) = value.as_list() {
                for (index, item) in list.iter().enumerate() {
                    if let Some(item) = item.as_message() {
                        self.check(item, &format!("{place}[{index}]"), found);
                    }
                }
            } else if let Some(inner) = value.as_message() {
                self.check(inner, &place, found);
            }
        }
    }
}

/// Everything about a request that breaks a rule of its proto.
pub(crate) fn check<M: Message + Name>(request: &M) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Some(descriptor) = RULES.descriptors.get(&M::full_name()) {
        let bytes = request.encode_to_vec();
        let message = DynamicMessage::decode(descriptor.clone(), bytes.as_slice())
            .expect("the message was encoded by the same descriptor");
        RULES.check(&message, "", &mut found);
    }
    found
}

#[cfg(test)]
mod tests;
