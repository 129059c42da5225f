//! A kind of source, as a row of the table of parts; and a source that is set up, ready to be opened.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{
    Asking, Batch, Decode, Decoded, FeedCheckup, Interest, Pending, Program, Reply, Source,
};
use crate::config::Options;
use crate::config::table::SourceKind;
use crate::http::listener::Listeners;
use crate::http::posts::options::PostOptions;
use crate::journal::{Cursor, Placement, Progress, ProgressStep, Store};
use crate::telemetry::Teller;

/// A kind of source that has sections of its own.
#[derive(Clone, Copy, Debug)]
pub struct SourcePart {
    /// What such a section may say, and which types of event come of it.
    pub kind: SourceKind,
    /// Reads its options; `None` if a problem makes it no source. The folder is the configuration file's.
    pub read: fn(&mut Options<'_>, &Path) -> Option<Arc<dyn Setup>>,
    /// What decodes its deliveries when they are taken out of quarantine.
    pub decode: Decode,
    /// What its cursors say to people, if it keeps any.
    pub reached: Option<ReadCursor>,
}

/// Says in words how far a source has come whose cursor this is, if it can be read.
pub type ReadCursor = fn(&Cursor) -> Option<String>;

/// A source as its options say, until they are read again.
pub trait Setup: fmt::Debug + Send + Sync + 'static {
    /// Opens it; each time that it failed, again. Connecting is the affair of
    /// [`Source::receive`].
    fn open(&self, opening: Opening) -> Box<dyn Source>;

    /// On how many of the hosts that share a journal it runs.
    fn placement(&self) -> Placement;

    /// What it is, in a few words, for the log and for `check`.
    fn summary(&self) -> String;

    /// Where requests are sent to it, if any are: no two sources may be in each other's way there.
    fn posts(&self) -> Option<&PostOptions> {
        None
    }

    /// The program that it runs, if it runs one.
    fn program(&self) -> Option<&Program> {
        None
    }

    /// The files that its program runs, as far as the options name them.
    fn code_files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// The types of its events, where its kind does not say them but its files do.
    fn event_types(&self) -> Vec<String> {
        Vec::new()
    }

    /// The files with secrets that it reads, each with the option that names it.
    fn secret_files(&self) -> Vec<(PathBuf, &'static str)> {
        let posts = self.posts().into_iter();
        posts.flat_map(PostOptions::secret_files).collect()
    }

    /// The files and folders that it needs and that the current user cannot read. `section` is its own.
    fn check_files(&self, _section: &str) -> FeedCheckup {
        FeedCheckup::default()
    }

    /// Asks what it depends on what there is to say beforehand, without taking, making or changing anything there; `None` if
    /// there is nobody to ask.
    fn ask<'a>(&'a self, _asking: &'a Asking<'a>) -> Pending<'a, Option<Reply>> {
        Box::pin(std::future::ready(None))
    }
}

/// What a source is opened with.
pub struct Opening {
    /// What the operator calls it; its events are of this type, or of types that begin with it and a dot, unless the source has
    /// types of its own ([`Setup::event_types`]).
    pub name: String,
    /// What the journal calls it: its kind, a colon, and its name.
    pub identity: String,
    /// The random name of the journal, which marks the processes that are started for it.
    pub journal_name: String,
    /// Which types of event are wanted.
    pub interest: Interest,
    /// Where its cursor is, if it keeps one.
    pub stored: Option<Cursor>,
    /// By what it tells how it is doing.
    pub teller: Teller,
    /// What takes requests for it, if any are sent to it.
    pub listeners: Listeners,
    /// The named values, for what the source runs.
    pub store: Arc<dyn Store>,
    /// It hands over what is there, and then says that it is drained.
    pub until_drained: bool,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("identity", &self.identity)
            .field("stored", &self.stored)
            .finish_non_exhaustive()
    }
}

impl Opening {
    /// What comes of the source, with what is to be noted of it in the same commit; a new cursor follows the stored one.
    #[must_use]
    pub fn batch(&self, decoded: Vec<Decoded>, step: Option<ProgressStep>) -> Batch {
        let progress = step.map(|step| Progress {
            source: self.identity.clone(),
            from: self.stored.clone(),
            step,
        });
        Batch { decoded, progress }
    }
}

#[cfg(test)]
impl Opening {
    /// Of the first start of the source of this identity, `KIND:NAME`.
    pub(crate) fn of_tests(identity: &str) -> Self {
        let name = identity.split_once(':').map_or(identity, |(_, name)| name);
        Self {
            name: name.to_owned(),
            identity: identity.to_owned(),
            journal_name: "of tests".to_owned(),
            interest: Interest::in_all(),
            stored: None,
            teller: crate::telemetry::Conditions::default().teller("tests"),
            listeners: Listeners::default(),
            store: Arc::new(crate::journal::shelf::Shelf::default()),
            until_drained: false,
        }
    }
}
