//! What the recorded cases of Ansible's `url_check` come to here, and a server that changes its mind.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::app::parts;
use crate::sources::{Batch, Decoded, Received};

/// Answers as the path says, and else with this status.
async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: Arc<AtomicU16>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let redirect =
        |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let answer = match path.split_at_checked(8) {
        Some(("/status/", status)) => format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"),
        _ => match path {
            "/redirect" => redirect("/status/200"),
            "/redirect-nowhere" => redirect("http://127.0.0.1:1/"),
            "/loop" => redirect("/loop"),
            "/elsewhere" => redirect("ftp://127.0.0.1/"),
            "/close" => return,
            "/garbage" => "what is this\r\n\r\n".to_owned(),
            "/dribble" => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx".to_owned(),
            "/never" => String::new(),
            _ => {
                let status = status.load(Ordering::Relaxed);
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")
            }
        },
    };
    drop(stream.write_all(answer.as_bytes()).await);
    if matches!(path, "/dribble" | "/never") {
        std::future::pending::<()>().await;
    }
}

/// A server; without TLS, and with it.
struct Servers {
    status: Arc<AtomicU16>,
    plain: u16,
    tls: u16,
}

impl Servers {
    async fn start() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let status = Arc::new(AtomicU16::new(200));
        let mut ports = Vec::new();
        for acceptor in [None, Some(acceptor)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ports.push(listener.local_addr().unwrap().port());
            let status = Arc::clone(&status);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (acceptor, status) = (acceptor.clone(), Arc::clone(&status));
                    tokio::spawn(async move {
                        match acceptor {
                            None => converse(stream, status).await,
                            Some(acceptor) => {
                                if let Ok(stream) = acceptor.accept(stream).await {
                                    converse(stream, status).await;
                                }
                            }
                        }
                    });
                }
            });
        }
        let [plain, tls] = ports[..] else {
            panic!("two ports")
        };
        Self { status, plain, tls }
    }

    fn filled_in(&self, text: &str) -> String {
        let (plain, tls) = (self.plain.to_string(), self.tls.to_string());
        text.replace("$PORT", &plain)
            .replace("$TLSPORT", &tls)
            .replace("$TLS", &tls)
    }
}

/// The source that a section with these options is, or the problems with it.
fn source(options: &str, stored: Option<Cursor>) -> Result<Box<dyn Source>, String> {
    let text = format!("[source:site]\ntype = url\n{options}\n[r]\nevents = site\nscript = s\n");
    let reading = parts::read_for_listen(&text, Path::new("f"));
    let Some(config) = reading.config else {
        return Err(reading.problems.report("f").to_string());
    };
    Ok(config.feed.sources[0].source.setup.open(Opening {
        stored,
        until_drained: true,
        ..Opening::of_tests("url:site")
    }))
}

async fn batch(source: &mut Box<dyn Source>) -> Option<Batch> {
    match source.receive().await.unwrap() {
        Received::Batch(batch) => Some(batch),
        Received::Drained => None,
    }
}

/// The payloads of one look.
async fn payloads(source: &mut Box<dyn Source>) -> Vec<Value> {
    let decoded = batch(source)
        .await
        .map(|batch| batch.decoded)
        .unwrap_or_default();
    let payload = |decoded| match decoded {
        Decoded::Event(arrival) => arrival.event.payload,
        Decoded::Undecodable(entry) => panic!("{entry:?}"),
    };
    decoded.into_iter().map(payload).collect()
}

/// Where our answer is another one, and why: nothing, where it is a problem of the configuration.
fn differs(id: &str) -> Option<(&'static str, Option<Value>)> {
    let up = |url: &str, code: u16| json!({"url_check": {"url": url, "status": "up", "status_code": code}});
    let plain = "http://127.0.0.1:$PORT/";
    Some(match id {
        "url_check-024" => (
            "what does not answer in time is down, and ends nothing",
            Some(json!([
                {"url_check": {"url": "http://127.0.0.1:$PORT/never", "status": "down", "error_msg": ""}},
                up(plain, 200),
            ])),
        ),
        "url_check-027" => (
            "`false` is no",
            Some(json!([up("https://127.0.0.1:$TLSPORT/", 200)])),
        ),
        // One look is asked for here; `each_answer_is_told_if_asked_for` has the others.
        "url_check-031" | "url_check-033" => ("one look", Some(json!([up(plain, 200)]))),
        "url_check-039" => ("an address is an address", Some(json!([up(plain, 200)]))),
        "url_check-040" | "url_check-044" => ("no address: told at once", None),
        "url_check-045" => ("no password gets into an event", None),
        "url_check-046" => ("blanks are no part of it", Some(json!([up(plain, 200)]))),
        _ => return None,
    })
}

