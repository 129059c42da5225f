//! Speaks TLS as a server: the certificate is read when a server begins, and again when its file has changed.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::ListenError;
use super::place::TlsFiles;

/// How often the files are looked at: certificates are renewed while a service runs.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What TLS is spoken with.
pub(super) struct Tls {
    files: TlsFiles,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    read: Stamp,
    looked: Instant,
}

/// When each file was last changed.
type Stamp = Vec<Option<SystemTime>>;

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`ListenError`], with the file that cannot be used.
    pub(super) fn new(files: &TlsFiles, now: Instant) -> Result<Self, ListenError> {
        let current = Current {
            read: stamp(files),
            config: Arc::new(config(files)?),
            looked: now,
        };
        Ok(Self {
            files: files.clone(),
            current: Mutex::new(current),
        })
    }

    /// What the next connection is secured with. Files that have changed and cannot be used change nothing.
    pub(super) fn config(&self, now: Instant) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(current.looked) >= LOOK_AGAIN {
            current.looked = now;
            let found = stamp(&self.files);
            if found != current.read {
                current.read = found;
                match config(&self.files) {
                    Ok(config) => {
                        let file = self.files.certificate.display();
                        tracing::info!("{file} has changed: new connections are secured with it");
                        current.config = Arc::new(config);
                    }
                    Err(error) => {
                        tracing::error!("{error}; the former certificate stays in use");
                    }
                }
            }
        }
        Arc::clone(&current.config)
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    let own = [Some(&files.certificate), Some(&files.key)];
    let all = own.into_iter().chain([files.client_authorities.as_ref()]);
    let changed = |path: &_| fs::metadata(path).and_then(|it| it.modified()).ok();
    all.flatten().map(changed).collect()
}

fn config(files: &TlsFiles) -> Result<ServerConfig, ListenError> {
    let chain = certificates(&files.certificate, "ssl_cert_file")?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key, "ssl_key_file")?);
    let key = key.map_err(|_| ListenError {
        message: format!(
            "expected a private key in PEM form in {} (`ssl_key_file`), but found none",
            files.key.display()
        ),
        hint: "name the file of the key, without a passphrase",
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(files, &error))?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(file, "ssl_ca_file")? {
                let added = roots.add(authority);
                added.map_err(|error| unusable(files, &error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unusable(files, &error))?)
        }
    };
    let config = builder.with_single_cert(chain, key);
    config.map_err(|error| unusable(files, &error))
}

fn certificates(path: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    let pem = read(path, option)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| ListenError {
        message: format!(
            "expected certificates in PEM form in {} (`{option}`), but found none",
            path.display()
        ),
        hint: "name a file with `-----BEGIN CERTIFICATE-----`",
    })
}

fn read(path: &Path, option: &str) -> Result<Vec<u8>, ListenError> {
    fs::read(path).map_err(|error| ListenError {
        message: format!("failed to read {} (`{option}`): {error}", path.display()),
        hint: "correct the option, or let the user of the service read the file",
    })
}

fn unusable(files: &TlsFiles, error: &dyn std::fmt::Display) -> ListenError {
    ListenError {
        message: format!(
            "failed to set up TLS with {} and {}: {error}",
            files.certificate.display(),
            files.key.display()
        ),
        hint: "check that `ssl_key_file` is the key of the certificate in `ssl_cert_file`",
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rcgen::generate_simple_self_signed;

    use super::*;

    /// The names of a certificate and its key in a folder, written there.
    fn written(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let paths = ["pem", "key"].map(|end| folder.join(format!("{name}.{end}")));
        fs::write(&paths[0], made.cert.pem()).unwrap();
        fs::write(&paths[1], made.signing_key.serialize_pem()).unwrap();
        paths.into()
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_option() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = written(folder.path(), "a");
        let (other, other_key) = written(folder.path(), "b");
        let none = folder.path().join("none");
        let files = |certificate: &PathBuf, key: &PathBuf, ca: Option<&PathBuf>| TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
            client_authorities: ca.cloned(),
        };
        let cases = [
            (files(&certificate, &key, None), ""),
            (files(&certificate, &key, Some(&other)), ""),
            (files(&none, &key, None), "none (`ssl_cert_file`)"),
            (files(&certificate, &none, None), "none (`ssl_key_file`)"),
            (files(&key, &key, None), "a.key (`ssl_cert_file`)"),
            (
                files(&certificate, &certificate, None),
                "a.pem (`ssl_key_file`)",
            ),
            (
                files(&certificate, &other_key, None),
                "failed to set up TLS with",
            ),
            (
                files(&certificate, &key, Some(&key)),
                "a.key (`ssl_ca_file`)",
            ),
        ];
        for (files, expected) in cases {
            let told = config(&files).err().map(|error| error.message);
            let told = told.unwrap_or_default();
            assert!(told.contains(expected), "{told}");
            assert_eq!(told.is_empty(), expected.is_empty(), "{told}");
        }
    }

    #[test]
    fn a_certificate_that_is_renewed_is_taken_up_and_a_bad_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = written(folder.path(), "a");
        let files = TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
            client_authorities: None,
        };
        let now = Instant::now();
        let tls = Tls::new(&files, now).unwrap();
        let first = tls.config(now);
        let renew = |text: &str, age: u64| {
            fs::write(&certificate, text).unwrap();
            let time = SystemTime::now() + Duration::from_secs(age);
            let file = fs::File::options().write(true).open(&certificate).unwrap();
            file.set_modified(time).unwrap();
        };
        renew("nothing", 10);
        assert!(Arc::ptr_eq(&first, &tls.config(now)), "not yet looked at");
        assert!(Arc::ptr_eq(&first, &tls.config(now + LOOK_AGAIN)));
        written(folder.path(), "a");
        let file = fs::File::options().write(true).open(&certificate).unwrap();
        let time = SystemTime::now() + Duration::from_secs(20);
        file.set_modified(time).unwrap();
        assert!(!Arc::ptr_eq(&first, &tls.config(now + LOOK_AGAIN * 2)));
    }
}
