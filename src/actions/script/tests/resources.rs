//! That output, however much, is bounded, and that nothing leaks.

use std::fs;

use tempfile::tempdir;
use tokio_util::sync::CancellationToken;

use super::{job, perform, shell};
use crate::actions::script::output::TAIL;
use crate::actions::tests::alone;
use crate::core::run::Outcome;

#[tokio::test]
async fn binary_output_is_kept_as_it_came() {
    let folder = tempdir().unwrap();
    let lines = r"printf '\377\000\033[31m\r\n'; printf 'x\200' >&2; printf ''";
    let (performed, _) = perform(shell(lines), folder.path(), &CancellationToken::new()).await;
    let out = b"\xff\0\x1b[31m\r\n";
    let err = b"x\x80";
    let either = [[&out[..], err].concat(), [&err[..], out].concat()];
    assert!(either.contains(&performed.output), "{:?}", performed.output);
    assert_eq!(performed.output_dropped, 0);
}

#[tokio::test]
async fn a_flood_is_bounded_and_its_tail_is_kept() {
    let name = "actions::script::tests::resources::a_flood_is_bounded_and_its_tail_is_kept";
    if !alone(name, &[]) {
        return;
    }
    let folder = tempdir().unwrap();
    // The code itself takes memory when it first runs.
    perform(shell("true"), folder.path(), &CancellationToken::new()).await;
    let before = most_memory();
    let size = 50 * 1024 * 1024;
    let lines = format!("head -c {size} /dev/zero; echo end");
    let (performed, _) = perform(shell(&lines), folder.path(), &CancellationToken::new()).await;
    assert_eq!(performed.outcome, Outcome::exited(0));
    assert_eq!(performed.output.len(), TAIL);
    assert_eq!(performed.output_dropped, (size + 4 - TAIL) as u64);
    let (zeros, end) = performed.output.split_at(TAIL - 4);
    assert!(zeros.iter().all(|byte| *byte == 0));
    assert_eq!(end, b"end\n");
    let grown = most_memory() - before;
    // Of 50 MiB. What of the program itself is loaded meanwhile counts, too.
    assert!(grown < 16 * 1024, "{grown} KiB");
}

#[tokio::test]
async fn two_hundred_runs_leave_neither_files_nor_zombies() {
    let name = "actions::script::tests::resources::\
                two_hundred_runs_leave_neither_files_nor_zombies";
    if !alone(name, &[]) {
        return;
    }
    let folder = tempdir().unwrap();
    let stop = CancellationToken::new();
    let words = ["true", "no-such-program"];
    let once = async |word: &str| {
        let job = job(&[word], &[], &serde_json::json!({}));
        perform(job, folder.path(), &stop).await;
    };
    once("true").await;
    let before = open_files();
    for round in 0..200 {
        once(words[usize::from(round % 10 == 0)]).await;
    }
    assert_eq!(open_files(), before);
    assert_eq!(children(), Vec::<String>::new());
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The most memory this process ever held, in KiB.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

/// Every child of this process, zombies included, by thread that started it.
fn children() -> Vec<String> {
    fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap())
        .filter(|children| !children.is_empty())
        .collect()
}
