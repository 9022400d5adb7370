//! The command line.

use std::path::PathBuf;

use audit::chain::Head;
use clap::{Args, Parser, Subcommand, ValueEnum};
use model::{AeTitle, StudyUid};
use transfer::Destination;

use crate::config::{Listen, Mode, Overrides};
pub use crate::erasure::cli::Erase;
pub use crate::holds::cli::Hold;
pub use crate::people::cli::{Account, Aet, Token};
pub use crate::people::links::Link;
pub use crate::retention::cli::Retention;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed: nothing, or not everything, could be tried
  2  the command line or the configuration is wrong
  3  done, but some items were not stored, not sent, or did not pass";

/// DICOMweb and DICOM server for second opinions.
#[derive(Debug, Parser)]
#[command(name = "overread", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// Writes one JSON object a line to standard output instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Starts the server.
    Serve(Serve),
    /// Explains every effective value of the configuration and where it came from, and says what is wrong.
    CheckConfig(Serve),
    /// Stores files, folders, ZIPs and CDs.
    ///
    /// Works beside a running server, too. DICOMDIR files are skipped; a file that is not DICOM is named and left out.
    Import(Import),
    /// Sends instances to another DICOM application by C-STORE.
    Send(Send),
    /// Reads every instance again, checks it against its sums, and the index against the store.
    ///
    /// Works beside a running server, too.
    Verify(Place),
    /// Makes the index again from the files alone. The server must not be running.
    Rebuild(Place),
    /// Copies everything, consistently, into a folder; works while the server is running.
    ///
    /// The copy is a data folder: restore it by copying it back, or serve it where it lies.
    Backup(Backup),
    /// Verifies, exports and reads the audit trail; works while the server is running.
    Audit(Audit),
    /// Manages people's accounts, and what accounts, tokens and AE titles may do; works while the server is running.
    Account(Account),
    /// Manages the tokens of services; works while the server is running.
    Token(Token),
    /// Manages AE titles and the certificates that they are bound to; works while the server is running.
    Aet(Aet),
    /// Makes, lists and withdraws links that are given away; works while the server is running.
    Link(Link),
    /// Removes a patient's, a study's or a case's data for good, with everything that names it, and with proof.
    ///
    /// Works beside a running server, too. Rows of the audit trail stay, and so do backups that were made before.
    Erase(Erase),
    /// Shows what the retention rules of the configuration would remove, and when.
    Retention(Retention),
    /// Keeps studies, a patient or a case from being deleted by anybody; works while the server is running.
    Hold(Hold),
    /// Decodes and encodes images for the server that starts it: jobs on standard input, answers on standard output.
    #[command(hide = true)]
    DecodeWorker,
}

/// `serve` and `check-config`.
#[derive(Debug, Default, Args)]
pub struct Serve {
    /// The configuration file; without, every key has its default.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder [default: ./overread-data].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where HTTP listens: IP:PORT (port 0 takes a free one) or off [default: 127.0.0.1:8443].
    #[arg(long, value_name = "ADDR")]
    pub http: Option<Listen>,
    /// Where plain DIMSE listens: IP:PORT or off [default: 127.0.0.1:11112].
    #[arg(long, value_name = "ADDR")]
    pub dimse: Option<Listen>,
    /// Where DIMSE over TLS listens: IP:PORT or off [default: 127.0.0.1:2762].
    #[arg(long, value_name = "ADDR")]
    pub dimse_tls: Option<Listen>,
    /// Our AE title [default: OVERREAD].
    #[arg(long, value_name = "TITLE")]
    pub aet: Option<String>,
    /// Plain HTTP, no authentication, any calling AE title, on loopback addresses only.
    ///
    /// For trying out, measuring, or a reverse proxy on this machine that asks who is there: everybody on this
    /// machine may read and store everything. DIMSE over TLS is off unless --dimse-tls is given.
    #[arg(long)]
    pub insecure_loopback: bool,
}

impl Serve {
    /// What the flags say instead of the file.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            data: self.data.clone(),
            http: self.http,
            dimse: self.dimse,
            dimse_tls: self.dimse_tls,
            aet: self.aet.clone(),
            mode: if self.insecure_loopback { Mode::InsecureLoopback } else { Mode::Secure },
        }
    }
}

/// Which archive.
#[derive(Debug, Default, Args)]
pub struct Place {
    /// The configuration file of the server.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The data folder [default: ./overread-data].
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
}

/// `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Files, folders, ZIPs, the root of a CD.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Which archive.
    #[command(flatten)]
    pub place: Place,
}

