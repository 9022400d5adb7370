//! Links: what staff make, see and withdraw, and what those who were given one open.

mod enter;
mod form;
mod list;
mod make;
mod send;
mod shown;
mod told;
mod withdraw;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use identity::Links;

use crate::layout::DeadEnd;
use crate::site::Site;

pub use self::list::TITLE;
pub use self::send::{Limits, Uploads};

/// Where a link is opened.
pub const ENTRANCE: &str = "/s";
/// What a share shows.
pub const SHOWN: &str = "/s/images";
/// Where images are sent.
pub const SEND: &str = "/s/send";

/// The routes, whether the site has links or not.
pub fn router() -> Router<Arc<Site>> {
    Router::new()
        .route(ENTRANCE, get(enter::ask).post(enter::enter))
        .route("/s/close", post(enter::close))
        .route(SHOWN, get(shown::show))
        .route("/links", get(list::show).post(make::ask_for_images))
        .route("/links/new", get(make::form_for_images))
        .route("/links/{link}/withdraw", get(withdraw::confirm).post(withdraw::withdraw))
        .route("/studies/{study}/share", get(make::form_for_study).post(make::share_study))
}

/// The route that takes more than a form: its body is bounded where it is read.
pub fn sending() -> Router<Arc<Site>> {
    Router::new().route(SEND, get(send::ask).post(send::take)).layer(DefaultBodyLimit::disable())
}

/// Where a visitor who came by a link belongs; none for anybody else.
pub fn home(visitor: &access::Principal) -> Option<&'static str> {
    let is_link = visitor.door() == access::Door::Link;
    is_link.then(|| if visitor.scope_for(access::Action::Store).is_ok() { SEND } else { SHOWN })
}

/// The page for what somebody may not do.
fn refused(site: &Site, visitor: &access::Principal) -> axum::response::Response {
    let page = DeadEnd {
        title: "Error: no such link",
        heading: "There is no such link here",
        words: "It may be somebody else's, or you may not make links.",
        back: ("/", "Back to the start"),
    };
    page.respond(http::StatusCode::NOT_FOUND, site, Some(visitor))
}

/// Runs what waits for the register's disk or for a hash.
async fn off<T: Send + 'static>(
    links: &Arc<Links>,
    work: impl FnOnce(&Links) -> T + Send + 'static,
) -> Option<T> {
    let links = Arc::clone(links);
    tokio::task::spawn_blocking(move || work(&links)).await.ok()
}
