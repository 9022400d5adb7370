//! What is asked of whoever makes a link, and the page that shows it once.

use access::Principal;
use axum::response::Response;
use http::StatusCode;
use identity::{Code, FreshLink, LinkError, LinkKind, Purpose, Wanted};
use maud::{Markup, html};

use super::ENTRANCE;
use crate::form::Form;
use crate::layout::{self, Page, Tone, Width, notice};
use crate::moment;
use crate::site::Site;

/// Days that a link lives where nothing else is said.
const DAYS: u32 = 7;

/// The form as it was filled in.
#[derive(Debug)]
pub struct Filled {
    label: String,
    days: String,
    uses: String,
    code: String,
    words: String,
}

impl Default for Filled {
    fn default() -> Self {
        let none = String::new;
        Self { label: none(), days: DAYS.to_string(), uses: none(), code: "digits".into(), words: none() }
    }
}

impl Filled {
    pub fn read(form: &Form<'_>) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            label: text("label"),
            days: text("days"),
            uses: text("uses"),
            code: text("code"),
            words: text("words"),
        }
    }

    /// What is wanted. What is no number is one that is refused.
    pub fn wanted(&self, purpose: Purpose) -> Wanted {
        Wanted {
            purpose,
            label: self.label.clone(),
            days: self.days.parse().unwrap_or(0),
            use_limit: (!self.uses.is_empty()).then(|| self.uses.parse().unwrap_or(0)),
            code: match self.code.as_str() {
                "none" => Code::None,
                "words" => Code::Chosen(self.words.clone()),
                _ => Code::Random,
            },
        }
    }

    /// The fields, with what was wrong with them.
    pub fn fields(&self, wrong: Option<&Wrong>) -> Markup {
        let code = |value: &str, id: &str, words: &str| {
            html! {
                div class="check" {
                    input type="radio" id=(id) name="code" value=(value) checked[self.code == value];
                    label for=(id) { (words) }
                }
            }
        };
        html! {
            (field(wrong, "label", "For whom", "So that you know it again. The recipient does not see it.", "text", &self.label))
            (field(wrong, "days", "Days until it ends", "1 to 30.", "number", &self.days))
            (field(wrong, "uses", "How often it may be opened", "Empty: as often as one likes.", "number", &self.uses))
            fieldset class="field" {
                legend { "Access code" }
                p class="hint" { "Tell it apart from the link, by phone for example: a mail that goes astray opens nothing then." }
                (code("digits", "code-digits", "Eight digits, chosen for you"))
                (code("words", "code-words", "These words or digits:"))
                @if let Some(wrong) = wrong.filter(|wrong| wrong.field == "words") { p class="error" id="words-error" { (wrong.why) } }
                input id="words" name="words" type="text" value=(self.words) autocomplete="off" aria-label="Own words or digits";
                (code("none", "code-none", "None: who has the link is let in"))
            }
        }
    }
}

/// A field that cannot be taken as it is, and why.
pub struct Wrong {
    pub field: &'static str,
    pub why: String,
}

impl Wrong {
    /// What the maker of a link can mend; none for what it cannot.
    pub fn of(error: &LinkError) -> Option<Self> {
        let field = match error {
            LinkError::Label => "label",
            LinkError::Days => "days",
            LinkError::Uses => "uses",
            LinkError::Code => "words",
            _ => return None,
        };
        let mut why = error.to_string();
        why.get_mut(..1).map(str::make_ascii_uppercase);
        Some(Self { field, why: why + "." })
    }

    /// What stands above the form.
    pub fn summary(&self) -> Markup {
        layout::problem(html! { a href={ "#" (self.field) } { (self.why) } })
    }
}

fn field(
    wrong: Option<&Wrong>,
    id: &'static str,
    label: &str,
    hint: &str,
    kind: &str,
    value: &str,
) -> Markup {
    let error = wrong.filter(|wrong| wrong.field == id);
    let described = match error {
        None => format!("{id}-hint"),
        Some(_) => format!("{id}-hint {id}-error"),
    };
    html! {
        div class="field" {
            label for=(id) { (label) }
            p class="hint" id={ (id) "-hint" } { (hint) }
            @if let Some(error) = error { p class="error" id={ (id) "-error" } { (error.why) } }
            input id=(id) name=(id) type=(kind) value=(value) autocomplete="off"
                inputmode=[(kind == "number").then_some("numeric")] min=[(kind == "number").then_some("1")]
                aria-describedby=(described) aria-invalid=[error.map(|_| "true")];
        }
    }
}

/// The link and its code, this once.
pub fn made(site: &Site, visitor: &Principal, made: &FreshLink) -> Response {
    let root = site.about.dicomweb.strip_suffix("/dicom-web").unwrap_or_default();
    let address = format!("{root}{ENTRANCE}#{}", made.token);
    let main = html! {
        h1 { "Link " (made.link.id) " for " (made.link.label) " is made" }
        (notice(Tone::Warn, html! {
            p { strong { "It is shown this once." } " Copy it now. We keep nothing from which it could be made again." }
        }))
        section class="card" aria-labelledby="link" {
            header { h2 id="link" { "The link" } }
            div class="card-body stack" {
                pre class="paste wrap" { (address) }
                p class="small muted" {
                    @match made.link.kind {
                        LinkKind::Share => "Whoever opens it sees the images with the patient's name."
                        LinkKind::Upload => { "Whoever opens it sends images to " (made.link.custodian) ", and sees none." }
                    }
                    " It ends on " (moment::day(made.link.expires_at)) "."
                    @if let Some(limit) = made.link.use_limit { " It may be opened " (limit) @if limit == 1 { " time." } @else { " times." } }
                }
            }
        }
        @if let Some(code) = &made.code {
            section class="card" aria-labelledby="code" {
                header { h2 id="code" { "The access code" } }
                div class="card-body stack" {
                    pre class="paste wrap" { (code) }
                    p class="small muted" { "Send it another way than the link. After 5 wrong codes the link is locked for 15 minutes." }
                }
            }
        }
        p { a class="btn" href="/links" { "All links" } }
    };
    Page { title: "Link made", width: Width::Reading, main }.respond(StatusCode::OK, site, Some(visitor))
}
