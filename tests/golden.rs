//! Configuration files with problems, and the exact report on each.
//!
//! `tests/cases/config/NAME.conf` is read, and the report must be `NAME.expected`. All mismatches
//! are listed at once. `UPDATE_EXPECTED=1` writes the expected files instead; read the difference
//! before committing it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use esi_event_actions::app::parts::{self, Reading};

use super::support::scene::program;
use super::support::stage::private_folder;

/// Checks every `NAME.conf` in `folder`: `report(text, file name)` against `NAME.expected`.
fn compare(folder: &str, report: fn(&str, &str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = fs::read_dir(&path)
        .expect("the folder of cases")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "conf")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no cases in {folder}");

    let mut mismatches = String::new();
    for file in &files {
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a plain name");
        let text = fs::read_to_string(file).expect("a readable case");
        let found = report(&text, name) + "\n";
        let expected_file = file.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected_file, found).expect("a writable folder");
            continue;
        }
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if found != expected {
            write!(
                mismatches,
                "\n--- {name}: expected\n{expected}+++ found\n{found}"
            )
            .expect("memory");
        }
    }
    assert!(mismatches.is_empty(), "{mismatches}");
}

#[test]
fn configuration_problems_are_reported_exactly_so() {
    compare("tests/cases/config", |text, file| {
        report(&parts::read_for_listen(text, Path::new(file)), file)
    });
}

#[test]
fn a_configuration_for_the_history_has_problems_of_its_own() {
    compare("tests/cases/history", |text, file| {
        report(&parts::read_for_history(text, Path::new(file)), file)
    });
}

fn report<F>(reading: &Reading<F>, file: &str) -> String {
    assert_eq!(
        reading.config.is_none(),
        reading.problems.has_errors(),
        "{file}: there is a configuration unless an error is told"
    );
    let report = reading.problems.report(file).to_string();
    assert!(
        !report.contains("hidden"),
        "{file} shows a secret: {report}"
    );
    report
}

const DOCUMENTED: &str = include_str!("data/documented-example.conf");

/// The report on the example of ESI's documentation, changed so.
fn report_on_documented(changes: &[(&str, &str)]) -> String {
    let changed = |text: String, (from, to): &(&str, &str)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let text = changes.iter().fold(DOCUMENTED.to_owned(), changed);
    let reading = parts::read_for_listen(&text, Path::new("listener.conf"));
    assert_eq!(reading.config.is_some(), reading.problems.is_empty());
    reading.problems.report("listener.conf").to_string()
}

const FILLED_IN: [(&str, &str); 4] = [
    ("<user in transport_url>", "esi"),
    ("<password in transport_url>", "secret"),
    ("<host in transport_url>", "controller"),
    ("<port in transport_url>", "5672"),
];

#[test]
fn the_documented_example_has_placeholders_and_a_stray_brace_and_nothing_else() {
    let placeholder = |name, found: &str, place, hint: &str| {
        format!(
            "error: expected a value in `{name}`, but found {found}\n  \
             --> listener.conf:{place}, section [DEFAULT]\n\
             hint: {hint}\n\n"
        )
    };
    let named = |name, place| {
        let found = format!("the placeholder `<{name} in transport_url>`");
        let hint = format!("fill in the {name} in transport_url");
        placeholder(name, &found, place, &hint)
    };
    let secret = placeholder(
        "password",
        "a placeholder in `<` and `>`",
        "4:12",
        "fill it in from transport_url in esi-leap.conf; a password that does look like this can be \
         kept in a `password_file`",
    );
    let stray = "error: expected a JSON object in `filter_params`, but found `}` after it\n  \
                 --> listener.conf:21:64, rule [delete]\n\
                 hint: remove the second `}`, then run `esi-event-actions check`";
    let expected = [
        named("user", "3:8"),
        secret,
        named("host", "5:8"),
        named("port", "6:8"),
        stray.to_owned(),
    ];
    assert_eq!(report_on_documented(&[]), expected.concat());
    assert_eq!(report_on_documented(&FILLED_IN), stray);
    let mut mended = FILLED_IN.to_vec();
    mended.push(("}}", "}"));
    assert_eq!(report_on_documented(&mended), "");
}

#[test]
fn the_configuration_that_comes_along_has_no_problems() {
    // Where nobody else can change it, whatever is so of the checkout.
    let folder = private_folder();
    for file in [
        "conf/esi-event-action-listener.conf",
        "scripts/examples/fulfill.sh",
        "scripts/examples/delete.sh",
    ] {
        let copy = folder.path().join(file);
        fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), copy).expect("a copy");
    }
    // The password that it names comes as a credential of systemd's.
    fs::write(folder.path().join("password"), "secret\n").expect("a file");
    let output = Command::new(program())
        .args(["check", "--config", "conf/esi-event-action-listener.conf"])
        .env("CREDENTIALS_DIRECTORY", folder.path())
        .current_dir(folder.path())
        .output()
        .expect("the program");
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).as_ref()
        ),
        (
            Some(0),
            "conf/esi-event-action-listener.conf: no problems; 2 of 9 rules in force, 2 queues at \
             localhost:5672\n"
        ),
        "{output:?}"
    );
}
