//! The identity providers that are configured: their metadata and keys, fetched and kept, and codes redeemed.
//!
//! An [`Issuer`] asks its own provider only, by the addresses that the provider's metadata give, with a limit on time and
//! size and without following anybody elsewhere. Keys stay good while the provider cannot be reached. What tokens say is
//! `oidc`'s matter; this crate must not know the inbound edges, nor who is known here.

mod config;
mod error;
mod issuer;
mod web;

pub use config::Config;
pub use error::{Refused, Unreachable};
pub use issuer::{Answer, Code, Issuer};
