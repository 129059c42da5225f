//! From a file's text to options as they are meant.

use super::*;
use crate::core::ini::problem::Severity;
use crate::core::ini::secret;

fn read_well(text: &str) -> Merged {
    let (merged, problems) = read(text, &secret);
    assert!(problems.is_empty(), "{}", problems.report("t.conf"));
    merged
}

fn messages(problems: &Problems) -> Vec<String> {
    problems
        .iter()
        .map(|problem| {
            assert_eq!(problem.severity, Severity::Error);
            let place = problem.position.expect("a place");
            let section = problem.section.as_deref().unwrap_or_default();
            format!("{place} [{section}] {}", problem.message)
        })
        .collect()
}

#[test]
fn the_documented_example_is_read_as_printed() {
    let merged = read_well(include_str!(
        "../../../../tests/data/documented-example.conf"
    ));
    let names: Vec<&str> = merged
        .sections
        .iter()
        .map(|section| &*section.name)
        .collect();
    assert_eq!(names, ["fulfill", "delete"]);
    let delete = &merged.sections[1];
    assert_eq!(delete.position.to_string(), "17:1");

    let filter = &delete.options["filter_params"];
    assert_eq!(
        filter.value.as_str(),
        r#"{"purpose": "test", "properties.vendor": "foo"}}"#
    );
    assert_eq!(
        filter.value.position_at(47).to_string(),
        "21:64",
        "the stray `}}`"
    );
    assert_eq!(
        filter.comment.map(|at| at.to_string()).as_deref(),
        Some("21:67")
    );
    assert!(!filter.inherited);

    let user = &delete.options["user"];
    assert_eq!(user.value.as_str(), "<user in transport_url>");
    assert!(user.inherited && user.comment.is_none());
    assert_eq!(user.position.to_string(), "3:1");
    assert_eq!(
        merged.defaults.options["queues"]
            .value
            .items(crate::core::ini::text::at_comma)[1]
            .1
            .to_string(),
        "7:48"
    );
}

#[test]
fn defaults_are_inherited_overridden_and_resolved_where_they_are_used() {
    let merged = read_well(
        "[one]\nkind = 1\n[DEFAULT]\nKind = 0\nscript = run-%(kind)s %(unused_here)s\nunused_here = x\n\
         [two]\n[default]\nkind=3\n[DEFAULT]\nlate = %%\n",
    );
    let scripts: Vec<(&str, &str, bool)> = merged
        .sections
        .iter()
        .map(|rule| {
            let kind = &rule.options["kind"];
            assert_eq!(rule.options["late"].value.as_str(), "%");
            (
                &*rule.name,
                rule.options["script"].value.as_str(),
                kind.inherited,
            )
        })
        .collect();
    assert_eq!(
        scripts,
        [
            ("one", "run-1 x", false),
            ("two", "run-0 x", true),
            ("default", "run-3 x", false)
        ]
    );
    assert_eq!(merged.defaults.position.to_string(), "3:1");
    let used: Vec<&str> = merged
        .defaults
        .options
        .iter()
        .filter(|(_, option)| option.used_as_variable)
        .map(|(name, _)| &**name)
        .collect();
    assert_eq!(used, ["kind", "unused_here"]);
}

#[test]
fn a_default_used_only_by_a_rule_counts_as_used() {
    let merged = read_well(
        "[DEFAULT]\nfolder = /x\nother = 1\n[a]\nscript = %(folder)s/y\nother = 2\nz = %(other)s\n",
    );
    let used = |section: &Section, name: &str| section.options[name].used_as_variable;
    assert!(used(&merged.defaults, "folder") && used(&merged.sections[0], "folder"));
    assert!(!used(&merged.defaults, "other"), "the rule's own is meant");
    assert!(used(&merged.sections[0], "other") && !used(&merged.sections[0], "script"));
}

#[test]
fn repeated_sections_and_options_name_the_first_place() {
    let (merged, problems) = read(
        "[a]\nk = 1\nK : 2\n[DEFAULT]\nd = 1\n[ a]\n[a]\nk = 3\n[DEFAULT]\nD = 2\n",
        &secret,
    );
    assert_eq!(
        messages(&problems),
        [
            "3:1 [a] `k` is already set at 2:1",
            "7:1 [a] there is already a section [a], at 1:1",
            "10:1 [DEFAULT] `d` is already set at 5:1",
        ]
    );
    let values: Vec<&str> = merged
        .sections
        .iter()
        .filter_map(|section| Some(section.options.get("k")?.value.as_str()))
        .collect();
    assert_eq!(values, ["1", "3"]);
    assert_eq!(merged.defaults.options["d"].value.as_str(), "1");
}

#[test]
fn what_no_rule_can_resolve_is_reported_once() {
    let (merged, problems) = read(
        "[DEFAULT]\nx = %(none)s\n[a]\nk = %(x)s\n[b]\n[c]\nx = own\n",
        &secret,
    );
    assert_eq!(
        messages(&problems),
        ["2:5 [DEFAULT] `x` refers to `%(none)s`, but there is no option `none`"]
    );
    assert_eq!(
        merged.sections[0].options["k"].value.as_str(),
        "%(x)s",
        "as written"
    );
}

#[test]
fn what_some_rules_can_resolve_is_reported_for_the_others() {
    let text = "[DEFAULT]\nx = %(kind)s\n[a]\nkind = 1\n[b]\n";
    let (merged, problems) = read(text, &secret);
    assert_eq!(
        messages(&problems),
        ["2:5 [b] `x` refers to `%(kind)s`, but there is no option `kind`"]
    );
    let unresolved = merged.defaults.options["x"].unresolved.as_ref();
    assert_eq!(
        unresolved.and_then(|problem| problem.section.as_deref()),
        Some(DEFAULT)
    );

    let merged = read_well("[DEFAULT]\nx = %(kind)s\n[a]\nkind = 1\n");
    assert!(
        merged.defaults.options["x"].unresolved.is_some(),
        "left to whoever reads it"
    );
}

#[test]
fn a_password_is_in_no_message() {
    let text = "[DEFAULT]\nuser = %(passwrd)s\npassword = hunter2%(hunter2)s\nhunter2\n\
                Password : hunter2\n[a]\nhunter2 # =\n";
    let (_, problems) = read(text, &secret);
    let report = problems.report("t.conf").to_string();
    assert_eq!(report.matches("error: ").count(), 5, "{report}");
    assert!(!report.contains("hunter2"), "{report}");
}
