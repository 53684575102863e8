//! A whole worker against a scripted control plane and a real SQLite file.

#[cfg(test)]
mod attaching;
#[cfg(test)]
mod control_plane;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod steering;
#[cfg(test)]
mod work;
