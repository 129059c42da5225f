//! Bodies that are no notification: kept with the reason, and the service goes on in little memory.

use std::fs;

use serde_json::Value;

use crate::support::captured::{self, Captured, Driver};
use crate::support::scene::{FULFILL, Scene, lease, notification};

fn bare() -> Captured {
    captured::first(Driver::Messaging, FULFILL).fresh()
}

/// Both forms of the same change.
fn both(edit: impl Fn(&mut serde_json::Map<String, Value>)) -> [Vec<u8>; 2] {
    [notification(FULFILL), bare()].map(|message| message.edited(&edit).body.into_bytes())
}

fn with_payload(text: &str) -> Vec<u8> {
    let marked = bare().edited(|notification| {
        notification["payload"] = "HERE".into();
    });
    marked.body.replace("\"HERE\"", text).into_bytes()
}

#[test]
fn whatever_is_no_notification_is_kept_with_its_reason_and_stops_nothing() {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    let mut bodies: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "it is empty"),
        (b"   ".to_vec(), "it is empty"),
        (b"not json".to_vec(), "begins with 'n'"),
        (b"{".to_vec(), "EOF"),
        (b"[]".to_vec(), "begins with '['"),
        (b"null".to_vec(), "begins with 'n'"),
        (b"{}".to_vec(), "`message_id`"),
        (b"{} {}".to_vec(), "trailing characters"),
        (b"\xff\xfe\x00".to_vec(), "byte 0"),
        (b"{\"message_id\": \"\xc3\x28\"}".to_vec(), "byte 16"),
        (vec![0; 100], "begins with '\\0'"),
        (deep("[", "]").into_bytes(), "begins with '['"),
        (
            format!("{{\"a\": {}}}", deep("[", "]")).into_bytes(),
            "`message_id`",
        ),
        (with_payload("null"), "`payload`"),
        (with_payload("{\"n\": 1e}"), "invalid number"),
        (
            br#"{"oslo.version": "2.0", "oslo.message": "{\"message_id\""}"#.to_vec(),
            "`oslo.message`",
        ),
        (
            br#"{"oslo.version": "2.0", "oslo.message": {}}"#.to_vec(),
            "expected a string",
        ),
        (
            br#"{"oslo.version": "2.0", "oslo.message": ""}"#.to_vec(),
            "it is empty",
        ),
        (
            br#"{"message_id": "1", "message_id": ""}"#.to_vec(),
            "`message_id`",
        ),
    ];
    for field in ["message_id", "event_type", "payload"] {
        let missing = both(|notification| drop(notification.shift_remove(field)));
        bodies.extend(missing.map(|body| (body, field)));
    }
    for field in ["message_id", "event_type", "timestamp", "publisher_id"] {
        for value in [Value::from(7), Value::from(vec!["x"]), true.into()] {
            let wrong = both(|notification| notification[field] = value.clone());
            bodies.extend(wrong.map(|body| (body, "expected a string")));
        }
    }
    let mut scene = Scene::new("bodies");
    scene.rule(
        "r",
        "events = *\nscript = record.sh\nscript_params = purpose",
    );
    let service = scene.listen();
    scene.publish_all(bodies.iter().map(|(body, _)| body));
    // Odd, but notifications: a rule can do something with them.
    for payload in ["7", "\"text\"", "[1]", "{}"] {
        scene.publish(with_payload(payload));
    }
    // For a node that none of the others names: its run would have to wait for them.
    scene.publish(lease("good", "another node"));
    let log = scene.wait_for_log(5);
    assert_eq!(log.iter().filter(|line| *line == "|").count(), 4, "{log:?}");
    assert!(log.contains(&"good|".to_owned()), "{log:?}");
    service.stop();

    assert_eq!(scene.waiting(), Some(0));
    let kept = scene.quarantined();
    assert_eq!(kept.len(), bodies.len());
    for (kept, (body, part)) in kept.iter().zip(&bodies) {
        let reason = kept["reason"].as_str().expect("a reason");
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert!(
            reason.contains(part),
            "no `{part}` in `{reason}` of {shown}"
        );
        assert!(reason.len() < 200, "{reason}");
        assert_eq!(kept["size"], body.len(), "{shown}");
        assert_eq!(kept["queue"], scene.queue);
    }
}

