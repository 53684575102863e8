//! The generated messages and services of `gauntlet.v1`, and their descriptor
//! sets. Nothing here is written by hand; the protos in `proto/` are the source.

/// Package `gauntlet.v1`.
pub mod v1 {
    #![allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        reason = "generated; the protos are documented and buf lint holds them to it"
    )]
    tonic::include_proto!("gauntlet.v1");
}

/// The encoded `FileDescriptorSet` of package `gauntlet.v1` and its imports,
/// with the rules that stand in the protos, without the comments.
pub const DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/gauntlet_descriptor.bin"));

/// [`DESCRIPTOR_SET`] with the comments.
pub const DOCUMENTED_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/gauntlet_documented.bin"));