/// `send`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["paths", "study"])))]
pub struct Send {
    /// The files, or folders of files, to send.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// A study of the archive to send; may be given several times.
    #[arg(long, value_name = "UID")]
    pub study: Vec<StudyUid>,
    /// To whom: AET@HOST:PORT.
    #[arg(long, value_name = "AET@HOST:PORT", value_parser = destination)]
    pub to: Destination,
    /// The AE title that we call with [default: dimse.aet of the configuration].
    #[arg(long, value_name = "TITLE")]
    pub aet: Option<AeTitle>,
    /// Speaks TLS, and trusts the certificates in this PEM file to vouch for the peer's.
    #[arg(long, value_name = "CA_FILE")]
    pub tls: Option<PathBuf>,
    /// The name in the peer's certificate, when it is not HOST.
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub tls_name: Option<String>,
    /// Our own certificate chain for a peer that asks for one, PEM.
    #[arg(long, value_name = "FILE", requires_all = ["tls", "tls_key"])]
    pub tls_certificate: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Which archive.
    #[command(flatten)]
    pub place: Place,
}

/// `backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// The folder to copy into: new, empty, or an earlier backup, to which what is new is added.
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
    /// Which archive.
    #[command(flatten)]
    pub place: Place,
}

/// `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// What to do with it.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walks the chain, and names the first row that is not as it was written.
    Verify {
        /// A head that an earlier run printed and that was kept elsewhere: that row must still be there.
        #[arg(long, value_name = "ROW:HASH")]
        head: Option<Head>,
        /// Which archive.
        #[command(flatten)]
        place: Place,
    },
    /// Writes rows, one on a line.
    Export {
        /// As DICOM Audit Messages, FHIR AuditEvents, or as they are kept; --json means json.
        #[arg(long, value_name = "FORM", value_enum, default_value_t = Form::Dicom)]
        form: Form,
        /// A new file to write to, instead of standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Which rows.
        #[command(flatten)]
        choice: Choice,
        /// Which archive.
        #[command(flatten)]
        place: Place,
    },
    /// Lists who accessed a patient's studies, when, from where and how.
    Patient {
        /// The Patient ID (0010,0020).
        #[arg(value_name = "ID")]
        id: String,
        /// Which rows of these.
        #[command(flatten)]
        choice: Choice,
        /// Which archive.
        #[command(flatten)]
        place: Place,
    },
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// DICOM Audit Message (PS3.15 A.5), XML.
    Dicom,
    /// FHIR R4 AuditEvent (IHE BALP), NDJSON.
    Fhir,
    /// As kept, with number and hash.
    Json,
}

/// Which rows of the trail.
#[derive(Debug, Default, Args)]
pub struct Choice {
    /// From this moment on: 2026-01-15 or 2026-01-15T08:30:00Z.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Before this moment.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// With this Patient ID.
    #[arg(long = "of", value_name = "ID")]
    pub patient: Option<String>,
    /// About this study.
    #[arg(long, value_name = "UID")]
    pub study: Option<StudyUid>,
    /// Of this principal, as in token:administrator or aet:CT1.
    #[arg(long, value_name = "DOOR:NAME")]
    pub principal: Option<String>,
}

