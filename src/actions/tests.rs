//! What the tests of actions share: orders, and an action that is no process.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Action, Batch, Checkup, Description, FileInUse, Order, Performed, Purpose};
use crate::config::Problem;
use crate::core::event::{Event, PayloadPath};
use crate::core::ini::text::Position;
use crate::core::retry::RetryPolicy;
use crate::core::rules::{Asks, Chain, EventPattern, Rule, When};
use crate::core::run::{Detail, Outcome};
use crate::core::store::Values;
pub(super) use crate::journal::shelf::Shelf;
pub(super) use crate::os::tests::{LONG, alone, until};

/// Attempt 2 of run 7, for an event with this data.
pub(crate) fn order(data: &Value) -> Order {
    Order {
        run: 7,
        attempt: 2,
        rule: Arc::new(Rule {
            name: "deploy".into(),
            events: vec![EventPattern::parse("esi_leap.*").unwrap()],
            filters: vec![],
            alternatives: vec![],
            asks: vec![],
            order_by: None,
            chain: Chain::single("deploy", RetryPolicy::default()),
            when: When::default(),
            throttle: None,
            enabled: true,
        }),
        event: Arc::new(Event::new(
            "94e02d82".into(),
            "esi_leap.lease.fulfill.end".into(),
            "2026-11-21 08:50:08.227045".into(),
            Some("esi-leap-manager.host".into()),
            json!({"esi_leap_object.data": data}),
        )),
        batch: Batch::default(),
        journal_name: "journal".into(),
        store: Arc::new(Shelf::default()),
        earlier: Vec::new(),
        drains: CancellationToken::new(),
        cancelled: CancellationToken::new(),
    }
}

/// An action that is no process: it plays the record that an event's purpose names.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The ids of the events that it was performed for.
    pub(crate) played: Mutex<Vec<String>>,
    /// How attempts end, in order; those after the last succeed once they may finish.
    pub(crate) ends: Mutex<VecDeque<Performed>>,
    /// Told when an attempt has begun.
    pub(crate) begun: Notify,
    /// Lets an attempt finish.
    pub(crate) finish: Notify,
    /// The file of its secret.
    pub(crate) secret: PathBuf,
}

/// Where the configuration names the record.
pub(crate) const AT: Position = Position {
    line: 3,
    column: 10,
};

impl Action for Record {
    fn kind(&self) -> &'static str {
        "record"
    }

    fn asks(&self) -> Asks {
        vec![("record_title", PayloadPath::parse("purpose").unwrap())]
    }

    fn check(&self) -> Checkup {
        Checkup {
            problems: vec![Problem::warning("the record is scratched", "turn it over").at(AT)],
            files: vec![FileInUse {
                path: self.secret.clone(),
                purpose: Purpose::Secret("record_key_file"),
                position: AT,
            }],
        }
    }

    fn describe(&self, event: &Event, _: &Arc<Values>) -> Description {
        let [(_, title)] = &self.asks()[..] else {
            panic!("one path");
        };
        let title = title.find(event).to_text_within(100).text;
        Description {
            line: format!("plays {title}"),
            whole: ("record", json!({"title": title})),
            losses: vec!["it is a copy".to_owned()],
        }
    }

    fn perform(
        &self,
        order: Order,
        started: oneshot::Sender<String>,
        stop: CancellationToken,
    ) -> BoxFuture<'_, Performed> {
        let id = &order.event.id;
        started
            .send(format!("track {id} of {}", order.attempt))
            .unwrap();
        self.played.lock().unwrap().push(id.clone());
        self.begun.notify_one();
        let end = self.ends.lock().unwrap().pop_front();
        Box::pin(async move {
            if let Some(end) = end {
                return end;
            }
            let outcome = tokio::select! {
                () = stop.cancelled() => Outcome::Interrupted("the needle was lifted".into()),
                () = self.finish.notified() => Outcome::Succeeded(Detail::Told("played".into())),
            };
            Performed::new(outcome, Duration::ZERO)
        })
    }
}
