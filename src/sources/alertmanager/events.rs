//! A request from Alertmanager → its events. Pure but for the ids of alerts that cannot be told apart.

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::core::event::{Event, Found, PayloadPath};
use crate::core::limits::hashed;
use crate::http::posts::Post;
use crate::http::refusal::Refusal;
use crate::sources::KeyPath;
use crate::sources::posted::{Meaning, new_id};

/// The most alerts of a request: each becomes an event with the headers of the request.
const MOST_ALERTS: usize = 2_000;

/// What the requests to a source of alerts mean.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// What the operator calls it.
    pub name: String,
    /// Where the alerts are.
    pub alerts: PayloadPath,
    /// Whether the request as a whole is an event, too.
    pub is_whole: bool,
    /// Where the key of an event is; without it, that is the alert's fingerprint.
    pub key: KeyPath,
}

impl Meaning for Alerts {
    fn events(&self, post: &Post, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        self.of(post, now)
    }
}

impl Alerts {
    /// The events that a request brings, the one for the whole first.
    ///
    /// # Errors
    /// [`Refusal`], if it is no JSON, or there is nothing in it that could be an event.
    pub fn of(&self, post: &Post, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let payload = post.json()?;
        let meta = post.meta();
        let alerts = match self.alerts.find_in(&payload) {
            Found::Nothing | Found::One(Value::Null) => None,
            Found::One(Value::Array(alerts)) => Some(alerts.iter().collect()),
            Found::One(alert) => Some(vec![alert]),
            Found::Several(found) => Some(found.into_iter().flat_map(each).collect::<Vec<_>>()),
        };
        if alerts.is_none() && !self.is_whole {
            let why = format!(
                "expected alerts at `{}` (`alerts`), but found none",
                self.alerts
            );
            return Err(Refusal::unreadable(why));
        }
        if alerts.as_ref().is_some_and(|it| it.len() > MOST_ALERTS) {
            let why = format!(
                "expected at most {MOST_ALERTS} alerts in a request, but found more: Alertmanager sends fewer with \
                 `max_alerts` in its `webhook_config`"
            );
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        let mut events = Vec::new();
        if self.is_whole {
            let key = payload.get("groupKey").and_then(Value::as_str);
            let whole = json!({ "payload": payload, "meta": meta });
            let event = self.event("group", hashed(&post.body), now, whole);
            events.push(self.key.key(event, key.unwrap_or(&self.name)));
        }
        for alert in alerts.into_iter().flatten() {
            events.push(self.alert(alert, &meta, now)?);
        }
        Ok(events)
    }

    fn alert(
        &self,
        alert: &Value,
        meta: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Event, Refusal> {
        let mut meta = meta.clone();
        meta.insert("hosts".to_owned(), hosts(alert).into());
        let fingerprint = fingerprint(alert);
        let id = identity(alert, fingerprint.as_deref());
        let id = id.map_or_else(new_id, Ok)?;
        let event = self.event("alert", id, now, json!({ "alert": alert, "meta": meta }));
        let otherwise = fingerprint.as_ref().unwrap_or(&self.name);
        Ok(self.key.key(event, otherwise))
    }

    fn event(&self, kind: &str, id: String, now: Timestamp, payload: Value) -> Event {
        let event_type = format!("{}.{kind}", self.name);
        Event::new(id, event_type, now.to_string(), None, payload)
    }
}

/// The items of a list, or the value that is none.
fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        other => vec![other],
    }
}

/// What an alert is told by from others: what Alertmanager says, or else a hash of its labels, which is the same.
fn fingerprint(alert: &Value) -> Option<String> {
    let said = alert.get("fingerprint").and_then(Value::as_str);
    let said = said.filter(|text| !text.is_empty()).map(str::to_owned);
    let of_labels = || {
        let labels = alert.get("labels")?.as_object()?;
        let mut labels: Vec<String> = (labels.iter())
            .map(|(name, value)| json!([name, value]).to_string())
            .collect();
        labels.sort_unstable();
        Some(hashed(labels.concat().as_bytes()))
    };
    said.or_else(of_labels)
}

/// The id that an alert has however often it is sent, by however many Alertmanagers; `None` if it does not say when it
/// began, or whether it is over.
fn identity(alert: &Value, fingerprint: Option<&str>) -> Option<String> {
    let text = |name: &str| alert.get(name).and_then(Value::as_str);
    let (started, status) = (text("startsAt")?, text("status")?);
    Some(format!("{}@{started}:{status}", fingerprint?))
}

/// The hosts that an alert names in its label `instance`.
fn hosts(alert: &Value) -> Vec<&str> {
    let instance = alert.pointer("/labels/instance");
    let named = instance.map(each).unwrap_or_default().into_iter();
    let named = named.filter_map(|instance| host(instance.as_str()?));
    named.collect()
}

/// The host of a target as Prometheus writes it: with a port, or as a URL.
fn host(instance: &str) -> Option<&str> {
    let rest = instance
        .split_once("://")
        .map_or(instance, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = match rest.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        // An address of IPv6 that is not in brackets has no port.
        None if rest.matches(':').count() > 1 => rest,
        None => rest.split(':').next().unwrap_or_default(),
    };
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests;
