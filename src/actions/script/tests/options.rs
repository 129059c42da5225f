//! What the options of a script become.

use std::path::Path;

use crate::actions::script::{KIND, Script, options};
use crate::config::table::{PartOptions, RULE, SERVICE, Table};
use crate::config::{self, Reading};

const TABLE: Table = Table {
    general: &[&SERVICE, &RULE],
    actions: &[PartOptions {
        name: KIND,
        rows: &options::OPTIONS,
    }],
    sources: &[],
};

/// The scripts of a file in `/etc/esi` of this text.
fn read(text: &str) -> Reading<(), Script> {
    let file = Path::new("/etc/esi/listener.conf");
    config::read(
        TABLE,
        text,
        file,
        |_| Some(()),
        |_, options, rule| Some((options::read(options, rule)?, Vec::new())),
    )
}

type Shown = fn(&Script) -> String;

#[test]
fn options_become_a_script() {
    let words: Shown = |script| script.words.join("|");
    let params: Shown = |script| {
        let texts = script.params.iter().map(ToString::to_string);
        texts.collect::<Vec<_>>().join("|")
    };
    let timeout: Shown = |script| format!("{:?}", script.timeout);
    let kill_grace: Shown = |script| format!("{:?}", script.kill_grace);
    let cases = [
        ("", words, "s"),
        ("script = s 'a b' c\\ d \"e\"\n", words, "s|a b|c d|e"),
        ("", params, ""),
        (
            "script_params = a, b.0.c ,$['x.y']\n",
            params,
            "a|b.0.c|$['x.y']",
        ),
        ("", timeout, "None"),
        ("timeout = 500ms\n", timeout, "Some(500ms)"),
        ("", kill_grace, "10s"),
        ("kill_grace = 2 m\n", kill_grace, "120s"),
    ];
    for (lines, shown, expected) in cases {
        let given = if lines.starts_with("script =") {
            ""
        } else {
            "script = s\n"
        };
        // Said in the rule or in [DEFAULT] is the same.
        for text in [
            format!("[r]\nevents = e\n{given}{lines}"),
            format!("[DEFAULT]\n{lines}[r]\nevents = e\n{given}"),
        ] {
            let reading = read(&text);
            assert!(!reading.problems.has_errors(), "{:?}", reading.problems);
            let script = &reading.actions[0].action;
            assert_eq!(shown(script), expected, "{text}");
            assert_eq!(script.folder, Path::new("/etc/esi"));
        }
    }
}

#[test]
fn scripts_are_told_with_their_places() {
    let text = "[a]\nevents = e\nscript =  one.sh x\n\
                [b]\nevents = e\nenabled = no\nscript =\n  'two words'\n";
    let places = read(text).actions.into_iter().map(|one| {
        let Script {
            words, position, ..
        } = one.action;
        (
            one.rule,
            words[0].clone(),
            position.to_string(),
            one.enabled,
        )
    });
    let place = |rule: &str, program: &str, position: &str, enabled| {
        (
            rule.to_owned(),
            program.to_owned(),
            position.to_owned(),
            enabled,
        )
    };
    assert_eq!(
        places.collect::<Vec<_>>(),
        [
            place("a", "one.sh", "3:11", true),
            place("b", "two words", "8:3", false)
        ]
    );
}
