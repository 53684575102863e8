//! Numbers and tables as people read them. Pure functions.

pub mod address;
pub mod evidence;
pub mod findings;
pub mod number;
pub mod plan;
pub mod report;
pub mod search;
pub mod table;
pub mod word;
pub mod wrap;
