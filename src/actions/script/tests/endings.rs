//! How attempts end, and that nothing of them is left.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tempfile::tempdir;
use tokio_util::sync::CancellationToken;

use super::{Job, job, limited, perform, shell};
use crate::actions::script::recovery::ScriptRecovery;
use crate::actions::tests::{LONG, until};
use crate::core::run::{Detail, Outcome};
use crate::journal::{OpenAttempt, Owner};
use crate::os::process::group_lives;

const SHORT: Duration = Duration::from_millis(100);

/// Nothing of run 7 lives, whichever group it may be in.
async fn assert_gone(folder: &Path) {
    let open = OpenAttempt {
        owner: Owner(1),
        run: 7,
        attempt: 2,
        rule: "deploy".into(),
        started_at: Timestamp::UNIX_EPOCH,
        handle: None,
    };
    let journal_name = folder.display().to_string();
    let ended = ScriptRecovery::new(&journal_name).look(vec![open]).await;
    assert_eq!(ended.unwrap(), []);
}

/// Performs the job, and stops the service as soon as the script has made a file `ready`.
async fn stopped_when_ready(job: Job) -> (Outcome, String) {
    let folder = tempdir().unwrap();
    let stop = CancellationToken::new();
    let stopping = async {
        until("ready", || folder.path().join("ready").exists()).await;
        stop.cancel();
    };
    let ((performed, identity), ()) = tokio::join!(perform(job, folder.path(), &stop), stopping);
    assert!(!group_lives(identity.unwrap().pid));
    assert_gone(folder.path()).await;
    (
        performed.outcome,
        String::from_utf8(performed.output).unwrap(),
    )
}

#[tokio::test]
async fn the_end_of_the_script_is_the_outcome() {
    let cases = [
        ("exit 0", Outcome::exited(0)),
        ("exit 3", Outcome::exited(3)),
        ("kill -TERM $$", Outcome::Failed(Detail::Signalled(15))),
        ("kill -KILL $$", Outcome::Failed(Detail::Signalled(9))),
        ("exec >&- 2>&- <&-; sleep 0.1; exit 4", Outcome::exited(4)),
    ];
    for (lines, expected) in cases {
        let folder = tempdir().unwrap();
        let stop = CancellationToken::new();
        let (performed, _) = perform(shell(lines), folder.path(), &stop).await;
        assert_eq!(performed.outcome, expected, "{lines}");
        assert!(performed.duration > Duration::ZERO);
    }
}

#[tokio::test]
async fn a_time_limit_ends_the_whole_group_even_if_it_ignores_being_asked() {
    let folder = tempdir().unwrap();
    // The grandchildren hold the pipes.
    let lines = "trap '' TERM; sleep 1000 & (sleep 1000 & sleep 1000) & echo begun; sleep 1000";
    let limit = Duration::from_millis(700);
    let job = limited(shell(lines), Some(limit), SHORT);
    let (performed, identity) = perform(job, folder.path(), &CancellationToken::new()).await;
    assert_eq!(performed.outcome, Outcome::TimedOut(limit));
    assert!(performed.duration >= limit);
    assert!(!group_lives(identity.unwrap().pid));
    assert_gone(folder.path()).await;
}

#[tokio::test]
async fn a_script_that_keeps_to_its_limit_is_not_touched() {
    let folder = tempdir().unwrap();
    let job = limited(shell("echo done"), Some(LONG), SHORT);
    let (performed, _) = perform(job, folder.path(), &CancellationToken::new()).await;
    assert_eq!(performed.outcome, Outcome::exited(0));
    assert_eq!(performed.output, b"done\n");
}

#[tokio::test]
async fn a_stopped_script_is_interrupted_however_it_ends() {
    let interrupted = Outcome::Interrupted("the service stopped".into());
    // It is asked, tidies up and exits with 0: it may still be half done.
    // (A child that the shell has forked but not yet started would miss the signal: it says
    // itself that it is there.)
    let tidy = "trap 'echo tidied; exit 0' TERM; sh -c 'touch ready; exec sleep 1000' & wait";
    let begin = Instant::now();
    let (outcome, output) = stopped_when_ready(shell(tidy)).await;
    assert_eq!(
        (outcome, output.as_str()),
        (interrupted.clone(), "tidied\n")
    );
    assert!(begin.elapsed() < LONG, "its grace was waited out");
    // It does not listen.
    let deaf = "trap '' TERM; touch ready; sleep 1000";
    let (outcome, _) = stopped_when_ready(limited(shell(deaf), None, SHORT)).await;
    assert_eq!(outcome, interrupted);
    // The leader goes, a child does not.
    let orphan = "(trap '' TERM; touch ready; sleep 1000) & wait";
    let (outcome, _) = stopped_when_ready(limited(shell(orphan), None, SHORT)).await;
    assert_eq!(outcome, interrupted);
    // It is halted, and cannot listen before it goes on.
    let halted = "trap 'exit 0' TERM; (kill -STOP $$; touch ready; sleep 1000) & wait";
    let (outcome, _) = stopped_when_ready(shell(halted)).await;
    assert_eq!(outcome, interrupted);
}

