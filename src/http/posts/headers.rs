//! The headers of a request as an event shows them: no secret, one spelling. Pure.

use hyper::header::HeaderMap;
use serde_json::{Map, Value};

/// What the name of a header has in it whose value is a secret, or proves one.
const SECRET: [&str; 8] = [
    "authorization",
    "cookie",
    "token",
    "secret",
    "password",
    "signature",
    "api-key",
    "apikey",
];

/// Words that are not written with one capital letter.
const WORDS: [(&str, &str); 5] = [
    ("etag", "ETag"),
    ("github", "GitHub"),
    ("md5", "MD5"),
    ("te", "TE"),
    ("www", "WWW"),
];

/// The headers by their names, written like `X-Request-Id` whatever the sender wrote: to HTTP it is the same. Of one that
/// is repeated the first stays. Those that are secret are left out, and so is the one of this name.
pub(super) fn shown(headers: &HeaderMap, secret: Option<&str>) -> Map<String, Value> {
    let is_secret = |name: &str| {
        secret.is_some_and(|secret| secret.eq_ignore_ascii_case(name))
            || SECRET.iter().any(|it| name.contains(it))
    };
    let shown = headers.keys().filter(|name| !is_secret(name.as_str()));
    let first = |name| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    shown
        .filter_map(|name| Some((spelt(name.as_str()), first(name)?.into_owned().into())))
        .collect()
}

/// The name of a header, which is in lower case.
fn spelt(name: &str) -> String {
    let word = |word: &str| {
        let known = WORDS.iter().find(|(lower, _)| *lower == word);
        known.map_or_else(
            || {
                let mut letters = word.chars();
                let first = letters.next().map(|first| first.to_ascii_uppercase());
                first.into_iter().chain(letters).collect()
            },
            |(_, spelt)| (*spelt).to_owned(),
        )
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_have_one_spelling_and_no_secret() {
        let given: [(&str, &[u8]); 18] = [
            ("host", b"h:80"),
            ("content-type", b"application/json"),
            ("x-github-event", b"push"),
            ("x-request-id", b"7"),
            ("etag", b"\"e\""),
            ("x-twice", b"one"),
            ("x-twice", b"two"),
            ("x_under", b"1"),
            ("x-name", b"Z\xfcrich"),
            ("authorization", b"Bearer hidden"),
            ("proxy-authorization", b"Basic hidden"),
            ("cookie", b"session=hidden"),
            ("x-gitlab-token", b"hidden"),
            ("x-hub-signature-256", b"sha256=hidden"),
            ("x-api-key", b"hidden"),
            ("x-my-secret", b"hidden"),
            ("x-mac", b"hidden"),
            ("x-user-password", b"hidden"),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let expected = json!({
            "Host": "h:80", "Content-Type": "application/json", "X-GitHub-Event": "push",
            "X-Request-Id": "7", "ETag": "\"e\"", "X-Twice": "one", "X_under": "1",
            "X-Name": "Z\u{fffd}rich",
        });
        assert_eq!(Value::from(shown(&headers, Some("X-Mac"))), expected);
    }
}
