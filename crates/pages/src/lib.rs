//! The pages for people: what this server is, and the studies that it holds.
//!
//! HTML is the application: every page works as a plain form. Scripts of ours move the secret of a link from
//! the address into a field, show how far sending is, tell when a session is about to end, and hear keys. Nothing that a
//! patient's name could be read from is shown without a session, and names are masked until they are asked for. This crate must not know SQL,
//! DIMSE, nor how tokens are kept: whoever builds a [`Site`] says what a session stands for.

mod account;
mod assets;
mod attributes;
mod audited;
mod cookie;
mod desk;
mod form;
mod guard;
mod here;
mod home;
mod keys;
mod layout;
mod links;
mod mask;
mod metadata;
mod moment;
mod providers;
mod qr;
mod session;
mod sign_in;
mod site;
mod steps;
mod studies;
mod study;
mod trails;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

pub use links::Limits as UploadLimits;
pub use providers::{Asked, CameIn, NotIn, Providers};
pub use site::{About, Ask, Entry, Listener, Site, Stands, Visitors};

/// Most bytes of a form: the longest search with room to spare.
const FORM: usize = 16 << 10;

/// The routes of all pages, to be mounted at `/`.
pub fn router(site: Site) -> Router {
    let site = Arc::new(site);
    Router::new()
        .route("/", get(home::show))
        .route("/sign-in", post(sign_in::sign_in))
        .route("/sign-in/code", get(sign_in::show_code).post(sign_in::check_code))
        .route("/sign-in/factor", get(sign_in::show_factor).post(sign_in::check_factor))
        .route("/sign-in/kept", post(sign_in::kept))
        .route("/sign-in/with/{provider}", get(providers::begin))
        .route("/sign-in/callback", get(providers::callback))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/set-up", get(sign_in::show_set_up).post(sign_in::take_set_up))
        .route("/set-up/password", get(sign_in::show_choice_of_password).post(sign_in::choose_password))
        .route("/account", get(account::show))
        .route("/account/password", post(account::change_password))
        .route("/account/keys", post(keys::switch))
        .route("/account/recovery", post(account::new_recovery))
        .route("/account/sign-out", post(account::sign_out_everywhere))
        .route("/studies", get(studies::newest).post(studies::search))
        .route("/studies/{study}", get(study::show).post(study::reveal))
        .route("/studies/{study}/metadata", get(metadata::of_study))
        .route("/studies/{study}/series/{series}/metadata", get(metadata::of_series))
        .route(session::SESSION, get(session::ask).post(session::keep))
        .route("/assets/{file}", get(assets::serve))
        .merge(links::router())
        .merge(trails::router())
        .layer(DefaultBodyLimit::max(FORM))
        .merge(links::sending())
        .layer(middleware::from_fn_with_state(Arc::clone(&site), audited::tell))
        .layer(middleware::from_fn(guard::guard))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), here::know))
        .with_state(site)
}
