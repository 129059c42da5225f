//! What a configuration file means, compared with Python's own `configparser` on generated files.
//!
//! One Python process answers for all of them. Not generated are the declared differences: inline
//! comments, a `%` that begins neither `%%` nor `%(name)s`, and header lines that Python takes for
//! something else; `src/core/ini/dialect.rs` says which. What is meant there has tests beside it.

mod generate;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use esi_event_actions::core::ini::merged::{self, Merged};
use esi_event_actions::core::ini::problem::{Problem, Problems, Severity};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// For each line, a JSON string, one line: null if the text is refused, else section → option →
/// value, or null if the value cannot be interpolated.
const PYTHON: &str = r"
import configparser, io, json, sys

def value(parser, section, option):
    try:
        return parser.get(section, option)
    except configparser.InterpolationError:
        return None

def meaning(text):
    parser = configparser.ConfigParser()
    try:
        parser.read_file(io.StringIO(text, newline=None))
    except configparser.Error:
        return None
    return {
        section: {option: value(parser, section, option) for option in parser[section]}
        for section in parser
    }

for line in sys.stdin.buffer:
    print(json.dumps(meaning(json.loads(line))), flush=True)
";

type Meaning = BTreeMap<String, BTreeMap<String, Option<String>>>;

/// A running Python, which ends when its input is closed.
struct Python {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    fn start() -> Self {
        let mut process = Command::new("python3")
            .args(["-c", PYTHON])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        Self {
            questions: process.stdin.take().expect("a pipe"),
            answers: BufReader::new(process.stdout.take().expect("a pipe")),
            process,
        }
    }

    fn meaning(&mut self, text: &str) -> Option<Meaning> {
        let question = serde_json::to_string(text).expect("a string is JSON");
        writeln!(self.questions, "{question}").expect("python reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("python answers");
        serde_json::from_str(&answer).expect("python answers in JSON")
    }

    fn stop(mut self) {
        drop(self.questions);
        let status = self.process.wait().expect("python ends");
        assert!(status.success(), "python: {status}");
    }
}

fn sections(merged: &Merged) -> impl Iterator<Item = &merged::Section> {
    std::iter::once(&merged.defaults).chain(&merged.sections)
}

/// The meaning by our reading, or the first error that makes the whole file unusable for Python too.
fn ours<'p>(merged: &Merged, problems: &'p Problems) -> Result<Meaning, &'p Problem> {
    let unresolved: Vec<&Problem> = sections(merged)
        .flat_map(|section| section.options.values())
        .filter_map(|option| option.unresolved.as_ref())
        .collect();
    let error = problems
        .iter()
        .find(|problem| problem.severity == Severity::Error && !unresolved.contains(problem));
    if let Some(problem) = error {
        return Err(problem);
    }
    let meaning = sections(merged).map(|section| {
        let options = section.options.iter().map(|(name, option)| {
            let value = option
                .unresolved
                .is_none()
                .then(|| option.value.as_str().to_owned());
            (name.clone(), value)
        });
        (section.name.clone(), options.collect())
    });
    Ok(meaning.collect())
}

/// Compares our reading of a text with Python's, and every place with the character there.
fn compare(text: &str, expected: Option<&Meaning>) -> Result<(), String> {
    let (merged, problems) = merged::read(text, &|_| false);
    match (ours(&merged, &problems), expected) {
        (Err(_), None) => {}
        (Err(problem), Some(_)) => return Err(format!("refused, unlike Python: {problem:?}")),
        (Ok(_), None) => return Err("Python refuses".into()),
        (Ok(meaning), Some(expected)) => {
            if meaning != *expected {
                return Err(format!("meant {meaning:?}\n  but Python {expected:?}"));
            }
        }
    }
    every_character_is_at_its_place(text, &merged)
}

fn every_character_is_at_its_place(text: &str, merged: &Merged) -> Result<(), String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<Vec<char>> = text
        .split('\n')
        .map(|line| line.chars().collect())
        .collect();
    for (name, option) in sections(merged).flat_map(|section| &section.options) {
        for (offset, character) in option.value.as_str().char_indices() {
            let at = option.value.position_at(offset);
            let line = &lines[at.line as usize - 1];
            let found = line.get(at.column as usize - 1).copied();
            let as_expected = match character {
                '\n' => at.column as usize <= line.len() + 1,
                _ => found == Some(character),
            };
            if !as_expected {
                return Err(format!(
                    "`{name}`, byte {offset}: {character:?}, but {found:?} at {at}"
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn generated_files_mean_what_they_mean_to_python() {
    let python = RefCell::new(Python::start());
    let accepted = Cell::new(0_u32);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&generate::file(), |text| {
        let expected = python.borrow_mut().meaning(&text);
        accepted.set(accepted.get() + u32::from(expected.is_some()));
        compare(&text, expected.as_ref()).map_err(TestCaseError::fail)
    });
    python.into_inner().stop();
    if let Err(failure) = result {
        panic!("{failure}");
    }
    // Nothing is learnt about values from files that both refuse.
    assert!(
        accepted.get() > 600,
        "only {} files were accepted",
        accepted.get()
    );
}

/// `k0` refers to `k1`, and so on, so many times.
fn chain(references: usize) -> String {
    let lines = (0..references).map(|level| format!("k{level} = %(k{})s\n", level + 1));
    format!("[a]\n{}k{references} = end\n", lines.collect::<String>())
}

#[test]
fn awkward_files_mean_what_they_mean_to_python() {
    let files = [
        "",
        "# nothing\n\n",
        "k = 1",
        " k = 1\n[a]\n",
        "[a]\nk",
        "[a]\n= 1",
        "[a]\n : 1\n[b]\n",
        "[]\n",
        "[a]\nk = 1\nK : 2\n",
        "[a]\n[A]\n[ a]\n[a ]\n",
        "[a]\n[b]\n[a]\n",
        "[DEFAULT]\na = 1\n[x]\n[DEFAULT]\nb = 2\n",
        "[DEFAULT]\na = 1\n[DEFAULT]\nA = 2\n",
        "[a]\nk = 1\n\n\n 2\n\n# c\n 3\n\n\n[b]\n",
        "[a]\n   k = 1\n  l = 2\n    m = 3\n",
        "[a]\n 2\n",
        "[a]\nk =\n [b]\n [c]\n",
        "[a]\nk = %(l)s\nl = %(k)s\nm = %(m)s\n",
        "[DEFAULT]\nk = %(l)s\n[a]\nl = 1\n[b]\n",
        "[a]\nk = %%%%(l)s%%\nl = %%(k)s\nm = %(K)s%(k)s\n",
        &chain(10),
        &chain(11),
        &chain(12),
    ];
    let mut python = Python::start();
    for text in files {
        let expected = python.meaning(text);
        if let Err(difference) = compare(text, expected.as_ref()) {
            panic!("{text:?}: {difference}");
        }
    }
    python.stop();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_can_be_read_and_placed(text in generate::noise()) {
        let (merged, problems) = merged::read(&text, &|_| false);
        every_character_is_at_its_place(&text, &merged).map_err(TestCaseError::fail)?;
        prop_assert!(problems.iter().all(|problem| problem.position.is_some()));
    }
}
