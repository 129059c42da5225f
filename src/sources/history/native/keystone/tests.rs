use std::io;

use super::*;

fn cloud(more: &[(&str, &str)]) -> Cloud {
    let base = [
        ("AUTH_URL", "https://keystone/identity"),
        ("USER_ID", "u"),
        ("PASSWORD", "hunter2"),
        ("PROJECT_ID", "p"),
    ];
    let variables = base
        .iter()
        .chain(more)
        .map(|(name, value)| (format!("OS_{name}"), (*value).to_owned()))
        .collect();
    Cloud::find(None, &variables, &|_| Err(io::ErrorKind::NotFound.into())).unwrap()
}

#[test]
fn a_login_is_asked_for_as_keystone_has_it() {
    let named = [
        ("USER_ID", ""),
        ("USERNAME", "n"),
        ("USER_DOMAIN_NAME", "ud"),
        ("PROJECT_ID", ""),
        ("PROJECT_NAME", "q"),
        ("PROJECT_DOMAIN_ID", "pd"),
    ];
    let credential = [
        ("AUTH_TYPE", "v3applicationcredential"),
        ("APPLICATION_CREDENTIAL_SECRET", "hunter2"),
    ];
    let by_id = [
        &credential[..],
        &[("APPLICATION_CREDENTIAL_ID", "c"), ("PROJECT_ID", "")],
    ]
    .concat();
    let by_name = [
        &credential[..],
        &[("APPLICATION_CREDENTIAL_NAME", "c"), ("PROJECT_ID", "")],
    ]
    .concat();
    let with_project = |user: Value, project: Value| {
        json!({ "auth": {
            "identity": { "methods": ["password"], "password": { "user": user } },
            "scope": { "project": project },
        }})
    };
    let without_scope = |shown: Value| {
        json!({ "auth": { "identity": {
            "methods": ["application_credential"], "application_credential": shown,
        }}})
    };
    let cases: [(&[_], _); 4] = [
        (
            &[],
            with_project(
                json!({"id": "u", "password": "hunter2"}),
                json!({"id": "p"}),
            ),
        ),
        (
            &named,
            with_project(
                json!({"name": "n", "domain": {"name": "ud"}, "password": "hunter2"}),
                json!({"name": "q", "domain": {"id": "pd"}}),
            ),
        ),
        (
            &by_id,
            without_scope(json!({"id": "c", "secret": "hunter2"})),
        ),
        (
            &by_name,
            without_scope(json!({"name": "c", "user": {"id": "u"}, "secret": "hunter2"})),
        ),
    ];
    for (more, expected) in cases {
        let cloud = cloud(more);
        let body: Value = serde_json::from_slice(&request(&cloud)).unwrap();
        assert_eq!(body, expected);
        assert_eq!(
            address(&cloud).as_str(),
            "https://keystone/identity/v3/auth/tokens"
        );
    }
}

fn answer(expires: &str, catalog: &Value) -> Vec<u8> {
    let token = json!({
        "issued_at": "2026-11-21T08:00:00.000000Z", "expires_at": expires, "catalog": catalog,
    });
    json!({ "token": token }).to_string().into_bytes()
}

fn leap_at(url: &str) -> Value {
    let endpoint = json!({"interface": "public", "region_id": "r1", "region": "r1", "url": url});
    json!([{"type": "lease", "name": "esi-leap", "endpoints": [endpoint]}])
}

#[test]
fn a_token_is_used_until_shortly_before_its_end() {
    let cases = [
        ("2026-11-21T09:00:00.000000Z", 3480),
        ("2026-11-21T08:04:00.000000Z", 120),
        ("2026-11-21T08:00:10.000000Z", 5),
        ("2026-11-21T08:00:00.000000Z", 0),
        ("2026-11-21T07:00:00.000000Z", 0),
    ];
    for (expires, seconds) in cases {
        let body = answer(expires, &leap_at("http://leap:7777"));
        let token = read(Some(&"gAAAA".into()), &body, &cloud(&[]), &[]).unwrap();
        assert_eq!(token.usable.as_secs(), seconds, "{expires}");
        assert_eq!(token.secret.expose_secret(), "gAAAA");
        assert!(!format!("{token:?}").contains("gAAAA"));
    }
}

