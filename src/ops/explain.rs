//! What `explain` finds: an event, wherever it is written down, and what each rule makes of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::actions::{Action, Description};
use crate::core::event::Event;
use crate::core::python_json;
use crate::core::rules::{Finding, Given, Judgement, Plan, Rule, RuleSet, Timing, Verdict};
use crate::core::store::Values;
use crate::core::throttle::{Decision, Throttled, Window};
use crate::engine::release;
use crate::engine::rulebook::Playbook;
use crate::journal::{Browse, JournalError, QuarantineId, RunDetail};
use crate::sources::{Decoders, Interest, Lacks};

/// What sources know of events that do not come from them just now. The table of parts has it.
#[derive(Clone, Copy, Debug)]
pub struct Forms {
    /// Finds what decodes a delivery in quarantine.
    pub decoders: Decoders,
    /// Reads an event in any of the forms that people have it in, or says why it cannot be read.
    pub read: fn(&[u8]) -> Result<Event, String>,
    /// What an event lacks.
    pub lacks: fn(&Event) -> Option<Lacks>,
    /// The event with the lease that it is about; `None` if it has its lease within it.
    pub with_lease: fn(&Event, Map<String, Value>) -> Option<Event>,
}

/// Why there is no event to explain.
#[derive(Debug)]
pub enum NoEvent {
    /// The journal cannot be asked, or has no such delivery.
    Journal(JournalError),
    /// What is there is no event: why, in words.
    Unreadable(String),
}

/// Why a lease cannot be added to an event.
#[derive(Debug)]
pub enum NoLease {
    /// It is no event: why, in words.
    Unreadable(String),
    /// The event has its lease within it.
    NotNeeded,
}

impl From<JournalError> for NoEvent {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// The event of this id in the journal, of whatever source; `None` if no event has it.
///
/// # Errors
/// [`NoEvent`] if it cannot be read.
pub async fn in_journal(journal: &dyn Browse, id: &str) -> Result<Option<Event>, NoEvent> {
    let Some(event) = journal.event(id.to_owned()).await? else {
        return Ok(None);
    };
    let event = serde_json::from_str(&event);
    event.map_err(|error| NoEvent::Unreadable(error.to_string()))
}

/// The event that a delivery in quarantine holds.
///
/// # Errors
/// [`NoEvent`] if there is none that can be read.
pub async fn in_quarantine(
    journal: &dyn Browse,
    forms: &Forms,
    id: QuarantineId,
) -> Result<Event, NoEvent> {
    let delivery = journal.quarantined_one(id).await?.delivery;
    let arrival = release::decode(&delivery, forms.decoders, &Interest::in_all());
    let event = arrival.map_err(NoEvent::Unreadable)?.map(|it| it.event);
    event.ok_or_else(|| NoEvent::Unreadable("no rule is for its type of event".into()))
}

/// The event with the lease that it is about, which is given as JSON.
///
/// # Errors
/// [`NoLease`] if that is no lease, or the event is in no need of one.
pub fn with_lease(forms: &Forms, event: &Event, lease: &[u8]) -> Result<Event, NoLease> {
    let lease = python_json::read(lease).map_err(|error| NoLease::Unreadable(error.to_string()))?;
    (forms.with_lease)(event, lease).ok_or(NoLease::NotNeeded)
}

/// What is answered for one rule.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// What it makes of the event.
    pub judgement: Judgement,
    /// What each of its filters found, if the rule is for the event's type.
    pub findings: Vec<Finding>,
    /// What would be done, if the rule runs.
    pub done: Option<Description>,
    /// When that would be, if the rule runs.
    pub timing: Option<Timing>,
    /// What only so many runs share, by the value of `limit_by`, if the rule runs and has a limit.
    pub share: Option<String>,
    /// Whether the event is about a lease, which ESI Leap could be asked for.
    pub has_lease: bool,
    /// Whether the event cancels earlier runs of the rule.
    pub cancels: bool,
    /// What may hold the run back, if the rule runs.
    pub throttle: Option<ThrottleNow>,
}

/// A throttle, and what it would make of another such event now.
#[derive(Debug)]
pub struct ThrottleNow {
    /// The throttle and the group.
    pub throttled: Throttled,
    /// What would become of the event, and the window of the group with it in it; `None` as long as no journal
    /// was asked.
    pub decided: Option<(Decision, Window)>,
}

