//! Both drivers against fake targets that the tests script.

mod blocking;
mod closed;
mod life;
mod open;
mod scripted;
mod support;
