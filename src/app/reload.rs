//! SIGHUP: the configuration is read again, and its rules are in force from then on.
//!
//! A file with errors changes nothing. What is said of the service itself is told by name if it has
//! changed, and takes effect when the service is started again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;

use super::parts::{Config, Reading};
use crate::config::Fingerprints;
use crate::engine::rulebook::Editor;

/// Reads the text of a configuration.
type Read<F> = fn(&str, &Path) -> Reading<F>;

/// Takes up what a configuration says of the feeds.
type Renew<F> = Box<dyn Fn(&F) + Send>;

/// The configuration that is in force, and how to read it again.
pub(super) struct Reload<F> {
    path: PathBuf,
    read: Read<F>,
    rules: Editor,
    /// Has the feeds be what they are now.
    renew: Renew<F>,
    /// What the file said of the service itself when it was started, but for what its feeds take up.
    service: Fingerprints,
}

impl<F> Reload<F> {
    pub(super) fn new(config: &Config<F>, read: Read<F>, rules: Editor, renew: Renew<F>) -> Self {
        Self {
            path: config.path.clone(),
            read,
            rules,
            renew,
            service: config.service.clone(),
        }
    }

    /// Reads the configuration each time that is asked for; never returns.
    pub(super) async fn run(self, asked: Arc<Notify>) {
        loop {
            asked.notified().await;
            self.once();
        }
    }

    fn once(&self) {
        let file = self.path.display();
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!("failed to read {file} again: {error}; its rules stay in force");
                return;
            }
        };
        let reading = (self.read)(&text, &self.path);
        for problem in &reading.problems {
            let place = problem.position.map(|place| format!(":{place}"));
            let place = place.unwrap_or_default();
            tracing::warn!("{file}{place}: {}; {}", problem.message, problem.hint);
        }
        let Some(config) = reading.config else {
            tracing::error!(
                "{file} has errors: nothing of it is taken over, its former rules stay in force"
            );
            return;
        };
        let number = config.rules.all().len();
        self.rules.replace(config.rules, config.actions);
        (self.renew)(&config.feed);
        tracing::info!("{file} was read again: from now on its {number} rules are in force");
        let changed = self.service.changed(&config.service);
        if !changed.is_empty() {
            tracing::warn!(
                "changed, but only in force once the service is started again: {}",
                changed.join(", ")
            );
        }
    }
}
