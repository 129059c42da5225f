//! However a call ends, nothing that was asked to go stays.

use std::time::Duration;

use super::*;
use crate::support::openstack::group_lives;
use crate::support::scene::wait_until;

/// Long enough for the program to hang, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(5);

async fn late(fault: Fault) {
    let (_folder, openstack, _) = stage();
    openstack.fault(At::Events, fault);
    let command = vec![openstack.program().display().to_string()];
    let client = OpenstackClient::new(Path::new("/"), command, None, LIMIT);
    let why = failure(client.events(3).await);
    assert!(
        why.contains(
            "--last-event-id 3 --format json` did not end within 5s, and was ended: check"
        ),
        "{why}"
    );
    let calls = openstack.calls();
    let [call] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert!(call.held && call.ended.is_none(), "{call:?}");
    assert!(!group_lives(call.pid));
}

#[tokio::test]
async fn a_call_that_hangs_is_ended_with_all_its_processes() {
    tokio::join!(
        late(Fault::Hang),
        late(Fault::HangDeaf),
        late(Fault::HangWithChild)
    );
}

#[tokio::test]
async fn a_call_that_is_no_longer_wanted_is_ended_with_all_its_processes() {
    for fault in [Fault::Gate, Fault::HangDeaf, Fault::HangWithChild] {
        let (_folder, openstack, client) = stage();
        openstack.fault(At::Leases, fault);
        let held = tokio::task::spawn_blocking(move || openstack.wait_for_held(1));
        let held = tokio::select! {
            answered = client.lease(LEASE) => panic!("{answered:?}"),
            held = held => held.expect("a call"),
        };
        wait_until("the end of the call", || !group_lives(held[0].pid));
    }
}

#[tokio::test]
async fn a_child_that_stays_does_not_hold_up_the_answer() {
    let (_folder, openstack, client) = stage();
    openstack.rows(&[row(1, FULFILL, LEASE, NODE)]);
    openstack.fault(At::Events, Fault::LeavesChild);
    assert_eq!(client.events(0).await.map(|rows| rows.len()), Ok(1));
    let call = openstack.calls().remove(0);
    assert!(group_lives(call.pid), "nobody held the output");
}

#[tokio::test]
async fn a_signal_is_reported() {
    let folder = tempdir().expect("a folder");
    let lines = "echo '[]'; echo out of memory >&2; kill -KILL $$";
    let why = failure(client(folder.path(), &["sh", "-c", lines]).events(0).await);
    assert!(
        why.contains("was ended by signal 9; it wrote on standard error: out of memory"),
        "{why}"
    );
}
