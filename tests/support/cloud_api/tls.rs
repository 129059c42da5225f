//! TLS for the cloud: an authority that nobody knows, and a port with its certificate.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::support::stage::Stage;

/// Signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate that it has signed.
    pub(crate) fn signed(&self, params: &CertificateParams, key: &KeyPair) -> Certificate {
        params.signed_by(key, &self.0).expect("a certificate")
    }

    /// A server with a certificate for `localhost`.
    fn server(&self) -> ServerConfig {
        self.server_for("localhost", |_| {})
    }

    /// Writes a certificate for `localhost` that it has signed, and its key, into the stage's folder.
    pub(crate) fn certify(&self, stage: &Stage, name: &str) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let certificate = self.signed(&params, &key);
        fs::write(stage.path(&format!("{name}.pem")), certificate.pem()).expect("a file");
        fs::write(stage.path(&format!("{name}.key")), key.serialize_pem()).expect("a file");
    }

    /// A server with a certificate for this name, changed so.
    pub(crate) fn server_for(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> ServerConfig {
        self.server_with(name, change, Arc::new(NoClientAuth))
    }

    /// A server for `localhost` that lets in only who shows a certificate of this authority.
    pub(crate) fn server_among_friends(&self) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().expect("a verifier");
        self.server_with("localhost", |_| {}, verifier)
    }

    fn server_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> ServerConfig {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        change(&mut params);
        let certificate = self.signed(&params, &key);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
            )
            .expect("a server")
    }
}

/// A port that speaks TLS; who does not is let go.
pub(super) struct Listener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener {
    pub(super) fn new(listener: TcpListener, authority: &Authority) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(authority.server()));
        Self { listener, acceptor }
    }
}

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, from) = self.listener.accept().await.expect("a connection");
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
