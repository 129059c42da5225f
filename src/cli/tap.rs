//! `tap`: events of the bus as they come. Nobody's messages are taken, and nothing is noted anywhere.
//!
//! One thread reads from the broker, and a second one shows, so that output which stands still holds up neither the
//! connection nor the bus (`backlog`).

mod backlog;
mod saving;
mod showing;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Places;
use super::inputs::block_on;
use super::output::Format;
use super::service::{install_tls_provider, no_thread};
use crate::amqp::prepare;
use crate::app::parts;
use crate::cli::report::{Exit, Failure};
use crate::core::printable::printable;
use crate::core::rules::EventPattern;
use crate::sources::amqp::{Amqp, Tap, Untapped};
use crate::telemetry::print_error;
use backlog::Backlog;
use showing::Showing;

/// How long what is just being shown or saved may take once the command is to end.
const LAST_EVENT: Duration = Duration::from_secs(1);

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions tap                                     # what comes, a line each; Ctrl-C ends it
  esi-event-actions tap --match --event-type 'esi_leap.lease.*.error'
  esi-event-actions tap --save events --limit 10            # then: explain events/ID.json";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Also show what each rule makes of each event, as `explain` does; throttles count nothing here
    #[arg(long = "match")]
    matches: bool,

    /// Also keep each event as a file in this folder, which `explain` reads
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,

    /// End after this many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Only events of these types, like `esi_leap.lease.*.error`
    #[arg(long, value_name = "GLOB", value_parser = EventPattern::parse)]
    event_type: Option<EventPattern>,

    /// The exchange to listen to [default: `exchange` of the configuration]
    #[arg(long, value_name = "NAME")]
    exchange: Option<String>,

    /// A routing key to listen for, in which `*` stands for a word and `#` for any number of them; may be given more
    /// than once [default: the names of `queues`, which are ESI Leap's routing keys]
    #[arg(long, value_name = "KEY")]
    routing_key: Vec<String>,

    /// How to print: a line for people, or JSON Lines
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(places: &Places, args: &Args) -> Result<Exit, Failure> {
    let reading = places.read(parts::read_for_listen)?;
    let config = places.accepted(&reading)?;
    let Some((_, bus)) = &config.feed.bus else {
        return Err(Failure::new(
            Exit::Configuration,
            "there is no bus to listen to: the configuration has no `queues`",
            "write in [DEFAULT] how to reach it; `esi-event-actions check` tells what is missing",
        ));
    };
    if let Some(folder) = &args.save {
        saving::make_folder(folder).map_err(|error| unsaved(folder, &error))?;
    }
    install_tls_provider()?;
    prepare().map_err(|error| no_thread(&error))?;
    let backlog = Arc::new(Backlog::default());
    // Without a journal no value of the store is known.
    let journal = args.matches.then(|| places.journal().ok()).flatten();
    let showing = Showing::new(config.clone(), journal, args);
    let (tell, told) = oneshot::channel();
    let waiting = backlog.clone();
    let thread = thread::Builder::new().name("output".to_owned());
    thread
        .spawn(move || {
            // Nobody waits for it any more if the connection was lost meanwhile.
            tell.send(showing.show(&waiting)).ok();
        })
        .map_err(|error| no_thread(&error))?;
    block_on(listen(bus, args, &backlog, told))?
}

/// Hands over what comes until the output has had enough, a signal comes or the connection is lost.
async fn listen(
    bus: &Amqp,
    args: &Args,
    backlog: &Backlog,
    mut told: oneshot::Receiver<Result<(), Failure>>,
) -> Result<Exit, Failure> {
    let no_signals = |error: std::io::Error| {
        let message = format!("failed to catch signals: {error}");
        Failure::new(Exit::Failed, &message, "look at the limits of the system")
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let exchange = args.exchange.as_ref().unwrap_or(&bus.exchange);
    let keys = match args.routing_key.as_slice() {
        [] => &bus.queues,
        named => named,
    };
    let opening = Tap::open(bus, exchange, keys);
    let mut tap = tokio::select! {
        opened = opening => opened.map_err(|why| untapped(&why, bus))?,
        _ = interrupt.recv() => return Ok(Exit::Success),
        _ = terminate.recv() => return Ok(Exit::Success),
    };
    let note = format!(
        "listening to exchange {exchange} at {} for {}; Ctrl-C ends it",
        tap.host(),
        keys.join(", ")
    );
    print_error(&printable(note.as_bytes()));
    let ended = loop {
        tokio::select! {
            message = tap.next() => match message {
                Ok(message) => backlog.push(Timestamp::now(), message),
                Err(why) => break Err(untapped(&why, bus)),
            },
            shown = &mut told => {
                tap.close().await;
                return shown.unwrap_or(Ok(())).map(|()| Exit::Success);
            }
            _ = interrupt.recv() => break Ok(Exit::Success),
            _ = terminate.recv() => break Ok(Exit::Success),
        }
    };
    backlog.end();
    // What stands still is left where it is.
    timeout(LAST_EVENT, told).await.ok();
    if ended.is_ok() {
        tap.close().await;
    }
    ended
}

fn untapped(why: &Untapped, bus: &Amqp) -> Failure {
    let vhost = &bus.broker.vhost;
    let (exit, hint) = match why {
        Untapped::Broker(_) => (
            Exit::Temporary,
            "`esi-event-actions check --connect` tells what can be reached; what was sent meanwhile is not shown".to_owned(),
        ),
        Untapped::NoExchange(_) => (
            Exit::Failed,
            format!(
                "ESI Leap declares it with its first message; `rabbitmqctl list_exchanges -p {vhost}` shows those that \
                 there are, and `--exchange` names one"
            ),
        ),
        Untapped::Refused(_) => (
            Exit::Failed,
            "the user has to be allowed to configure, write and read queues whose names begin with `amq.gen-`, and to read \
             the exchange: `rabbitmqctl set_permissions`"
                .to_owned(),
        ),
    };
    Failure::new(exit, &why.to_string(), &hint)
}

/// A folder that cannot be used.
fn unsaved(folder: &std::path::Path, error: &std::io::Error) -> Failure {
    let message = format!("failed to save to {}: {error}", folder.display());
    let hint = "name a folder that this user may write to";
    Failure::new(Exit::Failed, &message, hint)
}
