//! Whole passes with `client = native`: the program does what it does with the `openstack` program.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::cloud_api::{Asked, CloudApi, Fault, PASSWORD, TOKEN_PREFIX};
use crate::support::openstack::{lease_of, printed, row};
use crate::support::ordinary::Ordinary;
use crate::support::poller::Poller;
use crate::support::service::Service;
use crate::support::stage::{Stage, wait_until};

const ENDS: &str = "esi_leap.lease.fulfill.end";
const LEASE: &str = "00000000-0000-4000-8000-00000000000a";

/// What a rule may ask for and both clients know, a JSON object of a lease among it.
const RULE: &str = "events = esi_leap.lease.*\nscript = record.sh\nscript_params = event_id, \
                    event_time, node_name, node_uuid, purpose, properties, start_time, end_time, \
                    project_id, project, owner, resource_class, node_properties.cpus, lessee_id";

/// `poll` with the settings of this cloud, and none of the environment's.
fn polling(stage: &Stage, api: &CloudApi, arguments: &[&str]) -> Command {
    let clouds = api.clouds_yaml(&stage.path(""));
    let mut command = stage.program("poll");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("OS_")) {
            command.env_remove(name);
        }
    }
    command
        .args(["--cloud", "test"])
        .args(arguments)
        .env("OS_CLIENT_CONFIG_FILE", clouds)
        .env("OS_CLIENT_SECURE_FILE", stage.path("secure.yaml"));
    command
}

/// Polls to the end, which has to come with this exit code and without a secret.
fn poll(stage: &Stage, api: &CloudApi, arguments: &[&str], code: i32) -> Output {
    let output = polling(stage, api, arguments)
        .output()
        .expect("the program");
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    for secret in [PASSWORD, TOKEN_PREFIX] {
        assert!(!said.contains(secret), "{said}");
    }
    output
}

fn stage() -> Stage {
    let mut stage = Stage::new("client = native");
    stage.rule("r", RULE);
    stage
}

#[test]
fn scripts_run_as_with_the_openstack_program() {
    let mut by_program = Poller::new();
    by_program.rule("r", RULE);
    let stage = stage();
    let api = CloudApi::start();
    let Value::Array(rows) = printed("02-event-list-alice") else {
        panic!("rows")
    };
    by_program.openstack.rows(&rows);
    for capture in [
        "19-lease-show-full-deleted",
        "22-lease-show-claimed",
        "24-lease-show-expired",
        "25-lease-show-never-started",
    ] {
        let lease = printed(capture);
        let uuid = lease["uuid"].as_str().expect("a uuid");
        by_program.openstack.lease(uuid, lease.clone());
        api.lease(lease);
    }
    api.rows(rows);
    // Only of these leases: the others are not to be seen, which is another scenario.
    let known = ["0a01", "0a05"];
    by_program.pass(&["--from-start"]);
    poll(&stage, &api, &["--from-start"], 0);
    let of_known = |log: Vec<String>| -> Vec<String> {
        let mut lines: Vec<String> = log
            .into_iter()
            .filter(|line| known.iter().any(|node| line.contains(node)))
            .collect();
        lines.sort();
        lines
    };
    let (by_program, natively) = (of_known(by_program.log()), of_known(stage.log()));
    assert!(by_program.len() > 10, "{by_program:?}");
    assert_eq!(natively, by_program);
}

#[test]
fn a_pass_moves_the_cursor_and_the_next_one_asks_only_for_what_is_new() {
    let (stage, api) = (stage(), CloudApi::start());
    api.rows([row(7, ENDS, LEASE, "n")])
        .lease(lease_of(LEASE, "n"));
    poll(&stage, &api, &["--from-start"], 0);
    assert_eq!(stage.log().len(), 1);
    let asked = (api.seen(Asked::Events), api.seen(Asked::Lease));
    assert_eq!(asked, (1, 1));
    poll(&stage, &api, &[], 0);
    assert_eq!((api.seen(Asked::Lease), stage.log().len()), (1, 1));
    api.rows([row(8, ENDS, LEASE, "n")]);
    poll(&stage, &api, &[], 0);
    assert_eq!((api.seen(Asked::Lease), stage.log().len()), (2, 2));
}

#[test]
fn a_cloud_that_fails_moves_nothing_and_one_that_cannot_be_found_is_a_configuration_to_mend() {
    let (stage, api) = (stage(), CloudApi::start());
    api.rows([row(7, ENDS, LEASE, "n")])
        .lease(lease_of(LEASE, "n"));
    api.fault(Asked::Events, Fault::Status(500, "no database".into()));
    poll(&stage, &api, &["--from-start"], 75);
    assert!(stage.log().is_empty());
    poll(&stage, &api, &["--from-start"], 0);
    assert_eq!(stage.log().len(), 1);

    let output = polling(&stage, &api, &[])
        .env("OS_CLIENT_CONFIG_FILE", stage.path("absent.yaml"))
        .output()
        .expect("the program");
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("absent.yaml"), "{said}");
}

