//! Secrets in files: sent, and shown nowhere, even when the server sends them back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{outcomes, run_of, stage};
use crate::support::drained::secret;
use crate::support::http_server::{HttpServer, answer};
use crate::support::stage::Stage;

const TOKEN: &str = r#"t0k"en\SECRET/x"#;
pub(super) const HOOK: &str = "/hooks/HOOKSECRETabc/s%20econdSECRET?key=QUERYSECRET";
const PASSWORD: &str = "pass:wordSECRET";
const BASIC: &str = "YW5uOnBhc3M6d29yZFNFQ1JFVA==";

/// Everything that a server could send back of what a rule with a token sends.
fn of_token() -> String {
    format!(
        r#"{{"plain": {TOKEN}, "json": "t0k\"en\\SECRET\/x", "hex": "\u0074\u0030k\u0022en\u005CSECRET\u002fx",
"url": "t0k%22en%5CSECRET%2Fx", "header": "Bearer {TOKEN}""#
    )
}

/// The same of one with user and password.
fn of_basic() -> String {
    format!(r#"{{"basic": "{BASIC}", "header": "Basic {BASIC}", "password": "ann:{PASSWORD}""#)
}

/// The same of one whose address is a secret. It is cut in the middle of it.
pub(super) fn of_hook() -> String {
    format!(
        r#", "path": "{HOOK}", "part": "no hook HOOKSECRETabc", "decoded": "s econdSECRET", "query": "QUERYSECRET",
"again": "HOOKSECRET"#
    )
}

/// Nothing of a secret is in any file of the state, in any log, or in what any command shows.
pub(super) fn assert_silent(stage: &Stage) {
    let mut said = vec![];
    for arguments in [
        &["runs", "show", "1"][..],
        &["runs", "show", "1", "--format", "json"],
        &["runs", "list", "--format", "json"],
        &["check"],
        &["explain", &event_id(stage)],
        &["explain", &event_id(stage), "--format", "json"],
    ] {
        let output = stage.run(arguments);
        said.push((arguments.join(" "), [output.stdout, output.stderr].concat()));
    }
    let state = fs::read_dir(stage.state()).expect("the state");
    for file in state.map(|file| file.expect("a file").path()) {
        said.push((file.display().to_string(), fs::read(&file).expect("a file")));
    }
    for (what, bytes) in said {
        assert_nothing_told(&what, &bytes);
    }
}

pub(super) fn assert_nothing_told(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for trace in ["SECRET", &BASIC[4..20], "t0k"] {
        assert!(!text.contains(trace), "{what} tells {trace}: {text}");
    }
}

fn event_id(stage: &Stage) -> String {
    stage.runs()[0]["event_id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[test]
fn what_a_server_sends_back_of_a_secret_is_shown_nowhere() {
    let logins = [
        (
            "token_file",
            TOKEN.to_owned(),
            of_token(),
            format!("Bearer {TOKEN}"),
        ),
        (
            "basic_file",
            format!("ann:{PASSWORD}"),
            of_basic(),
            format!("Basic {BASIC}"),
        ),
    ];
    for status in ["200 OK", "400 Bad Request", "302 Found"] {
        for (option, text, echo, header) in &logins {
            let location = format!("Location: https://elsewhere.example{HOOK}");
            let echoed = format!("X-Echo: {header}");
            let body = format!("{echo}{}", of_hook());
            let server = HttpServer::start([answer(status, &[&location, &echoed], body)]);
            let stage = stage(&format!("url_file = hook\n{option} = login"));
            secret(&stage, "hook", &format!("{}{HOOK}\n", server.url()));
            secret(&stage, "login", &format!("{text}\nmore"));
            let output = stage
                .program("listen")
                .args(["-v", "--until-idle"])
                .output();
            let output = output.expect("the program");
            let received = &server.received()[0];
            assert_eq!(received.line, format!("POST {HOOK} HTTP/1.1"));
            assert_eq!(&received.headers["authorization"], header);
            assert_nothing_told("the log", &output.stderr);
            let shown = stage.run_detail(1).to_string();
            assert!(shown.contains("***"), "{shown}");
            assert_silent(&stage);
        }
    }
}

#[test]
fn a_file_that_is_missing_or_open_to_others_is_told() {
    let server = HttpServer::start([answer("200 OK", &[], "")]);
    let stage = stage(&format!("url = {}\ntoken_file = token", server.url()));
    let told = |stage: &Stage| {
        let output = stage.run(&["check"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    };
    let missing = told(&stage);
    assert!(
        missing.contains("token (`token_file`): No such file"),
        "{missing}"
    );
    let run = run_of(&stage);
    let outcome = outcomes(&run)[0];
    assert!(outcome.contains("not started: failed to read"), "{outcome}");
    assert!(outcome.contains("token (`token_file`)"), "{outcome}");

    secret(&stage, "token", "t");
    fs::set_permissions(stage.path(""), fs::Permissions::from_mode(0o755)).expect("permissions");
    let closed = told(&stage);
    assert!(!closed.contains("`token_file`"), "{closed}");
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(stage.path("token"), open).expect("permissions");
    let open = told(&stage);
    assert!(
        open.contains("every user of this machine can read the secret of `token_file`"),
        "{open}"
    );
}

#[test]
fn a_changed_secret_is_used_without_a_new_start() {
    let server = HttpServer::start([
        answer("503 Service Unavailable", &[], ""),
        answer("200 OK", &[], ""),
    ]);
    let stage = stage(&format!(
        "url = {}\ntoken_file = token\nretries = 1\nretry_delay = 2s",
        server.url()
    ));
    secret(&stage, "token", "former");
    let service = crate::support::service::Service::start(&mut stage.program("listen"));
    crate::support::stage::wait_until("the first", || !server.received().is_empty());
    secret(&stage, "token", "latter");
    crate::support::stage::wait_until("the second", || server.received().len() == 2);
    service.stop();
    let sent = server.received();
    let sent: Vec<_> = sent
        .iter()
        .map(|one| one.headers["authorization"].as_str())
        .collect();
    assert_eq!(sent, ["Bearer former", "Bearer latter"]);
}
