//! What can go wrong, by who is at fault.

use std::io;
use std::time::Duration;

use archive::ReadError;
use dimse::{End, Rejection, Status};
use model::SopClassUid;
use model::part10::HeadError;
use model::scan::ScanError;
use model::sop_class;
use model::transfer_syntax::Syntax;

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// What was to be sent: sending it again will not help.
    Source,
    /// The peer, which refused or broke the protocol.
    Peer,
    /// The way there: trying again later may help.
    Network,
}

/// Why there is no association. The texts name the destination.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No TCP connection: the name is unknown, nobody listens, no way leads there, no answer came.
    #[error("cannot connect to {to}: {error}")]
    Unreachable {
        /// The destination.
        to: String,
        /// Why.
        error: io::Error,
    },
    /// No TLS: the certificate is not trusted or names somebody else, ours was not taken, or the peer speaks no TLS.
    #[error("no TLS with {to}: {error}")]
    Tls {
        /// The destination.
        to: String,
        /// Why.
        error: io::Error,
    },
    /// The peer answered A-ASSOCIATE-RJ.
    #[error("{to}: the association was {rejection}")]
    Rejected {
        /// The destination.
        to: String,
        /// Result, source and reason (PS3.8 Table 9-21).
        rejection: Rejection,
    },
    /// The connection ended before the association was answered.
    #[error("{to}: no association: {broken}")]
    Broken {
        /// The destination.
        to: String,
        /// How.
        broken: Broken,
    },
    /// More pairs of SOP class and transfer syntax than one association has room for, or none: the caller's doing.
    #[error("{to}: {pairs} pairs of SOP class and transfer syntax do not fit one association")]
    Contexts {
        /// The destination.
        to: String,
        /// How many.
        pairs: usize,
    },
    /// See [`Limits::failures`](crate::Limits::failures).
    #[error("{to}: {times} associations in a row broke before anything was answered")]
    GivenUp {
        /// The destination.
        to: String,
        /// How many.
        times: u32,
    },
}

impl ConnectError {
    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        match self {
            ConnectError::Unreachable { .. } => Fault::Network,
            ConnectError::Tls { .. } | ConnectError::Rejected { .. } | ConnectError::GivenUp { .. } => {
                Fault::Peer
            }
            ConnectError::Broken { broken, .. } => broken.fault(),
            ConnectError::Contexts { .. } => Fault::Source,
        }
    }
}

/// How an association broke.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// By the protocol: A-ABORT, a violation, a time that ran out, a connection that was closed.
    #[error(transparent)]
    End(#[from] End),
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Connection(#[from] io::Error),
    /// The peer took no more bytes.
    #[error("the peer took no byte for {} s", .0.as_secs())]
    Stalled(Duration),
    /// A-RELEASE-RQ came in place of an answer.
    #[error("the peer released the association instead of answering")]
    Released,
    /// A message came that answers nothing.
    #[error("the peer sent a message that answers nothing")]
    Unasked,
}

impl Broken {
    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        match self {
            Broken::End(End::Lost) | Broken::Connection(_) => Fault::Network,
            Broken::End(End::PeerAborted(_) | End::Protocol(_) | End::TimedOut(_))
            | Broken::Stalled(_)
            | Broken::Released
            | Broken::Unasked => Fault::Peer,
        }
    }

    /// Whether the peer just went away: it may have been tired of the association rather than of the instance.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(
            self,
            Broken::End(End::Lost | End::PeerAborted(_)) | Broken::Connection(_) | Broken::Released
        )
    }
}

/// Why something cannot be sent, whoever it is for. The texts do not name it.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is no Part 10 file and no data set, or a damaged one.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// It is a DICOMDIR.
    #[error("a DICOMDIR, the list of a medium's files")]
    Directory,
    /// It does not say what it is.
    #[error("{0} is missing or no UID")]
    Identity(&'static str),
    /// A transfer syntax that we do not know.
    #[error("transfer syntax {0} is unknown")]
    Syntax(String),
    /// The file is not what it was when it was looked at.
    #[error("the file changed since it was looked at")]
    Changed,
    /// The peer does not take the stored encoding, and the data set cannot be read to be converted.
    #[error("cannot be converted to {to}: {error}")]
    Conversion {
        /// To which transfer syntax.
        to: &'static str,
        /// Why.
        error: ScanError,
    },
    /// The archive cannot give it, or its bytes are damaged.
    #[error(transparent)]
    Archive(#[from] ReadError),
}

impl SourceError {
    /// Whether it is no instance at all, and never said that it was: a document, an empty file, a DICOMDIR.
    pub fn is_no_instance(&self) -> bool {
        matches!(self, SourceError::Head(HeadError::NotDicom) | SourceError::Directory)
    }
}

/// Why an instance was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It cannot be sent at all.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The peer does not take its SOP class.
    #[error("the peer does not take {}", class_name(.0))]
    Class(SopClassUid),
    /// The peer takes its SOP class in none of the transfer syntaxes that it can be sent in.
    #[error("the peer does not take {} in {}{}", class_name(.class), .syntax.name, others(.syntax))]
    Syntax {
        /// Its SOP class.
        class: SopClassUid,
        /// As it is stored.
        syntax: Syntax,
    },
    /// The peer answered with a failure.
    #[error("the peer answered {status}{}", remark(.comment))]
    Refused {
        /// The status (PS3.4 B.2.3).
        status: Status,
        /// The Error Comment (0000,0902), in printable characters.
        comment: Option<String>,
    },
    /// The association broke before the peer answered: it may have kept the instance or not.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl SendError {
    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        match self {
            SendError::Source(_) => Fault::Source,
            SendError::Class(_) | SendError::Syntax { .. } | SendError::Refused { .. } => Fault::Peer,
            SendError::Broken(broken) => broken.fault(),
        }
    }
}

fn class_name(class: &SopClassUid) -> String {
    match sop_class::name(class.as_str()) {
        Some(name) => format!("{name} ({class})"),
        None => class.to_string(),
    }
}

/// What else was offered.
fn others(syntax: &Syntax) -> &'static str {
    match syntax.pixels {
        model::transfer_syntax::Pixels::Native => " or another uncompressed transfer syntax",
        model::transfer_syntax::Pixels::Encapsulated => ", and it cannot be decompressed yet",
    }
}

fn remark(comment: &Option<String>) -> String {
    comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default()
}
