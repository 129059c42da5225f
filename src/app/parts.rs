//! The table of parts: which actions, journals and options there are, what to read for which service, and which
//! source decodes what.

mod forms;
mod listen;

use std::path::Path;
use std::sync::Arc;

use crate::actions::{Action, ActionPart, Recovery, awx, event, http, publish, script, store};
use crate::config::table::{Kind, OptionRow, PartOptions, RULE, SERVICE, Scope, SourceKind, Table};
use crate::config::throttle::THROTTLE;
use crate::config::{self, Feeds, Fingerprints, NamedSource, Options, RuleContext};
use crate::core::address::Address;
use crate::core::event::OF_RUNS;
use crate::core::rules::Asks;
use crate::journal::{JournalError, JournalPart, Opened, SourceRecord, sqlite};
use crate::sources::amqp::{self, Amqp, messages};
use crate::sources::history::{self, options::History, window::Window};
use crate::sources::{Arrival, Decode, Interest, Setup, SourcePart, decode_event};
use crate::sources::{
    alertmanager, eda, elasticsearch, exec, facts, kafka, load, sensor, timer, url, watch, webhook,
};
use crate::state::Access;

pub use forms::FORMS;

/// What a rule can do. The first is what it does if it does not say.
pub const ACTIONS: [ActionPart; 10] = [
    script::PART,
    http::PART,
    http::ROCKETCHAT,
    http::SLACK,
    http::MATTERMOST,
    http::TEAMS,
    publish::PART,
    awx::PART,
    store::PART,
    event::PART,
];

/// Where events come from besides the bus and the history: the kinds of sections `[source:NAME]`.
pub const SOURCES: [SourcePart; 13] = [
    timer::PART,
    webhook::PART,
    alertmanager::PART,
    exec::PART,
    eda::PART,
    sensor::PART,
    facts::PART,
    url::PART,
    watch::PART,
    load::PART,
    elasticsearch::PART,
    messages::PART,
    kafka::PART,
];

/// What keeps what was accepted. The first is what does as long as no option chooses.
pub const JOURNALS: [JournalPart; 1] = [sqlite::PART];

/// The options of every part, in the order in which people want to read of them.
pub const OPTIONS: Table = Table {
    general: &[
        &amqp::options::OPTIONS,
        &history::options::OPTIONS,
        &SERVICE,
        &RULE,
        &THROTTLE,
        &[ACTION],
    ],
    actions: &ACTION_OPTIONS,
    sources: &SOURCE_KINDS,
};

/// What has no section of its own, with what decodes its deliveries when they are taken out of quarantine.
const DECODERS: [(&str, Decode); 3] = [
    (amqp::BUS, amqp::decode),
    (history::HISTORY, history::decode),
    (OF_RUNS, decode_event),
];

/// What decodes the deliveries of the source of this name.
#[must_use]
pub fn decoder(source: &str) -> Option<Decode> {
    let kind = source.split(':').next()?;
    let of_sources = SOURCES
        .iter()
        .map(|part| (part.kind.options.name, part.decode));
    let mut all = DECODERS.into_iter().chain(of_sources);
    all.find_map(|(name, decode)| (name == kind).then_some(decode))
}

/// What a journal's record says of an event history: whose it is, and the id of the last event that was read;
/// `None` if it is the record of another source.
#[must_use]
pub fn read_history(record: &SourceRecord) -> Option<(String, Option<i64>)> {
    let cloud = history::cloud_of(&record.source)?;
    let window = record.cursor.as_ref().map(Window::of);
    let last_event_id = window.and_then(Result::ok).map(|window| window.position());
    Some((cloud.to_owned(), last_event_id))
}

/// What a journal's record says of how far its source has come, in words.
#[must_use]
pub fn reached(record: &SourceRecord) -> Option<String> {
    let cursor = record.cursor.as_ref()?;
    match record.source.split(':').next()? {
        history::HISTORY => history::window::reached(cursor),
        kind => {
            let mut parts = SOURCES.iter();
            let part = parts.find(|part| part.kind.options.name == kind)?;
            (part.reached?)(cursor)
        }
    }
}

/// What bytes hold that may be from any source.
///
/// # Errors
/// What the first kind of source has to say against them, if none knows them.
pub fn decode(body: &[u8], interest: &Interest) -> Result<Option<Arrival>, String> {
    let mut refusal = None;
    for (_, decode) in DECODERS {
        match decode(body, interest) {
            Ok(arrival) => return Ok(arrival),
            Err(why) => refusal = refusal.or(Some(why)),
        }
    }
    Err(refusal.unwrap_or_default())
}

const ACTION: OptionRow = OptionRow {
    name: "action",
    scope: Scope::Rule,
    kind: Kind::Choice(&ACTION_NAMES),
    default: Some(ACTION_NAMES[0]),
    meaning: "what the rule does; each action has options of its own",
};

