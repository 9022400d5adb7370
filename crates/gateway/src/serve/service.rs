//! Gives hyper's requests to the router, and tells the guard when they begin and end.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::Request;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::Site;
use super::admit::admit;
use super::envelope::{request_id, seal};
use super::link::Link;
use crate::authenticate::Peer;

/// The service of one connection.
#[derive(Clone)]
pub(super) struct Service {
    site: Arc<Site>,
    peer: Arc<Peer>,
    link: Arc<Link>,
}

impl Service {
    pub(super) fn new(site: Arc<Site>, peer: Peer, link: Arc<Link>) -> Self {
        Self { site, peer: Arc::new(peer), link }
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Answer>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let busy = Busy::begin(&self.link);
        let admitted = admit(&request, &self.site.host, self.link.take_ambiguous())
            .and_then(|()| self.site.rates.address(self.peer.address.ip()));
        let (id, tls) = (request_id(request.headers()), self.peer.tls);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Arc::clone(&self.peer));
        request.extensions_mut().insert(id.clone());
        request.extensions_mut().insert(ConnectInfo(self.peer.address));
        let router = self.site.router.clone();
        Box::pin(async move {
            let mut response = match admitted {
                Ok(()) => router.oneshot(request).await.unwrap_or_else(|never| match never {}),
                Err(refusal) => refusal.into_response(),
            };
            seal(response.headers_mut(), tls, &id);
            busy.link.answer_begins();
            Ok(response.map(|body| Answer { body, busy }))
        })
    }
}

/// A request in progress: from its head to the last byte of its answer, or until it is given up.
struct Busy {
    link: Arc<Link>,
}

impl Busy {
    fn begin(link: &Arc<Link>) -> Self {
        link.begin();
        Self { link: Arc::clone(link) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.link.end();
    }
}

/// An answer's body, watched.
pub(super) struct Answer {
    body: Body,
    busy: Busy,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.busy.link.answer_ends();
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.busy.link.take();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.busy.link.take();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
