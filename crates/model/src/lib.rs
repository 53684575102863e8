//! The nouns of gauntlet and the arithmetic on them.
//!
//! Everything here is a value or a pure function: time, chance and ids are
//! arguments, nothing waits, nothing reads a clock or a disk. Data that comes
//! from outside is decoded at a border (`wire`, `store-sql`) into these types,
//! which cannot hold what makes no sense.

pub mod compare;
pub mod errors;
pub mod evidence;
pub mod guardrail;
pub mod history;
pub mod id;
pub mod interval;
pub mod lifecycle;
pub mod logs;
pub mod number;
pub mod point;
pub mod pool;
pub mod preflight;
pub mod report;
pub mod run;
pub mod sample;
pub mod scaling;
pub mod search;
pub mod session;
pub mod steady;
pub mod target;
pub mod template;
pub mod time;
pub mod verdict;
