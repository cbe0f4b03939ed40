//! TLS by rustls: whom a client trusts, and the certificate that a server shows, read again when its files change.

use std::fmt;
use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};

/// How often a server looks whether its files have changed, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The only protocol that is spoken inside TLS.
const ALPN: &[u8] = b"http/1.1";

/// Why a file with certificates or a key cannot be used, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// It cannot be read, or holds nothing of the kind.
    #[error("{} holds no {what} in PEM form ({why})", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The system has none.
    #[error(
        "this machine trusts no certificate authorities; install its ca-certificates, or name one with --ca"
    )]
    NoRoots,
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("the certificate in {} and the key in {} cannot be used together: {why}", cert.display(), key.display())]
    Pair {
        /// The file with the certificates.
        cert: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What rustls says.
        why: String,
    },
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(crypto::ring::default_provider())
}

/// Returns how a client speaks TLS: it trusts whom the system trusts, and the authorities in the file `ca`.
///
/// # Errors
/// If `ca` holds no certificate, or nobody at all is trusted.
pub fn client_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    // What the system cannot read it does not trust either.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        let (n_added, _) = roots.add_parsable_certificates(certificates(path)?);
        if n_added == 0 {
            return Err(no("certificate of an authority", path, "it is damaged"));
        }
    }
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let mut config =
        versions.map_err(|_| TlsError::NoRoots)?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// Returns what accepts TLS with the certificate chain in `cert` and the key in `key`. When the files change, later
/// connections get what is in them then; if that cannot be used, the log says so and the old ones stay.
///
/// # Errors
/// If the files cannot be used now.
pub fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let pair = Pair { cert: cert.to_owned(), key: key.to_owned() };
    let shown = Shown { looked_at: Instant::now(), stamp: pair.stamp(), certified: pair.load()? };
    let resolver = Arc::new(Resolver { pair, shown: Mutex::new(shown) });
    let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let versions = versions.map_err(|why| resolver.pair.refused(&why))?;
    let mut config = versions.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The files of a server.
struct Pair {
    cert: PathBuf,
    key: PathBuf,
}

impl Pair {
    fn load(&self) -> Result<Arc<CertifiedKey>, TlsError> {
        let chain = certificates(&self.cert)?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|why| no("private key", &self.key, &why.to_string()))?;
        let certified = CertifiedKey::from_der(chain, key, &provider());
        certified.map(Arc::new).map_err(|why| self.refused(&why))
    }

    fn refused(&self, why: &dyn fmt::Display) -> TlsError {
        TlsError::Pair { cert: self.cert.clone(), key: self.key.clone(), why: why.to_string() }
    }

    /// Returns when the files were last written, as far as that can be told.
    fn stamp(&self) -> [Option<SystemTime>; 2] {
        [&self.cert, &self.key].map(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok())
    }
}

/// What is shown to clients now.
struct Shown {
    looked_at: Instant,
    stamp: [Option<SystemTime>; 2],
    certified: Arc<CertifiedKey>,
}

struct Resolver {
    pair: Pair,
    shown: Mutex<Shown>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("cert", &self.pair.cert).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if LOOK_EVERY <= shown.looked_at.elapsed() {
            shown.looked_at = Instant::now();
            let stamp = self.pair.stamp();
            if stamp != shown.stamp {
                shown.stamp = stamp;
                match self.pair.load() {
                    Ok(certified) => {
                        tracing::info!("the TLS certificate was read again");
                        shown.certified = certified;
                    }
                    Err(error) => tracing::error!(%error, "the old TLS certificate stays"),
                }
            }
        }
        Some(Arc::clone(&shown.certified))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let refused = |why: &dyn fmt::Display| no("certificate", path, &why.to_string());
    let read = CertificateDer::pem_file_iter(path).map_err(|why| refused(&why))?;
    let chain = read.collect::<Result<Vec<_>, _>>().map_err(|why| refused(&why))?;
    if chain.is_empty() { Err(refused(&"there is none")) } else { Ok(chain) }
}

fn no(what: &'static str, path: &Path, why: &str) -> TlsError {
    TlsError::File { path: path.to_owned(), what, why: why.to_owned() }
}

/// Returns what rustls found wrong with the other side, if `error` is one of its own.
pub fn refusal(error: &IoError) -> Option<String> {
    use tokio_rustls::rustls::{CertificateError as Wrong, Error};
    let inner =
        error.get_ref()?.downcast_ref::<Error>().filter(|_| error.kind() == ErrorKind::InvalidData)?;
    let said = inner.to_string();
    let Error::InvalidCertificate(wrong) = inner else { return Some(said) };
    let reason = match wrong {
        Wrong::UnknownIssuer => "nobody whom this machine trusts has signed its certificate",
        Wrong::Expired | Wrong::ExpiredContext { .. } => "its certificate has expired",
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        // What `openssl req -x509` makes unless it is told otherwise.
        Wrong::Other(_) if said.contains("CaUsedAsEndEntity") => {
            "its certificate is one for signing others; it needs one with basicConstraints CA:FALSE"
        }
        _ => return Some(said),
    };
    Some(reason.to_owned())
}

#[cfg(test)]
pub(in crate::io) mod tests {
    use super::*;

    /// Writes `cert.pem` and `key.pem` of 127.0.0.1 and localhost into a folder; they are their own authority.
    pub(in crate::io) fn write_pair(folder: &Path) -> (PathBuf, PathBuf) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).expect("a writable folder");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("a writable folder");
        (cert, key)
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (cert, key) = write_pair(folder.path());
        assert!(acceptor(&cert, &key).is_ok() && client_config(Some(&cert)).is_ok());
        let error = acceptor(&cert, &cert).err().expect("no key").to_string();
        assert!(error.contains("cert.pem holds no private key"), "{error}");
        let error = client_config(Some(&key)).expect_err("no certificate").to_string();
        assert!(error.contains("key.pem holds no certificate"), "{error}");
        let error = acceptor(&folder.path().join("none"), &key).err().expect("no file").to_string();
        assert!(error.contains("none holds no certificate"), "{error}");
        let other = tempfile::tempdir().expect("a folder");
        let (_, foreign) = write_pair(other.path());
        let error = acceptor(&cert, &foreign).err().expect("no pair").to_string();
        assert!(error.contains("cannot be used together"), "{error}");
    }
}
