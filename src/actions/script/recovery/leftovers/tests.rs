//! Real processes, as a crash would leave them.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::tempdir;

use super::*;
use crate::os::process::{group_lives, identify};
use crate::os::tests::{LONG, until};

const SHORT: Duration = Duration::from_millis(100);

/// Some lines of shell in a group of their own, as a script is started.
fn start(lines: &str, folder: &Path, marks: &[(&str, &str)]) -> Child {
    Command::new("sh")
        .args(["-c", lines])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .envs(marks.iter().copied())
        .process_group(0)
        .spawn()
        .unwrap()
}

fn id(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}

fn open(run: RunId, leader: Option<ProcessIdentity>) -> Attempt {
    Attempt {
        run,
        number: 1,
        leader,
    }
}

async fn end_all(journal_name: &str, open: Vec<Attempt>, grace: Duration) -> Vec<Leftover> {
    let mut leftovers = Leftovers::of(journal_name, open).unwrap();
    leftovers.end(grace).await.unwrap()
}

async fn ready(folder: &Path) {
    until("ready", || folder.join("ready").exists()).await;
}

fn alive(pid: i32) -> bool {
    Status::of(pid).is_ok_and(|status| status.alive)
}

#[tokio::test]
async fn the_recorded_leader_and_its_group_are_ended() {
    let folder = tempdir().unwrap();
    // No mark; the child does not listen and outlives its leader.
    let lines = "(trap '' TERM; touch ready; sleep 1000) & wait";
    let mut leader = start(lines, folder.path(), &[]);
    ready(folder.path()).await;
    let attempt = open(7, Some(identify(id(&leader)).unwrap()));
    let ended = end_all("j", vec![attempt], SHORT).await;
    assert!(!group_lives(id(&leader)));
    assert!(ended.iter().all(|leftover| leftover.run == 7), "{ended:?}");
    let ending = |pid| {
        ended
            .iter()
            .find(|leftover| leftover.pid == pid)
            .unwrap()
            .ending
    };
    assert_eq!(ending(id(&leader)), Ending::Asked);
    assert!(
        ended
            .iter()
            .any(|leftover| leftover.ending == Ending::Forced)
    );
    leader.wait().unwrap();
}

#[tokio::test]
async fn marked_processes_are_ended_wherever_they_are() {
    let folder = tempdir().unwrap();
    let name = folder.path().display().to_string();
    let marks = [
        ("ESI_JOURNAL", name.as_str()),
        ("ESI_RUN_ID", "7"),
        ("ESI_ATTEMPT", "1"),
    ];
    // One in a session of its own, one in the group; their leader is gone, and was never recorded.
    let lines = "setsid sh -c 'echo $$ > far; touch ready; sleep 1000' & \
                 sleep 1000 & echo $! > near; exit 0";
    let mut leader = start(lines, folder.path(), &marks);
    leader.wait().unwrap();
    ready(folder.path()).await;
    let pid = |file| -> i32 {
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        text.trim_end().parse().unwrap()
    };
    let ended = end_all(&name, vec![open(6, None), open(7, None)], LONG).await;
    for pid in [pid("near"), pid("far")] {
        assert!(!alive(pid));
        let leftover = ended.iter().find(|leftover| leftover.pid == pid).unwrap();
        assert_eq!((leftover.run, leftover.ending), (7, Ending::Asked));
    }
}

#[tokio::test]
async fn nobody_else_is_touched() {
    let folder = tempdir().unwrap();
    let name = folder.path().display().to_string();
    let wait = "touch ready; exec sleep 1000";
    let marked = |journal, run, attempt| {
        let marks = [
            ("ESI_JOURNAL", journal),
            ("ESI_RUN_ID", run),
            ("ESI_ATTEMPT", attempt),
        ];
        start(wait, folder.path(), &marks)
    };
    let strangers = [
        start(wait, folder.path(), &[]),
        marked("other", "7", "1"),
        marked(&name, "8", "1"),
        // What an earlier attempt of the run has left on purpose.
        marked(&name, "7", "2"),
        marked(&name, "7", "11"),
        start(
            wait,
            folder.path(),
            &[("ESI_JOURNAL", &name), ("ESI_ATTEMPT", "1")],
        ),
        start(
            wait,
            folder.path(),
            &[("ESI_JOURNAL", &name), ("ESI_RUN_ID", "7")],
        ),
        start(
            wait,
            folder.path(),
            &[
                ("NOT_ESI_JOURNAL", &name),
                ("ESI_RUN_ID", "7"),
                ("ESI_ATTEMPT", "1"),
            ],
        ),
    ];
    ready(folder.path()).await;
    let recycled = |change: fn(&mut ProcessIdentity)| {
        let mut identity = identify(id(&strangers[0])).unwrap();
        change(&mut identity);
        open(7, Some(identity))
    };
    let attempts = [
        recycled(|identity| identity.start_ticks -= 1),
        recycled(|identity| identity.start_ticks += 1),
        recycled(|identity| identity.boot_id = "another boot".into()),
    ];
    let ended = end_all(&name, attempts.into(), SHORT).await;
    assert_eq!(ended, []);
    for mut stranger in strangers {
        assert!(alive(id(&stranger)));
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
