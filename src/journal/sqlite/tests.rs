//! Real files, one folder a test. Times count in seconds from [`at`]`(0)`.

mod changes;
mod conformance;
mod displaced;
mod keeping;
mod looking;
mod opening;
mod plans;
mod property;
mod world;
mod writing;

use std::path::Path;

use tempfile::TempDir;

use super::{DATABASE, SqliteJournal};
use crate::journal::conformance::story::{
    accept, at, end, event, meant, quarantine_entry, quarantine_entry_of,
};
use crate::journal::{Answer, Claim, Claimed, Owner, RunId, Work, part};
use crate::state::Access;

impl SqliteJournal {
    /// Opens the journal in `folder` as its row of the table of parts does, but answers the journal itself.
    pub(crate) fn open(folder: &Path, access: Access) -> Answer<Self> {
        Ok(part::open(folder, access, DATABASE, Self::within)?.journal)
    }
}

/// A journal in a folder that goes with the test.
fn journal() -> (TempDir, SqliteJournal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    (folder, journal)
}

/// Claims as an owner that holds nothing.
async fn claim_as(
    journal: &SqliteJournal,
    owner: Owner,
    limit: usize,
    seconds: i64,
) -> Answer<Claimed> {
    let held = Vec::new();
    let claim = Claim {
        owner,
        rules: ["r", "s"].into_iter().collect(),
        ended: Vec::new(),
        limit,
        awaiting: 0,
        orphans: 0,
        rechecked: crate::core::rules::RuleNames::default(),
        rechecks: 0,
        begun: Vec::new(),
        held,
        limits: std::sync::Arc::default(),
    };
    journal.claim(claim, at(seconds)).await
}

/// Joins and claims, and answers the numbers of the runs.
async fn claim(journal: &SqliteJournal, limit: usize, seconds: i64) -> Vec<RunId> {
    let owner = journal.join("host".to_owned(), at(seconds)).await.unwrap();
    let claimed = claim_as(journal, owner, limit, seconds).await.unwrap();
    claimed.runs.iter().map(|run| run.id).collect()
}
