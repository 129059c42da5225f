//! Rows of the event history, with and without their leases.

use std::sync::Arc;

use serde_json::json;

use super::{given, rules};
use crate::core::rules::RuleSet;
use crate::engine::intake::Decision;
use crate::journal::Entry;
use crate::sources::{Arrival, Interest, history};

/// Rules for type `t` of a history: what each asks for decides whether it can do without the lease.
const HISTORY_RULES: &str = r#"
[DEFAULT]
script = s

[row only]
events = t
script_params = node_uuid,event_time
filter_params = {"lessee_id": "tenant"}

[other tenant]
events = t
script_params = node_name
filter_params = {"lessee_id": "other", "purpose": "test"}

[lease]
events = t
script_params = node_name
order_by = purpose

[filtered]
events = t
filter_params = {"purpose": "test"}
"#;

/// A row of the history, with or without its lease, if these rules want it.
fn row(
    rules: &RuleSet,
    event_type: &str,
    lessee: &str,
    lease: &serde_json::Value,
) -> Option<Arrival> {
    let row = json!({
        "ID": 6, "Event Type": event_type, "Event Time": "2026-11-21T08:50:12.243638",
        "Object Type": "lease", "Object UUID": "l", "Resource Type": "ironic_node",
        "Resource UUID": "n", "Lessee ID": lessee, "Owner ID": "o",
    });
    let mut record = json!({ "row": row });
    if !lease.is_null() {
        record["lease"] = lease.clone();
    }
    let interest = Interest::of(Arc::new(rules.clone()));
    history::decode(record.to_string().as_bytes(), &interest).expect("a record")
}

#[test]
fn a_row_without_its_lease_is_decided_as_far_as_it_goes() {
    let rules = rules(HISTORY_RULES);
    let lease =
        json!({"uuid": "l", "status": "active", "resource": "node 1", "purpose": "testing"});
    let other = json!({"uuid": "l", "status": "active", "resource": null, "purpose": "prod"});
    let none = json!(null);
    // The lessee, the lease; each run with its key, and `?` if it awaits the lease.
    let cases: [(&str, &serde_json::Value, &[&str]); 5] = [
        (
            "tenant",
            &lease,
            &["row only@n", "lease@testing", "filtered@n"],
        ),
        ("tenant", &other, &["row only@n", "lease@prod"]),
        (
            "other",
            &lease,
            &["other tenant@n", "lease@testing", "filtered@n"],
        ),
        ("tenant", &none, &["row only@n", "lease@n?", "filtered@n?"]),
        (
            "other",
            &none,
            &["other tenant@n?", "lease@n?", "filtered@n?"],
        ),
    ];
    for (lessee, lease, expected) in cases {
        let decision = Decision::of(
            &rules,
            row(&rules, "t", lessee, lease).expect("wanted"),
            &given(),
        );
        let decision = decision.expect("rules for `t`");
        assert_eq!(decision.undecidable(), None);
        let acceptance = decision.into_acceptance("history:c");
        assert_eq!(
            (acceptance.id.as_str(), acceptance.source.as_str()),
            ("6", "history:c")
        );
        let shown = acceptance.runs.iter().map(|run| {
            let mark = if run.awaits_lease { "?" } else { "" };
            format!("{}@{}{mark}", run.rule, run.key)
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{lessee} {lease}");
    }
    assert!(row(&rules, "u", "tenant", &lease).is_none());
}

#[test]
fn an_event_that_is_completed_is_decided_like_one_that_was_whole() {
    let rules = rules(HISTORY_RULES);
    let lease =
        json!({"uuid": "l", "status": "active", "resource": "node 1", "purpose": "testing"});
    let other = json!({"uuid": "l", "status": "active", "resource": null, "purpose": "prod"});
    for lessee in ["tenant", "other"] {
        for lease in [&lease, &other] {
            let arrival = |lease| row(&rules, "t", lessee, lease).expect("wanted");
            let whole = arrival(lease);
            let mut completed =
                Decision::of(&rules, arrival(&json!(null)), &given()).expect("rules for `t`");
            completed.complete(whole.event.clone(), &given());
            assert!(completed.to_complete().is_none());
            let whole = Decision::of(&rules, whole, &given()).expect("rules for `t`");
            let mut completed = completed.into_acceptance("history:c");
            let mut whole = whole.into_acceptance("history:c");
            for acceptance in [&mut completed, &mut whole] {
                acceptance.runs.sort_by_key(|run| run.rule.clone());
            }
            assert_eq!(completed, whole, "{lessee} {lease}");
        }
    }
}

#[test]
fn what_was_never_bytes_is_quarantined_as_the_event_that_it_is() {
    let rules = rules(
        r#"
[DEFAULT]
script = s

[hard]
events = t
filter_params = {"owner_id": "(?:(a*)*)*\\1b(?=c)"}
"#,
    );
    let owner = "a".repeat(60);
    let mut arrival = row(&rules, "t", "other", &json!(null)).expect("wanted");
    arrival.event.payload["esi_leap_object.data"]["owner_id"] = owner.into();
    let decision = Decision::of(&rules, arrival, &given()).expect("rules for `t`");
    let entries = decision.into_entries("history:c");
    let [Entry::Event(event), Entry::Quarantine(kept)] = &entries[..] else {
        panic!("{entries:?}");
    };
    assert_eq!(kept.body, event.body.as_bytes());
    let again = history::decode(&kept.body, &Interest::in_all());
    let again = again.unwrap().expect("wanted");
    assert_eq!(again.event.to_json(), event.body);
    assert!(again.lacks.is_some());
}

#[test]
fn a_lease_is_wanted_only_if_it_may_make_a_difference() {
    let strict = HISTORY_RULES.split_once("[lease]").unwrap().0;
    for (text, event_type, lessee, wanted) in [
        (HISTORY_RULES, "t", "nobody", true),
        (HISTORY_RULES, "u", "tenant", false),
        (strict, "t", "tenant", true),
        (strict, "t", "nobody", false),
    ] {
        let rules = rules(text);
        let arrival = row(&rules, event_type, lessee, &json!(null));
        let decision = arrival.and_then(|arrival| Decision::of(&rules, arrival, &given()));
        let wants = decision.is_some_and(|decision| decision.to_complete().is_some());
        assert_eq!(wants, wanted, "{event_type} {lessee}");
    }
}
