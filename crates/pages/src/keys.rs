//! Keys that go to pages and fields. Whoever works by voice, or is in their way, switches them off (WCAG 2.1.4).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::HeaderMap;
use http::header::SET_COOKIE;
use maud::{Markup, html};

use crate::cookie;
use crate::form::Form;
use crate::here;
use crate::layout::Place;
use crate::sign_in::asked;
use crate::site::Site;

/// What the cookie says when they are off.
pub const OFF: &str = "off";
/// How long a browser remembers: about a year.
const LASTS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Switches them off or on, for this browser.
pub async fn switch(State(site): State<Arc<Site>>, headers: HeaderMap, body: Bytes) -> Response {
    let ask = asked!(site);
    if site.visitor(&headers).is_none() {
        return Redirect::to("/").into_response();
    }
    let off = Form::read(&body).text("keys") == OFF;
    let cookie = if off { cookie::KEYS.give(OFF, LASTS, ask.https) } else { cookie::KEYS.take(ask.https) };
    let to = Redirect::to("/account");
    match cookie {
        Some(cookie) => ([(SET_COOKIE, cookie)], to).into_response(),
        None => to.into_response(),
    }
}

/// The list, and what opens it.
pub fn list(places: &[Place]) -> Markup {
    html! {
        p { button type="button" class="btn quiet" id="keys-open" hidden { "Keys" } }
        dialog id="keys" aria-labelledby="keys-title" {
            h2 id="keys-title" { "Keys" }
            dl class="facts" {
                dt { kbd { "/" } } dd { "Search" }
                @for place in places { dt { kbd { "g" } " " kbd { (place.key) } } dd { (place.title) } }
                dt { kbd { "?" } } dd { "This list" }
            }
            p class="small muted" { "They are off inside fields; Account switches them off altogether." }
            form method="dialog" { button class="btn primary" { "Close" } }
        }
    }
}

/// The switch on the account's page.
pub fn choice() -> Markup {
    let on = here::keys();
    html! {
        section class="card narrow" aria-labelledby="keys-choice" {
            header { h2 id="keys-choice" { "Keys" } }
            form class="card-body stack" method="post" action="/account/keys" {
                p { @if on { "Single keys go to pages and search: " kbd { "?" } " lists them." } @else { "Single keys do nothing in this browser." } }
                input type="hidden" name="keys" value=(if on { OFF } else { "on" });
                button class="btn" { @if on { "Switch keys off" } @else { "Switch keys on" } }
            }
        }
    }
}