#[test]
fn the_catalogue_leads_to_esi_leap() {
    let endpoint = |interface: &str, region: &str, url: &str| json!({"id": "x", "interface": interface, "region": region, "region_id": region, "url": url});
    let catalog = json!([
        {"type": "compute", "name": "nova", "endpoints": [endpoint("public", "r1", "http://nova")]},
        {"type": "lease", "name": "esi-leap", "endpoints": [
            endpoint("internal", "r1", "http://r1-internal:7777"),
            endpoint("public", "r1", "http://r1:7777/"),
            endpoint("public", "r2", "http://r2/leap/v1/"),
            endpoint("admin", "r2", "http://r2-admin/v1?x#y"),
            endpoint("admin", "r3", "leap:7777"),
        ]},
    ]);
    let body = answer("2026-11-21T09:00:00Z", &catalog);
    let cases: [(&[_], Result<&str, &[&str]>); 10] = [
        (&[], Ok("http://r1:7777/")),
        (&[("INTERFACE", "internal")], Ok("http://r1-internal:7777/")),
        (&[("REGION_NAME", "r2")], Ok("http://r2/leap")),
        (
            &[("REGION_NAME", "r2"), ("ENDPOINT_TYPE", "adminURL")],
            Ok("http://r2-admin/"),
        ),
        (
            &[("LEASE_ENDPOINT_OVERRIDE", "https://other/v1")],
            Ok("https://other/"),
        ),
        (&[("LEASE_SERVICE_NAME", "esi-leap")], Ok("http://r1:7777/")),
        (
            &[("LEASE_SERVICE_TYPE", "blazar")],
            Err(&["service of type `blazar` in the catalogue, but found compute, lease; "]),
        ),
        (
            &[("LEASE_SERVICE_NAME", "other")],
            Err(&[
                "of type `lease` and name `other`",
                "set `lease_endpoint_override`",
            ]),
        ),
        (
            &[("REGION_NAME", "r9")],
            Err(&[
                "the public endpoint of `lease` in region `r9`, but found admin in r2, admin in \
                 r3, internal in r1, public in r1, public in r2; correct",
            ]),
        ),
        (
            &[("REGION_NAME", "r3"), ("INTERFACE", "admin")],
            Err(&["as the admin in r3 endpoint of `lease`, but found something else"]),
        ),
    ];
    for (more, expected) in cases {
        let found = read(Some(&"t".into()), &body, &cloud(more), &[]).map(|token| token.leap);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.as_str(), expected),
            (Err(said), Err(parts)) => {
                for part in parts {
                    assert!(said.contains(part), "no `{part}` in {said}");
                }
            }
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }
    let none = answer("2026-11-21T09:00:00Z", &json!([]));
    let said = read(Some(&"t".into()), &none, &cloud(&[]), &[]).unwrap_err();
    assert!(
        said.contains("but found none; have ESI Leap registered"),
        "{said}"
    );
}

#[test]
fn what_is_not_a_token_is_reported() {
    let body = answer("2026-11-21T09:00:00Z", &leap_at("http://leap"));
    for header in [None, Some(SecretString::from(""))] {
        let said = read(header.as_ref(), &body, &cloud(&[]), &[]).unwrap_err();
        assert_eq!(
            said,
            "expected a token in the header `X-Subject-Token`, but found none"
        );
    }
    for (body, end) in [
        (&b"<html>"[..], "is no JSON: <html>"),
        (b"{}", "has something else"),
        (b"{\"token\": {", "the JSON ends early, after 11 bytes"),
    ] {
        let said = read(Some(&"t".into()), body, &cloud(&[]), &[]).unwrap_err();
        assert!(
            said.starts_with("expected a token in JSON, with `issued_at`"),
            "{said}"
        );
        assert!(said.ends_with(end), "{said}");
    }
}
