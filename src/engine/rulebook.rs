//! The rules in force, which a reload of the configuration may replace.

use std::sync::Arc;

use tokio::sync::watch;

use crate::core::rules::RuleSet;
use crate::sources::Interest;

/// Reads the rules in force. Whoever decides several things together asks once, and so decides them by the
/// same rules.
#[derive(Clone, Debug)]
pub struct Rulebook(watch::Receiver<Arc<RuleSet>>);

/// Replaces the rules in force.
#[derive(Debug)]
pub struct Editor(watch::Sender<Arc<RuleSet>>);

impl Rulebook {
    /// A book with these rules in force, and what replaces them.
    #[must_use]
    pub fn new(rules: RuleSet) -> (Self, Editor) {
        let (sender, receiver) = watch::channel(Arc::new(rules));
        (Self(receiver), Editor(sender))
    }

    /// The rules that are in force now.
    #[must_use]
    pub fn current(&self) -> Arc<RuleSet> {
        self.0.borrow().clone()
    }

    /// What the rules in force want, at any time.
    #[must_use]
    pub fn interest(&self) -> Interest {
        let book = self.clone();
        Interest::new(move |event_type| book.0.borrow().wants(event_type))
    }
}

impl Editor {
    /// From now on these rules are in force.
    pub fn replace(&self, rules: RuleSet) {
        self.0.send_replace(Arc::new(rules));
    }
}
