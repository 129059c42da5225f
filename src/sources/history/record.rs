//! A row of ESI Leap's event history, with the lease it is about → an event.
//!
//! A row says which lease on which node, and little else; what the notification on the bus would
//! have said about it is filled in from the lease, under the notification's names, so that one rule
//! serves both feeds. Pure: a [`Client`](super::Client) asks ESI Leap.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::core::event::{Event, PayloadPath};
use crate::core::python_json;
use crate::core::redact::near;
use crate::sources::{Arrival, Interest, Lacks};

/// A lease as `openstack esi lease show UUID --format json` prints it, and as the API has it.
pub type Lease = Map<String, Value>;

/// What a row alone says of a lease, by the names that rules use: the notification's first, then
/// those that only the history has.
const ROW_FIELDS: [&str; 11] = [
    "uuid",
    "project_id",
    "owner_id",
    "resource_type",
    "resource_uuid",
    "node_uuid",
    "event_id",
    "event_time",
    "object_type",
    "object_uuid",
    "lessee_id",
];

/// Times in a lease, which the history's client prints with microseconds and without a zone.
const LEASE_TIMES: [&str; 4] = ["start_time", "end_time", "fulfill_time", "expire_time"];

/// One row, as `openstack esi event list --format json` names its columns and as the API does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Rises with each event, over all projects; a tenant sees gaps.
    #[serde(rename = "ID", alias = "id")]
    pub id: i64,
    /// `esi_leap.lease.fulfill.end`, for one.
    #[serde(rename = "Event Type", alias = "event_type")]
    pub event_type: String,
    /// `2026-11-21T08:50:08.243638`: the local time of ESI Leap's host.
    #[serde(rename = "Event Time", alias = "event_time")]
    pub event_time: String,
    /// `lease`.
    #[serde(rename = "Object Type", alias = "object_type")]
    pub object_type: String,
    /// The lease.
    #[serde(rename = "Object UUID", alias = "object_uuid")]
    pub object_uuid: String,
    /// `ironic_node`, for one.
    #[serde(rename = "Resource Type", alias = "resource_type")]
    pub resource_type: Option<String>,
    /// The node.
    #[serde(rename = "Resource UUID", alias = "resource_uuid")]
    pub resource_uuid: Option<String>,
    /// The project that leases.
    #[serde(rename = "Lessee ID", alias = "lessee_id")]
    pub lessee_id: Option<String>,
    /// The project that owns the node.
    #[serde(rename = "Owner ID", alias = "owner_id")]
    pub owner_id: Option<String>,
}

/// Why bytes are no row of the event history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a row of the event history, but {found}")]
pub struct NoRow {
    /// What was found instead.
    pub found: String,
}

/// A row and, if it could be shown, the lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The row.
    pub row: Row,
    /// The lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
}

impl Row {
    /// The UUID of the lease that has to be shown for the event to be whole.
    #[must_use]
    pub fn lease(&self) -> Option<&str> {
        (self.object_type == "lease").then_some(self.object_uuid.as_str())
    }

    /// The row of an event that came from this feed.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let data = event.data();
        let text = |name: &str| data.get(name)?.as_str().map(str::to_owned);
        Some(Self {
            id: event.id.parse().ok()?,
            event_type: event.event_type.clone(),
            event_time: event.time.clone(),
            object_type: text("object_type")?,
            object_uuid: text("object_uuid")?,
            resource_type: text("resource_type"),
            resource_uuid: text("resource_uuid"),
            lessee_id: text("lessee_id"),
            owner_id: text("owner_id"),
        })
    }
}

impl Record {
    /// Reads a record, or a row alone.
    ///
    /// # Errors
    /// [`NoRow`] if the bytes are neither.
    pub fn decode(body: &[u8]) -> Result<Self, NoRow> {
        let malformed = |found| NoRow { found };
        // Said here, because serde would take a list for the fields in their order: of two rows, the
        // second one for the lease of the first.
        if body.trim_ascii_start().starts_with(b"[") {
            return Err(malformed("it is a list".into()));
        }
        python_json::read::<Self>(body).or_else(|unreadable| {
            let row = python_json::read(body);
            row.map(|row| Self { row, lease: None }).map_err(|_| {
                let (line, column) = (unreadable.error.line(), unreadable.error.column());
                let near = near(unreadable.text(body), unreadable.offset(body));
                malformed(format!("line {line}, column {column} ends it{near}"))
            })
        })
    }

