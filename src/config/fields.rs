//! The fields of a lease, and suggestions for a path to a field that no lease has.

use super::options::Options;
use crate::core::event::PayloadPath;
use crate::core::ini::merged::MergedOption;
use crate::core::ini::problem::Problem;
use crate::core::ini::text::Position;

use crate::core::ini::problem::nearest;

/// What the lease has in one feed or in both; which has what, the source of each feed knows.
const KNOWN: [&str; 31] = [
    "end_time",
    "event_id",
    "event_time",
    "expire_time",
    "fulfill_time",
    "id",
    "lessee_id",
    "name",
    "node_name",
    "node_power_state",
    "node_properties",
    "node_provision_state",
    "node_uuid",
    "object_type",
    "object_uuid",
    "offer_uuid",
    "owner",
    "owner_id",
    "parent_lease_uuid",
    "project",
    "project_id",
    "properties",
    "purpose",
    "resource",
    "resource_class",
    "resource_properties",
    "resource_type",
    "resource_uuid",
    "start_time",
    "status",
    "uuid",
];

/// What lies beside the lease.
const AROUND: [&str; 4] = [
    "esi_leap_object.data",
    "esi_leap_object.name",
    "esi_leap_object.namespace",
    "esi_leap_object.version",
];

/// Fields in which others may be.
const OBJECTS: [&str; 4] = [
    "esi_leap_object.data",
    "node_properties",
    "properties",
    "resource_properties",
];

/// Names that people use for a field, and the field.
const OTHER_NAMES: [(&str, &str); 9] = [
    ("lease_id", "uuid"),
    ("lease_name", "name"),
    ("lease_uuid", "uuid"),
    ("node", "node_name"),
    ("node_id", "node_uuid"),
    ("power_state", "node_power_state"),
    ("provision_state", "node_provision_state"),
    ("resource_name", "node_name"),
    ("tenant_id", "project_id"),
];

/// What is known of an event, but is no part of its payload.
const OF_EVENT: [&str; 5] = [
    "event_type",
    "message_id",
    "priority",
    "publisher_id",
    "timestamp",
];

/// Whether this is a field of a lease, or lies around it.
pub(super) fn is_of_lease(field: &str) -> bool {
    KNOWN.contains(&field) || AROUND.contains(&field)
}

/// The path that `text`, a part of the value of the option `name`, is. With `of_leases`, one that no lease has
/// is warned of.
pub fn payload_path(
    options: &mut Options<'_>,
    option: &MergedOption,
    name: &str,
    text: &str,
    of_leases: bool,
) -> Option<PayloadPath> {
    match PayloadPath::parse(text) {
        Ok(path) => {
            if of_leases {
                let position = option.value.position_in(text, 0);
                warn_of_unknown(options, option, name, &path, position);
            }
            Some(path)
        }
        Err(invalid) => {
            let position = option.value.position_in(text, invalid.offset);
            let problem = Problem::error(invalid.message, invalid.hint);
            options.report(problem, option, position);
            None
        }
    }
}

/// Warns if no lease has anything at the path that the option `name` asks for.
pub(super) fn warn_of_unknown(
    options: &mut Options<'_>,
    option: &MergedOption,
    name: &str,
    path: &PayloadPath,
    position: Position,
) {
    if let Some((why, remedy)) = unknown(path) {
        let message = format!("`{name}` asks for `{path}`, but {why}: it is always missing");
        options.report(Problem::warning(message, remedy), option, position);
    }
}

/// Why nothing can be at the path, if no lease has anything there, and what to write instead.
fn unknown(path: &PayloadPath) -> Option<(String, String)> {
    if path.of_step().is_some() {
        return None;
    }
    let known = |field: &str| KNOWN.contains(&field) || AROUND.contains(&field);
    let fields = path.fields();
    if let Some(field) = fields.iter().find(|field| !known(field)) {
        let why = format!("no lease has a field `{field}`");
        return Some((why, remedy(path.as_str(), field)));
    }
    let field = fields.first()?;
    let inside = path.as_str().strip_prefix("esi_leap_object.data.");
    let inside = inside.unwrap_or(path.as_str()).strip_prefix(field)?;
    (inside.starts_with('.') && !OBJECTS.contains(field)).then(|| {
        (
            format!("`{field}` has no fields of its own"),
            format!("write `{field}`"),
        )
    })
}

