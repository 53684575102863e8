//! Who starts the workers that runs have of their own.

mod local;

pub(super) use local::LocalLauncher;
