//! What a script is given, and when it is not started.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::tempdir;
use tokio_util::sync::CancellationToken;

use super::{Job, job, perform, shell};
use crate::actions::Performed;
use crate::actions::tests::alone;
use crate::core::event::Event;
use crate::core::run::Outcome;

async fn outcome(job: Job) -> Outcome {
    let folder = tempdir().unwrap();
    perform(job, folder.path(), &CancellationToken::new())
        .await
        .0
        .outcome
}

fn not_started(outcome: Outcome) -> String {
    match outcome {
        Outcome::NotStarted(why) => why,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn values_arrive_as_single_arguments_bytes_for_bytes() {
    let folder = tempdir().unwrap();
    let values = [
        "$(touch x)",
        "`touch x`",
        "; touch x",
        "& touch x #",
        "| touch x",
        "> x",
        "a 'b' \"c\" \\d",
        "two\nlines\n",
        "-n",
        "--help",
        "%s %n",
        "*",
        "~",
        "",
        " ",
        "\u{1b}[31m\u{202e}é日👩‍🔧\u{7f}",
        &"v".repeat(100 * 1024),
    ];
    let names: Vec<String> = (0..values.len())
        .map(|place| format!("v.{place}"))
        .collect();
    let mut params: Vec<&str> = names.iter().map(String::as_str).collect();
    params.extend(["number", "none", "missing", "list"]);
    let job = job(
        &[
            "sh",
            "-c",
            r#"printf '%s\0' "$@" > arguments"#,
            "name",
            "fixed $HOME *",
        ],
        &params,
        &json!({"v": values, "number": 1.50, "none": null, "list": [1, {"a": "b c"}]}),
    );
    let (performed, _) = perform(job, folder.path(), &CancellationToken::new()).await;
    assert_eq!(performed.outcome, Outcome::exited(0));
    let mut expected = vec!["fixed $HOME *"];
    expected.extend(values);
    expected.extend(["1.5", "", "", r#"[1,{"a":"b c"}]"#]);
    let written = fs::read_to_string(folder.path().join("arguments")).unwrap();
    let written: Vec<&str> = written.strip_suffix('\0').unwrap().split('\0').collect();
    assert_eq!(written, expected);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn the_event_is_on_standard_input_and_the_run_in_the_environment() {
    let folder = tempdir().unwrap();
    let job = shell("cat > event; env > variables; pwd -P > folder");
    let event = job.order.event.to_json();
    let (performed, identity) = perform(job, folder.path(), &CancellationToken::new()).await;
    assert_eq!(performed.outcome, Outcome::exited(0));
    assert!(identity.unwrap().start_ticks > 0);
    let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("event"), event);
    assert_eq!(
        read("folder").trim_end(),
        folder.path().canonicalize().unwrap().to_str().unwrap()
    );
    let variables = read("variables");
    for expected in [
        "ESI_RULE=deploy",
        "ESI_EVENT_TYPE=esi_leap.lease.fulfill.end",
        "ESI_EVENT_ID=94e02d82",
        "ESI_RUN_ID=7",
        "ESI_ATTEMPT=2",
        &format!("ESI_JOURNAL={}", folder.path().display()),
        &format!("PATH={}", std::env::var("PATH").unwrap()),
    ] {
        assert!(
            variables.lines().any(|line| line == expected),
            "{expected}: {variables}"
        );
    }
}

#[tokio::test]
async fn what_leads_to_the_secrets_of_the_service_does_not_reach_a_script() {
    let name = "actions::script::tests::calls::\
                what_leads_to_the_secrets_of_the_service_does_not_reach_a_script";
    let secrets = [
        ("CREDENTIALS_DIRECTORY", "/run/secret-1"),
        ("NOTIFY_SOCKET", "/run/secret-2"),
        ("WATCHDOG_USEC", "secret-3"),
        ("LISTEN_FDS", "secret-4"),
    ];
    let harmless = [("ESI_TEST_HARMLESS", "passes on")];
    if !alone(name, &[&secrets[..], &harmless[..]].concat()) {
        return;
    }
    let folder = tempdir().unwrap();
    let (performed, _) = perform(shell("env"), folder.path(), &CancellationToken::new()).await;
    let variables = String::from_utf8(performed.output).unwrap();
    assert!(
        variables.contains("ESI_TEST_HARMLESS=passes on"),
        "{variables}"
    );
    assert!(!variables.contains("secret"), "{variables}");
}

#[tokio::test]
async fn only_what_the_operator_wrote_keeps_a_script_from_being_started() {
    let long = "v".repeat(200 * 1024);
    let with_id = |id: &str| {
        let mut job = shell("");
        let payload = job.order.event.payload.clone();
        job.order.event = Arc::new(Event::new(
            id.into(),
            "t".into(),
            "now".into(),
            None,
            payload,
        ));
        job
    };
    let with = |data: Value| job(&["true", "fixed"], &["id", "purpose"], &data);
    for job in [
        with(json!({"purpose": "a\0b"})),
        with(json!({"purpose": long, "id": "short"})),
        with_id("a\0"),
        with_id(&long),
    ] {
        assert_eq!(outcome(job).await, Outcome::exited(0));
    }
    let cases = [
        (
            job(&["true", "a", "b\0"], &[], &json!({})),
            "argument 2 of `script` holds a NUL character",
        ),
        (
            job(&["true", &long], &[], &json!({})),
            "the longest is argument 1 of `script` with 204800 bytes: correct `script`",
        ),
    ];
    for (job, part) in cases {
        let why = not_started(outcome(job).await);
        assert!(why.contains(part), "{why}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_run_is_refused_with_the_remedy() {
    let folder = tempdir().unwrap();
    let cases: [(&str, u32, &[u8], &str); 6] = [
        (
            "plain.sh",
            0o644,
            b"#!/bin/sh\n",
            "is not executable: run `chmod +x ",
        ),
        (
            "bare.sh",
            0o755,
            b"touch ran\n",
            "begin it with `#!/bin/sh`",
        ),
        ("empty.sh", 0o755, b"", "begin it with `#!/bin/sh`"),
        (
            "dos.sh",
            0o755,
            b"#!/bin/sh\r\ntrue\r\n",
            r"begins with `#!/bin/sh\r`, which cannot be run: save the file with Unix line ends",
        ),
        (
            "gone.sh",
            0o755,
            b"#! /no/such/python -u\n",
            "begins with `#!/no/such/python -u`, which cannot be run: correct its first line",
        ),
        (
            "missing.sh",
            0,
            b"",
            "does not exist: correct the path in `script`",
        ),
    ];
    for (name, mode, content, part) in cases {
        let path = folder.path().join(name);
        if mode != 0 {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let job = job(&[&format!("./{name}")], &[], &json!({}));
        let (performed, identity) = perform(job, folder.path(), &CancellationToken::new()).await;
        let why = not_started(performed.outcome);
        assert!(why.contains(part) && why.contains(name), "{name}: {why}");
        assert_eq!(identity, None);
    }
    assert!(!folder.path().join("ran").exists());
    let none = outcome(job(&["no-such-program"], &[], &json!({}))).await;
    assert!(not_started(none).contains("nor on PATH"));
    let gone = job(&["true"], &[], &json!({}));
    let gone = perform(gone, &folder.path().join("no"), &CancellationToken::new()).await;
    assert!(not_started(gone.0.outcome).contains("no is gone"));
}

#[tokio::test]
async fn a_file_that_is_just_being_written_is_waited_for() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("busy.sh");
    fs::write(&path, "#!/bin/sh\nexit 5\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let writing = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let stop = CancellationToken::new();
    let job = job(&["busy.sh"], &[], &json!({}));
    let closing = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        drop(writing);
    };
    let ((Performed { outcome, .. }, _), ()) =
        tokio::join!(perform(job, folder.path(), &stop), closing);
    assert_eq!(outcome, Outcome::exited(5));
}