    /// Whether everything is there that the history has to say.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lease.is_some() || self.row.lease().is_none()
    }

    /// The event as it arrives: it may lack its lease.
    #[must_use]
    pub fn into_arrival(self) -> Arrival {
        arrival(self.into_event())
    }

    /// The event. Its payload has the form of a notification's.
    #[must_use]
    pub fn into_event(self) -> Event {
        let Self { row, lease } = self;
        let mut data = lease.unwrap_or_default();
        by_names_of_notifications(&mut data);
        let id = row.id.to_string();
        let from_row = json!({
            "uuid": row.lease(),
            "project_id": row.lessee_id,
            "owner_id": row.owner_id,
            "resource_type": row.resource_type,
            "resource_uuid": row.resource_uuid,
            "node_uuid": row.resource_uuid,
            "event_id": row.id,
            "event_time": row.event_time,
            "object_type": row.object_type,
            "object_uuid": row.object_uuid,
            "lessee_id": row.lessee_id,
        });
        if let Value::Object(fields) = from_row {
            data.extend(fields);
        }
        let payload = json!({ "esi_leap_object.data": data });
        Event::new(id, row.event_type, row.event_time, None, payload)
    }
}

/// The event, of whatever feed, with this lease in the place of its payload.
#[must_use]
pub fn with_lease_of_now(event: &Event, mut lease: Lease) -> Event {
    by_names_of_notifications(&mut lease);
    if let Some(node) = lease.get("resource_uuid").cloned() {
        lease.insert("node_uuid".to_owned(), node);
    }
    Event::new(
        event.id.clone(),
        event.event_type.clone(),
        event.time.clone(),
        None,
        json!({ "esi_leap_object.data": lease }),
    )
}

/// Adds to a lease what the API calls otherwise, and writes times as notifications do.
fn by_names_of_notifications(lease: &mut Lease) {
    for name in LEASE_TIMES {
        if let Some(Value::String(time)) = lease.get_mut(name) {
            *time = as_notified(time);
        }
    }
    // `resource` and its properties are the node's; the API has no other names for them.
    for (name, of_lease) in [
        ("node_name", "resource"),
        ("node_properties", "resource_properties"),
    ] {
        if let Some(value) = lease.get(of_lease).cloned() {
            lease.insert(name.to_owned(), value);
        }
    }
}

/// A time as a notification has it: `2026-11-21T08:50:10.717117` becomes `2026-11-21T08:50:10Z`.
fn as_notified(time: &str) -> String {
    let seconds = time.split_once('.').map_or(time, |(seconds, _)| seconds);
    if seconds.contains('T') && !seconds.ends_with('Z') && !seconds.contains('+') {
        format!("{seconds}Z")
    } else {
        time.to_owned()
    }
}

/// What an event lacks that came from this feed without the lease that it is about.
#[must_use]
pub fn lacks(event: &Event) -> Option<Lacks> {
    // Every lease has a status, and no row has one.
    let lacks_lease = event.data().get("status").is_none()
        && Row::of(event).is_some_and(|row| row.lease().is_some());
    lacks_lease.then_some(needs_lease)
}

fn arrival(event: Event) -> Arrival {
    Arrival {
        lacks: lacks(&event),
        ..Arrival::whole(event)
    }
}

/// Decodes what is kept of a delivery of this feed: a record, a row, or the event that it was.
///
/// # Errors
/// Why it holds no event, in words.
pub fn decode(body: &[u8], interest: &Interest) -> Result<Option<Arrival>, String> {
    let event = match Record::decode(body) {
        Ok(record) => record.into_event(),
        Err(no_row) => python_json::read(body).map_err(|_| no_row.to_string())?,
    };
    let wanted = interest.wants(&event.event_type, &event.id);
    Ok(wanted.then(|| arrival(event)))
}

/// Whether a row alone may not say what is at this path. What earlier steps found is of neither.
#[must_use]
pub fn needs_lease(path: &PayloadPath) -> bool {
    // What a JSONPath asks for is not analysed: with the lease it is answered in any case.
    let text = path.as_str();
    let name = text.split_once('.').map_or(text, |(name, _)| name);
    path.of_step().is_none() && !ROW_FIELDS.contains(&name)
}

#[cfg(test)]
mod tests;
