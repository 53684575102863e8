//! The query string of a call by GET.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gauntlet_connect::fuzz::get_query(data));