fn remedy(path: &str, field: &str) -> String {
    let bare = path.trim_matches(['[', ']', '{', '}', '"', '\'']);
    if bare != path && !path.starts_with('$') {
        return format!("write `{bare}`, without the brackets and quotation marks");
    }
    if field.starts_with("_context_") {
        return "what begins with `_context_` is never kept: it may hold a user's token".to_owned();
    }
    if OF_EVENT.contains(&field) {
        return "scripts find what is known of the event itself in the environment \
                (`ESI_EVENT_TYPE`, `ESI_EVENT_ID`) and on standard input, templates under `event`"
            .to_owned();
    }
    if path == "$.esi_leap_object.data" || path.starts_with("$.esi_leap_object.data.") {
        return "write `$['esi_leap_object.data']`: the dot is a part of its name".to_owned();
    }
    let meant = if path.starts_with("$[") {
        field_meant(field).map(str::to_owned)
    } else {
        meant(path)
    };
    if let Some(meant) = meant {
        return format!("did you mean `{meant}`?");
    }
    format!(
        "a property of the lease is `properties.{field}`, one of its node \
         `node_properties.{field}`"
    )
}

/// The path that was probably meant.
fn meant(path: &str) -> Option<String> {
    let (prefix, dotted) = match path.strip_prefix("$.") {
        Some(dotted) => ("$.", dotted),
        None => ("", path),
    };
    // What begins at each name: of `payload.node_uuid`, `node_uuid`, since there is no such level.
    let dots = dotted.match_indices('.').map(|(dot, _)| dot + 1);
    let parts: Vec<&str> = std::iter::once(0)
        .chain(dots)
        .map(|at| &dotted[at..])
        .collect();
    let split = |part: &'_ str| part.find(['.', '[']).unwrap_or(part.len());
    let joined = dotted.replacen('.', "_", 1);
    let mut exact = std::iter::once(joined.as_str()).chain(parts.iter().copied());
    let exact = exact.find(|part| KNOWN.contains(&&part[..split(part)]));
    if let Some(part) = exact {
        return Some(format!("{prefix}{part}"));
    }
    parts.iter().find_map(|part| {
        let (name, behind) = part.split_at(split(part));
        Some(format!("{prefix}{}{behind}", field_meant(name)?))
    })
}

/// The field of this name, or of one like it.
fn field_meant(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase().replace(['-', ' '], "_");
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name);
    other
        .map(|(_, field)| *field)
        .or_else(|| nearest(&name, KNOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_lease_has_is_reported_with_a_suggestion() {
        let cases = [
            ("node_name", None),
            ("properties.anything.at.all", None),
            ("node_properties.cpus", None),
            ("resource_properties.cpus", None),
            ("esi_leap_object.data.node_uuid", None),
            ("esi_leap_object.name", None),
            ("$.properties['a b']", None),
            ("$..vendor", None),
            ("$[?@.nothing]", None),
            (r#"$["uuid","name"]"#, None),
            ("node_nmae", Some("did you mean `node_name`?")),
            ("Node_Name", Some("did you mean `node_name`?")),
            ("node-uuid", Some("did you mean `node_uuid`?")),
            ("payload.node_uuid", Some("did you mean `node_uuid`?")),
            ("payload.node_nmae", Some("did you mean `node_name`?")),
            (
                "payload.esi_leap_object.data.properties.vendor",
                Some("did you mean `properties.vendor`?"),
            ),
            ("$.payload.node_uuid", Some("did you mean `$.node_uuid`?")),
            (
                "$.propertys.a[0]",
                Some("did you mean `$.properties.a[0]`?"),
            ),
            ("lease_uuid", Some("did you mean `uuid`?")),
            ("$['node_nmae']", Some("did you mean `node_name`?")),
            ("node.uuid", Some("did you mean `node_uuid`?")),
            (
                "$.esi_leap_object.data.name",
                Some("`$['esi_leap_object.data']`"),
            ),
            ("vendor", Some("`properties.vendor`")),
            ("event_type", Some("`ESI_EVENT_TYPE`")),
            ("_context_user", Some("never kept")),
            (r#"["node_name"#, Some("write `node_name`, without")),
            ("node_name.first", Some("write `node_name`")),
        ];
        for (text, part) in cases {
            let told = unknown(&PayloadPath::parse(text).unwrap());
            match (&told, part) {
                (None, None) => {}
                (Some((_, hint)), Some(part)) if hint.contains(part) => {}
                _ => panic!("{text}: {told:?}, expected {part:?}"),
            }
        }
    }
}
