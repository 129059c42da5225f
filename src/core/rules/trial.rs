//! One filter put to one event: what is given, and how many values may still be looked at. Pure.
//!
//! A tenant says how many values there are, and filters for the elements of lists multiply them: what is asked may be
//! looked up in each value within each other one. So every test counts what it looks at, and a filter that asks for
//! too much of an event cannot be decided, which is told like that of a pattern that needs too many steps.

use std::cell::Cell;

use serde_json::Value;

use super::given::Given;

/// How many values one filter may look at in one event: enough to go through a list of 100,000 elements many times.
pub(super) const MOST: usize = 10_000_000;

/// A filter that is being put to an event.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    pub(super) given: &'a Given<'a>,
    left: Cell<usize>,
}

impl<'a> Trial<'a> {
    /// The beginning.
    pub(super) fn new(given: &'a Given<'a>) -> Self {
        Self {
            given,
            left: Cell::new(MOST),
        }
    }

    /// Counts so many values that are about to be looked at.
    ///
    /// # Errors
    /// There were too many already, in words.
    pub(super) fn look_at(&self, values: usize) -> Result<(), String> {
        let left = self.left.get().checked_sub(values);
        self.left.set(left.unwrap_or(0));
        match left {
            Some(_) => Ok(()),
            None => Err(format!("a filter looks at more than {MOST} values")),
        }
    }
}

/// How many values there are in one, with itself.
pub(super) fn values_in(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(values_in).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(values_in).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::event::Event;
    use crate::core::rules::filter::Subject;
    use crate::core::rules::{Filter, Reader};

    fn filter(path: &str, wanted: &Value) -> Filter {
        let filter = Reader::default().filter_of(path, wanted);
        filter.expect("a filter")
    }

    fn event(payload: Value) -> Event {
        Event::new("1".into(), "t".into(), "now".into(), None, payload)
    }

    /// What the store has.
    fn stored() -> std::collections::BTreeMap<String, Value> {
        [("many".to_owned(), Value::from(vec![0; 1_000]))].into()
    }

    #[test]
    fn what_may_be_looked_at_is_counted_down() {
        let given = Given::at(jiff::Timestamp::UNIX_EPOCH);
        let trial = Trial::new(&given);
        assert_eq!(trial.look_at(MOST - 1), Ok(()));
        assert_eq!(trial.look_at(1), Ok(()));
        let why = trial.look_at(1).unwrap_err();
        assert_eq!(why, "a filter looks at more than 10000000 values");
        assert!(trial.look_at(1).is_err());
        assert_eq!(values_in(&json!({"a": [1, {"b": null}], "c": {}})), 6);
    }

    /// Each case with a number that is enough, and one that is not: the work is as much as is counted, and is
    /// not done beyond that.
    #[test]
    fn what_multiplies_values_is_counted_as_often_as_it_is_looked_at() {
        let list = json!({ "l": vec![1; 1_000] });
        let nested = (0..20).fold(json!(vec![0; 50]), |inner, _| json!([inner]));
        let nested = json!({ "l": nested });
        let text = json!({ "l": vec!["x".repeat(1024); 100] });
        let cases = [
            (json!({"all": {"gt": 0, "neq": 2}}), &list, 2_000),
            (json!({"any": {"regex": "x"}}), &list, 10_000),
            (json!({"none": 2}), &list, 1_000),
            (json!({"none": {"in": {"store": "many"}}}), &list, 1_000_000),
            (json!({"contains": 2, "count": 1_000}), &list, 1_000),
            (json!({"all": {"icontains": "X"}}), &text, 200),
            (json!({"any": {"$..*": {"any": "x"}}}), &nested, 70),
            (
                json!({"any": {"$..*": {"any": {"$..*": {"any": {"$..*": {"eq": "x"}}}}}}}),
                &nested,
                10_000,
            ),
        ];
        let stored = stored();
        let given = Given {
            stored: &stored,
            ..Given::at(jiff::Timestamp::UNIX_EPOCH)
        };
        for (wanted, payload, at_least) in cases {
            let (filter, event) = (filter("l", &wanted), event(payload.clone()));
            let looked_at = |most: usize| {
                let trial = Trial {
                    given: &given,
                    left: Cell::new(most),
                };
                let decided = filter.holds(Subject::Event(&event), &trial);
                (decided.is_ok(), most - trial.left.get())
            };
            let (is_decided, all) = looked_at(MOST);
            assert!(is_decided && all >= at_least, "{wanted}: {all}");
            assert!(looked_at(all).0, "{wanted}: {all}");
            assert!(!looked_at(all - 1).0, "{wanted}: {all}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_decided_for_one_of_the_hits_is_explained() {
        let filter = filter("$.l[*]", &json!({"regex": "(?:(a*)*)*\\1b(?=c)"}));
        let event = event(json!({"l": ["x", format!("{}c", "a".repeat(40))]}));
        let given = Given::at(jiff::Timestamp::UNIX_EPOCH);
        let why = filter.mismatch(&event, &given).unwrap_err();
        assert!(why.contains("too many steps"), "{why}");
        assert_eq!(filter.findings(&event, &given)[0].holds, Err(why));
    }
}
