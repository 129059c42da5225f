//! Deliveries that are decoded again.

use std::path::Path;

use super::*;
use crate::app::parts;
use crate::engine::tests::journal_with;
use crate::journal::{Accept, Browse, Entry};
use crate::sources::for_quarantine;

const ROW: &[u8] =
    br#"{"id": 7, "event_type": "x", "event_time": "now", "object_type": "o", "object_uuid": "l"}"#;

fn rules(events: &str) -> Arc<RuleSet> {
    let text = format!("[deploy]\nevents = {events}\nscript = s\n");
    let config = parts::read(&text, Path::new("f")).config;
    Arc::new(config.unwrap().rules)
}

#[tokio::test]
async fn a_delivery_stays_until_it_can_be_decoded_and_a_rule_is_for_it() {
    let (_folder, journal) = journal_with(&[]).await;
    let kept = [&b"junk"[..], ROW]
        .map(|body| Entry::Quarantine(for_quarantine("history:a", "q", "why".into(), body, None)));
    journal
        .accept(kept.to_vec().into(), Timestamp::now())
        .await
        .unwrap();
    let ids: Vec<_> = list(&journal, 9)
        .await
        .unwrap()
        .iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(ids, [1, 2]);

    for (id, events, expected) in [(1, "x", "near `junk`"), (2, "y", "no rule is for its type")] {
        match retry(&journal, &rules(events), parts::decoder, id)
            .await
            .unwrap()
        {
            Retried::Stays(why) => assert!(why.contains(expected), "{why}"),
            accepted @ Retried::Accepted(_) => panic!("{accepted:?}"),
        }
    }
    let retried = retry(&journal, &rules("x"), parts::decoder, 2)
        .await
        .unwrap();
    assert_eq!(retried, Retried::Accepted(Accepted::Runs(vec![1])));
    assert_eq!(journal.run(1).await.unwrap().summary.rule, "deploy");
    let again = retry(&journal, &rules("x"), parts::decoder, 2).await;
    assert!(matches!(again, Err(JournalError::Absent { .. })));
}
