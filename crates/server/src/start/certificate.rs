//! The self-signed certificate of a first start.

use std::path::Path;

use anyhow::Context;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use time::{Duration, OffsetDateTime};

use super::private_file;

/// Ten years: whoever trusts it by hand is not left with a dead server, and real certificates come from a file.
const VALID: Duration = Duration::days(3_650);

/// Makes a P-256 key and a certificate for this machine's names.
pub fn make(certificate: &Path, key: &Path) -> anyhow::Result<()> {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot make a key pair")?;
    let made =
        params(OffsetDateTime::now_utc())?.self_signed(&pair).context("cannot sign our certificate")?;
    private_file::write(key, pair.serialize_pem().as_bytes())
        .with_context(|| format!("cannot write {}", key.display()))?;
    private_file::write(certificate, made.pem().as_bytes())
        .with_context(|| format!("cannot write {}", certificate.display()))
}

fn params(now: OffsetDateTime) -> anyhow::Result<CertificateParams> {
    let mut names = vec!["localhost".to_owned()];
    names.extend(host_name());
    names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    let mut params = CertificateParams::new(names).context("cannot name our certificate")?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Overread, self-signed");
    // A day back, for peers whose clock is behind.
    params.not_before = now - Duration::DAY;
    params.not_after = now + VALID;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// This machine's name, when it can stand in a certificate.
fn host_name() -> Option<String> {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_str().ok()?;
    let fits = !name.is_empty()
        && name != "localhost"
        && name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        && name.split('.').all(|label| (1..=63).contains(&label.len()) && !label.starts_with('-'));
    fits.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use rcgen::SanType;

    use super::*;

    #[test]
    fn names_this_machine() {
        let params = params(OffsetDateTime::now_utc()).unwrap();
        let names = &params.subject_alt_names;
        assert!(names.iter().any(|name| matches!(name, SanType::DnsName(n) if n.as_str() == "localhost")));
        for address in ["127.0.0.1", "::1"] {
            assert!(names.contains(&SanType::IpAddress(address.parse().unwrap())), "{address}");
        }
    }
}