#[test]
fn without_threads_the_cloud_is_looked_for_again() {
    let (stage, api) = (stage(), CloudApi::start());
    api.rows([row(7, ENDS, LEASE, "n")])
        .lease(lease_of(LEASE, "n"));
    // Longer than a thread of the runtime's waits for work, which could look the host up.
    let command = polling(&stage, &api, &["--from-start", "--every", "12s"]);
    let settings = stage.path("clouds.yaml");
    let text = fs::read_to_string(&settings).expect("settings");
    fs::write(&settings, text.replace("127.0.0.1", "localhost")).expect("a file");
    let user = Ordinary::owning(&stage, 61_206);
    // So that there is no connection left when there is no room.
    api.fault(Asked::Token, Fault::Cut);
    let mut service = Service::start(&mut user.runs(&stage, &command));
    service.wait_for("the answer ends early");
    service.limit("nproc", "1");
    service.wait_for("Resource temporarily unavailable");
    assert!(service.is_alive());
    service.limit("nproc", "1000");
    wait_until("the run", || stage.log().len() == 1);
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn variables_win_over_the_file() {
    let stage = stage();
    let api = CloudApi::start();
    let with = |name: &str, value: &str| {
        let mut command = polling(&stage, &api, &["--from-now"]);
        // Nothing secret is left in files.
        fs::write(stage.path("secure.yaml"), "").expect("a file");
        let output = command.env(name, value).output().expect("the program");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains(PASSWORD), "{said}");
        (output.status.code(), said)
    };
    let (code, said) = with("OS_REGION_NAME", "");
    assert_eq!(code, Some(78), "{said}");
    assert!(
        said.contains("expected `password` of cloud `test`") && said.contains("`OS_PASSWORD`"),
        "{said}"
    );
    let (code, said) = with("OS_PASSWORD", PASSWORD);
    assert_eq!(code, Some(0), "{said}");

    // Another project is asked for, not silently that of the file.
    let mut command = polling(&stage, &api, &["--from-now"]);
    let output = command.env("OS_PROJECT_NAME", "other").output();
    let output = output.expect("the program");
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("secure.yaml, with `OS_PROJECT_NAME` over it"),
        "{said}"
    );
    let login = api.logins().pop().expect("a login");
    assert_eq!(login["auth"]["scope"]["project"]["name"], "other");
}

#[test]
fn clouds_yaml_in_the_current_folder_has_to_be_ours_alone() {
    use std::os::unix::fs::{PermissionsExt, chown};

    let stage = stage();
    let api = CloudApi::start();
    let file = stage.path("clouds.yaml");
    let poll_here = |mode: u32, code: i32, part: &str| {
        let mut command = polling(&stage, &api, &["--from-now"]);
        command
            .env_remove("OS_CLIENT_CONFIG_FILE")
            .env("HOME", stage.path("nobody"))
            .current_dir(stage.path(""));
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("permissions");
        let output = command.output().expect("the program");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(part), "no `{part}` in {said}");
    };
    poll_here(0o644, 0, "");
    poll_here(0o664, 78, "failed to read clouds.yaml: others may write to");
    // Only root can give a file away.
    if rustix::process::geteuid().is_root() {
        let mut command = polling(&stage, &api, &["--from-now"]);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("permissions");
        chown(&file, Some(4711), None).expect("another owner");
        let output = command
            .env_remove("OS_CLIENT_CONFIG_FILE")
            .env("HOME", stage.path("nobody"))
            .current_dir(stage.path(""))
            .output()
            .expect("the program");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("belongs to another user"), "{said}");
    }
}

#[test]
fn a_cloud_that_nothing_names_is_the_same_one_for_either_client() {
    let mut poller = Poller::new();
    poller.rule("r", RULE);
    let node = "00000000-0000-4000-8000-00000000000b";
    let api = CloudApi::start();
    let rows = [row(1, ENDS, LEASE, node), row(2, ENDS, LEASE, node)];
    poller.openstack.rows(&rows[..1]);
    poller.openstack.lease(LEASE, lease_of(LEASE, node));
    api.rows(rows.to_vec());
    api.lease(lease_of(LEASE, node));
    let clouds = api.clouds_yaml(&poller.path(""));
    let pass = |poller: &Poller, arguments: &[&str]| {
        let mut polling = poller.polling(arguments);
        polling
            .env("OS_CLIENT_CONFIG_FILE", &clouds)
            .env("OS_CLIENT_SECURE_FILE", poller.path("secure.yaml"));
        let output = polling.output().expect("the program");
        assert!(output.status.success(), "{output:?}");
    };
    pass(&poller, &["--from-start"]);
    poller.default("client = native");
    pass(&poller, &[]);
    let ran: Vec<Value> = poller
        .runs()
        .iter()
        .map(|run| run["event_id"].clone())
        .collect();
    assert_eq!(ran, ["1", "2"]);
    let status = poller.status();
    let [cloud] = &status[..] else {
        panic!("{status:?}")
    };
    assert_eq!(cloud["cloud"], "test");
}
