//! What a rule makes of an event, with all that is decided before the journal is asked. Pure.
//!
//! Intake, the completion of events that lacked something, and `explain` ask this and nothing else, so that what
//! is told is what is done.

use super::{Given, Rule, Timing, Verdict};
use crate::core::event::{Event, Key, PayloadPath};
use crate::core::throttle::Throttled;

/// What a rule makes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Everything the rule asks for is there.
    Decided(Verdict),
    /// Nothing refuses the event so far, but what is at these paths is there only once the event is complete.
    Awaits {
        /// By what the run is ordered until then.
        key: Key,
        /// The paths, in the order in which the rule asks for them.
        paths: Vec<String>,
    },
}

/// What is to be known of a run before it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// When it starts.
    pub timing: Timing,
    /// What it shares with others of the rule, if there is a limit.
    pub share: Option<String>,
    /// What may hold it back, or put it off; nothing if it never starts, because then it is not counted.
    pub throttle: Option<Throttled>,
}

impl Rule {
    /// What this rule makes of an event of which what `lacks` says may be missing.
    #[must_use]
    pub fn judge(
        &self,
        event: &Event,
        lacks: Option<fn(&PayloadPath) -> bool>,
        given: &Given<'_>,
    ) -> Judgement {
        let lacks = |path: &PayloadPath| lacks.is_some_and(|lacks| lacks(path));
        let verdict = self.verdict_by(event, |path| !lacks(path), given);
        let Verdict::Run { key } = verdict else {
            return Judgement::Decided(verdict);
        };
        let missing = self
            .paths()
            .map(|(_, path)| path)
            .filter(|path| lacks(path));
        let paths: Vec<String> = missing.map(PayloadPath::to_string).collect();
        if paths.is_empty() {
            Judgement::Decided(Verdict::Run { key })
        } else {
            Judgement::Awaits { key, paths }
        }
    }

    /// What is planned for a run of this key that the rule makes of a complete event.
    #[must_use]
    pub fn plan(&self, event: &Event, key: &Key) -> Plan {
        let timing = self.when.timing(event);
        let throttle = self.throttle.as_ref().filter(|_| timing.start_at.is_ok());
        Plan {
            throttle: throttle.map(|throttling| throttling.of(event, key)),
            share: self.when.share(event),
            timing,
        }
    }
}
