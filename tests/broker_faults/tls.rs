//! TLS: who is trusted, and what is said of whom not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::{Ours, alone, given_up, line_with, record, running, text};
use crate::support::amqp::Declaration;
use crate::support::broker::{ServerTls, run_script};
use crate::support::scene::{FULFILL, Scene, notification, wait_until};

/// An authority, the broker's certificate for `localhost`, a client's, and an authority that
/// nobody knows with a client's.
pub(super) struct Certificates {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificates {
    pub(super) fn server(&self) -> ServerTls<'_> {
        ServerTls {
            ca: &self.ca,
            certificate: &self.certificate,
            key: &self.key,
        }
    }
}

pub(super) fn make_certificates(folder: &Path) -> Certificates {
    if Command::new("openssl").arg("version").output().is_err() {
        run_script("install-packages", &["openssl"]).unwrap_or_else(|why| panic!("{why}"));
    }
    fs::create_dir(folder).expect("a folder");
    for authority in ["ca", "stranger"] {
        sign(
            folder,
            authority,
            None,
            "basicConstraints = critical, CA:TRUE",
        );
    }
    sign(
        folder,
        "broker",
        Some("ca"),
        "subjectAltName = DNS:localhost",
    );
    sign(
        folder,
        "client",
        Some("ca"),
        "extendedKeyUsage = clientAuth",
    );
    Certificates {
        ca: folder.join("ca.pem"),
        certificate: folder.join("broker.pem"),
        key: folder.join("broker.key"),
    }
}

/// Makes NAME.key, and NAME.pem signed by this authority or by itself.
fn sign(folder: &Path, name: &str, authority: Option<&str>, extension: &str) {
    let (key, pem, request) = (
        format!("{name}.key"),
        format!("{name}.pem"),
        format!("{name}.csr"),
    );
    let subject = format!("/CN=esi-event-actions {name}");
    fs::write(folder.join("extension"), extension).expect("a file");
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(folder)
            .output()
            .expect("openssl starts");
        assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
    };
    openssl(&[
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        &key,
        "-out",
        &request,
        "-subj",
        &subject,
    ]);
    let mut arguments = vec![
        "x509",
        "-req",
        "-in",
        &request,
        "-out",
        &pem,
        "-days",
        "2",
        "-extfile",
        "extension",
    ];
    let (ca, ca_key);
    if let Some(authority) = authority {
        (ca, ca_key) = (format!("{authority}.pem"), format!("{authority}.key"));
        arguments.extend(["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"]);
    } else {
        arguments.extend(["-signkey", &key]);
    }
    openssl(&arguments);
}

/// A scene whose service goes to the port for TLS, by the name in the broker's certificate.
pub(super) fn scene(ours: &Ours, name: &str) -> Scene {
    let mut scene = Scene::on(&ours.broker, name);
    scene.declare(Declaration::Transient);
    record(&mut scene, "node_name");
    let port = ours.broker.tls_port().to_string();
    scene
        .replace("host", "localhost")
        .replace("port", &port)
        .replace("ssl", "yes")
        .replace("ssl_ca_file", text(&ours.file("ca.pem")));
    scene
}

/// The way is good: a message runs.
pub(super) fn assert_leads_to_the_broker(scene: &Scene) {
    let before = scene.log().len();
    scene.publish(notification(FULFILL).body);
    scene.drain();
    assert_eq!(scene.log().len(), before + 1);
}

/// The way is refused, with these words.
pub(super) fn assert_refused(scene: &Scene, parts: &[&str]) {
    let said = given_up(scene);
    let line = line_with(&said, "error: failed to connect to the broker");
    for part in parts {
        assert!(line.contains(part), "no `{part}` in {line}");
    }
}

#[test]
fn a_broker_whose_authority_is_known_is_trusted() {
    let (ours, _turn) = running();
    let mut scene = scene(ours, "tls");
    assert_leads_to_the_broker(&scene);
    // Authorities of the system there need not be.
    let mut command = scene.program("listen");
    scene.publish(notification(FULFILL).body);
    let output = command
        .arg("--until-idle")
        .env("SSL_CERT_FILE", scene.path("none"))
        .env("SSL_CERT_DIR", scene.path("none"))
        .output()
        .expect("the program");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(scene.log().len(), 2);

    for option in ["user", "password", "host", "port", "vhost", "ssl"] {
        scene.without(option);
    }
    let port = ours.broker.tls_port();
    scene.default(&format!(
        "transport_url = rabbit://guest:guest@localhost:{port}/?ssl=1"
    ));
    assert_leads_to_the_broker(&scene);
}

