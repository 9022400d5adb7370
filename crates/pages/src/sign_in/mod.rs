//! Signing in: name and password, then a code; or a token. And out.

mod code;
mod factor;
mod refused;
mod set_up;

use std::sync::Arc;
use std::time::Instant;

use audit::{Outcome, What};
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use identity::{Admitted, Next, Proof, Standing, digest};
use maud::{Markup, html};

use crate::cookie;
use crate::desk::{Caller, told};
use crate::form::Form;
use crate::layout::{Page, Width, unavailable};
use crate::providers;
use crate::site::{Ask, Site};

pub use code::{check as check_code, show as show_code};
pub use factor::{check as check_factor, kept, list as list_of_codes, show as show_factor};
pub use refused::{Refusal, problem as problem_at, summary};
pub use set_up::{
    choose as choose_password, new_password, show as show_set_up, show_choice as show_choice_of_password,
    take as take_set_up,
};

/// How people are asked here; nobody is where everybody is let in.
macro_rules! asked {
    ($site:expr) => {
        match &$site.entry {
            crate::site::Entry::Ask(ask) => ask,
            crate::site::Entry::Open(_) => {
                return axum::response::IntoResponse::into_response(axum::response::Redirect::to("/"));
            }
        }
    };
}
pub(crate) use asked;

/// Takes name and password, or a token.
pub async fn sign_in(State(site): State<Arc<Site>>, from: Caller, body: Bytes) -> Response {
    let ask = asked!(site);
    if !site.recorder.has_room() {
        return unavailable(&site, None);
    }
    let form = Form::read(&body);
    if form.has("token") {
        return with_token(&site, ask, from, form.text("token")).await;
    }
    let (name, password) = (form.text("name").to_owned(), form.whole("password").to_owned());
    let typed = name.clone();
    let (who, outcome, detail, answer) =
        match ask.desk.ask(move |accounts, now| accounts.password(from.0, &typed, &password, now)).await {
            Ok(way) => {
                let next = ask.desk.next(&way);
                let detail = match next {
                    Some(Next::Factor { .. }) => "the password was right; a second factor is to be set up",
                    _ => "the password was right; a code is asked for",
                };
                (from.account(&name), Outcome::Success, detail, on_the_way(ask, &way, next.as_ref()))
            }
            Err(trouble) => {
                let refusal =
                    Refusal::of(trouble, "This name and password do not match. Check both and try again.");
                let who = from.unproven(refusal.account.as_deref());
                let detail = refusal.told("the password was wrong");
                let answer = refusal.answer(|error| page(&site, &name, Some(error)), &site);
                (who, Outcome::Serious, detail, answer)
            }
        };
    if !site.record_durably(told(What::Login, who, outcome, detail)).await {
        return unavailable(&site, None);
    }
    answer
}

async fn with_token(site: &Site, ask: &Ask, from: Caller, token: &str) -> Response {
    let standing = Standing::Token(digest(token));
    let Some(principal) = (ask.stands)(&standing) else {
        site.record_durably(told(What::Login, from.nobody(), Outcome::Serious, "the token is not known"))
            .await;
        let words = "This token is not known here. Copy the whole line from the file, without spaces.";
        return page(site, "", Some(&Problem::at("token", words))).into_response();
    };
    let event = told(What::Login, from.principal(&principal), Outcome::Success, "with a token");
    begin_session(site, ask, standing, event).await
}

/// Somebody is in: tells so, and begins the session.
async fn admit(site: &Site, ask: &Ask, from: Caller, admitted: Admitted, how: &str) -> Response {
    let detail = match admitted.by {
        Proof::Code => how.to_owned(),
        Proof::Recovery { left } => format!("with a recovery code; {left} are left"),
    };
    let event = told(What::Login, from.account(&admitted.account), Outcome::Success, &detail);
    begin_session(site, ask, admitted.standing, event).await
}

/// Tells the event, and begins a session once it is on the disk.
pub async fn begin_session(site: &Site, ask: &Ask, standing: Standing, event: audit::Event) -> Response {
    if !site.record_durably(event).await {
        return unavailable(site, None);
    }
    match session_cookies(ask, standing) {
        Some(cookies) => (cookies, Redirect::to("/")).into_response(),
        None => unavailable(site, None),
    }
}

type Cookies = AppendHeaders<[(http::HeaderName, http::HeaderValue); 2]>;

/// A session's cookie, and none any more for the way in.
pub fn session_cookies(ask: &Ask, standing: Standing) -> Option<Cookies> {
    let id = ask.sessions.begin(standing, Instant::now()).ok()?;
    let given = cookie::SESSION.give(&id, ask.sessions.lasts().whole, ask.https)?;
    Some(AppendHeaders([(SET_COOKIE, given), (SET_COOKIE, cookie::WAY.take(ask.https)?)]))
}

/// Leads on to what is asked next, with the cookie of the way in.
fn on_the_way(ask: &Ask, way: &str, next: Option<&Next>) -> Response {
    let to = Redirect::to(place_of(next));
    match cookie::WAY.give(way, cookie::WAY_LASTS, ask.https) {
        Some(cookie) => ([(SET_COOKIE, cookie)], to).into_response(),
        None => to.into_response(),
    }
}

/// Where a step is asked for.
fn place_of(next: Option<&Next>) -> &'static str {
    match next {
        Some(Next::Password(_)) => "/set-up/password",
        Some(Next::Code) => "/sign-in/code",
        Some(Next::Factor { .. } | Next::Kept) => "/sign-in/factor",
        None => "/",
    }
}

