//! The rules of a claim, and what becomes of runs whose rule no service has.

use super::story::{accept, at, claim, end, state, summary};
use super::{Caller, Scene};
use crate::core::rules::RuleNames;
use crate::core::run::{State, Transition};
use crate::journal::{ClaimedRun, RunId};

fn named(names: &[&str]) -> RuleNames {
    names.iter().collect()
}

fn ids(runs: &[ClaimedRun]) -> Vec<RunId> {
    runs.iter().map(|run| run.id).collect()
}

/// Claims for rule `r` alone; the numbers of what is to be performed, and of what is to be cancelled.
async fn claim_for_r(
    journal: &Caller,
    (limit, orphans): (usize, usize),
    seconds: i64,
) -> (Vec<RunId>, Vec<RunId>) {
    let claimed = journal.claim_of(named(&["r"]), limit, limit, orphans, at(seconds));
    let claimed = claimed.await.unwrap();
    (ids(&claimed.runs), ids(&claimed.orphans))
}

async fn cancel(journal: &Caller, run: RunId, seconds: i64) {
    let end = end(run, 1, Transition::Cancel, seconds);
    journal.record(end).await.unwrap();
}

pub(in crate::journal) async fn a_claim_hands_out_runs_of_its_own_rules_alone(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("gone", "n1"), ("r", "n2")], 0).await;
    accept(&journal, "b", &[("r", "n1"), ("R", "n3"), ("r ", "n4")], 0).await;
    assert_eq!(claim_for_r(&journal, (9, 0), 0).await, (vec![2], vec![]));
    // What is not claimed keeps its turn, and nothing of it is on record.
    assert_eq!(claim_for_r(&journal, (9, 0), 1).await, (vec![], vec![]));
    let run = summary(&journal, 1).await;
    assert_eq!((run.state, run.attempts), (State::Due, 0));
    // A service that has the rule performs it.
    assert_eq!(claim(&journal, 9, 2).await, [1, 4, 5]);
}

pub(in crate::journal) async fn runs_of_rules_that_no_service_has_are_handed_out_to_be_cancelled(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("gone", "n1"), ("r", "n2")], 0).await;
    accept(&journal, "b", &[("r", "n1"), ("off", "n3")], 0).await;
    assert_eq!(
        claim_for_r(&journal, (9, 9), 0).await,
        (vec![2], vec![1, 4])
    );
    assert_eq!(state(&journal, 1).await, State::Running);
    cancel(&journal, 1, 1).await;
    assert_eq!(state(&journal, 1).await, State::Cancelled);
    // The order of its key goes on.
    assert_eq!(claim_for_r(&journal, (9, 9), 1).await, (vec![3], vec![]));
}

pub(in crate::journal) async fn an_orphan_that_was_claimed_with_a_lost_answer_is_handed_out_again(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "n1"), ("gone", "n2")], 0).await;
    accept(&journal, "b", &[("gone", "n3"), ("r", "n4")], 0).await;
    let first = claim_for_r(&journal, (1, 2), 0).await;
    assert_eq!(first, (vec![1], vec![]));
    let second = claim_for_r(&journal, (1, 2), 0).await;
    assert_eq!(second, (vec![4], vec![2, 3]));
    journal.forget_claims();
    assert_eq!(
        claim_for_r(&journal, (9, 1), 1).await,
        (vec![1, 4], vec![2])
    );
    assert_eq!(claim_for_r(&journal, (9, 9), 1).await, (vec![], vec![3]));
    assert_eq!(summary(&journal, 3).await.attempts, 1);
}

pub(in crate::journal) async fn however_many_orphans_wait_each_claim_goes_on_from_where_the_last_one_came_to(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for run in 1..=7 {
        accept(
            &journal,
            &format!("e{run}"),
            &[("gone", &format!("n{run}"))],
            0,
        )
        .await;
    }
    accept(&journal, "r", &[("r", "n")], 0).await;
    let mut cancelled = Vec::new();
    let performed = loop {
        let (runs, orphans) = claim_for_r(&journal, (1, 3), 0).await;
        assert!(orphans.len() <= 3, "{orphans:?}");
        for run in &orphans {
            cancel(&journal, *run, 1).await;
        }
        cancelled.extend(orphans);
        if !runs.is_empty() {
            break runs;
        }
    };
    assert_eq!((cancelled, performed), ((1..=7).collect(), vec![8]));
}
