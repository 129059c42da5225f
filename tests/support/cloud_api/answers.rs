//! What the cloud answers.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    Asked, CREDENTIAL_ID, CREDENTIAL_SECRET, Fault, PASSWORD, State, TOKEN_PREFIX, USER, locked,
};

/// The API's names for the columns of the `openstack` program.
const COLUMNS: [(&str, &str); 9] = [
    ("ID", "id"),
    ("Event Type", "event_type"),
    ("Event Time", "event_time"),
    ("Object Type", "object_type"),
    ("Object UUID", "object_uuid"),
    ("Resource Type", "resource_type"),
    ("Resource UUID", "resource_uuid"),
    ("Lessee ID", "lessee_id"),
    ("Owner ID", "owner_id"),
];

pub(super) fn as_api_row(mut row: Value) -> Value {
    let fields = row.as_object_mut().expect("a row");
    for (column, name) in COLUMNS {
        if let Some(value) = fields.remove(column) {
            fields.insert(name.to_owned(), value);
        }
    }
    row
}

type Cloud = Arc<Mutex<State>>;

/// What is answered to a request of this kind, or what goes wrong instead.
async fn answer(
    cloud: &Mutex<State>,
    asked: Asked,
    right: impl FnOnce(&mut State) -> Response<Body>,
) -> Response<Body> {
    let (fault, right) = {
        let mut state = locked(cloud);
        *state.seen.entry(asked).or_default() += 1;
        let fault = state
            .faults
            .get_mut(&asked)
            .and_then(std::collections::VecDeque::pop_front);
        (fault, right(&mut state))
    };
    match fault {
        None => right,
        Some(Fault::Status(status, body)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            of(status, "text/plain", body)
        }
        Some(Fault::Text(text)) => of(StatusCode::OK, "text/html", text),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Elsewhere(url)) => {
            let mut response = of(StatusCode::FOUND, "text/plain", String::new());
            let url = url.parse().expect("a header");
            response.headers_mut().insert(header::LOCATION, url);
            response
        }
        Some(Fault::Cut) => {
            // Only what is sent before a pause is sure to arrive.
            let end = async {
                tokio::task::yield_now().await;
                Err(std::io::ErrorKind::BrokenPipe.into())
            };
            half(right, stream::once(end)).await
        }
        Some(Fault::Stall) => half(right, stream::pending()).await,
    }
}

/// The first half of an answer, then this.
async fn half(
    response: Response<Body>,
    then: impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static,
) -> Response<Body> {
    let (head, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("an answer");
    let first = whole.slice(..whole.len() / 2);
    let parts = stream::iter([Ok(first)]).chain(then);
    let mut response = Response::from_parts(head, Body::from_stream(parts));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, whole.len().into());
    response
}

fn of(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind);
    response.body(body.into()).expect("an answer")
}

fn json_of(status: u16, body: &Value) -> Response<Body> {
    let status = StatusCode::from_u16(status).expect("a status");
    of(status, "application/json", body.to_string())
}

/// `POST /v3/auth/tokens`.
pub(super) async fn token(Shared(cloud): Shared<Cloud>, body: Bytes) -> Response<Body> {
    answer(&cloud, Asked::Token, |state| {
        let login: Value = serde_json::from_slice(&body).expect("a login in JSON");
        let good = is_known(&login["auth"]);
        state.logins.push(login);
        if !good {
            let error = json!({
                "code": 401,
                "message": "The request you have made requires authentication.",
                "title": "Unauthorized",
            });
            return json_of(401, &json!({ "error": error }));
        }
        let token = format!("{TOKEN_PREFIX}{}", state.logins.len());
        state.tokens.push(token.clone());
        let issued: jiff::Timestamp = "2026-11-21T08:00:00Z".parse().expect("a time");
        let expires = issued + state.token_life;
        let endpoint = |interface: &str, url: String| {
            json!({
                "id": "e", "interface": interface, "region": "RegionOne", "region_id": "RegionOne",
                "url": url,
            })
        };
        let keystone = endpoint("public", format!("{}/identity", state.address));
        let leap = endpoint("public", format!("{}/leap", state.address));
        let catalog = json!([
            {"id": "k", "type": "identity", "name": "keystone", "endpoints": [keystone]},
            {"id": "l", "type": state.service, "name": "esi-leap", "endpoints": [leap]},
        ]);
        let body = json!({ "token": {
            "methods": ["password"], "catalog": catalog,
            "issued_at": issued.to_string(), "expires_at": expires.to_string(),
        }});
        let mut response = json_of(201, &body);
        let token = token.parse().expect("a header");
        response.headers_mut().insert("x-subject-token", token);
        response
    })
    .await
}

/// Whether a login is one of the two that the cloud lets in.
fn is_known(auth: &Value) -> bool {
    let password = json!({
        "identity": {"methods": ["password"], "password": {"user": {
            "name": USER, "domain": {"name": "Default"}, "password": PASSWORD,
        }}},
        "scope": {"project": {"name": "tenant-a", "domain": {"id": "default"}}},
    });
    let credential = json!({
        "identity": {"methods": ["application_credential"], "application_credential": {
            "id": CREDENTIAL_ID, "secret": CREDENTIAL_SECRET,
        }},
    });
    [password, credential].contains(auth)
}

/// What keystonemiddleware says to a request without a good token.
fn stranger(state: &State, headers: &HeaderMap) -> Option<Response<Body>> {
    let token = headers
        .get("x-auth-token")
        .and_then(|token| token.to_str().ok());
    let known = token.is_some_and(|token| state.tokens.iter().any(|good| good == token));
    let error = json!({
        "code": 401, "title": "Unauthorized",
        "message": "The request you have made requires authentication.",
    });
    (!known).then(|| json_of(401, &json!({ "error": error })))
}

/// `GET /v1/events?last_event_id=N`.
pub(super) async fn events(
    Shared(cloud): Shared<Cloud>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    let after = uri
        .query()
        .and_then(|query| query.strip_prefix("last_event_id="));
    let after: i64 = after
        .and_then(|after| after.parse().ok())
        .expect("an event id");
    answer(&cloud, Asked::Events, |state| {
        if let Some(refusal) = stranger(state, &headers) {
            return refusal;
        }
        // ESI Leap takes 0 and less for no filter.
        let later = |row: &&Value| {
            row["id"]
                .as_i64()
                .is_some_and(|id| after <= 0 || id > after)
        };
        let rows: Vec<_> = state.rows.iter().filter(later).collect();
        json_of(200, &json!({ "events": rows }))
    })
    .await
}

/// `GET /v1/leases/UUID`.
pub(super) async fn lease(
    Shared(cloud): Shared<Cloud>,
    headers: HeaderMap,
    Path(uuid): Path<String>,
) -> Response<Body> {
    answer(&cloud, Asked::Lease, |state| {
        if let Some(refusal) = stranger(state, &headers) {
            return refusal;
        }
        match state.leases.get(&uuid) {
            Some(lease) => json_of(200, lease),
            None => json_of(
                500,
                &fault("Server", "'NoneType' object has no attribute 'owner_id'"),
            ),
        }
    })
    .await
}

/// A fault as WSME has it.
fn fault(code: &str, text: &str) -> Value {
    json!({ "faultcode": code, "faultstring": text, "debuginfo": null })
}
