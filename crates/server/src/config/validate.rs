//! What a configuration must keep to beyond its syntax.

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use access::CustodianId;
use model::{AeTitle, SopClassUid};

use super::{ClientCertificates, Config, Listen, Mode, Origin, Origins};

/// A value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The value's path.
    pub key: String,
    /// Where it was set.
    pub origin: Origin,
    /// What is wrong, and what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.origin, self.text)
    }
}

/// Most identity providers.
const PROVIDERS: usize = 16;

pub(super) fn problems(config: &Config, mode: Mode, origins: &Origins) -> Vec<Problem> {
    let mut check = Check { origins, problems: Vec::new() };
    check.listeners(config, mode);
    check.http(config);
    check.dimse(config);
    check.tls(config);
    check.secrets(config);
    check.oidc(config);
    check.sessions(config);
    check.audit(config);
    check.storage(config);
    check.retention(config);
    check.limits(config);
    check.decoding(config);
    check.log(config);
    check.problems
}

struct Check<'a> {
    origins: &'a Origins,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn wrong(&mut self, key: impl Into<String>, text: impl Into<String>) {
        let key = key.into();
        let origin = self.origins.of(&key);
        self.problems.push(Problem { key, origin, text: text.into() });
    }

    fn listeners(&mut self, config: &Config, mode: Mode) {
        let all = [
            ("http.listen", config.http.listen),
            ("dimse.listen", config.dimse.listen),
            ("dimse.tls_listen", config.dimse.tls_listen),
            ("http.metrics_listen", config.http.metrics_listen),
        ];
        if all.iter().take(3).all(|(_, listen)| *listen == Listen::Off) {
            self.wrong("http.listen", "every listener is off; nobody could reach this server");
        }
        let mut taken: Vec<(&str, SocketAddr)> = Vec::new();
        for (key, listen) in all {
            let Some(address) = listen.address() else { continue };
            if mode == Mode::InsecureLoopback && !listen.is_local() {
                self.wrong(
                    key,
                    format!(
                        "{address} can be reached from other machines, and --insecure-loopback asks nobody who they \
                         are: use a loopback address, or leave the flag out"
                    ),
                );
            }
            match taken.iter().find(|(_, other)| *other == address && address.port() != 0) {
                Some((other, _)) => self.wrong(key, format!("{address} is also the address of {other}")),
                None => taken.push((key, address)),
            }
        }
        if mode == Mode::InsecureLoopback {
            return;
        }
        if !config.http.metrics_listen.is_local() {
            self.wrong("http.metrics_listen", "asks nobody who they are, so it must be a loopback address");
        }
        if !config.http.tls && !config.http.listen.is_local() {
            self.wrong(
                "http.listen",
                format!(
                    "{} can be reached from other machines and http.tls is false: tokens and images would cross the \
                     network in the open",
                    config.http.listen
                ),
            );
        }
        if !config.dimse.listen.is_local() && !config.dimse.allow_plain_network {
            self.wrong(
                "dimse.listen",
                format!(
                    "{} can be reached from other machines, and plain DIMSE carries images and names in the open: \
                     use dimse.tls_listen, or set dimse.allow_plain_network = true when the network is protected by \
                     other means",
                    config.dimse.listen
                ),
            );
        }
    }

    fn http(&mut self, config: &Config) {
        if let Some(url) = &config.http.base_url
            && let Err(why) = check_base_url(url)
        {
            self.wrong("http.base_url", why);
        }
        for (i, origin) in config.http.cors_origins.iter().enumerate() {
            let key = format!("http.cors_origins[{i}]");
            match check_base_url(origin) {
                Err(why) => self.wrong(key, why),
                Ok(()) if origin.matches('/').count() > 2 => self.wrong(key, "an origin has no path"),
                Ok(()) => {}
            }
        }
        if config.http.cors_credentials && config.http.cors_origins.is_empty() {
            self.wrong("http.cors_credentials", "true needs http.cors_origins: whose pages would they be?");
        }
        if let Some(folder) = &config.viewer.folder
            && !folder.join("index.html").is_file()
        {
            let text = format!(
                "{} has no index.html: name the folder of the viewer's built files",
                folder.display()
            );
            self.wrong("viewer.folder", text);
        }
    }

    fn dimse(&mut self, config: &Config) {
        if let Err(error) = config.dimse.aet.parse::<AeTitle>() {
            self.wrong("dimse.aet", error.to_string());
        }
        for (i, peer) in config.dimse.peers.iter().enumerate() {
            if let Err(error) = peer.aet.parse::<AeTitle>() {
                self.wrong(format!("dimse.peers[{i}].aet"), error.to_string());
            }
            if let Err(error) = peer.custodian.parse::<CustodianId>() {
                self.wrong(format!("dimse.peers[{i}].custodian"), error.to_string());
            }
        }
        if !(4_096..=1 << 20).contains(&config.dimse.max_pdu) {
            self.wrong("dimse.max_pdu", "must lie between 4096 and 1048576");
        }
    }

    fn tls(&mut self, config: &Config) {
        let tls = &config.tls;
        if tls.certificate_file.is_some() != tls.key_file.is_some() {
            self.wrong(
                "tls.certificate_file",
                "certificate_file and key_file belong together: give both or none",
            );
        }
        if tls.client_certificates == ClientCertificates::Required && tls.client_ca_file.is_none() {
            self.wrong("tls.client_certificates", "\"required\" needs client_ca_file: whom would we trust?");
        }
        for (key, file) in [
            ("tls.certificate_file", &tls.certificate_file),
            ("tls.key_file", &tls.key_file),
            ("tls.client_ca_file", &tls.client_ca_file),
            ("audit.syslog.ca_file", &config.audit.syslog.ca_file),
            ("audit.syslog.certificate_file", &config.audit.syslog.certificate_file),
            ("audit.syslog.key_file", &config.audit.syslog.key_file),
            ("access.administrator_token_file", &config.access.administrator_token_file),
        ] {
            let Some(file) = file else { continue };
            if let Err(error) = std::fs::File::open(file) {
                self.wrong(key, format!("cannot read {}: {error}", file.display()));
            }
        }
    }

    fn secrets(&mut self, config: &Config) {
        for (key, file) in [
            ("tls.key_file", &config.tls.key_file),
            ("audit.syslog.key_file", &config.audit.syslog.key_file),
            ("access.administrator_token_file", &config.access.administrator_token_file),
        ] {
            let Some(file) = file else { continue };
            self.secret(key, file);
        }
    }

    fn secret(&mut self, key: impl Into<String>, file: &Path) {
        if let Some(mode) = open_to_others(file) {
            let file = file.display();
            self.wrong(
                key,
                format!(
                    "{file} is a secret and others may read or write it (mode {mode:04o}): chmod 600 {file}"
                ),
            );
        }
    }

    fn oidc(&mut self, config: &Config) {
        if config.oidc.len() > PROVIDERS {
            self.wrong("oidc", format!("there are more than {PROVIDERS} identity providers"));
        }
        for (i, provider) in config.oidc.iter().enumerate() {
            for (key, text) in provider.problems() {
                self.wrong(format!("oidc[{i}].{key}"), text);
            }
            if config.oidc.iter().take(i).any(|other| other.issuer == provider.issuer) {
                self.wrong(format!("oidc[{i}].issuer"), "is configured twice");
            }
            for (key, file) in
                [("ca_file", &provider.ca_file), ("client_secret_file", &provider.client_secret_file)]
            {
                let Some(file) = file else { continue };
                if let Err(error) = std::fs::File::open(file) {
                    self.wrong(
                        format!("oidc[{i}].{key}"),
                        format!("cannot read {}: {error}", file.display()),
                    );
                }
            }
            if let Some(file) = &provider.client_secret_file {
                self.secret(format!("oidc[{i}].client_secret_file"), file);
            }
        }
    }

    fn audit(&mut self, config: &Config) {
        let syslog = &config.audit.syslog;
        if syslog.server.is_some() && syslog.address().is_none() {
            self.wrong("audit.syslog.server", "is no HOST:PORT as in collector.example.org:6514");
        }
        if syslog.server.is_some() && syslog.ca_file.is_none() {
            self.wrong("audit.syslog.ca_file", "is missing: who vouches for the collector?");
        }
        if syslog.certificate_file.is_some() != syslog.key_file.is_some() {
            self.wrong(
                "audit.syslog.certificate_file",
                "certificate_file and key_file belong together: give both or none",
            );
        }
    }

    fn retention(&mut self, config: &Config) {
        for (i, rule) in config.retention.rules.iter().enumerate() {
            for (key, why) in rule.problems() {
                self.wrong(format!("retention.rules[{i}].{key}"), why);
            }
        }
    }

    fn storage(&mut self, config: &Config) {
        for (i, uid) in config.storage.private_sop_classes.iter().enumerate() {
            if let Err(error) = uid.parse::<SopClassUid>() {
                self.wrong(format!("storage.private_sop_classes[{i}]"), error.to_string());
            }
        }
        if model::value::offset(&config.storage.time_zone).is_none() {
            self.wrong("storage.time_zone", "is no offset from UTC as in +0100 or -0500");
        }
        if config.storage.purge_after_seconds > 86_400 {
            self.wrong("storage.purge_after_seconds", "deleted bytes stay for at most 86400 seconds, a day");
        }
        for (i, title) in config.storage.rejection_notes.iter().enumerate() {
            if !archive::REJECTION_TITLES.contains(&title.as_str()) {
                let known = archive::REJECTION_TITLES.join(", ");
                self.wrong(format!("storage.rejection_notes[{i}]"), format!("is none of {known}"));
            }
        }
    }

    fn sessions(&mut self, config: &Config) {
        let access = &config.access;
        if !(1..=24 * 60).contains(&access.session_idle_minutes) {
            self.wrong("access.session_idle_minutes", "must be 1 to 1440");
        }
        if !(1..=24 * 7).contains(&access.session_hours) {
            self.wrong("access.session_hours", "must be 1 to 168");
        }
    }

    fn limits(&mut self, config: &Config) {
        let limits = &config.limits;
        for (key, value) in [
            ("limits.instance_bytes", limits.instance_bytes),
            ("limits.request_bytes", limits.request_bytes),
            ("limits.receiving", limits.receiving as u64),
            ("limits.associations", limits.associations as u64),
            ("limits.http_connections", limits.http_connections as u64),
            ("limits.per_address", limits.per_address as u64),
            ("limits.requests_per_address", u64::from(limits.requests_per_address)),
            ("limits.requests_per_principal", u64::from(limits.requests_per_principal)),
            ("limits.failures_per_address", u64::from(limits.failures_per_address)),
            ("limits.search_results", u64::from(limits.search_results)),
        ] {
            if value == 0 {
                self.wrong(key, "must be at least 1");
            }
        }
        if limits.request_bytes < limits.instance_bytes {
            self.wrong(
                "limits.request_bytes",
                "is smaller than limits.instance_bytes: a large instance could not come",
            );
        }
        if config.process.workers > 1_024 {
            self.wrong("process.workers", "must be at most 1024");
        }
    }

    fn decoding(&mut self, config: &Config) {
        let decoding = &config.decoding;
        if decoding.workers > 1_024 {
            self.wrong("decoding.workers", "more than 1024 processes help nobody");
        }
        if decoding.timeout_seconds == 0 || decoding.timeout_seconds > 600 {
            self.wrong("decoding.timeout_seconds", "a frame needs from 1 to 600 seconds");
        }
        if !(1 << 20..=1 << 30).contains(&decoding.frame_bytes) {
            self.wrong(
                "decoding.frame_bytes",
                "a frame takes from 1048576 bytes to 1073741824, which is all the memory that a worker may use",
            );
        }
    }

    fn log(&mut self, config: &Config) {
        if let Err(error) = config.log.filter.parse::<tracing_subscriber::filter::EnvFilter>() {
            self.wrong("log.filter", error.to_string());
        }
    }
}

