//! No text from a sender or a script steers a terminal, forges a line or hides a part of one.

use std::process::Output;

use crate::support::scene::{FULFILL, Scene, notification};

/// Clears the screen, colours, rings, sets the title, goes back, turns the text around, begins a
/// line of the log.
const EVIL: &str = "\u{1b}[2J\u{1b}[31mred\u{7}\u{8}\u{1b}]0;title\u{7}\r\u{9b}1m\u{7f}\u{202e}\u{2066}\u{2028}\
                    x\nERROR forged line\n";

fn assert_harmless(what: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|why| panic!("{what}: {why}"));
    for character in text.chars() {
        let harmful = (character.is_control() && character != '\n')
            || matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!harmful, "{what} holds {character:?}: {text:?}");
    }
    for line in text.lines() {
        assert!(
            !line.trim_start().starts_with("ERROR forged"),
            "{what}: {text}"
        );
    }
}

fn assert_output_harmless(what: &str, output: &Output) {
    assert_harmless(what, &output.stdout);
    assert_harmless(what, &output.stderr);
}

#[test]
fn control_characters_reach_neither_the_log_nor_a_table() {
    let mut scene = Scene::new("terminal");
    scene.script(
        "speaks.sh",
        r#"printf %s "$1"; printf 'err \033[31m\r\202\n\000' >&2; exit 1"#,
    );
    scene.rule(
        "speaks",
        "events = *\nscript = speaks.sh\nscript_params = purpose",
    );
    scene.rule(
        "refuses",
        "events = *\nscript = speaks.sh\nfilter_params = {\"purpose\": \"good\"}",
    );
    scene.rule("runaway", "events = *\nscript = speaks.sh\nfilter_params = {\"node_name\": \"(?:(a*)*)*\\\\1b(?=c)\"}");
    let evil = notification(FULFILL)
        .with("purpose", EVIL)
        .with("node_uuid", EVIL)
        .with("node_name", "a".repeat(60))
        .edited(|notification| {
            notification.insert("event_type".into(), format!("type {EVIL}").into());
            notification.insert("message_id".into(), format!("id {EVIL}").into());
            notification.insert("timestamp".into(), EVIL.into());
        });
    scene.publish(&evil.body);
    scene.publish(format!("{EVIL} is no notification"));
    scene.publish(format!("{{\"message_id\": {EVIL}"));
    scene.publish(b"\x1b[2J\xff\xfe");
    for arguments in [
        &["listen", "--until-idle", "--verbose"][..],
        &[
            "listen",
            "--until-idle",
            "--verbose",
            "--log-format",
            "json",
        ],
    ] {
        let output = scene.run(arguments);
        assert!(
            output.status.code().is_some_and(|code| code < 2),
            "{output:?}"
        );
        assert_harmless("the log", &output.stderr);
        // Twice, so that both forms of the log have seen it all.
        scene.publish(
            evil.edited(|notification| {
                notification.insert("message_id".into(), format!("second {EVIL}").into());
            })
            .body,
        );
        scene.publish(format!("{EVIL} is none either"));
    }
    let runs = scene.runs();
    assert!(runs.len() >= 2);
    for format in ["table", "json"] {
        let formatted = |words: &[&str]| scene.run(&[words, &["--format", format]].concat());
        assert_output_harmless("runs list", &formatted(&["runs", "list"]));
        assert_output_harmless("runs show", &formatted(&["runs", "show", "1"]));
        assert_output_harmless("quarantine list", &formatted(&["quarantine", "list"]));
        assert_output_harmless("quarantine show", &formatted(&["quarantine", "show", "1"]));
        assert_output_harmless("explain", &formatted(&["explain", EVIL]));
    }
    let shown = scene.run(&["runs", "show", "1"]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    for part in [
        r"\x1b[2J\x1b[31mred",
        "ERROR forged line",
        r"err \x1b[31m\r\x82",
    ] {
        let quoted = |line: &str| line.starts_with("  | ") && line.contains(part);
        assert!(shown.lines().any(quoted), "no `{part}` in {shown}");
    }
    assert_output_harmless("quarantine list", &scene.run(&["quarantine", "list"]));
    for one in scene.quarantined() {
        let id = one["id"].to_string();
        assert_output_harmless("quarantine show", &scene.run(&["quarantine", "show", &id]));
        assert_output_harmless(
            "quarantine retry",
            &scene.run(&["quarantine", "retry", &id]),
        );
    }
    let file = scene.path("event.json");
    std::fs::write(&file, &evil.body).expect("a file");
    let file = file.to_str().expect("text");
    assert_output_harmless("explain", &scene.run(&["explain", file]));
    let id = runs[0]["event_id"].as_str().expect("an id");
    assert_output_harmless("explain", &scene.run(&["explain", id]));
    assert_output_harmless("explain", &scene.run(&["explain", EVIL]));
}
