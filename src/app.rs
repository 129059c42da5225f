//! Makes a service of a configuration: the composition root, the only room that knows every part.
//!
//! What is made runs under the [`supervisor`](crate::supervisor).

mod asker;
mod beginning;
mod health;
pub mod parts;
mod problems;
mod reload;
mod signals;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, SetOnce, mpsc};
use tokio_util::sync::CancellationToken;

use crate::amqp::close_publishers;
use crate::config::Fingerprints;
use crate::core::address::Address;
use crate::engine::dispatch::{Dispatch, Tally, Until};
use crate::engine::recover::recover;
use crate::engine::requests::answer_requests;
use crate::engine::rulebook::Rulebook;
use crate::engine::stop::Stop;
use crate::engine::upkeep::{join, leave, prune, tell_held};
use crate::http::listener::Listeners;
use crate::journal::{JournalError, Opened, Placement, Store, Work};
use crate::os::process::reap_orphans;
use crate::sources::amqp::BUS;
use crate::sources::history::options::History;
use crate::sources::history::window::Start;
use crate::sources::history::{Client, CloudProblem, HistorySource, source_name};
use crate::sources::{Enrich, FeedSettings, Interest, Opening, Setup};
use crate::state::Access;
use crate::supervisor::{Failure, Feed, Open, Opener, Rest, Supervisor};
use crate::telemetry::{self, Conditions, metrics};
use asker::Asker;
use beginning::beginning;
use parts::{Config, Listen};
pub use problems::log_problems;
use reload::Reload;
use signals::Signals;

/// Why the service ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A part of it failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// It is not clear from where to read the event history.
    #[error("{what}: where is it to be read from?")]
    Beginning {
        /// What is unclear.
        what: String,
    },
    /// The built-in client has no cloud that it can ask.
    #[error("{0}")]
    Cloud(#[from] CloudProblem),
    /// The system refuses what a service needs.
    #[error("failed to catch signals: {0}")]
    Signals(#[source] std::io::Error),
}

impl From<JournalError> for DaemonError {
    fn from(error: JournalError) -> Self {
        Self::Failed(error.into())
    }
}

/// What a service serves, and how it takes up changes of that.
struct Served<F> {
    rules: Rulebook,
    reload: Reload<F>,
    feeds: Vec<Feed>,
    changes: mpsc::UnboundedReceiver<Vec<Feed>>,
    conditions: Conditions,
    enrich: Arc<dyn Enrich>,
    until: Until,
    http: Option<Address>,
}

/// How to read an event history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Whose history; with an event's id its identity.
    pub cloud: String,
    /// How far apart passes are; `None` for a single one.
    pub every: Option<Duration>,
    /// Where to begin, if that is asked for.
    pub start: Option<Start>,
    /// Begin where it is asked for though there is a cursor.
    pub force: bool,
    /// The file of ESI's documented sample, to begin with if there is no cursor.
    pub sample_file: Option<PathBuf>,
}

/// Serves the bus and the sources until it is told to stop or, with `until_idle`, until they have nothing
/// left and every run is in a final state or waits for a delivery in quarantine.
///
/// # Errors
/// [`DaemonError`] with the first cause, after everything that ran has been stopped in order.
pub async fn listen(
    config: &Config<Listen>,
    state_dir: &Path,
    until_idle: bool,
) -> Result<Tally, DaemonError> {
    let signals = Signals::catch().map_err(DaemonError::Signals)?;
    let opened = parts::open_journal(state_dir, Access::Service)?;
    let (rules, editor) = Rulebook::new(config.rules.clone(), config.actions.clone());
    metrics::configured(true, Timestamp::now());
    let conditions = Conditions::default();
    let listeners = Listeners::default();
    let feeds = Feeds {
        journal_name: opened.journal.name().to_owned(),
        interest: rules.interest(),
        conditions: conditions.clone(),
        listeners: listeners.clone(),
        store: opened.journal.clone(),
        until_drained: until_idle,
    };
    let asker = Arc::new(Asker::new(config.folder()));
    asker.set_up(config.feed.asking.as_ref())?;
    let (change, changes) = mpsc::unbounded_channel();
    let now = feeds.of(&config.feed);
    let renew = {
        let asker = asker.clone();
        move |listen: &Listen| {
            if let Err(CloudProblem { message, hint }) = asker.set_up(listen.asking.as_ref()) {
                tracing::error!("ESI Leap cannot be asked (`recheck`): {message}; {hint}");
            }
            drop(change.send(feeds.of(listen)));
        }
    };
    let served = Served {
        rules,
        reload: Reload::new(config, parts::read_for_listen, editor, Box::new(renew)),
        feeds: now,
        changes,
        conditions,
        enrich: asker,
        until: Until::EveryRunIsFinal,
        http: config.http.clone(),
    };
    let ended = serve(config, opened, signals, served).await;
    listeners.close().await;
    ended
}

