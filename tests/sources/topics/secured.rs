//! Brokers behind TLS and logins.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;

use super::{TOPIC, stage_at};
use crate::support::cloud_api::Authority;
use crate::support::kafka::{Door, Guard, Kafka, Sent};
use crate::support::scene::Service;

#[test]
fn brokers_are_reached_over_tls_with_each_kind_of_login() {
    let kafka = Kafka::with(TOPIC, 1);
    let authority = Authority::new();
    let guard = Guard {
        tls: Some(Arc::new(authority.server_for("localhost", |_| {}))),
        login: Some(("eda".to_owned(), "pass wörd".to_owned())),
    };
    let door = Door::guarded(&kafka, guard);
    let mut last = 0;
    for mechanism in ["plain", "scram-sha-256", "scram-sha-512"] {
        let options = format!(
            "start = earliest\nssl = yes\nssl_ca_file = ca.pem\nsasl = {mechanism}\nuser = eda\npassword_file = pw"
        );
        let stage = stage_at(&door.named(), &options);
        // What is wrong is told, and corrected while the service runs.
        let service = Service::listen(&stage);
        service.wait_for("failed to read");
        fs::write(stage.path("ca.pem"), Authority::new().pem()).expect("a file");
        fs::write(stage.path("pw"), "wrong\n").expect("a file");
        service.wait_for("but another key");
        fs::write(stage.path("ca.pem"), authority.pem()).expect("a file");
        service.wait_for("check `sasl`, `user` and the password in `password_file`");
        fs::write(stage.path("pw"), "pass wörd\n").expect("a file");
        service.wait_for("kafka bus: reading 1 partition of alarms");
        kafka.send_texts(TOPIC, &[mechanism]);
        // What is compressed is read over another connection.
        let packed = Sent::text("packed");
        kafka.send_with(TOPIC, 0, &[packed], &json!({"compression.type": "zstd"}));
        last += 2;
        let log = stage.wait_for_log(last);
        let told = [&log[last - 2], &log[last - 1]].map(|line| line.split('|').nth(1));
        assert_eq!(told, [Some(mechanism), Some("packed")], "{log:?}");
        let told = service.stop();
        assert!(!told.contains("pass w"), "{told}");
    }
    let logins: BTreeSet<String> = door.logins().into_iter().collect();
    let all = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
    assert_eq!(logins, all.map(str::to_owned).into());
}

#[test]
fn brokers_that_ask_for_a_certificate_are_shown_it() {
    let kafka = Kafka::with(TOPIC, 1);
    let authority = Authority::new();
    let signed = |name: &str| {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (authority.signed(&params, &key), key)
    };
    let (certificate, key) = signed("localhost");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut known = RootCertStore::empty();
    let of_authority = CertificateDer::from_pem_slice(authority.pem().as_bytes());
    known
        .add(of_authority.expect("a certificate"))
        .expect("an authority");
    let asks = WebPkiClientVerifier::builder_with_provider(known.into(), Arc::clone(&provider));
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(asks.build().expect("a verifier"))
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        );
    let guard = Guard {
        tls: Some(Arc::new(server.expect("a server"))),
        ..Guard::default()
    };
    let door = Door::guarded(&kafka, guard);
    let options = "start = earliest\nssl = yes\nssl_ca_file = ca.pem";
    let without = stage_at(&door.named(), options);
    fs::write(without.path("ca.pem"), authority.pem()).expect("a file");
    let service = Service::listen(&without);
    service.wait_for("kafka bus: failed to connect to localhost:");
    service.stop();
    let options = format!("{options}\nssl_cert_file = own.pem\nssl_key_file = own.key");
    let with = stage_at(&door.named(), &options);
    let (certificate, key) = signed("events");
    fs::write(with.path("ca.pem"), authority.pem()).expect("a file");
    fs::write(with.path("own.pem"), certificate.pem()).expect("a file");
    // `check` tells of a file that is not there.
    let output = with.run(&["check"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains("own.key (`ssl_key_file`): No such file"),
        "{told}"
    );
    fs::write(with.path("own.key"), key.serialize_pem()).expect("a file");
    kafka.send_texts(TOPIC, &["0"]);
    let service = Service::listen(&with);
    with.wait_for_log(1);
    service.stop();
}
