//! Both drivers against fake targets that the tests script.

mod asynchronous;
mod blocking;
mod support;