/// Reads the event history until it is told to stop or, if it is to be read only once, until that is
/// done and no run can be started now.
///
/// # Errors
/// As [`listen`]; and [`DaemonError::Beginning`] if it is not clear where to begin.
pub async fn poll<C: Client>(
    config: &Config<History>,
    state_dir: &Path,
    client: C,
    poll: Poll,
) -> Result<Tally, DaemonError> {
    let signals = Signals::catch().map_err(DaemonError::Signals)?;
    let opened = parts::open_journal(state_dir, Access::Poller)?;
    let (beginning, stored) = beginning(&opened.journal, &poll).await?;
    let (rules, editor) = Rulebook::new(config.rules.clone(), config.actions.clone());
    let conditions = Conditions::default();
    let Poll { cloud, every, .. } = poll;
    let identity = source_name(&cloud);
    let teller = conditions.teller(&identity);
    let opening = Opening {
        name: cloud,
        identity: identity.clone(),
        journal_name: opened.journal.name().to_owned(),
        interest: rules.interest(),
        stored,
        teller: teller.clone(),
        listeners: Listeners::default(),
        store: opened.journal.clone(),
        until_drained: every.is_none(),
    };
    let source = HistorySource::new(client, &config.feed, opening, beginning, every);
    // What the history's own options say takes effect with the next start.
    let (_change, changes) = mpsc::unbounded_channel();
    let served = Served {
        rules,
        reload: Reload::new(config, parts::read_for_history, editor, Box::new(|_| {})),
        enrich: source.leases(),
        feeds: vec![Feed {
            identity,
            summary: None,
            said: Fingerprints::default(),
            placement: Placement::One,
            open: Open::Once(Box::new(source)),
            teller,
        }],
        changes,
        conditions,
        until: Until::NoRunIsDue,
        // A poller is asked by its exit status.
        http: None,
    };
    serve(config, opened, signals, served).await
}

