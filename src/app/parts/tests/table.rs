//! `docs/reference.md`, the sample configuration and the readers are held against the table.

use std::fmt::Write as _;
use std::path::Path;

use crate::app::parts::{self, OPTIONS};
use crate::config;
use crate::config::table::{Kind, OptionRow, Scope};

const REFERENCE: &str = include_str!("../../../../docs/reference.md");
const SAMPLE: &str = include_str!("../../../../conf/esi-event-action-listener.conf");

/// All options, those of sources too.
fn all() -> impl Iterator<Item = &'static OptionRow> {
    let of_sources = OPTIONS
        .sources
        .iter()
        .flat_map(|source| source.options.rows);
    OPTIONS.rows().chain(of_sources)
}

/// The table of `docs/reference.md` for these options.
fn markdown<'a>(rows: impl Iterator<Item = &'a OptionRow>) -> String {
    let mut table = "| option | default | meaning |\n| --- | --- | --- |\n".to_owned();
    for row in rows {
        let default = row.default.map(|text| format!("`{text}` "));
        let default = default.unwrap_or_default();
        // A bar ends a cell, wherever it stands.
        let meaning = row.meaning.replace('|', "\\|");
        writeln!(table, "| `{}` | {default}| {meaning} |", row.name).expect("memory");
    }
    table
}

#[test]
fn the_tables_of_the_reference_are_this_one() {
    let general = [Scope::Service, Scope::Rule].map(|scope| markdown(OPTIONS.general(scope)));
    let actions = OPTIONS
        .actions
        .iter()
        .map(|action| markdown(action.rows.iter()));
    let sources = OPTIONS
        .sources
        .iter()
        .map(|source| markdown(source.options.rows.iter()));
    for table in general.into_iter().chain(actions).chain(sources) {
        assert!(
            REFERENCE.contains(&table),
            "docs/reference.md lacks this:\n\n{table}"
        );
    }
}

#[test]
fn the_sample_configuration_shows_every_option_with_its_default() {
    for row in all() {
        let lines = SAMPLE.lines().filter_map(|line| line.split_once(" = "));
        let shown = lines.filter(|(name, _)| name.trim_start_matches('#') == row.name);
        let shown: Vec<_> = shown.collect();
        assert!(
            !shown.is_empty(),
            "the sample configuration lacks `{}`",
            row.name
        );
        // What is commented out shows its default, or an example where there is none; parts may have options of the same
        // name with other defaults.
        if let Some(default) = row.default
            && shown.iter().all(|(name, _)| name.starts_with('#'))
            && row.kind != Kind::Json
        {
            let values: Vec<_> = shown.iter().map(|(_, value)| *value).collect();
            assert!(values.contains(&default), "{}: {values:?}", row.name);
        }
    }
}

#[test]
fn each_default_and_each_word_of_a_choice_is_accepted() {
    let mut values = Vec::new();
    for row in all() {
        values.extend(row.default.map(|text| (row, text)));
        if let Kind::Choice(words) = row.kind {
            values.extend(words.iter().map(|word| (row, *word)));
        }
    }
    assert!(values.len() > all().count() / 2);
    for (row, text) in values {
        let source = OPTIONS
            .sources
            .iter()
            .find(|source| source.options.has(row.name));
        let source = source.filter(|_| row.scope == Scope::Source);
        let place = source.map_or("[DEFAULT]".to_owned(), |source| {
            format!("[source:s]\ntype = {}", source.options.name)
        });
        let file = format!(
            "{place}\n{} = {text}\n[r]\nevents = a\nscript = s\n",
            row.name
        );
        let path = Path::new("f");
        let bus = parts::read_for_listen(&file, path).problems;
        let history = parts::read_for_history(&file, path).problems;
        let about =
            |problem: &&config::Problem| problem.message.contains(&format!("in `{}`", row.name));
        let told = bus.iter().chain(history.iter()).find(about);
        assert!(told.is_none(), "{} = {text}: {told:?}", row.name);
    }
}

#[test]
fn names_are_told_apart_and_written_as_they_are_read() {
    for (index, row) in OPTIONS.rows().enumerate() {
        assert_eq!(row.name, row.name.to_lowercase());
        let before = OPTIONS.rows().take(index);
        for other in before.filter(|other| other.name == row.name) {
            let (own, others) = ((row.kind, row.default), (other.kind, other.default));
            assert_eq!(
                own, others,
                "{}: one name, one spelling of values",
                row.name
            );
        }
        assert!(
            !row.meaning.contains('|') && !row.meaning.ends_with('.'),
            "{}",
            row.name
        );
    }
    for (index, action) in OPTIONS.actions.iter().enumerate() {
        let mut before = OPTIONS.actions[..index].iter();
        assert!(
            before.all(|other| other.name != action.name),
            "{}",
            action.name
        );
        let general = action
            .rows
            .iter()
            .find(|row| OPTIONS.is_of_every_rule(row.name));
        assert!(general.is_none(), "{}: {general:?}", action.name);
    }
}
