//! Secrets among the words of a command and in the environment, recognized by the names beside them.

use std::ffi::OsStr;

use crate::core::printable::printable;

/// Stands for a password in a command that is shown.
const BLANKED: &str = "[blanked]";

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

/// Whether an option or a variable of this name holds a secret.
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

pub(super) fn blanked(words: &[String]) -> Vec<String> {
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