/// Takes what the feeds have to give, performs what is due, and stops both in order.
async fn serve<F: FeedSettings + Send + Sync + 'static>(
    config: &Config<F>,
    opened: Opened,
    signals: Signals,
    served: Served<F>,
) -> Result<Tally, DaemonError> {
    // The folder is this service's to the very end, and goes after the journal.
    let _held = opened.folder;
    let journal = opened.journal;
    let stop = Stop::default();
    let asked = Arc::new(Notify::new());
    let signals = signals.into_tokens(stop.clone(), config.stop_timeout, asked.clone());
    let signals = tokio::spawn(signals);
    let reaping = tokio::spawn(reap_orphans());

    let (work, drained) = (Arc::new(Notify::new()), CancellationToken::new());
    let (joined, recovered) = (Arc::new(SetOnce::new()), Arc::new(SetOnce::new()));
    let supervisor = Supervisor {
        journal: journal.clone(),
        owner: joined.clone(),
        rules: served.rules.clone(),
        enrich: served.enrich.clone(),
        work: work.clone(),
        stop: stop.clone(),
        drained: drained.clone(),
    };
    let requests = answer_requests(
        journal.clone(),
        served.rules.clone(),
        parts::decoder,
        work.clone(),
    );
    let dispatch = Dispatch {
        journal: journal.clone(),
        store: journal.clone(),
        enrich: served.enrich,
        rules: served.rules,
        max_parallel: config.max_parallel,
        work: work.clone(),
        until: served.until,
    };
    let dispatch = {
        let (stop, journal, work) = (stop.clone(), journal.clone(), work.clone());
        let recovered = recovered.clone();
        async move {
            let owner = join(&journal, &dispatch.rules, &stop.intake).await?;
            drop(joined.set(owner));
            let recoveries = parts::recoveries(journal.name());
            let unended = recover(&journal, owner, recoveries, &stop.intake).await?;
            tell_held(&journal).await;
            drop(recovered.set(()));
            let tally = tokio::select! {
                done = dispatch.run(owner, &stop, &drained) => done?,
                failed = unended.outlive(&journal, &work, &stop.intake) => return Err(failed.into()),
            };
            leave(&journal, owner).await;
            Ok(tally)
        }
    };
    let beside = journal.clone();
    let upkeep = {
        let (stop, retention) = (stop.intake.clone(), config.retention);
        async move {
            let pruning = prune(&journal, retention, &work);
            let pruned = stop.run_until_cancelled(pruning).await;
            Ok(pruned.unwrap_or(Ok(()))?)
        }
    };
    // To the very end: systemd's watchdog counts while the last scripts finish.
    let aside = {
        let answering = {
            let (journal, conditions) = (beside.clone(), served.conditions.clone());
            let stop = stop.work.clone();
            async move {
                if let Some(address) = served.http {
                    health::answer(address, journal, conditions, stop).await;
                }
            }
        };
        let telling = telemetry::tell_systemd(
            served.conditions,
            recovered,
            beside,
            stop.intake.clone(),
            config.stop_timeout,
        );
        let reload = served.reload.run(asked);
        async move {
            // Commands are answered as long as the journal is held: they cannot decide by themselves.
            tokio::join!(telling, reload, requests, answering);
        }
    };
    let rest = Rest {
        dispatch: Box::pin(dispatch),
        upkeep: Box::pin(upkeep),
        aside: Box::pin(aside),
    };
    let ended = supervisor.run(served.feeds, served.changes, rest).await;
    close_publishers().await;
    signals.abort();
    reaping.abort();
    Ok(ended?)
}

/// Makes feeds of what a configuration says.
struct Feeds {
    journal_name: String,
    interest: Interest,
    conditions: Conditions,
    listeners: Listeners,
    store: Arc<dyn Store>,
    until_drained: bool,
}

impl Feeds {
    fn of(&self, listen: &Listen) -> Vec<Feed> {
        let bus = listen.bus.iter().map(|(said, bus)| {
            let setup: Arc<dyn Setup> = Arc::new(bus.clone());
            self.feed(BUS.to_owned(), BUS.to_owned(), said.clone(), setup, None)
        });
        let sources = listen.sources.iter().map(|named| {
            let setup = &named.source.setup;
            let summary = Some(setup.summary());
            self.feed(
                named.source.identity(&named.name),
                named.name.clone(),
                named.said.clone(),
                setup.clone(),
                summary,
            )
        });
        bus.chain(sources).collect()
    }

    fn feed(
        &self,
        identity: String,
        name: String,
        said: Fingerprints,
        setup: Arc<dyn Setup>,
        summary: Option<String>,
    ) -> Feed {
        let (until_drained, placement) = (self.until_drained, setup.placement());
        // From now on the service is not ready before this feed is, though it is opened a moment later.
        let (interest, teller) = (self.interest.clone(), self.conditions.teller(&identity));
        let (listeners, store) = (self.listeners.clone(), self.store.clone());
        let journal_name = self.journal_name.clone();
        let opener: Opener = Box::new({
            let (identity, teller) = (identity.clone(), teller.clone());
            move |stored| {
                setup.open(Opening {
                    name: name.clone(),
                    identity: identity.clone(),
                    journal_name: journal_name.clone(),
                    interest: interest.clone(),
                    stored,
                    teller: teller.clone(),
                    listeners: listeners.clone(),
                    store: store.clone(),
                    until_drained,
                })
            }
        });
        Feed {
            identity,
            summary,
            said,
            placement,
            open: if until_drained {
                Open::UntilDrained(opener)
            } else {
                Open::Anew(opener)
            },
            teller,
        }
    }
}
