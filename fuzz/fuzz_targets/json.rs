//! Canonical JSON to protobuf and back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gauntlet_connect::fuzz::json(data));
