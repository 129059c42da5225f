//! The password and the values of `_context_*` appear nowhere: not in what the program prints, not
//! in a file it keeps, not in anything that a script gets, not where other users can look.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Map, Value, json};

use crate::support::amqp::Declaration;
use crate::support::broker::Broker;
use crate::support::captured::{self, Captured, Driver};
use crate::support::scene::{DELETE, FULFILL, Scene, notification, program, wait_until};

/// What stands in the place of the user's token, and in parts of other fields.
const TOKEN: &str = "gAAAAATOKENSECRETbegins9f86d081884c7d659a2feaa0c55ad015TOKENSECRETends";

/// The broker's password. Some of it has to be escaped in a URL.
const PASSWORD: &str = "PASSWORDSECRET%/@:x";

/// Any of these is too much.
const TRACES: [&str; 4] = [
    "TOKENSECRET",
    "9f86d081884c",
    "a0c55ad015",
    "PASSWORDSECRET",
];

/// Keeps all that a script is given.
const KEEP: &str = r#"{
  cat
  tr '\0' '\n' <"/proc/$$/environ"
  tr '\0' '\n' <"/proc/$$/cmdline"
} >"given-$ESI_RUN_ID"
env
echo "$@""#;

fn assert_silent(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // Text in UTF-16 would hide it from the eye, not from a reader.
    let narrow = text.replace('\0', "");
    for trace in TRACES {
        for text in [text.as_ref(), &narrow] {
            let found = text.find(trace).map(|at| {
                let from = at.saturating_sub(100);
                String::from_utf8_lossy(&text.as_bytes()[from..(at + 40).min(text.len())])
            });
            assert!(
                found.is_none(),
                "{what} tells a secret: {}",
                found.unwrap_or_default()
            );
        }
    }
}

fn assert_output_silent(what: &str, output: &Output) {
    assert_silent(what, &output.stdout);
    assert_silent(what, &output.stderr);
}

/// Every file in the folder, and how many there are.
fn assert_folder_silent(folder: &Path) -> usize {
    let files = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("a file").path());
    let check = |file: std::path::PathBuf| {
        assert_silent(
            &file.display().to_string(),
            &fs::read(&file).expect("a file"),
        );
    };
    files.map(check).count()
}

/// What older oslo.messaging puts into a message, and what it might.
fn tell(notification: &mut Map<String, Value>) {
    notification.insert("_context_auth_token".into(), TOKEN.into());
    notification.insert(
        "_context_roles".into(),
        json!(["member", TOKEN, {"a": TOKEN}]),
    );
    notification.insert(
        "_context_service_catalog".into(),
        json!({"a": {"b": [TOKEN, "\"\\", TOKEN]}}),
    );
    notification.insert(
        "_context_quoted".into(),
        format!("a\"b\\\"{TOKEN}\\").into(),
    );
    notification["payload"]["_context_nested"] = TOKEN.into();
    notification["payload"]["esi_leap_object.data"]["_context_deep"] = json!({"x": TOKEN});
}

fn telling(driver: Driver, event_type: &str) -> Captured {
    captured::first(driver, event_type).fresh().edited(tell)
}

