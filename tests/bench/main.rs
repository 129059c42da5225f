//! The benchmark that `scripts/bench` runs: whole processes, each beside a peer or a ceiling in the same run.
//! It prints one table; `docs/performance.md` says what its rows mean.

use std::path::Path;
use std::process::ExitCode;

use sizes::{FULL, QUICK, Sizes};
use table::Row;

mod bare;
mod bus;
#[path = "../soak/counts.rs"]
#[expect(dead_code, reason = "the trials need more of it than this does")]
mod counts;
mod journal;
mod latency;
mod machine;
mod measure;
mod memory;
mod peers;
mod rules;
mod scripts;
mod sizes;
mod sources;
#[path = "../support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the scenarios need more of it than this does"
)]
mod support;
mod table;
#[expect(dead_code, reason = "`cargo bench` needs more of it than this does")]
mod worked;

const USAGE: &str = "usage: scripts/bench [--debug] [--quick] [PART]";

/// What the rows of the table are measured by, in the order in which they stand there.
type Part = (&'static str, fn(&Sizes) -> Vec<Row>);

const PARTS: [Part; 7] = [
    ("bus", bus::measure),
    ("scripts", scripts::measure),
    ("latency", latency::measure),
    ("memory", memory::measure),
    ("rules", rules::measure),
    ("sources", sources::measure),
    ("journal", journal::measure),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // The program is its own peer: it starts itself with one of these.
    match words[..] {
        [peers::STAMP, file] => peers::stamp(Path::new(file)),
        [peers::DRAIN, queue, count] => peers::drain(queue, number(count)),
        [peers::SPAWN, count, parallel] => peers::spawn(number(count), number(parallel)),
        [peers::COMMIT, program, count] => peers::commit(program, number(count)),
        [peers::PARSE, program] => peers::parse(program),
        [peers::RECEIVE, address] => peers::receive(address),
        _ => return measure(&words),
    }
    ExitCode::SUCCESS
}

fn number(word: &str) -> usize {
    word.parse().expect("a number")
}

/// Measures what the arguments ask for.
fn measure(words: &[&str]) -> ExitCode {
    let (sizes, asked) = match words {
        ["--quick", asked @ ..] => (QUICK, asked),
        asked => (FULL, asked),
    };
    let parts: Vec<&Part> = match asked {
        [] => PARTS.iter().collect(),
        [name] => PARTS.iter().filter(|part| part.0 == *name).collect(),
        _ => Vec::new(),
    };
    if parts.is_empty() {
        let names = PARTS.map(|(name, _)| name).join(", ");
        eprintln!(
            "bench: unknown arguments `{}`; {USAGE}, where PART is one of {names}",
            words.join(" ")
        );
        return ExitCode::from(2);
    }
    let before = machine::load();
    let mut rows = Vec::new();
    for (name, measure) in parts {
        eprintln!("bench: {name}");
        rows.extend(measure(&sizes));
    }
    println!("{}", machine::described(&before));
    println!("{}", table::markdown(&rows));
    ExitCode::SUCCESS
}
