//! What can go wrong.

use register::RegisterError;

use crate::PolicyError;

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The register says so.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// A password that is too easy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A name that would be ambiguous in logs.
    #[error("a name has 1 to 64 letters, digits and the characters . _ - @ and blanks within")]
    Name,
    /// An issuer or subject that no token could name.
    #[error("a subject has 1 to 255 characters, an issuer is an address as in https://id.example.org")]
    Subject,
    /// An identity provider's subject for what is neither a person nor a service.
    #[error("only accounts and services are linked to an identity provider's subjects")]
    Unlinkable,
    /// A life that is none, or too long.
    #[error("a token lives 1 to {0} days")]
    Life(u32),
    /// A hash cannot be made.
    #[error("the password cannot be hashed")]
    Hash,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}
