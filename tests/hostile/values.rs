//! Values as arguments: bytes for bytes, as far as a process can take them.

use std::fs;

use serde_json::{Map, Value};

use crate::support::captured::Captured;
use crate::support::scene::{FULFILL, Scene, notification};

/// Writes each argument into a file of its own, by its number from 1.
const KEEP: &str = r#"mkdir -p "args-$ESI_RUN_ID"; cat >"stdin-$ESI_RUN_ID"
number=0
for argument in "$@"; do
  number=$((number + 1))
  printf %s "$argument" >"args-$ESI_RUN_ID/$number"
done
echo "$#" >>"$LOG""#;

fn with_properties(values: &[String]) -> Captured {
    let named = values.iter().enumerate();
    let properties: Map<String, Value> = named
        .map(|(number, value)| (format!("v{number}"), value.as_str().into()))
        .collect();
    notification(FULFILL).with("properties", properties)
}

fn params(count: usize) -> String {
    let names: Vec<String> = (0..count)
        .map(|number| format!("properties.v{number}"))
        .collect();
    names.join(",")
}

#[test]
fn every_value_is_one_argument_byte_for_byte() {
    let mut values: Vec<String> = [
        "$(touch pwned)",
        "`touch pwned`",
        "; touch pwned #",
        "x && touch pwned || touch pwned",
        "| touch pwned > pwned",
        "'; touch pwned; '",
        "\"; touch pwned; \"",
        "it's \"quoted\" \\ back\\\\slashed \\n",
        "two\nlines\n",
        "\r\n\t \u{b} ",
        "-rf",
        "--help",
        "--",
        "-",
        "",
        " ",
        "*",
        "~/?[a-z]",
        "$HOME ${PATH} %s %n %(name)s",
        "a,b,c",
        "Grüße, שלום, 日本語, e\u{301}, 👩‍🔧",
        "\u{202e}gpj.exe\u{feff}\u{2028}",
        "\u{1b}[2J\u{7}\u{7f}\u{9b}31m",
        "\u{1}\u{1f}",
        "=cmd|' /C calc'!A0",
    ]
    .map(str::to_owned)
    .into();
    // The most that Linux takes as one argument is 128 KiB with its end.
    values.push("x".repeat(100 * 1024));
    values.push("ü".repeat(50 * 1024));
    values.push("z".repeat(128 * 1024 - 1));

    let mut scene = Scene::new("values");
    scene.script("keep.sh", KEEP);
    scene.rule(
        "keep",
        &format!(
            "events = {FULFILL}\nscript = keep.sh '$(touch pwned)' 'a  b' ''\nscript_params = {}",
            params(values.len())
        ),
    );
    // What runs are ordered by, and the name of the event, are a sender's text as well.
    let message = with_properties(&values)
        .with("node_uuid", "$(touch pwned)\n'; touch pwned #")
        .edited(|notification| {
            notification.insert("message_id".into(), "$(touch pwned)\n../../pwned".into());
        });
    scene.publish(&message.body);
    scene.drain();

    assert_eq!(scene.log(), [(values.len() + 3).to_string()]);
    let fixed = ["$(touch pwned)", "a  b", ""].map(str::to_owned);
    for (number, value) in fixed.iter().chain(&values).enumerate() {
        let argument = scene.path(&format!("args-1/{}", number + 1));
        let argument = fs::read(argument).expect("an argument");
        assert!(
            argument == value.as_bytes(),
            "argument {}: {value:.60}",
            number + 1
        );
    }
    let stdin = fs::read(scene.path("stdin-1")).expect("the event");
    let event: Value = serde_json::from_slice(&stdin).expect("JSON");
    assert_eq!(event["payload"], message.notification()["payload"]);
    assert_eq!(event["id"], message.message_id);
    assert!(!scene.path("pwned").exists());
    assert_eq!(scene.states(), ["succeeded"]);
}

