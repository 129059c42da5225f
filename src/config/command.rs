//! A program with its arguments, split as a shell would split them, and run without a shell.

use super::options::Options;
use super::secrets::blanked;
use crate::core::ini::problem::Problem;
use crate::core::ini::text::Position;

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
