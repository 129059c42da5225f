//! Rights that are lost, and a state folder that is read-only from the beginning.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use super::{all_succeeded, scene};
use crate::support::history::history;
use crate::support::ordinary::Ordinary;
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Service, lease};
use crate::support::shim::{Refusal, Shim};
use crate::support::stage::Stage;

/// Takes away, or gives back, every right to these.
fn permit(paths: &[&Path], mode: u32) {
    for path in paths {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("permissions");
    }
}

fn is_refused(output: &Output, code: i32, said: &[&str]) {
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{printed}");
    for part in said.iter().chain(&["error: ", "hint: "]) {
        assert!(printed.contains(part), "no `{part}` in {printed}");
    }
}

/// Takes rights away from under a service, kills it, and starts others in vain, which have to say why.
/// With the rights, everything comes back.
fn rights_are_missed(stage: &Stage, user: &Ordinary, command: &dyn Fn() -> Command) {
    let (state, database) = (stage.state(), stage.state().join("journal.sqlite"));
    for (paths, said) in [(&[&*database][..], "journal.sqlite"), (&[&*state], "state")] {
        permit(paths, 0);
        let refused = user.runs(stage, &command()).output().expect("the program");
        is_refused(&refused, 1, &["ermission denied", said]);
        permit(&[&state], 0o700);
        permit(&[&database], 0o600);
    }
}

#[test]
fn rights_that_are_lost_stop_no_service_that_runs_and_are_named_to_the_next() {
    let scene = scene("rights");
    let user = Ordinary::owning(&scene, 61_201);
    let service = Service::start(&mut user.runs(&scene, &scene.program("listen")));
    service.wait_for(&format!("consuming queue {}", scene.queue));
    scene.publish(lease("one", "a"));
    scene.wait_for_log(2);
    // It has its files open: nothing changes for it.
    let (state, database) = (scene.state(), scene.state().join("journal.sqlite"));
    permit(&[&database, &state], 0);
    scene.publish(lease("two", "a"));
    scene.wait_for_log(4);
    permit(&[&state], 0o700);
    permit(&[&database], 0o600);
    all_succeeded(&scene, 2);
    service.kill();

    scene.publish(lease("three", "a"));
    rights_are_missed(&scene, &user, &|| {
        let mut command = scene.program("listen");
        command.arg("--until-idle");
        command
    });
    assert_eq!(scene.waiting(), Some(1));
    let output = user.runs(&scene, scene.program("listen").arg("--until-idle"));
    let output = { output }.output().expect("the program");
    assert!(output.status.success(), "{output:?}");
    all_succeeded(&scene, 3);
    assert_eq!(scene.log().len(), 6);
}

#[test]
fn a_poller_without_rights_asks_nothing_and_moves_nothing() {
    let poller = Poller::recording(FULFILL);
    history(&poller, [1], |id| id);
    poller.pass(&["--from-start"]);
    let user = Ordinary::owning(&poller, 61_202);
    history(&poller, 1..=2, |id| id);
    let calls = poller.openstack.calls().len();
    rights_are_missed(&poller, &user, &|| poller.polling(&[]));
    assert_eq!(poller.openstack.calls().len(), calls);
    assert_eq!(poller.cursor(), Some(1));
    poller.pass(&[]);
    assert_eq!(poller.cursor(), Some(2));
}

#[test]
fn a_state_folder_that_is_read_only_from_the_beginning_is_refused_for_now() {
    let scene = scene("read-only-start");
    scene.drain();
    scene.publish(lease("one", "a"));
    let shim = Shim::new(&scene);
    shim.refuse(Refusal::ReadOnly);
    let output = shim
        .below(scene.program("listen").arg("--until-idle"))
        .output();
    // 75: systemd tries again.
    is_refused(
        &output.expect("the program"),
        75,
        &["Read-only file system", "look at the space"],
    );
    assert_eq!(scene.waiting(), Some(1));
    shim.mend();
    scene.drain();
    assert_eq!(scene.log().len(), 2);
}
