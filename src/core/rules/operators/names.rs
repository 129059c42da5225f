//! The operators by their names: those of `StackStorm` with their aliases, and ours.

use super::{Age, Part, TextTest};

/// An operator, as it can be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) name: &'static str,
    /// The same in a word.
    pub(super) alias: Option<&'static str>,
    pub(super) is_negative: bool,
    pub(super) kind: Kind,
}

/// What an operator is given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Anything.
    Equal,
    /// Anything.
    Contains,
    /// Text.
    Text(TextTest),
    /// A list.
    Inside,
    /// A number or text: the lowest and the highest value that hold, and whether each itself does.
    Above {
        too: bool,
    },
    Below {
        too: bool,
    },
    Between,
    /// A text that is a pattern: what is written around it, and whether it may match anywhere.
    Pattern(Dialect),
    /// Seconds, or a length of time.
    Age(fn(i128) -> Age, Unit),
    /// Yes or no.
    Exists,
    /// Filters for each element.
    List(Quantifier),
    /// A condition and criteria, in `StackStorm`'s form.
    Search,
}

/// How a pattern is written, and where it has to match.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dialect {
    /// Shell: over the whole text.
    Wildcard,
    /// Python, from the start; a dot matches the end of a line, too.
    FromStart,
    Anywhere {
        fold: bool,
    },
}

/// In what a length of time is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    /// `30m`
    Duration,
    /// A number, below 0 too.
    Seconds,
}

/// How many elements of a list have to fulfil something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Quantifier {
    Any,
    All,
    Count,
}

const fn named(name: &'static str, kind: Kind) -> Named {
    Named {
        name,
        alias: None,
        is_negative: false,
        kind,
    }
}

const fn aliased(name: &'static str, alias: &'static str, kind: Kind) -> Named {
    Named {
        alias: Some(alias),
        ..named(name, kind)
    }
}

const fn not(positive: Named) -> Named {
    Named {
        is_negative: true,
        ..positive
    }
}

const fn text(part: Part, fold: bool) -> Kind {
    Kind::Text(TextTest { part, fold })
}

const fn anywhere(fold: bool) -> Kind {
    Kind::Pattern(Dialect::Anywhere { fold })
}

/// In the order in which people want to read of them.
pub(super) const OPERATORS: [Named; 35] = [
    aliased("equals", "eq", Kind::Equal),
    not(aliased("nequals", "neq", Kind::Equal)),
    aliased("iequals", "ieq", text(Part::Whole, true)),
    aliased("inside", "in", Kind::Inside),
    not(aliased("ninside", "nin", Kind::Inside)),
    aliased("greaterthan", "gt", Kind::Above { too: false }),
    named("gte", Kind::Above { too: true }),
    aliased("lessthan", "lt", Kind::Below { too: false }),
    named("lte", Kind::Below { too: true }),
    named("between", Kind::Between),
    named("contains", Kind::Contains),
    not(named("ncontains", Kind::Contains)),
    named("icontains", text(Part::Any, true)),
    not(named("incontains", text(Part::Any, true))),
    named("startswith", text(Part::Start, false)),
    named("istartswith", text(Part::Start, true)),
    named("endswith", text(Part::End, false)),
    named("iendswith", text(Part::End, true)),
    named("matchwildcard", Kind::Pattern(Dialect::Wildcard)),
    named("regex", anywhere(false)),
    not(named("nregex", anywhere(false))),
    named("iregex", anywhere(true)),
    named("matchregex", Kind::Pattern(Dialect::FromStart)),
    named("older_than", Kind::Age(Age::Older, Unit::Duration)),
    named("newer_than", Kind::Age(Age::Newer, Unit::Duration)),
    named("within", Kind::Age(Age::Within, Unit::Duration)),
    aliased("timediff_gt", "td_gt", Kind::Age(Age::Older, Unit::Seconds)),
    aliased("timediff_lt", "td_lt", Kind::Age(Age::Newer, Unit::Seconds)),
    named("exists", Kind::Exists),
    not(named("nexists", Kind::Exists)),
    named("any", Kind::List(Quantifier::Any)),
    named("all", Kind::List(Quantifier::All)),
    not(named("none", Kind::List(Quantifier::Any))),
    named("count", Kind::List(Quantifier::Count)),
    named("search", Kind::Search),
];

/// The operator of this name, in any case.
pub(super) fn operator(name: &str) -> Option<Named> {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    let mut all = OPERATORS.into_iter();
    all.find(|row| is(row.name) || row.alias.is_some_and(is))
}

/// Whether an operator has this name.
pub(in crate::core::rules) fn is_operator(name: &str) -> bool {
    operator(name).is_some()
}

/// Every name and every alias.
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    let rows = OPERATORS.iter();
    rows.flat_map(|row| std::iter::once(row.name).chain(row.alias))
}