#[test]
fn what_no_process_can_take_costs_that_argument_and_is_logged() {
    let mut scene = Scene::new("impossible");
    scene.script("keep.sh", KEEP);
    scene.rule(
        "keep",
        &format!(
            "events = {FULFILL}\nscript = keep.sh\nscript_params = {}",
            params(3)
        ),
    );
    let values = |odd: &str| with_properties(&["a".into(), odd.into(), "c".into()]);
    scene.publish(values("nul \0 inside").body);
    scene.publish(values(&"l".repeat(200 * 1024)).body);
    scene.publish(values("as ever").body);
    scene.publish(
        values("no node")
            .edited(|notification| {
                notification.insert("message_id".into(), "an id with \0".into());
            })
            .body,
    );
    let output = scene.drain();
    assert_eq!(scene.states(), ["succeeded"; 4]);
    assert_eq!(scene.log(), ["3"; 4]);
    for (run, expected) in (1..).zip(["nul \u{fffd} inside", "", "as ever", "no node"]) {
        let arguments = |number: u8| {
            fs::read_to_string(scene.path(&format!("args-{run}/{number}"))).expect("an argument")
        };
        assert_eq!([1, 2, 3].map(arguments), ["a", expected, "c"], "{run}");
    }
    // Standard input takes what arguments cannot.
    let stdin = fs::read_to_string(scene.path("stdin-1")).expect("the event");
    assert!(stdin.contains(r"nul \u0000 inside"), "{stdin}");
    let stdin = fs::read_to_string(scene.path("stdin-2")).expect("the event");
    assert!(stdin.contains(&"l".repeat(200 * 1024)));
    let log = String::from_utf8_lossy(&output.stderr);
    for (run, said) in [
        (1, "`properties.v1` has a NUL character"),
        (2, "`properties.v1` has 204800 bytes"),
        (4, "`ESI_EVENT_ID` has a NUL character"),
    ] {
        let told = |line: &&str| {
            line.contains("WARN") && line.contains(said) && line.contains(&format!("run={run}"))
        };
        let line = log.lines().find(told);
        assert!(
            line.is_some_and(|line| line.contains("rule=keep")),
            "{said}: {log}"
        );
    }
    assert_eq!(log.matches("WARN").count(), 3, "{log}");
    let id = scene.runs()[1]["event_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let told = scene.run(&["explain", &id]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("keep.sh a '' c, one at a time"), "{told}");
    let json = scene.run(&["explain", &id, "--format", "json"]);
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let loss = json["rules"][0]["losses"][0].as_str().expect("a loss");
    assert!(
        loss.starts_with("`properties.v1` has 204800 bytes"),
        "{loss}"
    );
}

#[test]
fn arguments_that_do_not_fit_together_lose_the_longest_of_them() {
    let mut scene = Scene::new("together");
    scene.script("keep.sh", KEEP);
    scene.rule(
        "all",
        &format!(
            "events = {FULFILL}\nscript = keep.sh\nscript_params = purpose,{}",
            ["properties.v1"; 40].join(",")
        ),
    );
    // What everything within everything comes to is more than memory holds.
    scene.rule(
        "everything",
        &format!(
            "events = {FULFILL}\nscript = keep.sh\nscript_params = $..*..*..*,purpose\n\
             filter_params = {{\"$..*..*\": \"a\"}}"
        ),
    );
    let many = "m".repeat(120 * 1024);
    let list = vec![vec![Value::from(1)]; 100_000];
    let message = with_properties(&["a".into(), many]).edited(|notification| {
        let lease = &mut notification["payload"]["esi_leap_object.data"];
        lease["properties"]["k".repeat(1024 * 1024)] = list.clone().into();
        lease["purpose"] = "test".into();
    });
    scene.publish(message.body);
    let service = scene.listen();
    let mut log = scene.wait_for_log(2);
    log.sort();
    assert_eq!(log, ["2", "41"]);
    let size = service.largest_size();
    assert!(size < 400, "{size} MiB");
    service.stop();
    assert_eq!(scene.states(), ["succeeded"; 2]);
    let purposes = [("all", 1), ("everything", 2)].map(|(rule, number)| {
        let run = scene.runs().into_iter().find(|run| run["rule"] == rule);
        let run = run.expect("a run")["id"].clone();
        fs::read_to_string(scene.path(&format!("args-{run}/{number}"))).expect("an argument")
    });
    assert_eq!(purposes, ["test", "test"]);
}

#[test]
fn values_of_any_type_have_one_form_as_an_argument() {
    let mut scene = Scene::new("forms");
    let message = notification(FULFILL).edited(|notification| {
        notification["payload"]["esi_leap_object.data"] = serde_json::from_str(
            r#"{"text": "t", "int": 12345678901234567890123, "float": 1.50, "yes": true,
                "null": null, "list": [1, "a b", null], "object": {"b": 1, "a": {"c": "d"}},
                "dotted.key": "dotted", "node_uuid": 7,
                "odd": {"$serde_json::private::Number": "5"},
                "raw": {"$serde_json::private::RawValue": "[1]"}}"#,
        )
        .expect("JSON");
    });
    scene.rule(
        "forms",
        &format!(
            "events = {FULFILL}\nscript = record.sh\n\
             script_params = text,int,float,yes,null,missing,list,list.1,list.9,object,object.a.c,dotted.key,text.deeper"
        ),
    );
    scene.publish(&message.body);
    scene.drain();
    assert_eq!(
        scene.log(),
        [
            "t|12345678901234567890123|1.50|true|||[1,\"a b\",null]|a b||{\"b\":1,\"a\":{\"c\":\"d\"}}|d|dotted||"
        ]
    );
    assert_eq!(scene.runs()[0]["key"], "7");
}
