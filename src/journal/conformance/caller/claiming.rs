//! Claims as dispatch does, and holds what was claimed.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Caller;
use crate::core::rules::RuleNames;
use crate::journal::{Answer, AttemptEnd, Claim, Claimed, RunId};

impl Caller {
    /// Claims up to so many runs of either kind.
    pub(in crate::journal) async fn claim(&self, limit: usize, now: Timestamp) -> Answer<Claimed> {
        self.claim_each(limit, limit, now).await
    }

    /// Claims up to so many runs that await nothing, and so many that await their lease.
    pub(in crate::journal) async fn claim_each(
        &self,
        limit: usize,
        awaiting: usize,
        now: Timestamp,
    ) -> Answer<Claimed> {
        self.claim_as(self.claim_of_each(limit, awaiting), now)
            .await
    }

    /// Claims as a service does that has these rules.
    pub(in crate::journal) async fn claim_of(
        &self,
        rules: RuleNames,
        limit: usize,
        awaiting: usize,
        orphans: usize,
        now: Timestamp,
    ) -> Answer<Claimed> {
        let claim = Claim {
            rules,
            orphans,
            ..self.claim_of_each(limit, awaiting)
        };
        self.claim_as(claim, now).await
    }

    /// Claims with limits of rules.
    pub(in crate::journal) async fn claim_within(
        &self,
        limits: &[(&str, u32)],
        limit: usize,
        awaiting: usize,
        now: Timestamp,
    ) -> Answer<Claimed> {
        let claim = Claim {
            limits: limits_of(limits),
            ..self.claim_of_each(limit, awaiting)
        };
        self.claim_as(claim, now).await
    }

    /// Claims up to so many runs, and so many of rules before whose attempts ESI Leap is asked; having asked about
    /// these.
    pub(in crate::journal) async fn claim_rechecked(
        &self,
        rechecked: &[&str],
        (limit, rechecks): (usize, usize),
        begun: &[(RunId, u32)],
        limits: &[(&str, u32)],
        now: Timestamp,
    ) -> Answer<Claimed> {
        let claim = Claim {
            rechecked: rechecked.iter().collect(),
            rechecks,
            begun: begun.to_vec(),
            limits: limits_of(limits),
            ..self.claim_of_each(limit, limit)
        };
        self.claim_as(claim, now).await
    }

    /// Claims with the ends of attempts of its own.
    pub(in crate::journal) async fn claim_after(
        &self,
        ended: Vec<AttemptEnd>,
        limit: usize,
        awaiting: usize,
        now: Timestamp,
    ) -> Answer<Claimed> {
        let owner = self.owner();
        let ended = ended.into_iter().map(|end| AttemptEnd { owner, ..end });
        let claim = Claim {
            ended: ended.collect(),
            ..self.claim_of_each(limit, awaiting)
        };
        self.claim_as(claim, now).await
    }

    fn claim_of_each(&self, limit: usize, awaiting: usize) -> Claim {
        Claim {
            owner: self.owner(),
            rules: self.ground.rules.lock().unwrap().iter().collect(),
            ended: Vec::new(),
            limit,
            awaiting,
            orphans: 0,
            rechecked: RuleNames::default(),
            rechecks: 0,
            begun: Vec::new(),
            held: self.held.lock().unwrap().iter().copied().collect(),
            limits: Arc::default(),
        }
    }

    async fn claim_as(&self, claim: Claim, now: Timestamp) -> Answer<Claimed> {
        let claimed = self
            .ask(|journal| journal.claim(claim.clone(), now))
            .await?;
        let over: Vec<_> = (claim.ended.iter())
            .map(|end| (end.run, end.attempt))
            .collect();
        let runs = claimed.runs.iter().chain(&claimed.orphans);
        let mut held = self.held.lock().unwrap();
        held.retain(|attempt| !over.contains(attempt));
        held.extend(runs.map(|run| (run.id, run.attempt)));
        drop(held);
        Ok(claimed)
    }

    /// Forgets what it holds, as if no claim had ever been answered.
    pub(in crate::journal) fn forget_claims(&self) {
        self.held.lock().unwrap().clear();
    }
}

fn limits_of(limits: &[(&str, u32)]) -> Arc<BTreeMap<String, u32>> {
    let limits = limits.iter();
    Arc::new(
        limits
            .map(|(rule, most)| ((*rule).to_owned(), *most))
            .collect(),
    )
}