/// The way in that a request is on.
fn way(ask: &Ask, headers: &HeaderMap) -> String {
    cookie::WAY.find(headers, ask.https).unwrap_or_default().to_owned()
}

/// Ends the session.
pub async fn sign_out(State(site): State<Arc<Site>>, from: Caller, headers: HeaderMap) -> Response {
    let ask = asked!(site);
    let who = site.visitor(&headers);
    let mut goodbye = None;
    if let Some(id) = ask.session(&headers) {
        ask.sessions.end(id);
        goodbye = providers::goodbye(&site, id).await;
    }
    if let Some(who) = who {
        site.record_durably(told(What::Logout, from.principal(&who), Outcome::Success, "")).await;
    }
    match (goodbye, cookie::SESSION.take(ask.https)) {
        (Some(goodbye), Some(cookie)) => ([(SET_COOKIE, cookie)], goodbye).into_response(),
        _ => signed_out(ask),
    }
}

/// Back to the start, without a session's cookie.
pub fn signed_out(ask: &Ask) -> Response {
    match cookie::SESSION.take(ask.https) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        None => Redirect::to("/").into_response(),
    }
}

/// What was wrong with a form, and in which field.
pub struct Problem {
    field: &'static str,
    words: String,
}

impl Problem {
    /// In this field.
    pub fn at(field: &'static str, words: &str) -> Self {
        Self { field, words: words.to_owned() }
    }
}

/// The page for those who have not signed in, with what was wrong with the last try.
pub fn page(site: &Site, name: &str, problem: Option<&Problem>) -> Response {
    let at = |field| problem.filter(|problem| problem.field == field).map(|problem| problem.words.as_str());
    let with_token = at("token").is_some();
    let main = html! {
        @if let Some(problem) = problem { (refused::summary(problem)) }
        div class="stack" {
            h1 { "Overread" }
            p { "This server takes in radiology studies for second opinions, keeps them, and gives them out by DICOM and DICOMweb." }
        }
        form class="card narrow" method="post" action="/sign-in" {
            div class="card-body stack" {
                h2 { "Sign in" }
                (Field { id: "name", label: "Account name", kind: "text", autocomplete: "username", hint: None }.filled(name, at("name")))
                (Field { id: "password", label: "Password", kind: "password", autocomplete: "current-password", hint: None }.empty(at("name")))
                button class="btn primary" { "Go on" }
            }
        }
        (providers::links(site))
        details open[with_token] {
            summary { "Sign in with a token" }
            form class="card narrow" method="post" action="/sign-in" {
                div class="card-body stack" {
                    (Field {
                        id: "token", label: "Token", kind: "password", autocomplete: "off",
                        hint: Some("A long line of letters and digits, from a file."),
                    }.empty(at("token")))
                    button class="btn" { "Sign in" }
                }
            }
        }
        details {
            summary { "No account yet?" }
            p { "Whoever runs this server makes one and gives you a link for it. The first start writes a link for the first account to "
                code { "set-up.link" } " in the data folder, a file that only the server's user can read." }
            p { a href="/set-up" { "Set up an account with a link" } }
        }
    };
    let (title, status) = match problem {
        None => ("Sign in", StatusCode::OK),
        Some(_) => ("Error: sign in", StatusCode::UNPROCESSABLE_ENTITY),
    };
    Page { title, width: Width::Reading, main }.respond(status, site, None)
}

/// A field of a form with its label, hint and what was wrong with it.
pub struct Field {
    /// Its name and id.
    pub id: &'static str,
    /// Its label.
    pub label: &'static str,
    /// Its type.
    pub kind: &'static str,
    /// What a browser or a password manager may fill in.
    pub autocomplete: &'static str,
    /// What to write.
    pub hint: Option<&'static str>,
}

impl Field {
    /// With nothing in it.
    pub fn empty(self, error: Option<&str>) -> Markup {
        self.filled("", error)
    }

    /// With this in it.
    pub fn filled(self, value: &str, error: Option<&str>) -> Markup {
        let Field { id, label, kind, autocomplete, hint } = self;
        let (hint_id, error_id) = (format!("{id}-hint"), format!("{id}-error"));
        let described: Vec<&str> = [hint.map(|_| hint_id.as_str()), error.map(|_| error_id.as_str())]
            .into_iter()
            .flatten()
            .collect();
        let described = (!described.is_empty()).then(|| described.join(" "));
        let code = autocomplete == "one-time-code";
        html! {
            div class="field" {
                label for=(id) { (label) }
                @if let Some(hint) = hint { p class="hint" id=(hint_id) { (hint) } }
                @if let Some(error) = error { p class="error" id=(error_id) { (error) } }
                input id=(id) name=(id) type=(kind) required autocomplete=(autocomplete) value=[(!value.is_empty()).then_some(value)]
                    autocapitalize="none" spellcheck="false" maxlength=[code.then_some("40")]
                    aria-describedby=[described] aria-invalid=[error.map(|_| "true")];
            }
        }
    }
}

/// The answer to a step whose way in is good no more.
fn over(site: &Site) -> Response {
    let main = html! {
        h1 { "This took too long, or was done already" }
        p { "Nothing was changed. Each way in lasts ten minutes and is good once. Begin anew." }
        p { a class="btn primary" href="/" { "Sign in" } }
    };
    Page { title: "Error: begin anew", width: Width::Reading, main }.respond(StatusCode::CONFLICT, site, None)
}