/// The permissions of a file that somebody beside its owner has some to. What systemd gives as credentials is guarded by its
/// folder and by an access list, which shows as permissions of the group.
fn open_to_others(file: &Path) -> Option<u32> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let given = credentials.is_some_and(|folder| file.parent() == Some(folder.as_path()));
    let found = std::fs::metadata(file).ok().filter(|found| found.is_file() && !given)?;
    let mode = found.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

/// `scheme://authority[/path]`, in characters that can stand in a URL, without a slash at its end.
fn check_base_url(url: &str) -> Result<(), &'static str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or("must start with https:// (or http://)")?;
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    if host.is_empty() || authority.contains('@') {
        return Err("needs a host, as in https://images.example.org");
    }
    if rest.ends_with('/') {
        return Err("must not end with a slash");
    }
    if rest.contains(['?', '#'])
        || !rest.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
    {
        return Err("has a query, a fragment, or a character that cannot stand in a URL");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_their_owners() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        std::fs::write(&file, "x").unwrap();
        for (mode, refused) in [
            (0o600, false),
            (0o400, false),
            (0o700, false),
            (0o640, true),
            (0o604, true),
            (0o602, true),
            (0o644, true),
        ] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(open_to_others(&file), refused.then_some(mode), "{mode:o}");
            let mut config = Config::default();
            config.tls.key_file = Some(file.clone());
            config.tls.certificate_file = Some(file.clone());
            config.access.administrator_token_file = Some(file.clone());
            let found = problems(&config, Mode::Secure, &Origins::default());
            let text = format!(
                "{0} is a secret and others may read or write it (mode {mode:04o}): chmod 600 {0}",
                file.display()
            );
            let keys: Vec<_> = found.iter().filter(|p| p.text == text).map(|p| p.key.as_str()).collect();
            let expected: &[&str] =
                if refused { &["tls.key_file", "access.administrator_token_file"] } else { &[] };
            assert_eq!(keys, expected, "{mode:o}");
        }
        assert_eq!(open_to_others(folder.path()), None, "no file");
    }

    #[test]
    fn base_urls() {
        for (url, good) in [
            ("https://images.example.org", true),
            ("https://images.example.org:8443/pacs", true),
            ("http://127.0.0.1:8080", true),
            ("https://[::1]:8443", true),
            ("images.example.org", false),
            ("https://", false),
            ("https://:8443", false),
            ("https://images.example.org/", false),
            ("https://user@host", false),
            ("https://host/?a", false),
            ("https://host/a b", false),
            ("https://host/\u{e9}", false),
        ] {
            assert_eq!(check_base_url(url).is_ok(), good, "{url}");
        }
    }
}
