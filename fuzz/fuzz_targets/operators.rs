//! libFuzzer on `filter_any` with operators, and payloads to put them to: see `targets.rs`.

#![no_main]

#[path = "../../tests/fuzzing/targets.rs"]
#[expect(dead_code, reason = "each binary is for one target")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::rules::operators(data));
