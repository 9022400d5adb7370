//! Why a token does not count.

/// Why a token does not count. The text is for `error_description` (RFC 6750 3): it has no quotation marks, and nothing of the
/// token but what the text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// More than [`crate::LONGEST`] bytes.
    #[error("the token is longer than 8192 bytes")]
    Long,
    /// No JWS in compact form, or a header or claims that are not what they must be.
    #[error("the token is malformed")]
    Malformed,
    /// An algorithm that is never taken: `none`, HMAC, anything unknown.
    #[error("the algorithm of the token is not accepted")]
    Algorithm,
    /// A token of another purpose.
    #[error("the type of the token is not that of an access token")]
    Type,
    /// Header members that must be understood, and are not (RFC 7515 4.1.11).
    #[error("the token has critical header members")]
    Critical,
    /// No key of the provider has this name, or a key for this algorithm.
    #[error("the key of the token is not known")]
    UnknownKey,
    /// The signature is not the key's, or by an algorithm that the key is not for.
    #[error("the signature of the token is not valid")]
    Signature,
    /// Of another provider.
    #[error("the issuer of the token is not accepted")]
    Issuer,
    /// For somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// A claim that must be there.
    #[error("the token lacks the claim {0}")]
    Missing(&'static str),
    /// Its time is over.
    #[error("the token expired")]
    Expired,
    /// Its time has not begun.
    #[error("the token is not valid yet")]
    Early,
    /// An ID token where an access token belongs.
    #[error("an ID token is no access token")]
    IdToken,
    /// Bound to a key that the client would have to prove (`cnf`), which is not asked for here.
    #[error("the token is bound to a key, which is not supported")]
    Bound,
    /// Bound to one patient.
    #[error("the token is bound to a patient, which is not supported")]
    Patient,
    /// The answer to another question, or to the same one again.
    #[error("the ID token answers another login")]
    Nonce,
    /// Not for the access token that came with it.
    #[error("the ID token belongs to another access token")]
    AccessHash,
}
