//! What `serve` prints: where it listens, one line each that a program can read, and what a person may try next.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{Config, Mode};
use crate::start::{Prepared, SetUpLink};

/// A listener that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Listening {
    /// `http`, `https`, `dimse` or `dimse-tls`.
    pub listener: &'static str,
    /// Where, with the port that the system gave for port 0.
    pub address: SocketAddr,
}

/// A line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line<'a> {
    Listening(&'a Listening),
    Ready {
        folder: &'a Path,
        certificate: Option<&'a Path>,
        token_file: Option<&'a Path>,
        set_up_file: Option<&'a Path>,
    },
}

/// Everything that the lines are made of.
pub struct Announcement<'a> {
    /// The effective configuration.
    pub config: &'a Config,
    /// Whether anybody is asked who they are.
    pub mode: Mode,
    /// What the start made.
    pub prepared: &'a Prepared,
    /// The listeners that are on.
    pub listening: &'a [Listening],
    /// The link for the first account, while there is none.
    pub set_up: Option<&'a SetUpLink>,
}

impl Announcement<'_> {
    /// Prints it on standard output. A reader that went away does not stop the server.
    pub fn print(&self, json: bool) {
        let mut out = std::io::stdout().lock();
        // A secret is for eyes, not for a file that keeps what is printed.
        let eyes = out.is_terminal();
        let text = if json { self.json() } else { self.text(eyes) };
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn json(&self) -> String {
        let ready = Line::Ready {
            folder: &self.config.data.folder,
            certificate: self.certificate(),
            token_file: self.prepared.token_file.as_deref(),
            set_up_file: self.set_up.map(|set_up| set_up.file.as_path()),
        };
        let lines = self.listening.iter().map(Line::Listening).chain([ready]);
        // Paths that are no UTF-8 cannot be written in JSON; the line is left out then.
        lines.filter_map(|line| serde_json::to_string(&line).ok()).map(|line| line + "\n").collect()
    }

    fn text(&self, eyes: bool) -> String {
        let mut text = String::new();
        for Listening { listener, address } in self.listening {
            let _ = writeln!(text, "listening {listener} {address}");
        }
        let _ = writeln!(text, "ready {}", self.config.data.folder.display());
        for (label, lines) in self.to_try(eyes) {
            let _ = writeln!(text, "\n{label}");
            for line in lines {
                let _ = writeln!(text, "    {line}");
            }
        }
        text
    }

    /// What to try next; every line works as it stands, pasted in the folder where the server was started.
    fn to_try(&self, eyes: bool) -> Vec<(String, Vec<String>)> {
        let mut tries = Vec::new();
        if let Some(SetUpLink { file, link }) = self.set_up {
            let line = if eyes { link.clone() } else { file.display().to_string() };
            let label = match eyes {
                true => "Make the first account, once, within a day, by this link in a browser:",
                false => {
                    "Make the first account, once, within a day, by the link in this file, which only this user can read:"
                }
            };
            tries.push((label.to_owned(), vec![line]));
        }
        if self.mode == Mode::Secure
            && let (Some(file), true) = (&self.prepared.token_file, self.prepared.first)
        {
            tries.push((
                "The administrator's token, which only this user can read:".to_owned(),
                vec![file.display().to_string()],
            ));
        }
        let example = self.prepared.example.as_ref();
        if let (Some(example), Some(dimse)) = (example, self.storescu()) {
            tries.push(("Send an image:".to_owned(), vec![format!("{dimse} {}", quoted(example))]));
        }
        if let Some((curl, page)) = self.web() {
            tries.push(("Find it:".to_owned(), vec![curl]));
            let label = match self.certificate() {
                Some(_) => "Open in a browser, which asks about the self-signed certificate:",
                None => "Open in a browser:",
            };
            tries.push((label.to_owned(), vec![page]));
        }
        tries
    }

    /// `storescu` with a calling AE title that is let in from this machine.
    fn storescu(&self) -> Option<String> {
        let address = self.address("dimse")?;
        let host = reachable(address.ip());
        let calling = calling_from(self.config, self.mode, host)?;
        let (calling, called) = (quoted_text(&calling), quoted_text(&self.config.dimse.aet));
        Some(format!("storescu -aet {calling} -aec {called} {host} {}", address.port()))
    }

    fn web(&self) -> Option<(String, String)> {
        let origin = origin(self.listening)?;
        let mut curl = "curl".to_owned();
        if let Some(certificate) = self.certificate() {
            let _ = write!(curl, " --cacert {}", quoted(certificate));
        }
        if self.mode == Mode::Secure {
            // Not a header on the command line: curl hides this one from `ps`.
            let file = self.prepared.token_file.as_deref()?;
            let _ = write!(curl, " --oauth2-bearer \"$(cat {})\"", quoted(file));
        }
        let _ = write!(curl, " {origin}/dicom-web/studies");
        Some((curl, format!("{origin}/")))
    }

    /// The certificate to trust, when it is the one that we made.
    fn certificate(&self) -> Option<&Path> {
        let https = self.address("https").is_some();
        (https && self.config.tls.certificate_file.is_none()).then_some(self.prepared.certificate.as_path())
    }

    fn address(&self, listener: &str) -> Option<SocketAddr> {
        self.listening.iter().find(|on| on.listener == listener).map(|on| on.address)
    }
}

