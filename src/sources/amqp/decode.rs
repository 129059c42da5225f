//! A message → an event, or an entry of the quarantine. Pure.

use std::borrow::Cow;

use flate2::Crc;

use super::notification::{DecodeError, Envelope, Labels, node_in_notification};
use crate::core::event::{Event, Key};
use crate::journal::QuarantineEntry;
use crate::sources::{Arrival, Decoded, Interest, NOT_KEPT, for_quarantine};

/// What a message of this queue is decoded to; nothing, if no rule wants its type of event. One that cannot
/// be decoded holds the later runs of its node, if the node can be determined.
#[must_use]
pub fn decoded(
    interest: &Interest,
    source: &str,
    queue: &str,
    labels: &Labels,
    body: Vec<u8>,
) -> Option<Decoded> {
    let key = |body: &[u8]| node_in_notification(body).map(Key::node);
    let body = match unpacked(source, queue, labels, body, key) {
        Ok(body) => body,
        Err(kept) => return Some(Decoded::Undecodable(*kept)),
    };
    match event(&body, interest) {
        Ok(event) => event.map(|event| {
            Decoded::Event(Arrival {
                origin: queue.to_owned(),
                body: Some(body),
                ..Arrival::whole(event)
            })
        }),
        Err(undecodable) => {
            let reason = format!("{undecodable}{labels}");
            let kept = for_quarantine(source, queue, reason, &body, key(&body));
            Some(Decoded::Undecodable(kept))
        }
    }
}

/// Decodes the body of a message that is no longer compressed.
///
/// # Errors
/// Why it holds no event, in words.
pub fn decode(body: &[u8], interest: &Interest) -> Result<Option<Arrival>, String> {
    let event = event(body, interest).map_err(|undecodable| undecodable.to_string())?;
    Ok(event.map(Arrival::whole))
}

fn event(body: &[u8], interest: &Interest) -> Result<Option<Event>, DecodeError> {
    let envelope = Envelope::open(body)?;
    let notification = envelope.notification()?;
    if !interest.wants(&notification.event_type, &notification.message_id) {
        return Ok(None);
    }
    notification.into_event().map(Some)
}

/// The body without its compression; of one that cannot be decompressed, what goes to quarantine, with the `key`
/// that can be found in as much of it as can.
///
/// What is kept is the decompressed body: secrets in a compressed one could not be blanked, and who reads it
/// later has no header.
pub(super) fn unpacked(
    source: &str,
    queue: &str,
    labels: &Labels,
    body: Vec<u8>,
    key: impl Fn(&[u8]) -> Option<Key>,
) -> Result<Vec<u8>, Box<QuarantineEntry>> {
    match labels.decompress(&body) {
        Ok(Cow::Borrowed(_)) => Ok(body),
        Ok(Cow::Owned(text)) => Ok(text),
        Err(undecodable) => {
            let reason = format!("{undecodable}{labels}");
            let key = key(&labels.decompressed_head(&body));
            let mut kept = for_quarantine(source, queue, reason, &stand_in(&body), key);
            kept.size = body.len() as u64;
            Err(Box::new(kept))
        }
    }
}

/// What is kept in the place of a compressed body that cannot be read. It tells bodies of the same
/// length apart, so that each has its own entry.
fn stand_in(body: &[u8]) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(body);
    format!("{NOT_KEPT}, checksum {:08x}]", sum.sum()).into_bytes()
}
