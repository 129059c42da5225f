//! `Rule::verdict(&Event)`: whether a rule makes a run of an event, or why not.
//!
//! Rules come validated from [`config`](crate::config), are asked by intake for every event and by
//! `explain` for one, and go along with a run to the action. Pure.

mod asking;
mod by_type;
mod chain;
mod filter;
mod finding;
mod given;
mod judging;
mod number;
mod operators;
mod pattern;
mod recheck;
mod set;
mod trial;
mod when;

pub use chain::{Chain, Onward, RetryOn, SEPARATOR, Stand, Step};
pub use filter::Filter;
pub use finding::{Finding, Mismatch};
pub use given::{Given, Stored};
pub use judging::{Judgement, Plan};
pub use operators::{How, Reader};
pub use pattern::Pattern;
pub use recheck::Recheck;
pub use set::{RuleNames, RuleSet};
pub use when::{StartAt, Timing, When};

use crate::core::event::{Event, Key, PayloadPath, is_about_runs, tells_of_end};
use crate::core::throttle::{Kind, Throttling};

/// One section of the configuration: which events, and which filters. What is done then is the affair of the
/// actions of its steps.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The section's name.
    pub name: String,
    /// The types of event it is for.
    pub events: Vec<EventPattern>,
    /// What the event has to look like; all must hold.
    pub filters: Vec<Filter>,
    /// Filters of which those of one entry must hold; none if there is nothing to choose from.
    pub alternatives: Vec<Vec<Filter>>,
    /// What its actions look up in the event.
    pub asks: Asks,
    /// What runs are ordered by, instead of the event's own key.
    pub order_by: Option<PayloadPath>,
    /// What is done: its action, and what follows that.
    pub chain: Chain,
    /// When its runs start, and what makes them pointless.
    pub when: When,
    /// Which of the events that match it start, if that are not all.
    pub throttle: Option<Throttling>,
    /// Whether it is in force.
    pub enabled: bool,
}

/// The paths that an action looks up in the event, each with the option that asks for it.
pub type Asks = Vec<(&'static str, PayloadPath)>;

/// The most bytes of a key at a path. Longer ones differ in their beginnings, or have to wait for each other.
const LONGEST_KEY: usize = 128 * 1024 - 1;

/// Which types of event a rule is for: an exact type, or a glob in which `*` stands for any text. Events that tell of
/// the ends of runs are meant only by globs that begin with `run.`: a rule for `*` is for what sources send.
#[derive(Clone, Debug, PartialEq)]
pub enum EventPattern {
    /// `esi_leap.lease.fulfill.end`
    Exact(String),
    /// `esi_leap.lease.*.error`
    Glob(glob::Pattern),
}

impl EventPattern {
    /// Reads one entry of `events`.
    ///
    /// # Errors
    /// What is wrong with a glob, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains(['*', '?', '[']) {
            return glob::Pattern::new(text)
                .map(Self::Glob)
                .map_err(|error| error.msg.to_owned());
        }
        Ok(Self::Exact(text.to_owned()))
    }

    /// Whether events of this type are meant.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == event_type,
            Self::Glob(glob) => {
                glob.matches(event_type) && (self.is_about_runs() || !tells_of_end(event_type))
            }
        }
    }

    /// Whether only events of runs are meant.
    #[must_use]
    pub fn is_about_runs(&self) -> bool {
        is_about_runs(self.as_str())
    }

    /// Whether only events of ESI Leap are meant. Those of other services have fields of their own.
    #[must_use]
    pub fn is_esi_leap(&self) -> bool {
        self.as_str().starts_with("esi_leap.")
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(exact) => exact,
            Self::Glob(glob) => glob.as_str(),
        }
    }
}

/// What one rule says of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It matches: a run is made, ordered by this key.
    Run {
        /// The event's own, or what `order_by` found.
        key: Key,
    },
    /// The rule is switched off.
    Disabled,
    /// The rule is for other types of event.
    OtherType,
    /// A filter refuses the event: the first of them that does.
    Refused(Mismatch),
    /// A filter of the rule failed, and why: its pattern needs too many steps, for one. The rule has to be fixed.
    FilterError(String),
}