/// The URL by which this machine reaches the HTTP listener, without a slash at its end.
pub fn origin(listening: &[Listening]) -> Option<String> {
    let on = listening.iter().find(|on| matches!(on.listener, "http" | "https"))?;
    let address = SocketAddr::new(reachable(on.address.ip()), on.address.port());
    Some(format!("{}://{address}", on.listener))
}

/// An AE title that may call from this address.
pub fn calling_from(config: &Config, mode: Mode, from: IpAddr) -> Option<String> {
    let peers = &config.dimse.peers;
    match mode {
        Mode::InsecureLoopback => Some("STORESCU".to_owned()),
        Mode::Secure => peers.iter().find(|peer| peer.lets_in(from)).map(|peer| peer.aet.clone()),
    }
}

/// An address by which this machine reaches itself there.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ip => ip,
    }
}

/// A path as one word of a POSIX shell.
fn quoted(path: &Path) -> String {
    quoted_text(&path.display().to_string())
}

fn quoted_text(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:@%+,=".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) && !text.starts_with('-') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Says loudly what `--insecure-loopback` means.
pub fn warn_insecure() {
    eprintln!(
        "\n  INSECURE: --insecure-loopback. Plain HTTP, no authentication, any calling AE title.\n  Everybody on this \
         machine may read and store everything. For trying out, measuring, or behind a reverse proxy\n  on this machine \
         that asks who is there. Leave the flag out for everything else.\n"
    );
}

/// Says loudly what `dimse.allow_plain_network` means.
pub fn warn_plain_network(address: SocketAddr) {
    eprintln!(
        "\n  WARNING: plain DIMSE listens on {address}, beyond this machine. Images and names cross the network in the \
         open,\n  and an AE title is no proof of who calls. dimse.allow_plain_network = true asked for it.\n"
    );
}

/// A path that does not depend on the working directory.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::TokenDigest;

    fn prepared(first: bool, token: Option<&str>, example: bool) -> Prepared {
        Prepared {
            certificate: "d/tls/certificate.pem".into(),
            key: "d/tls/key.pem".into(),
            token: token.map(|_| TokenDigest([0; 32])),
            token_file: token.map(PathBuf::from),
            example: example.then(|| "d/example.dcm".into()),
            first,
        }
    }

    fn on(listener: &'static str, address: &str) -> Listening {
        Listening { listener, address: address.parse().unwrap() }
    }

    #[test]
    fn the_first_start() {
        let config = Config::default();
        let listening = [on("https", "127.0.0.1:8443"), on("dimse", "127.0.0.1:11112")];
        let prepared = prepared(true, Some("d/administrator.token"), true);
        let set_up = SetUpLink {
            file: "d/set-up.link".into(),
            link: "https://127.0.0.1:8443/set-up#secret".to_owned(),
        };
        let announcement = Announcement {
            config: &config,
            mode: Mode::Secure,
            prepared: &prepared,
            listening: &listening,
            set_up: Some(&set_up),
        };
        assert!(announcement.text(true).contains("\n    https://127.0.0.1:8443/set-up#secret\n"));
        assert!(!announcement.json().contains("#secret"));
        assert_eq!(
            announcement.text(false),
            "listening https 127.0.0.1:8443\nlistening dimse 127.0.0.1:11112\nready ./overread-data\n\n\
             Make the first account, once, within a day, by the link in this file, which only this user can read:\n    \
             d/set-up.link\n\n\
             The administrator's token, which only this user can read:\n    d/administrator.token\n\n\
             Send an image:\n    storescu -aet STORESCU -aec OVERREAD 127.0.0.1 11112 d/example.dcm\n\n\
             Find it:\n    curl --cacert d/tls/certificate.pem --oauth2-bearer \"$(cat d/administrator.token)\" \
             https://127.0.0.1:8443/dicom-web/studies\n\n\
             Open in a browser, which asks about the self-signed certificate:\n    https://127.0.0.1:8443/\n"
        );
        assert!(announcement.json().lines().next().unwrap().contains(r#""listener":"https""#));
    }

    #[test]
    fn only_lines_that_work_are_printed() {
        let mut config = Config::default();
        let listening = [on("http", "[::]:80"), on("dimse", "0.0.0.0:104")];
        let nothing = prepared(false, None, false);
        let tries = |config: &Config, mode, prepared: &Prepared, listening: &[Listening]| {
            let announcement = Announcement { config, mode, prepared, listening, set_up: None };
            announcement.to_try(false).into_iter().flat_map(|(_, lines)| lines).collect::<Vec<_>>()
        };
        assert_eq!(
            tries(&config, Mode::Secure, &nothing, &listening),
            [""; 0],
            "the token is kept elsewhere"
        );
        assert_eq!(
            tries(&config, Mode::InsecureLoopback, &nothing, &listening),
            ["curl http://[::1]:80/dicom-web/studies", "http://[::1]:80/"]
        );
        let example = prepared(false, None, true);
        config.dimse.aet = "MY PACS".to_owned();
        assert_eq!(
            tries(&config, Mode::Secure, &example, &listening[1..]),
            ["storescu -aet STORESCU -aec 'MY PACS' 127.0.0.1 104 d/example.dcm"]
        );
        config.dimse.peers.clear();
        assert_eq!(tries(&config, Mode::Secure, &example, &listening[1..]), [""; 0], "nobody may call");
    }

    #[test]
    fn words_of_a_shell() {
        for (text, word) in [
            ("a/b.c", "a/b.c"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("-x", "'-x'"),
            ("$x", "'$x'"),
        ] {
            assert_eq!(quoted_text(text), word);
        }
    }
}
