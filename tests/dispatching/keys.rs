//! Rules and keys: one at a time and in order for a key, and no key waits for another.

use std::fs;

use crate::support::scene::{DELETE, FULFILL, Scene, lease, notification, wait_until};

/// Ends when there is a file by the name of `gate-` and the first argument.
const GATED: &str = r#"echo "start $1 $2" >>"$LOG"
while [ ! -e "gate-$1" ]; do sleep 0.02; done
echo "end $1 $2" >>"$LOG""#;

fn open_gate(scene: &Scene, name: &str) {
    fs::write(scene.path(&format!("gate-{name}")), "").expect("a gate");
}

fn position(log: &[String], line: &str) -> usize {
    let place = log.iter().position(|other| other == line);
    place.unwrap_or_else(|| panic!("no `{line}` in {log:?}"))
}

#[test]
fn an_event_makes_a_run_for_every_rule_that_matches_and_no_other() {
    let mut scene = Scene::new("rules");
    let filter = |purpose: &str| format!("filter_params = {{\"purpose\": \"{purpose}\"}}");
    let rules = [
        ("exact", FULFILL, String::new()),
        (
            "listed",
            "some.other.type, esi_leap.lease.fulfill.end",
            filter("w"),
        ),
        ("glob", "esi_leap.lease.*.end", String::new()),
        ("any", "*", "enabled = yes".into()),
        ("refused", FULFILL, filter("x")),
        ("off", FULFILL, "enabled = no".into()),
        ("other", "esi_leap.lease.fulfill", String::new()),
        ("other_glob", "esi_leap.lease.*.start", String::new()),
    ];
    for (name, events, more) in &rules {
        scene.rule(
            name,
            &format!(
                "events = {events}\nscript = record.sh {name}\nscript_params = purpose\n{more}"
            ),
        );
    }
    scene.publish(lease("why", "a"));
    scene.publish(notification(DELETE).with("purpose", "bye").body);
    scene.publish(
        notification(FULFILL)
            .edited(|notification| {
                notification.insert("event_type".into(), "baremetal.node.power_set.end".into());
            })
            .with("purpose", "on")
            .body,
    );
    scene.drain();
    // In the order of acceptance, and of the configuration, since they are of one node each.
    let mut log = scene.log();
    log.sort();
    assert_eq!(
        log,
        [
            "any|bye|",
            "any|on|",
            "any|why|",
            "exact|why|",
            "glob|bye|",
            "glob|why|",
            "listed|why|"
        ]
    );
    let log = scene.log();
    let places =
        ["exact", "listed", "glob", "any"].map(|rule| position(&log, &format!("{rule}|why|")));
    assert!(places.is_sorted(), "{log:?}");
}

#[test]
fn one_run_of_a_node_at_a_time_in_order_and_other_nodes_meanwhile() {
    let mut scene = Scene::new("one-at-a-time");
    scene.script("gated.sh", GATED);
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = gated.sh\nscript_params = node_uuid,purpose"),
    );
    scene.publish_all([
        lease("1", "a"),
        lease("2", "a"),
        lease("1", "b"),
        lease("3", "a"),
        lease("2", "b"),
    ]);
    open_gate(&scene, "b");
    let service = scene.listen();
    // The blocked node does not hold up the other one, wherever its runs stand.
    let done = ["running", "due", "succeeded", "due", "succeeded"];
    wait_until("node b to be done", || scene.states() == done);
    let log = scene.log();
    assert_eq!(
        log.iter().filter(|line| line.contains(" a ")).count(),
        1,
        "{log:?}"
    );
    // Nor does it hold up what comes later.
    scene.publish(lease("1", "c"));
    wait_until("node c to begin", || {
        scene.log().contains(&"start c 1".to_owned())
    });
    open_gate(&scene, "a");
    open_gate(&scene, "c");
    let log = scene.wait_for_log(12);
    let of_a: Vec<&String> = log.iter().filter(|line| line.contains(" a ")).collect();
    assert_eq!(
        of_a,
        [
            "start a 1",
            "end a 1",
            "start a 2",
            "end a 2",
            "start a 3",
            "end a 3"
        ]
    );
    service.stop();
}

