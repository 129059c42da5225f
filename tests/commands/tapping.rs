//! `tap`: events of the bus as they come, beside those who consume them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions};
use lapin::types::FieldTable;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{assert_refused, text};
use crate::support::amqp::{Declaration, connect};
use crate::support::broker::Broker;
use crate::support::scene::{DELETE, FULFILL, Scene, notification, wait_until};

/// A process that a test does not leave behind, however it ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A tap that listens.
struct Tapping {
    child: Process,
    lines: BufReader<ChildStdout>,
}

impl Tapping {
    /// Starts one, and waits until its queue is there.
    fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let mut command = scene.program("tap");
        command.args(["--exchange", &scene.exchange]);
        Self::start_as(command.args(arguments))
    }

    fn start_as(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let mut note = String::new();
        let errors = child.stderr.take().expect("a pipe");
        let mut errors = BufReader::new(errors);
        errors.read_line(&mut note).expect("a line");
        assert!(note.starts_with("listening to exchange "), "{note}");
        // Whoever closes it would have what is written next fail.
        child.stderr = Some(errors.into_inner());
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let child = Process(child);
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        line
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).expect("JSON")
    }

    /// The exit code, and what it has printed last.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).expect("text");
        let status = self.child.0.wait().expect("an end");
        (status.code(), rest)
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.0.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("a process");
    }
}

/// The same with a rule, without which there is no configuration.
fn with_rule(mut scene: Scene) -> Scene {
    scene.rule("any", "events = *\nscript = record.sh");
    scene
}

#[test]
fn a_tap_shows_what_a_service_gets_and_takes_none_of_it() {
    let mut scene = Scene::new("tap");
    scene.rule(
        "r",
        &format!(
            "events = {FULFILL}\nscript = record.sh\nscript_params = node_name\nonce_within = 1m"
        ),
    );
    scene.rule(
        "other",
        &format!(
            "events = {DELETE}\nscript = record.sh\nfilter_params = {{\"store:freeze\": {{\"exists\": false}}}}"
        ),
    );
    let service = scene.listen();
    let kept = scene.path("kept");
    let kept_argument = kept.to_str().expect("text");
    let arguments = ["--match", "--save", kept_argument, "--format", "json"];
    let mut tapping = Tapping::start(&scene, &[&arguments[..], &["--limit", "2"]].concat());

    let message = notification(FULFILL);
    scene.publish(&message.body);
    let first = tapping.json();
    assert_eq!(first["event"]["id"], message.message_id);
    assert_eq!(first["event"]["type"], FULFILL);
    assert_eq!(first["routing_key"], scene.queue);
    assert_eq!(first["lease"], message.data()["uuid"]);
    let rules = first["rules"].as_array().expect("a list");
    let verdicts: Vec<&Value> = rules.iter().map(|rule| &rule["verdict"]).collect();
    assert_eq!(verdicts, ["run", "other_type"]);
    assert!(rules[0]["throttle"].get("now").is_none(), "{first}");

    // It is a file that `explain` reads, and says the same of.
    let file = first["file"].as_str().expect("a path").to_owned();
    assert_eq!(file, format!("{kept_argument}/{}.json", message.message_id));
    assert_eq!(fs::metadata(&file).expect("a file").mode() & 0o777, 0o600);
    let explained = scene.run(&["explain", &file, "--format", "json"]);
    let explained: Value = serde_json::from_slice(&explained.stdout).expect("JSON");
    assert_eq!(explained["id"], message.message_id);
    assert_eq!(explained["rules"][0]["command"], rules[0]["command"]);
    // No part of a request's context, in which a token is.
    assert!(message.body.contains("_context_"), "the real one has it");
    let text = fs::read_to_string(&file).expect("a file");
    assert!(!text.contains("_context_") && !first.to_string().contains("_context_"));

    // A value that the service has is known here.
    let set = scene.run(&["store", "set", "freeze", "yes"]);
    assert!(set.status.success(), "{set:?}");
    scene.publish(notification(DELETE).body);
    let second = tapping.json();
    assert_eq!(second["event"]["type"], DELETE);
    assert_eq!(second["rules"][1]["verdict"], "refused", "{second}");
    assert_eq!(tapping.end(), (Some(0), String::new()));
    wait_until("the run", || scene.states() == ["succeeded"]);
    service.stop();
    assert_eq!(scene.waiting(), Some(0));
}

