//! Who may do what: principals, the scope of what each may see, and nothing else.
//!
//! Every call of `archive` takes a [`Principal`] or a [`Scope`] made from one, so that a door without
//! authorisation cannot be written. This crate must not know where principals are kept, nor any protocol.
//!
//! The unit of visibility is *the study as held by one custodian*: an organisation with all its AE titles and
//! tokens. The embedded default has one custodian, [`CustodianId::local`].

mod custodian;
mod grant;
mod principal;
mod scope;

pub use custodian::{CustodianId, CustodianIdError};
pub use grant::{Allowed, Grant, On, OnError, Role, RoleError};
pub use principal::{Denied, Door, Principal, Rights};
pub use scope::{Action, Holding, Only, Reach, Scope};
