//! Inputs led by coverage: libFuzzer on each target of `fuzz/`, built with the toolchain at hand.
//!
//! cargo-fuzz is not needed, nor a nightly compiler: what it adds to the compiler's flags is stable but
//! for the address sanitizer, which would have little to do where `unsafe` is denied.

use std::fs::File;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::{fs, iter, thread};

use crate::finding::Finding;
use crate::seeds::seeds;

/// The flags by which the compiler counts where an execution has been, as cargo-fuzz gives them, but
/// without `trace-compares`: the seeds hold the words that comparisons would tell of, and it takes two
/// thirds of the time.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table";

/// The targets, which are the files under `fuzz/fuzz_targets`, and how long an input may be, in bytes:
/// a captured body has 3 kB, but a configuration says all that can be said in less. The slowest come
/// first, so that they are not left over at the end.
const TARGETS: [(&str, u32); 17] = [
    ("ini", 1024),
    ("filters", 4096),
    ("operators", 4096),
    ("expressions", 1024),
    ("transport_url", 1024),
    ("history", 4096),
    ("envelope", 4096),
    ("clouds", 4096),
    ("posts", 4096),
    ("lines", 4096),
    ("puts", 4096),
    ("messages", 4096),
    ("topics", 4096),
    ("facts", 1024),
    ("searches", 4096),
    ("jobs", 4096),
    ("batches", 4096),
];

/// Tries so many inputs on every target. One that breaks something is left under
/// `fuzz/artifacts/TARGET`, where the log of what is tried is, too; it belongs into
/// `tests/data/fuzz/TARGET`.
pub(crate) fn attempt(count: u64) -> Vec<Finding> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let host = host();
    let built = Command::new("cargo")
        .args(["build", "--release", "--locked", "--target", &host])
        .env("RUSTFLAGS", COVERAGE)
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(&folder)
        .status();
    assert!(built.expect("cargo").success(), "the targets are not built");
    let programs = folder.join("target").join(host).join("release");
    let one = |(name, longest)| {
        Finding::of(&format!("inputs for {name}"), count, || {
            fuzz(&folder, &programs.join(name), name, longest, count)
        })
    };
    // A process has one thread: as many targets at a time as there are processors.
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let waiting = Mutex::new(TARGETS.into_iter());
    let next = || waiting.lock().expect("no panic while it is held").next();
    thread::scope(|threads| {
        let worker = || threads.spawn(|| iter::from_fn(next).map(one).collect::<Vec<_>>());
        let workers: Vec<_> = (0..processors).map(|_| worker()).collect();
        let findings = workers
            .into_iter()
            .map(|worker| worker.join().expect("caught"));
        findings.flatten().collect()
    })
}

/// The target triple that the compiler builds for by itself. Named, or the flags would be used for build
/// scripts too.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc");
    let text = String::from_utf8(output.stdout).expect("text");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("a host").to_owned()
}

/// A folder for one target's files.
fn folder_of(folder: &Path, kind: &str, name: &str) -> PathBuf {
    let path = folder.join(kind).join(name);
    fs::create_dir_all(&path).expect("a folder");
    path
}

fn fuzz(folder: &Path, program: &Path, name: &str, longest: u32, count: u64) -> String {
    let corpus = folder_of(folder, "corpus", name);
    let artifacts = folder_of(folder, "artifacts", name);
    for (number, seed) in seeds(name).iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), seed).expect("a file");
    }
    let log = artifacts.join("log");
    let status = Command::new(program)
        .arg(format!("-runs={count}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_len={longest}"))
        .args(["-timeout=20", "-print_final_stats=1"])
        .arg(&corpus)
        .stdin(Stdio::null())
        .stderr(File::create(&log).expect("a file"))
        .status()
        .expect("a target");
    let written = fs::read(&log).expect("a log");
    let written = String::from_utf8_lossy(&written);
    let statistic = |what: &str| {
        let of = |line: &str| Some(line.strip_prefix(what)?.trim().to_owned());
        written.lines().find_map(of).unwrap_or_default()
    };
    let last: Vec<&str> = written.lines().rev().take(30).collect();
    assert!(status.success(), "{name}: {last:#?}");
    let covered = written.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once(" cov: ")?;
        rest.split(' ').next()
    });
    format!(
        "{} executions, {} a second, {} places reached, 0 crashes",
        statistic("stat::number_of_executed_units:"),
        statistic("stat::average_exec_per_sec:"),
        covered.unwrap_or_default()
    )
}
