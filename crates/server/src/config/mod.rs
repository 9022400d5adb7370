//! The configuration: one TOML file and a few flags, composed of one small struct for each concern.
//!
//! Unknown keys are refused. Secrets are never in it, only the names of files that hold them.

mod listen;
mod network;
mod oidc;
mod origin;
mod sections;
mod validate;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use listen::Listen;
pub use network::Network;
pub use oidc::Oidc;
pub use origin::{Origin, Origins};
pub use sections::{
    Access, Audit, ClientCertificates, Data, Decoding, Dimse, Http, Limits, Log, LogFormat, Peer, Process,
    Retention, Storage, Tls, Viewer,
};
pub use validate::Problem;

/// Everything that can be configured. `deploy/overread.toml` has every key with its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept.
    pub data: Data,
    /// The HTTP listener.
    pub http: Http,
    /// The viewer at `/viewer`.
    pub viewer: Viewer,
    /// The DIMSE listeners.
    pub dimse: Dimse,
    /// Certificates.
    pub tls: Tls,
    /// Who may come in over HTTP.
    pub access: Access,
    /// Identity providers whose tokens and logins are taken.
    pub oidc: Vec<Oidc>,
    /// The audit trail.
    pub audit: Audit,
    /// What is taken in.
    pub storage: Storage,
    /// What goes by itself, and when.
    pub retention: Retention,
    /// Limits.
    pub limits: Limits,
    /// Decoding and encoding of images.
    pub decoding: Decoding,
    /// The log.
    pub log: Log,
    /// The process.
    pub process: Process,
}

/// Whether anybody is asked who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// TLS, a token, a list of AE titles.
    #[default]
    Secure,
    /// `--insecure-loopback`: everybody on this machine may do everything.
    InsecureLoopback,
}

/// What the command line says instead of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--http`
    pub http: Option<Listen>,
    /// `--dimse`
    pub dimse: Option<Listen>,
    /// `--dimse-tls`
    pub dimse_tls: Option<Listen>,
    /// `--aet`
    pub aet: Option<String>,
    /// `--insecure-loopback`
    pub mode: Mode,
}

/// The effective configuration, and where each value came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The effective values.
    pub config: Config,
    /// Where they came from.
    pub origins: Origins,
    /// Whether anybody is asked who they are.
    pub mode: Mode,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is no TOML, has a key that does not exist, or a value of the wrong kind.
    #[error("{}: {error}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Where and what, with the line itself.
        error: toml::de::Error,
    },
    /// Values that cannot be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Values(Vec<Problem>),
}

impl Loaded {
    /// Reads the file, if one is given, and lays the flags over it. Nothing is checked yet but the syntax.
    ///
    /// # Errors
    /// [`ConfigError::File`] and [`ConfigError::Syntax`].
    pub fn read(file: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let (config, origins) = match file {
            None => (Config::default(), Origins::default()),
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| ConfigError::File { file: file.to_owned(), error })?;
                Self::parse(file, &text)?
            }
        };
        let mut loaded = Self { config, origins, mode: overrides.mode };
        loaded.lay_over(overrides);
        Ok(loaded)
    }

    /// Whether every value can be used; the ones that cannot, all at once.
    ///
    /// # Errors
    /// [`ConfigError::Values`].
    pub fn validated(self) -> Result<Self, ConfigError> {
        let problems = self.problems();
        if problems.is_empty() { Ok(self) } else { Err(ConfigError::Values(problems)) }
    }

    /// The values that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        validate::problems(&self.config, self.mode, &self.origins)
    }

    fn parse(file: &Path, text: &str) -> Result<(Config, Origins), ConfigError> {
        let syntax = |error| ConfigError::Syntax { file: file.to_owned(), error };
        let config = toml::from_str(text).map_err(syntax)?;
        let origins = Origins::of_file(file, text).map_err(syntax)?;
        Ok((config, origins))
    }

    fn lay_over(&mut self, flags: &Overrides) {
        let Self { config, origins, .. } = self;
        if let Some(folder) = &flags.data {
            config.data.folder.clone_from(folder);
            origins.flag("data.folder", "--data");
        }
        if let Some(listen) = flags.http {
            config.http.listen = listen;
            origins.flag("http.listen", "--http");
        }
        if let Some(listen) = flags.dimse {
            config.dimse.listen = listen;
            origins.flag("dimse.listen", "--dimse");
        }
        if let Some(aet) = &flags.aet {
            config.dimse.aet.clone_from(aet);
            origins.flag("dimse.aet", "--aet");
        }
        if flags.mode == Mode::InsecureLoopback {
            config.http.tls = false;
            origins.flag("http.tls", "--insecure-loopback");
            // DIMSE over TLS would need nobody's certificate here: it is on only when it is asked for.
            config.dimse.tls_listen = Listen::Off;
            origins.flag("dimse.tls_listen", "--insecure-loopback");
        }
        if let Some(listen) = flags.dimse_tls {
            config.dimse.tls_listen = listen;
            origins.flag("dimse.tls_listen", "--dimse-tls");
        }
    }
}

#[cfg(test)]
mod tests;
