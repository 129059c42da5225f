//! Sections `[rule/step]` → the further steps of a rule.
//!
//! A section is a step if a rule, or a step of it, names it in `on_success` or `on_failure`. What is read
//! here is who follows whom; the options of a step are read like those of a rule.

use std::collections::BTreeSet;
use std::path::Path;

use super::action::{ACTION, ReadAction, RuleContext, kind};
use super::options::Options;
use super::table::{Scope, Table};
use super::throttle::BATCH;
use crate::core::event::{PayloadPath, first_path_end};
use crate::core::ini::merged::Section;
use crate::core::ini::problem::{Problem, Problems, nearest};
use crate::core::retry::RetryPolicy;
use crate::core::rules::{Asks, RetryOn, SEPARATOR, Step};

/// The options by which a section names the step that follows it.
const FOLLOW: [&str; 2] = ["on_success", "on_failure"];

/// The options that a step has in common with rules; the others of a rule say when a run is made.
const OF_STEPS: [&str; 7] = [
    ACTION,
    "retries",
    "retry_delay",
    "retry_on",
    "results",
    FOLLOW[0],
    FOLLOW[1],
];

const RESULTS_FORM: &str =
    r#"write it like `{"ip": "$.ip"}`: a name, and where its value is in what the action wrote"#;

/// The names of the sections that are steps: those that another section of the same rule names.
pub(super) fn steps(sections: &[Section]) -> BTreeSet<String> {
    let named = sections.iter().flat_map(|section| {
        let rule = rule_of(&section.name);
        let options = FOLLOW.iter().filter_map(|name| section.options.get(*name));
        let names = options.map(|option| option.value.as_str().trim());
        names.filter(move |name| is_step_of(name, rule))
    });
    named.map(str::to_owned).collect()
}

/// The rule of a step, by the name of its section; of a rule, the rule itself.
pub(super) fn rule_of(section: &str) -> &str {
    section
        .rsplit_once(SEPARATOR)
        .map_or(section, |(rule, _)| rule)
}

fn is_step_of(name: &str, rule: &str) -> bool {
    name.rsplit_once(SEPARATOR)
        .is_some_and(|(of, step)| of == rule && !step.is_empty())
}

/// A step and its action, which is none if a problem makes it none.
pub(super) struct Part<A> {
    /// What follows the step, and when it is tried again.
    pub(super) step: Step,
    /// What it does, and what it looks up in the event.
    pub(super) action: Option<(A, Asks)>,
}

/// Reads the parts of rules.
pub(super) struct Reader<'a, A> {
    /// The options that there are.
    pub(super) table: Table,
    /// All sections but those of sources.
    pub(super) sections: &'a [Section],
    /// The configuration file's folder.
    pub(super) folder: &'a Path,
    /// Reads an action by its name.
    pub(super) read_action: ReadAction<A>,
}

impl<A> Reader<'_, A> {
    /// Reads what a section says as a step of a rule.
    pub(super) fn part(
        &self,
        section: &Section,
        of_leases: bool,
        problems: &mut Problems,
    ) -> Part<A> {
        let options = &mut Options::new(self.table, section, problems);
        let context = RuleContext {
            name: &section.name,
            folder: self.folder,
            of_leases,
        };
        let action = kind(self.table, options);
        let action = action.and_then(|kind| (self.read_action)(kind, options, &context));
        let step = Step {
            name: section.name.clone(),
            retry: RetryPolicy {
                retries: options.number("retries"),
                first_delay: options.duration("retry_delay"),
            },
            retry_on: retry_on(options),
            on_success: options.text(FOLLOW[0]).map(str::to_owned),
            on_failure: options.text(FOLLOW[1]).map(str::to_owned),
            results: results(options),
        };
        Part { step, action }
    }

    /// Reads all steps of a rule, from its own on, in the order in which they are first named.
    pub(super) fn parts(
        &self,
        rule: &Section,
        of_leases: bool,
        problems: &mut Problems,
    ) -> Vec<Part<A>> {
        let mut parts = vec![self.part(rule, of_leases, problems)];
        let mut at = 0;
        while let Some(part) = parts.get(at) {
            let of = part.step.name.clone();
            let followers = [part.step.on_success.clone(), part.step.on_failure.clone()];
            for (option, name) in FOLLOW.into_iter().zip(followers) {
                let Some(name) = name else { continue };
                match find(&name, &of, self.sections) {
                    Ok(_) if parts.iter().any(|known| known.step.name == name) => {}
                    Ok(section) => {
                        report_foreign(self.table, section, problems);
                        parts.push(self.part(section, of_leases, problems));
                    }
                    Err(problem) => report(problem, option, &of, self.sections, problems),
                }
            }
            at += 1;
        }
        let steps: Vec<&Step> = parts.iter().map(|part| &part.step).collect();
        report_circles(&steps, self.sections, problems);
        report_same_names(&steps, self.sections, problems);
        report_unknown_results(&parts, self.sections, problems);
        parts
    }
}

