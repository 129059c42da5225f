//! A decoded delivery → what is written down for it. Pure.

use std::sync::Arc;

use crate::core::event::{Event, Key};
use crate::core::rules::{Given, Judgement, Plan, Rule, RuleSet, Timing, Verdict};
use crate::journal::{Acceptance, Cancels, Entry, PlannedRun, Start};
use crate::sources::{Arrival, for_quarantine};

/// The run of this key that a rule makes of an event that is complete. One whose time cannot be told never starts
/// by itself, and says why.
pub(in crate::engine) fn planned(rule: &Rule, event: &Event, key: Key) -> PlannedRun {
    let Plan {
        timing: Timing { start_at, start_by },
        share,
        throttle,
    } = rule.plan(event, &key);
    let start = match start_at {
        Ok(None) => Start::Now,
        Ok(Some(at)) => Start::At(at),
        Err(why) => {
            tracing::warn!(event = %event.id, rule = %rule.name, "never starts: {why}");
            Start::Never(why)
        }
    };
    PlannedRun {
        rule: rule.name.clone(),
        key,
        awaits_lease: false,
        start,
        start_by,
        share,
        throttle,
    }
}

/// The run of a rule that has to see the rest of the event first. Until then it counts for nothing: its throttle is
/// asked when it is decided.
fn awaiting(rule: &Rule, key: Key) -> PlannedRun {
    PlannedRun {
        rule: rule.name.clone(),
        key,
        awaits_lease: true,
        start: Start::Now,
        start_by: None,
        share: None,
        throttle: None,
    }
}

/// What rules make of an event. Of one that lacks something it is what they make of the rest.
#[derive(Debug)]
pub struct Decision {
    arrival: Arrival,
    /// The runs to make, and the rules that ask for them.
    runs: Vec<(Arc<Rule>, PlannedRun)>,
    undecidable: Option<String>,
    /// The rules whose earlier runs it makes pointless.
    cancelled: Vec<Arc<Rule>>,
}

impl Decision {
    /// Asks the rules; `None` if none is for this type of event, or has its runs cancelled by it.
    #[must_use]
    pub fn of(rules: &RuleSet, arrival: Arrival, given: &Given<'_>) -> Option<Self> {
        let concerned = rules.concerned(&arrival.event.event_type);
        let cancelled = rules.cancelled_by(&arrival.event.event_type);
        if concerned.is_empty() && cancelled.is_empty() {
            return None;
        }
        let mut decision = Self {
            arrival,
            runs: Vec::new(),
            undecidable: None,
            cancelled: cancelled.into_iter().cloned().collect(),
        };
        for rule in concerned {
            decision.ask(rule, given);
        }
        Some(decision)
    }

    /// The event, if it lacks something that may make a difference: a rule may make a run of it.
    #[must_use]
    pub fn to_complete(&self) -> Option<&Event> {
        let may_run = !self.runs.is_empty() || self.undecidable.is_some();
        (self.arrival.lacks.is_some() && may_run).then_some(&self.arrival.event)
    }

    /// Takes over the event with what it lacked. Only rules that need any of that are asked again.
    pub fn complete(&mut self, event: Event, given: &Given<'_>) {
        self.arrival.event = event;
        self.arrival.lacks = None;
        for (rule, run) in std::mem::take(&mut self.runs) {
            if run.awaits_lease {
                self.ask(&rule, given);
            } else {
                self.runs.push((rule, run));
            }
        }
    }

    /// While the event lacks something, a rule is refused by what is there, or awaits the rest if it asks
    /// for any of it.
    fn ask(&mut self, rule: &Arc<Rule>, given: &Given<'_>) {
        let Arrival { event, lacks, .. } = &self.arrival;
        let verdict = match rule.judge(event, *lacks, given) {
            Judgement::Decided(verdict) => verdict,
            Judgement::Awaits { key, .. } => {
                self.runs.push((Arc::clone(rule), awaiting(rule, key)));
                return;
            }
        };
        match verdict {
            Verdict::Run { key } => {
                let run = planned(rule, event, key);
                self.runs.push((Arc::clone(rule), run));
            }
            Verdict::FilterError(why) => {
                self.undecidable.get_or_insert(format!(
                    "rule [{}] cannot be decided: {why}: write a pattern with fewer nested repetitions, or fewer \
                     lists within lists, and retry the delivery",
                    rule.name
                ));
            }
            Verdict::Refused(mismatch) => tracing::info!(
                event = %event.id, rule = %rule.name,
                "refused: {mismatch}"
            ),
            Verdict::Disabled | Verdict::OtherType => {}
        }
    }

    /// Why a rule could not be decided, if that is so.
    #[must_use]
    pub fn undecidable(&self) -> Option<&str> {
        self.undecidable.as_deref()
    }

    /// The event of this source with its runs.
    #[must_use]
    pub fn into_acceptance(self, source: &str) -> Acceptance {
        self.accept(source).0
    }

    /// What to write down: the event with the runs to make, none if every rule refuses it; and the delivery
    /// itself, if a rule cannot be decided. That rule holds up no other one: released from quarantine, the
    /// event makes the runs that are still missing and no other.
    #[must_use]
    pub fn into_entries(mut self, source: &str) -> Vec<Entry> {
        let undecidable = self.undecidable.take();
        let (acceptance, origin, body) = self.accept(source);
        let delivery = undecidable.map(|reason| {
            let body = body.as_deref().unwrap_or(acceptance.body.as_bytes());
            Entry::Quarantine(for_quarantine(source, &origin, reason, body, None))
        });
        let mut entries = vec![Entry::Event(acceptance)];
        entries.extend(delivery);
        entries
    }

    fn accept(self, source: &str) -> (Acceptance, String, Option<Vec<u8>>) {
        let Arrival {
            event,
            lacks,
            origin,
            body,
        } = self.arrival;
        let cancels = self.cancelled.iter().map(|rule| Cancels {
            rule: rule.name.clone(),
            key: rule.key(&event, |path| !lacks.is_some_and(|lacks| lacks(path))),
            running: rule.when.cancel_running,
        });
        let acceptance = Acceptance {
            cancels: cancels.collect(),
            after_end: event.is_after_end(),
            lease: event.lease().map(str::to_owned),
            source: source.to_owned(),
            body: event.to_json(),
            is_incomplete: lacks.is_some(),
            id: event.id,
            event_type: event.event_type,
            runs: self.runs.into_iter().map(|(_, run)| run).collect(),
        };
        (acceptance, origin, body)
    }
}
