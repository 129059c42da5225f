//! Arbitrary bytes break nothing: every seed and every input that once did is tried again, and some
//! hundred variations for each target. `scripts/soak fuzz` goes on from here, led by coverage.

mod seeds;
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use seeds::seeds;
use targets::{TARGETS, Target};

/// So many variations of each target's seeds.
const VARIATIONS: u32 = 500;

/// What inputs are spoilt with.
const PIECES: [&str; 24] = [
    "\0",
    "\"",
    "\\",
    "{",
    "}}",
    "[[[[[[[[",
    "null",
    "1e999999",
    "-0",
    "\\ud800",
    "\u{feff}",
    "\u{202e}",
    "\r\n",
    " ",
    "%(password)s",
    "%(x)s",
    "%%",
    "$",
    "..",
    "@",
    ":",
    "://",
    ",",
    "\t; #",
];

/// One change of an input.
#[derive(Clone, Debug)]
enum Change {
    Insert(Index, String),
    Cut(Index, usize),
    Flip(Index, u8),
    Repeat(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), select(PIECES.as_slice())).prop_map(|(at, piece)| Change::Insert(at, piece.into())),
        (at(), 1..40_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (at(), 1..=255_u8).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn changed(seed: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes {
        let end = bytes.len() + 1;
        match change {
            Change::Insert(at, piece) => {
                let at = at.index(end);
                bytes.splice(at..at, piece.bytes());
            }
            Change::Cut(at, length) => {
                let at = at.index(end);
                bytes.drain(at..(at + length).min(end - 1));
            }
            Change::Flip(at, bits) if end > 1 => bytes[at.index(end - 1)] ^= bits,
            Change::Flip(..) => {}
            Change::Repeat(from, to) => {
                let (from, to) = (from.index(end), to.index(end));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(to..to, part);
            }
        }
    }
    bytes
}

fn broken(name: &str, target: Target, input: &[u8]) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| target(input)))
        .is_err()
        .then(|| format!("{name}: {:?}", String::from_utf8_lossy(input)))
}

#[test]
fn what_was_captured_and_what_was_kept_breaks_nothing() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        let broken: Vec<String> = (seeds.iter())
            .filter_map(|seed| broken(name, target, seed))
            .collect();
        assert!(broken.is_empty(), "{broken:#?}");
    }
}

#[test]
fn variations_break_nothing() {
    for (name, target) in TARGETS {
        let input = (select(seeds(name)), vec(change(), 1..6))
            .prop_map(|(seed, changes)| changed(&seed, &changes));
        let config = Config {
            cases: VARIATIONS,
            failure_persistence: None,
            ..Config::default()
        };
        let tried = TestRunner::new(config).run(&input, |input| {
            target(&input);
            Ok(())
        });
        assert!(tried.is_ok(), "{name}: {}", tried.unwrap_err());
    }
}

/// Nothing else builds them, and `--locked` refuses a list of packages that lacks one.
#[test]
fn the_coverage_guided_targets_are_the_same_and_their_packages_are_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(folder.join(path)).expect("a file");
    let manifest = read("fuzz/Cargo.toml");
    let names = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("name = "));
    let names: Vec<&str> = names.map(|name| name.trim_matches('"')).skip(1).collect();
    assert_eq!(names, TARGETS.map(|(name, _)| name));
    let lock = read("fuzz/Cargo.lock");
    let packages = lock.split("[[package]]");
    let ours = packages
        .into_iter()
        .find(|package| package.contains("name = \"esi-event-actions\"\n"))
        .expect("our own package");
    let manifest = read("Cargo.toml");
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").expect("a list");
    let dependencies = dependencies.split("\n[").next().expect("a list");
    let lines = dependencies.lines().filter(|line| !line.starts_with('#'));
    let missing: Vec<&str> = lines
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .filter(|name| {
            let name = format!("\"{name}");
            !ours.contains(&format!("{name}\"")) && !ours.contains(&format!("{name} "))
        })
        .collect();
    assert!(
        missing.is_empty(),
        "fuzz/Cargo.lock lacks {missing:?}: build `fuzz` once without --locked"
    );
}
