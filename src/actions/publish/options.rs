//! The options of a rule that publishes a message.

use super::{LONGEST_NAME, PublishAction};
use crate::actions::rows::{BODY, REQUEST_TIMEOUT};
use crate::actions::scope::{SYNTAX, looked_up, object_template};
use crate::amqp::{self, Publisher};
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, Problem, RuleContext, positive_duration};
use crate::core::template::{JsonTemplate, Place, Template};

/// How the exchange is written that has no name, and leads to the queue of the routing key's name.
pub(super) const DEFAULT_EXCHANGE: &str = "amq.default";

/// The options of a rule that publishes a message.
pub(super) const OPTIONS: [OptionRow; 5] = [
    OptionRow {
        name: "routing_key",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "by what the exchange chooses queues: a template of at most 255 bytes when it is filled in",
    },
    OptionRow {
        name: "exchange",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: Some("openstack"),
        meaning: "in a rule: the exchange to publish to, which exists already; that of `[DEFAULT]` if the rule \
                  names none. `amq.default` leads to the queue of the routing key's name",
    },
    BODY,
    OptionRow {
        name: "transport_url",
        scope: Scope::Rule,
        kind: Kind::SecretUrl,
        default: None,
        meaning: "in a rule: another broker than that of `[DEFAULT]`, written in the same way, with user and \
                  password for each host",
    },
    REQUEST_TIMEOUT,
];

/// Reads them; `None` if a problem makes it no message.
pub(super) fn read(options: &mut Options<'_>, rule: &RuleContext<'_>) -> Option<PublishAction> {
    let routing_key = routing_key(options);
    let exchange = options.text_or_default("exchange");
    let is_long = exchange.len() > LONGEST_NAME;
    if is_long {
        let message = "expected the name of an exchange, but found one of more than 255 bytes";
        options.report_value("exchange", Problem::error(message, "shorten it"));
    }
    let body = if options.lacks("body") {
        JsonTemplate::of_name("event").ok()
    } else {
        object_template(
            options,
            "body",
            r#"write it like `{"node": "{{ node_name }}"}`"#,
        )
    };
    let timeout = options.parse("request_timeout", "write it like `30s`", positive_duration);
    if options.lacks("transport_url") && options.lacks("host") {
        options.report_section(
            "expected `transport_url` in the rule or in [DEFAULT], but found none",
            "say where the broker is, like `transport_url = rabbit://user:password@host:5672/`",
        );
        return None;
    }
    let broker = amqp::options::read(options, rule.folder);
    let (routing_key, body) = (routing_key?, body?);
    if broker.endpoints.is_empty() || is_long {
        return None;
    }
    let mut asks = looked_up(options, rule, "routing_key", &routing_key.names());
    asks.extend(looked_up(options, rule, "body", &body.names()));
    Some(PublishAction {
        rule: rule.name.to_owned(),
        exchange,
        routing_key,
        body,
        asks,
        timeout: timeout?,
        publisher: Publisher::new(broker),
    })
}

fn routing_key(options: &mut Options<'_>) -> Option<Template> {
    if options.lacks("routing_key") {
        options.report_section(
            "expected `routing_key` in the rule, but found none",
            "say by what the exchange chooses queues, like `routing_key = nodes.{{ node_name }}`",
        );
        return None;
    }
    let text = options.text("routing_key")?;
    let found = Template::parse(text, Place::Text);
    if let (Err(error), Some(option)) = (&found, options.get("routing_key")) {
        let problem = Problem::error(format!("`routing_key`: {error}"), SYNTAX);
        options.report(problem, option, option.value.position_in(text, error.at));
    }
    found.ok()
}
