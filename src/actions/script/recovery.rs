//! After a crash: ends what scripts of an earlier service left running, before their runs are due again.

mod leftovers;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::KIND;
use crate::actions::{Living, Recovery};
use crate::journal::{OpenAttempt, RunId};
use crate::os::process::{Remaining, describe_remaining};
use leftovers::{Attempt, Ending, Leftover, Leftovers};

/// How long a script that is left may take to end when it is asked to, until it is forced.
const GRACE: Duration = Duration::from_secs(5);

/// Recovery of scripts.
#[derive(Debug)]
pub(super) struct ScriptRecovery {
    journal_name: String,
    /// Once they have been looked for.
    leftovers: Option<Leftovers>,
}

impl ScriptRecovery {
    /// Of scripts that were started for the journal of this name.
    pub(super) fn new(journal_name: &str) -> Self {
        Self {
            journal_name: journal_name.to_owned(),
            leftovers: None,
        }
    }

    pub(super) async fn look(&mut self, open: Vec<OpenAttempt>) -> std::io::Result<Vec<Leftover>> {
        if let Some(leftovers) = &mut self.leftovers {
            let runs: Vec<RunId> = open.iter().map(|attempt| attempt.run).collect();
            leftovers.keep(&runs);
            return leftovers.remaining().await;
        }
        let open = open.iter().map(attempt).collect();
        let mut leftovers = Leftovers::of(&self.journal_name, open)?;
        let found = leftovers.end(GRACE).await?;
        self.leftovers = Some(leftovers);
        Ok(found)
    }
}

impl Recovery for ScriptRecovery {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn interrupted(&self) -> &'static str {
        "the service ended while the script ran"
    }

    fn end(&mut self, open: Vec<OpenAttempt>) -> BoxFuture<'_, Result<Vec<Living>, String>> {
        Box::pin(async move {
            let found = self.look(open).await.map_err(|error| {
                format!("failed to look for processes that an earlier service left: {error}")
            })?;
            found.iter().for_each(tell_end);
            Ok(living(&found))
        })
    }
}

/// The attempt with its leader, if its handle tells that.
fn attempt(open: &OpenAttempt) -> Attempt {
    let (run, number) = (open.run, open.attempt);
    let leader = open.handle.as_deref().and_then(|handle| {
        serde_json::from_str(handle)
            .inspect_err(|error| {
                tracing::warn!(
                    run,
                    attempt = number,
                    "the record of its process cannot be read: {error}"
                );
            })
            .ok()
    });
    Attempt {
        run,
        number,
        leader,
    }
}

fn tell_end(leftover: &Leftover) {
    let (run, pid, name) = (leftover.run, leftover.pid, leftover.name.as_deref());
    match leftover.ending {
        Ending::Asked => tracing::warn!(run, pid, name, "ended a process that was left of it"),
        Ending::Forced => tracing::warn!(run, pid, name, "killed a process that was left of it"),
        Ending::Alive => {}
    }
}

/// What lives on, by run.
fn living(found: &[Leftover]) -> Vec<Living> {
    let mut by_run = BTreeMap::<RunId, Vec<Remaining>>::new();
    for leftover in found.iter().filter(|it| it.ending == Ending::Alive) {
        let remaining = by_run.entry(leftover.run).or_default();
        remaining.push(leftover.into());
    }
    let living = by_run.into_iter().map(|(run, remaining)| Living {
        run,
        left: describe_remaining(&remaining),
    });
    living.collect()
}
