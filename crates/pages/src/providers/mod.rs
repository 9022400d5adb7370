//! Signing in with an identity provider (OpenID Connect: authorization code, PKCE, state and nonce).
//!
//! A link leads to the provider's page, which sends the browser back to `/sign-in/callback`. What began in one browser ends
//! in the same one: a cookie of its own binds them, which must be `SameSite=Lax`, because the way back comes from another
//! site. The session's cookie stays `Strict`, so the way back ends in a page that goes on by itself: from there on the
//! browser is on our site.

mod pending;

use std::sync::Arc;
use std::time::{Duration, Instant};

use audit::{Outcome, What};
use axum::extract::{Path, Request, State};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use identity::Standing;
use maud::{Markup, PreEscaped, html};

use crate::cookie;
use crate::desk::{Caller, told};
use crate::layout::{Page, Width, unavailable};
use crate::site::{Ask, Entry, Site};
pub use pending::{Asked, Logins};

/// The providers with whom people sign in here, by their number from 0 on.
#[async_trait::async_trait]
pub trait Providers: Send + Sync {
    /// What each is called.
    fn labels(&self) -> &[String];

    /// The address of a provider's page for this question; none when it cannot be asked now.
    async fn question(&self, provider: usize, asked: &Asked) -> Option<String>;

    /// Who signed in, by the code that the browser brought back, and the issuer that it named.
    ///
    /// # Errors
    /// [`NotIn`].
    async fn answer(
        &self,
        provider: usize,
        asked: &Asked,
        code: &str,
        issuer: Option<&str>,
    ) -> Result<CameIn, NotIn>;

    /// Where a browser signs out of the provider too, if there is such a place.
    async fn goodbye(&self, provider: usize, id_token: &str) -> Option<String>;
}

/// Somebody that a provider signed in, and that is known here.
#[derive(Clone, Debug)]
pub struct CameIn {
    /// Whom the session stands for.
    pub standing: Standing,
    /// What signing out of the provider shows again.
    pub id_token: String,
    /// Whom the provider named, for the audit.
    pub whose: String,
}

/// Why nobody is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotIn {
    /// The provider named somebody who is linked to no account here; whom, for the audit.
    Unlinked(String),
    /// Its answer does not count, or there was none; why, for the audit.
    Failed(String),
}

/// How long a login may take, and so its cookie.
pub(crate) const TAKES: Duration = Duration::from_secs(10 * 60);

/// Leads to the provider's page.
pub async fn begin(State(site): State<Arc<Site>>, Path(provider): Path<usize>) -> Response {
    let Some((ask, providers)) = asking(&site) else { return Redirect::to("/").into_response() };
    if provider >= providers.labels().len() {
        return Redirect::to("/").into_response();
    }
    let Ok((asked, browser)) = site.logins.begin(provider, Instant::now()) else {
        return unavailable(&site, None);
    };
    let Some(page) = providers.question(provider, &asked).await else {
        return not_in(&site, StatusCode::SERVICE_UNAVAILABLE, &label(providers, provider), CANNOT);
    };
    match (HeaderValue::from_str(&page), login_cookie(&browser, ask.https)) {
        (Ok(_), Some(cookie)) => ([(SET_COOKIE, cookie)], Redirect::to(&page)).into_response(),
        _ => unavailable(&site, None),
    }
}

const CANNOT: &str = "cannot be asked at the moment, or gave an answer that does not count. Try again; \
                      when it stays so, the server's log says why.";
const LAPSED: &str = "was asked too long ago, or from another browser. Begin again.";
const DECLINED: &str = "did not sign you in. Begin again, or ask whoever runs it.";
const UNLINKED: &str =
    "knows you, but you have no account here yet. Ask whoever runs this server to link it.";

/// Where the provider sends the browser back to.
pub async fn callback(State(site): State<Arc<Site>>, from: Caller, request: Request) -> Response {
    let Some((ask, providers)) = asking(&site) else { return Redirect::to("/").into_response() };
    if !site.recorder.has_room() {
        return unavailable(&site, None);
    }
    let answer = Query::read(request.uri().query().unwrap_or_default());
    let browser = login_of(request.headers(), ask.https).unwrap_or_default();
    let asked = answer.state.as_deref().and_then(|state| site.logins.take(state, browser, Instant::now()));
    // What is told is on the disk before it is answered.
    let fails = async |detail: &str, status, label: &str, why| {
        let event = told(What::Login, from.nobody(), Outcome::Serious, detail);
        if site.record_durably(event).await {
            not_in(&site, status, label, why)
        } else {
            unavailable(&site, None)
        }
    };
    let Some((provider, asked)) = asked else {
        return fails(
            "an answer of an identity provider to no question of this browser",
            StatusCode::BAD_REQUEST,
            "The identity provider",
            LAPSED,
        )
        .await;
    };
    let label = label(providers, provider);
    let Some(code) = answer.code else {
        return fails("the identity provider declined", StatusCode::FORBIDDEN, &label, DECLINED).await;
    };
    let came = match providers.answer(provider, &asked, &code, answer.issuer.as_deref()).await {
        Ok(came) => came,
        Err(NotIn::Unlinked(whose)) => {
            return fails(&format!("linked to no account: {whose}"), StatusCode::FORBIDDEN, &label, UNLINKED)
                .await;
        }
        Err(NotIn::Failed(why)) => {
            return fails(&why, StatusCode::BAD_GATEWAY, &label, CANNOT).await;
        }
    };
    let Some(principal) = (ask.stands)(&came.standing) else {
        return fails(
            &format!("the account lets nobody in: {}", came.whose),
            StatusCode::FORBIDDEN,
            &label,
            UNLINKED,
        )
        .await;
    };
    let event =
        told(What::Login, from.principal(&principal), Outcome::Success, &format!("as {}", came.whose));
    if !site.record_durably(event).await {
        return unavailable(&site, None);
    }
    let Ok(session) = ask.sessions.begin(came.standing, Instant::now()) else {
        return unavailable(&site, None);
    };
    let (given, taken) = (give(ask, &session), login_cookie("", ask.https));
    let (Some(given), Some(taken)) = (given, taken) else { return unavailable(&site, None) };
    site.logins.came(&session, provider, came.id_token);
    (AppendHeaders([(SET_COOKIE, given), (SET_COOKIE, taken)]), onward()).into_response()
}

