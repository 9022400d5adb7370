//! What is answered to whoever does not get on: the same words whoever the name is.

use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use identity::Refused;
use maud::{Markup, html};

use super::{Problem, over};
use crate::account::capital;
use crate::desk::Trouble;
use crate::layout::{self, Page, Width, unavailable};
use crate::site::Site;

/// A refusal, as it is answered and told.
pub struct Refusal {
    /// Whose it is, as far as that is known; for the audit alone.
    pub account: Option<String>,
    kind: Kind,
}

enum Kind {
    Wait(i64),
    Wrong(Problem),
    Over,
    Busy,
    Failed,
}

impl Refusal {
    /// Of this trouble; `wrong` says what is not right, in the form's first field.
    pub fn of(trouble: Trouble, wrong: &str) -> Self {
        Self::at(trouble, "name", wrong)
    }

    /// The same, in this field.
    pub fn at(trouble: Trouble, field: &'static str, wrong: &str) -> Self {
        let bare = |kind| Self { account: None, kind };
        match trouble {
            Trouble::Busy => bare(Kind::Busy),
            Trouble::Refused(Refused::Wait { seconds, account }) => {
                Self { account, kind: Kind::Wait(seconds) }
            }
            Trouble::Refused(Refused::Wrong { account }) => {
                Self { account, kind: Kind::Wrong(Problem::at(field, wrong)) }
            }
            Trouble::Refused(Refused::Over) => bare(Kind::Over),
            Trouble::Refused(Refused::Policy(policy)) => bare(Kind::Wrong(Problem::at(
                "new",
                &format!("{}. Choose another.", capital(&policy.to_string())),
            ))),
            Trouble::Refused(Refused::Name) => bare(Kind::Wrong(Problem::at(
                "account",
                "This name is not taken. Use 1 to 64 letters, digits and . _ - @, and one that nobody has.",
            ))),
            Trouble::Refused(Refused::Failed(error)) => {
                tracing::error!(%error, "an account could not be asked");
                bare(Kind::Failed)
            }
        }
    }

    /// What was not right, if that is it.
    pub fn wrong(&self) -> Option<&Problem> {
        match &self.kind {
            Kind::Wrong(problem) => Some(problem),
            _ => None,
        }
    }

    /// What the audit is told; `wrong` when something was not right.
    pub fn told(&self, wrong: &'static str) -> &'static str {
        match &self.kind {
            Kind::Wait(_) => "not looked at: too many tries from this address under this name",
            Kind::Wrong(_) => wrong,
            Kind::Over => "the way in was good no more",
            Kind::Busy => "not looked at: too many ask at once",
            Kind::Failed => "the register does not answer",
        }
    }

    /// The answer: the form again, with its problem, or a page that says why not.
    pub fn answer(&self, form: impl FnOnce(&Problem) -> Response, site: &Site) -> Response {
        match &self.kind {
            Kind::Wrong(problem) => form(problem),
            Kind::Wait(seconds) => wait(site, *seconds, StatusCode::TOO_MANY_REQUESTS),
            Kind::Busy => wait(site, 2, StatusCode::SERVICE_UNAVAILABLE),
            Kind::Over => over(site),
            Kind::Failed => unavailable(site, None),
        }
    }
}

/// The error summary: first in the page, the same words as beside the field, which it leads to.
pub fn summary(problem: &Problem) -> Markup {
    layout::problem(html! { a href={ "#" (problem.field) } { (problem.words) } })
}

/// What is said beside this field, if anything.
pub fn problem<'a>(problem: Option<&'a Problem>, field: &str) -> Option<&'a str> {
    problem.filter(|problem| problem.field == field).map(|problem| problem.words.as_str())
}

fn wait(site: &Site, seconds: i64, status: StatusCode) -> Response {
    let time = match seconds {
        1 => "1 second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", (seconds + 59) / 60),
    };
    let main = html! {
        @if status == StatusCode::TOO_MANY_REQUESTS {
            h1 { "Too many tries" }
            p { "This try was not looked at. The next one is in " strong { (time) } ". The wait is for this name from where you are; the same account from elsewhere does not wait." }
        } @else {
            h1 { "Many people sign in at this moment" }
            p { "Nothing is wrong. Try again in " strong { (time) } "." }
        }
        p { a class="btn" href="/" { "Back to the start" } }
    };
    let mut response = Page { title: "Error: wait", width: Width::Reading, main }.respond(status, site, None);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response.into_response()
}
