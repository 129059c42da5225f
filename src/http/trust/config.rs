//! TLS for clients that are no HTTP clients: the same trust, as rustls takes it.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::{Trust, TrustProblem, read};

impl Trust {
    /// What a connection is made with. The files are read now, so that certificates can be renewed while the service runs.
    ///
    /// Certificates are verified, whatever [`Trust::verify`] says.
    ///
    /// # Errors
    /// [`TrustProblem`] if a file cannot be used.
    pub fn config(&self) -> Result<ClientConfig, TrustProblem> {
        let names = self.names;
        let mut roots = RootCertStore::empty();
        // What of the system's cannot be read is none of its authorities.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = &self.ca_file {
            let found = certificates(path, names.ca_file)?;
            let (_, ignored) = roots.add_parsable_certificates(found);
            if ignored > 0 {
                let message = format!(
                    "{ignored} certificates in {} (`{}`) are no authorities'",
                    path.display(),
                    names.ca_file
                );
                let hint = "have it made as X.509 of version 3".to_owned();
                return Err(TrustProblem { message, hint });
            }
        }
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let Some((certificate, key)) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let (of_certificate, of_key) = (
            names.certificate.unwrap_or_default(),
            names.key.unwrap_or_default(),
        );
        let chain = certificates(certificate, of_certificate)?;
        let (key, of_key) = key
            .as_ref()
            .map_or((certificate, of_certificate), |key| (key, of_key));
        let secret = PrivateKeyDer::from_pem_slice(&read(key, of_key)?);
        let secret = secret.map_err(|error| TrustProblem {
            message: format!(
                "failed to find a private key in {} (`{of_key}`): {error}",
                key.display()
            ),
            hint: "store it in PEM form, without a passphrase".to_owned(),
        })?;
        let config = builder.with_client_auth_cert(chain, secret);
        config.map_err(|error| TrustProblem {
            message: format!(
                "failed to use the certificate {} (`{of_certificate}`) with the key {} (`{of_key}`): {error}",
                certificate.display(),
                key.display()
            ),
            hint: "name a certificate and the key that belongs to it".to_owned(),
        })
    }
}

fn certificates(path: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, TrustProblem> {
    let pem = read(path, option)?;
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let found = found.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| TrustProblem {
        message: format!(
            "expected certificates in PEM form in {} (`{option}`), but found none",
            path.display()
        ),
        hint: format!("correct `{option}`"),
    })
}
