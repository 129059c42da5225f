//! What messages hold: null, numbers, objects, nothing, text for a shell, and no notification.

use serde_json::{Value, json};

use super::{NODE, lease, ran, recording};
use crate::support::captured::{self, Captured, Driver};
use crate::support::scene::{DELETE, FULFILL, Scene};

/// A rule that records node and purpose of what has the purpose `test`.
fn control(name: &str) -> Scene {
    recording(
        name,
        "script_params = node_name,purpose\nfilter_params = {\"purpose\": \"test\"}",
    )
}

/// What that rule logs for one message.
fn recorded() -> String {
    format!("{NODE}|test|")
}

/// The original: the same.
#[test]
fn ok() {
    let scene = control("ok");
    let log = ran(&scene, &[lease(FULFILL), lease(FULFILL), lease(FULFILL)]);
    assert_eq!(log, vec![recorded(); 3]);
}

/// The original: dead on the second message, `TypeError`, because `fulfill_time` is null.
#[test]
fn null_param() {
    let scene = recording("null-param", "script_params = node_name,fulfill_time");
    let known = || lease(FULFILL).with("fulfill_time", "2026-01-01T00:00:00Z");
    let log = ran(&scene, &[known(), lease(FULFILL), known()]);
    let at = format!("{NODE}|2026-01-01T00:00:00Z|");
    assert_eq!(log, [at.clone(), format!("{NODE}||"), at]);
}

/// The original: dead on the first message, `TypeError`. A null matches no pattern; `null` asks for
/// it.
#[test]
fn null_filter() {
    let mut scene = Scene::new("null-filter");
    for (name, expected) in [("known", "\"2026\""), ("any", "\"\""), ("null", "null")] {
        let options = format!(
            "events = {FULFILL}\nscript = record.sh {name}\nscript_params = uuid\n\
             filter_params = {{\"fulfill_time\": {expected}}}"
        );
        scene.rule(name, &options);
    }
    let message = |uuid: &str, time| lease(FULFILL).with("uuid", uuid).with("fulfill_time", time);
    let messages = [
        message("1", json!(null)),
        message("2", json!("2026-01-01T00:00:00Z")),
        message("3", json!(null)),
    ];
    let log = ran(&scene, &messages);
    assert_eq!(log, ["null|1|", "known|2|", "any|2|", "null|3|"]);
}

/// The original: dead on the first message, `TypeError`.
#[test]
fn int_param() {
    let scene = recording("int-param", "script_params = node_name,id");
    let log = ran(&scene, &[lease(FULFILL), lease(FULFILL).with("id", 70)]);
    assert_eq!(log, [format!("{NODE}|2|"), format!("{NODE}|70|")]);
}

/// The original: dead on the first message, `TypeError`.
#[test]
fn dict_param() {
    let scene = recording(
        "dict-param",
        "script_params = properties,properties.rack.tags",
    );
    let properties =
        r#"{"vendor":"foo","rack":{"row":3,"tags":["a","b"]},"city":"Zürich ✓","nothing":null}"#;
    let log = ran(
        &scene,
        &[lease(FULFILL), lease(FULFILL).with("properties", json!({}))],
    );
    assert_eq!(
        log,
        [format!("{properties}|[\"a\",\"b\"]|"), "{}||".to_owned()]
    );
}

/// The original: dead on the first message, `TypeError`.
#[test]
fn int_filter() {
    let mut scene = Scene::new("int-filter");
    for (name, expected) in [("text", "\"7\""), ("number", "7")] {
        let options = format!(
            "events = {FULFILL}\nscript = record.sh {name}\nscript_params = id\n\
             filter_params = {{\"id\": {expected}}}"
        );
        scene.rule(name, &options);
    }
    let messages = [
        lease(FULFILL),
        lease(FULFILL).with("id", 7),
        lease(FULFILL).with("id", 70),
    ];
    assert_eq!(ran(&scene, &messages), ["text|7|", "number|7|", "text|70|"]);
}

/// The original: dead on the second message, `KeyError: 'vendor'`.
#[test]
fn missing_filter_field() {
    let scene = recording(
        "missing-filter-field",
        "script_params = uuid\nfilter_params = {\"properties.vendor\": \"foo\"}",
    );
    let message = |uuid: &str| lease(FULFILL).with("uuid", uuid);
    let without = message("2").with("properties", json!({}));
    scene.publish_all([message("1"), without, message("3")].map(|message| message.body));
    let log = String::from_utf8(scene.drain().stderr).expect("text");
    assert_eq!(scene.log(), ["1|", "3|"]);
    let reason = "refused: properties.vendor should be text matching \"foo\", but is missing";
    assert_eq!(log.matches(reason).count(), 1, "{log}");
}

/// The original: dead on the first message, `KeyError: 'nope'`.
#[test]
fn missing_param_field() {
    let scene = recording("missing-param-field", "script_params = node_name,nope,id");
    assert_eq!(ran(&scene, &[lease(FULFILL)]), [format!("{NODE}||2|")]);
}