#[test]
fn people_get_a_line_an_event_and_a_line_a_rule() {
    let mut scene = Scene::new("tap-words");
    scene.rule(
        "say",
        &format!(
            "events = {FULFILL}\nscript = record.sh\nscript_params = purpose\nonce_within = 1m"
        ),
    );
    let mut tapping = Tapping::start(&scene, &["--match"]);
    let message = notification(FULFILL).with("purpose", "a\u{1b}[31mb");
    scene.publish(&message.body);
    let line = tapping.line();
    let node = message.data()["node_name"]
        .as_str()
        .expect("text")
        .to_owned();
    let lease = message.data()["uuid"].as_str().expect("text").to_owned();
    let expected = format!(
        " {FULFILL}, {node}, lease {lease}, event {}\n",
        message.message_id
    );
    assert!(line.ends_with(&expected), "{line}");
    let rule = tapping.line();
    assert!(rule.starts_with("    [say] yes: "), "{rule}");
    assert!(
        rule.contains("once_within = 1m: no journal was asked"),
        "{rule}"
    );
    scene.publish("{\"odd\u{1b}[31m");
    let odd = tapping.line();
    assert!(
        odd.contains(&format!(" undecodable, from {}: ", scene.queue)),
        "{odd}"
    );
    for line in [rule, odd] {
        assert!(!line.contains('\u{1b}'), "{line}");
    }
    tapping.signal(Signal::SIGINT);
    assert_eq!(tapping.end(), (Some(0), String::new()));
    assert!(!scene.state().exists(), "nothing is noted anywhere");
    scene.delete_queue();
}

#[test]
fn types_and_routing_keys_are_chosen() {
    let scene = with_rule(Scene::new("tap-choice"));
    let of_type = [
        "--event-type",
        "esi_leap.lease.delete.*",
        "--format",
        "json",
    ];
    let mut by_type = Tapping::start(&scene, &of_type);
    let of_all = [
        "--routing-key",
        "no-such",
        "--routing-key",
        "#",
        "--format",
        "json",
    ];
    let mut all = Tapping::start(&scene, &of_all);
    let mut none = Tapping::start(&scene, &["--routing-key", "no-such"]);
    scene.publish("{");
    for event_type in [FULFILL, DELETE] {
        scene.publish(notification(event_type).body);
    }
    assert_eq!(by_type.json()["event"]["type"], DELETE);
    assert!(all.json()["undecodable"].is_string());
    for event_type in [FULFILL, DELETE] {
        assert_eq!(all.json()["event"]["type"], event_type);
    }
    for tapping in [by_type, all] {
        tapping.signal(Signal::SIGTERM);
        assert_eq!(tapping.end(), (Some(0), String::new()));
    }
    none.signal(Signal::SIGINT);
    assert_eq!(none.line(), "");
    // The messages are all still there.
    assert_eq!(scene.waiting(), Some(3));
    scene.delete_queue();
}

#[test]
fn what_comes_faster_than_it_is_read_is_left_out_and_counted() {
    const SENT: u64 = 12_000;
    let scene = with_rule(Scene::new("tap-slow"));
    let mut tapping = Tapping::start(&scene, &["--format", "json"]);
    let bodies = (0..SENT).map(|number| format!("{{\"{}\": {number}}}", "x".repeat(200)));
    scene.publish_all(bodies);
    // It is the last one that came: all others are shown, or counted.
    scene.publish(notification(FULFILL).body);
    let (mut shown, mut left_out) = (0, 0);
    loop {
        let line = tapping.json();
        if line.get("event").is_some() {
            break;
        }
        match line["left_out"].as_u64() {
            Some(number) => left_out += number,
            None => shown += 1,
        }
    }
    assert_eq!(shown + left_out, SENT);
    assert!(left_out > 0, "{shown} were shown");
    tapping.signal(Signal::SIGTERM);
    assert_eq!(tapping.end(), (Some(0), String::new()));
    scene.delete_queue();
}

