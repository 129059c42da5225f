//! Spaces after commas, filters as patterns, and a `%`.

use serde_json::json;

use super::{NODE, lease, ran, recording};
use crate::support::amqp::{Declaration, unique};
use crate::support::scene::{DELETE, FULFILL, Scene};

/// The original: made and read a queue whose name began with a space.
#[test]
fn start_spaces_after_comma() {
    let mut scene = recording("spaces-after-comma", "script_params = uuid");
    let second = unique("spaces-after-comma-second");
    let queues = format!("{}, {second}", scene.queue);
    scene.replace("queues", &queues);
    let (one, other) = (
        lease(FULFILL).with("uuid", "1"),
        lease(FULFILL).with("uuid", "2"),
    );
    scene.publish(one.body);
    scene.as_publisher(async |publisher| {
        publisher
            .declare(&scene.exchange, &second, Declaration::Transient)
            .await;
        publisher
            .publish(&scene.exchange, &second, other.body)
            .await;
    });
    scene.drain();

    let mut log = scene.log();
    log.sort();
    assert_eq!(log, ["1|", "2|"]);
    let counts = scene.as_publisher(async |publisher| {
        let spaced = publisher.message_count(&format!(" {second}")).await;
        (publisher.message_count(&second).await, spaced)
    });
    assert_eq!(counts, (Some(0), None));
}

/// The original: the event after the space never matched.
#[test]
fn start_spaces_in_events() {
    let mut scene = Scene::new("spaces-in-events");
    scene.rule(
        "case",
        &format!("events = {DELETE}, {FULFILL}\nscript = record.sh\nscript_params = node_name"),
    );
    assert_eq!(ran(&scene, &[lease(FULFILL)]), [format!("{NODE}|")]);
}

/// The original: dead on the first message, `KeyError: ' uuid'`.
#[test]
fn start_spaces_in_params() {
    let scene = recording("spaces-in-params", "script_params = node_name, uuid");
    let message = lease(FULFILL).with("uuid", "81347eb5");
    assert_eq!(ran(&scene, &[message]), [format!("{NODE}|81347eb5|")]);
}

/// The original: `test` also matched `testing-else`. So it still does, as `re.match` means it, and
/// `$` asks for the whole value.
#[test]
fn filter_prefix() {
    let mut scene = Scene::new("filter-prefix");
    for (name, pattern) in [("prefix", "test"), ("whole", "test$"), ("inside", "else")] {
        let options = format!(
            "events = {FULFILL}\nscript = record.sh {name}\nscript_params = purpose\n\
             filter_params = {{\"purpose\": \"{pattern}\"}}"
        );
        scene.rule(name, &options);
    }
    let message = lease(FULFILL).with("purpose", "testing-else");
    let log = ran(&scene, &[message]);
    assert_eq!(log, ["prefix|testing-else|"]);
}

/// The original: dead on the first matching message, `re.error: nothing to repeat at position 0`.
#[test]
fn filter_bad_regex() {
    let scene = recording(
        "filter-bad-regex",
        "filter_params = {\"purpose\": \"*test\"}",
    );
    scene.publish(lease(FULFILL).body);
    let config = scene.config();
    let output = scene.run(&["listen", "--until-idle"]);
    assert_eq!(output.status.code(), Some(78));
    let expected = format!(
        "error: expected a regular expression for `purpose`, but found `*test`: target of repeat \
         operator is invalid\n  --> {}:13:18, rule [case]\nhint: put a backslash before a special \
         character that is meant literally; in JSON it is written twice, like `\"rack\\\\.1\"`\n",
        config.display()
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
    assert_eq!(scene.waiting(), Some(1));
}

/// The original: matched. So it does still; but a null field is no text, and matches no pattern.
#[test]
fn filter_star_dot() {
    let scene = recording(
        "filter-star-dot",
        "script_params = uuid\nfilter_params = {\"purpose\": \".*\"}",
    );
    let message = |uuid: &str, purpose| lease(FULFILL).with("uuid", uuid).with("purpose", purpose);
    let messages = [
        message("1", json!("a\nb")),
        message("2", json!("")),
        message("3", json!(null)),
    ];
    assert_eq!(ran(&scene, &messages), ["1|", "2|"]);
}

/// The original: did not start, `InterpolationSyntaxError`.
#[test]
fn percent_in_filter() {
    let mut scene = recording(
        "percent-in-filter",
        "script_params = uuid\nfilter_params = {\"purpose\": \"50%\"}",
    );
    scene.rule("doubled", &format!("events = {FULFILL}\nscript = record.sh doubled\nscript_params = uuid\nfilter_params = {{\"purpose\": \"50%%$\"}}"));
    let message =
        |uuid: &str, purpose: &str| lease(FULFILL).with("uuid", uuid).with("purpose", purpose);
    let messages = [
        message("1", "50% test"),
        message("2", "50"),
        message("3", "50%"),
    ];
    assert_eq!(ran(&scene, &messages), ["1|", "3|", "doubled|3|"]);
}
