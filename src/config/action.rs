//! Which action a rule has, and how its part is asked to read it.

use std::path::Path;

use super::options::Options;
use super::table::{PartOptions, Table};
use crate::core::ini::merged::Section;
use crate::core::ini::problem::{Problem, nearest};
use crate::core::rules::Asks;

/// The option that names a rule's action.
pub(super) const ACTION: &str = "action";

/// What a part has to know of a rule to read its action.
#[derive(Clone, Copy, Debug)]
pub struct RuleContext<'a> {
    /// The rule's name.
    pub name: &'a str,
    /// The configuration file's folder.
    pub folder: &'a Path,
    /// The rule is for events of ESI Leap alone, so that a path that no lease has can be warned of.
    pub of_leases: bool,
}

/// Reads the options of the action of this name, and what it looks up in events; `None` if a problem makes it
/// none.
pub type ReadAction<A> = fn(&str, &mut Options<'_>, &RuleContext<'_>) -> Option<(A, Asks)>;

/// The action of a rule, as its part has read it.
#[derive(Clone, Debug)]
pub struct RuleAction<A> {
    /// The rule.
    pub rule: String,
    /// Whether the rule is in force.
    pub enabled: bool,
    /// What it does.
    pub action: A,
}

/// The action that a section names, if that is one; the first if it names none.
pub(super) fn named(table: Table, section: &Section) -> Option<&'static PartOptions> {
    let option = section.options.get(ACTION);
    let text = option.map_or("", |option| option.value.as_str().trim());
    find(table, text)
}

fn find(table: Table, text: &str) -> Option<&'static PartOptions> {
    if text.is_empty() {
        return table.actions.first();
    }
    let mut actions = table.actions.iter();
    actions.find(|action| action.name.eq_ignore_ascii_case(text))
}

/// The name of the rule's action; `None` if there is none of that name, which is a problem then.
pub(super) fn kind(table: Table, options: &mut Options<'_>) -> Option<&'static str> {
    if options.lacks(ACTION) {
        return find(table, "").map(|action| action.name);
    }
    let option = options.get(ACTION)?;
    let text = option.value.as_str().trim();
    let found = find(table, text);
    if found.is_none() {
        let hint = one_of(text, table.actions.iter().map(|action| action.name));
        let message = format!("expected an action in `{ACTION}`, but found `{text}`");
        options.report(
            Problem::error(message, hint),
            option,
            option.value.position(),
        );
    }
    found.map(|action| action.name)
}

/// What to write instead of this, where these can stand.
pub(super) fn one_of(text: &str, names: impl Iterator<Item = &'static str> + Clone) -> String {
    match nearest(&text.to_lowercase(), names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "write one of these: {}",
            names.collect::<Vec<_>>().join(", ")
        ),
    }
}

/// That a rule has an option which only other actions read; `None` if no action does.
pub(super) fn foreign(table: Table, own: &PartOptions, name: &str) -> Option<Problem> {
    let others = table.actions.iter().filter(|action| action.has(name));
    let others: Vec<String> = others
        .map(|action| format!("`{ACTION} = {}`", action.name))
        .collect();
    let others = (!others.is_empty()).then(|| others.join(" or "))?;
    Some(Problem::error(
        format!(
            "expected an option of `{ACTION} = {}`, but found `{name}`, which is one of {others}",
            own.name
        ),
        format!("remove `{name}`, or choose {others}"),
    ))
}

#[cfg(test)]
mod tests;
