//! What intake and dispatch ask of a journal, a hundred runs at a time: of an empty one, and of one with many
//! finished runs. Those are a million; `BENCH_FINISHED_RUNS` says another number.

use std::cell::RefCell;
use std::time::Duration;

use criterion::{Criterion, Throughput};

use crate::worked::{Round, Worked};

/// Runs of a round.
const BATCH: usize = 100;

/// A question, and how long it took in a round.
type Question = (&'static str, fn(&Round) -> Duration);

const QUESTIONS: [Question; 3] = [
    ("accept", |round| round.accept),
    ("claim", |round| round.claim),
    ("record", |round| round.record),
];

pub(crate) fn bench(criterion: &mut Criterion) {
    let asked = std::env::var("BENCH_FINISHED_RUNS");
    let finished = asked.map_or(1_000_000, |number| {
        number.parse().expect("BENCH_FINISHED_RUNS is a number")
    });
    let mut group = criterion.benchmark_group("journal");
    group
        .throughput(Throughput::Elements(BATCH as u64))
        .sample_size(10);
    for finished in [0, finished] {
        // Made when the first benchmark that needs it is not left out by a filter.
        let journal = RefCell::new(None);
        for (name, took) in QUESTIONS {
            group.bench_function(format!("{name}/{finished} finished"), |bencher| {
                let mut journal = journal.borrow_mut();
                let journal = journal.get_or_insert_with(|| Worked::with_finished(finished));
                bencher.iter_custom(|times| (0..times).map(|_| took(&journal.round(BATCH))).sum());
            });
        }
    }
    group.finish();
}
