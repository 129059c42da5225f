//! The options of queues with messages of any service, and how they are read.

use std::path::Path;

use super::MessagesSetup;
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, Problem, payload_path};
use crate::core::event::PayloadPath;
use crate::sources::KeyPath;
use crate::sources::amqp::options::{
    BROKER, HEARTBEAT, PREFETCH, Place, consumed, declared, with_broker,
};
use crate::sources::amqp::{Amqp, DeclareQueues};
use crate::sources::posted::KEY;

/// In the section of such a source.
pub(super) const OPTIONS: [OptionRow; 20] = {
    let mut all: [OptionRow; 20] = with_broker(
        &BROKER,
        [
            QUEUES, DECLARE, EXCHANGE, BINDING, ID, KEY, HEARTBEAT, PREFETCH,
        ],
    );
    let mut at = 0;
    while at < all.len() {
        all[at].scope = Scope::Source;
        at += 1;
    }
    all[0].meaning = "the URL of the broker: `amqp://user:password@host:5672/vhost`, with TLS `amqps://`. Several \
                      hosts are tried in turn: `amqp://user:password@host1,user:password@host2/vhost`. `$$` is a \
                      dollar sign";
    all
};

const QUEUES: OptionRow = OptionRow {
    name: "queues",
    scope: Scope::Source,
    kind: Kind::List,
    default: None,
    meaning: "the queues that are consumed, as they are; those that do not exist yet are waited for",
};

const DECLARE: OptionRow = OptionRow {
    name: "declare",
    scope: Scope::Source,
    kind: Kind::Choice(&["no", "transient", "durable", "quorum"]),
    default: Some("no"),
    meaning: "declare missing queues: as `transient`, `durable` or `quorum`. A queue that there is stays as it is",
};

const EXCHANGE: OptionRow = OptionRow {
    name: "exchange",
    scope: Scope::Source,
    kind: Kind::Text,
    default: None,
    meaning: "the exchange that declared queues are bound to; if it is missing too, it is declared as a topic \
              exchange. Without it they are not bound, and get what is published to their names",
};

const BINDING: OptionRow = OptionRow {
    name: "binding",
    scope: Scope::Source,
    kind: Kind::List,
    default: None,
    meaning: "the routing keys that declared queues are bound by; without it, their names",
};

const ID: OptionRow = OptionRow {
    name: "id",
    scope: Scope::Source,
    kind: Kind::Field,
    default: None,
    meaning: "a path into the event's payload, like `body.order`, to the text or number that makes a message that is \
              delivered again the same event. Without it, or where there is none, that is the message's property \
              `message_id`; and without that each delivery is a new event",
};

/// Where people find what to write.
const OF_SOURCE: Place = Place {
    section: "the source",
    url: "write `transport_url = amqp://user@host:5672/vhost` and `password_file`",
    queues: "write `queues = orders.for-events`",
};

/// Reads them; `None` if a problem makes it no source.
pub(super) fn read(options: &mut Options<'_>, folder: &Path) -> Option<MessagesSetup> {
    let amqp = consumed(options, folder, &OF_SOURCE);
    let hint = "leave it out to wait for queues that are missing";
    let declare_queues = declared(options, "declare", hint);
    let exchange = options.text_or_default("exchange");
    let bindings = options.items("binding", "a routing key");
    let bindings: Vec<String> = bindings
        .into_iter()
        .map(|(key, _)| key.to_owned())
        .collect();
    if let Some(key) = bindings.iter().find(|key| key.len() > 255) {
        let message = format!(
            "expected a routing key in `binding`, but found one of {} bytes",
            key.len()
        );
        let hint = "a routing key has at most 255 bytes; separate them with commas";
        options.report_value("binding", Problem::error(message, hint));
    }
    report_unused(options, declare_queues, &exchange);
    let id = id(options);
    let key = KeyPath::read(options);
    Some(MessagesSetup {
        amqp: Amqp {
            declare_queues,
            exchange,
            bindings,
            ..amqp?
        },
        id,
        key: key?,
    })
}

/// What is said of declaring queues has no meaning unless they are.
fn report_unused(options: &mut Options<'_>, declare: DeclareQueues, exchange: &str) {
    for (name, lacking, remedy) in [
        ("exchange", declare == DeclareQueues::No, "declare"),
        ("binding", declare == DeclareQueues::No, "declare"),
        ("binding", exchange.is_empty(), "exchange"),
    ] {
        if lacking && !options.lacks(name) {
            let message = format!("`{name}` has no meaning without `{remedy}`");
            let hint = format!("set `{remedy}` too, or remove `{name}`");
            return options.report_value(name, Problem::warning(message, hint));
        }
    }
}

/// Where the id is.
fn id(options: &mut Options<'_>) -> Option<PayloadPath> {
    let option = options.get(ID.name)?;
    let text = option.value.as_str().trim();
    payload_path(options, option, ID.name, text, false)
}
