//! The native client against a Keystone and an ESI Leap over real HTTP: logins, tokens, answers.

mod faults;
mod polling;
mod tls;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use esi_event_actions::sources::history::record::{Lease, Row};
use esi_event_actions::sources::history::{
    Client, ClientError, Cloud, CloudProblem, NativeClient, Variables,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::support::cloud_api::{
    Asked, CREDENTIAL_SECRET, CloudApi, Fault, PASSWORD, TOKEN_PREFIX,
};
use super::support::scene::PATIENCE;

/// A client of a cloud, with a runtime to ask in.
struct Ours {
    client: NativeClient,
    runtime: Runtime,
    _folder: TempDir,
}

impl Ours {
    fn new(api: &CloudApi) -> Self {
        Self::with(api, CloudApi::clouds_yaml, PATIENCE, |_| {}).expect("a client")
    }

    /// A client whose settings are in the files of a folder, with a time limit; `change` changes the
    /// folder once they are there.
    fn with(
        api: &CloudApi,
        write: fn(&CloudApi, &Path) -> PathBuf,
        limit: Duration,
        change: impl Fn(&Path),
    ) -> Result<Self, CloudProblem> {
        // The program does this as it starts; here every scenario may be the first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = TempDir::new().expect("a folder");
        let clouds = write(api, folder.path());
        change(folder.path());
        let text = |path: &Path| path.to_str().expect("a path").to_owned();
        let variables = Variables::from([
            ("OS_CLOUD".to_owned(), "test".to_owned()),
            ("OS_CLIENT_CONFIG_FILE".to_owned(), text(&clouds)),
            (
                "OS_CLIENT_SECURE_FILE".to_owned(),
                text(&folder.path().join("secure.yaml")),
            ),
        ]);
        let cloud = Cloud::find(None, &variables, &|path| fs::read_to_string(path))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Ok(Self {
            client: NativeClient::new(cloud, limit)?,
            runtime: runtime.expect("a runtime"),
            _folder: folder,
        })
    }

    fn events(&self, after: i64) -> Result<Vec<Row>, ClientError> {
        without_secrets(self.runtime.block_on(self.client.events(after)))
    }

    fn lease(&self, uuid: &str) -> Result<Lease, ClientError> {
        without_secrets(self.runtime.block_on(self.client.lease(uuid)))
    }

    /// What is said instead of events, which has these parts.
    #[track_caller]
    fn assert_no_events(&self, parts: &[&str]) {
        match self.events(0) {
            Err(ClientError::Failed(said)) => assert_parts(&said, parts),
            other => panic!("{other:?}"),
        }
    }
}

#[track_caller]
fn assert_parts(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
}

/// No error may show one, whatever went wrong.
fn without_secrets<T>(outcome: Result<T, ClientError>) -> Result<T, ClientError> {
    if let Err(error) = &outcome {
        let said = format!("{error} {error:?}");
        for secret in [PASSWORD, "battery", CREDENTIAL_SECRET, TOKEN_PREFIX] {
            assert!(!said.contains(secret), "{said}");
        }
        assert!(!said.contains(char::is_control), "{said:?}");
    }
    outcome
}

/// What the real `openstack` program printed.
fn printed(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/cli")
        .join(name);
    let call = fs::read_to_string(path).expect("a recorded call");
    let call: Value = serde_json::from_str(&call).expect("JSON");
    serde_json::from_str(call["stdout"].as_str().expect("output")).expect("JSON")
}

fn row(id: i64) -> Value {
    json!({
        "id": id, "event_type": "esi_leap.lease.fulfill.end",
        "event_time": "2026-11-21T08:50:12.245454", "object_type": "lease",
        "object_uuid": "81347eb5-1a17-4689-9511-5005e5d1fb8c", "resource_type": "ironic_node",
        "resource_uuid": "7a1c3c5e-0001-4f6e-9d53-1d9b1c6f0a01",
        "lessee_id": "33333333333343338333333333333333", "owner_id": null,
    })
}

fn ids(rows: &[Row]) -> Vec<i64> {
    rows.iter().map(|row| row.id).collect()
}

#[test]
fn rows_and_leases_are_those_that_the_program_prints() {
    let (rows, lease) = (
        printed("02-event-list-alice.json"),
        printed("19-lease-show-full-deleted.json"),
    );
    let api = CloudApi::start();
    api.rows(rows.as_array().expect("rows").clone());
    let mut of_api = lease.clone();
    of_api["some_later_field"] = json!(1);
    api.lease(of_api);

    let ours = Ours::new(&api);
    let found = ours.events(0).expect("rows");
    assert_eq!(serde_json::to_value(&found).expect("JSON"), rows);
    let uuid = lease["uuid"].as_str().expect("a uuid");
    assert_eq!(Value::Object(ours.lease(uuid).expect("a lease")), lease);
}

#[test]
fn only_later_rows_are_asked_for() {
    let api = CloudApi::start();
    api.rows([row(31), row(12), row(40)]);
    let ours = Ours::new(&api);
    assert_eq!(ids(&ours.events(12).expect("rows")), [31, 40]);
    assert!(ours.events(40).expect("rows").is_empty());
    assert_eq!(ids(&ours.events(0).expect("rows")), [31, 12, 40]);
}

#[test]
fn twenty_thousand_rows_come_in_one_answer() {
    let api = CloudApi::start();
    api.rows((1..=20_000).map(row));
    let found = Ours::new(&api).events(0).expect("rows");
    assert_eq!(ids(&found), (1..=20_000).collect::<Vec<_>>());
}

#[test]
fn a_token_serves_until_shortly_before_its_end() {
    let api = CloudApi::start();
    // One that has no life is not kept.
    api.token_life(Duration::ZERO);
    let ours = Ours::new(&api);
    for asked in 1..=2 {
        ours.events(0).expect("rows");
        assert_eq!(api.seen(Asked::Token), asked);
    }
    api.token_life(Duration::from_secs(3600));
    for asked in 3..=5 {
        ours.events(0).expect("rows");
        assert_eq!(
            (api.seen(Asked::Token), api.seen(Asked::Events)),
            (3, asked)
        );
    }
}

#[test]
fn many_calls_at_once_ask_for_one_token() {
    let api = CloudApi::start();
    let uuids: Vec<_> = (0..8).map(|number| format!("lease-{number}")).collect();
    for uuid in &uuids {
        api.lease(json!({ "uuid": uuid }));
    }
    let ours = Ours::new(&api);
    for tokens in [1, 2] {
        let calls = uuids.iter().map(|uuid| ours.client.lease(uuid));
        for (uuid, found) in uuids.iter().zip(ours.runtime.block_on(join_all(calls))) {
            assert_eq!(found.expect("a lease")["uuid"], json!(uuid));
        }
        assert_eq!(api.seen(Asked::Token), tokens);
        api.revoke_tokens();
    }
}

#[test]
fn a_kept_token_that_is_refused_is_replaced_once() {
    let api = CloudApi::start();
    api.rows([row(1)]);
    let ours = Ours::new(&api);
    ours.events(0).expect("rows");
    api.revoke_tokens();
    assert_eq!(ids(&ours.events(0).expect("rows")), [1]);
    assert_eq!((api.seen(Asked::Token), api.seen(Asked::Events)), (2, 3));

    // ESI Leap refuses the new one too.
    let refusal = || Fault::Status(401, "Authentication required".into());
    api.fault(Asked::Events, refusal())
        .fault(Asked::Events, refusal());
    ours.assert_no_events(&[
        "/leap/v1/events?last_event_id=0: answers 401",
        "Authentication required",
    ]);
    assert_eq!((api.seen(Asked::Token), api.seen(Asked::Events)), (3, 5));
    // One that has just been made need not be replaced.
    api.token_life(Duration::ZERO).revoke_tokens();
    ours.events(0).expect("rows");
    api.fault(Asked::Events, refusal());
    let before = (api.seen(Asked::Token), api.seen(Asked::Events));
    ours.assert_no_events(&["answers 401"]);
    let after = (api.seen(Asked::Token), api.seen(Asked::Events));
    assert_eq!(after, (before.0 + 1, before.1 + 1));
}

#[test]
fn an_application_credential_logs_in_without_a_scope() {
    let api = CloudApi::start();
    api.rows([row(1)]);
    let write = CloudApi::clouds_yaml_with_credential;
    let ours = Ours::with(&api, write, PATIENCE, |_| {}).expect("a client");
    assert_eq!(ids(&ours.events(0).expect("rows")), [1]);
    let login = &api.logins()[0]["auth"];
    assert_eq!(
        login["identity"]["methods"],
        json!(["application_credential"])
    );
    assert_eq!(login.get("scope"), None);
}

#[test]
fn a_wrong_secret_is_reported_with_the_place_of_the_settings() {
    let api = CloudApi::start();
    let wrong = |folder: &Path| {
        let file = folder.join("secure.yaml");
        let text = fs::read_to_string(&file)
            .expect("a file")
            .replace("horse", "mule");
        fs::write(file, text.replace("staple", "paper")).expect("a file");
    };
    let (password, credential) = (CloudApi::clouds_yaml, CloudApi::clouds_yaml_with_credential);
    let cases: [(fn(&_, &_) -> _, _); 2] = [
        (
            password,
            "check user, domains, project and password of cloud `test` in ",
        ),
        (
            credential,
            "if the application credential has expired, make a new one for cloud `test` in ",
        ),
    ];
    for (write, part) in cases {
        let ours = Ours::with(&api, write, PATIENCE, wrong).expect("a client");
        ours.assert_no_events(&[
            "/identity/v3/auth/tokens: Keystone refuses the login: The request you have made requires",
            part,
            "secure.yaml",
        ]);
    }
    assert_eq!(api.seen(Asked::Events), 0);
}

#[test]
fn no_debug_form_shows_a_secret() {
    let api = CloudApi::start();
    let ours = Ours::new(&api);
    ours.events(0).expect("rows");
    let shown = format!("{:?}", ours.client);
    assert!(
        shown.contains("NativeClient") && shown.contains("alice"),
        "{shown}"
    );
    assert!(
        !shown.contains("battery") && !shown.contains(TOKEN_PREFIX),
        "{shown}"
    );
}
