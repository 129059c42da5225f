//! `quarantine`: list, show, retry and drop deliveries that could not be decoded or decided.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Places;
use super::inputs::{ask, block_on};
use super::output::{Format, cell, moment, print, print_json, print_line, table};
use super::user::own_name;
use crate::app::parts::decoder;
use crate::cli::report::{Exit, Failure};
use crate::core::printable::printable;
use crate::journal::{Accepted, QuarantineId, Quarantined};
use crate::ops::Actor;
use crate::ops::quarantine::{self, PATIENCE, Retried, Retry, RetryError};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions quarantine list
  esi-event-actions quarantine show 3
  esi-event-actions quarantine retry 3     # accept it, with the rules in force
  esi-event-actions quarantine drop 3      # give it up: later runs of its node go on";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List quarantined deliveries, the newest last
    List {
        /// How many to list, the newest ones
        #[arg(long, default_value_t = 50, value_name = "NUMBER")]
        limit: usize,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show a delivery with the reason
    Show {
        /// The delivery's number
        id: QuarantineId,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Decode deliveries again, with the rules that are in force in the service, or else with the
    /// configuration as it is now; their runs come before those that wait for them
    Retry {
        /// The deliveries' numbers
        #[arg(required = true)]
        ids: Vec<QuarantineId>,
    },
    /// Delete deliveries without accepting their events, so that later runs of their nodes go on
    Drop {
        /// The deliveries' numbers
        #[arg(required = true)]
        ids: Vec<QuarantineId>,
    },
}

pub(super) fn run(places: &Places, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List { limit, format } => {
            list(&ask(quarantine::list(&places.journal()?, limit))?, format)
        }
        Command::Show { id, format } => {
            show(&ask(quarantine::show(&places.journal()?, id))?, format)
        }
        Command::Retry { ids } => {
            let rules = Arc::new(places.load()?.rules);
            let journal = places.journal()?;
            let mut exit = Exit::Success;
            let actor = Actor::Command { user: own_name() };
            let retry = Retry {
                journal: &journal,
                rules: &rules,
                decoders: decoder,
                actor: &actor,
                patience: PATIENCE,
            };
            for id in ids {
                match block_on(retry.one(id))?.map_err(|error| unretried(id, error))? {
                    Retried::Accepted(done) => {
                        print_line(&format!("delivery {id}: {}", accepted(&done)))?
                    }
                    Retried::Stays(why) => {
                        exit = Exit::Failed;
                        print_line(&format!(
                            "delivery {id} stays in quarantine: {}; `esi-event-actions explain \
                             --quarantined {id}` says what each rule makes of it",
                            printable(why.as_bytes())
                        ))?
                    }
                };
            }
            Ok(exit)
        }
        Command::Drop { ids } => {
            let dropped = ask(quarantine::delete(&places.journal()?, ids))?;
            let lines = dropped.iter().map(|one| {
                let follows = one.to_string();
                format!(
                    "delivery {}: deleted{}\n",
                    one.id,
                    printable(follows.as_bytes())
                )
            });
            print(lines.collect::<String>().as_bytes())
        }
    }
}

fn unretried(id: QuarantineId, error: RetryError) -> Failure {
    match error {
        RetryError::Journal(error) => error.into(),
        RetryError::Unanswered(waited) => Failure::new(
            Exit::Temporary,
            &format!(
                "delivery {id} is left as it is: the service that holds the journal decides, and has not \
                 answered within {waited:?}"
            ),
            "look at the service's log, and try again; once it is stopped, the command decides by itself",
        ),
    }
}

/// What came of decoding a delivery again, in words.
fn accepted(accepted: &Accepted) -> String {
    match accepted {
        Accepted::Runs { runs, .. } if runs.is_empty() => "accepted; it matches no rule".into(),
        Accepted::Runs { runs, .. } => {
            let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
            format!("accepted; runs {}", runs.join(", "))
        }
        Accepted::Known | Accepted::Quarantined(_) | Accepted::Noted => {
            "its event is known already".into()
        }
    }
}

fn list(all: &[Quarantined], format: Format) -> Result<Exit, Failure> {
    if format == Format::Json {
        return print_json(&all.iter().map(as_json).collect());
    }
    let mut table = table(&[
        "delivery",
        "arrived",
        "queue",
        "bytes",
        "holds node",
        "runs waiting",
        "reason",
    ]);
    for one in all {
        table.add_row([
            cell(&one.id.to_string()),
            cell(&moment(one.arrived_at)),
            cell(&one.delivery.origin),
            cell(&one.delivery.size.to_string()),
            cell(node(one).unwrap_or_default()),
            cell(&one.waiting.to_string()),
            cell(&one.delivery.reason),
        ]);
    }
    print_line(&table.to_string())
}

fn show(one: &Quarantined, format: Format) -> Result<Exit, Failure> {
    let body = &one.delivery.body;
    if format == Format::Json {
        let mut shown = as_json(one);
        shown["body"] = String::from_utf8_lossy(body).into();
        return print_json(&shown);
    }
    let id = one.id;
    let hold = node(one).map(|node| {
        format!(
            "holds node: {}; runs waiting: {}; `quarantine retry {id}` accepts the event before them, \
             `quarantine drop {id}` gives it up\n",
            printable(node.as_bytes()),
            one.waiting,
        )
    });
    let text = format!(
        "delivery {id} from {}, {} bytes, arrived {}\nreason: {}\n`esi-event-actions explain \
         --quarantined {id}` says what each rule makes of it\n{}{}\n",
        printable(one.delivery.origin.as_bytes()),
        one.delivery.size,
        moment(one.arrived_at),
        printable(one.delivery.reason.as_bytes()),
        hold.unwrap_or_default(),
        printable(body)
    );
    print(text.as_bytes())
}

/// The node whose later runs wait for a delivery.
fn node(one: &Quarantined) -> Option<&str> {
    one.delivery.key.as_ref().map(|key| key.text.as_str())
}

fn as_json(one: &Quarantined) -> Value {
    json!({
        "id": one.id,
        "arrived_at": one.arrived_at.to_string(),
        "source": one.delivery.source,
        "queue": one.delivery.origin,
        "size": one.delivery.size,
        "reason": one.delivery.reason,
        "node": node(one),
        "waiting": one.waiting,
    })
}
