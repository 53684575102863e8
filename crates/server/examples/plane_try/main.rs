#![allow(dead_code, missing_docs, unused_imports)]
mod plane;
fn main() {}
