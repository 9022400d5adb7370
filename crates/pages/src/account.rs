//! One's own account: who one is, what one may do, and what one comes in by.

use std::sync::Arc;

use access::{Grant, On, Principal};
use audit::{Outcome, What};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use identity::{Known, Standing};
use maud::{Markup, html};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::desk::{Caller, told};
use crate::form::Form;
use crate::keys;
use crate::layout::{Page, Tone, Width, notice, unavailable};
use crate::sign_in::{
    Field, Problem, Refusal, asked, list_of_codes, new_password, problem_at, session_cookies, signed_out,
    summary,
};
use crate::site::{Ask, Site};

/// The page's title.
pub const TITLE: &str = "Account";
/// Grants that are shown; somebody may have thousands.
const GRANTS: usize = 50;
/// What is said of an old password or a code that is not right.
const WRONG: &str = "The password or the code does not match. A code counts once; try the one shown now.";

/// What is shown beside what always is.
#[derive(Default)]
struct Shown<'a> {
    wrong: Option<&'a Problem>,
    done: Option<&'static str>,
    codes: &'a [String],
}

/// The page.
pub async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let ask = asked!(site);
    match ask.insider(&headers) {
        Some((standing, who)) => page(&site, ask, &standing, &who, Shown::default()).await,
        None => Redirect::to("/").into_response(),
    }
}

/// Changes the password: asks for the old one and a code. All sessions end; this browser begins a new one.
pub async fn change_password(
    State(site): State<Arc<Site>>,
    from: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let ask = asked!(site);
    let Some((standing, who)) = ask.insider(&headers) else { return Redirect::to("/").into_response() };
    let Standing::Account { name, version } = standing.clone() else {
        return Redirect::to("/account").into_response();
    };
    if !site.recorder.has_room() {
        return unavailable(&site, Some(&who));
    }
    let form = Form::read(&body);
    let (old, code, new) =
        (form.whole("old").to_owned(), form.text("code").to_owned(), form.whole("new").to_owned());
    if new != form.whole("again") {
        let wrong = Problem::at("again", "The two passwords are not the same. Write the same one twice.");
        return page(&site, ask, &standing, &who, Shown { wrong: Some(&wrong), ..Shown::default() }).await;
    }
    let asked = move |accounts: &identity::Accounts, now| {
        accounts.change_password(from.0, (&name, version), (&old, &code), &new, now)
    };
    let now_standing = match ask.desk.ask(asked).await {
        Ok(standing) => standing,
        Err(trouble) => {
            let refusal = Refusal::at(trouble, "old", WRONG);
            return refused(&site, ask, (&standing, &who), from, &refusal, "its password was not changed")
                .await;
        }
    };
    let event = told(What::Configuration, from.principal(&who), Outcome::Success, "changed its password");
    if !site.record_durably(event).await {
        return unavailable(&site, None);
    }
    if let Some(id) = ask.session(&headers) {
        ask.sessions.end(id);
    }
    let done = Some("Your password is changed. Wherever else you were signed in, you are no more.");
    let shown = page(&site, ask, &now_standing, &who, Shown { done, ..Shown::default() }).await;
    match session_cookies(ask, now_standing) {
        Some(cookies) => (cookies, shown).into_response(),
        None => unavailable(&site, None),
    }
}

/// Makes other recovery codes: asks for a code.
pub async fn new_recovery(
    State(site): State<Arc<Site>>,
    from: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let ask = asked!(site);
    let Some((standing, who)) = ask.insider(&headers) else { return Redirect::to("/").into_response() };
    let Standing::Account { name, version } = standing.clone() else {
        return Redirect::to("/account").into_response();
    };
    if !site.recorder.has_room() {
        return unavailable(&site, Some(&who));
    }
    let code = Form::read(&body).text("proof").to_owned();
    let asked =
        move |accounts: &identity::Accounts, now| accounts.new_recovery(from.0, (&name, version), &code, now);
    match ask.desk.ask(asked).await {
        Ok(codes) => {
            let event =
                told(What::Configuration, from.principal(&who), Outcome::Success, "made new recovery codes");
            if !site.record_durably(event).await {
                return unavailable(&site, Some(&who));
            }
            page(&site, ask, &standing, &who, Shown { codes: &codes, ..Shown::default() }).await
        }
        Err(trouble) => {
            let refusal = Refusal::at(trouble, "proof", WRONG);
            refused(&site, ask, (&standing, &who), from, &refusal, "no recovery codes were made").await
        }
    }
}

/// Ends all sessions of the account, this one too.
pub async fn sign_out_everywhere(
    State(site): State<Arc<Site>>,
    from: Caller,
    headers: HeaderMap,
) -> Response {
    let ask = asked!(site);
    let Some((standing, who)) = ask.insider(&headers) else { return Redirect::to("/").into_response() };
    let Standing::Account { name, .. } = standing else { return Redirect::to("/account").into_response() };
    if ask.desk.ask(move |accounts, _| accounts.sign_out_everywhere(&name)).await.is_err() {
        return unavailable(&site, Some(&who));
    }
    site.record_durably(told(What::Logout, from.principal(&who), Outcome::Success, "everywhere")).await;
    signed_out(ask)
}

async fn refused(
    site: &Site,
    ask: &Ask,
    (standing, who): (&Standing, &Principal),
    from: Caller,
    refusal: &Refusal,
    what: &str,
) -> Response {
    let detail = format!("{what}: {}", refusal.told("the password or the code was wrong"));
    if !site.record_durably(told(What::Configuration, from.principal(who), Outcome::Serious, &detail)).await {
        return unavailable(site, Some(who));
    }
    match refusal.wrong() {
        Some(wrong) => page(site, ask, standing, who, Shown { wrong: Some(wrong), ..Shown::default() }).await,
        None => refusal.answer(|_| Redirect::to("/account").into_response(), site),
    }
}

