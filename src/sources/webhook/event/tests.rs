//! Requests become events; and what ansible-rulebook's webhook really does (`tests/data/eda/webhook.json`, recorded):
//! every case is the same, or listed here with the reason why ours differs.

use std::fs;
use std::path::Path;

use hyper::HeaderMap;
use hyper::header::HeaderValue;

use super::*;
use crate::core::event::Key;
use crate::sources::tests::recorded::compare;

const FILE: &str = include_str!("../../../../tests/data/eda/webhook.json");

const NOT_JSON: &str = "NaN, Infinity, lone surrogates and what nests deeper than 100 become null or the replacement \
                        character, as in every source of ours";
const AS_WRITTEN: &str = "numbers stay as they were written";
const UTF_8: &str = "JSON is UTF-8: another charset is refused with the reason";
const NOT_500: &str = "what cannot be read is the sender's fault, and is told";
const PACKED: &str = "a packing that is not known is refused, not taken for none";
const HEADERS: &str = "header names have one spelling, whatever the sender or a proxy made of them; cookies are \
                       secrets";
const SIGNED: &str = "what proves who the sender is stands in no event";
const CHUNKED: &str = "a length beside `chunked` is ignored, as HTTP has it (RFC 9112, 6.3)";
const BYTES: &str = "a header that is not ASCII shows the replacement character";
const SCHEME: &str = "to HTTP, `bearer` and `Bearer` are the same, and so are one blank and two";
const EMPTY: &str = "a file without a secret is a failure of the source";
const NUMBERS: &str = "a file holds text: a token of digits is one";
const SPELLINGS: &str =
    "a signature is hexadecimal in either case or base64, the algorithm before it in either case";
const AS_SENT: &str =
    "a signature is of the bytes as they were sent, so a packed body is signed packed";
const PORT: &str = "an address has a number for its port";
const ALGORITHM: &str = "an algorithm that there is not is a problem when the file is read";
const PASSPHRASE: &str = "a key has no passphrase: systemd's credentials keep it secret";
const NO_PLAIN: &str =
    "TLS that is half configured is a problem when the file is read, and not plain HTTP";
const BROKEN_OFF: &str = "whoever has closed only one half is told what was wrong";

/// The cases in which ours differs.
const DIFFERENT: &[(&str, &[u32])] = &[
    (NOT_JSON, &[25, 33, 47]),
    (AS_WRITTEN, &[26]),
    (UTF_8, &[36, 37, 38]),
    (NOT_500, &[35, 41, 85]),
    (PACKED, &[42]),
    (HEADERS, &[57]),
    (SIGNED, &[77, 78, 86, 87, 90, 96]),
    (CHUNKED, &[50]),
    (BYTES, &[59]),
    (SCHEME, &[65, 66]),
    (EMPTY, &[73, 101]),
    (NUMBERS, &[74]),
    (SPELLINGS, &[82, 83, 88]),
    (AS_SENT, &[94, 95]),
    (PORT, &[105]),
    (ALGORITHM, &[102]),
    (PASSPHRASE, &[111]),
    (NO_PLAIN, &[115, 116]),
    (BROKEN_OFF, &[52]),
];

/// The options of a case in our words; what ours has no word for stays, and is a problem.
fn options(args: &Value, port: u16, files: &Path) -> String {
    let mut lines = Vec::new();
    let mut hmac = ["sha256", "x-hub-signature-256"].map(str::to_owned);
    let mut has_hmac = false;
    for (name, value) in args.as_object().unwrap() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let file = text.replace("$TLS/", "");
        match name.as_str() {
            "host" => {}
            "port" => {
                let text = text
                    .replace(" (as a string)", "")
                    .replace("$PORT", &port.to_string());
                lines.push(format!("listen = 127.0.0.1:{text}"));
            }
            "token" => {
                fs::write(files.join("token"), text).unwrap();
                lines.push("token_file = token".to_owned());
            }
            "hmac_secret" => {
                fs::write(files.join("hmac"), text).unwrap();
                has_hmac = true;
            }
            "hmac_algo" => hmac[0] = text,
            "hmac_header" => hmac[1] = text,
            "hmac_format" if ["hex", "base64"].contains(&text.as_str()) => {}
            "certfile" => lines.push(format!("ssl_cert_file = {file}")),
            "keyfile" => lines.push(format!("ssl_key_file = {file}")),
            "cafile" => lines.push(format!("ssl_ca_file = {file}")),
            _ => lines.push(format!("{name} = {text}")),
        }
    }
    if has_hmac {
        lines.push(format!("hmac = {} hmac", hmac.join(" ")));
    }
    let proofs = ["token", "hmac_secret", "cafile"];
    if !proofs.iter().any(|name| args.get(name).is_some()) {
        lines.push("auth = none".to_owned());
    }
    lines.join("\n")
}

