//! Events in the forms that people have them in: on the wire, in a list, on a script's standard input.

use serde_json::{Map, Value};

use super::{decode, decoder};
use crate::core::event::Event;
use crate::core::python_json;
use crate::ops::explain::Forms;
use crate::sources::Interest;
use crate::sources::history::record::{Record, Row, lacks};

/// What the sources know of them.
pub const FORMS: Forms = Forms {
    decoders: decoder,
    read,
    lacks,
    with_lease,
};

/// Reads an event in any of its forms.
fn read(body: &[u8]) -> Result<Event, String> {
    let decoded = decode(body, &Interest::in_all()).and_then(|arrival| {
        let event = arrival.map(|arrival| arrival.event);
        event.ok_or_else(|| "no rule is for its type of event".to_owned())
    });
    decoded.or_else(|undecodable| {
        // As the client prints it.
        let rows: Vec<Row> = python_json::read(body).map_err(|_| undecodable)?;
        let found = rows.len();
        <[Row; 1]>::try_from(rows)
            .map(|[row]| Record { row, lease: None }.into_event())
            .map_err(|_| format!("expected one row, but found {found}"))
    })
}

fn with_lease(event: &Event, lease: Map<String, Value>) -> Option<Event> {
    let row = Row::of(event)?;
    let lease = Some(lease);
    Some(Record { row, lease }.into_event())
}
