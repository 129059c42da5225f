//! Asks all URLs, and tells which of them answer other than before.

use std::collections::BTreeMap;
use std::fmt;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Check, ask};
use crate::core::event::Event;
use crate::http::LateClient;
use crate::sources::{Arrival, Decoded, Look, Looked, Opening, Pending};

/// So many are asked at the same time.
const AT_ONCE: usize = 32;

/// The status that makes a URL up.
const UP: u16 = 200;

/// How each URL answered when that was told last. Those that are no longer asked stay: their numbers go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory(BTreeMap<String, Told>);

/// What was told last of a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// Its status; none, if it did not answer.
    status: Option<u16>,
    /// How often it has been told.
    count: u64,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let up = self
            .0
            .values()
            .filter(|told| told.status == Some(UP))
            .count();
        write!(f, "{up} of {} up", self.0.len())
    }
}

/// Asks URLs.
pub(super) struct UrlLook {
    check: Check,
    client: LateClient,
}

impl UrlLook {
    pub(super) fn new(check: Check) -> Self {
        let client = LateClient::default();
        Self { check, client }
    }
}

impl Look for UrlLook {
    type Memory = Memory;

    fn look<'a>(
        &'a mut self,
        memory: &'a Memory,
        opening: &'a Opening,
    ) -> Pending<'a, Looked<Memory>> {
        Box::pin(async move {
            let client = match self.client.of(&self.check.trust) {
                Ok(client) => client,
                Err(problem) => {
                    let why = problem.to_string();
                    return Looked {
                        decoded: Vec::new(),
                        memory: memory.clone(),
                        words: why.clone(),
                        failure: Some(why),
                    };
                }
            };
            let Check {
                urls,
                timeout,
                trust,
                always,
                ..
            } = &self.check;
            // Boxed: else the compiler loses track of what they borrow.
            let asking = urls.iter().map(|it| {
                let status = ask::status(client, trust.names, &it.url, *timeout);
                Box::pin(status) as Pending<'_, Result<u16, String>>
            });
            let asking: Vec<_> = asking.collect();
            let answers: Vec<_> = stream::iter(asking).buffered(AT_ONCE).collect().await;
            let mut memory = memory.clone();
            let mut decoded = Vec::new();
            for (address, answer) in urls.iter().zip(answers) {
                let url = &address.written;
                let before = memory.0.get(url);
                let status = answer.as_ref().ok().copied();
                if !always && before.is_some_and(|before| before.status == status) {
                    continue;
                }
                let count = before.map_or(0, |before| before.count) + 1;
                decoded.extend(told(opening, url, count, &answer));
                memory.0.insert(url.clone(), Told { status, count });
            }
            Looked {
                decoded,
                words: memory.to_string(),
                memory,
                failure: None,
            }
        })
    }
}

/// The event, unless no rule wants it.
fn told(opening: &Opening, url: &str, count: u64, answer: &Result<u16, String>) -> Option<Decoded> {
    let name = &opening.name;
    let id = format!("{name}:{url}#{count}");
    opening.interest.wants(name, &id).then(|| {
        let (now, payload) = (Timestamp::now().to_string(), payload(url, answer));
        let event = Event::new(id, name.clone(), now, None, payload).with_key(url);
        Decoded::Event(Arrival::whole(event))
    })
}

/// As `ansible.eda.url_check` has it.
fn payload(url: &str, answer: &Result<u16, String>) -> Value {
    let is_up = *answer == Ok(UP);
    let mut check = Map::new();
    check.insert("url".to_owned(), url.into());
    check.insert(
        "status".to_owned(),
        if is_up { "up" } else { "down" }.into(),
    );
    match answer {
        Ok(status) => check.insert("status_code".to_owned(), (*status).into()),
        Err(why) => check.insert("error_msg".to_owned(), why.clone().into()),
    };
    json!({ "url_check": check })
}
