//! The audit trail, for whoever runs the whole server: rows found and shown, exported, and the chain walked.
//!
//! Every use of it is a row of the trail itself (PS3.15 A.5.3.2). Rows name every custodian's patients, so nobody who may
//! administer less than everything sees that the page is there.

mod chain;
mod export;
mod list;
mod wanted;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use access::{Action, Principal, Reach};
use audit::{Event, Outcome, Source, What};
use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;
use trail::{Reader, TrailError};

use self::chain::Walked;
use crate::desk::{Caller, told};
use crate::layout::{DeadEnd, unavailable};
use crate::site::Site;

pub use self::list::TITLE;

/// Exports and walks at a time: each reads a disk from end to end.
const AT_ONCE: usize = 2;

/// The trail as its page reads it.
pub struct Trails {
    folder: PathBuf,
    source: Source,
    places: Arc<Semaphore>,
    last: Mutex<Option<Walked>>,
}

impl Trails {
    /// The trail of this data folder, kept by this source.
    pub fn new(folder: PathBuf, source: Source) -> Self {
        Self { folder, source, places: Arc::new(Semaphore::new(AT_ONCE)), last: Mutex::default() }
    }

    /// Reads, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader) -> Result<T, TrailError> + Send + 'static,
    ) -> Option<T> {
        let folder = self.folder.clone();
        let read = tokio::task::spawn_blocking(move || work(&Reader::open(&folder)?)).await;
        match read {
            Ok(Ok(found)) => Some(found),
            Ok(Err(error)) => {
                tracing::error!(%error, "the audit trail could not be read");
                None
            }
            Err(_) => None,
        }
    }
}

/// The routes.
pub fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/audit", get(list::newest).post(list::search))
        .route("/audit/verify", post(chain::walk))
        .route("/audit/export", post(export::export))
}

/// Whether the page is there for somebody.
pub fn may_see(site: &Site, visitor: &Principal) -> bool {
    let scope = visitor.scope_for(Action::Administer);
    site.trails.is_some() && scope.is_ok_and(|scope| *scope.reach() == Reach::Everything)
}

/// Somebody who may see it, with the trail; else the answer.
fn reader(site: &Site, headers: &HeaderMap) -> Result<(Principal, Arc<Trails>), Box<Response>> {
    let Some(visitor) = site.visitor(headers) else { return Err(Redirect::to("/").into_response().into()) };
    match &site.trails {
        Some(trails) if may_see(site, &visitor) => Ok((visitor, Arc::clone(trails))),
        _ => Err(absent(site, &visitor).into()),
    }
}

/// Has it on record that the trail is used, before it is (AUD-015).
async fn note(site: &Site, from: &Caller, who: &Principal, detail: &str) -> Result<(), Response> {
    if !site.recorder.has_room() {
        return Err(unavailable(site, Some(who)));
    }
    let used: Event = told(What::LogUsed, from.principal(who), Outcome::Success, detail);
    match site.record_durably(used).await {
        true => Ok(()),
        false => Err(unavailable(site, Some(who))),
    }
}

fn absent(site: &Site, visitor: &Principal) -> Response {
    let page = DeadEnd {
        title: "Error: no such page",
        heading: "There is no such page here",
        words: "It may have another address, or lie outside what you may see.",
        back: ("/", "Back to the start"),
    };
    page.respond(StatusCode::NOT_FOUND, site, Some(visitor))
}

/// What is said when too many read the whole trail at once.
fn busy(site: &Site, visitor: &Principal) -> Response {
    let page = DeadEnd {
        title: "Error: busy",
        heading: "The trail is being read already",
        words: "Two exports or verifications run at a time. Try again when one has ended.",
        back: ("/audit", "Back to the audit"),
    };
    page.respond(StatusCode::SERVICE_UNAVAILABLE, site, Some(visitor))
}
