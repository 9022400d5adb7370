//! What the first start makes, and what every start reads: folder, certificate, token, example.

mod certificate;
mod example;
mod folder;
mod private_file;
mod set_up;
mod token;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config::{Config, Mode};

pub use folder::make as make_folder;
pub use set_up::{SetUpLink, first as first_set_up, link as set_up_link};
pub use token::TokenDigest;

/// The files that the lines to try first name, and what listeners need of them.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Our certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// SHA-256 of the administrator's token; none when nobody is asked for one.
    pub token: Option<TokenDigest>,
    /// The file with the token, when there is one to name.
    pub token_file: Option<PathBuf>,
    /// A small image to send, when there is one.
    pub example: Option<PathBuf>,
    /// Whether anything had to be made that only a first start makes.
    pub first: bool,
}

/// Makes what is missing in the data folder. Call only as the one process that holds the folder's lock.
///
/// # Errors
/// When a file cannot be made or read.
pub fn prepare(config: &Config, mode: Mode) -> anyhow::Result<Prepared> {
    let folder = &config.data.folder;
    let first_mark = folder.join(FIRST_START);
    let first = !first_mark.exists();
    let (certificate, key) = certificate_pair(config, mode)?;
    let (token, token_file) = match mode {
        Mode::InsecureLoopback => (None, None),
        Mode::Secure => {
            let (digest, file) = token::ready(folder, config.access.administrator_token_file.as_deref())?;
            (Some(digest), file)
        }
    };
    let example = folder.join("example.dcm");
    if first {
        private_file::write(&example, &example::file()).with_context(|| cannot("write", &example))?;
        private_file::write(&first_mark, b"").with_context(|| cannot("write", &first_mark))?;
    }
    let example = example.exists().then_some(example);
    Ok(Prepared { certificate, key, token, token_file, example, first })
}

/// Present once a first start has made what it makes once; what a person then deletes is not made again.
const FIRST_START: &str = ".started";

fn certificate_pair(config: &Config, mode: Mode) -> anyhow::Result<(PathBuf, PathBuf)> {
    if let (Some(certificate), Some(key)) = (&config.tls.certificate_file, &config.tls.key_file) {
        return Ok((certificate.clone(), key.clone()));
    }
    let folder = config.data.folder.join("tls");
    let pair = (folder.join("certificate.pem"), folder.join("key.pem"));
    let needed = config.http.tls || config.dimse.tls_listen.address().is_some() || mode == Mode::Secure;
    if needed && !(pair.0.exists() && pair.1.exists()) {
        folder::make(&folder)?;
        certificate::make(&pair.0, &pair.1)?;
    }
    Ok(pair)
}

fn cannot(what: &str, path: &Path) -> String {
    format!("cannot {what} {}", path.display())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(folder: &Path) -> Config {
        let mut config = Config::default();
        config.data.folder = folder.join("data");
        config
    }

    #[test]
    fn the_first_start_makes_private_files_and_the_second_keeps_them() {
        let scratch = tempfile::tempdir().unwrap();
        let config = config(scratch.path());
        folder::make(&config.data.folder).unwrap();
        let first = prepare(&config, Mode::Secure).unwrap();
        assert!(first.first);
        let token_file = first.token_file.clone().unwrap();
        let token = std::fs::read_to_string(&token_file).unwrap();
        assert_eq!(token.trim_end().len(), 64, "256 bits in hexadecimal");
        assert!(first.token.unwrap().is_of(token.trim_end()));
        for (path, mode) in [
            (config.data.folder.clone(), 0o700),
            (config.data.folder.join("tls"), 0o700),
            (first.key.clone(), 0o600),
            (token_file.clone(), 0o600),
            (first.example.clone().unwrap(), 0o600),
        ] {
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                mode,
                "{}",
                path.display()
            );
        }

        let certificate = std::fs::read(&first.certificate).unwrap();
        std::fs::remove_file(&token_file).unwrap();
        std::fs::remove_file(first.example.unwrap()).unwrap();
        let second = prepare(&config, Mode::Secure).unwrap();
        assert!(!second.first);
        assert_eq!(std::fs::read(&second.certificate).unwrap(), certificate);
        assert!(second.token.unwrap().is_of(token.trim_end()), "the digest is kept, the token need not be");
        assert_eq!((second.token_file, second.example), (None, None));
    }

    #[test]
    fn insecure_loopback_makes_no_secrets() {
        let scratch = tempfile::tempdir().unwrap();
        let mut config = config(scratch.path());
        config.http.tls = false;
        config.dimse.tls_listen = crate::config::Listen::Off;
        folder::make(&config.data.folder).unwrap();
        let prepared = prepare(&config, Mode::InsecureLoopback).unwrap();
        assert!(prepared.token.is_none() && prepared.token_file.is_none());
        assert!(!config.data.folder.join("tls").exists() && prepared.example.is_some());
    }
}
