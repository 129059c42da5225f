//! Requests become events; and what ansible-rulebook's alertmanager really does (`tests/data/eda/alertmanager.json`,
//! recorded): every case is the same, or listed here with the reason why ours differs.

use std::path::Path;

use super::*;
use crate::core::event::Key;
use crate::sources::tests::recorded::compare;

const FILE: &str = include_str!("../../../../tests/data/eda/alertmanager.json");

const NULL: &str = "null is no alert";
const NOT_500: &str = "what names no host is an alert all the same, and what cannot be read is the sender's fault: with a \
                       500, Alertmanager would send the whole group again for ever";
const SWITCH: &str = "a switch is `yes` or `no`, and means what it says";
const HOSTS: &str =
    "a host is told from its port in a URL and an address of IPv6, too; a list of hosts is a list";
const HOST_PATH: &str =
    "the host is that of the label `instance`; rules look at every other field themselves";
const SEPARATOR: &str = "paths are written as everywhere in the file: a key with a dot needs no other separator, and \
                         wildcards are those of JSONPath";
const BELOW: &str = "all below `path` is the source's own, the path itself too";
const NO_HEALTH: &str =
    "whether the service lives is told to systemd, not to whoever reaches the address";
const SECRETS: &str = "`Authorization` is a secret, and in no event";
const UNKNOWN: &str = "an option that there is not is a problem; `token_file` is one that there is";

/// The cases in which ours differs.
const DIFFERENT: &[(&str, &[u32])] = &[
    (NULL, &[8]),
    (NOT_500, &[12, 19, 20, 42, 43]),
    (SWITCH, &[5]),
    (HOSTS, &[17, 18, 21]),
    (HOST_PATH, &[23, 24, 25, 26, 28, 29, 30]),
    (SEPARATOR, &[35, 36]),
    (BELOW, &[48, 51, 52]),
    (NO_HEALTH, &[46]),
    (SECRETS, &[55]),
    (UNKNOWN, &[57]),
];

/// The options of a case in our words; what ours has no word for stays, and is a problem.
fn options(args: &Value, port: u16, _: &Path) -> String {
    let skip = args
        .get("skip_original_data")
        .is_some_and(|skip| *skip == true);
    let mut lines = vec![
        format!("listen = 127.0.0.1:{port}"),
        "auth = none".to_owned(),
        format!("whole = {}", if skip { "no" } else { "yes" }),
    ];
    for (name, value) in args.as_object().unwrap() {
        let text = value.as_str().unwrap_or_default();
        match name.as_str() {
            "host" | "port" | "skip_original_data" => {}
            "data_alerts_path" => lines.push(format!("alerts = {text}")),
            _ => lines.push(format!("{name} = {text}")),
        }
    }
    lines.join("\n")
}

#[tokio::test]
async fn what_ansible_rulebook_does_is_what_ours_does_or_listed() {
    compare(FILE, "alertmanager", options, DIFFERENT).await;
}

fn of(body: &Value, is_whole: bool) -> Result<Vec<Event>, Refusal> {
    let alerts = Alerts {
        name: "am".to_owned(),
        alerts: PayloadPath::parse("alerts").unwrap(),
        is_whole,
        key: KeyPath::default(),
    };
    let post = Post {
        body: body.to_string().into_bytes(),
        ..Post::default()
    };
    alerts.of(&post, Timestamp::UNIX_EPOCH)
}

#[test]
fn an_alert_is_the_same_event_until_it_ends_or_begins_again() {
    let alert = |status: &str, started: &str| {
        json!({"status": status, "startsAt": started, "endsAt": "x", "fingerprint": "c0ff",
               "labels": {"instance": "n1:9100"}})
    };
    let firing = alert("firing", "t1");
    let body = json!({"groupKey": "g", "alerts": [firing, alert("resolved", "t1"), alert("firing", "t2")]});
    let events = of(&body, true).unwrap();
    let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(
        ids[1..],
        ["c0ff@t1:firing", "c0ff@t1:resolved", "c0ff@t2:firing"]
    );
    let types: Vec<_> = events
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!(types[..2], ["am.group", "am.alert"]);
    assert_eq!(events[0].key(), Key::of_source("am", "g"));
    assert_eq!(events[1].key(), Key::of_source("am", "c0ff"));
    assert_eq!(events[1].payload["meta"]["hosts"], json!(["n1"]));
    // Sent again, it is known.
    let again = of(&body, true).unwrap();
    assert!(events.iter().zip(&again).all(|(one, two)| one.id == two.id));
    assert_eq!(of(&body, false).unwrap().len(), 3);
}

#[test]
fn an_alert_without_a_fingerprint_is_known_by_its_labels() {
    let alert = |labels: Value| json!({"alerts": [{"status": "firing", "startsAt": "t", "labels": labels}]});
    let id = |body: &Value| of(body, false).unwrap()[0].id.clone();
    let one = id(&alert(json!({"a": "1", "b": "2"})));
    assert_eq!(one, id(&alert(json!({"b": "2", "a": "1"}))));
    assert_ne!(one, id(&alert(json!({"a": "1", "b": "3"}))));
    // What does not say when it began is never the same.
    for alert in [
        json!({"labels": {"a": "1"}, "status": "firing"}),
        json!(5),
        json!({}),
    ] {
        let body = json!({"alerts": [alert]});
        assert_ne!(id(&body), id(&body));
    }
}

#[test]
fn a_request_without_alerts_is_refused_unless_the_whole_is_an_event() {
    for body in [json!({}), json!({"alerts": null}), json!(5), json!([])] {
        let refusal = of(&body, false).unwrap_err();
        assert!(
            refusal.why.contains("expected alerts at `alerts`"),
            "{}",
            refusal.why
        );
        assert_eq!(of(&body, true).unwrap().len(), 1);
    }
    assert_eq!(of(&json!({"alerts": []}), false).unwrap(), []);
}

#[test]
fn a_request_has_a_bounded_number_of_alerts() {
    let body = |number| json!({"alerts": vec![5; number]});
    assert_eq!(of(&body(MOST_ALERTS), false).unwrap().len(), MOST_ALERTS);
    let refusal = of(&body(MOST_ALERTS + 1), true).unwrap_err();
    assert_eq!(refusal.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn a_host_is_told_from_its_port() {
    let cases = [
        (json!("n1:9100"), vec!["n1"]),
        (json!("n1"), vec!["n1"]),
        (json!("[2001:db8::1]:9100"), vec!["2001:db8::1"]),
        (json!("2001:db8::1"), vec!["2001:db8::1"]),
        (
            json!("https://shop.example.com/health"),
            vec!["shop.example.com"],
        ),
        (json!("https://u:p@shop:8443?x"), vec!["shop"]),
        (json!(["a:1", "b:2", 5]), vec!["a", "b"]),
        (json!(""), vec![]),
        (json!(":9100"), vec![]),
        (json!(5), vec![]),
        (json!(null), vec![]),
        (json!({}), vec![]),
    ];
    for (instance, expected) in cases {
        assert_eq!(hosts(&json!({"labels": {"instance": instance}})), expected);
    }
    assert_eq!(hosts(&json!(5)), Vec::<&str>::new());
}
