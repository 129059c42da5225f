//! What a claim asks: what is due, what can be claimed, and what has to wait until when.

/// Retries whose time has come, longest due first.
pub(in crate::journal::sqlite) const TO_WAKE: &str =
    "SELECT id FROM runs WHERE turn = 1 AND state = 'retryable' AND due_at <= ?1
     ORDER BY due_at LIMIT ?2";

/// Scheduled runs whose time has come, longest due first.
pub(in crate::journal::sqlite) const SCHEDULED: &str =
    "SELECT id, key_space, key FROM runs WHERE state = 'scheduled' AND due_at <= ?1
     ORDER BY due_at, id LIMIT ?2";

/// Runs with what a claim reads of each: which number its attempt has, and which runs.
macro_rules! runs_with_events {
    ($attempt:literal, $which:literal) => {
        concat!(
            "SELECT r.id, ",
            $attempt,
            ", r.failures, r.rule, r.key_space, r.key, e.body, r.awaits_lease, e.lease_failures, r.stand,
                    r.batched IS NOT NULL
             FROM runs r JOIN events e ON e.id = r.event WHERE ",
            $which
        )
    };
}

/// What can be claimed of one kind, in order of acceptance.
pub(in crate::journal::sqlite) const TO_CLAIM: &str = runs_with_events!(
    "r.attempts + 1",
    "r.turn = 1 AND r.state = 'due' AND r.share IS NULL AND r.awaits_lease = ?1 AND r.recheck = ?4
     AND (r.start_by IS NULL OR r.start_by >= ?3) ORDER BY r.id LIMIT ?2"
);

/// What an owner has claimed and not recorded. The index holds the open attempts of all: they are few.
pub(in crate::journal::sqlite) const CLAIMED: &str =
    "SELECT a.run, a.number FROM attempts a INDEXED BY attempts_open
     WHERE a.ended_at IS NULL AND a.owner = ?1 ORDER BY a.run";

/// One that shares.
pub(in crate::journal::sqlite) const SHARING_RUN: &str = runs_with_events!(
    "r.attempts + 1",
    "r.id = ?1 AND (r.start_by IS NULL OR r.start_by >= ?2)"
);

/// One that is claimed.
pub(in crate::journal::sqlite) const CLAIMED_RUN: &str =
    runs_with_events!("r.attempts", "r.id = ?1");

/// The first retry that has to wait.
pub(in crate::journal::sqlite) const NEXT_DUE: &str =
    "SELECT due_at FROM runs WHERE turn = 1 AND state = 'retryable' AND due_at > ?1
     ORDER BY due_at LIMIT 1";

/// The first scheduled run that has to wait.
pub(in crate::journal::sqlite) const NEXT_SCHEDULED: &str =
    "SELECT due_at FROM runs WHERE state = 'scheduled' AND due_at > ?1 ORDER BY due_at LIMIT 1";
