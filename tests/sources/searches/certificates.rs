//! Hosts that let in only who shows a certificate.

use std::fs;

use super::{BUCKETS, buckets, counted, events, stage};
use crate::support::cloud_api::Authority;
use crate::support::http_server::HttpServer;
use crate::support::scene::Service;

#[test]
fn a_client_shows_its_certificate_and_takes_up_one_that_is_renewed() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = HttpServer::start_with_tls(authority.server_among_friends(), [buckets(["a"])]);
    let url = format!("https://localhost:{}", server.port());
    let options = format!("{BUCKETS}\nevery = 1s\nssl_ca_file = ca.pem");

    let without = stage(&url, &options);
    fs::write(without.path("ca.pem"), authority.pem()).expect("a file");
    let service = Service::listen(&without);
    service.wait_for("set `ssl_cert_file` and `ssl_key_file` to one that it trusts");
    service.stop();

    let files = "ssl_cert_file = client.pem\nssl_key_file = client.key";
    let with = stage(&url, &format!("{options}\n{files}"));
    fs::write(with.path("ca.pem"), authority.pem()).expect("a file");
    stranger.certify(&with, "client");
    let service = Service::listen(&with);
    service.wait_for("no answer from https://localhost");
    assert!(server.received().is_empty());
    authority.certify(&with, "client");
    service.wait_for("elasticsearch s answers again");
    with.wait_for_log(1);
    service.stop();
    let mut told = events(&with);
    // Whether that took three failures.
    told.remove("failed");
    assert_eq!(told, counted(&[("found/a", 1)]));
}

#[test]
fn files_that_are_not_there_are_told_beforehand() {
    let files = "ssl_ca_file = ca.pem\nssl_cert_file = client.pem\nssl_key_file = client.key";
    let stage = stage(
        "https://localhost:1",
        &format!("{BUCKETS}\nevery = 1s\n{files}"),
    );
    let output = stage.run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    for (option, file) in [
        ("ssl_ca_file", "ca.pem"),
        ("ssl_cert_file", "client.pem"),
        ("ssl_key_file", "client.key"),
    ] {
        let part = format!("{file} (`{option}`): No such file");
        assert_eq!(told.matches(&part).count(), 1, "{told}");
    }
}