#[test]
fn order_by_makes_another_key_and_events_without_a_node_are_in_order_too() {
    let mut scene = Scene::new("order-by");
    scene.script("gated.sh", GATED);
    let rule =
        |params: &str| format!("events = {FULFILL}\nscript = gated.sh\nscript_params = {params}\n");
    scene.rule(
        "by-project",
        &(rule("project_id,purpose") + "order_by = project_id"),
    );
    scene.rule(
        "by-node",
        &(rule("name,purpose") + "filter_params = {\"name\": \"nodeless\"}"),
    );
    let of_project = |project: &str, node: &str, purpose: &str| {
        let message = notification(FULFILL)
            .with("node_uuid", node)
            .with("project_id", project);
        message.with("purpose", purpose)
    };
    scene.publish(of_project("p", "a", "1").body);
    scene.publish(of_project("p", "b", "2").body);
    scene.publish(of_project("q", "a", "3").body);
    for purpose in ["4", "5"] {
        let nodeless = of_project("r", "", purpose).with("name", "nodeless");
        scene.publish(nodeless.without("node_uuid").without("resource_uuid").body);
    }
    for gate in ["q", "r"] {
        open_gate(&scene, gate);
    }
    let service = scene.listen();
    // Of the same node, but of another project; and the others are still before their gates.
    wait_until("what is not held", || {
        ["end q 3", "end r 5", "start p 1", "start nodeless 4"]
            .iter()
            .all(|line| scene.log().contains(&(*line).to_owned()))
    });
    let log = scene.log();
    assert!(!log.contains(&"start p 2".to_owned()), "{log:?}");
    assert!(!log.contains(&"start nodeless 5".to_owned()), "{log:?}");
    open_gate(&scene, "p");
    open_gate(&scene, "nodeless");
    scene.wait_for_log(14);
    service.stop();
    let mut keys: Vec<String> = scene
        .runs()
        .iter()
        .map(|run| run["key"].as_str().expect("a key").to_owned())
        .collect();
    keys.sort();
    assert_eq!(keys, ["", "", "p", "p", "q", "r", "r"]);
}

#[test]
fn no_more_than_max_parallel_run_at_once_and_no_fewer() {
    let mut scene = Scene::new("max-parallel");
    scene.default("max_parallel = 3");
    scene.script("gated.sh", GATED);
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = gated.sh\nscript_params = purpose,node_uuid"),
    );
    scene.publish_all((1..=7).map(|node| lease(&node.to_string(), &node.to_string())));
    let service = scene.listen();
    scene.wait_for_log(3);
    wait_until("all to be accepted", || scene.runs().len() == 7);
    let running = || {
        scene
            .states()
            .iter()
            .filter(|state| *state == "running")
            .count()
    };
    assert_eq!((running(), scene.log().len()), (3, 3));
    // A free place goes to the first that waits.
    open_gate(&scene, "2");
    let log = scene.wait_for_log(5);
    assert_eq!(log[3..], ["end 2 2", "start 4 4"]);
    assert_eq!(running(), 3);
    for gate in 1..=7 {
        open_gate(&scene, &gate.to_string());
    }
    let log = scene.wait_for_log(14);
    let mut at_once = 0;
    for line in &log {
        at_once = if line.starts_with("start") {
            at_once + 1
        } else {
            at_once - 1
        };
        assert!(at_once <= 3, "{log:?}");
    }
    service.stop();
}

#[test]
fn a_value_that_names_a_node_holds_up_no_run_of_that_node() {
    let mut scene = Scene::new("key-meanings");
    scene.script("gated.sh", GATED);
    let rule = |name: &str| {
        format!(
            "events = {FULFILL}\nscript = gated.sh\nscript_params = name,purpose\n\
             filter_params = {{\"name\": \"{name}\"}}\n"
        )
    };
    scene.rule("by-purpose", &(rule("tenant") + "order_by = purpose"));
    scene.rule("by-same", &(rule("other") + "order_by = purpose"));
    scene.rule("by-node", &rule("lease"));
    scene.rule("by-uuid", &(rule("again") + "order_by = node_uuid"));
    let of = |name: &str, node: &str, purpose: &str| {
        let message = notification(FULFILL).with("node_uuid", node);
        message.with("name", name).with("purpose", purpose).body
    };
    // A tenant writes a node's UUID where a rule looks for something else.
    scene.publish(of("tenant", "b", "a"));
    scene.publish(of("other", "c", "a"));
    scene.publish(of("lease", "a", "1"));
    scene.publish(of("again", "a", "2"));
    let service = scene.listen();
    wait_until("the run of the node to begin", || {
        scene.log().contains(&"start lease 1".to_owned())
    });
    // Rules that mean the same do wait for each other.
    assert_eq!(scene.states(), ["running", "due", "running", "due"]);
    let shown: Vec<String> = scene
        .runs()
        .iter()
        .map(|run| run["key"].as_str().expect("a key").to_owned())
        .collect();
    assert_eq!(shown, ["a"; 4]);
    for name in ["tenant", "other", "lease", "again"] {
        open_gate(&scene, name);
    }
    scene.wait_for_log(8);
    service.stop();
}