#[test]
fn a_broker_that_cannot_be_trusted_is_refused_again_and_again() {
    let (ours, _turn) = running();
    let mut scene = scene(ours, "untrusted");
    scene.replace("host", "127.0.0.1");
    let parts = [
        "failed to set up TLS",
        "not valid for name",
        "name the host as",
    ];
    assert_refused(&scene, &parts);

    scene
        .replace("host", "localhost")
        .replace("ssl_ca_file", text(&ours.file("stranger.pem")));
    let service = scene.start(&["-v"]);
    wait_until("a second attempt", || {
        service.log().matches("failed to set up TLS").count() >= 2
    });
    let log = service.stop();
    let line = line_with(&log, "failed to set up TLS");
    for part in [
        "localhost:",
        "UnknownIssuer",
        "set `ssl_ca_file`",
        "trying again in",
    ] {
        assert!(line.contains(part), "no `{part}` in {line}");
    }

    scene.replace("ssl_ca_file", text(&ours.file("ca.key")));
    assert_refused(&scene, &["expected a certificate in PEM form in", "ca.key"]);
}

#[test]
fn a_port_of_the_other_kind_is_reported() {
    let (ours, _turn) = running();
    let mut scene = scene(ours, "other-port");
    scene.replace("port", &ours.broker.port().to_string());
    assert_refused(&scene, &["failed to set up TLS", "one without TLS"]);
    scene
        .replace("port", &ours.broker.tls_port().to_string())
        .replace("ssl", "no");
    assert_refused(&scene, &["expects TLS", "`ssl = yes`"]);
}

/// Changes the options of the broker's port for TLS: an expression of `Socket`, as they are, and of
/// `Usual`, what the configuration says.
pub(super) fn set_options(ours: &Ours, changed: &str) {
    ours.eval(&[
        "[Ref] = [R || {R, #{transport := ranch_ssl}} <- maps:to_list(ranch:info())]",
        "#{socket_opts := Socket} = Options = ranch:get_transport_options(Ref)",
        "{ok, Usual} = application:get_env(rabbit, ssl_options)",
        &format!("Changed = {changed}"),
        "ok = ranch:suspend_listener(Ref)",
        "ok = ranch:set_transport_options(Ref, Options#{socket_opts => Changed})",
        "ok = ranch:resume_listener(Ref)",
    ]);
}

/// Makes the broker require a client certificate, or not.
pub(super) fn require_client_certificate(ours: &Ours, required: bool) {
    let option = format!("{{fail_if_no_peer_cert, {required}}}");
    set_options(
        ours,
        &format!("lists:keystore(fail_if_no_peer_cert, 1, Socket, {option})"),
    );
}

#[test]
fn an_expired_certificate_is_logged_and_once_renewed_it_is_used() {
    let (ours, _turn) = alone();
    let mut scene = scene(ours, "expired");
    let (expired, key, authority) = expired_certificate();
    let known = fs::read_to_string(ours.file("ca.pem")).expect("a file");
    fs::write(scene.path("authorities.pem"), known + &authority).expect("a file");
    scene.replace("ssl_ca_file", "authorities.pem");
    set_options(
        ours,
        &format!(
            "[{{cert, base64:decode(<<\"{expired}\">>)}}, \
              {{key, {{'PrivateKeyInfo', base64:decode(<<\"{key}\">>)}}}} | \
              lists:keydelete(certfile, 1, lists:keydelete(keyfile, 1, Socket))]"
        ),
    );
    scene.publish(notification(FULFILL).body);
    let service = scene.start(&[]);
    service.wait_for("failed to set up TLS");
    service.wait_for("trying again in");

    set_options(
        ours,
        "lists:filter(fun({Name, _}) -> lists:member(Name, [certfile, keyfile]) end, Usual) ++ \
         lists:keydelete(cert, 1, lists:keydelete(key, 1, Socket))",
    );
    scene.wait_for_log(1);
    let log = service.stop();
    let line = line_with(&log, "failed to set up TLS");
    for part in [
        "certificate expired",
        "have the broker's certificate renewed",
    ] {
        assert!(line.contains(part), "no `{part}` in {line}");
    }
}

/// A certificate for `localhost` that was good in another time, and its key, both in base64, and
/// the authority that signed it, in PEM form.
fn expired_certificate() -> (String, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");

    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let inside =
        |pem: &str| -> String { pem.lines().filter(|line| !line.starts_with('-')).collect() };
    (
        inside(&certificate.pem()),
        inside(&key.serialize_pem()),
        authority.pem(),
    )
}

#[test]
fn a_broker_that_wants_a_certificate_gets_it() {
    let (ours, _turn) = alone();
    let mut scene = scene(ours, "client");
    require_client_certificate(ours, true);
    assert_refused(&scene, &["failed to set up TLS", "`ssl_cert_file`"]);
    scene
        .replace("ssl_cert_file", text(&ours.file("client.pem")))
        .replace("ssl_key_file", text(&ours.file("client.key")));
    assert_leads_to_the_broker(&scene);
    require_client_certificate(ours, false);
    assert_leads_to_the_broker(&scene);

    // Nobody knows this one's authority.
    scene
        .replace("ssl_cert_file", text(&ours.file("stranger.pem")))
        .replace("ssl_key_file", text(&ours.file("stranger.key")));
    assert_refused(
        &scene,
        &["failed to set up TLS", "the broker's log says why"],
    );
    scene.replace("ssl_key_file", text(&ours.file("client.key")));
    assert_refused(
        &scene,
        &[
            "failed to use the certificate",
            "stranger.pem",
            "client.key",
        ],
    );
}