/// The page for who signed out here and may sign out of the provider, too; none where there is no such place.
pub async fn goodbye(site: &Site, session: &str) -> Option<Response> {
    let (provider, id_token) = site.logins.went(session)?;
    let (_, providers) = asking(site)?;
    let place = providers.goodbye(provider, &id_token).await?;
    let label = label(providers, provider);
    let main = html! {
        h1 { "You are signed out here" }
        p { "You may still be signed in with " (label) ", so that whoever uses this browser next could come in again." }
        p { a class="btn primary" href=(place) { "Sign out of " (label) } " " a class="btn" href="/" { "Back to the start" } }
    };
    Some(Page { title: "Signed out", width: Width::Reading, main }.respond(StatusCode::OK, site, None))
}

/// A link for each provider, on the page for those who have not signed in.
pub fn links(site: &Site) -> Markup {
    let labels = asking(site).map(|(_, providers)| providers.labels()).unwrap_or_default();
    html! {
        @if !labels.is_empty() {
            div class="card narrow" {
                div class="card-body stack" {
                    @for (provider, label) in labels.iter().enumerate() {
                        a class="btn primary" href={ "/sign-in/with/" (provider) } { "Sign in with " (label) }
                    }
                }
            }
        }
    }
}

fn asking(site: &Site) -> Option<(&Ask, &dyn Providers)> {
    match &site.entry {
        Entry::Ask(ask) => site.providers.as_deref().map(|providers| (ask, providers)),
        Entry::Open(_) => None,
    }
}

fn label(providers: &dyn Providers, provider: usize) -> String {
    providers.labels().get(provider).cloned().unwrap_or_default()
}

/// A page that goes on by itself, without script: what comes next comes from us, so the session's cookie goes with it.
fn onward() -> Response {
    let document = html! {
        (PreEscaped("<!doctype html>"))
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content="0; url=/";
                title { "Signed in – Overread" }
            }
            body { p { a href="/" { "You are signed in. Go on." } } }
        }
    };
    let html = (http::header::CONTENT_TYPE, "text/html; charset=utf-8");
    ([html], document.into_string()).into_response()
}

fn not_in(site: &Site, status: StatusCode, label: &str, why: &str) -> Response {
    let main = html! {
        h1 { "You are not signed in" }
        p { (label) " " (why) }
        p { a class="btn" href="/" { "Back to the start" } }
    };
    Page { title: "Error: sign in", width: Width::Reading, main }.respond(status, site, None)
}

/// What a provider's answer says, once each.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    state: Option<String>,
    code: Option<String>,
    issuer: Option<String>,
}

impl Query {
    /// Nothing of one that says something twice.
    fn read(query: &str) -> Self {
        let mut found = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "state" => &mut found.state,
                "code" => &mut found.code,
                "iss" => &mut found.issuer,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return Self::default();
            }
        }
        found
    }
}

fn give(ask: &Ask, session: &str) -> Option<HeaderValue> {
    cookie::SESSION.give(session, ask.sessions.lasts().whole, ask.https)
}

fn login_name(https: bool) -> &'static str {
    if https { "__Host-overread-login" } else { "overread-login" }
}

/// The cookie that binds a login to a browser; one that takes it away without a value.
fn login_cookie(value: &str, https: bool) -> Option<HeaderValue> {
    let (name, secure) = (login_name(https), if https { "; Secure" } else { "" });
    let age = if value.is_empty() { 0 } else { TAKES.as_secs() };
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"))
        .ok()
}

fn login_of(headers: &HeaderMap, https: bool) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == login_name(https)).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let query = |state: Option<&str>, code: Option<&str>, issuer: Option<&str>| Query {
            state: state.map(str::to_owned),
            code: code.map(str::to_owned),
            issuer: issuer.map(str::to_owned),
        };
        for (text, expected) in [
            ("", query(None, None, None)),
            ("state=s&code=c", query(Some("s"), Some("c"), None)),
            ("code=c%20d&state=s&iss=https%3A%2F%2Fid", query(Some("s"), Some("c d"), Some("https://id"))),
            ("error=access_denied&state=s", query(Some("s"), None, None)),
            ("state=s&code=c&code=d", query(None, None, None)),
            ("state=s&state=s&code=c", query(None, None, None)),
        ] {
            assert_eq!(Query::read(text), expected, "{text}");
        }
    }

    #[test]
    fn the_cookie_of_a_login() {
        let given = login_cookie("abc", true).unwrap();
        assert_eq!(given, "__Host-overread-login=abc; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
        let taken = login_cookie("", false).unwrap();
        assert_eq!(taken, "overread-login=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_static("a=b; __Host-overread-login=abc; overread-login=x"));
        assert_eq!((login_of(&headers, true), login_of(&headers, false)), (Some("abc"), Some("x")));
    }
}