impl Rule {
    /// What this rule says of an event.
    #[must_use]
    pub fn verdict(&self, event: &Event, given: &Given<'_>) -> Verdict {
        self.verdict_by(event, |_| true, given)
    }

    /// What this rule says of an event of which only what is at `known` paths is there yet. A
    /// [`Verdict::Run`] is then final only if everything that the rule asks for is known, and its
    /// key is the event's own where `order_by` is not.
    fn verdict_by(
        &self,
        event: &Event,
        known: impl Fn(&PayloadPath) -> bool,
        given: &Given<'_>,
    ) -> Verdict {
        if !self.enabled {
            return Verdict::Disabled;
        }
        if !self
            .events
            .iter()
            .any(|pattern| pattern.matches(&event.event_type))
        {
            return Verdict::OtherType;
        }
        match self.mismatch(event, &known, given) {
            Ok(None) => {}
            Ok(Some(mismatch)) => return Verdict::Refused(mismatch),
            Err(why) => return Verdict::FilterError(why),
        }
        Verdict::Run {
            key: self.key(event, known),
        }
    }

    /// What a run of an event would be ordered by, of which what is at `known` paths is there.
    pub fn key(&self, event: &Event, known: impl Fn(&PayloadPath) -> bool) -> Key {
        match &self.order_by {
            Some(path) if known(path) => {
                Key::at(path, path.find(event).to_text_within(LONGEST_KEY).text)
            }
            // They are of several keys.
            _ if self.is_batched() => Key::of_rule(&self.name),
            _ => event.key(),
        }
    }

    /// Whether its runs tell of all events of a window.
    fn is_batched(&self) -> bool {
        let throttle = self.throttle.as_ref();
        throttle.is_some_and(|it| it.throttle.kind == Kind::Batch)
    }

    /// Everything the rule looks up in an event, with the option that asks for it.
    pub fn paths(&self) -> impl Iterator<Item = (&'static str, &PayloadPath)> {
        let filters = self.filters.iter().filter_map(Filter::path);
        let filters = filters.map(|path| ("filter_params", path));
        let alternatives = self.alternatives.iter().flatten().filter_map(Filter::path);
        let filters = filters.chain(alternatives.map(|path| ("filter_any", path)));
        let asks = self.asks.iter().map(|(option, path)| (*option, path));
        let order_by = self.order_by.iter().map(|path| ("order_by", path));
        let start_at = self.when.start_at.iter().filter_map(StartAt::path);
        let start_at = start_at.map(|path| ("start_at", path));
        let limit_by = self.when.limit_by.iter().map(|path| ("limit_by", path));
        let by = self.throttle.iter().flat_map(|throttling| &throttling.by);
        let by = by.map(|path| ("throttle_by", path));
        filters
            .chain(asks)
            .chain(order_by)
            .chain(start_at)
            .chain(limit_by)
            .chain(by)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use serde_json::{Value, json};

    use crate::core::retry::RetryPolicy;
    use crate::core::run::State::{Cancelled, Discarded, Succeeded};

    pub(super) fn rule(name: &str, events: &[&str], filters: &Value) -> Rule {
        Rule {
            name: name.into(),
            events: events
                .iter()
                .map(|text| EventPattern::parse(text).unwrap())
                .collect(),
            filters: filters
                .as_object()
                .unwrap()
                .iter()
                .map(|(path, expected)| Reader::default().filter_of(path, expected).unwrap())
                .collect(),
            alternatives: Vec::new(),
            asks: Vec::new(),
            order_by: None,
            chain: Chain::single(name, RetryPolicy::default()),
            when: When::default(),
            throttle: None,
            enabled: true,
        }
    }

    fn event(event_type: &str) -> Event {
        let lease = json!({"node_name": "n 1", "node_uuid": "u", "id": 7, "purpose": "test", "properties": {"b": 1, "a": null}});
        let payload = json!({ "esi_leap_object.data": lease });
        Event::new("1".into(), event_type.into(), "now".into(), None, payload)
    }

    fn given() -> Given<'static> {
        Given::at(jiff::Timestamp::UNIX_EPOCH)
    }