/// `AET@HOST:PORT`; an IPv6 address stands in brackets.
fn destination(text: &str) -> Result<Destination, String> {
    let form = "write AET@HOST:PORT, as in PACS@192.0.2.7:104";
    let (aet, address) = text.rsplit_once('@').ok_or(form)?;
    let aet = aet.parse().map_err(|error: model::AeTitleError| error.to_string())?;
    let (host, port) = address.rsplit_once(':').ok_or(form)?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or("the port is a number from 1 to 65535")?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(bracketed) => bracketed,
        None if host.contains(':') => {
            return Err("write an IPv6 address in brackets: PACS@[::1]:104".to_owned());
        }
        None => host,
    };
    if host.is_empty() {
        return Err(form.to_owned());
    }
    Ok(Destination { aet, host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn command_lines() {
        let good = [
            "serve",
            "serve --insecure-loopback --data d --dimse 127.0.0.1:11113 --http 127.0.0.1:8081 --aet OVERREAD",
            "serve --config c.toml --dimse-tls off --json",
            "--json serve",
            "check-config",
            "check-config --config c.toml --http 127.0.0.1:0",
            "import a b",
            "import --data d a --json",
            "send --to PACS@h:104 file",
            "send --to PACS@h:104 --study 1.2 --study 1.3",
            "send --to PACS@[::1]:104 --tls ca.pem --tls-certificate c.pem --tls-key k.pem a b",
            "verify",
            "rebuild --data d",
            "backup to",
            "audit verify",
            "account add dr.miller",
            "account grant dr.miller --role reader --on holding:clinic-7/1.2.3 --until 2027-01-31",
            "account grant viewer --kind token --role reader --on everything",
            "account revoke dr.miller --role reader --on case:C7",
            "account password dr.miller --file f",
            "account setup-link dr.miller --json",
            "account reset-factor dr.miller",
            "token add viewer --role reader --on everything --days 30",
            "token rotate viewer --overlap-hours 24 --json",
            "aet add CT1 --custodian clinic-7 --certificate c.pem",
            "aet list --data d",
            "aet --data d list",
            "audit export --form fhir --since 2026-01-15 --study 1.2 --output f",
            "audit patient P1 --json",
            "erase --patient P1 --issuer X --custodian clinic-7 --reason asked --yes",
            "erase --study 1.2 --reason asked --json",
            "erase --case C7 --reason asked",
            "hold add --study 1.2 --custodian clinic-7 --reason lawsuit",
            "hold add --patient P1 --issuer X --reason lawsuit",
            "hold add --case C7 --reason lawsuit --json",
            "hold list --all",
            "retention plan --config c.toml --json",
            "retention trust-clock",
            "hold release 7 --data d",
        ];
        for line in good {
            let args = std::iter::once("overread").chain(line.split(' '));
            assert!(Cli::try_parse_from(args).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_command_lines_are_usage_errors() {
        let bad = [
            ("import", ErrorKind::MissingRequiredArgument),
            ("send file", ErrorKind::MissingRequiredArgument),
            ("send --to PACS@h:104", ErrorKind::MissingRequiredArgument),
            ("send --to PACS@h:104 --study 1.2 file", ErrorKind::ArgumentConflict),
            ("send --to PACS@h --study 1.2", ErrorKind::ValueValidation),
            ("send --to PACS@h:104 --study 1..2", ErrorKind::ValueValidation),
            ("send --to PACS@h:104 --tls-key k file", ErrorKind::MissingRequiredArgument),
            ("serve --http localhost:1", ErrorKind::ValueValidation),
            ("serve --port 1", ErrorKind::UnknownArgument),
            ("backup", ErrorKind::MissingRequiredArgument),
            ("audit verify --head x", ErrorKind::ValueValidation),
            ("account grant a --role root --on everything", ErrorKind::ValueValidation),
            ("account grant a --role reader --on nothing", ErrorKind::ValueValidation),
            ("account grant a --role reader --on everything --until soon", ErrorKind::ValueValidation),
            ("account password a secret", ErrorKind::UnknownArgument),
            ("token add a --role reader", ErrorKind::MissingRequiredArgument),
            ("token add", ErrorKind::MissingRequiredArgument),
            ("audit export --form csv", ErrorKind::InvalidValue),
            ("erase --patient P1", ErrorKind::MissingRequiredArgument),
            ("erase --reason asked --yes", ErrorKind::MissingRequiredArgument),
            ("erase --study 1.2 --issuer X --reason asked", ErrorKind::ArgumentConflict),
            ("erase --study 1.2 --case C7 --reason asked", ErrorKind::ArgumentConflict),
            ("hold add --study 1.2", ErrorKind::MissingRequiredArgument),
            ("hold add --reason r", ErrorKind::MissingRequiredArgument),
            ("hold add --study 1.2 --patient P1 --reason r", ErrorKind::ArgumentConflict),
            ("hold add --case C7 --custodian a --reason r", ErrorKind::ArgumentConflict),
            ("hold release x", ErrorKind::ValueValidation),
            ("frobnicate", ErrorKind::InvalidSubcommand),
        ];
        for (line, kind) in bad {
            let error = Cli::try_parse_from(std::iter::once("overread").chain(line.split(' '))).unwrap_err();
            assert_eq!(error.kind(), kind, "{line}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn destinations() {
        for (text, host) in [
            ("PACS@192.0.2.7:104", Some("192.0.2.7")),
            ("MY PACS@pacs.example.org:11112", Some("pacs.example.org")),
            ("A@B@h:1", Some("h")),
            ("PACS@[2001:db8::1]:104", Some("2001:db8::1")),
            ("PACS@2001:db8::1:104", None),
            ("PACS@:104", None),
            ("PACS@h", None),
            ("PACS@h:0", None),
            ("PACS@h:70000", None),
            ("@h:104", None),
            ("SEVENTEEN_LETTERS@h:104", None),
            ("h:104", None),
        ] {
            let parsed = destination(text).ok();
            assert_eq!(parsed.as_ref().map(|d| d.host.as_str()), host, "{text}");
            if let Some(destination) = parsed {
                assert_eq!(destination.to_string(), text);
            }
        }
    }
}
