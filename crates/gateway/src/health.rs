//! `/healthz`, `/readyz`: one word, no data. `/metrics`: for whoever may administer, or on a listener of its own.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use access::Action;
use audit::Unrecorded;

use crate::app::{App, Caller};
use crate::config::Limits;
use crate::rates::Rates;
use crate::refusal::Refusal;
use crate::serve;

/// Renders all metrics as Prometheus text.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// The process runs.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The process takes requests.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    match app.stopping() {
        false => "ready\n".into_response(),
        true => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
    }
}

/// The metrics, for a principal that may administer.
pub(crate) async fn metrics(State(app): State<App>, caller: Caller) -> Result<Response, Refusal> {
    let who = app.authenticate(&caller).await?;
    who.scope_for(Action::Administer).map_err(|denied| {
        app.denied(&who, &caller, "metrics");
        Refusal::denied(&denied)
    })?;
    let render = app.render_metrics().ok_or_else(|| Refusal::not_found("No metrics are kept here."))?;
    Ok(text(render()))
}

/// Serves `/metrics` alone, to anyone who reaches the listener: for a loopback address of its own.
///
/// Returns after `stop`.
pub async fn serve_metrics(listener: TcpListener, render: RenderMetrics, stop: CancellationToken) {
    let router = Router::new().route("/metrics", get(move || std::future::ready(text(render()))));
    let limits = Limits { connections: 64, ..Limits::default() };
    let (rates, recorder) = (Arc::new(Rates::new(&limits)), Arc::new(Unrecorded));
    let site = serve::Site { router, host: serve::Host::Any, rates, recorder };
    serve::run(listener, None, site, limits, stop).await;
}

fn text(metrics: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics).into_response()
}
