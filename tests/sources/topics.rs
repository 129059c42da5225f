//! Topics of Kafka as events, whatever becomes of the service, the brokers and the topics.

mod crashes;
mod secured;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::kafka::{Door, Kafka, Sent};
use crate::support::scene::{Service, wait_until};
use crate::support::stage::Stage;
use crate::support::systemd::Systemd;

/// What the topic is called.
const TOPIC: &str = "alarms";

/// A stage with a source `bus` that reads the topic through a door, and a rule that writes down what comes.
fn stage(door: &Door, more: &str) -> Stage {
    stage_at(&door.address(), more)
}

fn stage_at(address: &str, more: &str) -> Stage {
    let mut stage = Stage::new("");
    let source = format!("type = kafka\nbrokers = {address}\n{more}");
    let source = if more.contains("topics =") {
        source
    } else {
        format!("{source}\ntopics = {TOPIC}")
    };
    stage.rule("source:bus", &source);
    stage.rule(
        "r",
        "events = bus\nscript = record.sh\nscript_params = meta.source_offset, body",
    );
    stage
}

/// Starts the service, and waits until where it begins is on disk.
fn listen(stage: &Stage) -> Service {
    let service = Service::listen(stage);
    service.wait_for("kafka bus: reading ");
    service
}

fn events(stage: &Stage) -> BTreeSet<String> {
    let id = |run: &Value| run["event_id"].as_str().expect("text").to_owned();
    let runs = stage.runs();
    let events: BTreeSet<String> = runs.iter().map(id).collect();
    assert_eq!(events.len(), runs.len(), "each once");
    events
}

/// What `sources list` shows.
fn shown(stage: &Stage) -> Value {
    let output = stage.run(&["sources", "list", "--format", "json"]);
    let mut sources: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    sources[0].take()
}

