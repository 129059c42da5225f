//! What is explained of an action that exists in tests alone: nothing here knows a script.

use serde_json::json;

use super::*;
use crate::actions::tests::{Record, order};

#[test]
fn what_would_be_done_is_what_the_action_says() {
    let order = order(&json!({"node_uuid": "n", "purpose": "blues"}));
    let given = Given::at(Timestamp::UNIX_EPOCH);
    let record = Record::default();
    let answer = Answer::of(
        &order.rule,
        Some(&record),
        None,
        &order.event,
        &given,
        &Arc::default(),
    );
    assert_eq!(
        reason(&answer),
        "plays blues, one at a time for n; it is a copy"
    );
    assert_eq!(
        as_json(&answer).to_string(),
        json!({
            "rule": "deploy",
            "verdict": "run",
            "why": reason(&answer),
            "record": {"title": "blues"},
            "losses": ["it is a copy"],
            "key": "n",
        })
        .to_string()
    );
}
