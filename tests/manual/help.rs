//! `--help`: what it says, and the examples in it.

use std::fmt::Write as _;
use std::fs;

use clap::CommandFactory;
use esi_event_actions::cli::Cli;

use super::commands::{commands, refused};
use super::{assert_none, root};

/// The help of each of these commands, by the words that lead to it.
fn all() -> Vec<(Vec<String>, String)> {
    fn collect(command: &clap::Command, way: &[String], all: &mut Vec<(Vec<String>, String)>) {
        let line = std::iter::once("esi-event-actions".to_owned());
        let line = line.chain(way.iter().cloned()).chain(["--help".to_owned()]);
        let help = Cli::command().term_width(100).try_get_matches_from(line);
        let help = help.expect_err("the help is no match").to_string();
        all.push((way.to_owned(), help));
        for inner in command.get_subcommands() {
            let name = inner.get_name().to_owned();
            if name != "help" {
                collect(inner, &[way, &[name]].concat(), all);
            }
        }
    }
    let mut all_of_them = Vec::new();
    collect(&Cli::command(), &[], &mut all_of_them);
    all_of_them
}

/// The commands among its examples.
fn examples(help: &str) -> Vec<&str> {
    let (_, behind) = help.split_once("\nExamples:\n").unwrap_or_default();
    let lines = behind.lines().take_while(|line| line.starts_with("  "));
    lines.map(str::trim).collect()
}

#[test]
fn each_subcommand_shows_examples_that_are_understood() {
    let mut complaints = Vec::new();
    let mut parsed = 0;
    for (way, help) in all() {
        let examples = examples(&help);
        if way.len() < 2 && examples.is_empty() {
            complaints.push(format!("{way:?} shows no examples"));
        }
        for example in examples {
            for command in commands(example) {
                let Some((_, arguments)) = command
                    .split_first()
                    .filter(|(program, _)| *program == "esi-event-actions")
                else {
                    continue;
                };
                parsed += 1;
                if !arguments.starts_with(&way) {
                    complaints.push(format!("{way:?}: `{example}` is of another command"));
                }
                if let Some(error) = refused(arguments) {
                    complaints.push(format!("{way:?}: `{example}`: {error}"));
                }
            }
        }
    }
    assert_none(&complaints);
    assert!(parsed > 20, "{parsed} examples");
}

#[test]
fn the_help_is_this() {
    let file = root().join("tests/cases/help.expected");
    let mut found = String::new();
    for (way, help) in all() {
        let line = [
            &["esi-event-actions".to_owned()],
            &way[..],
            &["--help".to_owned()],
        ]
        .concat();
        writeln!(found, "$ {}\n{help}", line.join(" ")).expect("memory");
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&file, &found).expect("a writable folder");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    let same = found
        .lines()
        .zip(expected.lines())
        .take_while(|(new, old)| new == old);
    let line = same.count();
    let at = |text: &str| text.lines().nth(line).map(str::to_owned);
    assert!(
        found == expected,
        "line {} of {} is {:?}, but the help has {:?}: `UPDATE_EXPECTED=1` writes it",
        line + 1,
        file.display(),
        at(&expected),
        at(&found),
    );
}
