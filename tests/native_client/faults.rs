//! What goes wrong on the way, in Keystone and in ESI Leap.

use super::*;

const LEASE: &str = "81347eb5-1a17-4689-9511-5005e5d1fb8c";

#[test]
fn a_fault_of_either_server_is_shown_and_passes() {
    let api = CloudApi::start();
    // So that each call asks for a token too.
    api.rows([row(1)]).token_life(Duration::ZERO);
    let ours = Ours::new(&api);
    let cases = [
        (
            Asked::Token,
            Fault::Status(
                500,
                r#"{"error": {"message": "An unexpected error"}}"#.into(),
            ),
            vec![
                "/identity/v3/auth/tokens: answers 500 Internal Server Error: An unexpected error",
            ],
        ),
        (
            Asked::Token,
            Fault::Status(503, "<h1>\u{1b}[31mtired</h1>".into()),
            vec!["answers 503 Service Unavailable: <h1>\\x1b[31mtired</h1>"],
        ),
        (
            Asked::Token,
            Fault::Text("<html>welcome".into()),
            vec!["expected a token in the header `X-Subject-Token`, but found none"],
        ),
        (
            Asked::Token,
            Fault::Cut,
            vec!["/auth/tokens: the answer ends early, after "],
        ),
        (
            Asked::Token,
            Fault::Elsewhere("https://elsewhere/v3".into()),
            vec![
                "answers 302 Found with a redirect to https://elsewhere/v3, which is not followed",
                "correct `auth_url`",
            ],
        ),
        (
            Asked::Events,
            Fault::Status(
                500,
                r#"{"faultstring": "no database", "faultcode": "Server"}"#.into(),
            ),
            vec!["/leap/v1/events?last_event_id=0: answers 500 Internal Server Error: no database"],
        ),
        (
            Asked::Events,
            Fault::Status(502, String::new()),
            vec!["answers 502 Bad Gateway: it says nothing more"],
        ),
        (
            Asked::Events,
            Fault::Status(400, r#"{"faultstring": "Invalid input"}"#.into()),
            vec!["answers 400 Bad Request: Invalid input"],
        ),
        (
            Asked::Events,
            Fault::Text("<html>welcome".into()),
            vec![
                "expected JSON with rows in `events`, but line 1, column 1 is no JSON: <html>welcome",
            ],
        ),
        (
            Asked::Events,
            Fault::Text(r#"{"events": [{"id": 1"#.into()),
            vec!["expected JSON with rows in `events`, but the JSON ends early, after 20 bytes"],
        ),
        (
            Asked::Events,
            Fault::Text(r#"{"events": [{"id": "one"}]}"#.into()),
            vec!["expected JSON with rows in `events`, but line 1, column 24 has something else"],
        ),
        (
            Asked::Events,
            Fault::Text("[]".into()),
            vec!["but line 1, column 2 has something else"],
        ),
        (
            Asked::Events,
            Fault::Cut,
            vec!["/events?last_event_id=0: the answer ends early, after "],
        ),
        (
            Asked::Events,
            Fault::Elsewhere("/login".into()),
            vec!["with a redirect to /login, which is not followed"],
        ),
    ];
    for (asked, fault, parts) in cases {
        api.fault(asked, fault);
        ours.assert_no_events(&parts);
        assert_eq!(ids(&ours.events(0).expect("rows")), [1]);
    }
}

#[test]
fn servers_that_repeat_secrets_give_nothing_away() {
    let api = CloudApi::start();
    let ours = Ours::new(&api);
    let body = json!({ "password": PASSWORD }).to_string();
    api.fault(Asked::Token, Fault::Status(400, body));
    ours.assert_no_events(&["answers 400 Bad Request: {\"password\":\"***\"}"]);
    let message = format!("Invalid input for field 'password': {PASSWORD}");
    let body = json!({ "error": { "message": message } }).to_string();
    api.fault(Asked::Token, Fault::Status(400, body));
    ours.assert_no_events(&["Invalid input for field 'password': ***"]);
    ours.events(0).expect("rows");
    let token = format!("{TOKEN_PREFIX}{}", api.logins().len());
    api.fault(
        Asked::Events,
        Fault::Status(500, format!("X-Auth-Token: {token}")),
    );
    ours.assert_no_events(&["X-Auth-Token: ***"]);
    api.fault(
        Asked::Events,
        Fault::Elsewhere(format!("/login?token={token}")),
    );
    ours.assert_no_events(&["with a redirect to /login?token=***"]);
}

#[test]
fn slow_answers_meet_the_limit_and_leave_nothing_behind() {
    let cases = [
        (
            Asked::Token,
            Fault::Hang,
            "/auth/tokens: no whole answer within 5s",
        ),
        (
            Asked::Token,
            Fault::Stall,
            "/auth/tokens: no whole answer within 5s",
        ),
        (
            Asked::Events,
            Fault::Hang,
            "/events?last_event_id=0: no whole answer within",
        ),
        (
            Asked::Events,
            Fault::Stall,
            "/events?last_event_id=0: no whole answer within",
        ),
    ];
    let limit = Duration::from_secs(5);
    std::thread::scope(|threads| {
        for (asked, fault, part) in cases {
            threads.spawn(move || {
                let api = CloudApi::start();
                api.rows([row(1)]).fault(asked, fault);
                let ours = Ours::with(&api, CloudApi::clouds_yaml, limit, |_| {});
                let ours = ours.expect("a client");
                ours.assert_no_events(&[part]);
                assert_eq!(ids(&ours.events(0).expect("rows")), [1]);
            });
        }
    });
}

#[test]
fn an_address_where_no_server_answers_is_reported() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let api = CloudApi::start();
    let to = |url: String| {
        move |folder: &Path| {
            let file = folder.join("clouds.yaml");
            let text = fs::read_to_string(&file).expect("a file");
            fs::write(&file, text.replace("http://127.0.0.1", &url)).expect("a file");
        }
    };
    let write = CloudApi::clouds_yaml;
    let change = to(format!("http://127.0.0.1:{port}/x"));
    let ours = Ours::with(&api, write, PATIENCE, change).expect("a client");
    ours.assert_no_events(&[
        &format!("http://127.0.0.1:{port}/x"),
        "no answer",
        "Connection refused",
    ]);
    let ours =
        Ours::with(&api, write, PATIENCE, to("http://host.invalid".into())).expect("a client");
    ours.assert_no_events(&["http://host.invalid:", "no answer", "dns error"]);
    assert_eq!(api.seen(Asked::Token), 0);
}

#[test]
fn a_catalogue_without_esi_leap_is_reported_with_what_it_has() {
    let api = CloudApi::start();
    api.service("reservation");
    Ours::new(&api).assert_no_events(&[
        "expected a service of type `lease` in the catalogue, but found identity, reservation",
        "set `lease_endpoint_override`",
    ]);
    assert_eq!(api.seen(Asked::Events), 0);
}

#[test]
fn what_esi_leap_says_of_a_lease_is_not_what_happens_on_the_way() {
    let api = CloudApi::start();
    let ours = Ours::new(&api);
    let of_lease = |status: u16, text: &str| {
        let body = json!({ "faultstring": text, "faultcode": "Client", "debuginfo": null });
        Fault::Status(status, body.to_string())
    };
    let not_shown = [
        (
            None,
            "answers 500 Internal Server Error: 'NoneType' object has no attribute 'owner_id'",
        ),
        (
            Some(of_lease(403, "Access was denied to lease x.")),
            "answers 403 Forbidden: Access was",
        ),
        (
            Some(of_lease(404, "Lease with name or uuid x not found.")),
            "answers 404 Not Found: Lease",
        ),
    ];
    for (fault, part) in not_shown {
        if let Some(fault) = fault {
            api.fault(Asked::Lease, fault);
        }
        match ours.lease(LEASE) {
            Err(ClientError::NotShown(said)) => assert_parts(&said, &[part, LEASE]),
            other => panic!("{other:?}"),
        }
    }
    let failed = [
        (
            Fault::Status(404, "<h1>Not Found</h1>".into()),
            "answers 404 Not Found: <h1>",
        ),
        (
            Fault::Status(500, "<h1>Oops</h1>".into()),
            "answers 500 Internal Server Error: <h1>",
        ),
        (
            of_lease(503, "later"),
            "answers 503 Service Unavailable: later",
        ),
        (
            Fault::Text("[]".into()),
            "expected a lease in JSON, but line 1, column 0 has something",
        ),
        (
            Fault::Text(r#"{"uuid": "other"}"#.into()),
            "but found another object",
        ),
        (
            Fault::Text("x".repeat(5 << 20)),
            "expected an answer of at most 4194304 bytes, but found",
        ),
    ];
    for (fault, part) in failed {
        api.fault(Asked::Lease, fault);
        match ours.lease(LEASE) {
            Err(ClientError::Failed(said)) => assert_parts(&said, &[part, LEASE]),
            other => panic!("{other:?}"),
        }
    }
    let asked = api.seen(Asked::Lease);
    match ours.lease("../events") {
        Err(ClientError::NotShown(said)) => {
            assert_eq!(said, "expected the UUID of a lease, but found `../events`");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(api.seen(Asked::Lease), asked);
}
