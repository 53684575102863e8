//! Messages in gzip and zstd, within their bounds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gauntlet_connect::fuzz::compressed(data));
