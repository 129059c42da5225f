//! Rules found by a type of event, however many there are.

use std::collections::HashMap;

use super::EventPattern;

/// Places of rules by types of event.
#[derive(Clone, Debug, Default)]
pub(super) struct ByType {
    /// Of those that name a type exactly.
    exact: HashMap<String, Vec<usize>>,
    /// Of those that have a glob.
    globs: Vec<(EventPattern, usize)>,
}

impl ByType {
    /// The rule at this place has this pattern.
    pub(super) fn add(&mut self, pattern: &EventPattern, place: usize) {
        match pattern {
            EventPattern::Exact(exact) => self.exact.entry(exact.clone()).or_default().push(place),
            EventPattern::Glob(_) => self.globs.push((pattern.clone(), place)),
        }
    }

    /// Whether any is for this type.
    pub(super) fn has(&self, event_type: &str) -> bool {
        self.exact.contains_key(event_type)
            || self.globs.iter().any(|(glob, _)| glob.matches(event_type))
    }

    /// The places of those for this type, in their order.
    pub(super) fn places(&self, event_type: &str) -> Vec<usize> {
        let exact = self.exact.get(event_type).into_iter().flatten().copied();
        let globs = self
            .globs
            .iter()
            .filter(|(glob, _)| glob.matches(event_type))
            .map(|(_, place)| *place);
        let mut places: Vec<usize> = exact.chain(globs).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}
