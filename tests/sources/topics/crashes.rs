//! Crashes of the service while messages come.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use super::{TOPIC, events, listen};
use crate::support::kafka::{Door, Kafka, Sent};
use crate::support::scene::{Service, wait_until};
use crate::support::stage::Stage;

/// A stage with a source `bus` that reads the topic from its beginning, and a rule that does little for many messages.
fn storing(brokers: &str, more: &str) -> Stage {
    let mut stage = Stage::new("");
    let source =
        format!("type = kafka\nbrokers = {brokers}\ntopics = {TOPIC}\nstart = earliest\n{more}");
    stage.rule("source:bus", &source);
    let rule = "events = bus\naction = store\nop = set\nname = last\nvalue = \"{{ body }}\"";
    stage.rule("r", rule);
    stage
}

#[test]
fn a_service_that_is_killed_loses_no_message_and_takes_none_twice() {
    const MESSAGES: usize = 1_000;
    const KILLS: usize = 20;
    let kafka = Kafka::with(TOPIC, 2);
    let door = Door::to(&kafka);
    let stage = storing(&door.address(), "");
    let mut expected = BTreeSet::new();
    let texts: Vec<String> = (0..MESSAGES / KILLS / 2).map(|it| it.to_string()).collect();
    let texts: Vec<Sent<'_>> = texts.iter().map(|text| Sent::text(text)).collect();
    for kill in 0..KILLS {
        let service = Service::listen(&stage);
        if kill % 3 > 0 {
            service.wait_for("kafka bus: reading 2 partitions of alarms");
        }
        for partition in [0, 1] {
            let offsets = kafka.send(TOPIC, partition, &texts);
            expected.extend(offsets.iter().map(|it| format!("alarms:{partition}:{it}")));
            std::thread::sleep(Duration::from_millis(7 * kill as u64));
        }
        service.kill();
    }
    let service = listen(&stage);
    wait_until("all messages to have run", || {
        let states = stage.states();
        states.len() >= MESSAGES && states.iter().all(|state| state == "succeeded")
    });
    assert_eq!(events(&stage), expected);
    assert_eq!(expected.len(), MESSAGES);
    service.stop();
}

#[test]
fn what_an_answer_has_beyond_the_last_commit_is_read_again_after_a_crash() {
    const MESSAGES: usize = 1_500;
    let kafka = Kafka::with(TOPIC, 1);
    let stage = storing(&kafka.addresses(), "key = body");
    let texts: Vec<String> = (0..MESSAGES).map(|it| it.to_string()).collect();
    let offsets = kafka.send_texts(TOPIC, &texts);
    // The first commit has where it begins, the second the first thousand.
    let mut command = stage.program("listen");
    let died = command.env("ESI_CRASH_POINT", "accepted:2").output();
    assert_eq!(died.expect("the program").status.signal(), Some(9));
    assert_eq!(stage.runs().len(), 1_000);
    let output = stage.run(&["listen", "--until-idle"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stage.states(), vec!["succeeded"; MESSAGES]);
    let expected = offsets.iter().map(|it| format!("alarms:0:{it}"));
    assert_eq!(events(&stage), expected.collect());
}