async fn page(site: &Site, ask: &Ask, standing: &Standing, who: &Principal, shown: Shown<'_>) -> Response {
    let account = match standing {
        Standing::Account { name, .. } => {
            let name = name.clone();
            match ask.desk.ask(move |accounts, _| Ok(accounts.about(&name)?)).await {
                Ok(account) => account,
                Err(_) => return unavailable(site, Some(who)),
            }
        }
        _ => None,
    };
    let main = html! {
        @if let Some(wrong) = shown.wrong { (summary(wrong)) }
        @if let Some(done) = shown.done { (notice(Tone::Info, html! { p { (done) } })) }
        h1 { (who.name()) }
        @if !shown.codes.is_empty() {
            section class="stack" aria-labelledby="codes" {
                h2 id="codes" { "Keep your new recovery codes" }
                p { "Each signs you in once in place of a code. They are shown this one time; those you had before are good no more." }
                (list_of_codes(shown.codes))
            }
        }
        @match &account {
            Some((known, left)) => {
                (what_one_may(known))
                (password(shown.wrong))
                (recovery(*left, shown.wrong))
                (everywhere())
            }
            None => p { "You came in by a " (way_in(standing)) ". It has no password and no second factor here; what it may do is its maker's to change." }
        }
        (keys::choice())
    };
    let (title, status) = match shown.wrong {
        None => (TITLE, StatusCode::OK),
        Some(_) => ("Error: account", StatusCode::UNPROCESSABLE_ENTITY),
    };
    Page { title, width: Width::Reading, main }.respond(status, site, Some(who))
}

fn way_in(standing: &Standing) -> &'static str {
    match standing {
        Standing::Token(_) => "token",
        Standing::Account { .. } => "account",
        Standing::Link(_) => "link",
    }
}

fn what_one_may(known: &Known) -> Markup {
    html! {
        section class="card" aria-labelledby="may" {
            header { h2 id="may" { "What you may do" } }
            div class="card-body stack" {
                @if known.grants.is_empty() { p { "Nothing yet. Whoever runs this server gives you your part." } }
                ul class="lines" {
                    @for grant in known.grants.iter().take(GRANTS) { li { (in_words(grant)) } }
                    @if known.grants.len() > GRANTS { li { "and " (known.grants.len() - GRANTS) " more" } }
                }
                p class="small muted" { "What you bring in is held by " (known.custodian) "." }
            }
        }
    }
}

/// A grant as a person reads it.
fn in_words(grant: &Grant) -> String {
    let on = match &grant.on {
        On::Everything => "everything here".to_owned(),
        On::Custodian(custodian) => format!("all that {custodian} holds"),
        On::Holding(holding) => format!("study {}, as {} holds it", holding.study, holding.custodian),
        On::Case(case) => format!("case {case}"),
    };
    let day = grant.until.and_then(|until| OffsetDateTime::from_unix_timestamp(until).ok());
    let day = day
        .and_then(|day| day.format(format_description!("[day padding:none] [month repr:short] [year]")).ok());
    format!(
        "{} of {on}{}",
        capital(grant.role.name()),
        day.map_or(String::new(), |day| format!(", until {day}"))
    )
}

/// A word or sentence with a capital letter first.
pub fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn password(wrong: Option<&Problem>) -> Markup {
    html! {
        section class="card narrow" aria-labelledby="password" {
            header { h2 id="password" { "Change your password" } }
            form class="card-body stack" method="post" action="/account/password" {
                (Field { id: "old", label: "Password you have", kind: "password", autocomplete: "current-password", hint: None }.empty(problem_at(wrong, "old")))
                (new_password(wrong))
                (Field {
                    id: "code", label: "Code", kind: "text", autocomplete: "one-time-code", hint: Some("From your authenticator app, or a recovery code."),
                }.empty(problem_at(wrong, "code")))
                p class="small muted" { "You are then signed out everywhere but here." }
                button class="btn primary" { "Change the password" }
            }
        }
    }
}

fn recovery(left: u32, wrong: Option<&Problem>) -> Markup {
    html! {
        section class="card narrow" aria-labelledby="recovery" {
            header { h2 id="recovery" { "Recovery codes" } }
            form class="card-body stack" method="post" action="/account/recovery" {
                p { @match left {
                    0 => strong { "You have none left." },
                    1 => "You have one left.",
                    left => { "You have " (left) " left." },
                } " New ones take the place of those." }
                (Field {
                    id: "proof", label: "Code", kind: "text", autocomplete: "one-time-code", hint: Some("From your authenticator app, or one of the codes that are left."),
                }.empty(problem_at(wrong, "proof")))
                button class="btn" { "Make new codes" }
            }
        }
    }
}

fn everywhere() -> Markup {
    html! {
        section class="card narrow" aria-labelledby="everywhere" {
            header { h2 id="everywhere" { "Sign out everywhere" } }
            form class="card-body stack" method="post" action="/account/sign-out" {
                p { "On every machine where you are signed in, this one too." }
                button class="btn" { "Sign out everywhere" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants() {
        for (role, on, until, words) in [
            ("administrator", "everything", None, "Administrator of everything here"),
            (
                "reader",
                "custodian:clinic-7",
                Some(1_801_439_999),
                "Reader of all that clinic-7 holds, until 31 Jan 2027",
            ),
            ("reader", "holding:clinic-8/1.2.3", None, "Reader of study 1.2.3, as clinic-8 holds it"),
            ("physician", "case:OR-2041", None, "Physician of case OR-2041"),
        ] {
            let grant = Grant { role: role.parse().unwrap(), on: on.parse().unwrap(), until };
            assert_eq!(in_words(&grant), words);
        }
    }
}
