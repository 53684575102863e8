//! The only place where generated messages meet the model.
//!
//! [`decode`] turns a request into values that make sense, or into all that is
//! wrong with it at once, each with the path of its field. [`encode`] turns the
//! model into what the services answer. [`session`] does both ways for what a
//! worker and the control plane say to each other. Everything is a pure
//! function; nothing panics on an absent field.

pub mod decode;
mod digest;
pub mod encode;
mod fields;
pub mod page;
mod rules;
pub mod session;
mod violations;

pub use violations::Violations;