/// Reports steps that no run can come to: their rule, or who names them, is none.
pub(super) fn report_unreachable(
    steps: &BTreeSet<String>,
    reached: &[&str],
    sections: &[Section],
    problems: &mut Problems,
) {
    let unreached = |section: &&Section| {
        steps.contains(&section.name) && !reached.contains(&section.name.as_str())
    };
    for section in sections.iter().filter(unreached) {
        let rule = rule_of(&section.name);
        let problem = Problem::error(
            format!("no run can come to the step [{}]", section.name),
            format!(
                "name it in `on_success` or `on_failure` of [{rule}] or of a step of that, or remove it"
            ),
        );
        problems.push(problem.at(section.position).within(&section.name));
    }
}

/// Whether a run has succeeded in which a step failed and another one dealt with that.
pub(super) fn handled_is_success(options: &mut Options<'_>) -> bool {
    let hint = "write `failure`, or `success` for a rule whose other steps make good what failed";
    let means = options.parse("on_failure_means", hint, |text| match text {
        "failure" => Some(false),
        "success" => Some(true),
        _ => None,
    });
    means.unwrap_or_default()
}

fn retry_on(options: &mut Options<'_>) -> RetryOn {
    if options.lacks("retry_on") {
        return RetryOn::default();
    }
    let mut on = RetryOn {
        failure: false,
        timeout: false,
    };
    let Some(option) = options.get("retry_on") else {
        return on;
    };
    for (text, position) in options.items("retry_on", "`failure` or `timeout`") {
        match text {
            "failure" => on.failure = true,
            "timeout" => on.timeout = true,
            _ => {
                let problem = Problem::error(
                    format!("expected `failure` or `timeout` in `retry_on`, but found `{text}`"),
                    "write `failure`, `timeout`, or both with a comma between them",
                );
                options.report(problem, option, position);
            }
        }
    }
    on
}

fn results(options: &mut Options<'_>) -> Vec<(String, PayloadPath)> {
    let Some(option) = options.get("results") else {
        return Vec::new();
    };
    let mut results: Vec<(String, PayloadPath)> = Vec::new();
    for entry in options
        .json_object("results", RESULTS_FORM)
        .unwrap_or_default()
    {
        let name = entry.name;
        let path = entry.value.as_str();
        let problem = match path.map(PayloadPath::parse) {
            _ if results.iter().any(|(known, _)| *known == name) => Problem::error(
                format!("expected one result `{name}`, but found two"),
                "remove one of them",
            ),
            Some(Ok(path)) => {
                results.push((name, path));
                continue;
            }
            Some(Err(invalid)) => Problem::error(invalid.message, invalid.hint),
            None => Problem::error(
                format!(
                    "expected a path as the result `{name}`, but found `{}`",
                    entry.value
                ),
                RESULTS_FORM,
            ),
        };
        options.report(problem, option, entry.position);
    }
    results
}

/// Reports what a step has that only a rule can have.
pub(super) fn report_foreign(table: Table, section: &Section, problems: &mut Problems) {
    let own = |name: &&str| {
        let option = section.options.get(*name);
        option.is_some_and(|option| !option.inherited && !option.used_as_variable)
    };
    let of_rules = table.general(Scope::Rule).map(|row| row.name);
    let of_rules = of_rules.filter(|name| !OF_STEPS.contains(name));
    // One of those actions that can be a step, too.
    let of_rules = of_rules.chain([BATCH.name]);
    for name in of_rules.filter(own) {
        let problem = Problem::error(
            format!(
                "`{name}` is an option of rules, but [{}] is a step",
                section.name
            ),
            format!("move it to [{}], or remove it", rule_of(&section.name)),
        );
        problems.push(
            problem
                .at(section.options[name].position)
                .within(&section.name),
        );
    }
}

