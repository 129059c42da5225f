//! Deliveries that are decoded again, with and without a service that decides.

use std::path::Path;

use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::app::parts;
use crate::engine::requests::answer_requests;
use crate::engine::rulebook::Rulebook;
use crate::engine::tests::journal_with;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{Accept, Browse, Entry, Requests};
use crate::sources::for_quarantine;
use crate::state::Access;

const ROW: &[u8] =
    br#"{"id": 7, "event_type": "x", "event_time": "now", "object_type": "o", "object_uuid": "l"}"#;

/// One rule of this name for type `x`.
fn rules(name: &str, events: &str) -> parts::Config {
    let text = format!("[{name}]\nevents = {events}\nscript = s\n");
    parts::read(&text, Path::new("f")).config.unwrap()
}

/// A journal as its service has it, with a delivery that nobody can decode, and one that holds an event of
/// type `x`.
async fn journal() -> (TempDir, SqliteJournal) {
    let (folder, journal) = journal_with(&[]).await;
    let kept = [&b"junk"[..], ROW]
        .map(|body| Entry::Quarantine(for_quarantine("history:a", "q", "why".into(), body, None)));
    let now = Timestamp::now();
    journal.accept(kept.to_vec().into(), now).await.unwrap();
    (folder, journal)
}

/// Retries as a command does, with rules of its own.
async fn retry(
    folder: &TempDir,
    config: parts::Config,
    id: QuarantineId,
) -> Result<Retried, RetryError> {
    retry_for(folder, config, id, PATIENCE).await
}

async fn retry_for(
    folder: &TempDir,
    config: parts::Config,
    id: QuarantineId,
    patience: Duration,
) -> Result<Retried, RetryError> {
    let journal = SqliteJournal::open(folder.path(), Access::Beside).unwrap();
    let retry = Retry {
        journal: &journal,
        rules: &Arc::new(config.rules),
        decoders: parts::decoder,
        actor: &Actor::Command { user: "ann".into() },
        patience,
    };
    retry.one(id).await
}

/// A service with these rules.
fn serve(journal: &SqliteJournal, config: parts::Config) -> impl Future<Output = ()> + use<> {
    let (rules, _) = Rulebook::new(config.rules, config.actions);
    answer_requests(
        journal.clone(),
        rules,
        parts::decoder,
        Arc::<Notify>::default(),
    )
}

#[tokio::test]
async fn without_a_service_a_delivery_stays_until_it_can_be_decoded_and_a_rule_is_for_it() {
    let (folder, journal) = journal().await;
    let ids = list(&journal, 9).await.unwrap();
    assert_eq!(ids.iter().map(|it| it.id).collect::<Vec<_>>(), [1, 2]);
    drop(journal);

    for (id, events, expected) in [(1, "x", "near `junk`"), (2, "y", "no rule is for its type")] {
        match retry(&folder, rules("r", events), id).await.unwrap() {
            Retried::Stays(why) => assert!(why.contains(expected), "{why}"),
            accepted @ Retried::Accepted(_) => panic!("{accepted:?}"),
        }
    }
    let retried = retry(&folder, rules("r", "x"), 2).await.unwrap();
    assert_eq!(retried, Retried::Accepted(Accepted::made(vec![1])));
    let again = retry(&folder, rules("r", "x"), 2).await;
    assert!(matches!(
        again,
        Err(RetryError::Journal(JournalError::Absent { .. }))
    ));
}

#[tokio::test]
async fn a_service_decides_by_the_rules_that_are_in_force_there() {
    let (folder, journal) = journal().await;
    for (id, config, expected) in [
        (2, rules("served", "y"), "no rule is for its type"),
        (1, rules("served", "x"), "near `junk`"),
    ] {
        let retried = tokio::select! {
            retried = retry(&folder, rules("of_file", "x"), id) => retried.unwrap(),
            () = serve(&journal, config) => panic!("it goes on"),
        };
        match retried {
            Retried::Stays(why) => assert!(why.contains(expected), "{why}"),
            accepted @ Retried::Accepted(_) => panic!("{accepted:?}"),
        }
    }
    let retried = tokio::select! {
        retried = retry(&folder, rules("of_file", "y"), 2) => retried.unwrap(),
        () = serve(&journal, rules("served", "x")) => panic!("it goes on"),
    };
    assert_eq!(retried, Retried::Accepted(Accepted::made(vec![1])));
    assert_eq!(journal.run(1).await.unwrap().summary.rule, "served");
    let again = tokio::select! {
        again = retry(&folder, rules("of_file", "x"), 2) => again,
        () = serve(&journal, rules("served", "x")) => panic!("it goes on"),
    };
    assert!(matches!(
        again,
        Err(RetryError::Journal(JournalError::Absent { .. }))
    ));
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_waited_for_so_long_and_no_longer() {
    let (folder, journal) = journal().await;
    let patience = LOOK_AGAIN * 3;
    match retry_for(&folder, rules("of_file", "x"), 2, patience).await {
        Err(RetryError::Unanswered(waited)) => assert_eq!(waited, patience),
        other => panic!("{other:?}"),
    }
    // What the command was told stays true.
    assert!(journal.unanswered().await.unwrap().is_empty());
    assert_eq!(journal.quarantined_one(2).await.unwrap().id, 2);
}

#[tokio::test]
async fn when_the_service_ends_meanwhile_the_command_decides() {
    let (folder, journal) = journal().await;
    let ends = async {
        while journal.unanswered().await.unwrap().is_empty() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        drop(journal);
    };
    let (retried, ()) = tokio::join!(retry(&folder, rules("of_file", "x"), 2), ends);
    assert_eq!(retried.unwrap(), Retried::Accepted(Accepted::made(vec![1])));
    let journal = SqliteJournal::open(folder.path(), Access::Beside).unwrap();
    assert!(journal.unanswered().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_command_asked_for_that_is_gone_is_done_by_the_next_service() {
    let (folder, journal) = journal().await;
    let asking = retry(&folder, rules("of_file", "x"), 2);
    tokio::select! {
        retried = asking => panic!("{retried:?}"),
        () = async {
            while journal.unanswered().await.unwrap().is_empty() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        } => {}
    }
    drop(journal);
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    let request = journal.unanswered().await.unwrap().remove(0);
    assert_eq!(request.asked_by, "user ann, by a command");
    tokio::select! {
        () = serve(&journal, rules("served", "x")) => panic!("it goes on"),
        () = async {
            while journal.answer_to(request.id).await.unwrap().is_none() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        } => {}
    }
    assert_eq!(journal.run(1).await.unwrap().summary.rule, "served");
}
