//! What only one of the feeds says of a lease: a rule that asks the other one for it asks in vain.

use crate::core::event::PayloadPath;

/// What only a notification has, in its data and around it. `id` is the lease's row number in ESI
/// Leap's database.
const BUS_FIELDS: [&str; 6] = [
    "id",
    "node_provision_state",
    "node_power_state",
    "esi_leap_object.name",
    "esi_leap_object.namespace",
    "esi_leap_object.version",
];

/// What only the history has, and what says the same in a notification.
const HISTORY_FIELDS: [(&str, Option<&str>); 10] = [
    ("event_id", None),
    ("event_time", None),
    ("object_type", None),
    ("object_uuid", Some("uuid")),
    ("lessee_id", Some("project_id")),
    ("owner", Some("owner_id")),
    ("project", Some("project_id")),
    ("resource", Some("node_name")),
    ("resource_class", None),
    ("resource_properties", Some("node_properties")),
];

/// Of what only the history has, what its rows say and no lease does.
const ROW_FIELDS: [&str; 5] = [
    "event_id",
    "event_time",
    "object_type",
    "object_uuid",
    "lessee_id",
];

/// Whether this path asks for what only a row of the history says.
#[must_use]
pub(super) fn is_of_row(path: &PayloadPath) -> bool {
    path.fields().iter().any(|field| ROW_FIELDS.contains(field))
}

/// The field that this path asks for and only the bus has.
#[must_use]
pub(super) fn bus_field(path: &PayloadPath) -> Option<&'static str> {
    let fields = path.fields();
    BUS_FIELDS.into_iter().find(|field| fields.contains(field))
}

/// The field that this path asks for and only the history has, and what to ask the bus for instead.
#[must_use]
pub(super) fn history_field(path: &PayloadPath) -> Option<(&'static str, Option<&'static str>)> {
    let fields = path.fields();
    HISTORY_FIELDS
        .into_iter()
        .find(|(field, _)| fields.contains(field))
}
