//! What commands show of sources.

use serde_json::Value;

use crate::support::stage::Stage;
use crate::support::timer::{recorded, timer};

/// What the program prints with these arguments; it has to end well.
fn printed(stage: &Stage, arguments: &[&str]) -> String {
    let output = stage.run(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn check_names_the_bus_and_every_source() {
    let nightly = "type = timer\ncron = 0 3 * * *\ntimezone = UTC";
    let bus = "transport_url = rabbit://esi:secret@controller/\nqueues = a, b";
    let cases = [
        ("", "nightly (timer at `0 3 * * *` in UTC)"),
        (
            bus,
            "2 queues at controller:5672, nightly (timer at `0 3 * * *` in UTC)",
        ),
    ];
    for (defaults, summary) in cases {
        let mut stage = Stage::new(defaults);
        stage.rule("source:nightly", nightly);
        recorded(&mut stage);
        let expected = format!("no problems; 1 of 1 rules in force, {summary}\n");
        let found = printed(&stage, &["check"]);
        assert!(found.ends_with(&expected), "{found}");
    }
}

#[test]
fn the_manual_page_has_every_option_of_a_timer() {
    let output = std::process::Command::new(crate::support::stage::program())
        .args(["man", "conf"])
        .output()
        .expect("the program");
    let page = String::from_utf8(output.stdout).expect("UTF-8");
    let (_, options) = page
        .split_once("OPTIONS OF [source:NAME] WITH type = timer")
        .expect("a section of its own");
    for name in [
        "every", "cron", "at", "timezone", "missed", "jitter", "limit",
    ] {
        assert!(
            options.contains(&format!("\\fB{name}\\fR")),
            "{name}: {options}"
        );
    }
}

#[test]
fn a_timer_is_no_history() {
    let stage = timer("every = 1h");
    printed(&stage, &["listen", "--until-idle"]);
    assert_eq!(stage.log().len(), 1);
    let text = printed(&stage, &["poll", "--status", "--format", "json"]);
    let shown: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(shown, serde_json::json!([]));
}
