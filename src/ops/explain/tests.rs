//! Judgements with an action that exists in tests alone, and events from wherever they are.

mod property;

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::actions::tests::{Record, order};
use crate::app::parts::{self, FORMS};
use crate::engine::tests::journal_with;
use crate::journal::{Accept, Entry};
use crate::sources::for_quarantine;

fn given() -> Given<'static> {
    Given::at(Timestamp::UNIX_EPOCH)
}

#[test]
fn what_an_event_lacks_decides_nothing_yet() {
    let mut order = order(&json!({"node_uuid": "n", "purpose": "blues"}));
    let rule = std::sync::Arc::get_mut(&mut order.rule).unwrap();
    rule.asks = Record::default().asks();
    let lacks: Lacks = |path| path.to_string() == "purpose";
    let answer = Answer::of(
        &order.rule,
        Some(&Record::default()),
        Some(lacks),
        &order.event,
        &given(),
        &Arc::default(),
    );
    let Judgement::Awaits { paths, .. } = answer.judgement else {
        panic!("{answer:?}");
    };
    assert_eq!((paths, answer.done), (vec!["purpose".to_owned()], None));

    let answer = Answer::of(
        &order.rule,
        Some(&Record::default()),
        None,
        &order.event,
        &given(),
        &Arc::default(),
    );
    assert!(matches!(
        answer.judgement,
        Judgement::Decided(Verdict::Run { .. })
    ));
    assert_eq!(answer.done.unwrap().line, "plays blues");
}

#[tokio::test]
async fn an_event_is_found_by_its_id_or_in_quarantine() {
    let (_folder, journal) = journal_with(&["deploy"]).await;
    let found = in_journal(&journal, "e1").await.unwrap();
    assert_eq!(found.unwrap().event_type, "t");
    assert!(in_journal(&journal, "e2").await.unwrap().is_none());

    let row = br#"{"id": 7, "event_type": "x", "event_time": "now", "object_type": "lease", "object_uuid": "l"}"#;
    let kept = [(&b"junk"[..], "bus"), (row, "history:a"), (row, "weather")];
    let kept = kept.map(|(body, source)| {
        Entry::Quarantine(for_quarantine(source, "q", "why".into(), body, None))
    });
    let now = Timestamp::now();
    journal.accept(kept.to_vec().into(), now).await.unwrap();
    let found = in_quarantine(&journal, &FORMS, 2).await.unwrap();
    assert_eq!(found.id, "7");
    for (id, expected) in [(1, "JSON"), (3, "no source of this program")] {
        match in_quarantine(&journal, &FORMS, id).await {
            Err(NoEvent::Unreadable(why)) => assert!(why.contains(expected), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    let absent = in_quarantine(&journal, &FORMS, 4).await;
    assert!(matches!(
        absent,
        Err(NoEvent::Journal(JournalError::Absent { .. }))
    ));

    let whole = with_lease(
        &FORMS,
        &found,
        br#"{"purpose": "blues", "status": "active"}"#,
    )
    .unwrap();
    assert_eq!(whole.data()["purpose"], "blues");
    let text = "[deploy]\nevents = x\nscript = s\nscript_params = purpose\n";
    let config = parts::read(text, Path::new("f")).config.unwrap();
    let told = |event: &Event| {
        let answers = explain(
            &config.rules,
            &config.actions,
            &FORMS,
            event,
            &given(),
            &Arc::default(),
        );
        matches!(
            answers[..],
            [Answer {
                judgement: Judgement::Decided(_),
                ..
            }]
        )
    };
    assert_eq!((told(&found), told(&whole)), (false, true));
}
