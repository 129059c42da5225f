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

/// A request, and the ids of its events.
type Request = (Vec<u8>, Vec<String>);

/// A source to which requests are sent.
pub(super) struct Posted {
    stage: Stage,
    /// The name of the source, its events, and its options but for the address.
    section: [&'static str; 3],
    /// The requests for the events of these numbers.
    requests: fn(&[usize]) -> Vec<Request>,
    port: u16,
    each: usize,
    last: usize,
    senders: Senders,
}

impl Posted {
    /// A request for each event.
    pub(super) fn webhook(each: usize) -> Self {
        let section = ["hook", "hook", "type = webhook\nid = payload.id"];
        Self::of(section, single, each)
    }

    /// Requests with several alerts each.
    pub(super) fn alertmanager(each: usize) -> Self {
        Self::of(["am", "am.alert", "type = alertmanager"], alerts, each)
    }

    fn of(section: [&'static str; 3], requests: fn(&[usize]) -> Vec<Request>, each: usize) -> Self {
        let port = free_port();
        Self {
            stage: Stage::new(""),
            section,
            requests,
            port,
            each,
            last: 0,
            senders: Senders::to(port),
        }
    }
}

fn single(numbers: &[usize]) -> Vec<Request> {
    let one = |number: &usize| {
        let id = number.to_string();
        let body = json!({ "id": id }).to_string();
        (request("POST /", &[], &body), vec![id])
    };
    numbers.iter().map(one).collect()
}

/// How many alerts a request has at most.
const ALERTS: usize = 20;

fn alerts(numbers: &[usize]) -> Vec<Request> {
    const STARTED: &str = "2026-01-15T02:00:00Z";
    let alert = |number: &usize| json!({"fingerprint": number.to_string(), "startsAt": STARTED, "status": "firing"});
    let id = |number: &usize| format!("{number}@{STARTED}:firing");
    let several = |group: &[usize]| {
        let alerts: Vec<Value> = group.iter().map(alert).collect();
        let body = json!({ "alerts": alerts }).to_string();
        (
            request("POST /", &[], &body),
            group.iter().map(id).collect(),
        )
    };
    numbers.chunks(ALERTS).map(several).collect()
}

impl Fed for Posted {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        self.section[1]
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let [name, _, options] = self.section;
        let Self { port, .. } = self;
        let place = format!("listen = 127.0.0.1:{port}\nauth = none");
        Some((name, format!("{options}\n{place}")))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let numbers: Vec<usize> = (self.last..self.last + self.each).collect();
        self.last += self.each;
        let mut all = Vec::new();
        for (request, ids) in (self.requests)(&numbers) {
            all.extend_from_slice(&ids);
            self.senders.send(request, ids);
        }
        all
    }

    fn assert_kept(&mut self, on_disk: &BTreeSet<String>) {
        self.senders.assert_kept(on_disk);
    }

    fn is_settled(&mut self) -> bool {
        self.senders.is_settled()
    }
}
