//! What each part of an event's journey costs by itself: `cargo bench`, or `cargo bench -- match` for one of
//! `decode`, `match`, `journal` and `dialect`. `docs/performance.md` says how to read it; whole processes are
//! measured by `scripts/bench`.

use criterion::{Criterion, criterion_group, criterion_main};

#[path = "../../tests/support/captured.rs"]
#[expect(dead_code, reason = "the scenarios need more of it than this does")]
mod captured;
mod decode;
mod dialect;
mod journal;
mod matching;
#[path = "../../tests/bench/worked.rs"]
#[expect(dead_code, reason = "`scripts/bench` needs more of it than this does")]
mod worked;

fn configured() -> Criterion {
    Criterion::default().sample_size(20)
}

criterion_group! {
    name = parts;
    config = configured();
    targets = decode::bench, matching::bench, journal::bench, dialect::bench
}
criterion_main!(parts);
