//! Who is there: accounts with passwords, services with tokens, AE titles with certificates, links that
//! were given away, and what each may do.
//!
//! [`Recogniser`] is what the server's doors ask, from memory; [`People`] is what commands change, [`Accounts`] is how
//! people come in by the pages. All work on the same register side by side, and a change counts from the next request on.
//! [`Sessions`] remember who came in. Nothing here reads a clock: `now` is an argument, in seconds of Unix time where it
//! is a number. This crate must not know HTTP, DIMSE, or how the register is kept on disk.

mod accounts;
mod error;
mod guess;
mod holds;
mod links;
mod password;
mod people;
mod recognise;
mod recovery;
mod scopes;
mod secret;
mod session;
mod set_up;
mod totp;
mod way;

pub use accounts::{Accounts, Admitted, Next, Proof, Refused};
pub use error::IdentityError;
pub use guess::Guesses;
pub use holds::Holds;
pub use links::{
    Code, Done as LinkDone, Fresh as FreshLink, LinkError, Links, Opened, Purpose, Shut, Wanted,
    told as link_told,
};
pub use password::PolicyError;
pub use people::{Fresh, People};
pub use recognise::{Caller, Recogniser};
pub use register::{
    Certificate, FILE, Held, Hold, Kind, Known, Link, LinkKind, Opening, RegisterError, Subject,
};
pub use secret::{Digest, digest, random};
pub use session::{Lasts, Left, Sessions, Standing};
pub use totp::Secret;
