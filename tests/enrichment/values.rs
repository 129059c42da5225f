//! What tenants write into a lease, or a stranger into a row: it reaches a script as it is, one
//! argument each, as far as a process can take it.

use std::fs;

use serde_json::{Map, Value};

use crate::support::history::{event, lease, node, outcomes, show};
use crate::support::openstack::{lease_of, printed, row};
use crate::support::poller::Poller;
use crate::support::scene::FULFILL;

/// Writes each argument into a file of its own, by its number from 0.
const KEEP: &str = r#"number=0
for argument in "$@"; do
  printf %s "$argument" >"kept-$number"
  number=$((number + 1))
done
echo "$ESI_EVENT_ID $#" >>"$LOG""#;

fn kept(poller: &Poller, number: usize) -> Vec<u8> {
    fs::read(poller.path(&format!("kept-{number}"))).expect("an argument")
}

#[test]
fn every_value_of_a_lease_is_one_argument_byte_for_byte() {
    let values = [
        "$(touch pwned)",
        "`touch pwned`",
        "; touch pwned #",
        "'; touch pwned; '",
        "it's \"quoted\" \\ back\\\\slashed \\n",
        "two\nlines\n",
        "\r\n\t \u{b} ",
        "--help",
        "",
        "*",
        "$HOME %s %(name)s a,b",
        "Grüße, שלום, 日本語, 👩‍🔧",
        "\u{1b}[2J\u{7}\u{7f}\u{9b}31m\u{202e}",
        "{\"a\": [1]}",
    ];
    let mut poller = Poller::new();
    poller.script("keep.sh", KEEP);
    let names: Vec<String> = (0..values.len())
        .map(|number| format!("properties.v{number}"))
        .collect();
    poller.rule(
        "keep",
        &format!(
            "events = {FULFILL}\nscript = keep.sh\nscript_params = {},purpose,node_name",
            names.join(",")
        ),
    );
    let named = values.iter().enumerate();
    let properties: Map<String, Value> = named
        .map(|(number, value)| (format!("v{number}"), (*value).into()))
        .collect();
    let mut shown = lease_of(&lease(1), &node(1));
    // A real one, with all that a shell would stumble over.
    let purpose = printed("20-lease-show-active-metachars")["purpose"].clone();
    shown["purpose"] = purpose.clone();
    shown["properties"] = properties.into();
    shown["resource"] = "node\n$(touch pwned)".into();
    poller.openstack.lease(&lease(1), shown);
    poller.openstack.rows(&[event(1, 1, 1)]);
    poller.pass(&["--from-start"]);

    assert_eq!(poller.log(), [format!("1 {}", values.len() + 2)]);
    let purpose = purpose.as_str().expect("text");
    let expected = values.into_iter().chain([purpose, "node\n$(touch pwned)"]);
    for (number, value) in expected.enumerate() {
        let argument = kept(&poller, number);
        assert_eq!(String::from_utf8_lossy(&argument), value, "{number}");
    }
    assert!(!poller.path("pwned").exists());
}

#[test]
fn a_nul_in_a_lease_costs_that_character() {
    let mut poller = Poller::new();
    poller.rule(
        "r",
        &format!("events = {FULFILL}\nscript = record.sh\nscript_params = event_id,purpose"),
    );
    let mut shown = lease_of(&lease(1), &node(1));
    shown["purpose"] = "a\0b".into();
    poller.openstack.lease(&lease(1), shown);
    show(&poller, 2, 1);
    poller.openstack.rows(&[event(1, 1, 1), event(2, 2, 1)]);
    poller.pass(&["--from-start"]);
    assert_eq!(poller.states(), ["succeeded", "succeeded"]);
    assert_eq!(poller.log(), ["1|a\u{fffd}b|", "2|test|"]);
}

#[test]
fn what_only_python_takes_for_json_costs_that_value_of_a_lease_alone() {
    let cases = [
        ("NaN", ""),
        (r#"["\ud800", -Infinity]"#, "[\"\u{fffd}\",null]"),
        (
            r#"{"$serde_json::private::Number": "12"}"#,
            "{\"\u{fffd}serde_json::private::Number\":\"12\"}",
        ),
    ];
    for (text, expected) in cases {
        let mut poller = Poller::new();
        poller.rule(
            "r",
            &format!(
                "events = {FULFILL}\nscript = record.sh\nscript_params = properties.odd,purpose"
            ),
        );
        let mut shown = lease_of(&lease(1), &node(1));
        shown["properties"] = serde_json::json!({"odd": "MARK"});
        poller.openstack.lease(&lease(1), shown);
        poller.openstack.in_leases("MARK", text);
        poller.openstack.rows(&[event(1, 1, 1)]);
        poller.pass(&["--from-start"]);
        assert_eq!(poller.log(), [format!("{expected}|test|")]);
    }
}

#[test]
fn a_row_that_names_no_lease_by_a_uuid_gives_the_client_no_option() {
    for odd in ["--help", "-f", "", "a\0b"] {
        let mut poller = Poller::new();
        for (rule, params) in [("row", "event_id"), ("full", "event_id,purpose")] {
            poller.rule(
                rule,
                &format!("events = {FULFILL}\nscript = record.sh {rule}\nscript_params = {params}"),
            );
        }
        show(&poller, 2, 2);
        poller
            .openstack
            .rows(&[row(1, FULFILL, odd, &node(1)), event(2, 2, 2)]);
        poller.pass(&["--from-start"]);
        assert_eq!(poller.leases_asked(), 1, "{odd:?}");
        let mut log = poller.log();
        log.sort();
        assert_eq!(log, ["full|2|test|", "row|1|", "row|2|"], "{odd:?}");
        let outcome = &outcomes(&poller, 2)[0];
        assert!(
            outcome.contains("cannot be the UUID of a lease"),
            "{outcome}"
        );
    }
}

#[test]
fn a_lease_s_name_with_spaces_and_quotes_is_one_word_for_the_client() {
    // Rows hold UUIDs; whatever else is there is asked for as it is.
    let odd = "it's $(touch pwned) \"x\"\n";
    let mut poller = Poller::new();
    poller.rule(
        "r",
        &format!("events = {FULFILL}\nscript = record.sh\nscript_params = purpose"),
    );
    poller.openstack.rows(&[row(1, FULFILL, odd, &node(1))]);
    poller.openstack.lease(odd, lease_of(odd, &node(1)));
    poller.pass(&["--from-start"]);
    assert_eq!(poller.log(), ["test|"]);
    let calls = poller.openstack.calls();
    assert_eq!(calls[1].argv[3], odd);
    assert!(!poller.path("pwned").exists());
}
