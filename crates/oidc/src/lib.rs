//! What an identity provider says, verified: JWT access tokens (RFC 9068, IHE ITI-72), ID tokens (OpenID Connect Core),
//! JSON Web Key sets (RFC 7517), a provider's metadata (RFC 8414), and what a login asks for (RFC 7636).
//!
//! A signature counts only by an algorithm that its key is pinned to ([`Key`]), and only keys of the configured
//! provider are looked at: whatever a token says about where its key may be found is ignored. Everything here is pure:
//! `now` is an argument, in seconds of Unix time. This crate must not know sockets, HTTP, or who is known here; whether
//! anybody is let in for what a token says is decided above.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod access_token;
mod claims;
mod fault;
mod id_token;
mod jws;
mod keys;
mod login;
mod metadata;

pub use access_token::{AccessToken, Expected};
pub use fault::Fault;
pub use id_token::{IdToken, Login};
pub use jws::{LONGEST, Unverified};
pub use keys::{Algorithm, Key, Keys, KeysError};
pub use login::{Question, challenge};
pub use metadata::{Metadata, MetadataError};

/// How far a provider's clock may be from ours, in seconds.
pub const SKEW: i64 = 60;

#[cfg(test)]
mod tests;
