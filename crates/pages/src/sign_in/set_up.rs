//! Set-up links: the first administrator's account, or another account's password.
//!
//! The secret stands in the fragment of the link, which no browser sends: a script of ours puts it into the field.

use std::sync::Arc;

use audit::{Outcome, What};
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use identity::Next;
use maud::html;

use super::refused::{problem, summary};
use super::{Field, Problem, Refusal, asked, on_the_way, place_of, way};
use crate::assets;
use crate::desk::{Caller, told};
use crate::form::Form;
use crate::guard::Scripted;
use crate::layout::{Page, Width, unavailable};
use crate::site::Site;
use crate::steps::{Step, steps};

/// Asks for the link's secret.
pub async fn show(State(site): State<Arc<Site>>) -> Response {
    asked!(site);
    page(&site, StatusCode::OK)
}

/// Takes it.
pub async fn take(State(site): State<Arc<Site>>, from: Caller, body: Bytes) -> Response {
    let ask = asked!(site);
    if !site.recorder.has_room() {
        return unavailable(&site, None);
    }
    let given = Form::read(&body).text("link").to_owned();
    // Somebody may have copied all of it.
    let link = given.rsplit_once('#').map_or(given.as_str(), |(_, secret)| secret).to_owned();
    match ask.desk.ask(move |accounts, now| accounts.set_up(&link, now)).await {
        Ok(way) => on_the_way(ask, &way, ask.desk.next(&way).as_ref()),
        Err(crate::desk::Trouble::Refused(identity::Refused::Over)) => {
            let event =
                told(What::Login, from.nobody(), Outcome::Serious, "a set-up link that is good no more");
            if !site.record_durably(event).await {
                return unavailable(&site, None);
            }
            page(&site, StatusCode::NOT_FOUND)
        }
        Err(trouble) => Refusal::of(trouble, "").answer(|_| page(&site, StatusCode::NOT_FOUND), &site),
    }
}

/// Asks for the new password, and a name for the first account.
pub async fn show_choice(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let ask = asked!(site);
    match ask.desk.next(&way(ask, &headers)) {
        Some(Next::Password(account)) => choice(&site, account.as_deref(), "", None),
        next => Redirect::to(place_of(next.as_ref())).into_response(),
    }
}

/// Sets it.
pub async fn choose(
    State(site): State<Arc<Site>>,
    from: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let ask = asked!(site);
    if !site.recorder.has_room() {
        return unavailable(&site, None);
    }
    let form = Form::read(&body);
    let way = way(ask, &headers);
    let Some(Next::Password(account)) = ask.desk.next(&way) else {
        return Redirect::to(place_of(ask.desk.next(&way).as_ref())).into_response();
    };
    let (name, new) = (form.text("account").to_owned(), form.whole("new").to_owned());
    if new != form.whole("again") {
        let wrong = Problem::at("again", "The two passwords are not the same. Write the same one twice.");
        return choice(&site, account.as_deref(), &name, Some(&wrong));
    }
    let (typed, on) = (name.clone(), way.clone());
    match ask.desk.ask(move |accounts, now| accounts.choose_password(&on, &typed, &new, now)).await {
        Ok(made) => {
            let detail = match account {
                None => format!("account {made} made, administrator on everything, by a set-up link"),
                Some(_) => format!("password of account {made} set by a set-up link"),
            };
            if !site
                .record_durably(told(What::Configuration, from.account(&made), Outcome::Success, &detail))
                .await
            {
                return unavailable(&site, None);
            }
            Redirect::to(place_of(ask.desk.next(&way).as_ref())).into_response()
        }
        Err(trouble) => Refusal::at(trouble, "new", "")
            .answer(|wrong| choice(&site, account.as_deref(), &name, Some(wrong)), &site),
    }
}

fn page(site: &Site, status: StatusCode) -> Response {
    let gone = "This link does not work, or no longer. Links are good once, and for a day. Ask whoever runs this server for a new one.";
    let wrong = (status != StatusCode::OK).then(|| Problem::at("link", gone));
    let main = html! {
        @if let Some(wrong) = &wrong { (summary(wrong)) }
        div class="stack" {
            h1 { "Set up an account" }
            p { "You were given a link, or read it from a file on the server. It is good once." }
        }
        form class="card narrow" method="post" action="/set-up" {
            div class="card-body stack" {
                (Field {
                    id: "link", label: "Link", kind: "password", autocomplete: "off", hint: Some("Filled in when you opened the link itself. Else paste the link here."),
                }.empty(problem(wrong.as_ref(), "link")))
                button class="btn primary" { "Go on" }
            }
        }
        script src=(assets::set_up()) defer {}
    };
    let title = if wrong.is_some() { "Error: set up" } else { "Set up" };
    (Extension(Scripted), Page { title, width: Width::Reading, main }.respond(status, site, None))
        .into_response()
}

fn choice(site: &Site, account: Option<&str>, name: &str, wrong: Option<&Problem>) -> Response {
    let main = html! {
        @if let Some(wrong) = wrong { (summary(wrong)) }
        @if account.is_none() { (steps(Step::Account)) }
        div class="stack" {
            @match account {
                None => {
                    h1 { "Make the first account" }
                    p { "It runs this server: it may do everything, and give others their part." }
                }
                Some(account) => {
                    h1 { "Choose a password" }
                    p { "For the account " strong { (account) } ". Sessions that it has end." }
                }
            }
        }
        form class="card narrow" method="post" action="/set-up/password" {
            div class="card-body stack" {
                @match account {
                    None => (Field {
                        id: "account", label: "Account name", kind: "text", autocomplete: "username",
                        hint: Some("It stands in the audit trail beside what you do. Letters, digits and . _ - @"),
                    }.filled(name, problem(wrong, "account"))),
                    // Password managers keep the password under it.
                    Some(account) => input class="vh" type="text" name="username" autocomplete="username" value=(account) readonly tabindex="-1" aria-label="Account name";
                }
                (new_password(wrong))
                button class="btn primary" { "Go on" }
            }
        }
    };
    let (title, status) = match wrong {
        None => ("Password", StatusCode::OK),
        Some(_) => ("Error: password", StatusCode::UNPROCESSABLE_ENTITY),
    };
    Page { title, width: Width::Reading, main }.respond(status, site, None)
}

/// The fields for a new password, with what is asked of one beside them.
pub fn new_password(wrong: Option<&Problem>) -> maud::Markup {
    html! {
        (Field {
            id: "new", label: "New password", kind: "password", autocomplete: "new-password",
            hint: Some("At least 12 characters, the longer the better: four words that have nothing to do with each other do well. None that is guessed first, and not the account name."),
        }.empty(problem(wrong, "new")))
        (Field { id: "again", label: "The same again", kind: "password", autocomplete: "new-password", hint: None }.empty(problem(wrong, "again")))
    }
}
