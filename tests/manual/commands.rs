//! Command lines that the pages and `--help` show are understood by the program.

use clap::CommandFactory;
use clap::error::ErrorKind;
use esi_event_actions::cli::Cli;

use super::{assert_none, manual, root};

const PROGRAM: &str = "esi-event-actions";

/// Why the program does not understand these arguments.
pub(super) fn refused(arguments: &[String]) -> Option<clap::Error> {
    let words = arguments.iter().map(|word| {
        let stands_for_something = word.chars().all(|char| char.is_ascii_uppercase());
        if stands_for_something { "1" } else { word }
    });
    let line = std::iter::once(PROGRAM).chain(words);
    let error = Cli::command().try_get_matches_from(line).err()?;
    let helps = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion];
    (!helps.contains(&error.kind())).then_some(error)
}

/// The commands of a line of a shell, each with its arguments, without what is around them.
pub(super) fn commands(line: &str) -> Vec<Vec<String>> {
    let mut plain = line.to_owned();
    while let Some((before, rest)) = plain.split_once("$(") {
        let (_, after) = rest.split_once(')').expect("a closing parenthesis");
        plain = format!("{before}1{after}");
    }
    let words = shlex::split(&plain).unwrap_or_else(|| panic!("an open quotation mark: {line}"));
    let separators = ["&&", "||", "|", ";"];
    let parts = words.split(|word| separators.contains(&word.as_str()));
    parts.map(without_prefix).collect()
}

/// Without `sudo`, variables before the command, and redirections behind it.
fn without_prefix(words: &[String]) -> Vec<String> {
    let is_variable = |word: &str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        let is_name = |char: char| char.is_ascii_uppercase() || char == '_';
        !name.is_empty() && name.chars().all(is_name)
    };
    let mut rest = words;
    loop {
        rest = match rest {
            [first, _, more @ ..] if first == "-u" => more,
            [first, more @ ..] if ["sudo", "env"].contains(&first.as_str()) => more,
            [first, more @ ..] if is_variable(first) => more,
            _ => break,
        };
    }
    let mut words = rest.to_vec();
    let is_redirection = |word: &String| word.starts_with(['<', '>']) || word.starts_with("2>");
    if let Some(end) = words.iter().position(is_redirection) {
        words.truncate(end);
    }
    words
}

#[test]
fn each_command_line_is_understood() {
    let mut complaints = Vec::new();
    let mut parsed = 0;
    for page in manual() {
        for block in &page.blocks {
            // A script may say anything.
            if !["sh", "sh example", "cron"].contains(&block.info.as_str()) {
                continue;
            }
            let text = block.text.replace("\\\n", " ");
            for line in text.lines() {
                let line = match block.info.as_str() {
                    // Minute, hour, day, month and weekday.
                    "cron" => line.splitn(6, ' ').last().unwrap_or_default(),
                    _ => line,
                };
                for command in commands(line) {
                    let Some((program, arguments)) = command.split_first() else {
                        continue;
                    };
                    if program.starts_with("scripts/") && !root().join(program).exists() {
                        complaints.push(format!("{}: there is no {program}", page.name));
                    }
                    if program == PROGRAM {
                        parsed += 1;
                        if let Some(error) = refused(arguments) {
                            complaints.push(format!("{}: {line}\n{error}", page.name));
                        }
                    }
                }
            }
        }
    }
    assert_none(&complaints);
    assert!(parsed > 30, "{parsed} command lines");
}

/// In running text a command may lack what it needs: `runs retry`.
#[test]
fn each_command_in_running_text_is_one() {
    let command = Cli::command();
    let groups = command
        .get_subcommands()
        .filter(|group| group.has_subcommands());
    let groups: Vec<_> = groups.map(clap::Command::get_name).collect();
    let lacks = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::InvalidValue,
    ];
    let mut complaints = Vec::new();
    let mut parsed = 0;
    for page in manual() {
        for (line, span) in &page.spans {
            let Some(words) = shlex::split(span) else {
                continue;
            };
            let arguments = match &words[..] {
                [program, arguments @ ..] if program == PROGRAM => arguments,
                [group, next, ..] if groups.contains(&group.as_str()) && next != "=" => &words[..],
                [command, flag, ..]
                    if flag.starts_with("--")
                        && Cli::command().find_subcommand(command).is_some() =>
                {
                    &words[..]
                }
                _ => continue,
            };
            parsed += 1;
            if let Some(error) = refused(arguments).filter(|error| !lacks.contains(&error.kind())) {
                complaints.push(format!("{}:{line}: `{span}`: {error}", page.name));
            }
        }
    }
    assert_none(&complaints);
    assert!(parsed > 30, "{parsed} commands");
}

#[test]
fn lines_of_a_shell_are_taken_apart() {
    let line =
        "cd x && sudo -u me A_B=1 esi-event-actions store set 'a b' $(date +%F).x >f 2>&1 # why";
    let expected = [vec!["cd", "x"], vec![PROGRAM, "store", "set", "a b", "1.x"]];
    assert_eq!(commands(line), expected);
}
