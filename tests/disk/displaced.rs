//! A journal that is deleted, moved, replaced or covered under a service; its lock, too; and file systems
//! that are not fit for one.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::{all_succeeded, attempts, scene};
use crate::support::broker::Reaper;
use crate::support::scene::{Scene, Service, lease, wait_until};
use crate::support::shim::Shim;
use crate::support::stage::Stage;

const WAITS: &str = "failed to accept deliveries in the journal";

fn is_refused(output: &Output, code: i32, said: &[&str]) {
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{printed}");
    for part in said.iter().chain(&["error: ", "hint: "]) {
        assert!(printed.contains(part), "no `{part}` in {printed}");
    }
}

/// A service on whose journal one run has succeeded, and another one runs until its gate opens.
fn busy(name: &str) -> (Scene, Service) {
    let scene = scene(name);
    let service = scene.listen();
    scene.publish(lease("first", "a"));
    all_succeeded(&scene, 1);
    scene.publish(lease("held", "b"));
    scene.wait_for_log(3);
    (scene, service)
}

/// Nothing is settled while the files are elsewhere, and nobody else gets the journal; when they are
/// back, all goes on, and nothing runs twice.
fn waits_for_its_files(name: &str, harm: impl FnOnce(&Stage), undo: impl FnOnce(&Stage)) {
    let (scene, service) = busy(name);
    harm(&scene);
    scene.publish(lease("later", "c"));
    service.wait_for(WAITS);
    fs::write(scene.path("gate"), "").expect("a gate");
    service.wait_for("failed to record an attempt in the journal");
    assert_eq!(scene.log().len(), 4, "nothing is started meanwhile");
    undo(&scene);
    all_succeeded(&scene, 3);
    assert_eq!(attempts(&scene), [1; 3]);
    service.stop();
}

fn aside(stage: &Stage) -> std::path::PathBuf {
    stage.path("aside")
}

#[test]
fn a_folder_that_is_moved_away_is_waited_for() {
    waits_for_its_files(
        "moved",
        |stage| fs::rename(stage.state(), aside(stage)).expect("a move"),
        |stage| fs::rename(aside(stage), stage.state()).expect("a move"),
    );
}

#[test]
fn a_database_that_is_replaced_is_waited_for() {
    let database = |stage: &Stage| stage.state().join("journal.sqlite");
    waits_for_its_files(
        "replaced",
        |stage| {
            let backup = stage.path("backup.sqlite");
            let made = stage.run(&["journal", "backup", backup.to_str().expect("UTF-8")]);
            assert!(made.status.success(), "{made:?}");
            fs::rename(database(stage), aside(stage)).expect("a move");
            fs::rename(backup, database(stage)).expect("a move");
            let refused = stage.run(&["listen", "--until-idle"]);
            is_refused(&refused, 75, &["in use by another service (process "]);
        },
        |stage| fs::rename(aside(stage), database(stage)).expect("a move"),
    );
}

#[test]
fn a_folder_that_is_covered_by_a_mount_is_waited_for() {
    let mount = |path: &Path| {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "tmpfs"])
            .arg(path)
            .output();
        mounted.is_ok_and(|output| output.status.success())
    };
    let trial = crate::support::stage::private_folder();
    let path = trial.path().to_str().expect("UTF-8");
    let reaper = Reaper::arm("umount -l \"$1\"", &[path]);
    if !mount(trial.path()) {
        // Only root can mount, and not everywhere.
        return;
    }
    drop(reaper);
    let mut cover = None;
    waits_for_its_files(
        "covered",
        |stage| {
            let state = stage.state();
            cover = Some(Reaper::arm(
                "umount -l \"$1\"",
                &[state.to_str().expect("UTF-8")],
            ));
            assert!(mount(&state));
        },
        |stage| {
            let state = stage.state();
            let uncovered = Command::new("umount").arg("-l").arg(state).status();
            assert!(uncovered.expect("umount").success());
        },
    );
}

#[test]
fn a_journal_that_is_deleted_takes_no_messages_with_it() {
    let (scene, service) = busy("deleted");
    fs::remove_dir_all(scene.state()).expect("the folder");
    scene.publish_all(["one", "two"].map(|purpose| lease(purpose, "c")));
    service.wait_for(WAITS);
    service.wait_for("was deleted or moved away while it is open");
    service.kill();
    wait_until("the messages to come back", || scene.waiting() == Some(2));
    fs::write(scene.path("gate"), "").expect("a gate");
    scene.drain();
    assert_eq!(scene.states(), ["succeeded"; 2]);
}

#[test]
fn a_service_whose_lock_is_removed_stays_the_only_one() {
    let (scene, service) = busy("lock-removed");
    let pid = service.pid();
    for what in ["removed", "replaced"] {
        fs::remove_file(scene.state().join("service.lock")).expect("the lock");
        if what == "replaced" {
            fs::write(scene.state().join("service.lock"), "").expect("a file");
        }
        let refused = scene.run(&["listen", "--until-idle"]);
        is_refused(&refused, 75, &[&format!("another service (process {pid})")]);
    }
    // Nor does one that finds the files in another folder.
    fs::create_dir(aside(&scene)).expect("a folder");
    for file in fs::read_dir(scene.state()).expect("the folder") {
        let file = file.expect("a file");
        fs::copy(file.path(), aside(&scene).join(file.file_name())).expect("a copy");
    }
    let copy = aside(&scene);
    let refused = scene.run(&["listen", "--state-dir", copy.to_str().expect("UTF-8")]);
    is_refused(
        &refused,
        75,
        &[&format!("(process {pid}), which opened it")],
    );
    fs::write(scene.path("gate"), "").expect("a gate");
    all_succeeded(&scene, 2);
    assert_eq!(attempts(&scene), [1; 2]);
    service.stop();
}

#[test]
fn a_file_system_without_locks_or_shared_memory_is_named() {
    let scene = scene("unfit");
    for (lacking, said) in [
        ("locks", "has no locks"),
        ("mmap", "has no memory that processes share"),
    ] {
        for errno in [37, 38, 95] {
            let shim = Shim::new(&scene);
            shim.lack(lacking, errno);
            let mut command = scene.program("listen");
            let output = shim.below(command.arg("--until-idle")).output();
            let output = output.expect("the program");
            is_refused(
                &output,
                78,
                &[said, "the file system of ", "hint: set `state_dir`"],
            );
            drop(fs::remove_dir_all(scene.state()));
            drop(fs::remove_dir_all(scene.path("shim")));
        }
    }
}
