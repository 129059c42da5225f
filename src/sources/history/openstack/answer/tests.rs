//! Held against what the real program printed.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::*;

/// A call of the real program.
#[derive(Deserialize)]
struct Captured {
    args: Vec<String>,
    exit: i32,
    stdout: String,
    stderr: String,
}

fn captured(name: &str) -> Captured {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/cli")
        .join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|why| panic!("failed to read {}: {why}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn answer(name: &str) -> Answer {
    let Captured {
        args,
        exit,
        stdout,
        stderr,
    } = captured(name);
    Answer {
        call: format!("openstack {}", args.join(" ")),
        ..said(exit << 8, &stdout, &stderr)
    }
}

/// With the status as the kernel gives it.
fn said(status: i32, stdout: &str, stderr: &str) -> Answer {
    Answer {
        call: "openstack esi".into(),
        status: ExitStatus::from_raw(status),
        stdout: stdout.into(),
        stderr: stderr.into(),
        secrets: Secrets::of(&[], []),
    }
}

fn ids(answer: &Answer) -> Vec<i64> {
    answer.rows().unwrap().iter().map(|row| row.id).collect()
}

fn failure<T: std::fmt::Debug>(answered: Result<T, ClientError>) -> String {
    match answered {
        Err(ClientError::Failed(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn assert_parts(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn rows_are_taken_in_the_order_in_which_the_program_prints_them() {
    let alice: Vec<i64> = (1..=6).chain(13..=32).chain([11, 12]).collect();
    let cases = [
        ("01-event-list-admin", (1..=32).collect::<Vec<i64>>()),
        ("02-event-list-alice", alice.clone()),
        ("06-event-list-last-0", alice.clone()),
        ("10-event-list-last-negative", alice),
        ("08-event-list-last-top-empty", vec![]),
        ("09-event-list-last-beyond-empty", vec![]),
    ];
    for (name, expected) in cases {
        assert_eq!(ids(&answer(name)), expected, "{name}");
    }
    let mid = ids(&answer("07-event-list-last-mid"));
    assert_eq!(mid, ids(&answer("16-event-list-noindent")));
    let first = answer("01-event-list-admin").rows().unwrap().swap_remove(0);
    assert_eq!(first.event_type, "esi_leap.lease.fulfill.start");
    assert_eq!(first.lease(), Some("5fc788cb-694d-4851-8e49-1fe4afdf4b61"));
}

#[test]
fn a_lease_is_what_the_program_prints() {
    let cases = [
        "19-lease-show-full-deleted",
        "20-lease-show-active-metachars",
        "21-lease-show-active-dummy",
        "22-lease-show-claimed",
        "23-lease-show-sublease",
        "24-lease-show-expired",
        "25-lease-show-never-started",
    ];
    for name in cases {
        let uuid = &captured(name).args[3];
        let lease = answer(name).lease(uuid).unwrap();
        assert_eq!(lease["uuid"], uuid.as_str(), "{name}");
        assert_eq!(
            lease,
            answer(name).lease(&uuid.to_uppercase()).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn a_lease_that_is_not_shown_is_distinguished_from_a_failure() {
    let cases = [
        ("26-lease-show-unknown-uuid", "has no attribute 'owner_id'"),
        ("27-lease-show-not-a-uuid", "no-such-name not found."),
        (
            "28-lease-show-foreign-forbidden",
            "Access was denied to lease",
        ),
    ];
    for (name, end) in cases {
        let refused = answer(name).lease("any").unwrap_err();
        assert!(
            matches!(&refused, ClientError::NotShown(why)
                if why.starts_with("No Lease found for ") && why.contains(end)),
            "{name}: {refused:?}"
        );
        // Only of a lease can it be said.
        failure(answer(name).rows());
    }
    let warned = said(
        1 << 8,
        "",
        "Warning: old\nNo Lease found for x: \u{1b}[2J\n",
    );
    let expected = ClientError::NotShown(r"No Lease found for x: \x1b[2J".into());
    assert_eq!(warned.lease("x").unwrap_err(), expected);
    for name in ["34-bad-password", "35-keystone-down"] {
        failure(answer(name).lease("x"));
    }
}

#[test]
fn what_only_python_takes_for_json_costs_that_value_of_a_lease() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    for (value, expected) in [
        ("\"\\ud800\"", json!("\u{fffd}")),
        ("NaN", json!(null)),
        ("-Infinity", json!(null)),
        (
            "{\"$serde_json::private::Number\": \"12\"}",
            json!({"\u{fffd}serde_json::private::Number": "12"}),
        ),
    ] {
        let text = format!("{{\n  \"properties\": {value},\n  \"uuid\": \"x\"\n}}\n");
        let lease = said(0, &text, "").lease("x").unwrap();
        assert_eq!(lease["properties"], expected);
    }
    let text = format!("{{\n  \"properties\": {deep},\n  \"uuid\": \"x\"\n}}\n");
    assert_eq!(said(0, &text, "").lease("x").unwrap()["uuid"], "x");
}

#[test]
fn a_failure_names_the_call_its_end_and_what_it_said() {
    let cases = [
        (
            answer("34-bad-password"),
            &[
                "`openstack esi event list --format json` ended with exit status 1;",
                "it wrote on standard error: The request you have made requires authentication. \
                 (HTTP 401)",
            ] as &[&str],
        ),
        (
            answer("35-keystone-down"),
            &[r"version from URL.\nUnable to establish connection to http://127.0.0.1:1/v3"],
        ),
        (
            answer("11-event-list-last-not-a-number"),
            &["--last-event-id abc", "BadRequestException: 400:"],
        ),
        (answer("12-event-list-last-empty-string"), &["Value: ''"]),
        (
            said(9, "", "\n"),
            &["was ended by signal 9; it wrote nothing on"],
        ),
        (
            said(3 << 8, "[]\n", "\u{1b}]0;x\u{7}"),
            &["exit status 3", r"\x1b]0;x\x07"],
        ),
        (
            said(
                2 << 8,
                "",
                "openstack: 'esi event list' is not an openstack command. See 'openstack --help'.",
            ),
            &[
                "exit status 2",
                "help'.: install python-esileapclient beside",
            ],
        ),
    ];
    for (answer, parts) in cases {
        assert_parts(&failure(answer.rows()), parts);
    }
}

#[test]
fn other_than_rows_is_a_failure_that_says_what_was_found() {
    let list = captured("07-event-list-last-mid").stdout;
    let row = r#"{"ID": 1, "Event Type": "t", "Event Time": "t", "Object Type": "lease", "Object UUID": "u"}"#;
    let edited = |from: &str, to: &str| {
        assert!(row.contains(from));
        format!("[{}]", row.replace(from, to))
    };
    let table = captured("17-event-list-table").stdout;
    let value = captured("18-event-list-value").stdout;
    let cases: [(&str, &[&str]); 18] = [
        ("", &["but it is empty; it wrote nothing on standard error"]),
        (" \n", &["but it is empty"]),
        (&table, &["line 1 column 1, near `+----+-----"]),
        (&value, &["near `"]),
        (
            "<html>\u{1b}[31m</html>",
            &["line 1 column 1", r"near `<html>\x1b[31m</html>`"],
        ),
        ("hello\n[]\n", &[r"near `hello\n[]`"]),
        (
            "[]\nbye\n",
            &["trailing characters at line 2 column 1", r"near `[]\nbye`"],
        ),
        (
            "{}",
            &["invalid type: map, expected a sequence", "near `{}`"],
        ),
        ("null", &["invalid type: null"]),
        ("[1]", &["invalid type: integer `1`"]),
        ("[{}]", &["missing field `ID`"]),
        (&list[..list.len() - 3], &["EOF while parsing"]),
        (&list[..list.len() / 2], &["EOF while parsing"]),
        (
            &edited("\"ID\": 1", "\"ID\": \"1\""),
            &["invalid type: string"],
        ),
        (&edited("\"ID\": 1", "\"ID\": 1.5"), &["at line 1 column"]),
        (
            &edited("\"ID\": 1", "\"ID\": 0"),
            &["a row has the ID 0, which is not a positive"],
        ),
        (
            &edited("\"ID\": 1", "\"ID\": -7"),
            &["a row has the ID -7,"],
        ),
        (
            &edited("\"Event Type\"", "\"Type\""),
            &["missing field `Event Type`"],
        ),
    ];
    for (stdout, parts) in cases {
        let why = failure(said(0, stdout, "").rows());
        assert_parts(&why, parts);
        assert_parts(
            &why,
            &[
                "expected a JSON array of rows with \"ID\", \"Event Type\"",
                "on the standard output of `openstack esi`, but ",
                "neither a shell nor a wrapper",
            ],
        );
        assert!(why.len() < 1000, "{}: {why}", why.len());
    }
}

#[test]
fn other_than_the_lease_is_a_failure_that_says_what_was_found() {
    let shown = captured("19-lease-show-full-deleted").stdout;
    let cases: [(&str, &[&str]); 8] = [
        ("", &["but it is empty"]),
        ("[]\n", &["invalid type: sequence"]),
        ("+---+\n", &["near `+---+`"]),
        ("{}\n", &["but there is no \"uuid\" in it"]),
        ("{\n  \"uuid\": 7\n}\n", &["but its \"uuid\" is 7"]),
        (&shown, &["but its \"uuid\" is \"81347eb5-"]),
        (&shown[..shown.len() / 2], &["EOF while parsing"]),
        ("{\n  \"uuid\": \"x\"\n}\nbye\n", &["trailing characters"]),
    ];
    for (stdout, parts) in cases {
        let why = failure(said(0, stdout, "").lease("x"));
        assert_parts(&why, parts);
        assert_parts(
            &why,
            &["expected a JSON object with the lease's \"uuid\" on"],
        );
    }
}

#[test]
fn a_hostile_answer_is_shown_in_part_only() {
    let long = format!("[{{\"ID\": \"{}\"}}]", "\u{9b}x".repeat(100_000));
    let why = failure(said(0, &long, "").rows());
    assert!(why.len() < 2000, "{}", why.len());
    assert!(!why.contains(char::is_control), "{why}");
    let long = format!("{{\"uuid\": \"{}\"}}", "\u{202e}".repeat(100_000));
    let why = failure(said(0, &long, "").lease("x"));
    assert!(why.len() < 3000, "{}", why.len());
    assert!(!why.contains('\u{202e}'), "{why}");
}

#[test]
fn a_warning_beside_a_good_answer_is_no_failure() {
    let warned = said(0, "[]\n", "DeprecationWarning: old\n");
    assert_eq!(warned.rows().unwrap(), []);
}

#[test]
fn no_excerpt_holds_a_secret_nor_a_part_of_one() {
    let secret = "0123456789";
    for before in 0..2 * AROUND {
        let answer = Answer {
            secrets: Secrets::of(&[format!("OS_TOKEN={secret}")], []),
            ..said(0, &format!("x{}{secret}", " ".repeat(before)), "")
        };
        let why = failure(answer.rows());
        let around = why.split('`').nth(3).unwrap();
        assert!(around.starts_with('x'), "{why}");
        assert!(!around.contains(|c: char| c.is_ascii_digit()), "{why}");
    }
    let answer = Answer {
        secrets: Secrets::of(&[format!("OS_TOKEN={secret}")], []),
        ..said(0, &format!("[{:?}]", "x".repeat(190) + secret), "")
    };
    let why = failure(answer.rows());
    assert!(why.contains("xx*") && !why.contains("012"), "{why}");
}
