//! Our own certificate: as the only proof of who we are, and what is said of those that are no good.

use std::fs;
use std::process::Command;

use super::tls::{
    assert_leads_to_the_broker, assert_refused, require_client_certificate, scene, set_options,
};
use super::{Ours, alone, running, text};
use crate::support::scene::Scene;

/// The user that the client's certificate names.
const NAMED: &str = "esi-event-actions client";

/// Has openssl do something in the folder of the certificates.
fn openssl(ours: &Ours, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(&ours.folder)
        .output()
        .expect("openssl starts");
    assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
}

/// Has the authority sign a request, the certificate to be valid for so many days from now.
fn sign(ours: &Ours, request: &str, certificate: &str, days: &str, more: &[&str]) {
    let mut arguments = vec!["x509", "-req", "-in", request, "-out", certificate];
    arguments.extend(["-days", days, "-CA", "ca.pem", "-CAkey", "ca.key"]);
    arguments.extend(["-set_serial", "77"]);
    arguments.extend(more);
    openssl(ours, &arguments);
}

fn with_certificate(ours: &Ours, scene: &mut Scene, certificate: &str, key: &str) {
    scene
        .replace("ssl_cert_file", text(&ours.file(certificate)))
        .replace("ssl_key_file", text(&ours.file(key)));
}

#[test]
fn a_certificate_alone_is_a_login_where_the_broker_takes_it_for_one() {
    let (ours, _turn) = alone();
    let mut scene = scene(ours, "external");
    with_certificate(ours, &mut scene, "client.pem", "client.key");
    scene.without("user").without("password");
    scene.default("rabbit_login_method = EXTERNAL");
    assert_refused(
        &scene,
        &[
            "the broker's log says why it turned away the certificate",
            "rabbitmq_auth_mechanism_ssl",
            "ssl_cert_login_from",
        ],
    );

    ours.eval(&[
        "Lib = filename:dirname(code:lib_dir(rabbit))".to_owned(),
        "[Plugin] = filelib:wildcard(filename:join(Lib, \"rabbitmq_auth_mechanism_ssl-*/ebin\"))"
            .to_owned(),
        "true = code:add_patha(Plugin)".to_owned(),
        "{module, Module} = code:ensure_loaded(rabbit_auth_mechanism_ssl)".to_owned(),
        "ok = application:set_env(rabbit, ssl_cert_login_from, common_name)".to_owned(),
        "ok = application:set_env(rabbit, auth_mechanisms, ['PLAIN', 'AMQPLAIN', 'EXTERNAL'])"
            .to_owned(),
        "ok = rabbit_registry:register(auth_mechanism, <<\"EXTERNAL\">>, Module)".to_owned(),
    ]);
    // Still nobody of that name.
    assert_refused(&scene, &["refuses the login by certificate alone"]);
    ours.broker.rabbitmqctl(&["add_user", NAMED, "unused"]);
    ours.broker
        .rabbitmqctl(&["set_permissions", NAMED, ".*", ".*", ".*"]);
    assert_leads_to_the_broker(&scene);
    // What a URL says of users is of no meaning then.
    for option in ["host", "port", "vhost", "ssl"] {
        scene.without(option);
    }
    let port = ours.broker.tls_port();
    scene.default(&format!(
        "transport_url = rabbit://localhost:{port}//?ssl=1"
    ));
    assert_leads_to_the_broker(&scene);
}

#[test]
fn a_login_by_user_and_password_may_be_written_as_rabbitmq_does() {
    let mut scene = Scene::new("amqplain");
    scene.declare(crate::support::amqp::Declaration::Transient);
    super::record(&mut scene, "node_name");
    scene.default("rabbit_login_method = AMQPLAIN");
    assert_leads_to_the_broker(&scene);
}

#[test]
fn a_bad_client_certificate_is_reported_with_its_fault() {
    let (ours, _turn) = running();
    let mut scene = scene(ours, "odd");
    // Of version 1: without extensions.
    sign(ours, "client.csr", "old.pem", "2", &[]);
    with_certificate(ours, &mut scene, "old.pem", "client.key");
    assert_refused(&scene, &["old.pem", "X.509 certificate of version 1"]);

    openssl(
        ours,
        &[
            "pkey",
            "-in",
            "client.key",
            "-out",
            "locked.key",
            "-aes128",
            "-passout",
            "pass:secret",
        ],
    );
    with_certificate(ours, &mut scene, "client.pem", "locked.key");
    assert_refused(&scene, &["locked.key", "is encrypted", "openssl pkey"]);

    with_certificate(ours, &mut scene, "client.pem", "stranger.key");
    assert_refused(&scene, &["the key does not belong to the certificate"]);
}

#[test]
fn a_certificate_that_is_set_and_turned_away_is_not_asked_for() {
    let (ours, _turn) = alone();
    let mut scene = scene(ours, "turned-away");
    require_client_certificate(ours, true);
    for name in ["stranger", "lapsed"] {
        if name == "lapsed" {
            let extension = ["-extfile", "extension"];
            sign(ours, "client.csr", "lapsed.pem", "-1", &extension);
            fs::copy(ours.file("client.key"), ours.file("lapsed.key")).expect("a key");
        }
        with_certificate(
            ours,
            &mut scene,
            &format!("{name}.pem"),
            &format!("{name}.key"),
        );
        let says = if name == "lapsed" {
            "lapsed.pem (`ssl_cert_file`) expired on"
        } else {
            "stranger.pem (`ssl_cert_file`)"
        };
        assert_refused(&scene, &["failed to set up TLS", says]);
    }
    require_client_certificate(ours, false);
}

#[test]
fn a_bad_broker_certificate_is_reported_with_its_fault() {
    let (ours, _turn) = alone();
    let scene = scene(ours, "odd-broker");
    let name = "subjectAltName = DNS:localhost";
    let cases: [(&str, &str, &str, &str); 5] = [
        (
            "nameless",
            "basicConstraints = CA:FALSE",
            "2",
            "has no subjectAltName",
        ),
        (
            "elsewhere",
            "subjectAltName = DNS:elsewhere.test",
            "2",
            "name the host as",
        ),
        ("old", "", "2", "X.509 certificate of version 1"),
        ("ended", name, "-1", "have the broker's certificate renewed"),
        (
            "client-only",
            "subjectAltName = DNS:localhost\nextendedKeyUsage = clientAuth",
            "2",
            "is not one of a server",
        ),
    ];
    for (name, extension, days, says) in cases {
        let file = format!("{name}-broker.pem");
        fs::write(ours.file("odd-extension"), extension).expect("a file");
        let more: &[&str] = if extension.is_empty() {
            &[]
        } else {
            &["-extfile", "odd-extension"]
        };
        sign(ours, "broker.csr", &file, days, more);
        let pem = fs::read_to_string(ours.file(&file)).expect("a certificate");
        let inside: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        set_options(
            ours,
            &format!(
                "[{{cert, base64:decode(<<\"{inside}\">>)}} | \
                  lists:keydelete(certfile, 1, lists:keydelete(cert, 1, Socket))]"
            ),
        );
        assert_refused(&scene, &["failed to set up TLS", says]);
    }
    set_options(
        ours,
        "[lists:keyfind(certfile, 1, Usual) | lists:keydelete(cert, 1, Socket)]",
    );
    assert_leads_to_the_broker(&scene);
}
