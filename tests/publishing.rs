//! Rules with `action = publish`: what comes out of the queue, and what keeps a message from getting there.

use serde_json::{Value, json};

use super::support::amqp::{Declaration, unique};
use super::support::broker::{Broker, free_port};
use super::support::proxy::Proxy;
use super::support::scene::{FULFILL, Scene, lease, wait_until};
use super::support::stage::Stage;

/// A stage, and a queue beside that of the notifications.
fn scene(name: &str) -> (Scene, String) {
    let scene = Scene::new(name);
    let queue = unique("out");
    scene.as_publisher(async |bus| {
        let exchange = &scene.exchange;
        bus.declare(exchange, &queue, Declaration::Transient).await;
    });
    (scene, queue)
}

/// What a rule says that publishes under this routing key.
fn publish(exchange: &str, routing_key: &str) -> String {
    format!(
        "events = {FULFILL}\naction = publish\nexchange = {exchange}\nrouting_key = {routing_key}\n\
         body = {{\"n\": \"{{{{ purpose }}}}\", \"run\": \"{{{{ run.id }}}}\"}}\n"
    )
}

/// The bodies in a queue, which is empty afterwards.
fn bodies(scene: &Scene, queue: &str) -> Vec<Value> {
    let mut found = Vec::new();
    while let Some((_, body)) = scene.as_publisher(async |bus| bus.take(queue).await) {
        found.push(serde_json::from_slice(&body).expect("JSON"));
    }
    found
}

/// How each attempt of a run ended.
fn outcomes(stage: &Stage, run: u64) -> Vec<String> {
    let run = stage.run_detail(run);
    let attempts = run["attempt_records"].as_array().expect("attempts");
    let outcome = |attempt: &Value| attempt["outcome"].as_str().map(str::to_owned);
    attempts.iter().filter_map(outcome).collect()
}

/// A URL of this broker, by another port.
fn url(port: u16) -> String {
    let broker = Broker::shared();
    let (user, password) = (broker.user(), broker.password().replace('%', "%%"));
    let vhost = broker.vhost().replace('/', "%%2F");
    format!("rabbit://{user}:{password}@127.0.0.1:{port}/{vhost}")
}

