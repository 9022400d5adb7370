//! Sending images by a link: a plain form with files, ZIPs or a folder, stored as it arrives, with a verdict for each file.
//!
//! A file goes into the archive piece by piece. A ZIP waits in a scratch file, since its list of entries stands at its
//! end, and is unpacked from there. Nothing is whole in memory.

mod files;
mod page;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;

use self::files::Taking;
use super::enter;
use super::shown::came_by;
use crate::desk::Caller;
use crate::layout::unavailable;
use crate::site::Site;

/// What sending may ask of us. Worst case held for each: 10 MiB of memory, and `bytes` of disk.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one form, with all its files.
    pub bytes: u64,
    /// A body must bring `rate` bytes in each stretch of this much waiting.
    pub wait: Duration,
    /// See `wait`.
    pub rate: u64,
}

impl Default for Limits {
    /// 4 GiB, and 30 KiB in each 30 s.
    fn default() -> Self {
        Self { bytes: 4 << 30, wait: Duration::from_secs(30), rate: 30 << 10 }
    }
}

/// Forms that are taken at the same moment; who comes later is asked to come again.
const AT_ONCE: usize = 4;
/// A form whose answer is known already is read on for so long.
const DRAIN: Duration = Duration::from_secs(2);

/// How images are sent by links.
#[derive(Debug)]
pub struct Uploads {
    limits: Limits,
    places: Semaphore,
}

impl Uploads {
    /// Under these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, places: Semaphore::new(AT_ONCE) }
    }
}

/// The form.
pub async fn ask(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Some((link, visitor)) = came_by(&site, &headers) else { return enter::dead(&site) };
    if visitor.scope_for(access::Action::Store).is_err() {
        return super::shown::lead_back(&visitor);
    }
    page::form(&site, &visitor, &link, StatusCode::OK, None)
}

/// Takes the files.
pub async fn take(State(site): State<Arc<Site>>, from: Caller, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some((link, visitor)) = came_by(&site, &parts.headers) else { return enter::dead(&site) };
    if visitor.scope_for(access::Action::Store).is_err() {
        return super::shown::lead_back(&visitor);
    }
    let Ok(_place) = site.uploads.places.try_acquire() else {
        let busy = "Many are sending at this moment. Nothing was sent yet: wait a minute and send again.";
        return page::form(&site, &visitor, &link, StatusCode::SERVICE_UNAVAILABLE, Some(busy));
    };
    if !site.recorder.has_room() {
        return unavailable(&site, Some(&visitor));
    }
    let taking = Taking::new(&site, &visitor, &from);
    match taking.run(&parts.headers, body).await {
        Ok(report) => page::sent(&site, &visitor, &link, &report),
        Err(why) => page::form(&site, &visitor, &link, StatusCode::BAD_REQUEST, Some(why)),
    }
}

/// The body of a form on its way in, under its limits.
struct Incoming {
    body: BodyDataStream,
    left: u64,
    limits: Limits,
    wait: Duration,
    since: u64,
}

/// Why no more of a form comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    TooLarge,
    TooSlow,
    Broken,
}

impl Incoming {
    fn new(body: Body, limits: Limits) -> Self {
        Self { body: body.into_data_stream(), left: limits.bytes, limits, wait: limits.wait, since: 0 }
    }

    /// The next bytes; `None` at the end. Only the time that is spent waiting for the peer counts.
    async fn next(&mut self) -> Result<Option<Bytes>, Cut> {
        let began = Instant::now();
        let next = tokio::time::timeout(self.wait, self.body.next()).await;
        let bytes = match next {
            Err(_) => return Err(Cut::TooSlow),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, "a form broke off");
                return Err(Cut::Broken);
            }
            Ok(Some(Ok(bytes))) => bytes,
        };
        let length = bytes.len() as u64;
        self.left = self.left.checked_sub(length).ok_or(Cut::TooLarge)?;
        self.since = self.since.saturating_add(length);
        if self.since >= self.limits.rate {
            (self.since, self.wait) = (0, self.limits.wait);
        } else {
            self.wait = self.wait.saturating_sub(began.elapsed());
        }
        Ok(Some(bytes))
    }

    /// Reads on and throws away, for a moment: a browser that is cut while it sends never shows the answer.
    async fn drain(&mut self) {
        let drained = async { while matches!(self.body.next().await, Some(Ok(_))) {} };
        // What is left after it is the browser's loss.
        let _ = tokio::time::timeout(DRAIN, drained).await;
    }
}