/// Asks the journal of each throttle what it would make of another such event now.
///
/// # Errors
/// [`JournalError`] if the journal cannot be asked.
pub async fn ask_throttles(
    journal: &dyn Browse,
    answers: &mut [Answer<'_>],
    event: &Event,
    now: Timestamp,
) -> Result<(), JournalError> {
    for answer in answers {
        if let Some(ThrottleNow { throttled, decided }) = &mut answer.throttle {
            let rule = answer.rule.name.clone();
            let mut window = journal.window(rule, throttled.clone()).await?;
            // An event cancels first, and is counted then.
            if let Some(window) = window.as_mut().filter(|_| answer.cancels)
                && let Some(run) = window.run.filter(|_| window.run_waits)
            {
                let run = journal.run(run).await?;
                window.run_waits = !is_cancelled_by(&run, answer.rule, event);
            }
            let (decision, window) = throttled.decide(window, now);
            let timing = answer.timing.as_ref();
            let start_at = timing.and_then(|timing| timing.start_at.clone().ok().flatten());
            *decided = Some((decision.not_before(start_at), window));
        }
    }
    Ok(())
}

/// Whether a complete event, which cancels runs of this rule, cancels this one.
fn is_cancelled_by(run: &RunDetail, rule: &Rule, event: &Event) -> bool {
    let Some(lease) = event.lease() else {
        return run.summary.key == rule.key(event, |_| true).limited().text;
    };
    let of_run: Option<Event> = serde_json::from_str(&run.event).ok();
    of_run.is_some_and(|of_run| of_run.lease() == Some(lease))
}

/// An event that nobody sent, as if it came at this time.
///
/// # Errors
/// What is wrong with the payload, which is to be JSON.
pub fn made_up(event_type: &str, payload: &str, now: Timestamp) -> Result<Event, String> {
    let payload = serde_json::from_str(payload).map_err(|error| error.to_string())?;
    let (id, event_type) = ("made-up".to_owned(), event_type.to_owned());
    Ok(Event::new(id, event_type, now.to_string(), None, payload))
}

/// What each rule makes of an event, and what would be done then with these values of the store.
#[must_use]
pub fn explain<'a>(
    rules: &'a RuleSet,
    playbook: &Playbook,
    forms: &Forms,
    event: &Event,
    given: &Given<'_>,
    values: &Arc<Values>,
) -> Vec<Answer<'a>> {
    let lacks = (forms.lacks)(event);
    let rules = rules.all().iter();
    let answers = rules.map(|rule| {
        let action = playbook.get(&rule.name);
        Answer::of(rule, action.map(AsRef::as_ref), lacks, event, given, values)
    });
    answers.collect()
}

impl<'a> Answer<'a> {
    /// What a rule makes of an event that lacks this, and what its action would do.
    #[must_use]
    pub fn of(
        rule: &'a Rule,
        action: Option<&dyn Action>,
        lacks: Option<Lacks>,
        event: &Event,
        given: &Given<'_>,
        values: &Arc<Values>,
    ) -> Self {
        let judgement = rule.judge(event, lacks, given);
        let plan = match &judgement {
            Judgement::Decided(Verdict::Run { key }) => Some(rule.plan(event, key)),
            _ => None,
        };
        let done = action.filter(|_| plan.is_some());
        let (timing, share, throttle) = match plan {
            Some(Plan {
                timing,
                share,
                throttle,
            }) => (Some(timing), share, throttle),
            None => (None, None, None),
        };
        let findings = match judgement {
            Judgement::Decided(Verdict::Disabled | Verdict::OtherType) => Vec::new(),
            _ => rule.findings(event, |path| !lacks.is_some_and(|lacks| lacks(path)), given),
        };
        Self {
            rule,
            judgement,
            findings,
            timing,
            share,
            has_lease: event.lease().is_some(),
            cancels: rule.enabled && rule.when.is_cancelled_by(&event.event_type),
            done: done.map(|action| action.describe(event, values)),
            throttle: throttle.map(|throttled| ThrottleNow {
                throttled,
                decided: None,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
