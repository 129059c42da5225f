//! The whole journey once: a real notification on a real queue runs a real script.

use super::support::scene::{DELETE, FULFILL, Scene, notification};

#[test]
fn a_notification_on_a_queue_runs_a_script_with_its_values() {
    let mut scene = Scene::new("thin-thread");
    scene.rule(
        "fulfill",
        &format!(
            "events = {FULFILL}\nscript = record.sh fixed\n\
             script_params = node_name,fulfill_time,id,node_properties.vendor\n\
             filter_params = {{\"node_properties.vendor\": \"foo\"}}"
        ),
    );
    let message = notification(FULFILL);
    scene.publish(&message.body);
    scene.publish(&notification(DELETE).body);
    let service = scene.listen();
    let log = scene.wait_for_log(1);
    assert_eq!(log, ["fixed|MOC-R4PAC08U33-S1A||1|foo|"]);
    service.stop();

    assert_eq!(scene.waiting(), Some(0));
    let runs = scene.runs();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["state"], "succeeded");
    assert_eq!(runs[0]["event_id"], message.message_id);
    assert_eq!(runs[0]["key"], message.data()["node_uuid"]);
    scene.drain();
    assert_eq!(scene.runs(), runs);
}
