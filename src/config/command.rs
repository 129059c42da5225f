//! A program with its arguments, split as a shell would and run by none.

use std::ffi::OsStr;

use super::options::Options;
use crate::core::ini::problem::Problem;
use crate::core::ini::text::Position;
use crate::core::printable::printable;

/// Stands for a password in a command that is shown.
const BLANKED: &str = "[blanked]";

/// The words of the option `name`, of which there is at least one, and where they stand.
pub fn command(
    options: &mut Options<'_>,
    name: &str,
    example: &str,
) -> Option<(Vec<String>, Position)> {
    let option = options.get(name)?;
    let position = option.value.position();
    let Some(words) = shlex::split(option.value.as_str()) else {
        let problem = Problem::error(
            format!(
                "expected a program and its arguments in `{name}`, but found a quotation mark or a \
                 backslash without its end"
            ),
            "close the quotation; what follows ` #` or ` ;` is a comment",
        );
        options.report(problem, option, position);
        return None;
    };
    if words.first().is_none_or(String::is_empty) {
        let problem = Problem::error(
            format!("expected a program in `{name}`, but found an empty word"),
            format!("name the program to run, like `{name} = {example}`"),
        );
        options.report(problem, option, position);
        return None;
    }
    if let Some(at) = words.iter().position(|word| wants_a_shell(word)) {
        let word = &blanked(&words)[at];
        let problem = Problem::warning(
            format!("no shell reads `{name}`: `{word}` is passed to the program as it is"),
            "put what needs a shell into a script of its own, and name that",
        );
        options.report(problem, option, position);
    }
    Some((words, position))
}

/// A program with its arguments as one could type it, but for passwords.
#[must_use]
pub fn shown_command(words: &[String]) -> String {
    let words = blanked(words);
    // A NUL, which cannot be quoted, cannot be passed either: the start is refused.
    let line = shlex::try_join(words.iter().map(String::as_str));
    printable(line.unwrap_or_else(|_| words.join(" ")).as_bytes())
}

/// What `--os-password VALUE`, `--os-token=VALUE` or `OS_PASSWORD=VALUE` among these words give away.
pub fn secrets_among(words: &[String]) -> impl Iterator<Item = &str> {
    (0..words.len()).filter_map(|at| secret_in(words, at).map(|(_, value)| value))
}

/// Whether an option or a variable of this name holds what nobody may read.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASS", "SECRET", "TOKEN"]
        .iter()
        .any(|it| name.contains(it))
}

/// Whether a variable of the environment holds a password or a token for `OpenStack`.
#[must_use]
pub fn is_secret_variable(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with("OS_") && is_secret(name))
}

fn blanked(words: &[String]) -> Vec<String> {
    let blank = |at: usize| match secret_in(words, at) {
        Some((before, _)) => format!("{before}{BLANKED}"),
        None => words[at].clone(),
    };
    (0..words.len()).map(blank).collect()
}

/// The secret in one of these words, and what of the word comes before it.
fn secret_in(words: &[String], at: usize) -> Option<(&str, &str)> {
    let asks_for_one = |word: &str| word.starts_with('-') && !word.contains('=') && is_secret(word);
    // A word that is a secret asks for none, whatever it looks like.
    let asking = words[..at].iter().rev();
    let asking = asking.take_while(|word| asks_for_one(word)).count();
    if asking % 2 == 1 {
        return Some(("", &words[at]));
    }
    let (name, value) = words[at].split_once('=')?;
    is_secret(name).then(|| (&words[at][..=name.len()], value))
}

/// Whether a shell would do something with this word, unless it was quoted.
fn wants_a_shell(word: &str) -> bool {
    let redirection = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
    let variable =
        |(at, _)| word[at + 1..].starts_with(|c: char| c.is_alphabetic() || "_{(".contains(c));
    matches!(word, "|" | "||" | "&" | "&&" | "~")
        || redirection.starts_with(['<', '>'])
        || word.ends_with(';')
        || word.starts_with("~/")
        || word.contains('`')
        || word.match_indices('$').any(variable)
}
