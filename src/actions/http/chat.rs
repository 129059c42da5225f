//! Presets for chat services: a message by the service's own webhook, whose address is a secret.
//!
//! The operator's text stays as written, so that it may mention people and link. Values that an event fills in
//! cannot. A message may be of all events of a window (`batch`): the run that stands for these is given them.

use std::sync::Arc;

use reqwest::Method;

use super::options::rows::URL_FILE;
use super::options::template;
use super::request::{Address, Body, Call};
use super::service::{MATTERMOST as OF_MATTERMOST, ROCKETCHAT as OF_ROCKETCHAT, SLACK as OF_SLACK};
use super::service::{Service, TEAMS as OF_TEAMS};
use super::{HttpAction, HttpRecovery};
use crate::actions::remote::{request_timeout, secret_file, trust};
use crate::actions::rows::{REQUEST_TIMEOUT, SSL_CA_FILE};
use crate::actions::scope::looked_up;
use crate::actions::statuses::Statuses;
use crate::actions::{ActionPart, MakeRecovery, Read};
use crate::config::table::{Kind, OptionRow, PartOptions, Scope};
use crate::config::throttle::BATCH;
use crate::config::{Options, RuleContext};
use crate::http::LateClient;

/// The options of a rule that sends a message.
const OPTIONS: [OptionRow; 5] = [
    URL_FILE,
    OptionRow {
        name: "message",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "the text: a template. What is written here may mention people, link and format, in the service's \
                  own way; values that are filled in cannot. What is longer than the service takes is cut, with a mark",
    },
    BATCH,
    SSL_CA_FILE,
    REQUEST_TIMEOUT,
];

const fn part(service: &Service, read: Read, recovery: MakeRecovery) -> ActionPart {
    ActionPart {
        options: PartOptions {
            name: service.name,
            rows: &OPTIONS,
        },
        read,
        recovery: Some(recovery),
    }
}

/// Rocket.Chat, by an incoming webhook.
pub const ROCKETCHAT: ActionPart = part(
    &OF_ROCKETCHAT,
    |options, rule| Some(Arc::new(read(&OF_ROCKETCHAT, options, rule)?)),
    |_| Box::new(HttpRecovery(OF_ROCKETCHAT.name)),
);

/// Slack, by an incoming webhook.
pub const SLACK: ActionPart = part(
    &OF_SLACK,
    |options, rule| Some(Arc::new(read(&OF_SLACK, options, rule)?)),
    |_| Box::new(HttpRecovery(OF_SLACK.name)),
);

/// Mattermost, by an incoming webhook.
pub const MATTERMOST: ActionPart = part(
    &OF_MATTERMOST,
    |options, rule| Some(Arc::new(read(&OF_MATTERMOST, options, rule)?)),
    |_| Box::new(HttpRecovery(OF_MATTERMOST.name)),
);

/// Microsoft Teams, by a workflow that begins with a webhook.
pub const TEAMS: ActionPart = part(
    &OF_TEAMS,
    |options, rule| Some(Arc::new(read(&OF_TEAMS, options, rule)?)),
    |_| Box::new(HttpRecovery(OF_TEAMS.name)),
);

/// Reads them; `None` if a problem makes it no message.
fn read(
    service: &'static Service,
    options: &mut Options<'_>,
    rule: &RuleContext<'_>,
) -> Option<HttpAction> {
    for (name, hint) in [
        (
            "url_file",
            "name a file whose first line is the address of the service's webhook",
        ),
        (
            "message",
            "say what is sent, like `message = {{ node_name }} is free`",
        ),
    ] {
        if options.lacks(name) {
            let message = format!("expected `{name}` in the rule, but found none");
            options.report_section(&message, hint);
        }
    }
    let mut files = Vec::new();
    let address = secret_file(options, rule, "url_file", &mut files);
    let text = options.get("message").map(|option| option.value.as_str());
    let message = text.and_then(|text| template(options, "message", text, service.place()));
    let (timeout, trust) = (request_timeout(options), trust(options, rule));
    let message = message?;
    Some(HttpAction {
        rule: rule.name.to_owned(),
        asks: looked_up(options, rule, "message", &message.names()),
        call: Call {
            method: Method::POST,
            address: Address::File(address?),
            headers: Vec::new(),
            body: Some(Body::Message(service, message)),
            login: None,
        },
        files,
        trust,
        success: Statuses::new(service.success.iter().map(|&it| it..=it).collect()),
        retry_on: Statuses::new(vec![429..=429, 500..=599]),
        timeout: timeout?,
        client: LateClient::default(),
    })
}
