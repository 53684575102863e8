//! A whole worker against a scripted control plane and a real SQLite file.

#[cfg(test)]
mod control_plane;
#[cfg(test)]
mod runs;
