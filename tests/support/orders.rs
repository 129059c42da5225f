//! Orders that another service publishes, consumed by a source `orders` with no bus beside it.

use std::ops::Deref;

use lapin::protocol::basic::AMQPProperties;

use super::amqp::Declaration;
use super::broker::Broker;
use super::scene::Scene;
use super::stage::Stage;

/// What the source is called, and so the type of its events.
pub(crate) const SECTION: &str = "orders";

/// The service that publishes, and the stage of the one that listens.
pub(crate) struct Orders {
    /// The stage, without a bus.
    pub(crate) stage: Stage,
    scene: Scene,
    last: usize,
}

/// The queue, the exchange and the publisher.
impl Deref for Orders {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl Orders {
    /// Nothing is declared.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            stage: Stage::new(""),
            scene: Scene::on(Broker::shared(), name),
            last: 0,
        }
    }

    /// The queue is there, bound by its name.
    pub(crate) fn declared(name: &str) -> Self {
        let orders = Self::new(name);
        orders.scene.declare(Declaration::Durable);
        orders
    }

    /// The options of the source, with these besides.
    pub(crate) fn section(&self, more: &str) -> String {
        let url = Broker::shared().url().replace('%', "%%");
        let queue = &self.scene.queue;
        format!("type = amqp\ntransport_url = {url}\nqueues = {queue}\n{more}")
    }

    /// Publishes an order under this id.
    pub(crate) fn publish_as(&self, routing_key: &str, id: Option<&str>, body: &str) {
        let properties = AMQPProperties::default();
        let properties = match id {
            Some(id) => properties.with_message_id(id.into()),
            None => properties,
        };
        let exchange = &self.scene.exchange;
        self.scene.as_publisher(async |publisher| {
            publisher
                .publish_with(exchange, routing_key, body.as_bytes(), properties)
                .await;
        });
    }

    /// Publishes so many more orders, each under an id, and gives the ids.
    pub(crate) fn publish_more(&mut self, number: usize) -> Vec<String> {
        let ids = (self.last..self.last + number).map(|id| id.to_string());
        self.last += number;
        let ids: Vec<String> = ids.collect();
        for id in &ids {
            let body = format!(r#"{{"order": {id}}}"#);
            self.publish_as(&self.scene.queue, Some(id), &body);
        }
        ids
    }
}
