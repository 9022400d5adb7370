//! Withdrawing a link: asked once more, then at once.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use identity::{LinkDone, LinkError, link_told};
use maud::html;

use super::told::SERVICE;
use super::{list, off};
use crate::desk::Caller;
use crate::layout::{Page, Width, unavailable};
use crate::moment::now;
use crate::site::Site;

/// The page that asks.
pub async fn confirm(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Path(link): Path<String>,
) -> Response {
    let (visitor, links) = match list::staff(&site, &headers).await {
        Ok(staff) => staff,
        Err(answer) => return answer,
    };
    let who = visitor.clone();
    let found = match off(&links, move |links| links.list(&who)).await {
        Some(Ok(found)) => found,
        Some(Err(error)) => return list::failed(&site, &visitor, &error),
        None => return unavailable(&site, Some(&visitor)),
    };
    let Some(link) = found.into_iter().find(|one| link.parse() == Ok(one.id)) else {
        return super::refused(&site, &visitor);
    };
    let main = html! {
        h1 { "Withdraw the link for " (link.label) "?" }
        p { "It lets somebody " (list::purpose(&link)) ". Whoever has it open is shut out with the next click. This cannot be undone; you can make another link." }
        form class="row" method="post" action={ "/links/" (link.id) "/withdraw" } {
            button class="btn danger" { "Withdraw link " (link.id) }
            a class="btn" href="/links" { "Keep it" }
        }
    };
    Page { title: "Withdraw a link", width: Width::Reading, main }.respond(
        StatusCode::OK,
        &site,
        Some(&visitor),
    )
}

/// Withdraws it.
pub async fn withdraw(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    from: Caller,
    Path(link): Path<String>,
) -> Response {
    let (visitor, links) = match list::staff(&site, &headers).await {
        Ok(staff) => staff,
        Err(answer) => return answer,
    };
    let Ok(id) = link.parse::<i64>() else { return super::refused(&site, &visitor) };
    if !site.recorder.has_room() {
        return unavailable(&site, Some(&visitor));
    }
    let who = visitor.clone();
    match off(&links, move |links| links.revoke(&who, id, now())).await {
        Some(Ok((link, true))) => {
            let who = from.principal(&visitor);
            site.record_all(link_told(&link, LinkDone::Withdrawn, &who, SERVICE)).await;
            tracing::info!(principal = %visitor, link = id, "a link was withdrawn");
            Redirect::to("/links").into_response()
        }
        Some(Ok((_, false))) => Redirect::to("/links").into_response(),
        Some(Err(LinkError::Unknown(_))) => super::refused(&site, &visitor),
        Some(Err(error)) => list::failed(&site, &visitor, &error),
        None => unavailable(&site, Some(&visitor)),
    }
}
