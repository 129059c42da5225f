//! The documentation's example: as printed, filled in, and mended.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::{NODE, lease};
use crate::support::broker::Broker;
use crate::support::scene::{DELETE, FULFILL, Scene, program};
use crate::support::stage::private_folder;

const EXAMPLE: &str = include_str!("../data/documented-example.conf");

/// The example with the broker's address in it.
fn filled_in() -> String {
    let broker = Broker::shared();
    EXAMPLE
        .replace("<user in transport_url>", broker.user())
        .replace(
            "<password in transport_url>",
            &broker.password().replace('%', "%%"),
        )
        .replace("<host in transport_url>", broker.host())
        .replace("<port in transport_url>", &broker.port().to_string())
}

/// The same without its inline comments.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("  #") {
        Some((option, _)) => option.trim_end(),
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// Writes the text and the two scripts it names to a folder; runs `check` and then `listen`.
fn refused(text: &str) -> (TempDir, PathBuf, String) {
    let folder = private_folder();
    let path = folder.path().join("esi-event-action-listener.conf");
    fs::write(&path, text).expect("a configuration");
    for script in ["fulfill.sh", "delete.sh"] {
        std::os::unix::fs::symlink("/bin/true", folder.path().join(script)).expect("a script");
    }
    let mut checked = run("check", &path, folder.path());
    // As whom root looked at the files, there being no state folder whose owner would tell.
    let is_note = checked.stderr.starts_with(b"note: ");
    let report = checked.stderr.split_inclusive(|byte| *byte == b'\n');
    checked.stderr = report
        .skip(usize::from(is_note))
        .flatten()
        .copied()
        .collect();
    let listened = run("listen", &path, folder.path());
    assert_eq!(checked, listened);
    assert_eq!(checked.status.code(), Some(78));
    assert_eq!(checked.stdout, b"");
    assert!(!folder.path().join("state").exists());
    let report = String::from_utf8(checked.stderr).expect("text");
    (folder, path, report)
}

fn run(subcommand: &str, config: &Path, folder: &Path) -> Output {
    let mut command = Command::new(program());
    command.arg(subcommand).arg("--config").arg(config);
    command.arg("--state-dir").arg(folder.join("state"));
    command.output().expect("the program")
}

/// What is said of the second brace.
fn stray_brace(path: &Path) -> String {
    format!(
        "error: expected a JSON object in `filter_params`, but found `}}` after it\n  \
           --> {}:21:64, rule [delete]\n\
         hint: remove the second `}}`, then run `esi-event-actions check`\n",
        path.display()
    )
}

/// The original: `TypeError: port must be an int`, and no word of the rest.
#[test]
fn start_seed_as_printed() {
    let (_folder, path, report) = refused(EXAMPLE);
    let mut expected = String::new();
    for (option, place) in [
        ("user", "3:8"),
        ("password", "4:12"),
        ("host", "5:8"),
        ("port", "6:8"),
    ] {
        // A real password may look like a placeholder: none is quoted.
        let (found, hint) = if option == "password" {
            (
                "a placeholder in `<` and `>`".to_owned(),
                "fill it in from transport_url in esi-leap.conf; a password that does look like \
                 this can be kept in a `password_file`"
                    .to_owned(),
            )
        } else {
            (
                format!("the placeholder `<{option} in transport_url>`"),
                format!("fill in the {option} in transport_url"),
            )
        };
        write!(
            expected,
            "error: expected a value in `{option}`, but found {found}\n  \
               --> {}:{place}, section [DEFAULT]\n\
             hint: {hint}\n\n",
            path.display()
        )
        .expect("memory");
    }
    assert_eq!(report, expected + &stray_brace(&path));
}

/// The original: `JSONDecodeError`, because the inline comments were part of the values.
#[test]
fn start_seed_filled() {
    let (_folder, path, report) = refused(&filled_in());
    assert_eq!(report, stray_brace(&path));
}

/// The original: `JSONDecodeError: Extra data: line 1 column 48`, which is no place in the file.
#[test]
fn start_seed_no_comments() {
    let text = without_comments(&filled_in());
    assert_eq!(
        text.matches('#').count(),
        EXAMPLE.matches("\n#").count() + 1
    );
    let (_folder, path, report) = refused(&text);
    assert_eq!(report, stray_brace(&path));
}

/// The original: dead on the first message, `TypeError`, because its `fulfill_time` is null.
#[test]
fn start_seed_fixed() {
    for (name, text) in [
        ("seed-fixed", filled_in()),
        ("seed-plain", without_comments(&filled_in())),
    ] {
        let scene = Scene::new(name);
        for script in ["fulfill", "delete"] {
            let record = format!(r#"{{ echo {script}; printf '<%s>\n' "$@"; }} >>"$LOG""#);
            scene.script(&format!("{script}.sh"), &record);
        }
        // The broker is shared: the queues cannot have the names that the example gives them.
        let text = text
            .replace("}}", "}")
            .replace("esi_leap_versioned_notifications.info", &scene.queue)
            .replace(
                "[fulfill]",
                &format!("vhost = {}\n[fulfill]", Broker::shared().vhost()),
            );
        let path = scene.path("documented.conf");
        fs::write(&path, text).expect("a configuration");

        let known = lease(FULFILL).with("fulfill_time", "2026-01-01T00:00:00Z");
        let other = lease(FULFILL).with("purpose", "production");
        for message in [lease(FULFILL), known, other, lease(DELETE)] {
            scene.publish(message.body);
        }
        let documented = |arguments: &[&str]| {
            let mut command = Command::new(program());
            command.args(arguments).arg("--config").arg(&path);
            let output = command.arg("--state-dir").arg(scene.state()).output();
            output.expect("the program")
        };
        let output = documented(&["listen", "--until-idle"]);
        assert!(output.status.success(), "{output:?}");

        let node = format!("<{NODE}>");
        let expected = [
            ["fulfill", &node, "<>"],
            ["fulfill", &node, "<2026-01-01T00:00:00Z>"],
            ["delete", &node, "<>"],
        ];
        assert_eq!(scene.log(), expected.concat());
        let runs = documented(&["runs", "list", "--format", "json"]).stdout;
        let runs: Vec<Value> = serde_json::from_slice(&runs).expect("JSON");
        let ends = runs.iter().map(|run| [&run["rule"], &run["state"]]);
        let expected = ["fulfill", "fulfill", "delete"].map(|rule| [rule, "succeeded"]);
        assert_eq!(ends.collect::<Vec<_>>(), expected);
        assert_eq!(scene.waiting(), Some(0));
    }
}