/// A field of each of these parts, as a constant.
macro_rules! of_each {
    ($parts:ident, $($field:ident).+) => {{
        let mut all = [$parts[0].$($field).+; $parts.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = $parts[at].$($field).+;
            at += 1;
        }
        all
    }};
}

const ACTION_OPTIONS: [PartOptions; ACTIONS.len()] = of_each!(ACTIONS, options);
const SOURCE_KINDS: [SourceKind; SOURCES.len()] = of_each!(SOURCES, kind);
const ACTION_NAMES: [&str; ACTIONS.len()] = of_each!(ACTIONS, options.name);

/// A configuration whose rules do what the table of actions has; `F` says how to reach the feed.
pub type Config<F = ()> = config::Config<F, Arc<dyn Action>>;

/// What came of reading one.
pub type Reading<F = ()> = config::Reading<F, Arc<dyn Action>>;

/// What `listen` serves.
#[derive(Clone, Debug)]
pub struct Listen {
    /// How to reach the bus, and what the file says of that; nothing, if it says nothing and has sources.
    pub bus: Option<(Fingerprints, Amqp)>,
    /// The sources.
    pub sources: Vec<NamedSource<SourceSetup>>,
    /// How to ask ESI Leap about leases, if any rule has `recheck`.
    pub asking: Option<History>,
}

/// A source, and what kind it is of.
#[derive(Clone, Debug)]
pub struct SourceSetup {
    /// What `type` says.
    pub kind: &'static str,
    /// What its options say.
    pub setup: Arc<dyn Setup>,
}

/// Reads the text of the configuration file at `path`, but nothing of how to reach a feed: for
/// commands that have to do with none.
#[must_use]
pub fn read(text: &str, path: &Path) -> Reading {
    config::read(OPTIONS, text, path, |_| Some(()), action)
}

/// The same for `listen`, with what it takes to reach the bus and the sources.
#[must_use]
pub fn read_for_listen(text: &str, path: &Path) -> Reading<Listen> {
    let mut reading = config::read(OPTIONS, text, path, listen, action);
    // These take effect without a new start.
    let of_bus = |name: &str| amqp::options::OPTIONS.iter().any(|row| row.name == name);
    if let Some(config) = &mut reading.config {
        config.service = std::mem::take(&mut config.service).without(of_bus);
    }
    reading
}

/// The same for `poll`, with what it takes to read the event history. Of the bus nothing is
/// expected, since tenants cannot reach it.
#[must_use]
pub fn read_for_history(text: &str, path: &Path) -> Reading<History> {
    let feed = |feeds: &mut Feeds<'_>| Some(history::options::read(&mut feeds.defaults()));
    config::read(OPTIONS, text, path, feed, action)
}

fn listen(feeds: &mut Feeds<'_>) -> Option<Listen> {
    let (folder, has_sources) = (feeds.folder, feeds.has_sources());
    let has_rechecks = feeds.has_rechecks();
    let sources = feeds.sources(|kind, options, folder| {
        let part = SOURCES.iter().find(|part| part.kind.options.name == kind)?;
        let setup = (part.read)(options, folder)?;
        let kind = part.kind.options.name;
        Some(SourceSetup { kind, setup })
    });
    // What is wrong with it is told where the options of the service are read.
    let http = feeds.defaults().text("http");
    let http = http
        .and_then(Address::parse)
        .and_then(|address| address.network());
    let conflicts = sources
        .as_deref()
        .map(|sources| listen::conflicts(sources, http))
        .unwrap_or_default();
    for (name, problem) in &conflicts {
        feeds.report(name, "listen", problem.clone());
    }
    let sources = sources.filter(|_| conflicts.is_empty());
    let options = &mut feeds.defaults();
    let of_bus = &amqp::options::OPTIONS;
    let bus = if has_sources && of_bus.iter().all(|row| options.lacks(row.name)) {
        Some(None)
    } else {
        amqp::options::read(options, folder).map(|amqp| Some((options.said(of_bus), amqp)))
    };
    Some(Listen {
        asking: has_rechecks.then(|| history::options::read(options)),
        bus: bus?,
        sources: sources?,
    })
}

/// Reads what a rule does whose action has this name.
fn action(
    name: &str,
    options: &mut Options<'_>,
    rule: &RuleContext<'_>,
) -> Option<(Arc<dyn Action>, Asks)> {
    let part = ACTIONS.iter().find(|part| part.options.name == name)?;
    let action = (part.read)(options, rule)?;
    let asks = action.asks();
    Some((action, asks))
}

/// Opens the journal in this folder.
///
/// # Errors
/// Those of [`JournalPart::open`].
pub fn open_journal(state_dir: &Path, access: Access) -> Result<Opened, JournalError> {
    JOURNALS[0].open(state_dir, access)
}

/// What recovers the open attempts in the journal of this name.
pub(super) fn recoveries(journal_name: &str) -> Vec<Box<dyn Recovery>> {
    let makers = ACTIONS.iter().filter_map(|part| part.recovery);
    makers.map(|make| make(journal_name)).collect()
}

#[cfg(test)]
mod tests;