#[test]
fn no_value_of_a_tenant_keeps_a_script_from_running() {
    // Each as it stands in the text, and what a script gets of it.
    let cases = [
        ("NaN", ""),
        (r#""a\udfffb""#, "a�b"),
        (
            r#"{"$serde_json::private::Number": "12"}"#,
            r#"{"�serde_json::private::Number":"12"}"#,
        ),
        (
            r#"{"$serde_json::private::Number": "no", "a": 1}"#,
            r#"{"�serde_json::private::Number":"no","a":1}"#,
        ),
        (
            r#"{"\u0024serde_json::private::RawValue": "[1]"}"#,
            r#"{"�serde_json::private::RawValue":"[1]"}"#,
        ),
        (
            r#"[{"$serde_json::private::RawValue": {"b": 7}}]"#,
            r#"[{"�serde_json::private::RawValue":{"b":7}}]"#,
        ),
        (r#"{"a": 1, "b": 2, "a": 3}"#, r#"{"a":3,"b":2}"#),
    ];
    let mut scene = Scene::new("of-a-tenant");
    scene.script(
        "keep.sh",
        "cat >>stdin; printf '%s|%s\\n' \"$1\" \"$2\" >>\"$LOG\"",
    );
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = keep.sh\nscript_params = properties.odd,purpose"),
    );
    for (text, _) in cases {
        for message in [notification(FULFILL), bare()] {
            let properties = serde_json::json!({"odd": "MARK"});
            let message = message.fresh().with("properties", properties);
            let message = message.with("purpose", "test");
            // The notification is text within text in one of the forms.
            let within = serde_json::to_string(text).expect("JSON");
            let within = &within[1..within.len() - 1];
            let body = message.body.replace(r#"\"MARK\""#, within);
            scene.publish(body.replace("\"MARK\"", text));
        }
    }
    // Of a field that comes twice Python keeps the last.
    let twice = bare().with("purpose", "twice").body;
    scene.publish(twice.replacen('{', r#"{"message_id": "first", "event_type": null, "#, 1));
    scene.drain();

    assert!(scene.quarantined().is_empty(), "{:?}", scene.quarantined());
    let log = scene.log();
    assert_eq!(log.len(), 2 * cases.len() + 1);
    for (text, expected) in cases {
        let line = format!("{expected}|test");
        assert_eq!(
            log.iter().filter(|one| **one == line).count(),
            2,
            "{text}: {log:?}"
        );
    }
    // Standard input has the same, and the journal gives it back.
    let stdin = fs::read_to_string(scene.path("stdin")).expect("events");
    assert_eq!(
        stdin
            .matches(r#"{"�serde_json::private::Number":"12"}"#)
            .count(),
        2
    );
    let third = scene.run_detail(5);
    assert_eq!(
        third["event"]["payload"]["esi_leap_object.data"]["properties"]["odd"].to_string(),
        cases[2].1
    );
}

#[test]
fn large_bodies_are_kept_by_their_head_and_size_in_bounded_memory() {
    const SIZE: usize = 20 * 1024 * 1024;
    let mut scene = Scene::new("large");
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = record.sh\nscript_params = purpose"),
    );
    let service = scene.listen();
    for number in 0..5 {
        let mut body = match number {
            // One is a notification as any other, but for its size.
            0 => notification(FULFILL)
                .with("purpose", "x".repeat(SIZE))
                .body
                .into_bytes(),
            1 => b"[".repeat(SIZE),
            _ => format!("number {number} ").repeat(SIZE / 9).into_bytes(),
        };
        body.resize(SIZE, b' ');
        scene.publish(body);
    }
    scene.publish(notification(FULFILL).with("purpose", "good").body);
    assert_eq!(scene.wait_for_log(1), ["good|"]);
    let size = service.largest_size();
    assert!(size < 400, "{size} MiB");
    service.stop();

    let kept = scene.quarantined();
    assert_eq!(kept.len(), 5);
    for one in &kept {
        assert_eq!(one["size"], SIZE);
        let reason = one["reason"].as_str().expect("a reason");
        assert!(reason.contains("20971520"), "{reason}");
    }
    let output = scene.run(&["quarantine", "show", "3", "--format", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let body = shown["body"].as_str().expect("a body");
    assert!(body.starts_with("number 2 number 2 "));
    assert_eq!(body.len(), 64 * 1024);
    let journal: u64 = fs::read_dir(scene.state())
        .expect("a folder")
        .map(|entry| {
            entry
                .and_then(|entry| entry.metadata())
                .expect("a file")
                .len()
        })
        .sum();
    assert!(journal < 4 * 1024 * 1024, "{journal} bytes");

    let output = scene.run(&["quarantine", "retry", "3"]);
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains("only 65536 of its 20971520 bytes are kept"),
        "{printed}"
    );
    assert_eq!(scene.quarantined().len(), 5);
}