    fn names(rules: &[&Arc<Rule>]) -> Vec<String> {
        rules.iter().map(|rule| rule.name.clone()).collect()
    }

    #[test]
    fn rules_are_found_by_type_in_the_order_of_the_configuration() {
        let mut off = rule("off", &["a.end", "*"], &json!({}));
        off.enabled = false;
        let set = RuleSet::new(vec![
            rule("glob", &["a.*"], &json!({})),
            off,
            rule("exact", &["a.end", "a.start"], &json!({})),
            rule("both", &["a.end", "a.*", "*.end"], &json!({})),
        ]);
        assert_eq!(names(&set.concerned("a.end")), ["glob", "exact", "both"]);
        assert_eq!(names(&set.concerned("b.end")), ["both"]);
        assert!(set.concerned("b").is_empty());
        for event_type in ["a.end", "a.start", "b.end", "b", "off"] {
            assert_eq!(set.wants(event_type), !set.concerned(event_type).is_empty());
        }
        for (name, there) in [("off", false), ("exact", true), ("other", false)] {
            assert_eq!(set.in_force(name).is_some(), there, "{name}");
            assert_eq!(set.names().contains(name), there, "{name}");
        }
        assert_eq!(set.all().len(), 4);
    }

    #[test]
    fn the_ends_of_runs_are_meant_only_by_globs_that_begin_so() {
        let set = RuleSet::new(vec![
            rule("all", &["*", "*.discarded", "[r]un.*"], &json!({})),
            rule("ends", &["run.*"], &json!({})),
            rule("one", &["run.discarded"], &json!({})),
            rule("some", &["run.[ds]*"], &json!({})),
        ]);
        for (event_type, expected) in [
            ("run.discarded", &["ends", "one", "some"][..]),
            ("run.succeeded", &["ends", "some"]),
            ("run.cancelled", &["ends"]),
            ("run.other", &["all", "ends"]),
            ("run", &["all"]),
        ] {
            assert_eq!(names(&set.concerned(event_type)), expected, "{event_type}");
            for rule in set.all() {
                let is_for = rule.verdict(&event(event_type), &given()) != Verdict::OtherType;
                assert_eq!(is_for, expected.contains(&&*rule.name), "{event_type}");
            }
        }
        assert_eq!(set.told_ends(), [Succeeded, Discarded, Cancelled]);
        let of = |events: &[&str]| RuleSet::new(vec![rule("r", events, &json!({}))]);
        assert_eq!(of(&["*"]).told_ends(), []);
        assert_eq!(of(&["run.discarded"]).told_ends(), [Discarded]);
        let mut cancelled = rule("r", &["a"], &json!({}));
        cancelled.when.cancelled_by = vec![EventPattern::parse("run.c*").unwrap()];
        assert_eq!(RuleSet::new(vec![cancelled]).told_ends(), [Cancelled]);
    }

    #[test]
    fn all_filters_must_hold_and_the_first_that_does_not_is_named() {
        let matching = rule("r", &["t"], &json!({"purpose": "te", "id": 7}));
        assert_eq!(
            matching.verdict(&event("t"), &given()),
            Verdict::Run {
                key: Key::node("u")
            }
        );
        assert_eq!(matching.verdict(&event("s"), &given()), Verdict::OtherType);

        let refusing = rule("r", &["t"], &json!({"purpose": "te", "id": 8, "nope": "x"}));
        let Verdict::Refused(mismatch) = refusing.verdict(&event("t"), &given()) else {
            panic!("not refused")
        };
        assert_eq!(mismatch.path, "id");
        assert_eq!(mismatch.found, "the number 7");
    }

    #[test]
    fn order_by_replaces_the_node() {
        let mut ordered = rule("r", &["t"], &json!({}));
        let purpose = PayloadPath::parse("purpose").unwrap();
        let key = Key::at(&purpose, "test".into());
        ordered.order_by = Some(purpose);
        assert_eq!(ordered.verdict(&event("t"), &given()), Verdict::Run { key });
    }
}
