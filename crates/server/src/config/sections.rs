//! The configuration's sections: one small struct for each concern. `deploy/overread.toml` explains each key.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Listen, Network};
use crate::retention::Rule;

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// The data folder, made at the first start; relative to the working directory.
    pub folder: PathBuf,
}

impl Default for Data {
    fn default() -> Self {
        Self { folder: PathBuf::from("./overread-data") }
    }
}

/// The HTTP listener: DICOMweb, pages, metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where it listens.
    pub listen: Listen,
    /// Whether it speaks TLS. Without, it listens on loopback addresses only: for a reverse proxy on this machine.
    pub tls: bool,
    /// The address by which clients reach it, as in `https://images.example.org`; every URL in an answer starts so.
    pub base_url: Option<String>,
    /// Where `/metrics` is served besides, without a token; loopback only.
    pub metrics_listen: Listen,
    /// Origins whose pages may call from a browser, as in `https://viewer.example.org`.
    pub cors_origins: Vec<String>,
    /// Whether those pages may use what the browser knows of its user: cookies and client certificates.
    pub cors_credentials: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: Listen::At(([127, 0, 0, 1], 8443).into()),
            tls: true,
            base_url: None,
            metrics_listen: Listen::Off,
            cors_origins: Vec::new(),
            cors_credentials: false,
        }
    }
}

/// The viewer at `/viewer`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Viewer {
    /// The folder with its built files. Without, there is none.
    pub folder: Option<PathBuf>,
    /// Whether it shows a list of studies of its own, which writes what is searched for into the address.
    pub study_list: bool,
}

/// The DIMSE listeners.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dimse {
    /// Our AE title: the called AE title that peers must use.
    pub aet: String,
    /// Where plain DIMSE listens.
    pub listen: Listen,
    /// Where DIMSE over TLS listens.
    pub tls_listen: Listen,
    /// Lets plain DIMSE listen beyond loopback: images and names cross the network in the open.
    pub allow_plain_network: bool,
    /// Largest P-DATA PDU that we announce, in bytes.
    pub max_pdu: u32,
    /// Who may call.
    pub peers: Vec<Peer>,
}

impl Default for Dimse {
    fn default() -> Self {
        Self {
            aet: "OVERREAD".to_owned(),
            listen: Listen::At(([127, 0, 0, 1], 11112).into()),
            tls_listen: Listen::At(([127, 0, 0, 1], 2762).into()),
            allow_plain_network: false,
            max_pdu: 256 << 10,
            peers: vec![Peer::on_this_machine()],
        }
    }
}

/// A calling AE title that is let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// The calling AE title.
    pub aet: String,
    /// The addresses it may call from; none given is any.
    #[serde(default)]
    pub from: Vec<Network>,
    /// Whose holdings its studies become.
    #[serde(default = "local")]
    pub custodian: String,
}

impl Peer {
    /// The calling AE title that DCMTK's `storescu` uses when none is given, from this machine only.
    pub fn on_this_machine() -> Self {
        let loopback = ["127.0.0.0/8", "::1"];
        Self {
            aet: "STORESCU".to_owned(),
            from: loopback.iter().filter_map(|network| network.parse().ok()).collect(),
            custodian: local(),
        }
    }

    /// Whether it may call from this address.
    pub fn lets_in(&self, from: IpAddr) -> bool {
        self.from.is_empty() || self.from.iter().any(|network| network.contains(from))
    }
}

fn local() -> String {
    "local".to_owned()
}

/// Certificates: ours, and those of peers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Our certificate chain, PEM. Without, the first start makes a self-signed one.
    pub certificate_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub key_file: Option<PathBuf>,
    /// The authorities that sign the certificates of DIMSE peers, PEM.
    pub client_ca_file: Option<PathBuf>,
    /// Whether a DIMSE peer must show such a certificate.
    pub client_certificates: ClientCertificates,
}

/// What a DIMSE peer over TLS has to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificates {
    /// Nothing; a certificate that it shows is checked when `client_ca_file` is set.
    #[default]
    Optional,
    /// A certificate signed by an authority of `client_ca_file`.
    Required,
}

/// Who may come in over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// A file that holds the administrator's token. Without, the first start makes one in the data folder.
    pub administrator_token_file: Option<PathBuf>,
    /// Minutes after which a session of the pages ends when nothing is asked.
    pub session_idle_minutes: u32,
    /// Hours after which it ends in any case.
    pub session_hours: u32,
}

impl Default for Access {
    fn default() -> Self {
        Self { administrator_token_file: None, session_idle_minutes: 30, session_hours: 12 }
    }
}

/// What the audit trail says of this server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// AuditSourceID of every message. Without, this machine's name.
    pub source_id: Option<String>,
    /// AuditEnterpriseSiteID of every message. Without, there is none.
    pub site_id: Option<String>,
    /// Where messages are shipped to.
    pub syslog: Syslog,
}

