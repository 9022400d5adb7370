//! TLS 1.2 and 1.3 with the suites of RFC 9325, which are the only ones that our provider has (PS3.15 B.12).

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::certificate::Certificate;
use crate::config::{ClientCertificates, Tls};

/// The server's side of HTTPS: no client certificates; HTTP/2 when the client can.
pub fn https(certificate: &Arc<Certificate>) -> anyhow::Result<Arc<ServerConfig>> {
    let mut config = server(certificate, None)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The server's side of DIMSE over TLS, with client certificates as configured.
pub fn dimse(certificate: &Arc<Certificate>, tls: &Tls) -> anyhow::Result<Arc<ServerConfig>> {
    let verifier = match &tls.client_ca_file {
        None => None,
        Some(file) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(file)?), provider());
            let verifier = match tls.client_certificates {
                ClientCertificates::Required => verifier,
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
            };
            Some(verifier.build().with_context(|| format!("{} cannot vouch for anybody", file.display()))?)
        }
    };
    Ok(Arc::new(server(certificate, verifier)?))
}

fn server(
    certificate: &Arc<Certificate>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> anyhow::Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .context("our TLS provider cannot do TLS 1.2 and 1.3")?;
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let resolver: Arc<dyn ResolvesServerCert> = Arc::<Certificate>::clone(certificate);
    Ok(builder.with_cert_resolver(resolver))
}

/// A certificate chain and its key.
///
/// # Errors
/// When a file cannot be read, or the key does not fit.
pub fn pair(certificate: &Path, key: &Path) -> anyhow::Result<CertifiedKey> {
    CertifiedKey::from_der(chain(certificate)?, private_key(key)?, &provider())
        .with_context(|| format!("{} and {} do not fit", certificate.display(), key.display()))
}

/// The provider of every TLS connection of this process: AES-GCM and ChaCha20-Poly1305, ephemeral keys only.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Our side of DIMSE over TLS to a peer: whom we trust to vouch for it, and what we show it. PEM texts.
///
/// # Errors
/// When a text holds nothing of its kind, or the key does not fit the certificate.
pub fn client(authorities: &str, own: Option<(&str, &str)>) -> anyhow::Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .context("our TLS provider cannot do TLS 1.2 and 1.3")?
        .with_root_certificates(trusting(certificates(authorities)?)?);
    Ok(Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                .context("there is no private key in the file")?;
            builder
                .with_client_auth_cert(certificates(chain)?, key)
                .context("certificate and key do not fit")?
        }
    }))
}

/// Our side of a connection to whom the system's authorities vouch for.
///
/// # Errors
/// When the system has none.
pub fn client_of_system() -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let (good, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if good == 0 {
        bail!("this system trusts no authority: install its ca-certificates, or set ca_file");
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .context("our TLS provider cannot do TLS 1.2 and 1.3")?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// The certificates of a PEM file as authorities.
fn roots(file: &Path) -> anyhow::Result<RootCertStore> {
    trusting(chain(file)?).with_context(|| file.display().to_string())
}

fn trusting(certificates: Vec<CertificateDer<'static>>) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).context("a certificate cannot be an authority")?;
    }
    Ok(roots)
}

/// The certificates of a PEM file, in its order.
fn chain(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    certificates(&text).with_context(|| file.display().to_string())
}

fn certificates(pem: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .context("the certificates cannot be read")?;
    if found.is_empty() {
        bail!("there is no certificate in the file");
    }
    Ok(found)
}

fn private_key(file: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(file)
        .with_context(|| format!("cannot read a private key from {}", file.display()))
}