#[test]
fn each_message_is_an_event_or_in_quarantine() {
    let kafka = Kafka::with(TOPIC, 1);
    let door = Door::to(&kafka);
    let stage = stage(&door, "start = earliest");
    let sent = [
        Sent {
            key: Some("n7"),
            headers: &[("trace", "one"), ("trace", "two")],
            ..Sent::text(r#"{"host": "n7"}"#)
        },
        Sent::text("not JSON"),
        Sent {
            value: Some(b"ab\xff\xfe"),
            ..Sent::default()
        },
        Sent {
            key: Some("n7"),
            ..Sent::default()
        },
        Sent::text("0"),
    ];
    kafka.send(TOPIC, 0, &sent);
    let service = listen(&stage);
    let mut log = stage.wait_for_log(4);
    // Messages with a key do not wait for those without.
    log.sort();
    let expected = [
        r#"alarms:0:0|{"host":"n7"}|"#,
        "alarms:0:1|not JSON|",
        "alarms:0:3||",
        "alarms:0:4|0|",
    ];
    assert_eq!(log, expected);
    let quarantined = stage.quarantined();
    assert_eq!(quarantined.len(), 1, "{quarantined:?}");
    assert_eq!(quarantined[0]["source"], "kafka:bus");
    let reason = quarantined[0]["reason"].as_str().expect("text");
    assert_eq!(
        reason,
        "expected JSON or text in UTF-8, but found other bytes at offset 2 (message alarms:0:2)"
    );
    let shown = shown(&stage);
    assert_eq!(shown["source"], "kafka:bus", "{shown}");
    assert!(shown.to_string().contains("next alarms:0:5"), "{shown}");
    let run = stage.runs();
    let first = run.iter().find(|run| run["event_id"] == "alarms:0:0");
    let id = first.expect("a run")["id"].as_u64().expect("a number");
    let event = &stage.run_detail(id)["event"];
    assert_eq!(event["payload"]["meta"]["headers"], json!({"trace": "two"}));
    assert_eq!(event["payload"]["meta"]["key"], "n7");
    service.stop();
}

#[test]
fn what_is_there_is_left_to_others_and_what_comes_later_is_read_also_from_while_it_was_down() {
    let kafka = Kafka::with(TOPIC, 2);
    let door = Door::to(&kafka);
    let stage = stage(&door, "");
    kafka.send_texts(TOPIC, &["0", "1"]);
    let service = listen(&stage);
    service.stop();
    kafka.send_texts(TOPIC, &["2"]);
    kafka.send(TOPIC, 1, &[Sent::text("3")]);
    let service = listen(&stage);
    stage.wait_for_log(2);
    kafka.send_texts(TOPIC, &["4"]);
    stage.wait_for_log(3);
    let expected = ["alarms:0:2", "alarms:0:3", "alarms:1:0"];
    assert_eq!(events(&stage), expected.map(str::to_owned).into());
    let told = service.stop();
    assert!(told.contains("reading 2 partitions of alarms"), "{told}");
    // Nothing is begun twice.
    assert!(!told.contains("beginning alarms"), "{told}");
}

#[test]
fn brokers_that_go_away_and_leaders_that_move_hold_up_only_their_partitions() {
    let kafka = Kafka::of(3);
    kafka.make(TOPIC, 3);
    for (partition, broker) in [(0, 1), (1, 2), (2, 3)] {
        kafka.lead(TOPIC, partition, broker);
    }
    let stage = stage_at(&kafka.addresses(), "start = earliest");
    let service = listen(&stage);
    let send = || {
        for partition in 0..3 {
            kafka.send(TOPIC, partition, &[Sent::text("{}")]);
        }
    };
    send();
    stage.wait_for_log(3);
    // Another broker leads now, which the former one says.
    kafka.lead(TOPIC, 1, 3);
    send();
    stage.wait_for_log(6);
    // One is gone, and nobody leads its partition for a while.
    kafka.down(1);
    kafka.send(TOPIC, 1, &[Sent::text("{}")]);
    kafka.send(TOPIC, 2, &[Sent::text("{}")]);
    stage.wait_for_log(8);
    service.wait_for("kafka bus: failed to read alarms:0: ");
    kafka.lead(TOPIC, 0, 2);
    kafka.send(TOPIC, 0, &[Sent::text("{}")]);
    stage.wait_for_log(9);
    service.wait_for("kafka bus: alarms:0 can be read again");
    kafka.up(1);
    kafka.lead(TOPIC, 0, 1);
    send();
    stage.wait_for_log(12);
    assert_eq!(events(&stage).len(), 12);
    let told = service.stop();
    assert!(!told.contains("failed to connect"), "{told}");
}

#[test]
fn a_topic_that_cannot_be_begun_holds_up_no_other_and_nobody_who_waits_for_the_service() {
    let kafka = Kafka::with(TOPIC, 2);
    kafka.make("other", 1);
    kafka.lead(TOPIC, 1, -1);
    let options = format!("start = earliest\ntopics = {TOPIC}, other");
    let stage = stage_at(&kafka.addresses(), &options);
    kafka.send_texts(TOPIC, &["0"]);
    kafka.send_texts("other", &["1"]);
    let systemd = Systemd::bind(&stage);
    let service = systemd.start(&stage, Duration::from_secs(60));
    systemd.until("READY=1");
    service
        .wait_for("kafka bus: failed to begin topic alarms: the broker answers LeaderNotAvailable");
    assert_eq!(stage.wait_for_log(1), ["other:0:0|1|"]);
    kafka.lead(TOPIC, 1, 1);
    stage.wait_for_log(2);
    assert_eq!(stage.log()[1], "alarms:0:0|0|");
    service.stop();
}

#[test]
fn a_topic_that_is_not_there_and_brokers_that_are_gone_are_told_and_waited_for() {
    let kafka = Kafka::with("other", 1);
    let door = Door::to(&kafka);
    let stage = stage(&door, "start = earliest");
    let service = Service::listen(&stage);
    service.wait_for("topic alarms does not exist, or the user may not see it; trying again in");
    wait_until("the failure to be shown", || {
        let shown = shown(&stage);
        shown["failing"] == true && shown.to_string().contains("topic alarms does not exist")
    });
    kafka.make(TOPIC, 1);
    kafka.send_texts(TOPIC, &["0"]);
    stage.wait_for_log(1);
    service.wait_for("kafka bus: topic alarms is there");
    wait_until("the failure to be over", || {
        shown(&stage)["failing"] == false
    });
    door.close();
    kafka.send_texts(TOPIC, &["1"]);
    service.wait_for("kafka bus: failed to connect to 127.0.0.1:");
    door.lead_to(&kafka);
    stage.wait_for_log(2);
    service.wait_for("kafka bus: the brokers answer again");
    assert_eq!(stage.log(), ["alarms:0:0|0|", "alarms:0:1|1|"]);
    service.stop();
}

#[test]
fn partitions_that_are_added_are_read_from_their_beginning_and_a_topic_made_anew_is_another() {
    let kafka = Kafka::with(TOPIC, 1);
    let door = Door::to(&kafka);
    let stage = stage(&door, "");
    let service = listen(&stage);
    kafka.send_texts(TOPIC, &["0", "1", "2"]);
    stage.wait_for_log(3);
    // The same messages, and another partition with one that nobody has waited for.
    let larger = Kafka::with(TOPIC, 2);
    larger.send_texts(TOPIC, &["0", "1", "2"]);
    larger.send(TOPIC, 1, &[Sent::text("new")]);
    door.lead_to(&larger);
    let log = stage.wait_for_log(4);
    assert_eq!(log[3], "alarms:1:0|new|");
    // A topic of the same name, with messages that nobody has seen under offsets that were.
    let without = Kafka::with("other", 1);
    door.lead_to(&without);
    service.wait_for("topic alarms does not exist");
    let anew = Kafka::with(TOPIC, 1);
    anew.send_texts(TOPIC, &["a"]);
    door.lead_to(&anew);
    let log = stage.wait_for_log(5);
    assert_eq!(log[4], "alarms:0:0|a|");
    service.wait_for("topic alarms has no partition 1 any more; its others are read on");
    service.wait_for("alarms:0 ends at offset 1, but was read up to 3");
    assert!(events(&stage).contains("alarms:0:0#1"));
    let told = service.stop();
    assert!(!told.contains("ERROR"), "{told}");
    // What ends early without having been gone is begun as said: here, with what comes next.
    let shorter = Kafka::with(TOPIC, 1);
    door.lead_to(&shorter);
    let service = listen(&stage);
    service.wait_for("alarms:0 ends at offset 0, but was read up to 1");
    shorter.send_texts(TOPIC, &["b"]);
    assert_eq!(stage.wait_for_log(6)[5], "alarms:0:0|b|");
    assert!(events(&stage).contains("alarms:0:0#2"));
    service.stop();
}

#[test]
fn what_the_brokers_have_removed_is_told_and_the_rest_is_read() {
    let kafka = Kafka::with(TOPIC, 1);
    let door = Door::to(&kafka);
    let mut stage = stage(&door, "start = earliest");
    stage.rule("short", "events = bus\nscript = record.sh short");
    kafka.send_texts(TOPIC, &["0"]);
    let service = listen(&stage);
    stage.wait_for_log(2);
    service.stop();
    // More than is kept.
    let large = "x".repeat(900_000);
    for _ in 0..12 {
        kafka.send_texts(TOPIC, &[&large]);
    }
    let service = listen(&stage);
    service.wait_for(
        "the broker has removed messages of alarms:0 before they were read: those from offset 1 to",
    );
    wait_until("the last message to have run", || {
        events_of_all(&stage).contains("alarms:0:12")
    });
    assert!(!events_of_all(&stage).contains("alarms:0:1"));
    service.stop();
}

/// Those that ran, however many rules they ran for.
fn events_of_all(stage: &Stage) -> BTreeSet<String> {
    let id = |run: &Value| run["event_id"].as_str().expect("text").to_owned();
    stage.runs().iter().map(id).collect()
}

#[test]
fn compressed_messages_are_events_like_the_others() {
    let kafka = Kafka::with(TOPIC, 1);
    let door = Door::to(&kafka);
    let stage = stage(&door, "start = earliest");
    let texts: Vec<String> = ["none", "gzip", "snappy", "lz4", "zstd"]
        .into_iter()
        .flat_map(|codec| {
            let texts = [1, 2].map(|number| format!("{codec} {number} {}", "x".repeat(500)));
            let sent: Vec<Sent<'_>> = texts.iter().map(|text| Sent::text(text)).collect();
            kafka.send_with(TOPIC, 0, &sent, &json!({"compression.type": codec}));
            texts
        })
        .collect();
    let service = listen(&stage);
    let log = stage.wait_for_log(texts.len());
    let expected = texts.iter().enumerate();
    let expected: Vec<String> = expected
        .map(|(offset, text)| format!("alarms:0:{offset}|{text}|"))
        .collect();
    assert_eq!(log, expected);
    // What comes later is read as well, compressed or not, also once its broker was away.
    door.close();
    door.lead_to(&kafka);
    for (codec, text) in [("zstd", "later"), ("none", "bare")] {
        let sent = [Sent::text(text)];
        kafka.send_with(TOPIC, 0, &sent, &json!({"compression.type": codec}));
    }
    let log = stage.wait_for_log(texts.len() + 2);
    assert_eq!(
        log[texts.len()..],
        ["alarms:0:10|later|", "alarms:0:11|bare|"]
    );
    service.stop();
    assert_eq!(events(&stage).len(), texts.len() + 2);
}

#[test]
fn messages_that_cannot_be_read_are_told_and_hold_up_no_other_partition() {
    let kafka = Kafka::with(TOPIC, 2);
    let door = Door::to(&kafka);
    let stage = stage(&door, "start = earliest");
    kafka.send_texts(TOPIC, &["before"]);
    let text = "x".repeat(20_000_000);
    kafka.send_with(
        TOPIC,
        0,
        &[Sent::text(&text)],
        &json!({"compression.type": "gzip"}),
    );
    let service = listen(&stage);
    service.wait_for(
        "the messages of alarms:0 from offset 1 on cannot be read: their batch unpacks to more than 16777216 bytes; \
         have their senders put less into one",
    );
    kafka.send(TOPIC, 1, &[Sent::text("other")]);
    let mut log = stage.wait_for_log(2);
    log.sort();
    assert_eq!(log, ["alarms:0:0|before|", "alarms:1:0|other|"]);
    let shown = shown(&stage).to_string();
    assert!(
        shown.contains("their batch unpacks to more than"),
        "{shown}"
    );
    let size = service.largest_size();
    assert!(size < 150, "{size} MiB");
    service.stop();
    // Who waits for an end is told that there is none.
    let output = stage.run(&["listen", "--until-idle"]);
    assert!(!output.status.success(), "{output:?}");
}

#[test]
fn an_answer_that_is_too_large_is_told_and_not_held_in_memory() {
    let kafka = Kafka::with(TOPIC, 1);
    let door = Door::to(&kafka);
    let stage = stage(&door, "start = earliest");
    kafka.send_texts(TOPIC, &["0"]);
    door.pad(200_000_000);
    let service = Service::listen(&stage);
    service.wait_for("their batch has 200000000 bytes, but at most 16777216 are taken");
    let size = service.largest_size();
    assert!(size < 150, "{size} MiB");
    door.pad(0);
    stage.wait_for_log(1);
    service.wait_for("kafka bus: alarms:0 can be read again");
    service.stop();
}

#[test]
fn check_connect_tells_of_topics_and_makes_none() {
    let kafka = Kafka::with(TOPIC, 3);
    let door = Door::to(&kafka);
    let stage = stage(&door, &format!("topics = {TOPIC}, no-such"));
    for _ in 0..2 {
        let (code, told) = stage.connects();
        assert_eq!(code, Some(0), "{told}");
        assert!(
            told.contains("kafka:bus: topic alarms: partitions: 3\n"),
            "{told}"
        );
        assert!(
            told.contains("warning: topic no-such does not exist"),
            "{told}"
        );
    }
    door.close();
    let (code, told) = stage.connects();
    assert_eq!(code, Some(75), "{told}");
    assert!(told.contains("error: failed to connect to "), "{told}");
    assert!(told.contains("section [source:bus]"), "{told}");
}
