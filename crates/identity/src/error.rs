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
