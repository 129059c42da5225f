//! Queues as sources: what is acknowledged is in the queue no more.

use std::collections::BTreeSet;

use super::Fed;
use crate::support::orders::{Orders, SECTION};
use crate::support::scene::{FULFILL, Scene, notification, wait_until};
use crate::support::shim::Shim;
use crate::support::stage::Stage;

/// What is not on disk is in the queue again, as soon as the broker knows of the kill.
fn assert_kept(scene: &Scene, published: usize, on_disk: &BTreeSet<String>) {
    let missing = published - on_disk.len();
    wait_until("what is not on disk to be in the queue again", || {
        let waiting = scene.waiting().expect("the queue");
        usize::try_from(waiting).is_ok_and(|waiting| waiting >= missing)
    });
}

/// ESI Leap's notifications.
pub(super) struct Bus {
    scene: Scene,
    each: usize,
    published: usize,
}

impl Bus {
    pub(super) fn new(each: usize) -> Self {
        Self {
            scene: Scene::new("faults"),
            each,
            published: 0,
        }
    }
}

impl Fed for Bus {
    fn stage(&mut self) -> &mut Stage {
        &mut self.scene
    }

    fn events(&self) -> &'static str {
        FULFILL
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let first = notification(FULFILL);
        let ids = (0..self.each).map(|_| format!("{:032x}", fastrand::u128(..)));
        let ids: Vec<String> = ids.collect();
        let body = |id: &String| first.body.replace(&first.message_id, id);
        self.scene.publish_all(ids.iter().map(body));
        self.published += self.each;
        ids
    }

    fn assert_kept(&mut self, on_disk: &BTreeSet<String>) {
        assert_kept(&self.scene, self.published, on_disk);
    }

    fn is_settled(&mut self) -> bool {
        self.scene.waiting() == Some(0)
    }
}

/// What another service publishes.
pub(super) struct Messages {
    orders: Orders,
    each: usize,
    published: usize,
}

impl Messages {
    pub(super) fn new(each: usize) -> Self {
        Self {
            orders: Orders::declared("faults"),
            each,
            published: 0,
        }
    }
}

impl Fed for Messages {
    fn stage(&mut self) -> &mut Stage {
        &mut self.orders.stage
    }

    fn events(&self) -> &'static str {
        SECTION
    }

    fn section(&self) -> Option<(&'static str, String)> {
        // A part of the messages stays with the broker, so that acknowledging goes on all the time.
        Some((SECTION, self.orders.section("prefetch = 20")))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        self.published += self.each;
        self.orders.publish_more(self.each)
    }

    fn assert_kept(&mut self, on_disk: &BTreeSet<String>) {
        assert_kept(&self.orders, self.published, on_disk);
    }

    fn is_settled(&mut self) -> bool {
        self.orders.waiting() == Some(0)
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        // The queue is durable: it would stay on a broker that others use.
        if !std::thread::panicking() {
            self.orders.delete_queue();
        }
    }
}
