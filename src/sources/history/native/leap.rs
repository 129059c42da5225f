//! ESI Leap's API: its addresses, and its answers in the form in which the `openstack` program
//! prints them. Pure.

use reqwest::{StatusCode, Url};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::core::python_json;
use crate::http::message::unexpected_json;
use crate::sources::history::record::{Lease, Row};

/// What the `openstack` program shows of a lease.
const LEASE_FIELDS: [&str; 20] = [
    "end_time",
    "expire_time",
    "fulfill_time",
    "name",
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

/// The address of the rows with a greater id than `after`.
pub(super) fn events_address(leap: &Url, after: i64) -> Url {
    let mut url = below(leap, "v1/events");
    url.set_query(Some(&format!("last_event_id={after}")));
    url
}

/// The address of a lease whose UUID [is one](is_uuid).
pub(super) fn lease_address(leap: &Url, uuid: &str) -> Url {
    below(leap, &format!("v1/leases/{uuid}"))
}

/// Whether this may be a lease's UUID: what a row says must not lead to another address.
pub(super) fn is_uuid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn below(leap: &Url, path: &str) -> Url {
    let mut url = leap.clone();
    url.set_path(&format!("{}/{path}", leap.path().trim_end_matches('/')));
    url
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Row>,
}

/// Reads an answer about events.
///
/// # Errors
/// What was expected, and where something else was found.
pub(super) fn events(body: &[u8], secrets: &[&SecretString]) -> Result<Vec<Row>, String> {
    python_json::read(body)
        .map(|Events { events }| events)
        .map_err(|error| unexpected_json("JSON with rows in `events`", &error.error, body, secrets))
}

/// Reads an answer about this lease. Fields that an ESI Leap of another version lacks are null, and
/// those that only it has are left out: rules mean the same with either client.
///
/// # Errors
/// What was expected, and where something else was found.
pub(super) fn lease(body: &[u8], uuid: &str, secrets: &[&SecretString]) -> Result<Lease, String> {
    let mut answer: Map<String, Value> = python_json::read(body)
        .map_err(|error| unexpected_json("a lease in JSON", &error.error, body, secrets))?;
    match answer.get("uuid") {
        Some(Value::String(found)) if found == uuid => {}
        _ => {
            return Err(format!(
                "expected lease {uuid} in JSON, but found another object"
            ));
        }
    }
    let field = |name: &str| (name.to_owned(), answer.remove(name).unwrap_or_default());
    Ok(LEASE_FIELDS.map(field).into_iter().collect())
}

/// Whether a refusal is ESI Leap's own and about the lease, rather than a proxy's or the way's.
///
/// An unknown UUID is a server fault to ESI Leap (500), and like all its faults has a `faultstring`.
pub(super) fn speaks_of_lease(status: StatusCode, body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Fault {
        #[serde(rename = "faultstring")]
        _text: String,
    }
    matches!(status.as_u16(), 403 | 404 | 500) && serde_json::from_slice::<Fault>(body).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn leap(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn addresses_lie_below_the_endpoint() {
        for (endpoint, prefix) in [
            ("http://leap:7777", "http://leap:7777/v1"),
            ("https://cloud/leap", "https://cloud/leap/v1"),
        ] {
            let endpoint = leap(endpoint);
            assert_eq!(
                events_address(&endpoint, 41).as_str(),
                format!("{prefix}/events?last_event_id=41")
            );
            assert_eq!(
                lease_address(&endpoint, "5fc788cb-694d").as_str(),
                format!("{prefix}/leases/5fc788cb-694d")
            );
        }
        for uuid in ["", "..", "a/b", "a?b", "%2e%2e", "a b", "ü"] {
            assert!(!is_uuid(uuid), "{uuid}");
        }
        assert!(is_uuid("5fc788cb-694d-4851-8e49-1fe4afdf4b61"));
    }

    #[test]
    fn a_lease_has_the_fields_that_the_program_prints() {
        let whole: Map<_, _> = LEASE_FIELDS
            .iter()
            .map(|name| ((*name).to_owned(), json!({ "is": name })))
            .chain([("uuid".to_owned(), json!("l"))])
            .collect();
        let mut answer = whole.clone();
        answer.insert("links".into(), json!([]));
        let body = serde_json::to_vec(&answer).unwrap();
        assert_eq!(lease(&body, "l", &[]).unwrap(), whole);

        let sparse = lease(br#"{"uuid": "l", "name": "n"}"#, "l", &[]).unwrap();
        assert_eq!(
            sparse.keys().collect::<Vec<_>>(),
            whole.keys().collect::<Vec<_>>()
        );
        assert_eq!(
            (&sparse["name"], &sparse["purpose"]),
            (&json!("n"), &Value::Null)
        );
    }

    #[test]
    fn what_only_python_takes_for_json_costs_that_value() {
        let body = br#"{"uuid": "l", "properties": {"a": NaN, "b": "\ud800", "c": 1.10,
            "d": {"$serde_json::private::RawValue": "no"}}}"#;
        let lease = lease(body, "l", &[]).unwrap();
        let expected =
            r#"{"a":null,"b":"\ufffd","c":1.10,"d":{"\ufffdserde_json::private::RawValue":"no"}}"#;
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(lease["properties"], expected);
        let rows = br#"{"events": [], "next": {"x": Infinity}}"#;
        assert_eq!(events(rows, &[]).unwrap(), []);
    }

    #[test]
    fn other_answers_are_reported() {
        let cases: [(&[u8], &str); 4] = [
            (
                b"<html>",
                "expected a lease in JSON, but line 1, column 1 is no JSON: <html>",
            ),
            (
                b"[]",
                "expected a lease in JSON, but line 1, column 0 has something else",
            ),
            (
                b"{\"leases\": []}",
                "expected lease l in JSON, but found another object",
            ),
            (
                b"{\"uuid\": \"m\"}",
                "expected lease l in JSON, but found another object",
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(lease(body, "l", &[]).unwrap_err(), expected);
        }
        let cases: [(&[u8], &str); 5] = [
            (b"<html>", "line 1, column 1 is no JSON: <html>"),
            (b"[]", "line 1, column 2 has something else"),
            (b"{}", "line 1, column 2 has something else"),
            (
                b"{\"events\": [{\"id\": 1}]}",
                "line 1, column 21 has something else",
            ),
            (b"{\"events\": [", "the JSON ends early, after 12 bytes"),
        ];
        for (body, expected) in cases {
            let expected = format!("expected JSON with rows in `events`, but {expected}");
            assert_eq!(events(body, &[]).unwrap_err(), expected);
        }
        assert_eq!(events(b"{\"events\": []}", &[]).unwrap(), []);
    }

    #[test]
    fn only_esi_leap_itself_speaks_of_a_lease() {
        let fault = br#"{"faultcode": "Server", "faultstring": "no", "debuginfo": null}"#;
        let cases: [(u16, &[u8], bool); 7] = [
            (403, fault, true),
            (404, fault, true),
            (500, fault, true),
            (502, fault, false),
            (401, fault, false),
            (404, b"<html>not found", false),
            (500, br#"{"error": {"message": "x"}}"#, false),
        ];
        for (status, body, expected) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(speaks_of_lease(status, body), expected, "{status}");
        }
    }
}
