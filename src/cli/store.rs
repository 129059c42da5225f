//! `store`: list, get, set, delete and count up named values, beside the service or without one.

use std::time::Duration;

use serde_json::{Value, json};

use super::Places;
use super::inputs::ask;
use super::output::{Format, cell, moment, print_json, print_line, table};
use crate::cli::report::{Exit, Failure};
use crate::config::positive_duration;
use crate::core::printable::printable;
use crate::core::store::Operation;
use crate::journal::{Changed, Store, StorePage, StoredValue};
use crate::ops::store;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions store set on-call ann@example.org
  esi-event-actions store set rollout 17 --json --ttl 1h --if-absent
  esi-event-actions store incr reboots --ttl 1d
  esi-event-actions store get on-call
  esi-event-actions store list --prefix errors.
  esi-event-actions store delete rollout";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List values in the order of their names
    List {
        /// Only names that begin so
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
        /// Only names after this one, which was the last of the page before
        #[arg(long, value_name = "NAME")]
        after: Option<String>,
        /// The first so many
        #[arg(long, default_value_t = 50, value_name = "NUMBER")]
        limit: usize,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print a value: text as it is, anything else as JSON
    Get {
        /// The value's name
        name: String,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Set a value, whatever there was before
    Set {
        /// The value's name
        name: String,
        /// What is stored, as text
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Read VALUE as JSON: a number, `true`, an object
        #[arg(long)]
        json: bool,
        /// How long it stays, like `90s`, `1h` or `7d`; without it, until it is set again or deleted
        #[arg(long, value_parser = time_to_live, value_name = "TIME")]
        ttl: Option<Duration>,
        /// Fail, and change nothing, if there is a value of this name
        #[arg(long)]
        if_absent: bool,
    },
    /// Delete values
    Delete {
        /// The values' names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Add to a whole number, or to 0 if there is none, and print the sum
    Incr {
        /// The value's name
        name: String,
        /// How much
        #[arg(
            long,
            default_value_t = 1,
            allow_negative_numbers = true,
            value_name = "NUMBER"
        )]
        by: i64,
        /// How long a number stays that was not there before
        #[arg(long, value_parser = time_to_live, value_name = "TIME")]
        ttl: Option<Duration>,
    },
}

fn time_to_live(text: &str) -> Result<Duration, String> {
    let time = positive_duration(text);
    time.ok_or_else(|| "expected a length of time above 0, like `90s`, `1h` or `7d`".to_owned())
}

pub(super) fn run(places: &Places, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List {
            prefix,
            after,
            limit,
            format,
        } => {
            let page = StorePage {
                prefix,
                after,
                limit,
            };
            list(&ask(store::list(&places.journal()?, page))?, format)
        }
        Command::Get { name, format } => {
            let found = ask(store::get(&places.journal()?, &name))?;
            get(&found.ok_or_else(|| absent(&name))?, format)
        }
        Command::Set {
            name,
            value,
            json,
            ttl,
            if_absent,
        } => {
            let value = if json {
                json_value(&value)?
            } else {
                value.into()
            };
            let operation = Operation::Set {
                value,
                ttl,
                if_absent,
            };
            let changed = change(&places.journal()?, &name, operation)?;
            set(&name, &changed, ttl)
        }
        Command::Delete { names } => delete(&places.journal()?, &names),
        Command::Incr { name, by, ttl } => {
            let operation = Operation::Incr { by, ttl };
            let changed = change(&places.journal()?, &name, operation)?;
            print_line(&text(&changed.value.unwrap_or_default()))
        }
    }
}

/// Makes a change that nobody else asks for.
fn change(journal: &dyn Store, name: &str, operation: Operation) -> Result<Changed, Failure> {
    let request = format!("{:032x}", fastrand::u128(..));
    ask(store::change(journal, request, name, operation))
}

fn json_value(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::new(
            Exit::Usage,
            &format!("expected JSON with --json, but found a mistake in it: {error}"),
            "write text in double quotation marks within single ones, like '\"text\"', or leave --json out",
        )
    })
}

fn list(listed: &store::Listed, format: Format) -> Result<Exit, Failure> {
    if format == Format::Json {
        return print_json(&listed.values.iter().map(as_json).collect());
    }
    let mut table = table(&["name", "value", "set", "expires"]);
    for value in &listed.values {
        table.add_row([
            cell(&value.name),
            cell(&value.value.to_string()),
            cell(&moment(value.set_at)),
            cell(&value.expires_at.map(moment).unwrap_or_default()),
        ]);
    }
    print_line(&table.to_string())?;
    match listed.values.last() {
        Some(last) if listed.and_more => {
            let name = printable(last.name.as_bytes());
            print_line(&format!("more values follow: --after '{name}' lists them"))
        }
        _ => Ok(Exit::Success),
    }
}

fn get(value: &StoredValue, format: Format) -> Result<Exit, Failure> {
    match format {
        Format::Json => print_json(&as_json(value)),
        Format::Table => print_line(&text(&value.value)),
    }
}

fn set(name: &str, changed: &Changed, ttl: Option<Duration>) -> Result<Exit, Failure> {
    if !changed.is_done {
        let value = changed.value.as_ref().map(text).unwrap_or_default();
        return Err(Failure::new(
            Exit::Failed,
            &format!("there is a value `{name}` already: {value}"),
            "it can be set if absent once it has been deleted or its time is over; without --if-absent it \
             is replaced",
        ));
    }
    let name = printable(name.as_bytes());
    match ttl {
        Some(ttl) => print_line(&format!("{name} is set for {ttl:?}")),
        None => print_line(&format!("{name} is set")),
    }
}

fn delete(journal: &dyn Store, names: &[String]) -> Result<Exit, Failure> {
    let mut missing = None;
    for name in names {
        let changed = change(journal, name, Operation::Delete)?;
        if changed.is_done {
            print_line(&format!("{} is deleted", printable(name.as_bytes())))?;
        } else {
            missing.get_or_insert_with(|| absent(name));
        }
    }
    missing.map_or(Ok(Exit::Success), Err)
}

fn absent(name: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        &format!("there is no value `{name}` in the store"),
        "`esi-event-actions store list` shows the names there are",
    )
}

/// Text as it is, but for control characters, anything else as JSON.
fn text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    printable(text.as_bytes())
}

fn as_json(value: &StoredValue) -> Value {
    json!({
        "name": value.name,
        "value": value.value,
        "set_at": value.set_at.to_string(),
        "expires_at": value.expires_at.map(|at| at.to_string()),
    })
}
