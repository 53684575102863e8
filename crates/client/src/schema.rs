//! The descriptors of `gauntlet.v1`, decoded once.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, MessageDescriptor};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(gauntlet_api::DESCRIPTOR_SET)
        .expect("the descriptor set was made by this build")
});

/// The descriptor of a message of package `gauntlet.v1`.
pub(crate) fn message(name: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(&format!("gauntlet.v1.{name}"))
}
