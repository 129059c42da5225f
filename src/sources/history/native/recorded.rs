//! What the real client made of each of the settings in `tests/data/clouds`, and what ours makes of
//! them: the same requests, or no request and a reason. There is no third possibility.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use reqwest::Url;
use serde_json::{Value, json};

use super::{Cloud, Variables, keystone, leap};

const CLOUD: &str = "http://cloud";

/// What the real client does and ours refuses, and why: because that one …
const REFUSED: &[(&str, &[&str])] = &[
    (
        "sends a name without its domain, which Keystone refuses",
        &[
            "OS_DEFAULT_DOMAIN without others",
            "OS_IDENTITY_API_VERSION 2",
            "identity_api_version 2 in the file",
            "all of OS_*, none named",
            "envvars with variables",
            "OS_CLOUD_NAME",
            "OS_* without domains",
            "OS_* with OS_DEFAULT_DOMAIN",
            "no domains",
            "default_domain beside auth",
            "auth_type token without project domain",
            "clouds.json",
            "no auth",
            "anchors and merge keys",
        ],
    ),
    (
        "logs in to no project of its own, and events are a project's",
        &[
            "OS_TRUST_ID without a project",
            "OS_SYSTEM_SCOPE without a project",
            "OS_* without project",
            "project_name empty beside",
            "no project",
            "domain scope",
            "trust",
            "system scope",
        ],
    ),
    (
        "tells Keystone the project of an application credential, which it refuses",
        &["application credential with a project"],
    ),
    (
        "takes a value for something else than what is written",
        &[
            "project_name null",
            "project_name null beside",
            "clouds.json with 1e3",
            "password 0123",
            "password 1.0",
            "password 1_000",
            "password 0x10",
            "password 1:30",
            "password 1.5e+3",
            "password yes",
            "password on",
            "password true",
            "password .5",
            "password 1.",
            "password .inf",
            "password +1",
            "password -0",
            "password 0b11",
            "project_name 0123",
            "project_name yes",
            "project_name 1.10",
            "project_name 2026-11-26",
            "the only cloud is named like a number",
            "a number as the name of another cloud",
            "OS_* with OS_INSECURE=1",
            "OS_* with OS_VERIFY=false",
        ],
    ),
    ("fills in placeholders", &["auth_url with a placeholder"]),
    (
        "takes the later of two that contradict each other, or several at once",
        &[
            "interface: null",
            "interface: [internal, public]",
            "lease_endpoint_type and lease_interface",
            "lease_interface and lease_endpoint_type",
            "the same key twice",
        ],
    ),
    (
        "passes over a file, or a profile, that it cannot read, and goes on with what is left",
        &[
            "secure.yaml broken",
            "OS_CLIENT_CONFIG_FILE that is not there",
            "broken, then another",
            "profile that is not there",
            "OS_* with OS_PROFILE=rack",
            "tab, then another file",
        ],
    ),
    (
        "tells tabs within quotation marks from others",
        &["tab within quotation marks"],
    ),
    (
        "opens the certificates only once it meets TLS",
        &["cacert: /nowhere.pem"],
    ),
];

/// What ours asks in another way than the real client, and why: because that one …
const ACCEPTED: &[(&str, &[&str])] = &[(
    "asks for an address that ESI Leap does not have: `/v1` or the slash twice",
    &["an endpoint with its version", "an endpoint with a slash"],
)];

fn recorded() -> (Value, Vec<Value>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/clouds/variants.json");
    let text = std::fs::read_to_string(path).unwrap();
    let mut recorded: Value = serde_json::from_str(&text).unwrap();
    let Value::Array(cases) = recorded["cases"].take() else {
        panic!("cases")
    };
    (recorded["catalog"].take(), cases)
}

fn texts(of: &Value) -> BTreeMap<String, String> {
    let pairs = of.as_object().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().replace("$CLOUD", CLOUD);
    pairs
        .map(|(name, value)| (name.clone(), text(value).replace("$HOME", "/h")))
        .collect()
}

/// What ours would send, in the form of the record.
fn ours(case: &Value, usual: &Value) -> Result<Value, String> {
    let files = texts(&case["files"]);
    let mut variables: Variables = texts(&case["environment"]);
    variables.insert("HOME".to_owned(), "/h".to_owned());
    let read = |path: &Path| {
        let name = path.strip_prefix("/h").map_or_else(
            |_| format!("work/{}", path.display()),
            |below| below.display().to_string(),
        );
        let found = files.get(&name).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    let cloud = Cloud::find(case["cloud"].as_str(), &variables, &read);
    let cloud = cloud.map_err(|problem| problem.to_string())?;
    if cloud.trust.ca_file.is_some() || cloud.trust.identity.is_some() {
        cloud
            .trust
            .client()
            .map_err(|problem| problem.to_string())?;
    }
    let catalog = case
        .get("catalog")
        .unwrap_or(usual)
        .to_string()
        .replace("$CLOUD", CLOUD);
    let catalog: Value = serde_json::from_str(&catalog).unwrap();
    let answer = json!({ "token": {
        "issued_at": "2026-11-21T08:00:00Z", "expires_at": "2026-11-21T09:00:00Z",
        "catalog": catalog,
    }});
    let token = keystone::read(
        Some(&"a-token".into()),
        answer.to_string().as_bytes(),
        &cloud,
        &[],
    )?;
    let events = leap::events_address(&token.leap, 0);
    let below = |url: &Url| url.as_str().replace(CLOUD, "");
    let login: Value = serde_json::from_slice(&keystone::request(&cloud)).unwrap();
    Ok(json!({
        "login": login, "keystone": below(&keystone::address(&cloud)), "events": below(&events),
    }))
}

#[test]
fn every_recorded_case_is_the_same_or_refused_for_a_reason() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (usual, cases) = recorded();
    let mut wrong = Vec::new();
    let names = |list: &[(&str, &[&'static str])]| -> Vec<&'static str> {
        list.iter()
            .flat_map(|(_, names)| names.iter().copied())
            .collect()
    };
    let (refused, accepted) = (names(REFUSED), names(ACCEPTED));
    let mut told = [&refused[..], &accepted].concat();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (client, ours) = (&case["client"], ours(&case, &usual));
        let right = match &ours {
            Ok(ours) => ours == client || accepted.contains(&name),
            Err(_) => client.get("error").is_some() || refused.contains(&name),
        };
        told.retain(|other| *other != name);
        if !right {
            wrong.push(format!("{name}:\n  client {client}\n  ours {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(told.is_empty(), "without a case: {told:?}");
}