#[tokio::test]
async fn what_ansible_rulebook_does_is_what_ours_does_or_listed() {
    compare(FILE, "webhook", options, DIFFERENT).await;
}

fn webhook(identity: Identity, key: Option<&str>) -> Webhook {
    Webhook {
        name: "hook".to_owned(),
        identity,
        key: key.map_or_else(KeyPath::default, |path| {
            KeyPath::at(PayloadPath::parse(path).unwrap())
        }),
    }
}

fn post(headers: &[(&'static str, &str)], body: &str) -> Post {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.append(*name, HeaderValue::from_str(value).unwrap());
    }
    Post {
        endpoint: "a/b".to_owned(),
        headers: all,
        body: body.into(),
        ..Post::default()
    }
}

#[test]
fn an_event_has_the_shape_of_ansible_rulebook_and_a_key() {
    let now = "2026-11-27T05:00:00Z".parse().unwrap();
    let post = post(
        &[("x-a", "1"), ("authorization", "hidden")],
        r#"{"host": "h"}"#,
    );
    let event = webhook(Identity::None, None).event(&post, now).unwrap();
    let payload =
        json!({"payload": {"host": "h"}, "meta": {"endpoint": "a/b", "headers": {"X-A": "1"}}});
    assert_eq!(event.payload, payload);
    assert_eq!(
        (event.event_type.as_str(), event.time.as_str()),
        ("hook", "2026-11-27T05:00:00Z")
    );
    assert_eq!(event.key(), Key::of_source("hook", "hook"));
    let keyed = |path| {
        webhook(Identity::None, Some(path))
            .event(&post, now)
            .unwrap()
            .key()
    };
    assert_eq!(keyed("payload.host"), Key::of_source("hook", "h"));
    assert_eq!(keyed("payload.other"), Key::of_source("hook", "hook"));
    let again = webhook(Identity::None, None).event(&post, now).unwrap();
    assert_eq!((event.id.len(), again.id == event.id), (32, false));
}

#[test]
fn an_id_is_what_header_or_path_say_and_what_lacks_it_is_refused() {
    let header = || Identity::Header("x-id".parse().unwrap());
    let path = || Identity::Path(PayloadPath::parse("payload.id").unwrap());
    let cases = [
        (header(), post(&[("x-id", "7")], "{}"), Ok("7")),
        (
            header(),
            post(&[("x-id", "7"), ("x-id", "8")], "{}"),
            Ok("7"),
        ),
        (
            header(),
            post(&[("x-id", "")], "{}"),
            Err("in the header `x-id`"),
        ),
        (
            header(),
            post(&[], r#"{"id": "7"}"#),
            Err("in the header `x-id`"),
        ),
        (path(), post(&[], r#"{"id": "7"}"#), Ok("7")),
        (path(), post(&[], r#"{"id": 7}"#), Ok("7")),
        (path(), post(&[], r#"{"id": ""}"#), Err("at `payload.id`")),
        (path(), post(&[], r#"{"id": null}"#), Err("at `payload.id`")),
        (path(), post(&[], r#"{"id": {}}"#), Err("at `payload.id`")),
        (path(), post(&[("x-id", "7")], "[]"), Err("at `payload.id`")),
        (path(), post(&[], "{"), Err("expected JSON")),
        (path(), post(&[], " \n"), Err("the body is empty")),
    ];
    for (identity, post, expected) in cases {
        let event = webhook(identity, None).event(&post, Timestamp::UNIX_EPOCH);
        match (event, expected) {
            (Ok(event), Ok(id)) => assert_eq!(event.id, id),
            (Err(refusal), Err(part)) => {
                assert_eq!(refusal.status.as_u16(), 400);
                assert!(refusal.why.contains(part), "{}", refusal.why);
            }
            (found, expected) => panic!("{found:?}, {expected:?}"),
        }
    }
}
