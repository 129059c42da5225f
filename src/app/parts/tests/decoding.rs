//! Which kind of source decodes what.

use serde_json::json;

use crate::app::parts::{decode, decoder};
use crate::sources::Interest;

const NOTIFICATION: &str = r#"{"message_id": "m", "event_type": "t", "payload": {}}"#;

/// A row of the event history.
fn row() -> String {
    let row = json!({
        "ID": 6, "Event Type": "t", "Event Time": "now", "Object Type": "lease", "Object UUID": "l",
    });
    row.to_string()
}

#[test]
fn the_kind_of_a_source_decodes_what_it_had_in_quarantine() {
    let row = row();
    let cases = [
        ("bus", NOTIFICATION, Some("m")),
        ("history:cloud", &row, Some("6")),
        ("history:http://keystone:5000/v3#2", &row, Some("6")),
        ("bus", &row, None),
        ("history:cloud", NOTIFICATION, None),
    ];
    for (source, body, id) in cases {
        let decode = decoder(source).unwrap_or_else(|| panic!("{source}"));
        let decoded = decode(body.as_bytes(), &Interest::in_all());
        let found = decoded.ok().flatten().map(|arrival| arrival.event.id);
        assert_eq!(found.as_deref(), id, "{source} {body}");
    }
    for source in ["", "buses", "histories:cloud", "weather:rain"] {
        assert!(decoder(source).is_none(), "{source}");
    }
}

#[test]
fn what_may_be_from_any_source_is_decoded_by_the_kind_that_knows_it() {
    let interest = Interest::in_all();
    for (body, id) in [(NOTIFICATION.to_owned(), "m"), (row(), "6")] {
        let arrival = decode(body.as_bytes(), &interest).unwrap().unwrap();
        assert_eq!(arrival.event.id, id);
        // As a script reads it.
        let again = decode(arrival.event.to_json().as_bytes(), &interest);
        assert_eq!(again.unwrap().unwrap().event, arrival.event);
    }
    let refused = decode(b"{}", &interest).unwrap_err();
    assert!(refused.contains("`message_id`"), "{refused}");
    let nobody = Interest::new(|_| false);
    assert!(decode(NOTIFICATION.as_bytes(), &nobody).unwrap().is_none());
}