/// The original: dead on the first message, `KeyError: ''`.
#[test]
fn no_script_params() {
    let mut scene = Scene::new("no-script-params");
    scene.script("count.sh", r#"echo "$#" >>"$LOG""#);
    for (name, params) in [("none", ""), ("empty", "script_params =")] {
        let options = format!("events = {FULFILL}\nscript = count.sh\n{params}");
        scene.rule(name, &options);
    }
    assert_eq!(ran(&scene, &[lease(FULFILL)]), ["0", "0"]);
}

/// Between two good messages, one that the original died of: the two run now.
fn between_good_ones(name: &str, odd: impl AsRef<[u8]>) -> Scene {
    let scene = control(name);
    let (first, last) = (lease(FULFILL).body, lease(FULFILL).body);
    scene.publish_all([first.as_bytes(), odd.as_ref(), last.as_bytes()]);
    scene.drain();
    assert_eq!(scene.waiting(), Some(0));
    assert_eq!(scene.log()[0], recorded());
    assert_eq!(scene.log().last(), Some(&recorded()));
    scene
}

/// Between two good messages, one that is none: it is in quarantine, whole, for this reason.
fn quarantined(name: &str, body: &[u8], reason: &str) {
    let scene = between_good_ones(name, body);
    assert_eq!(scene.states(), ["succeeded"; 2]);
    let found = scene.quarantined();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["reason"], reason);
    assert_eq!(found[0]["size"], body.len());
    assert_eq!(found[0]["queue"], scene.queue);
    let id = found[0]["id"].to_string();
    let shown = scene.run(&["quarantine", "show", &id, "--format", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(shown["body"], String::from_utf8_lossy(body).as_ref());
}

/// A notification as Ironic sends them.
fn ironic() -> Captured {
    lease(FULFILL).edited(|notification| {
        notification["event_type"] = "baremetal.node.power_set.end".into();
        notification["payload"] = json!({
            "ironic_object.name": "NodeSetPowerStatePayload",
            "ironic_object.namespace": "ironic",
            "ironic_object.data": {"name": NODE, "to_power": "power on", "uuid": "7a1c"},
        });
    })
}

/// The original: dead on it, `KeyError: 'esi_leap_object.data'`, although no section named the event.
#[test]
fn other_payload() {
    let mut scene = between_good_ones("other-payload", ironic().body);
    assert_eq!(scene.log().len(), 2);
    assert_eq!(scene.quarantined(), Vec::<Value>::new());

    scene.rule(
        "power",
        "events = baremetal.node.power_set.*\nscript = record.sh\nscript_params = name,to_power",
    );
    scene.publish(ironic().body);
    scene.drain();
    assert_eq!(scene.log()[2..], [format!("{NODE}|power on|")]);
}

/// The original: dead on it, `JSONDecodeError`.
#[test]
fn malformed_json() {
    quarantined(
        "malformed-json",
        b"{not json",
        "expected a JSON object, but key must be a string at line 1 column 2, near `{not json`",
    );
}

/// The original: dead on it, `JSONDecodeError`.
#[test]
fn malformed_inner() {
    quarantined(
        "malformed-inner",
        br#"{"oslo.version": "2.0", "oslo.message": "not json"}"#,
        "expected a JSON object as text in `oslo.message`, but it begins with 'n'",
    );
}

/// The original: dead on it, `KeyError: 'oslo.message'`. It is a notification like any other.
#[test]
fn v1_no_envelope() {
    let bare = captured::first(Driver::Messaging, FULFILL).with("purpose", "test");
    assert!(!bare.body.contains("oslo.message"));
    let scene = between_good_ones("v1-no-envelope", &bare.body);
    assert_eq!(scene.log(), vec![recorded(); 3]);
    assert_eq!(scene.runs()[1]["event_id"], bare.message_id);
    assert_eq!(scene.quarantined(), Vec::<Value>::new());
}

/// The original: dead on it, `UnicodeDecodeError`.
#[test]
fn not_utf8() {
    quarantined(
        "not-utf8",
        b"{\0\xff",
        "expected UTF-8 text, but byte 2 of the body is not part of a valid character",
    );
}

/// The original: passed over it. So it still is, without a trace.
#[test]
fn unconfigured_event() {
    let scene = between_good_ones("unconfigured-event", lease(DELETE).body);
    assert_eq!(scene.log().len(), 2);
    assert_eq!(scene.runs().len(), 2);
    assert_eq!(scene.quarantined(), Vec::<Value>::new());
}

/// The original: `$(touch pwned)` was carried out.
#[test]
fn metacharacters() {
    let scene = recording("metacharacters", "script_params = node_name,purpose");
    let message = lease(FULFILL).with("purpose", "$(touch pwned)");
    assert_eq!(ran(&scene, &[message]), [format!("{NODE}|$(touch pwned)|")]);
    assert!(!scene.path("pwned").exists());
}

/// The original: `touch pwned2` was carried out.
#[test]
fn metacharacters_2() {
    let scene = recording("metacharacters-2", "script_params = node_name,purpose");
    let message = lease(FULFILL).with("purpose", "x; touch pwned2 #");
    assert_eq!(
        ran(&scene, &[message]),
        [format!("{NODE}|x; touch pwned2 #|")]
    );
    assert!(!scene.path("pwned2").exists());
}

/// The original: five arguments instead of three.
#[test]
fn spaces_in_value() {
    let scene = recording("spaces-in-value", "script_params = node_name,purpose,uuid");
    let message = lease(FULFILL)
        .with("node_name", "rack 1 node 2")
        .with("purpose", "")
        .with("uuid", "81347eb5");
    assert_eq!(ran(&scene, &[message]), ["rack 1 node 2||81347eb5|"]);
}
