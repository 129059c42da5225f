//! Deliveries between their arrival and their acknowledgement.

use std::collections::{BTreeMap, VecDeque};

use lapin::Acker;

use super::form::{Form, Sent};
use super::notification::LARGEST_BODY;
use crate::sources::{Batch, Decoded, Interest};

/// Once the decoded bodies of a batch have this many bytes, the rest waits for the next batch: small
/// bodies can become large ones when they are decompressed, and a decoded one takes several times its size.
const BATCH_BYTES: usize = LARGEST_BODY;

/// A message as it arrived. `A` is what acknowledges it.
#[derive(Debug)]
pub(super) struct Delivery<A = Acker> {
    pub(super) queue: String,
    /// What it came with.
    pub(super) sent: Sent,
    /// The bytes on the wire.
    pub(super) body: Vec<u8>,
    pub(super) receipt: Receipt<A>,
}

/// What settles a delivery: its own acker, which knows when its channel is gone.
#[derive(Debug)]
pub(super) struct Receipt<A = Acker> {
    pub(super) channel: u64,
    pub(super) acker: A,
}

/// What has arrived and is not acknowledged.
#[derive(Debug)]
pub(super) struct Arrived<A = Acker> {
    /// Not decoded yet, in order of arrival.
    waiting: VecDeque<Delivery<A>>,
    /// Of each channel the last delivery that was handed over, which covers those before it: a channel's
    /// deliveries are received in their order, and settled only after all of them are on disk.
    handed_over: BTreeMap<u64, A>,
}

impl<A> Arrived<A> {
    /// Nothing has arrived yet.
    pub(super) fn nothing() -> Self {
        Self {
            waiting: VecDeque::new(),
            handed_over: BTreeMap::new(),
        }
    }

    /// Adds deliveries that have just arrived.
    pub(super) fn add(&mut self, deliveries: Vec<Delivery<A>>) {
        self.waiting.extend(deliveries);
    }

    /// The next deliveries that share a commit, decoded; `None` if there are none.
    pub(super) fn next_batch(
        &mut self,
        source: &str,
        form: &Form,
        interest: &Interest,
    ) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        self.waiting.front()?;
        while bytes < BATCH_BYTES
            && let Some(delivery) = self.waiting.pop_front()
        {
            let Delivery {
                queue,
                sent,
                body,
                receipt,
            } = delivery;
            let decoded = form.decoded(interest, source, &queue, &sent, body);
            bytes += decoded.as_ref().map_or(0, size);
            batch.decoded.extend(decoded);
            self.handed_over.insert(receipt.channel, receipt.acker);
        }
        Some(batch)
    }

    /// What is to be acknowledged to settle all that was handed over: the last delivery of each channel.
    pub(super) fn settle(&mut self) -> BTreeMap<u64, A> {
        std::mem::take(&mut self.handed_over)
    }
}

/// How many bytes of a delivery are kept.
fn size(decoded: &Decoded) -> usize {
    match decoded {
        Decoded::Event(arrival) => arrival.body.as_ref().map_or(0, Vec::len),
        Decoded::Undecodable(entry) => entry.body.len(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delivery(channel: u64, event_type: &str, size: usize) -> Delivery<()> {
        let body =
            json!({"message_id": "m", "event_type": event_type, "payload": "x".repeat(size)});
        Delivery {
            queue: "q".into(),
            sent: Sent::default(),
            body: body.to_string().into_bytes(),
            receipt: Receipt { channel, acker: () },
        }
    }

    #[test]
    fn large_deliveries_are_handed_over_in_several_batches_each_with_its_own_receipt() {
        let interest = Interest::new(|event_type| event_type == "t");
        let large = LARGEST_BODY - 1_000;
        let next =
            |arrived: &mut Arrived<()>| arrived.next_batch("bus", &Form::Notifications, &interest);
        let mut arrived = Arrived::nothing();
        assert!(next(&mut arrived).is_none());
        arrived.add(vec![
            delivery(1, "t", 10),
            delivery(1, "t", large),
            delivery(2, "t", large),
            // A delivery that no rule wants takes up nothing, but is settled.
            delivery(3, "u", large),
            delivery(2, "t", large),
            delivery(1, "u", large),
        ]);
        let mut handed_over = Vec::new();
        while let Some(batch) = next(&mut arrived) {
            let channels: Vec<u64> = arrived.settle().into_keys().collect();
            handed_over.push((batch.decoded.len(), channels));
        }
        assert_eq!(
            handed_over,
            [(3, vec![1, 2]), (1, vec![1, 2, 3])],
            "each batch ends with the delivery that fills it"
        );
        assert!(arrived.settle().is_empty());
    }
}