#[tokio::test]
async fn an_attempt_that_comes_after_the_stop_is_not_started() {
    let folder = tempdir().unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    let (performed, identity) = perform(shell("touch ran"), folder.path(), &stop).await;
    assert_eq!(
        performed.outcome,
        Outcome::Interrupted("the service stopped".into())
    );
    assert_eq!(identity, None);
    assert!(!folder.path().join("ran").exists());
}

#[tokio::test]
async fn a_child_in_the_background_does_not_hold_up_the_end() {
    let folder = tempdir().unwrap();
    let lines = "sleep 1000 & echo $! > pid; echo done; exit 6";
    let (performed, _) = perform(shell(lines), folder.path(), &CancellationToken::new()).await;
    assert_eq!(performed.outcome, Outcome::exited(6));
    assert_eq!(performed.output, b"done\n");
    assert!(performed.duration < LONG);
    // It is left alone.
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    let status = std::process::Command::new("kill")
        .arg(pid.trim_end())
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn the_last_lines_of_a_child_that_ends_soon_after_are_kept() {
    let folder = tempdir().unwrap();
    // It writes once its leader has ended and was waited for. On a machine that is busy with other
    // things that may come too late; not every time.
    let lines = "(while kill -0 $$ 2> /dev/null; do :; done; sleep 0.05; echo last) \
                 & echo first";
    for _ in 0..50 {
        let (performed, _) = perform(shell(lines), folder.path(), &CancellationToken::new()).await;
        assert!(performed.output.starts_with(b"first\n"));
        if performed.output == b"first\nlast\n" {
            return;
        }
    }
    panic!("never kept");
}

#[tokio::test]
async fn an_event_that_is_never_read_neither_blocks_nor_fails() {
    let folder = tempdir().unwrap();
    let large = json!({"purpose": "p".repeat(1024 * 1024)});
    let cases = [
        // Neither reads nor waits; closes its input and goes on; never reads but lives a while.
        ("exit 0", 0),
        ("exec <&-; echo on; exit 2", 2),
        ("sleep 0.2; exit 3", 3),
    ];
    for (lines, status) in cases {
        let job = job(&["sh", "-c", lines], &[], &large);
        let (performed, _) = perform(job, folder.path(), &CancellationToken::new()).await;
        assert_eq!(performed.outcome, Outcome::exited(status), "{lines}");
    }
    // Fills its output before it reads.
    let lines = "head -c 1000000 /dev/zero; cat > event";
    let job = job(&["sh", "-c", lines], &[], &large);
    let event = job.order.event.to_json();
    let (performed, _) = perform(job, folder.path(), &CancellationToken::new()).await;
    assert_eq!(performed.outcome, Outcome::exited(0));
    let read = std::fs::read_to_string(folder.path().join("event")).unwrap();
    assert!(read == event);
}

#[tokio::test]
async fn dropping_the_future_kills_the_group() {
    let folder = tempdir().unwrap();
    let job = shell("sleep 1000 & echo $$ > pid; mv pid ready; sleep 1000");
    let (ready, stop) = (folder.path().join("ready"), CancellationToken::new());
    tokio::select! {
        _ = perform(job, folder.path(), &stop) => panic!("it ended"),
        () = until("ready", || ready.exists()) => {}
    }
    let group = std::fs::read_to_string(&ready)
        .unwrap()
        .trim_end()
        .parse()
        .unwrap();
    until("gone", || !group_lives(group)).await;
    assert_gone(folder.path()).await;
}

#[test]
fn a_script_without_room_for_a_process_is_known_by_its_words() {
    let cases = [
        ("script.sh: 3: Cannot fork\n", true),
        (
            "bash: fork: retry: Resource temporarily unavailable\n",
            true,
        ),
        (
            "sh: can't fork: Resource temporarily unavailable\nat the end\n",
            true,
        ),
        ("read: Resource temporarily unavailable\n", false),
        ("a fork in the road\n", false),
        ("", false),
    ];
    for (output, expected) in cases {
        let found = super::super::could_not_fork(output.as_bytes());
        assert_eq!(found, expected, "{output}");
    }
}
