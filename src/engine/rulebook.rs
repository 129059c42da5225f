//! The rules in force, which a reload of the configuration may replace.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::actions::Action;
use crate::core::rules::RuleSet;
use crate::sources::Interest;

/// What each rule does, by its name.
pub type Playbook = HashMap<String, Arc<dyn Action>>;

/// Rules, and what they do.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The rules.
    pub rules: Arc<RuleSet>,
    /// What each of them does.
    pub playbook: Arc<Playbook>,
}

/// Reads the rules in force. A caller that decides several things together asks once, and so decides them by the
/// same rules.
#[derive(Clone, Debug)]
pub struct Rulebook(watch::Receiver<InForce>);

/// Replaces the rules in force.
#[derive(Debug)]
pub struct Editor(watch::Sender<InForce>);

impl InForce {
    fn new(rules: RuleSet, playbook: Playbook) -> Self {
        Self {
            rules: Arc::new(rules),
            playbook: Arc::new(playbook),
        }
    }
}

impl Rulebook {
    /// A book with these rules in force, and what replaces them.
    #[must_use]
    pub fn new(rules: RuleSet, playbook: Playbook) -> (Self, Editor) {
        let (sender, receiver) = watch::channel(InForce::new(rules, playbook));
        (Self(receiver), Editor(sender))
    }

    /// The rules that are in force now.
    #[must_use]
    pub fn current(&self) -> Arc<RuleSet> {
        self.0.borrow().rules.clone()
    }

    /// The rules that are in force now, and what they do.
    #[must_use]
    pub fn in_force(&self) -> InForce {
        self.0.borrow().clone()
    }

    /// Comes back when the rules in force have been replaced since this was called last on this copy of the book.
    pub async fn replaced(&mut self) {
        // Without an editor there is nobody who replaces them.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What the rules in force want, at any time.
    #[must_use]
    pub fn interest(&self) -> Interest {
        let book = self.clone();
        Interest::new(move |event_type| book.0.borrow().rules.wants(event_type))
    }
}

impl Editor {
    /// From now on these rules are in force. What is under way ends as it began.
    pub fn replace(&self, rules: RuleSet, playbook: Playbook) {
        self.0.send_replace(InForce::new(rules, playbook));
    }
}
