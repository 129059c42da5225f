//! The options of a rule that runs a script.

use super::Script;
use super::param::{Param, STORED};
use crate::actions::rows::{TIMEOUT, time_limit};
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, RuleContext, command, payload_path};
use crate::core::event::first_path_end;
use crate::core::ini::problem::Problem;
use crate::core::store::check_name;

/// The options of a rule that runs a script.
pub(super) const OPTIONS: [OptionRow; 4] = [
    OptionRow {
        name: "script",
        scope: Scope::Rule,
        kind: Kind::Command,
        default: None,
        meaning: "the program and its fixed arguments, split as a shell would split them, but not run by a \
                  shell. The program is looked for beside the configuration, then on `PATH`",
    },
    OptionRow {
        name: "script_params",
        scope: Scope::Rule,
        kind: Kind::List,
        default: None,
        meaning: "paths, or `store:NAME` for a value of the store as it is when the attempt starts; the value of each \
                  becomes one argument. Commas within the brackets of a JSONPath belong to it. Text is passed as it is, numbers and booleans as in JSON, null and missing \
                  fields as an empty argument, objects and lists as JSON. NUL becomes U+FFFD, and a value \
                  over 128 KiB an empty argument, with a warning",
    },
    TIMEOUT,
    OptionRow {
        name: "kill_grace",
        scope: Scope::Rule,
        kind: Kind::Duration,
        default: Some("10s"),
        meaning: "the time between SIGTERM and SIGKILL",
    },
];

/// Reads them; `None` if a problem was found without which there is nothing to run.
pub(super) fn read(options: &mut Options<'_>, rule: &RuleContext<'_>) -> Option<Script> {
    if options.lacks("script") {
        options.report_section(
            "expected `script` in the rule, but found none",
            "name the program to run, like `script = fulfill.sh`",
        );
    }
    let command = command(options, "script", "fulfill.sh");
    let params = params(options, rule.of_leases);
    let timeout = time_limit(options);
    let kill_grace = options.duration("kill_grace");
    let (words, position) = command?;
    Some(Script {
        words,
        params,
        timeout,
        kill_grace,
        folder: rule.folder.to_owned(),
        position,
    })
}

fn params(options: &mut Options<'_>, of_leases: bool) -> Vec<Param> {
    let items = options.items_by("script_params", "a field's path", first_path_end);
    let Some(option) = options.get("script_params") else {
        return Vec::new();
    };
    let mut params = Vec::new();
    for (text, position) in items {
        if let Some(name) = text.strip_prefix(STORED) {
            match check_name(name) {
                Ok(()) => params.push(Param::Stored(name.to_owned())),
                Err(error) => {
                    let message = format!("`script_params`: `{text}`: {error}");
                    options.report(Problem::error(message, error.remedy()), option, position);
                }
            }
            continue;
        }
        let blank = text.contains(char::is_whitespace) && !text.starts_with('$');
        if blank {
            let problem = Problem::warning(
                format!("`{text}` in `script_params` is one field with a blank in its name"),
                "separate fields with commas",
            );
            options.report(problem, option, position);
        }
        let path = payload_path(options, option, "script_params", text, of_leases && !blank);
        params.extend(path.map(Param::Path));
    }
    params
}
