//! Sources that are sent requests, by senders that send again what was not taken.

use std::collections::BTreeSet;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::Fed;
use crate::support::http_server::locked;
use crate::support::sender::{free_port, request, send_until_taken};
use crate::support::shim::Shim;
use crate::support::stage::Stage;

/// How many requests are under way at a time.
const SENDERS: usize = 8;

/// The senders of one source, and which events they were told to be on disk.
struct Senders {
    waiting: Sender<(Vec<u8>, Vec<String>)>,
    answered: Arc<Mutex<BTreeSet<String>>>,
    sent: usize,
}

impl Senders {
    fn to(port: u16) -> Self {
        let (waiting, next) = channel::<(Vec<u8>, Vec<String>)>();
        let next = Arc::new(Mutex::new(next));
        let answered: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        for _ in 0..SENDERS {
            let (next, answered) = (Arc::clone(&next), Arc::clone(&answered));
            thread::spawn(move || {
                loop {
                    let Ok((request, ids)) = locked(&next).recv() else {
                        break;
                    };
                    send_until_taken(port, &request);
                    locked(&answered).extend(ids);
                }
            });
        }
        Self {
            waiting,
            answered,
            sent: 0,
        }
    }

    /// Sends a request for these events, sooner or later.
    fn send(&mut self, request: Vec<u8>, ids: Vec<String>) {
        self.sent += ids.len();
        self.waiting.send((request, ids)).expect("senders");
    }

    fn assert_kept(&self, on_disk: &BTreeSet<String>) {
        let answered = locked(&self.answered);
        let lost: Vec<&String> = answered.difference(on_disk).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
    }

    fn is_settled(&self) -> bool {
        locked(&self.answered).len() == self.sent
    }
}

/// A request for each event.
pub(super) struct Webhook {
    stage: Stage,
    port: u16,
    each: usize,
    last: usize,
    senders: Senders,
}

impl Webhook {
    pub(super) fn new(each: usize) -> Self {
        let port = free_port();
        Self {
            stage: Stage::new(""),
            port,
            each,
            last: 0,
            senders: Senders::to(port),
        }
    }
}

impl Fed for Webhook {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "hook"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let Self { port, .. } = self;
        let options = format!("type = webhook\nlisten = 127.0.0.1:{port}\nauth = none");
        Some(("hook", format!("{options}\nid = payload.id")))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let numbers = self.last..self.last + self.each;
        self.last += self.each;
        let send = |number: usize| {
            let id = number.to_string();
            let request = request("POST /", &[], &json!({ "id": id }).to_string());
            self.senders.send(request, vec![id.clone()]);
            id
        };
        numbers.map(send).collect()
    }

    fn assert_kept(&mut self, on_disk: &BTreeSet<String>) {
        self.senders.assert_kept(on_disk);
    }

    fn is_settled(&mut self) -> bool {
        self.senders.is_settled()
    }
}

/// Requests with several alerts each.
pub(super) struct Alertmanager {
    stage: Stage,
    port: u16,
    each: usize,
    last: usize,
    senders: Senders,
}

/// How many alerts a request has at most.
const ALERTS: usize = 20;

impl Alertmanager {
    pub(super) fn new(each: usize) -> Self {
        let port = free_port();
        Self {
            stage: Stage::new(""),
            port,
            each,
            last: 0,
            senders: Senders::to(port),
        }
    }
}

impl Fed for Alertmanager {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "am.alert"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let Self { port, .. } = self;
        let options = format!("type = alertmanager\nlisten = 127.0.0.1:{port}\nauth = none");
        Some(("am", options))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        const STARTED: &str = "2026-01-15T02:00:00Z";
        let numbers: Vec<usize> = (self.last..self.last + self.each).collect();
        self.last += self.each;
        let alert = |number: &usize| json!({"fingerprint": number.to_string(), "startsAt": STARTED, "status": "firing"});
        let id = |number: &usize| format!("{number}@{STARTED}:firing");
        for group in numbers.chunks(ALERTS) {
            let alerts: Vec<Value> = group.iter().map(alert).collect();
            let request = request("POST /", &[], &json!({ "alerts": alerts }).to_string());
            self.senders.send(request, group.iter().map(id).collect());
        }
        numbers.iter().map(id).collect()
    }

    fn assert_kept(&mut self, on_disk: &BTreeSet<String>) {
        self.senders.assert_kept(on_disk);
    }

    fn is_settled(&mut self) -> bool {
        self.senders.is_settled()
    }
}