/// What an event of no use holds besides: cut, spoilt or hidden in every way.
fn malformed() -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for driver in Driver::ALL {
        let whole = telling(driver, FULFILL).body.into_bytes();
        let places = |text: &str| {
            let text = text.as_bytes();
            let found = whole.windows(text.len()).enumerate();
            found
                .filter(move |(_, window)| *window == text)
                .map(|(at, _)| at)
                .collect::<Vec<_>>()
        };
        // Cut within each token, behind its beginning and before its end; and within each key.
        for at in places("TOKENSECRETbegins")
            .into_iter()
            .chain(places("TOKENSECRETends"))
        {
            bodies.push(whole[..at + 12].to_vec());
        }
        for at in places("_context_") {
            bodies.extend([4, 9, 12].map(|more| whole[..at + more].to_vec()));
        }
        bodies.push(whole[..whole.len() - 1].to_vec());
        bodies.push(whole[1..].to_vec());
        bodies.push([&whole[..], b"\xff"].concat());
        bodies.push([&whole[..], b"{}"].concat());
        // One quotation mark is missing.
        let spoilt = |from: &str, to: &str| {
            let text = String::from_utf8(whole.clone()).expect("text");
            text.replace(from, to).into_bytes()
        };
        bodies.push(spoilt("\"payload", "payload"));
        bodies.push(spoilt("message_id", "message_ID"));
        if driver == Driver::MessagingV2 {
            bodies.push(spoilt("oslo.message", "OSLO.message"));
        }
        bodies.push(spoilt("\"", "'"));
        // Longer than what is kept, with the cut amid a token.
        let head = places("TOKENSECRETbegins")[0];
        let blanks = vec![b' '; 64 * 1024 - head - 12];
        bodies.push([&whole[..1], &blanks, &whole[1..head + 200]].concat());
        bodies.push([&whole[..], &vec![b' '; 5 * 1024 * 1024]].concat());
        let wide = String::from_utf8(whole).expect("text");
        bodies.push(wide.encode_utf16().flat_map(u16::to_le_bytes).collect());
        bodies.push(wide.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    bodies
}

/// A stage whose broker knows a user with [`PASSWORD`].
fn stage(broker: &Broker) -> Scene {
    broker.add_user("esi", PASSWORD);
    let mut scene = Scene::on(broker, "secrets");
    scene.replace("user", "esi");
    scene.replace("password", &PASSWORD.replace('%', "%%"));
    scene.script("keep.sh", KEEP);
    let filter = r#"filter_params = {"purpose": "(?:(a*)*)*\\1b(?=c)"}"#;
    scene.rule(
        "keep",
        &format!("events = {FULFILL}\nscript = keep.sh\nscript_params = $.*,purpose,properties"),
    );
    scene.rule(
        "runaway",
        &format!("events = {FULFILL}\nscript = keep.sh\n{filter}"),
    );
    scene.rule("refused", &format!("events = {FULFILL}\nscript = keep.sh\nfilter_params = {{\"$._context_deep\": \"x\", \"_context_deep.x\": 1}}"));
    scene
}

#[test]
fn neither_the_password_nor_a_token_appears_anywhere() {
    let broker = Broker::private();
    let mut scene = stage(&broker);
    scene.declare(Declaration::Transient);
    let service = scene.start(&["--verbose"]);
    service.wait_for("consuming queue");
    let malformed = malformed();
    scene.publish_all(&malformed);
    for driver in Driver::ALL {
        scene.publish(
            telling(driver, FULFILL)
                .with("purpose", "a".repeat(60))
                // The malformed ones hold the runs of theirs.
                .with("node_uuid", "another node")
                .body,
        );
        scene.publish(telling(driver, DELETE).body);
    }
    service.wait_for("no rule is for");
    wait_until("both runs", || scene.states() == ["succeeded", "succeeded"]);

    // While it runs: the write-ahead log is a file like the others, and processes can be looked at.
    for file in ["cmdline", "environ"] {
        let file = format!("/proc/{}/{file}", service.pid());
        assert_silent(&file, &fs::read(&file).expect("a process"));
    }
    assert!(assert_folder_silent(&scene.state()) > 2);
    let kept = scene.quarantined();
    assert!(kept.len() > malformed.len() / 2, "{}", kept.len());
    assert_commands_silent(&scene, &kept);
    assert_silent("the log", service.stop().as_bytes());
    assert_folder_silent(&scene.state());
    for run in scene.runs() {
        let given = scene.path(&format!("given-{}", run["id"]));
        let given = fs::read(given).expect("what the script got");
        assert!(given.len() > 1000);
        assert_silent("a script's input", &given);
    }

    // In the other form, and where it is wrong.
    let url = |password: &str, port: &str| {
        let mut text = password.to_owned();
        // As oslo.messaging wants it; and a `%` twice, as configparser does.
        for (raw, escaped) in [
            ('%', "%%25"),
            ('/', "%%2F"),
            ('@', "%%40"),
            (':', "%%3A"),
            (' ', "%%20"),
        ] {
            text = text.replace(raw, escaped);
        }
        format!("rabbit://esi:{text}@{}:{port}/", broker.host())
    };
    for option in ["user", "password", "host", "port", "vhost"] {
        scene.without(option);
    }
    scene.default(&format!(
        "transport_url = {}",
        url(PASSWORD, &broker.port().to_string())
    ));
    assert_output_silent("listen", &scene.drain());
    scene.replace(
        "transport_url",
        &url("wrong PASSWORDSECRET", &broker.port().to_string()),
    );
    let output = scene.run(&["listen", "--until-idle", "--verbose"]);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    assert_output_silent("listen with a wrong password", &output);
    assert_output_silent("check", &scene.run(&["check"]));
}

fn assert_commands_silent(scene: &Scene, kept: &[Value]) {
    let ids_of =
        |all: &[Value]| -> Vec<String> { all.iter().map(|one| one["id"].to_string()).collect() };
    let (ids, runs) = (ids_of(kept), ids_of(&scene.runs()));
    for format in ["table", "json"] {
        let mut commands = vec![vec!["runs", "list"], vec!["quarantine", "list"]];
        commands.extend(runs.iter().map(|id| vec!["runs", "show", id]));
        // Whatever is kept has been looked at in the journal's own files.
        let some = ids.iter().step_by(9);
        commands.extend(some.map(|id| vec!["quarantine", "show", id]));
        for mut command in commands {
            command.extend(["--format", format]);
            let output = scene.run(&command);
            assert!(output.status.success(), "{output:?}");
            assert_output_silent(&command.join(" "), &output);
        }
    }
    let mut retry = vec!["quarantine", "retry"];
    retry.extend(ids.iter().map(String::as_str));
    assert_output_silent("quarantine retry", &scene.run(&retry));
    assert_output_silent("check", &scene.run(&["check"]));
    let file = scene.path("notification");
    let file = file.to_str().expect("text");
    let mut bodies = malformed();
    bodies.extend(Driver::ALL.map(|driver| telling(driver, FULFILL).body.into_bytes()));
    for body in bodies {
        fs::write(file, &body).expect("a file");
        assert_output_silent("explain", &scene.run(&["explain", file]));
    }
}

#[test]
fn no_report_on_a_configuration_quotes_a_password() {
    let mut scene = Scene::new("secret-problems");
    scene.rule("r", &format!("events = {FULFILL}\nscript = record.sh"));
    let secret = "PASSWORDSECRET";
    let lines = [
        format!("transport_url = rabbit://esi:{secret}@host:port/"),
        format!("transport_url = rabbit://esi:{secret}@/"),
        format!("transport_url = amqp10://esi:{secret}@host/"),
        format!("transport_url = rabbit://esi:{secret}%%zz@host/"),
        format!(
            "transport_url = rabbit://esi:{secret}@host:5672,other:{secret}@host:x/v?ssl=maybe"
        ),
        format!("transport_url = esi:{secret}@host"),
        format!("transport_url = rabbit://esi:{secret}@host/%(nothing)s"),
        format!("password = {secret}%(nothing)s"),
        format!("password: <{secret}>"),
        format!("password = {secret}\npassword = {secret}"),
        format!("password\n  {secret}"),
        format!("password {secret}"),
        format!("pasword = {secret}"),
    ];
    for (number, line) in lines.iter().enumerate() {
        let text = format!(
            "[DEFAULT]\nqueues = q\nhost = 127.0.0.1\nuser = esi\nstate_dir = state\n{line}\n\
                            [r]\nevents = x\nscript = record.sh\n"
        );
        let file = scene.path(&format!("case-{number}.conf"));
        fs::write(&file, text).expect("a file");
        for command in [&["check"][..], &["listen", "--until-idle"]] {
            let output = Command::new(program())
                .args(command)
                .arg("--config")
                .arg(&file)
                .output()
                .expect("the program");
            assert!(!output.status.success(), "{line}: {output:?}");
            assert_output_silent(line, &output);
        }
    }
}

#[test]
fn what_is_blanked_in_quarantine_leaves_the_rest_as_it_was() {
    let mut scene = Scene::new("blanked");
    scene.rule("r", &format!("events = {FULFILL}\nscript = record.sh"));
    let message = notification(FULFILL).edited(tell);
    let broken = message.body.replace("message_id", "message_ID");
    scene.publish(&broken);
    scene.drain();
    let output = scene.run(&["quarantine", "show", "1", "--format", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let body = shown["body"].as_str().expect("a body");
    assert_silent("the quarantine", body.as_bytes());
    let envelope: Value = serde_json::from_str(body).expect("JSON still");
    let inner = envelope["oslo.message"].as_str().expect("text");
    let inner: Map<String, Value> = serde_json::from_str(inner).expect("JSON still");
    let sent = message.notification();
    assert_eq!(inner["message_ID"], message.message_id);
    assert_eq!(inner["_context_auth_token"], "[blanked]");
    for field in ["event_type", "publisher_id", "timestamp", "_unique_id"] {
        assert_eq!(inner[field], sent[field]);
    }
    let data = |fields: &Map<String, Value>| {
        let mut data = fields["payload"]["esi_leap_object.data"].clone();
        data["_context_deep"].take();
        data
    };
    assert_eq!(data(&inner), data(&sent));
}
