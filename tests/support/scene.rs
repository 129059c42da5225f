//! The stage of a scenario on the bus: queues of its own on a broker, and what every stage has.

use std::ops::{Deref, DerefMut};
use std::process::Output;

use tokio::runtime::Runtime;

use super::amqp::{Declaration, Publisher, unique};
use super::broker::Broker;
use super::captured::{self, Captured, Driver};
pub(crate) use super::service::Service;
use super::stage::Stage;
pub(crate) use super::stage::{PATIENCE, lives, program, wait_until};

pub(crate) const FULFILL: &str = "esi_leap.lease.fulfill.end";
pub(crate) const DELETE: &str = "esi_leap.lease.delete.end";

/// A notification that ESI Leap really sent.
pub(crate) fn notification(event_type: &str) -> Captured {
    captured::first(Driver::MessagingV2, event_type).fresh()
}

/// The body of a new one, that a lease with this purpose is fulfilled on this node.
pub(crate) fn lease(purpose: &str, node: &str) -> String {
    let message = notification(FULFILL).with("purpose", purpose);
    message.with("node_uuid", node).body
}

/// The stage.
pub(crate) struct Scene {
    stage: Stage,
    /// The queue, and the routing key that leads to it.
    pub(crate) queue: String,
    /// The exchange that it is bound to.
    pub(crate) exchange: String,
    runtime: Runtime,
    publisher: Publisher,
}

impl Deref for Scene {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Scene {
    /// A stage on the shared broker, its queue made as oslo.messaging does by default.
    pub(crate) fn new(name: &str) -> Self {
        let scene = Self::on(Broker::shared(), name);
        scene.declare(Declaration::Transient);
        scene
    }

    /// A stage on this broker, whose queue does not exist yet.
    pub(crate) fn on(broker: &Broker, name: &str) -> Self {
        Self::at(broker, broker.url(), name)
    }

    /// The same in another virtual host, which exists, and whose name needs no escape in a URL.
    pub(crate) fn in_vhost(broker: &Broker, vhost: &str, name: &str) -> Self {
        let (host, _) = broker.url().rsplit_once('/').expect("a URL");
        let mut scene = Self::at(broker, &format!("{host}/{vhost}"), name);
        scene.replace("vhost", vhost);
        scene
    }

    fn at(broker: &Broker, url: &str, name: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let publisher = runtime.block_on(Publisher::connect(url));
        let queue = unique(name);
        let stage = Stage::new(&format!(
            "user = {}\npassword = {}\nhost = {}\nport = {}\nvhost = {}\nqueues = {queue}",
            broker.user(),
            broker.password().replace('%', "%%"),
            broker.host(),
            broker.port(),
            broker.vhost(),
        ));
        Self {
            stage,
            exchange: unique(&format!("{name}-exchange")),
            queue,
            runtime,
            publisher,
        }
    }

    /// Makes the queue, its exchange and the binding, as ESI Leap does.
    pub(crate) fn declare(&self, declaration: Declaration) {
        let declaring = self
            .publisher
            .declare(&self.exchange, &self.queue, declaration);
        self.runtime.block_on(declaring);
    }

    /// Connects anew: after the broker was restarted.
    pub(crate) fn reconnect(&mut self, broker: &Broker) {
        self.publisher = self.runtime.block_on(Publisher::connect(broker.url()));
    }

    /// Publishes to the queue, and waits until the broker has it.
    pub(crate) fn publish(&self, body: impl AsRef<[u8]>) {
        let publishing = self.publisher.publish(&self.exchange, &self.queue, body);
        self.runtime.block_on(publishing);
    }

    /// Publishes all of these, in order.
    pub(crate) fn publish_all<B: AsRef<[u8]>>(&self, bodies: impl IntoIterator<Item = B>) {
        let publishing = self
            .publisher
            .publish_all(&self.exchange, &self.queue, bodies);
        self.runtime.block_on(publishing);
    }

    /// Does something else as ESI Leap, over the stage's own connection.
    pub(crate) fn as_publisher<T>(&self, act: impl AsyncFnOnce(&Publisher) -> T) -> T {
        self.runtime.block_on(act(&self.publisher))
    }

    /// How many messages are ready in the queue; `None` if the queue does not exist.
    pub(crate) fn waiting(&self) -> Option<u32> {
        self.runtime
            .block_on(self.publisher.message_count(&self.queue))
    }

    /// Deletes the queue.
    pub(crate) fn delete_queue(&self) {
        self.runtime.block_on(self.publisher.delete(&self.queue));
    }

    /// Starts `listen`, and waits until it consumes.
    pub(crate) fn listen(&self) -> Service {
        let service = self.start(&[]);
        service.wait_for(&format!("consuming queue {}", self.queue));
        service
    }

    /// Starts `listen` with these arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Service {
        Service::start(self.program("listen").args(arguments))
    }

    /// Runs `listen` until nothing is left to do; it has to end well.
    pub(crate) fn drain(&self) -> Output {
        let output = self.run(&["listen", "--until-idle"]);
        assert!(output.status.success(), "{output:?}");
        output
    }
}
