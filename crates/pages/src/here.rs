//! What a page says of the request that it answers, and of the session that it was asked in. Whoever writes a page's main
//! part need not know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use audit::RequestId;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use identity::Left;
use tracing::Instrument as _;

use crate::site::{Entry, Site};
use crate::{cookie, keys};

tokio::task_local! {
    static HERE: Here;
}

/// The request that is answered.
struct Here {
    request: RequestId,
    back: Option<String>,
    left: Option<Left>,
    keys: bool,
}

/// Answers a request so that its page knows of it.
pub async fn know(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let id = request.extensions().get().cloned().unwrap_or_else(RequestId::make);
    let span = tracing::info_span!("request", http.method = %request.method(), http.route = "pages", id = id.for_log());
    let here = Here {
        request: id,
        back: (request.method() == Method::GET).then(|| request.uri().path().to_owned()),
        left: match &site.entry {
            Entry::Open(_) => None,
            Entry::Ask(ask) => {
                let id = ask.session(request.headers());
                id.and_then(|id| ask.sessions.left(id, Instant::now()))
            }
        },
        keys: match &site.entry {
            Entry::Open(_) => false,
            Entry::Ask(ask) => cookie::KEYS.find(request.headers(), ask.https) != Some(keys::OFF),
        },
    };
    HERE.scope(here, next.run(request).instrument(span)).await
}

/// What to name when somebody asks what went wrong.
pub fn request() -> Option<String> {
    HERE.try_with(|here| here.request.to_string()).ok()
}

/// Where a form of this page leads back to: the page, if it can be asked for again.
pub fn back() -> Option<String> {
    HERE.try_with(|here| here.back.clone()).ok().flatten()
}

/// Whether the page may hear keys.
pub fn keys() -> bool {
    HERE.try_with(|here| here.keys).unwrap_or_default()
}

/// How long the session that the request came in can still last; none where it came in none, or began one.
pub fn whole() -> Option<Duration> {
    HERE.try_with(|here| here.left.map(|left| left.whole)).ok().flatten()
}
