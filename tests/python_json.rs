//! What is read of a notification, compared with what Python's own `json` writes and reads.
//!
//! One Python process makes the values, hand-made and random ones. All of them have to become events.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use esi_event_actions::core::event::Event;
use esi_event_actions::sources::amqp::notification::Envelope;
use esi_event_actions::sources::history::record::Record;
use serde::Deserialize;
use serde_json::Value;

/// For each value a line: its text, and what has to be read of it as JSON that everybody reads.
const PYTHON: &str = r#"
import json, random, re, sys

sys.setrecursionlimit(20000)
DEEPEST = 100
TOKEN = "$serde_json::private::"
odd = float("nan"), float("inf"), -float("inf")

def text(value):
    return re.sub("[\ud800-\udfff]", "\ufffd", value)

def key(value):
    return "\ufffd" + text(value[1:]) if text(value).startswith(TOKEN) else text(value)

def clean(value, depth):
    if isinstance(value, (dict, list)) and depth > DEEPEST:
        return None
    if isinstance(value, dict):
        return {key(name): clean(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [clean(inner, depth + 1) for inner in value]
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float) and (value != value or value in odd):
        return None
    return value

def nested(depth, leaf):
    value = leaf
    for level in range(depth):
        value = [value, level] if level % 2 else {"n": value, "l": level}
    return value

by_hand = [
    *odd, [*odd], {"a": odd[0], "NaN": "NaN", "b": "Infinity", "-Infinity": -1}, "\ud800", "\udfff x",
    {"\ud800": "\ud83d", "\udc00": 1}, "\ud83d\ude00", "\ude00\ud83d", "\\ud800", "\\\ud800", "\"\ud800\\",
    "\x00\x1f\x7f\u2028\ufeff\uffff", "ü", "😀", 10 ** 400, -(10 ** 4000), 1e300, 1e-300, 5e-324, -0.0, 0.1,
    1e400, -1e400, 2 ** 53 + 1, 1.0, 1e16, 123456789.123456789, {"": {"": ""}}, {"": 1, " ": 2}, [], {}, [[]], [{}],
    None, True, {"null": None, "true": False}, {1: "a", "1": "b", None: 1, True: 2, 1.5: 3, odd[0]: 4},
    {TOKEN + "Number": "12"}, {TOKEN + "Number": "no"}, {TOKEN + "RawValue": "[1]"}, {"a": {TOKEN + "RawValue": 1}},
    {TOKEN + "Number": odd[0], TOKEN + "RawValue": "\ud800"}, {TOKEN: [TOKEN + "Number"]}, [TOKEN + "Number"],
    "_context_", "[" * 300, "{\"" * 200, {"[" * 200: "]"},
    *[nested(depth, leaf) for depth in (95, 96, 97, 98, 99, 100, 101, 126, 127, 128, 900) for leaf in (1, odd[0], "\ud800", {})],
]

chance = random.Random(20261126)
pieces = ["a", "NaN", "\"", "\\", "\ud800", "\udc00", "\ud83d\ude00", "\n", "\x00", "ü", "[", "}", ",", ":", " ", TOKEN, "Number", "u0024"]

def some_text():
    return "".join(chance.choice(pieces) for _ in range(chance.randrange(6)))

def some(depth):
    kind = chance.randrange(12 if depth else 8)
    if kind == 0:
        return chance.choice(odd)
    if kind == 1:
        return chance.choice([None, True, False])
    if kind == 2:
        return chance.randrange(-10 ** chance.randrange(1, 60), 10 ** 60)
    if kind == 3:
        return chance.uniform(-1, 1) * 10.0 ** chance.randrange(-320, 309)
    if kind < 8:
        return some_text()
    if kind < 10:
        return [some(depth - 1) for _ in range(chance.randrange(4))]
    return {some_text(): some(depth - 1) for _ in range(chance.randrange(4))}

written = [json.dumps(value) for value in by_hand + [some(5) for _ in range(1500)]]
# Text that Python reads too, though it does not write it.
written += ['{"a": 1, "b": 2, "a": NaN}', '{"\\u0024serde_json::private::Number": "12"}', '"\\uD800\\uDBFF"', '[ NaN ,\n-Infinity\t]']

for value in written:
    lease = '{"node_uuid": "n", "odd": %s, "uuid": "u"}' % value
    payload = '{"esi_leap_object.data": %s}' % lease
    bare = '{"message_id": "0", "message_id": "i", "payload": %s, "event_type": "t", "timestamp": "now"}' % payload
    assert json.loads(bare)["message_id"] == "i"
    print(json.dumps({
        "bare": bare,
        "enveloped": json.dumps({"oslo.version": "2.0", "oslo.message": bare}),
        "record": '{"row": {"id": 1, "event_type": "t", "event_time": "now", "object_type": "lease", "object_uuid": "u", "resource_type": null, "resource_uuid": "n", "lessee_id": null, "owner_id": null}, "lease": %s}' % lease,
        "payload": json.dumps(clean(json.loads(payload), 1)),
        "lease": json.dumps(clean(json.loads(lease), 2)),
    }))
"#;

/// What Python says of one value.
#[derive(Deserialize)]
struct Case {
    bare: String,
    enveloped: String,
    record: String,
    /// What is to be read of the notification's payload.
    payload: String,
    /// What is to be read of the record's lease.
    lease: String,
}

fn decoded(body: &str) -> Event {
    let envelope = Envelope::open(body.as_bytes());
    let event = envelope.and_then(|envelope| envelope.notification()?.into_event());
    event.unwrap_or_else(|why| panic!("{why}: {body:.300}"))
}

/// An event is read back from the journal as it was written.
fn lasts(event: &Event, body: &str) {
    let text = event.to_json();
    let again: Event =
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {body:.300}"));
    assert_eq!(again.to_json(), text, "{body:.300}");
}

#[test]
fn whatever_python_writes_becomes_an_event() {
    let mut python = Command::new("python3")
        .args(["-c", PYTHON])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut count = 0;
    for line in BufReader::new(python.stdout.take().expect("a pipe")).lines() {
        let case: Case = serde_json::from_str(&line.expect("a line")).expect("a case");
        count += 1;
        let event = decoded(&case.bare);
        let expected: Value = serde_json::from_str(&case.payload).expect("JSON");
        assert_eq!(
            event.payload.to_string(),
            expected.to_string(),
            "{:.300}",
            case.bare
        );
        assert_eq!((event.id.as_str(), event.node().as_str()), ("i", "n"));
        assert_eq!(decoded(&case.enveloped).to_json(), event.to_json());
        lasts(&event, &case.bare);

        let record = Record::decode(case.record.as_bytes());
        let record = record.unwrap_or_else(|why| panic!("{why}: {:.300}", case.record));
        let expected: Value = serde_json::from_str(&case.lease).expect("JSON");
        let lease = record.lease.as_ref().expect("a lease");
        assert_eq!(
            Value::from(lease.clone()).to_string(),
            expected.to_string(),
            "{:.300}",
            case.record
        );
        lasts(&record.into_event(), &case.record);
    }
    assert!(python.wait().expect("python ends").success());
    assert!(count > 1500, "{count}");
}