#[test]
fn a_message_is_confirmed_persistent_json_with_an_id_of_its_run() {
    let (mut scene, queue) = scene("publish");
    let options = publish(&scene.exchange.clone(), &queue);
    scene.rule("tell", &options);
    scene.rule(
        "whole",
        &format!(
            "events = {FULFILL}\naction = publish\nexchange = amq.default\nrouting_key = {queue}"
        ),
    );
    scene.publish(lease("one", "a"));
    scene.drain();
    assert_eq!(scene.states(), ["succeeded", "succeeded"]);
    let told = &outcomes(&scene, 1)[0];
    assert!(
        told.contains(&format!(
            "confirmed: exchange `{}`, routing key `{queue}`",
            scene.exchange
        )),
        "{told}"
    );
    let take = || scene.as_publisher(async |bus| bus.take(&queue).await);
    let (properties, body) = take().expect("a message");
    assert_eq!(body, br#"{"n":"one","run":1}"#);
    assert_eq!(*properties.delivery_mode(), Some(2));
    let text = properties.content_type().as_ref().map(ToString::to_string);
    assert_eq!(text.as_deref(), Some("application/json"));
    let id = properties.message_id().as_ref().map(ToString::to_string);
    assert!(
        id.as_ref().is_some_and(|id| id.ends_with(":1:tell")),
        "{id:?}"
    );
    // Without a body, the event as scripts get it; to a queue by its name.
    let (_, body) = take().expect("another message");
    let event: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(event["type"], FULFILL);
    let explained = scene.run(&["explain", event["id"].as_str().expect("an id")]);
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    let line = format!("with routing key `{queue}`: {{\"n\":\"one\"");
    assert!(explained.contains(&line), "{explained}");
}

#[test]
fn a_message_that_is_in_no_queue_is_a_failed_attempt_and_harms_no_other() {
    let (mut scene, queue) = scene("nowhere");
    let (exchange, full) = (scene.exchange.clone(), unique("full"));
    scene.as_publisher(async |bus| bus.declare_full(&full).await);
    let again = "retries = 1\nretry_delay = 10ms\n";
    for (rule, exchange, key) in [
        ("unbound", &exchange[..], "nothing.is.bound"),
        ("missing", "no.such.exchange", "any"),
        ("full", "amq.default", &full),
        ("long", &exchange, &"x".repeat(300)),
    ] {
        scene.rule(rule, &format!("{}{again}", publish(exchange, key)));
    }
    scene.rule("fine", &publish(&exchange, &queue));
    scene.publish(lease("one", "a"));
    scene.run(&["listen", "--until-idle"]);
    let states = [
        "discarded",
        "discarded",
        "discarded",
        "discarded",
        "succeeded",
    ];
    assert_eq!(scene.states(), states);
    for (run, told) in (1..).zip([
        "the broker has no queue for it (312 NO_ROUTE)",
        "the broker rejects it: NOT_FOUND - no exchange 'no.such.exchange'",
        "the broker refuses it: a queue that it leads to is full",
        "`routing_key`: expected at most 255 bytes, but found 300",
    ]) {
        let outcomes = outcomes(&scene, run);
        assert_eq!(outcomes.len(), 2, "{outcomes:?}");
        assert!(outcomes.iter().all(|it| it.contains(told)), "{outcomes:?}");
    }
    assert_eq!(bodies(&scene, &queue), [json!({"n": "one", "run": 5})]);
}

#[test]
fn a_connection_that_is_lost_is_made_anew_and_an_outage_is_a_failure_that_passes() {
    let (mut scene, queue) = scene("lost");
    let proxy = Proxy::to(Broker::shared());
    let options = publish(&scene.exchange.clone(), &queue);
    let options = format!(
        "{options}transport_url = {}\nretries = 0\n",
        url(proxy.port())
    );
    scene.rule("tell", &options);
    let service = scene.listen();
    let finished = |count: usize| {
        wait_until("a run to end", || {
            let states = scene.states();
            states.len() == count
                && states
                    .iter()
                    .all(|it| it == "succeeded" || it == "discarded")
        });
    };
    scene.publish(lease("one", "a"));
    finished(1);
    proxy.reset();
    scene.publish(lease("two", "a"));
    finished(2);
    proxy.reset();
    proxy.refuse();
    scene.publish(lease("three", "a"));
    finished(3);
    assert_eq!(scene.states(), ["succeeded", "succeeded", "discarded"]);
    let told = &outcomes(&scene, 3)[0];
    assert!(
        told.contains("failed to connect to the broker: 127.0.0.1:"),
        "{told}"
    );
    proxy.forward();
    assert!(scene.run(&["runs", "retry", "3"]).status.success());
    finished(3);
    wait_until("the retry", || scene.states() == ["succeeded"; 3]);
    service.stop();
    let sent: Vec<_> = bodies(&scene, &queue)
        .iter()
        .map(|it| it["n"].clone())
        .collect();
    assert_eq!(sent, ["one", "two", "three"]);
}

#[test]
fn another_broker_is_reached_without_a_bus_and_its_password_is_shown_nowhere() {
    let (scene, queue) = scene("other");
    let mut stage = Stage::new("");
    stage.rule("source:tick", "type = timer\nevery = 1h\nlimit = 1");
    let rule = |url: &str| {
        format!(
            "events = tick\naction = publish\nexchange = amq.default\nrouting_key = {queue}\n\
             body = {{\"n\": 1}}\ntransport_url = {url}"
        )
    };
    stage.rule("tell", &rule(&url(Broker::shared().port())));
    let nobody = format!("rabbit://u:hunter2SECRET@127.0.0.1:{}/", free_port());
    stage.rule("nobody", &rule(&nobody));
    let mut command = stage.program("listen");
    let listened = command
        .args(["-v", "--until-idle"])
        .output()
        .expect("the program");
    assert_eq!(stage.states(), ["succeeded", "discarded"]);
    assert_eq!(bodies(&scene, &queue), [json!({"n": 1})]);
    assert!(outcomes(&stage, 2)[0].contains("refused"));
    let shown = stage.run_detail(2).to_string();
    let checked = stage.run(&["check"]);
    for said in [
        listened.stderr,
        shown.into_bytes(),
        checked.stdout,
        checked.stderr,
    ] {
        let said = String::from_utf8_lossy(&said);
        assert!(!said.contains("SECRET"), "{said}");
    }
}

#[test]
fn check_connect_tells_whether_the_exchange_is_there_and_publishes_nothing() {
    let (mut scene, queue) = scene("publish-check");
    let exchange = scene.exchange.clone();
    scene.rule("tell", &publish(&exchange, &queue));
    scene.rule("named", &publish("amq.default", &queue));
    scene.rule(
        "off",
        &format!("{}enabled = no", publish("no-such-exchange", &queue)),
    );
    let (code, told) = scene.connects();
    assert_eq!(code, Some(0), "{told}");
    for line in [
        format!("rule tell: exchange {exchange}: exists\n"),
        "rule named: exchange amq.default: exists\n".to_owned(),
    ] {
        assert!(told.contains(&line), "{line}: {told}");
    }
    assert!(bodies(&scene, &queue).is_empty());

    scene.rule("lost", &publish("no-such-exchange", &queue));
    let away = format!("transport_url = {}", url(free_port()));
    scene.rule("away", &format!("{}{away}", publish(&exchange, &queue)));
    let (code, told) = scene.connects();
    assert_eq!(code, Some(75), "{told}");
    for part in [
        "error: there is no exchange `no-such-exchange` to publish to",
        "rule [lost]",
        "error: failed to connect to the broker: 127.0.0.1:",
        "rule [away]",
    ] {
        assert!(told.contains(part), "no `{part}` in {told}");
    }
    assert!(
        !told.contains("rule off") && !told.contains("rule [off]"),
        "{told}"
    );
    scene.delete_queue();
}
