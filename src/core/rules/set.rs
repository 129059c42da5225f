//! The rules of a configuration: found by the type of an event, and by their names as a journal keeps them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Rule;
use super::by_type::ByType;
use crate::core::event::ends;
use crate::core::limits::limited;
use crate::core::run::State;

/// All rules of a configuration, found by the type of event.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
    /// Enabled rules by what they are for.
    concerned: ByType,
    /// Enabled rules by what makes their runs pointless.
    cancelled: ByType,
    /// Those of enabled rules.
    limits: Arc<BTreeMap<String, u32>>,
    /// The places in `rules` of enabled rules, by their names as a journal keeps them.
    places: HashMap<String, usize>,
    names: RuleNames,
    /// Those of enabled rules that have a `recheck`.
    rechecked: RuleNames,
    /// Of the values of the store that filters of enabled rules need.
    stored: BTreeSet<String>,
    /// The ends of runs that enabled rules want to be told of.
    told_ends: Vec<State>,
}

/// The names of the enabled rules, as a journal keeps them. A copy costs nothing: a claim takes one along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleNames(Arc<HashSet<String>>);

impl RuleNames {
    /// Whether the rule of this name is one of them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

impl<T: AsRef<str>> FromIterator<T> for RuleNames {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let names = names.into_iter();
        Self(Arc::new(
            names
                .map(|name| limited(name.as_ref()).into_owned())
                .collect(),
        ))
    }
}

impl RuleSet {
    /// The rules, in the order of the configuration.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut set = Self::default();
        let in_force = rules.iter().filter(|rule| rule.enabled);
        let limits =
            in_force.filter_map(|rule| Some((limited(&rule.name).into_owned(), rule.when.limit?)));
        set.limits = Arc::new(limits.collect());
        let in_force = rules.iter().filter(|rule| rule.enabled);
        let rechecked = in_force.filter(|rule| rule.when.recheck.is_some());
        set.rechecked = rechecked.map(|rule| &rule.name).collect();
        for (place, rule) in rules.into_iter().enumerate() {
            if rule.enabled {
                for pattern in &rule.events {
                    set.concerned.add(pattern, place);
                }
                for pattern in &rule.when.cancelled_by {
                    set.cancelled.add(pattern, place);
                }
                let stored = rule.stored_names().into_iter().map(str::to_owned);
                set.stored.extend(stored);
                let name = limited(&rule.name).into_owned();
                set.places.entry(name).or_insert(place);
            }
            set.rules.push(Arc::new(rule));
        }
        set.names = set.places.keys().collect();
        let wanted = ends().filter(|(_, event_type)| set.wants(event_type));
        set.told_ends = wanted.map(|(state, _)| state).collect();
        set
    }

    /// The names of the values of the store that filters of enabled rules need.
    #[must_use]
    pub fn stored_names(&self) -> &BTreeSet<String> {
        &self.stored
    }

    /// The states to which runs come in the end and of which an enabled rule wants to be told.
    #[must_use]
    pub fn told_ends(&self) -> &[State] {
        &self.told_ends
    }

    /// Every rule, in the order of the configuration.
    #[must_use]
    pub fn all(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The enabled rule of this name, as a journal keeps it.
    #[must_use]
    pub fn in_force(&self, name: &str) -> Option<&Arc<Rule>> {
        self.places.get(name).map(|place| &self.rules[*place])
    }

    /// The names of the enabled rules.
    #[must_use]
    pub fn names(&self) -> RuleNames {
        self.names.clone()
    }

    /// The names of the enabled rules before whose attempts ESI Leap is asked about the lease.
    #[must_use]
    pub fn rechecked(&self) -> RuleNames {
        self.rechecked.clone()
    }

    /// Whether an enabled rule is for this type of event, or has its runs cancelled by it. Cheap: events that
    /// concern no rule need not be looked into.
    #[must_use]
    pub fn wants(&self, event_type: &str) -> bool {
        self.concerned.has(event_type) || self.cancelled.has(event_type)
    }

    /// How many runs of a rule with the same share may run at once, by the rules' names as a journal keeps them.
    #[must_use]
    pub fn limits(&self) -> Arc<BTreeMap<String, u32>> {
        self.limits.clone()
    }

    /// The enabled rules whose runs are cancelled by events of this type.
    #[must_use]
    pub fn cancelled_by(&self, event_type: &str) -> Vec<&Arc<Rule>> {
        self.at(self.cancelled.places(event_type))
    }

    /// The enabled rules for this type of event, in the order of the configuration.
    #[must_use]
    pub fn concerned(&self, event_type: &str) -> Vec<&Arc<Rule>> {
        self.at(self.concerned.places(event_type))
    }

    fn at(&self, places: Vec<usize>) -> Vec<&Arc<Rule>> {
        places.into_iter().map(|place| &self.rules[place]).collect()
    }
}
