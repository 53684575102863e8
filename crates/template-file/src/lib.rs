//! Template files: a `TemplateSpec` in YAML, in the shape of protobuf JSON
//! (`snake_case` or `lowerCamelCase` keys), with the template's `name` and
//! `project` beside the spec's own keys at the top level.
//!
//! There is one schema: a file is read and written along the descriptor of
//! `gauntlet.v1.TemplateSpec`, so a field that the protos gain is a key that the
//! file may have. Durations are written `1m30s`; an enum's value by its own name,
//! with or without the prefix, in any case.
//!
//! [`TemplateFile`] is a file without faults, [`Draft`] is whatever a text says,
//! [`write()`] makes a text, of what [`shorten`] leaves. [`rename()`] makes the
//! file of a copy, [`difference()`] says where two descriptions part.

mod difference;
mod draft;
mod duration;
mod fault;
mod file;
pub mod near;
mod rename;
mod schema;
mod short;
mod source;
#[cfg(test)]
mod tests;
mod walk;
mod write;

pub use difference::{Difference, difference};
pub use draft::Draft;
pub use fault::{Fault, Place, Violation};
pub use file::{Error, TemplateFile};
pub use rename::rename;
pub use short::shorten;
pub use write::write;
