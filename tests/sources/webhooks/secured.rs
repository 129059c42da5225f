//! TLS, and certificates that senders show.

use std::fs;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{hook, listen, numbered, on_disk};
use crate::support::cloud_api::Authority;
use crate::support::sender::{exchange, free_port, send};
use crate::support::stage::Stage;

/// Sends an event over TLS, with the certificate of this name if there is one; gives the answer's status.
fn sent(stage: &Stage, port: u16, identity: Option<&str>, number: usize) -> std::io::Result<u16> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificates = |name: &str| {
        let all = CertificateDer::pem_file_iter(stage.path(&format!("{name}.pem"))).expect("PEM");
        all.map(|it| it.expect("a certificate")).collect::<Vec<_>>()
    };
    let mut roots = RootCertStore::empty();
    roots
        .add(certificates("ca").remove(0))
        .expect("an authority");
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let key = PrivateKeyDer::from_pem_file(stage.path(&format!("{name}.key")));
            let config = builder.with_client_auth_cert(certificates(name), key.expect("a key"));
            config.expect("a client")
        }
    };
    let name = "localhost".try_into().expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    exchange(StreamOwned::new(connection, stream), &numbered(number)).map(|(status, _)| status)
}

#[test]
fn a_certificate_is_all_that_a_sender_may_have_to_show() {
    let port = free_port();
    let tls = "ssl_cert_file = server.pem\nssl_key_file = server.key\nssl_ca_file = ca.pem";
    let stage = hook(port, tls);
    let (authority, stranger) = (Authority::new(), Authority::new());
    fs::write(stage.path("ca.pem"), authority.pem()).expect("a file");
    authority.certify(&stage, "server");
    authority.certify(&stage, "client");
    stranger.certify(&stage, "stranger");
    let service = listen(&stage);
    assert_eq!(
        sent(&stage, port, Some("client"), 1).expect("an answer"),
        202
    );
    for refused in [None, Some("stranger")] {
        assert!(sent(&stage, port, refused, 2).is_err(), "{refused:?}");
    }
    // Who speaks no TLS is not answered in clear text.
    assert!(send(port, &numbered(3)).is_err());
    assert_eq!(on_disk(&stage), ["1"]);
    let log = service.stop();
    assert!(
        log.contains(": no TLS with 127.0.0.1: peer sent no certificates"),
        "{log}"
    );
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_and_waited_for() {
    let port = free_port();
    let tls = "auth = none\nssl_cert_file = server.pem\nssl_key_file = server.key";
    let stage = hook(port, tls);
    let service = crate::support::scene::Service::start(&mut stage.program("listen"));
    service.wait_for("webhook:hook: failed to read");
    service.wait_for("server.pem (`ssl_cert_file`)");
    let authority = Authority::new();
    fs::write(stage.path("ca.pem"), authority.pem()).expect("a file");
    authority.certify(&stage, "server");
    service.wait_for("webhook:hook: taking requests at https://");
    assert_eq!(sent(&stage, port, None, 1).expect("an answer"), 202);
    service.stop();
}
