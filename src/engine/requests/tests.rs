//! Requests and the rules in force, with a journal whose answers get lost.

use std::path::Path;

use super::*;
use crate::app::parts;
use crate::engine::tests::journal_with;
use crate::journal::conformance::LostAnswers;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{Accept, Browse, Entry, Requests};
use crate::sources::for_quarantine;
use crate::state::Access;

const ROW: &[u8] =
    br#"{"id": 7, "event_type": "x", "event_time": "now", "object_type": "o", "object_uuid": "l"}"#;

fn config(rule: &str, events: &str) -> parts::Config {
    let text = format!("[{rule}]\nevents = {events}\nscript = s\n");
    parts::read(&text, Path::new("f")).config.unwrap()
}

async fn answered(journal: &SqliteJournal, request: i64) -> RetryAnswer {
    loop {
        if let Some(answer) = journal.answer_to(request).await.unwrap() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn each_request_is_decided_once_by_the_rules_that_are_in_force_then() {
    let (folder, journal) = journal_with(&[]).await;
    let kept = for_quarantine("history:a", "q", "why".into(), ROW, None);
    let now = Timestamp::now();
    let entries = vec![Entry::Quarantine(kept)];
    journal.accept(entries.into(), now).await.unwrap();
    let former = config("former", "y");
    let (rules, editor) = Rulebook::new(former.rules, former.actions);
    let work = Arc::new(Notify::new());
    // Whoever is not answered asks again, a second later.
    let unreliable = LostAnswers::of(journal.clone());
    let answering = answer_requests(unreliable, rules, parts::decoder, work.clone());
    let command = SqliteJournal::open(folder.path(), Access::Beside).unwrap();
    let asking = async {
        let ask = |asked_by: &str| command.request_retry(1, asked_by.into(), now);
        let stays = answered(&journal, ask("ann").await.unwrap()).await;
        let why = RetryAnswer::Stays("no rule is for its type of event".into());
        assert_eq!(stays, why);

        let new = config("new", "x");
        editor.replace(new.rules, new.actions);
        let accepted = answered(&journal, ask("bob").await.unwrap()).await;
        assert_eq!(accepted, RetryAnswer::Accepted(Accepted::made(vec![1])));
        work.notified().await;
        assert_eq!(journal.run(1).await.unwrap().summary.rule, "new");

        let absent = answered(&journal, ask("eve").await.unwrap()).await;
        assert_eq!(absent, RetryAnswer::Absent);
        assert!(journal.unanswered().await.unwrap().is_empty());
    };
    tokio::select! {
        () = answering => panic!("it goes on"),
        () = asking => {}
    }
}
