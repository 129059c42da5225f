//! A decoded delivery → what is written down for it. Pure.

use std::sync::Arc;

use crate::core::event::{Event, PayloadPath};
use crate::core::rules::{Given, Rule, RuleSet, Verdict};
use crate::journal::{Acceptance, Entry, PlannedRun, Start};
use crate::sources::{Arrival, for_quarantine};

/// What rules make of an event. Of one that lacks something it is what they make of the rest.
#[derive(Debug)]
pub struct Decision {
    arrival: Arrival,
    /// The runs to make, and the rules that ask for them.
    runs: Vec<(Arc<Rule>, PlannedRun)>,
    undecidable: Option<String>,
}

impl Decision {
    /// Asks the rules; `None` if none is for this type of event.
    #[must_use]
    pub fn of(rules: &RuleSet, arrival: Arrival, given: &Given<'_>) -> Option<Self> {
        let concerned = rules.concerned(&arrival.event.event_type);
        if concerned.is_empty() {
            return None;
        }
        let mut decision = Self {
            arrival,
            runs: Vec::new(),
            undecidable: None,
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
        let lacks = |path: &PayloadPath| lacks.is_some_and(|lacks| lacks(path));
        match rule.verdict_by(event, |path| !lacks(path), given) {
            Verdict::Run { key } => {
                let run = PlannedRun {
                    rule: rule.name.clone(),
                    key,
                    awaits_lease: rule.paths().any(|(_, path)| lacks(path)),
                    start: Start::Now,
                };
                self.runs.push((Arc::clone(rule), run));
            }
            Verdict::FilterError(why) => {
                self.undecidable.get_or_insert(format!(
                    "rule [{}] cannot be decided: {why}: write a pattern with fewer nested \
                     repetitions, and retry the delivery",
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
        let acceptance = Acceptance {
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