#[tokio::test]
async fn what_ansible_told_of_urls_is_told_but_for_what_is_listed() {
    let servers = Servers::start().await;
    let recorded = include_str!("../../../tests/data/eda/url_check.json");
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 29);
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let urls: Vec<&str> = match &case["args"]["urls"] {
            Value::Array(urls) => urls.iter().filter_map(Value::as_str).collect(),
            url => vec![url.as_str().unwrap()],
        };
        let verify = case["args"]
            .get("verify_ssl")
            .map_or_else(String::new, |verify| {
                format!("\nssl_verify = {}", verify.to_string().trim_matches('"'))
            });
        let urls = servers.filled_in(&urls.join(", "));
        let source = source(
            &format!("urls = {urls}\nrequest_timeout = 2s{verify}"),
            None,
        );
        let expected =
            differs(id).map_or_else(|| Some(case["events"].clone()), |(_, events)| events);
        let Some(expected) = expected else {
            let problems = source.err().expect(id);
            assert!(
                problems.contains("in `urls`") && !problems.contains("geheim"),
                "{problems}"
            );
            continue;
        };
        // In what words there is no answer is ours.
        let without_words = |mut payload: Value| {
            if let Some(words) = payload["url_check"].get_mut("error_msg") {
                *words = json!("");
            }
            payload
        };
        let expected: Vec<Value> =
            serde_json::from_str(&servers.filled_in(&expected.to_string())).unwrap();
        let expected: Vec<_> = expected.into_iter().map(without_words).collect();
        let told =
            payloads(&mut source.unwrap_or_else(|problems| panic!("{id}: {problems}"))).await;
        let told: Vec<_> = told.into_iter().map(without_words).collect();
        assert_eq!(told, expected, "{id}");
    }
}

#[tokio::test]
async fn redirects_that_lead_nowhere_are_down() {
    let servers = Servers::start().await;
    let urls = servers.filled_in("http://127.0.0.1:$PORT/loop, http://127.0.0.1:$PORT/elsewhere");
    let told = payloads(&mut source(&format!("urls = {urls}"), None).ok().unwrap()).await;
    let words: Vec<_> = told
        .iter()
        .map(|it| it["url_check"]["error_msg"].as_str())
        .collect();
    let expected = [
        "it leads on more than 10 times",
        "it leads to what is no address of HTTP",
    ];
    assert_eq!(words, expected.map(Some));
}

#[tokio::test]
async fn each_answer_is_told_if_asked_for_and_else_each_change_by_its_number() {
    let servers = Servers::start().await;
    let options = servers.filled_in("urls = http://127.0.0.1:$PORT/");
    for (on, statuses, expected) in [
        ("change", [200, 200, 500, 503, 200], vec![1, 2, 3, 4]),
        ("always", [200, 200, 500, 503, 200], vec![1, 2, 3, 4, 5]),
    ] {
        let (mut stored, mut numbers) = (None, Vec::new());
        for status in statuses {
            servers.status.store(status, Ordering::Relaxed);
            // Each time a service that begins with what is on disk.
            let mut source = source(&format!("{options}\non = {on}"), stored.clone())
                .ok()
                .unwrap();
            let Some(batch) = batch(&mut source).await else {
                continue;
            };
            for decoded in &batch.decoded {
                let Decoded::Event(arrival) = decoded else {
                    panic!("{decoded:?}")
                };
                let (_, number) = arrival.event.id.rsplit_once('#').unwrap();
                numbers.push(number.parse::<u64>().unwrap());
            }
            let crate::journal::ProgressStep::Passed(cursor) = batch.progress.unwrap().step else {
                panic!("it could be asked")
            };
            stored = Some(cursor);
        }
        assert_eq!(numbers, expected, "{on}");
        assert_eq!(reached(&stored.unwrap()).as_deref(), Some("1 of 1 up"));
    }
}

#[tokio::test]
async fn a_file_of_authorities_that_is_not_there_is_told_and_nothing_is_down() {
    let mut source = source("urls = https://127.0.0.1:1/\nssl_ca_file = /gone.pem", None)
        .ok()
        .unwrap();
    let batch = batch(&mut source).await.unwrap();
    assert_eq!(batch.decoded.len(), 0);
    let step = batch.progress.unwrap().step;
    let crate::journal::ProgressStep::Failed(why) = step else {
        panic!("{step:?}")
    };
    assert!(
        why.starts_with("failed to read /gone.pem (`ssl_ca_file`)"),
        "{why}"
    );
}
