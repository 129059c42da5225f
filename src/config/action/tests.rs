//! Rules of two actions that exist here alone.

use super::*;
use crate::config::table::{Kind, OptionRow, RULE, Scope, Table};
use crate::config::{self, Reading};

const fn row(name: &'static str) -> OptionRow {
    OptionRow {
        name,
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "",
    }
}

/// What both actions have.
const VOLUME: OptionRow = row("volume");
static PLAY: [OptionRow; 2] = [row("record"), VOLUME];
static SHOUT: [OptionRow; 2] = [row("words"), VOLUME];
static SERVICE: [OptionRow; 2] = [of_service(VOLUME), of_service(row("words"))];

const fn of_service(row: OptionRow) -> OptionRow {
    OptionRow {
        scope: Scope::Service,
        ..row
    }
}

static TABLE: Table = Table {
    general: &[&SERVICE, &RULE, &[row(ACTION)]],
    actions: &[
        PartOptions {
            name: "play",
            rows: &PLAY,
        },
        PartOptions {
            name: "shout",
            rows: &SHOUT,
        },
    ],
    sources: &[],
};

/// Reads a file; an action is its name with its volume.
fn read(text: &str) -> Reading<(), String> {
    config::read(
        TABLE,
        text,
        Path::new("/etc/f"),
        |_| Some(()),
        |name, options, _| {
            let volume = options.text_or_default("volume");
            Some((format!("{name} {volume}"), Asks::new()))
        },
    )
}

#[test]
fn a_rule_has_the_action_that_it_names_else_the_first_one() {
    let text = "[DEFAULT]\nrecord = r\nvolume = 3\n[a]\nevents = e\n\
                [b]\nevents = e\naction = Shout\nwords = w\nvolume = 11\n";
    let reading = read(text);
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    let config = reading.config.unwrap();
    assert_eq!(config.actions["a"], "play 3");
    // What it inherits and does not read is no problem.
    assert_eq!(config.actions["b"], "shout 11");
    let inherited = read("[DEFAULT]\naction = shout\n[a]\nevents = e\n");
    assert_eq!(inherited.config.unwrap().actions["a"], "shout ");
}

#[test]
fn an_unknown_action_and_an_option_of_another_one_are_told_with_their_places() {
    let cases = [
        (
            "[r]\nevents = e\naction = shuot\nwords = w\n",
            "error: expected an action in `action`, but found `shuot`\n  --> f:3:10, rule [r]\n\
             hint: did you mean `shout`?",
        ),
        (
            "[r]\nevents = e\naction = whisper\n",
            "error: expected an action in `action`, but found `whisper`\n  --> f:3:10, rule [r]\n\
             hint: write one of these: play, shout",
        ),
        (
            "[r]\nevents = e\naction = shout\nrecord = x\n",
            "error: expected an option of `action = shout`, but found `record`, which is one of \
             `action = play`\n  --> f:4:1, rule [r]\n\
             hint: remove `record`, or choose `action = play`",
        ),
        (
            "[r]\nevents = e\nwords = w\n",
            "error: expected an option of a rule, but found `words`, which concerns the whole service\n  \
             --> f:3:1, rule [r]\nhint: move `words` to [DEFAULT]",
        ),
        (
            "[r]\nevents = e\nrecrod = x\n",
            "error: there is no option `recrod`\n  --> f:3:1, rule [r]\nhint: did you mean `record`?",
        ),
    ];
    for (text, expected) in cases {
        let reading = read(text);
        assert!(reading.config.is_none());
        let report = reading.problems.report("f").to_string();
        assert!(report.starts_with(expected), "{report}");
        assert_eq!(reading.problems.iter().count(), 1, "{report}");
    }
}

#[test]
fn an_option_of_several_is_one_option_and_has_a_row_for_each_scope() {
    let rows: Vec<_> = TABLE.rows().filter(|row| row.name == "volume").collect();
    let scopes: Vec<Scope> = rows.iter().map(|row| row.scope).collect();
    assert_eq!(scopes, [Scope::Service, Scope::Rule]);
    assert!(TABLE.is_of_service("volume") && !TABLE.is_of_every_rule("volume"));
}

#[test]
fn a_section_that_names_what_to_do_is_a_rule_whatever_it_is_called() {
    for (text, is_rule) in [
        ("[defaults]\nvolume = 3\n[r]\nevents = e\n", false),
        (
            "[defaults]\nwords = w\naction = shout\n[r]\nevents = e\n",
            true,
        ),
    ] {
        let report = read(text).problems.report("f").to_string();
        assert_eq!(report.contains("which is a rule"), !is_rule, "{report}");
    }
}
