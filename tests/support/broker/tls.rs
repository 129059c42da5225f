//! A port with TLS for a broker of ours.

use std::path::Path;

/// What the broker shows and trusts: PEM files.
pub(crate) struct ServerTls<'a> {
    /// Who signs the certificates of clients that give one; they need not.
    pub(crate) ca: &'a Path,
    /// The broker's own.
    pub(crate) certificate: &'a Path,
    pub(crate) key: &'a Path,
}

impl<'a> ServerTls<'a> {
    /// The files with the names that the broker knows them by.
    pub(super) fn files(&self) -> [(&'static str, &'a Path); 3] {
        [
            ("ca.pem", self.ca),
            ("certificate.pem", self.certificate),
            ("key.pem", self.key),
        ]
    }

    /// The lines of `rabbitmq.conf`, the files being where `place` says.
    pub(super) fn settings(listener: &str, place: impl Fn(&str) -> String) -> String {
        format!(
            "listeners.ssl.1 = {listener}\nssl_options.cacertfile = {}\n\
             ssl_options.certfile = {}\nssl_options.keyfile = {}\n\
             ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = false\n",
            place("ca.pem"),
            place("certificate.pem"),
            place("key.pem"),
        )
    }
}
