//! Both drivers against fake targets that the tests script.

mod backlog;
mod blocking;
mod closed;
mod life;
mod open;
mod samples;
mod scripted;
mod steering;
mod support;
