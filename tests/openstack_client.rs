//! The client that runs `openstack`: what it makes of answers and failures, and that nothing of it
//! is left.

mod endings;
mod environment;
mod stand_in;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use esi_event_actions::sources::history::record::Row;
use esi_event_actions::sources::history::{Client, ClientError, OpenstackClient};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::support::openstack::{At, Fault, Openstack, captured, lease_of, printed, row};
use crate::support::scene::{FULFILL, PATIENCE};

const LEASE: &str = "81347eb5-1a17-4689-9511-5005e5d1fb8c";
const OTHER: &str = "c83ded74-9e38-413a-ad2a-e2e140707e99";
const NODE: &str = "7a1c3c5e-0001-4f6e-9d53-1d9b1c6f0a01";

/// A stand-in, its folder, and a client that runs it.
fn stage() -> (TempDir, Openstack, OpenstackClient) {
    let folder = tempdir().expect("a folder");
    let openstack = Openstack::new(folder.path());
    let command = shlex::split(&openstack.command()).expect("words");
    let client = OpenstackClient::new(Path::new("/"), command, None, PATIENCE);
    (folder, openstack, client)
}

/// Runs this instead of the stand-in.
fn client(folder: &Path, command: &[&str]) -> OpenstackClient {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    OpenstackClient::new(folder, command, None, PATIENCE)
}

fn rows_of(listed: &Value) -> Vec<Row> {
    serde_json::from_value(listed.clone()).expect("rows")
}

fn failure<T: std::fmt::Debug>(answered: Result<T, ClientError>) -> String {
    match answered {
        Err(ClientError::Failed(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rows_come_as_the_program_prints_them() {
    let (_folder, openstack, client) = stage();
    assert_eq!(client.events(0).await, Ok(vec![]));
    for name in ["01-event-list-admin", "02-event-list-alice"] {
        let listed = printed(name);
        openstack.rows(listed.as_array().expect("rows"));
        let expected = rows_of(&listed);
        assert_eq!(client.events(0).await.as_ref(), Ok(&expected), "{name}");
        let later: Vec<Row> = expected.into_iter().filter(|row| row.id > 11).collect();
        assert_eq!(client.events(11).await, Ok(later), "{name}");
        assert_eq!(client.events(99).await, Ok(vec![]), "{name}");
    }
}

#[tokio::test]
async fn a_lease_comes_or_is_not_shown() {
    let (_folder, openstack, client) = stage();
    let lease = lease_of(LEASE, NODE);
    openstack.lease(LEASE, lease.clone());
    openstack.deny(OTHER);
    assert_eq!(client.lease(LEASE).await.map(Value::from), Ok(lease));
    let refused = [
        (OTHER, "Access was denied to lease"),
        ("00000000-0000-4000-8000-000000000000", "'NoneType' object"),
        ("no-such-name", "Lease with name or uuid no-such-name not"),
    ];
    for (uuid, part) in refused {
        let refused = client.lease(uuid).await;
        assert!(
            matches!(&refused, Err(ClientError::NotShown(why)) if why.contains(part)),
            "{refused:?}"
        );
    }
    let asked = openstack.calls().len();
    assert!(matches!(
        client.lease("--help").await,
        Err(ClientError::NotShown(_))
    ));
    assert_eq!(openstack.calls().len(), asked);
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure_that_says_why() {
    let (_folder, openstack, client) = stage();
    openstack.rows(&[row(1, FULFILL, LEASE, NODE), row(2, FULFILL, OTHER, NODE)]);
    openstack.lease(LEASE, lease_of(LEASE, NODE));
    let cases = [
        (
            Fault::captured("34-bad-password"),
            "ended with exit status 1; it wrote on standard error: The request you have made",
        ),
        (
            Fault::captured("35-keystone-down"),
            r"from URL.\nUnable to establish connection to http://127.0.0.1:1/v3/auth/tokens",
        ),
        (
            Fault::Exit(70, String::new()),
            "exit status 70; it wrote nothing",
        ),
        (Fault::Prints("hello\n".into()), "near `hello`"),
        (Fault::Prints(String::new()), "but it is empty"),
        (Fault::Prints("7\n".into()), "invalid type: integer `7`"),
        (Fault::Cut, "EOF while parsing"),
    ];
    for (fault, part) in cases {
        openstack.fault(At::Events, fault.clone());
        let why = failure(client.events(0).await);
        assert!(why.contains(part), "{why}");
        assert!(
            why.contains("/openstack esi event list --last-event-id 0 --format json`"),
            "{why}"
        );
        openstack.fault(At::Lease(LEASE), fault);
        let why = failure(client.lease(LEASE).await);
        assert!(why.contains(part), "{why}");
    }
    openstack.mend(At::Events);
    openstack.mend(At::Lease(LEASE));
    assert_eq!(client.events(1).await.map(|rows| rows.len()), Ok(1));
    assert!(client.lease(LEASE).await.is_ok());
    openstack.lease(LEASE, lease_of(OTHER, NODE));
    let why = failure(client.lease(LEASE).await);
    assert!(
        why.contains(&format!("its \"uuid\" is \"{OTHER}\"")),
        "{why}"
    );
}

#[tokio::test]
async fn a_warning_does_not_spoil_an_answer() {
    let (_folder, openstack, client) = stage();
    openstack.rows(&[row(1, FULFILL, LEASE, NODE)]);
    openstack.fault(At::Events, Fault::Warns("deprecated\n".repeat(100_000)));
    assert_eq!(client.events(0).await.map(|rows| rows.len()), Ok(1));
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_reported_with_the_remedy() {
    let folder = tempdir().expect("a folder");
    let file = |name: &str, text: &str, mode| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permissions");
    };
    file("flat", "#!/bin/sh\n", 0o644);
    file("moved", "#!/nonexistent/venv/bin/python\n", 0o755);
    file("bare", "echo '[]'\n", 0o755);
    let cases = [
        (
            "no-such-openstack",
            "install python-openstackclient and python-esileapclient",
        ),
        (
            "./none",
            "install python-openstackclient and python-esileapclient",
        ),
        ("./flat", "make it executable"),
        (
            "./moved",
            "its first line names a program that does not exist",
        ),
        ("./bare", "look at `openstack_command`"),
        (".//", "make it executable"),
        ("a\0b", "look at `openstack_command`"),
    ];
    for (program, part) in cases {
        let why = failure(client(folder.path(), &[program]).events(0).await);
        assert!(why.starts_with("failed to start `"), "{why}");
        assert!(
            why.contains(part) && why.contains("openstack_command"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn a_hundred_thousand_rows_are_one_answer() {
    let (_folder, openstack, client) = stage();
    let rows: Vec<Value> = (1..=100_000)
        .map(|id| row(id, FULFILL, LEASE, NODE))
        .collect();
    openstack.rows(&rows);
    let answered = client.events(0).await.expect("rows");
    assert_eq!(answered, rows_of(&json!(rows)));
}
