//! Messages of another service on a queue, as events.

use std::time::Duration;

use crate::support::orders::{Orders, SECTION};
use crate::support::scene::{Service, wait_until};
use crate::support::systemd::Systemd;

/// Writes down what came, and from where.
const RECORDED: &str =
    "events = orders\nscript = record.sh\nscript_params = body.order, meta.routing_key";

fn listen(orders: &Orders) -> Service {
    let service = Service::start(&mut orders.stage.program("listen"));
    service.wait_for(&format!("consuming queue {}", orders.queue));
    service
}

#[test]
fn a_declared_queue_gets_what_is_published_by_its_bindings_each_message_once() {
    let mut orders = Orders::new("orders");
    let declare = format!(
        "declare = quorum\nexchange = {}\nbinding = order.*, refund\nid = body.number",
        orders.exchange
    );
    let section = orders.section(&declare);
    orders.stage.rule(&format!("source:{SECTION}"), &section);
    orders.stage.rule("r", RECORDED);
    let service = listen(&orders);
    orders.publish_as("order.paid", Some("a"), r#"{"order": 1}"#);
    orders.publish_as("refund", Some("b"), r#"{"order": 2}"#);
    // The same message again, by its property and by the path.
    orders.publish_as("order.paid", Some("a"), r#"{"order": 1}"#);
    orders.publish_as("order.new", Some("x"), r#"{"order": 3, "number": "c"}"#);
    orders.publish_as("order.new", Some("y"), r#"{"order": 3, "number": "c"}"#);
    // Nothing tells these apart from one that is delivered again, so each is an event.
    orders.publish_as("order.new", None, r#"{"order": 4}"#);
    orders.publish_as("order.new", None, r#"{"order": 4}"#);
    orders.publish_as("order.new", Some("t"), "order 5");
    orders.publish_as("order.last", Some("z"), r#"{"order": 6}"#);
    let log = orders.stage.wait_for_log(6);
    let expected = [
        "1|order.paid|",
        "2|refund|",
        "3|order.new|",
        "4|order.new|",
        "4|order.new|",
        "6|order.last|",
    ];
    assert_eq!(log, expected);
    wait_until("all messages to be acknowledged", || {
        orders.waiting() == Some(0)
    });
    let quarantined = orders.stage.quarantined();
    assert_eq!(quarantined.len(), 1, "{quarantined:?}");
    assert_eq!(quarantined[0]["source"], "amqp:orders");
    assert_eq!(quarantined[0]["queue"], orders.queue.as_str());
    let told = service.stop();
    assert!(
        told.contains(&format!("declared queue {}", orders.queue)),
        "{told}"
    );
    assert!(!told.contains("ESI Leap"), "{told}");
    assert_eq!(orders.stage.log().len(), 6);
    orders.delete_queue();
}

#[test]
fn a_missing_queue_is_told_of_with_the_name_of_the_source() {
    let mut orders = Orders::new("awaited");
    let section = orders.section("");
    orders.stage.rule(&format!("source:{SECTION}"), &section);
    orders.stage.rule("r", RECORDED);
    let systemd = Systemd::bind(&orders.stage);
    let service = systemd.start(&orders.stage, Duration::from_secs(60));
    systemd.until(&format!("STATUS=amqp:orders: waiting for {}", orders.queue));
    service.wait_for("the queue does not exist yet; its owner declares it");
    orders.declare(crate::support::amqp::Declaration::Transient);
    systemd.until(&format!("STATUS=amqp:orders: consuming {}", orders.queue));
    service.stop();
}
