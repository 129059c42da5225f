//! A decoded delivery → what is written down for it. Pure.

use std::sync::Arc;

use jiff::Timestamp;

use crate::core::event::{Event, PayloadPath};
use crate::core::rules::{Given, Rule, RuleSet, Timing, Verdict};
use crate::journal::{Acceptance, Cancels, Entry, PlannedRun, Start};
use crate::sources::{Arrival, for_quarantine};

/// When a run starts that a rule makes of an event, and what it shares.
pub(in crate::engine) struct Planned {
    pub(in crate::engine) start: Start,
    pub(in crate::engine) start_by: Option<Timestamp>,
    pub(in crate::engine) share: Option<String>,
}

impl Planned {
    /// Of an event that is complete. A run whose time cannot be told never starts by itself, and says why.
    pub(in crate::engine) fn of(rule: &Rule, event: &Event) -> Self {
        let Timing { start_at, start_by } = rule.when.timing(event);
        let start = match start_at {
            Ok(None) => Start::Now,
            Ok(Some(at)) => Start::At(at),
            Err(why) => {
                tracing::warn!(event = %event.id, rule = %rule.name, "never starts: {why}");
                Start::Never(why)
            }
        };
        Self {
            start,
            start_by,
            share: rule.when.share(event),
        }
    }

    /// Of one that lacks something. That is yet to be seen.
    fn when_complete() -> Self {
        Self {
            start: Start::Now,
            start_by: None,
            share: None,
        }
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
        let lacks = |path: &PayloadPath| lacks.is_some_and(|lacks| lacks(path));
        match rule.verdict_by(event, |path| !lacks(path), given) {
            Verdict::Run { key } => {
                let awaits_lease = rule.paths().any(|(_, path)| lacks(path));
                let Planned {
                    start,
                    start_by,
                    share,
                } = if awaits_lease {
                    Planned::when_complete()
                } else {
                    Planned::of(rule, event)
                };
                // What is not decided yet counts for nothing: the throttle is asked when it is.
                let throttle = rule.throttle.as_ref().filter(|_| !awaits_lease);
                let run = PlannedRun {
                    throttle: throttle.map(|throttling| throttling.of(event, &key)),
                    rule: rule.name.clone(),
                    key,
                    awaits_lease,
                    start,
                    start_by,
                    share,
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
        let cancels = self.cancelled.iter().map(|rule| Cancels {
            rule: rule.name.clone(),
            key: rule.key(&event, |path| !lacks.is_some_and(|lacks| lacks(path))),
            running: rule.when.cancel_running,
        });
        let acceptance = Acceptance {
            cancels: cancels.collect(),
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
