//! What the filters of a rule say of an event, all together: to decide, and for people who ask why.

use super::Rule;
use super::filter::Filter;
use super::finding::{Finding, Mismatch};
use super::given::Given;
use crate::core::event::{Event, PayloadPath};

impl Rule {
    /// The first filter that refuses the event, of those whose paths are `known`.
    pub(super) fn mismatch(
        &self,
        event: &Event,
        known: &impl Fn(&PayloadPath) -> bool,
        given: &Given<'_>,
    ) -> Result<Option<Mismatch>, String> {
        let first = |filters: &[Filter]| {
            for filter in filters.iter().filter(|it| it.path().is_none_or(known)) {
                if let Some(mismatch) = filter.mismatch(event, given)? {
                    return Ok(Some(mismatch));
                }
            }
            Ok::<_, String>(None)
        };
        if let Some(mismatch) = first(&self.filters)? {
            return Ok(Some(mismatch));
        }
        let mut refusing = Vec::new();
        for alternative in &self.alternatives {
            match first(alternative)? {
                Some(mismatch) => refusing.push(mismatch),
                None => return Ok(None),
            }
        }
        if refusing.is_empty() {
            return Ok(None);
        }
        let reasons: Vec<String> = refusing.iter().map(ToString::to_string).collect();
        Ok(Some(Mismatch {
            path: "filter_any".into(),
            expected: "such that one of its entries holds".into(),
            found: format!("refused by each: {}", reasons.join("; ")),
        }))
    }

    /// What each of its filters found in an event, of those whose paths are `known`.
    #[must_use]
    pub fn findings(
        &self,
        event: &Event,
        known: impl Fn(&PayloadPath) -> bool,
        given: &Given<'_>,
    ) -> Vec<Finding> {
        let params = self.filters.iter().map(|filter| (None, filter));
        let alternatives = self.alternatives.iter().enumerate();
        let alternatives = alternatives.flat_map(|(place, filters)| {
            let number = Some(place + 1);
            filters.iter().map(move |filter| (number, filter))
        });
        let all = params.chain(alternatives);
        let known = all.filter(|(_, filter)| filter.path().is_none_or(&known));
        let findings = known.flat_map(|(alternative, filter)| {
            let findings = filter.findings(event, given).into_iter();
            findings.map(move |finding| Finding {
                alternative,
                ..finding
            })
        });
        findings.collect()
    }

    /// The names of the store whose values its filters need, each once.
    #[must_use]
    pub fn stored_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let filters = self
            .filters
            .iter()
            .chain(self.alternatives.iter().flatten())
            .chain(self.when.recheck.iter().flat_map(|it| &it.filters));
        filters.for_each(|filter| filter.push_stored(&mut names));
        names.sort_unstable();
        names.dedup();
        names
    }
}
