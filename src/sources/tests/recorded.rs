//! For tests: what ansible-rulebook's sources did with a request (`tests/data/eda`, recorded), and what ours do with the
//! same bytes over a real connection.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::app::parts;
use crate::sources::{Decoded, Opening, Received};

/// What came of a case: the answer, and the payloads of the events.
pub(in crate::sources) type Outcome = (Answered, Vec<Value>);

/// What kind of answer a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sources) enum Answered {
    /// With these options there is no source.
    NotServed,
    /// The connection was closed.
    Not,
    /// With a status of this class: 2 for 200 to 299.
    Class(u64),
}

/// The cases of a file, by their numbers.
pub(in crate::sources) fn cases(file: &str) -> Vec<(u32, Value)> {
    let file: Value = serde_json::from_str(file).unwrap();
    let cases = file["cases"].as_array().unwrap().iter();
    let number = |case: &Value| {
        let id = case["id"].as_str().unwrap();
        id.rsplit_once('-').unwrap().1.parse().unwrap()
    };
    cases.map(|case| (number(case), case.clone())).collect()
}

/// Holds each case against ours: it is the same, or stands in one of these lists, with the reason.
pub(in crate::sources) async fn compare(
    file: &str,
    kind: &str,
    options: fn(&Value, u16, &Path) -> String,
    different: &[(&str, &[u32])],
) {
    let files = certificates();
    let mut wrong = Vec::new();
    let all = cases(file);
    for (number, case) in &all {
        let port = free_port();
        let text = options(&case["args"], port, files.path());
        let ours = ours(case, &format!("type = {kind}\n{text}"), port, files.path()).await;
        let theirs = theirs(case, port);
        let listed = different
            .iter()
            .any(|(_, numbers)| numbers.contains(number));
        if (ours != theirs) != listed {
            let title = &case["title"];
            let listed = if listed {
                "listed as different"
            } else {
                "not listed"
            };
            wrong.push(format!(
                "{number} {title} is {listed}:\n  theirs {theirs:?}\n  ours   {ours:?}"
            ));
        }
    }
    for number in different.iter().flat_map(|(_, numbers)| *numbers) {
        if !all.iter().any(|(known, _)| known == number) {
            wrong.push(format!("{number} is listed, but there is no such case"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn theirs(case: &Value, port: u16) -> Outcome {
    let response = &case["http_response"];
    // Of several requests, all are answered alike.
    let response = response.get(0).unwrap_or(response);
    let status = response["status"].as_u64();
    let answered = if case["main"]["state"] == "raised" {
        Answered::NotServed
    } else {
        status.map_or(Answered::Not, |status| Answered::Class(status / 100))
    };
    let events = case["events"].as_array().unwrap().iter();
    let event = |event: &Value| normal(expanded(event, port), case);
    (answered, events.map(event).collect())
}

/// Serves a source with these options, sends it the case's request, and gives what came of it.
async fn ours(case: &Value, options: &str, port: u16, files: &Path) -> Outcome {
    let text = format!("[source:s]\n{options}\n[r]\nevents = *\nscript = true\n");
    let reading = parts::read_for_listen(&text, &files.join("listener.conf"));
    let Some(config) = reading.config else {
        return (Answered::NotServed, Vec::new());
    };
    let mut source = config.feed.sources[0]
        .source
        .setup
        .open(Opening::of_tests("kind:s"));
    let mut events = Vec::new();
    let serving = async {
        loop {
            match source.receive().await {
                Ok(Received::Batch(batch)) => events.extend(batch.decoded),
                _ => return Answered::NotServed,
            }
            source.settle().await;
        }
    };
    let answered = tokio::select! {
        biased;
        answered = serving => answered,
        answered = ask(case, port, files) => answered,
    };
    source.close().await;
    let payload = |decoded| match decoded {
        Decoded::Event(arrival) => normal(arrival.event.payload, case),
        Decoded::Undecodable(entry) => panic!("{entry:?}"),
    };
    (answered, events.into_iter().map(payload).collect())
}

/// Sends the case's requests, which are to be answered alike.
async fn ask(case: &Value, port: u16, files: &Path) -> Answered {
    let mut answered = Answered::Not;
    for request in requests(&case["input"], port) {
        answered = ask_once(case, &request, port, files).await;
    }
    answered
}

async fn ask_once(case: &Value, request: &[u8], port: u16, files: &Path) -> Answered {
    let title = case["title"].as_str().unwrap();
    let stream = loop {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    let has_tls = case["args"].get("certfile").is_some() && !title.contains("plain HTTP");
    let answer = if has_tls {
        let identity = match title {
            _ if title.contains("stranger") => Some("other"),
            _ if title.ends_with("mTLS, client certificate") => Some("client"),
            _ => None,
        };
        let connector = TlsConnector::from(Arc::new(client(files, identity)));
        match connector
            .connect("localhost".try_into().unwrap(), stream)
            .await
        {
            Ok(stream) => exchange(stream, request, false).await,
            Err(_) => return Answered::Not,
        }
    } else {
        exchange(stream, request, title.contains("closes its half")).await
    };
    let text = String::from_utf8_lossy(&answer);
    let text = text
        .strip_prefix("HTTP/1.1 100 Continue\r\n\r\n")
        .unwrap_or(&text);
    let status = text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    let class = status.map(|status| status.parse::<u64>().unwrap() / 100);
    class.map_or(Answered::Not, Answered::Class)
}

/// Sends a request, and reads what comes until the connection is closed.
async fn exchange<S: AsyncRead + AsyncWrite>(stream: S, request: &[u8], is_half: bool) -> Vec<u8> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut answer = Vec::new();
    let writing = async {
        // Who refuses the request may have closed the connection.
        if writer.write_all(request).await.is_ok() && is_half {
            writer.shutdown().await.unwrap();
        }
        writer
    };
    let reading = tokio::time::timeout(Duration::from_secs(20), reader.read_to_end(&mut answer));
    let (_writer, read) = tokio::join!(writing, reading);
    // A connection that breaks off is one that is closed.
    drop(read.expect("the connection to be closed"));
    answer
}

/// The bytes of a case's requests.
fn requests(input: &Value, port: u16) -> Vec<Vec<u8>> {
    let Some(bodies) = input["body"].as_array() else {
        return request(input, port).into_iter().collect();
    };
    let with_body = |body: &Value| {
        let mut input = input.clone();
        input["body"] = body.clone();
        request(&input, port)
    };
    bodies.iter().filter_map(with_body).collect()
}

/// The bytes of a request; `None` if there is none.
fn request(input: &Value, port: u16) -> Option<Vec<u8>> {
    let with_port = |text: &str| text.replace("$PORT", &port.to_string());
    if let Some(raw) = input["raw"].as_str() {
        return Some(with_port(raw).into_bytes());
    }
    let (method, path) = (input["method"].as_str()?, input["path"].as_str()?);
    let body = if let Some(json) = input.get("json") {
        json.to_string().into_bytes()
    } else if let Some(base64) = input["body_base64"].as_str() {
        BASE64_STANDARD.decode(base64).unwrap()
    } else {
        bytes(&input["body"])
    };
    let mut request = with_port(&format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:$PORT\r\n"
    ));
    let mut request = std::mem::take(&mut request).into_bytes();
    for header in input["headers"].as_array()? {
        request.extend(header[0].as_str()?.bytes().chain(*b": "));
        request.extend(bytes(&header[1]));
        request.extend(*b"\r\n");
    }
    request.extend(
        format!(
            "Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        )
        .bytes(),
    );
    request.extend(body);
    Some(request)
}

/// A text of a case, written in one of the ways that it has for long ones and for bytes.
fn bytes(text: &Value) -> Vec<u8> {
    if let Some(text) = text.as_str() {
        // So one case says how large a body was that was not kept.
        return match text
            .strip_suffix(" bytes")
            .and_then(|size| size.parse().ok())
        {
            Some(size) => vec![b' '; size],
            None => text.as_bytes().to_vec(),
        };
    }
    if let Some(base64) = text["$bytes_base64"].as_str() {
        return BASE64_STANDARD.decode(base64).unwrap();
    }
    if let Some(packed) = text.get("$gzip_of") {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        std::io::Write::write_all(&mut encoder, &bytes(packed)).unwrap();
        return encoder.finish().unwrap();
    }
    let part = |name: &str| text[name].as_str().unwrap();
    let count = usize::try_from(text["$count"].as_u64().unwrap()).unwrap();
    let after = match part("$after") {
        "1 and as many }" => format!("1{}", "}".repeat(count)),
        after => after.to_owned(),
    };
    (part("$before").to_owned() + &part("$repeat").repeat(count) + &after).into_bytes()
}

/// A value of an event, with its long texts and the port filled in.
fn expanded(value: &Value, port: u16) -> Value {
    match value {
        Value::Object(fields) if fields.contains_key("$repeat") => {
            String::from_utf8(bytes(value)).unwrap().into()
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, value)| (name.clone(), expanded(value, port)))
                .collect()
        }
        Value::Array(items) => items.iter().map(|item| expanded(item, port)).collect(),
        Value::String(text) => text.replace("$PORT", &port.to_string()).into(),
        other => other.clone(),
    }
}

/// An event without the length of a body that was recorded as JSON, not as it was written.
fn normal(mut event: Value, case: &Value) -> Value {
    if case["input"].get("json").is_some() {
        let headers = event["meta"]["headers"].as_object_mut().unwrap();
        headers.shift_remove("Content-Length");
    }
    event
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A folder with the files that the cases name: `server` and `client` signed by `ca`, and `other` by nobody else.
fn certificates() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    let authority = || {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (ca, stranger) = (authority(), authority());
    write("ca.pem", ca.pem());
    for (name, authority) in [("server", &ca), ("client", &ca), ("other", &stranger)] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        write(&format!("{name}.pem"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
    folder
}

fn client(files: &Path, identity: Option<&str>) -> ClientConfig {
    let certificates = |name: &str| {
        let path = files.join(format!("{name}.pem"));
        let all = CertificateDer::pem_file_iter(path).unwrap();
        all.map(Result::unwrap).collect::<Vec<_>>()
    };
    let mut roots = RootCertStore::empty();
    roots.add(certificates("ca").remove(0)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let key = PrivateKeyDer::from_pem_file(files.join(format!("{name}.key"))).unwrap();
            builder
                .with_client_auth_cert(certificates(name), key)
                .unwrap()
        }
    }
}
