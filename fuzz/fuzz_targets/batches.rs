//! libFuzzer on what brokers answer: see `targets.rs`.

#![no_main]

#[path = "../../tests/fuzzing/targets.rs"]
#[expect(dead_code, reason = "each binary is for one target")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::deliveries::batches(data));
