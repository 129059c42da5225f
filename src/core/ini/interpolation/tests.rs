//! References in values, on options as they come out of a file.

use super::*;
use crate::core::ini::raw;
use crate::core::ini::secret;

/// Interpolates `option` of the only section of `text`.
fn interpolated(text: &str, option: &str) -> Result<Value, Problem> {
    whole(text, option).map(|interpolated| interpolated.value)
}

fn whole(text: &str, option: &str) -> Result<Interpolated, Problem> {
    let (sections, problems) = raw::read(text, &secret);
    assert!(problems.is_empty(), "{text:?}: {problems:?}");
    let options = &sections.first().expect("one section").options;
    let scope: Scope<'_> = options
        .iter()
        .map(|option| (&*option.name, option))
        .collect();
    interpolate(scope[option], &scope, &mut BTreeSet::new())
}

#[test]
fn what_values_mean() {
    let cases = [
        ("k = 100%%", "100%"),
        ("k = 100%", "100%"),
        ("k = %a%%%b%", "%a%%b%"),
        ("k = %(x)s/%(X)s%(y)s\nx = 1\ny = %%(x)s", "1/1%(x)s"),
        ("k = %(x\nx = 1", "%(x"),
        ("k = %(x)d %()s\nx = 1", "%(x)d %()s"),
        ("k = a%(x)sb\nx =", "ab"),
        ("k = %(x)s\nx =\n  1\n  2", "\n1\n2"),
    ];
    for (options, expected) in cases {
        let value = interpolated(&format!("[a]\n{options}\n"), "k").expect(options);
        assert_eq!(value.as_str(), expected, "{options:?}");
    }
}

#[test]
fn what_took_in_a_secret_says_by_which_reference() {
    let cases = [
        ("k = %(user)s\nuser = %%(password)s", None),
        ("k = a %(password)s", Some("2:7")),
        ("k = %(user)s%(PassWord)s\nuser = x", Some("2:13")),
        ("k = x%(own)s\nown = %(transport_url)s", Some("2:6")),
        ("k = %(own)s%(password)s\nown = %(password)s", Some("2:5")),
    ];
    for (options, place) in cases {
        let text = format!("[a]\n{options}\npassword = hidden\ntransport_url = rabbit://x\n");
        let found = whole(&text, "k").expect(options).secret;
        let found = found.map(|position| position.to_string());
        assert_eq!(found.as_deref(), place, "{options:?}");
    }
}

#[test]
fn every_character_points_to_where_it_stands() {
    let text = "[a]\nk = <%(x)s%%\n  é%(x)s>\nx = 1%(y)s\ny = 2\n";
    let lines: Vec<&str> = text.lines().collect();
    let value = interpolated(text, "k").expect("resolvable");
    assert_eq!(value.as_str(), "<12%\né12>");
    for (offset, character) in value.as_str().char_indices().filter(|(_, c)| *c != '\n') {
        let at = value.position_at(offset);
        let found = lines[at.line as usize - 1]
            .chars()
            .nth(at.column as usize - 1);
        assert_eq!(found, Some(character), "offset {offset}, {at}");
    }
    assert_eq!(
        value.position_at(3).to_string(),
        "2:11",
        "the first of the two signs"
    );
    assert_eq!(value.position_at(value.as_str().len()).to_string(), "3:10");
}

#[test]
fn references_that_cannot_be_resolved_are_placed_and_explained() {
    let cases = [
        (
            "k = a %(hots)s\nhost = 1",
            "2:7 `k` refers to `%(hots)s`, but there is no option `hots`",
            "write `%(host)s` if that is meant, or write `%%(hots)s` for the text itself",
        ),
        (
            "k = %(x)s\nx = 1 %(Zebra)s",
            "3:7 `x` refers to `%(Zebra)s`, but there is no option `Zebra`",
            "define `Zebra` in this section or in [DEFAULT], or write `%%(Zebra)s` for the text itself",
        ),
        (
            "k = %(password)s\npassword = a%(hunter2)s",
            "3:13 `password` refers by `%(…)s` to an option that does not exist",
            "write `%%(` if the text itself is meant, or define that option in [DEFAULT]",
        ),
        (
            "k = %(y)s\nx = %(y)s\ny = %(x)s",
            "3:5 options refer to each other in a circle: `x` → `y` → `x`",
            "give one of them a value without a reference to the others",
        ),
        (
            "hots = %(hosts)s\nk = %(hots)s\nposts = 1",
            "2:8 `hots` refers to `%(hosts)s`, but there is no option `hosts`",
            "write `%(posts)s` if that is meant, or write `%%(hosts)s` for the text itself",
        ),
        (
            "k = 1 %(K)s",
            "2:7 options refer to each other in a circle: `k` → `k`",
            "give one of them a value without a reference to the others",
        ),
    ];
    for (options, expected, hint) in cases {
        let problem = interpolated(&format!("[a]\n{options}\n"), "k").expect_err(options);
        let place = problem.position.expect("a place");
        assert_eq!(
            format!("{place} {}", problem.message),
            expected,
            "{options:?}"
        );
        assert_eq!(problem.hint, hint, "{options:?}");
    }
}

/// `k0 = %(k1)s`, … so that `k0` needs `levels` values with a reference.
fn nested(levels: usize) -> String {
    let references: Vec<String> = (0..levels)
        .map(|level| format!("k{level} = %(k{})s\n", level + 1))
        .collect();
    format!("[a]\n{}k{levels} = end\n", references.concat())
}

#[test]
fn ten_levels_are_allowed_and_no_more() {
    assert_eq!(
        interpolated(&nested(10), "k0")
            .expect("ten levels")
            .as_str(),
        "end"
    );
    let problem = interpolated(&nested(11), "k0").expect_err("eleven levels");
    assert_eq!(
        problem.message,
        "`k0` takes more than 10 nested references to reach `k10`"
    );
}

#[test]
fn growth_is_bounded_in_size_and_in_time() {
    for end in ["0123456789", ""] {
        let references: Vec<String> = (0..9)
            .map(|level| {
                let reference = format!("%(k{})s", level + 1);
                format!("k{level} = {}\n", reference.repeat(10))
            })
            .collect();
        let text = format!("[a]\n{}k9 = {end}\n", references.concat());
        let problem = interpolated(&text, "k0").expect_err("a billion references");
        assert_eq!(problem.message, "`k0` grows too large by its references");
    }
}
