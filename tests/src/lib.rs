//! The repository's own rules, as functions over its text and its dependency graph. The tests beside this library apply
//! them to the repository as it is; the end-to-end tests live there too.

pub mod layers;
pub mod repository;
pub mod tidy;
