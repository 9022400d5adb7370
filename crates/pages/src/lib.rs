//! The pages for people: what this server is, and the studies that it holds.
//!
//! HTML is the application: every page works as a plain form, without script. Nothing that a patient's name could be
//! read from is shown without a session, and names are masked until they are asked for. This crate must not know SQL,
//! DIMSE, nor how tokens are kept: whoever builds a [`Site`] says what a session stands for.

mod assets;
mod attributes;
mod audited;
mod cookie;
mod form;
mod guard;
mod home;
mod layout;
mod mask;
mod metadata;
mod sign_in;
mod site;
mod studies;
mod study;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

pub use site::{About, Ask, Entry, Listener, Site, Stands, Visitors};

/// Most bytes of a form: the longest search with room to spare.
const FORM: usize = 16 << 10;

/// The routes of all pages, to be mounted at `/`.
pub fn router(site: Site) -> Router {
    let site = Arc::new(site);
    Router::new()
        .route("/", get(home::show))
        .route("/sign-in", post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/studies", get(studies::newest).post(studies::search))
        .route("/studies/{study}", get(study::show).post(study::reveal))
        .route("/studies/{study}/metadata", get(metadata::of_study))
        .route("/studies/{study}/series/{series}/metadata", get(metadata::of_series))
        .route("/assets/{file}", get(assets::serve))
        .layer(DefaultBodyLimit::max(FORM))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), audited::tell))
        .layer(middleware::from_fn(guard::guard))
        .with_state(site)
}
