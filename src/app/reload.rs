//! SIGHUP: the configuration is read again, and its rules are in force from then on.
//!
//! A file with errors changes nothing. What is said of the service itself is told by name if it has
//! changed, and takes effect when the service is started again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::parts::{Config, Reading};
use super::problems::log_problems;
use crate::config::Fingerprints;
use crate::engine::rulebook::Editor;
use crate::sources::FeedSettings;
use crate::telemetry::metrics;

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

impl<F: FeedSettings> Reload<F> {
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
                metrics::configured(false, Timestamp::now());
                tracing::error!("failed to read {file} again: {error}; its rules stay in force");
                return;
            }
        };
        let reading = (self.read)(&text, &self.path);
        log_problems(&self.path, &reading);
        metrics::configured(reading.config.is_some(), Timestamp::now());
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::app::parts;
    use crate::engine::rulebook::Rulebook;
    use crate::telemetry::captured::capture;

    #[test]
    fn files_that_a_configuration_names_are_told_of_and_do_not_keep_its_rules_back() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("listener.conf");
        let rule = |name: &str, script: &str| {
            format!("[{name}]\nevents = esi_leap.lease.fulfill.end\nscript = {script}\n")
        };
        let script = |name: &str, mode| {
            let script = folder.path().join(name);
            fs::write(&script, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(mode)).unwrap();
        };
        script("fine.sh", 0o755);
        script("open.sh", 0o777);
        let text = rule("former", "fine.sh");
        let config = parts::read_for_history(&text, &path).config.unwrap();
        let (rules, editor) = Rulebook::new(config.rules.clone(), config.actions.clone());
        let reload = Reload::new(&config, parts::read_for_history, editor, Box::new(|_| {}));

        fs::write(&path, rule("gone", "gone.sh") + &rule("open", "open.sh")).unwrap();
        let log = capture();
        reload.once();
        let (messages, file) = (log.messages().join("\n"), path.display().to_string());
        for part in [
            &format!("{file}:3:10, rule [gone]: "),
            "gone.sh",
            &format!("{file}:6:10, rule [open]: "),
            "open.sh can be changed by everybody",
            "from now on its 2 rules are in force",
        ] {
            assert!(messages.contains(part), "no `{part}` in {messages}");
        }
        assert_eq!(rules.current().all().len(), 2);
    }
}
