//! Rejections and aborts with the Standard's numbers (PS3.8 Tables 9-21 and 9-26).

use std::fmt;

/// Why an association is rejected by this end: result, source and reason of A-ASSOCIATE-RJ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reject {
    /// Permanent, service user: no reason given.
    NoReason,
    /// Permanent, service user: application context name not supported.
    ApplicationContextNotSupported,
    /// Permanent, service user: calling AE title not recognised.
    CallingAeTitleNotRecognized,
    /// Permanent, service user: called AE title not recognised.
    CalledAeTitleNotRecognized,
    /// Permanent, ACSE: the user identity was refused (PS3.7 D.3.3.7).
    IdentityRefused,
    /// Permanent, ACSE: protocol version not supported.
    ProtocolVersionNotSupported,
    /// Transient, presentation: temporary congestion.
    TemporaryCongestion,
    /// Transient, presentation: local limit exceeded.
    LocalLimitExceeded,
}

impl Reject {
    /// Result, source and reason.
    pub const fn code(self) -> Rejection {
        let (result, source, reason) = match self {
            Reject::NoReason => (1, 1, 1),
            Reject::ApplicationContextNotSupported => (1, 1, 2),
            Reject::CallingAeTitleNotRecognized => (1, 1, 3),
            Reject::CalledAeTitleNotRecognized => (1, 1, 7),
            Reject::IdentityRefused => (1, 2, 1),
            Reject::ProtocolVersionNotSupported => (1, 2, 2),
            Reject::TemporaryCongestion => (2, 3, 1),
            Reject::LocalLimitExceeded => (2, 3, 2),
        };
        Rejection { result, source, reason }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)
    }
}

/// A rejection as it is on the wire, so that a peer's unknown numbers stay readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rejection {
    /// 1 permanent, 2 transient.
    pub result: u8,
    /// 1 service user, 2 service provider (ACSE), 3 service provider (presentation).
    pub source: u8,
    /// By source.
    pub reason: u8,
}

impl Rejection {
    /// Whether trying again later may help.
    pub const fn is_transient(self) -> bool {
        self.result == 2
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.source, self.reason) {
            (1 | 2, 1) => "no reason given",
            (1, 2) => "application context name not supported",
            (1, 3) => "calling AE title not recognized",
            (1, 7) => "called AE title not recognized",
            (2, 2) => "protocol version not supported",
            (3, 1) => "temporary congestion",
            (3, 2) => "local limit exceeded",
            _ => "unknown reason",
        };
        let lasting = if self.is_transient() { "for now" } else { "for good" };
        write!(f, "rejected {lasting}: {text} ({},{},{})", self.result, self.source, self.reason)
    }
}

/// The reason of a provider's A-ABORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AbortReason {
    /// 0.
    NotSpecified = 0,
    /// 1.
    UnrecognizedPdu = 1,
    /// 2.
    UnexpectedPdu = 2,
    /// 4.
    UnrecognizedParameter = 4,
    /// 5.
    UnexpectedParameter = 5,
    /// 6.
    InvalidParameterValue = 6,
}

/// An A-ABORT as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Abort {
    /// 0 service user, 2 service provider.
    pub source: u8,
    /// Significant for source 2 only.
    pub reason: u8,
}

impl Abort {
    /// By the service user: no reason is carried.
    pub const USER: Abort = Abort { source: 0, reason: 0 };

    /// By the service provider.
    pub const fn provider(reason: AbortReason) -> Self {
        Self { source: 2, reason: reason as u8 }
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.source, self.reason) {
            (0, _) => "by the user",
            (2, 1) => "unrecognized PDU",
            (2, 2) => "unexpected PDU",
            (2, 4) => "unrecognized PDU parameter",
            (2, 5) => "unexpected PDU parameter",
            (2, 6) => "invalid PDU parameter value",
            _ => "reason not specified",
        };
        write!(f, "abort: {text} ({},{})", self.source, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DIMSE-008, DIMSE-009, DIMSE-010, DIMSE-051: the numbers of PS3.8 Table 9-21.
    #[test]
    fn rejections_have_the_standards_numbers() {
        for (reject, numbers, transient) in [
            (Reject::NoReason, (1, 1, 1), false),
            (Reject::ApplicationContextNotSupported, (1, 1, 2), false),
            (Reject::CallingAeTitleNotRecognized, (1, 1, 3), false),
            (Reject::CalledAeTitleNotRecognized, (1, 1, 7), false),
            (Reject::IdentityRefused, (1, 2, 1), false),
            (Reject::ProtocolVersionNotSupported, (1, 2, 2), false),
            (Reject::TemporaryCongestion, (2, 3, 1), true),
            (Reject::LocalLimitExceeded, (2, 3, 2), true),
        ] {
            let code = reject.code();
            assert_eq!((code.result, code.source, code.reason), numbers);
            assert_eq!(code.is_transient(), transient);
        }
        assert_eq!(
            Reject::CalledAeTitleNotRecognized.to_string(),
            "rejected for good: called AE title not recognized (1,1,7)"
        );
    }
}