/// The section of the step of this name.
fn find<'a>(name: &str, of: &str, sections: &'a [Section]) -> Result<&'a Section, Problem> {
    let rule = rule_of(of);
    if !is_step_of(name, rule) {
        return Err(Problem::error(
            format!("expected a step of [{rule}], but found `{name}`"),
            format!("write `{rule}{SEPARATOR}NAME`, and add the section [{rule}{SEPARATOR}NAME]"),
        ));
    }
    let section = sections.iter().find(|section| section.name == name);
    section.ok_or_else(|| {
        let steps = sections.iter().map(|section| section.name.as_str());
        let near = nearest(name, steps.filter(|name| is_step_of(name, rule)));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add a section [{name}] with the action of that step"),
        };
        Problem::error(format!("there is no step [{name}]"), hint)
    })
}

fn report(
    problem: Problem,
    option: &str,
    section: &str,
    sections: &[Section],
    problems: &mut Problems,
) {
    let section = sections.iter().find(|it| it.name == section);
    let Some((section, option)) = section.and_then(|it| Some((it, it.options.get(option)?))) else {
        return;
    };
    let problem = problem.at(option.value.position());
    problems.push(problem.within(&section.name));
}

/// A step from which a run could come back to it would never end.
fn report_circles(steps: &[&Step], sections: &[Section], problems: &mut Problems) {
    for &step in steps {
        let mut reached = BTreeSet::new();
        let mut ahead: Vec<&Step> = vec![step];
        while let Some(at) = ahead.pop() {
            for (option, next) in FOLLOW.into_iter().zip([&at.on_success, &at.on_failure]) {
                let Some(next) = next else { continue };
                if *next == step.name {
                    let problem = Problem::error(
                        format!("[{next}] would follow itself: the steps go in a circle"),
                        "let the last step name none",
                    );
                    report(problem, option, &at.name, sections, problems);
                    // One report for each circle: of its first step.
                    return;
                }
                if reached.insert(next) {
                    ahead.extend(steps.iter().filter(|it| it.name == *next).copied());
                }
            }
        }
    }
}

fn report_same_names(steps: &[&Step], sections: &[Section], problems: &mut Problems) {
    let rule = steps[0].short_name();
    let same = |step: &&&Step| step.short_name() == rule;
    for step in steps[1..].iter().filter(same) {
        let section = sections.iter().find(|section| section.name == step.name);
        let position = section.map(|section| section.position);
        let problem = Problem::error(
            format!(
                "the step [{}] has the name of its rule: `@{rule}` would mean both",
                step.name
            ),
            "give the step another name",
        );
        let problem = position.into_iter().fold(problem, Problem::at);
        problems.push(problem.within(&step.name));
    }
}

/// A path `@step.name` of a step that the rule does not have finds nothing.
fn report_unknown_results<A>(parts: &[Part<A>], sections: &[Section], problems: &mut Problems) {
    let known: Vec<&str> = parts.iter().map(|part| part.step.short_name()).collect();
    let is_known = |of: &str| {
        known.iter().any(|name| {
            let rest = of.strip_prefix(*name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    for Part { step, action } in parts {
        let asks = action.iter().flat_map(|(_, asks)| asks);
        for (option, path) in asks {
            if path.of_step().is_none_or(is_known) {
                continue;
            }
            let section = sections.iter().find(|it| it.name == step.name);
            let Some(value) = section.and_then(|it| Some(&it.options.get(*option)?.value)) else {
                continue;
            };
            let mut items = value.items(first_path_end).into_iter();
            let item = items.find(|(text, _)| *text == path.as_str());
            let problem = Problem::warning(
                format!(
                    "`{path}` is always missing: [{}] has no such step",
                    rule_of(&step.name)
                ),
                format!("its steps are: {}", known.join(", ")),
            );
            let problem = problem.at(item.map_or(value.position(), |(_, position)| position));
            problems.push(problem.within(&step.name));
        }
    }
}

/// Whether this section looks like a step that nobody names: what to do about that.
pub(super) fn unreachable(section: &Section, sections: &[Section]) -> Option<String> {
    let (rule, name) = section.name.rsplit_once(SEPARATOR)?;
    let is_rule = sections.iter().any(|other| other.name == rule);
    (is_rule && !name.is_empty()).then(|| {
        format!(
            "if it is a step, name it in `on_success` or `on_failure` of [{rule}] or of a step of that; \
             else name the types of event it is for, like `events = esi_leap.lease.fulfill.end`"
        )
    })
}
