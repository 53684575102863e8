//! The envelopes of gRPC and of Connect streams, in chunks of any size.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gauntlet_connect::fuzz::envelopes(data));
