//! The end of a session, told before it comes (WCAG 2.2.1): a bar that one press sends away.
//!
//! A stylesheet shows the bar by itself, so that pages without a script warn, too. The script asks the server first, for
//! other windows keep the session as well, and takes the page's content away at the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use access::{Action, Door, Principal};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use identity::{Lasts, Left};
use maud::{Markup, html};
use serde_json::json;

use crate::form::Form;
use crate::here;
use crate::sign_in::asked;
use crate::site::{Ask, Site};

/// The form's address, and the question's.
pub const SESSION: &str = "/session";
/// So long before the end it is told.
const LEAD: Duration = Duration::from_secs(120);
/// But not sooner after a page came.
const PAUSE: Duration = Duration::from_secs(10);

/// How long the session lasts, as JSON: `left` in seconds, and whether keeping it makes it `longer`. Asking is not using.
pub async fn ask(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let ask = asked!(site);
    told(left(ask, &headers))
}

/// Keeps the session: whoever presses is there.
pub async fn keep(State(site): State<Arc<Site>>, headers: HeaderMap, body: Bytes) -> Response {
    let ask = asked!(site);
    // Looking for whom it stands is using it.
    let standing = site.standing(&headers);
    let by_script = headers.get(ACCEPT).is_some_and(|accept| accept == "application/json");
    if by_script {
        return told(left(ask, &headers));
    }
    let form = Form::read(&body);
    let back = Some(form.text("back")).filter(|back| standing.is_some() && is_page_of_ours(back));
    Redirect::to(back.unwrap_or("/")).into_response()
}

fn left(ask: &Ask, headers: &HeaderMap) -> Option<Left> {
    ask.sessions.left(ask.session(headers)?, Instant::now())
}

fn told(left: Option<Left>) -> Response {
    let body = match left {
        Some(left) => {
            json!({ "left": left.idle.min(left.whole).as_secs(), "longer": left.idle < left.whole })
        }
        None => json!({ "left": 0, "longer": false }),
    };
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// Whether it is a path here, and leads to no other host.
fn is_page_of_ours(path: &str) -> bool {
    let second = path.as_bytes().get(1);
    path.starts_with('/')
        && !matches!(second, Some(b'/' | b'\\'))
        && path.bytes().all(|b| b.is_ascii_graphic())
}

/// How long before the end a session that lasts so long without a request is told of.
fn lead(idle: Duration) -> Duration {
    LEAD.min(idle.saturating_sub(PAUSE))
}

/// Whether the page of this visitor has the script: those of a share have none at all.
pub fn has_script(visitor: &Principal) -> bool {
    visitor.door() != Door::Link || visitor.scope_for(Action::Store).is_ok()
}

/// The bar, for whoever is in.
pub fn bar(lasts: Lasts, visitor: &Principal) -> Markup {
    let whole = here::whole().unwrap_or(lasts.whole);
    let (left, lead) = (lasts.idle.min(whole), lead(lasts.idle));
    let by_link = visitor.door() == Door::Link;
    html! {
        form class="session" id="session" method="post" action=(SESSION) aria-label="Your session"
            data-left=(left.as_secs()) data-lead=(lead.as_secs()) {
            div role="alert" {
                p id="session-idle" {
                    strong { "In " (words(lead)) " you are signed out, " }
                    @if has_script(visitor) { "because nothing was asked for. Press any key or the button to go on." }
                    @else { "because nothing was asked for. Press the button to go on." }
                }
                p id="session-whole" hidden {
                    strong { "In " (words(lead)) " you are signed out: " }
                    (words(lasts.whole)) " is the longest that one may stay. "
                    @if by_link { "Open your link again to go on." } @else { "Sign out and in again to go on." }
                }
            }
            @if let Some(back) = here::back() { input type="hidden" name="back" value=(back); }
            button class="btn primary" { "Stay signed in" }
        }
        p class="vh" id="session-said" role="status" {}
        @if has_script(visitor) {
            template id="session-over" {
                h1 tabindex="-1" { "You are signed out" }
                p { "Nothing was asked for, so what was shown here is taken away. What you sent is kept." }
                p {
                    @if by_link { "Open your link again to go on." }
                    @else { a class="btn primary" href="/" { "Sign in" } }
                }
            }
        }
    }
}

/// `30 minutes`, `50 seconds`.
fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        _ => (seconds / 3_600, "hour"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// The rule that shows the bar when its time has come, without a script.
pub fn style(lasts: Lasts) -> String {
    let after = lasts.idle.saturating_sub(lead(lasts.idle)).as_secs();
    format!(
        "@keyframes session {{ to {{ visibility: visible; }} }}\n.session {{ animation: session 1ms linear {after}s forwards; }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_is_told() {
        for (idle, expected, in_words) in
            [(1_800, 120, "2 minutes"), (180, 120, "2 minutes"), (60, 50, "50 seconds")]
        {
            let lead = lead(Duration::from_secs(idle));
            assert_eq!((lead.as_secs(), words(lead).as_str()), (expected, in_words));
        }
        let lasts = Lasts { idle: Duration::from_secs(1_800), whole: Duration::from_secs(43_200) };
        assert!(style(lasts).contains(" 1680s "));
        assert_eq!(
            (words(lasts.whole), words(Duration::from_secs(3_600))),
            ("12 hours".into(), "1 hour".into())
        );
    }

    #[test]
    fn where_the_form_leads() {
        for (path, ours) in [
            ("/", true),
            ("/studies/1.2.3", true),
            ("", false),
            ("studies", false),
            ("//evil.example/", false),
            ("/\\evil.example", false),
            ("https://evil.example/", false),
            ("/a\r\nb", false),
        ] {
            assert_eq!(is_page_of_ours(path), ours, "{path:?}");
        }
    }
}
