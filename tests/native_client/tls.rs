//! TLS: who is trusted, and what is said of whom not.

use super::*;

/// A client whose clouds.yaml has this instead of `cacert`.
fn instead_of_ca(api: &CloudApi, setting: Option<(&str, &Value)>) -> Result<Ours, CloudProblem> {
    let change = |folder: &Path| {
        let file = folder.join("clouds.yaml");
        let text = fs::read_to_string(&file).expect("a file");
        let mut clouds: Value = serde_json::from_str(&text).expect("JSON");
        let cloud = clouds["clouds"]["test"].as_object_mut().expect("a cloud");
        cloud.remove("cacert").expect("it was there");
        if let Some((key, value)) = setting {
            cloud.insert(key.to_owned(), value.clone());
        }
        fs::write(&file, clouds.to_string()).expect("a file");
    };
    Ours::with(api, CloudApi::clouds_yaml, PATIENCE, change)
}

#[test]
fn a_private_authority_is_trusted_if_it_is_named() {
    let api = CloudApi::start_with_tls();
    api.rows([row(1)]);
    assert_eq!(ids(&Ours::new(&api).events(0).expect("rows")), [1]);

    let stranger = instead_of_ca(&api, None).expect("a client");
    stranger.assert_no_events(&["https://localhost:", "UnknownIssuer", "; set `cacert` to"]);
    assert_eq!(api.seen(Asked::Token), 1);

    for (key, value) in [("verify", json!(false)), ("insecure", json!(true))] {
        let ours = instead_of_ca(&api, Some((key, &value))).expect("a client");
        assert_eq!(ids(&ours.events(0).expect("rows")), [1]);
    }
}

#[test]
fn a_port_of_the_other_kind_is_reported() {
    let api = CloudApi::start();
    let to_https = |folder: &Path| {
        let file = folder.join("clouds.yaml");
        let text = fs::read_to_string(&file).expect("a file");
        fs::write(&file, text.replace("http://", "https://")).expect("a file");
    };
    let ours = Ours::with(&api, CloudApi::clouds_yaml, PATIENCE, to_https);
    ours.expect("a client")
        .assert_no_events(&["one without TLS: try `http://`"]);
}

#[test]
fn files_that_cannot_be_used_are_reported_before_any_request() {
    let api = CloudApi::start_with_tls();
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let cases = [
        (
            "cacert",
            "/nowhere/ca.pem",
            "failed to read /nowhere/ca.pem (`cacert`): ",
        ),
        ("cacert", manifest, "Cargo.toml (`cacert`), but found none"),
        (
            "cert",
            "/nowhere/c.pem",
            "failed to read /nowhere/c.pem (`cert`): ",
        ),
        (
            "cert",
            manifest,
            "Cargo.toml (`cert`), but found something else",
        ),
    ];
    for (key, path, part) in cases {
        match instead_of_ca(&api, Some((key, &json!(path)))) {
            Err(problem) => assert_parts(&problem.message, &[part]),
            Ok(_) => panic!("{key} = {path} was taken"),
        }
    }
    assert_eq!(api.seen(Asked::Token), 0);
}
