//! A request to a webhook → its event. Pure but for the id of an event that has none.

use std::fmt;

use hyper::header::HeaderName;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::core::event::{Event, Found, PayloadPath};
use crate::core::printable::printable;
use crate::http::posts::Post;
use crate::http::refusal::Refusal;
use crate::sources::KeyPath;
use crate::sources::posted::{Meaning, new_id};

/// What the requests to a webhook mean.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// What the operator calls it.
    pub name: String,
    /// What makes a request the same event as another one.
    pub identity: Identity,
    /// Where the key of an event is; without it, that is the webhook's name.
    pub key: KeyPath,
}

/// What makes a request the same event as another one.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Nothing does.
    None,
    /// What a header says.
    Header(HeaderName),
    /// What is at a path of the payload.
    Path(PayloadPath),
}

impl Meaning for Webhook {
    fn events(&self, post: &Post, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        self.event(post, now).map(|event| vec![event])
    }
}

impl Webhook {
    /// The event that a request is.
    ///
    /// # Errors
    /// [`Refusal`], if it is no JSON, or lacks its id.
    pub fn event(&self, post: &Post, now: Timestamp) -> Result<Event, Refusal> {
        let meta = post.meta();
        let payload = json!({ "payload": post.json()?, "meta": meta });
        let mut event = Event::new(
            String::new(),
            self.name.clone(),
            now.to_string(),
            None,
            payload,
        );
        event.id = match &self.identity {
            Identity::None => new_id()?,
            Identity::Header(name) => {
                let value = post
                    .headers
                    .get(name)
                    .map(|value| printable(value.as_bytes()));
                told(value, &format_args!("in the header `{name}`"))?
            }
            Identity::Path(path) => {
                let value = match path.find(&event) {
                    found @ Found::One(Value::String(_) | Value::Number(_)) => {
                        Some(found.to_text())
                    }
                    _ => None,
                };
                told(value, &format_args!("at `{path}`"))?
            }
        };
        Ok(self.key.key(event, &self.name))
    }
}

/// The id, if there is one.
fn told(value: Option<String>, place: &dyn fmt::Display) -> Result<String, Refusal> {
    let value = value.filter(|value| !value.is_empty());
    value.ok_or_else(|| {
        Refusal::unreadable(format!(
            "expected the event's id {place} (`id`), but found none"
        ))
    })
}

#[cfg(test)]
mod tests;