/// A collector of audit messages: syslog over TLS (RFC 5425).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Syslog {
    /// `HOST:PORT`. Without, nothing is shipped.
    pub server: Option<String>,
    /// The authorities that vouch for it, PEM.
    pub ca_file: Option<PathBuf>,
    /// The name in its certificate, when it is not HOST.
    pub tls_name: Option<String>,
    /// Our own certificate chain for a collector that asks for one, PEM.
    pub certificate_file: Option<PathBuf>,
    /// Its key, PEM.
    pub key_file: Option<PathBuf>,
}

impl Syslog {
    /// Host, without brackets, and port; `None` when the server is written otherwise.
    pub fn address(&self) -> Option<(&str, u16)> {
        let (host, port) = self.server.as_deref()?.rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.or((!host.contains(':')).then_some(host)).filter(|host| !host.is_empty())?;
        Some((host, port.parse().ok().filter(|port| *port != 0)?))
    }
}

/// What is taken in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Private SOP classes that are stored beside the Standard's storage classes.
    pub private_sop_classes: Vec<String>,
    /// Offset from UTC, as in `+0100`, of dates and times in data sets that do not say theirs. Only searches with a
    /// time zone of their own look at it.
    pub time_zone: String,
    /// Seconds that the bytes of what was deleted stay on disk.
    pub purge_after_seconds: u64,
    /// The rejection notes (IHE RAD IOCM) that hide what they name: code values of their titles.
    pub rejection_notes: Vec<String>,
}

impl Default for Storage {
    fn default() -> Self {
        let known = model::sop_class::PRIVATE_STORAGE;
        Self {
            private_sop_classes: known.iter().map(|(uid, _)| (*uid).to_owned()).collect(),
            time_zone: "+0000".to_owned(),
            purge_after_seconds: 60,
            rejection_notes: archive::REJECTION_TITLES.map(str::to_owned).to_vec(),
        }
    }
}

/// What goes by itself, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Studies that are removed in an hour, at most.
    pub per_hour: u32,
    /// Whose studies go how long after they were received; the first rule that fits decides. Without, nothing goes.
    pub rules: Vec<Rule>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { per_hour: 240, rules: Vec::new() }
    }
}

/// A limit on everything that comes from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest instance, in bytes of its encoded data set.
    pub instance_bytes: u64,
    /// Largest STOW-RS request, in bytes.
    pub request_bytes: u64,
    /// Instances received at the same moment, over all doors, three quarters of them of one principal at most; who comes
    /// later waits. At worst 2 MiB of memory each.
    pub receiving: usize,
    /// DIMSE associations at the same moment.
    pub associations: usize,
    /// HTTP connections at the same moment.
    pub http_connections: usize,
    /// Connections of one address at the same moment, per door; loopback is not counted.
    pub per_address: usize,
    /// HTTP requests a second from one address, on average; loopback is not counted.
    pub requests_per_address: u32,
    /// HTTP requests a second of one principal, on average.
    pub requests_per_principal: u32,
    /// HTTP requests a minute with wrong credentials from one address; loopback is not counted.
    pub failures_per_address: u32,
    /// Most results of one search.
    pub search_results: u32,
    /// Bytes on disk for inflated copies of deflated data sets.
    pub inflated_cache_bytes: u64,
    /// Bytes of memory for rendered pictures and documents.
    pub rendered_cache_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instance_bytes: 8 << 30,
            request_bytes: 64 << 30,
            receiving: 96,
            associations: 12_000,
            http_connections: 6_000,
            per_address: 256,
            requests_per_address: 2_000,
            requests_per_principal: 2_000,
            failures_per_address: 60,
            search_results: 1_000,
            inflated_cache_bytes: 1 << 30,
            rendered_cache_bytes: 64 << 20,
        }
    }
}

/// The processes that decode and encode images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decoding {
    /// Processes at most, so frames at the same moment; 0 is one for each core.
    pub workers: usize,
    /// Requests that may wait for one; more are answered 503.
    pub waiting: usize,
    /// Seconds that a frame may take before its process is ended.
    pub timeout_seconds: u64,
    /// Largest decoded frame, in bytes.
    pub frame_bytes: u64,
}

impl Default for Decoding {
    fn default() -> Self {
        Self { workers: 0, waiting: 256, timeout_seconds: 10, frame_bytes: 256 << 20 }
    }
}

/// The log, on standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged, in the syntax of `RUST_LOG`, which wins when it is set.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How the process runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Process {
    /// Threads for connections; 0 is one for each core, at least two.
    pub workers: usize,
    /// Seconds that work in progress gets after SIGTERM before it is cut.
    pub drain_seconds: u64,
}

impl Default for Process {
    fn default() -> Self {
        Self { workers: 0, drain_seconds: 30 }
    }
}
