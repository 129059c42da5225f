//! Bodies that ESI Leap compresses with `kombu_compression`, and what claims to be such.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::Value;

use crate::support::scene::{FULFILL, Scene, notification, wait_until};

/// A notification that ESI Leap really sent with `kombu_compression = gzip`.
const REAL: &[u8] = include_bytes!("../data/kombu-gzip.body");

#[test]
fn what_kombu_compresses_is_read_and_the_rest_is_refused_without_keeping_it() {
    let mut scene = Scene::new("compressed");
    scene.rule(
        "r",
        "events = esi_leap.*\nscript = record.sh\nscript_params = purpose",
    );
    let service = scene.listen();
    let send = |compression: &str, body: &[u8]| {
        scene.as_publisher(async |publisher| {
            publisher
                .publish_compressed(&scene.exchange, &scene.queue, compression, body)
                .await;
        });
    };
    send(
        "application/x-lzma",
        b"{\"_context_auth_token\": \"secret\"}",
    );
    send(
        "application/x-lzma",
        b"{\"_context_auth_token\": \"secreT\"}",
    );
    send("application/x-gzip", REAL);
    assert_eq!(scene.wait_for_log(1).len(), 1);
    send("application/x-gzip", &REAL[..REAL.len() / 2]);
    service.wait_for("cannot be decompressed");
    service.stop();

    assert_eq!(scene.waiting(), Some(0));
    let kept = scene.quarantined();
    let reasons: Vec<&str> = kept
        .iter()
        .map(|one| one["reason"].as_str().expect("a reason"))
        .collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].contains("`application/x-lzma`"), "{reasons:?}");
    assert!(reasons[0].contains("`kombu_compression`"), "{reasons:?}");
    assert!(reasons[2].contains("cannot be decompressed"), "{reasons:?}");
    let output = scene.run(&["quarantine", "show", "1", "--format", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let body = shown["body"].as_str().expect("a body");
    assert!(body.starts_with("[compressed body, not kept"), "{body}");
    let output = scene.run(&["quarantine", "retry", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains("compressed bytes were not kept"),
        "{printed}"
    );
}

#[test]
fn small_messages_that_become_large_are_not_all_held_at_once() {
    const NUMBER: usize = 40;
    let mut scene = Scene::new("inflated");
    scene.rule(
        "r",
        &format!(
            "events = {FULFILL}\nscript = record.sh\nfilter_params = {{\"name\": \"nobody\"}}"
        ),
    );
    // 120 MB in all, which arrive as a few hundred kilobytes.
    // Made once: it takes a debug build longer to write one than the service to read it.
    let one = notification(FULFILL).with("purpose", "x".repeat(3_000_000));
    for _ in 0..NUMBER {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        let id = format!("{:032x}", fastrand::u128(..));
        let body = one.body.replace(&one.message_id, &id);
        encoder.write_all(body.as_ref()).expect("a stream");
        let body = encoder.finish().expect("a stream");
        scene.as_publisher(async |publisher| {
            publisher
                .publish_compressed(&scene.exchange, &scene.queue, "application/x-gzip", &body)
                .await;
        });
    }
    let service = scene.listen();
    wait_until("all to be decided", || {
        service.log().matches("matches no rule").count() == NUMBER
    });
    let largest = service.largest_size();
    service.stop();
    assert!(largest < 110, "{largest} MiB");
}