#[test]
fn a_tap_whose_output_stands_still_ends_all_the_same() {
    let scene = with_rule(Scene::new("tap-stands"));
    let tapping = Tapping::start(&scene, &[]);
    scene.publish_all((0..2_000).map(|number| format!("{{\"{}\": {number}}}", "x".repeat(200))));
    let begun = Instant::now();
    tapping.signal(Signal::SIGINT);
    let mut child = tapping.child;
    // Nobody reads it.
    let pipe = tapping.lines;
    assert_eq!(child.0.wait().expect("an end").code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "{begun:?}");
    drop(pipe);
    scene.delete_queue();
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_tap() {
    let scene = with_rule(Scene::new("tap-head"));
    let mut tapping = Tapping::start(&scene, &[]);
    scene.publish(notification(FULFILL).body);
    assert!(tapping.line().contains(FULFILL));
    let Tapping { mut child, lines } = tapping;
    drop(lines);
    scene.publish(notification(DELETE).body);
    assert_eq!(child.0.wait().expect("an end").code(), Some(0));
    scene.delete_queue();
}

#[test]
fn a_tap_leaves_nothing_at_the_broker() {
    let scene = with_rule(Scene::new("tap-leaves"));
    let exchange = format!("{}-alone", scene.exchange);
    let connection = scene.as_publisher(async |_| connect(Broker::shared().url()).await);
    let delete = || {
        scene.as_publisher(async |_| {
            let channel = connection.create_channel().await.expect("a channel");
            let options = ExchangeDeleteOptions {
                if_unused: true,
                ..ExchangeDeleteOptions::default()
            };
            let deleting = channel.exchange_delete(exchange.as_str().into(), options);
            deleting.await.map_err(|why| why.to_string())
        })
    };
    scene.as_publisher(async |_| {
        let channel = connection.create_channel().await.expect("a channel");
        let (options, none) = (ExchangeDeclareOptions::default(), FieldTable::default());
        let declaring = channel.exchange_declare(
            exchange.as_str().into(),
            ExchangeKind::Fanout,
            options,
            none,
        );
        declaring.await.expect("an exchange");
    });
    let mut command = scene.program("tap");
    let tapping = Tapping::start_as(command.args(["--exchange", &exchange]));
    let used = delete().expect_err("it is bound");
    assert!(used.contains("in use"), "{used}");
    tapping.signal(Signal::SIGINT);
    assert_eq!(tapping.end().0, Some(0));
    wait_until("the queue to be gone", || delete().is_ok());
    scene.delete_queue();
}

#[test]
fn a_tap_that_cannot_listen_says_why() {
    let mut scene = with_rule(Scene::on(Broker::shared(), "tap-refused"));
    let missing = scene.run(&["tap", "--exchange", "no-such-exchange"]);
    assert_refused(
        &missing,
        1,
        &[
            "there is no exchange `no-such-exchange`",
            "rabbitmqctl list_exchanges -p /",
        ],
    );
    scene.declare(Declaration::Transient);
    let default = scene.run(&["tap", "--exchange", ""]);
    assert_refused(&default, 1, &["the broker refuses a queue to listen with"]);
    scene.delete_queue();

    scene.replace("port", "1");
    let away = scene.run(&["tap"]);
    assert_refused(
        &away,
        75,
        &["failed to connect to the broker", "check --connect"],
    );

    for option in ["user", "password", "host", "port", "vhost", "queues"] {
        scene.without(option);
    }
    scene.rule("source:t", "type = timer\nevery = 1h");
    assert_refused(&scene.run(&["tap"]), 78, &["there is no bus to listen to"]);
    let limit = scene.run(&["tap", "--limit", "0"]);
    assert!(text(&limit.stderr).contains("--limit"), "{limit:?}");
    assert_eq!(limit.status.code(), Some(2), "{limit:?}");
}
