//! The page to send images from, and what became of each file.

use access::Principal;
use archive::unpack::Verdict;
use axum::Extension;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use identity::Link;
use maud::{Markup, html};

use super::files::{Line, Report};
use crate::assets;
use crate::guard::Scripted;
use crate::home::grouped;
use crate::layout::{self, Page, Tone, Width, notice};
use crate::links::SEND;
use crate::moment::day;
use crate::site::Site;

/// Files of one kind that are named.
const NAMED: usize = 1_000;

/// The form.
pub fn form(
    site: &Site,
    visitor: &Principal,
    link: &Link,
    status: StatusCode,
    problem: Option<&str>,
) -> Response {
    let main = html! {
        @if let Some(problem) = problem {
            (layout::problem(html! { (problem) }))
        }
        div class="stack" {
            h1 { "Send your images" }
            p { "You were asked for your scans. You need the CD, the USB stick or the download that the hospital gave you. We pick out the images; other files are left out." }
        }
        form class="card" method="post" action=(SEND) enctype="multipart/form-data" id="send" {
            div class="card-body stack" {
                div class="field for-mouse" {
                    label for="folder" { "A whole CD or folder" }
                    p class="hint" id="folder-hint" { "Choose the CD itself, not one file on it." }
                    input id="folder" name="files" type="file" webkitdirectory multiple aria-describedby="folder-hint";
                }
                div class="field" {
                    label for="files" { "A ZIP, or single files" }
                    p class="hint" id="files-hint" { "As it was downloaded; there is no need to unpack it." }
                    input id="files" name="files" type="file" multiple aria-describedby="files-hint";
                }
                button class="btn primary" { "Send" }
                progress id="progress" max="100" value="0" aria-label="Sent" hidden {}
                p id="said" role="status" class="small" {}
            }
        }
        (notice(Tone::Info, html! {
            p { "Keep this page open until it says what became of each file. That takes some minutes for a whole CD." }
        }))
        (until(link))
        script src=(assets::send_script()) defer {}
    };
    let title = if problem.is_some() { "Error: send your images" } else { "Send your images" };
    let page = Page { title, width: Width::Reading, main }.respond(status, site, Some(visitor));
    (Extension(Scripted), page).into_response()
}

/// What became of each file: what failed first, then what is here.
pub fn sent(site: &Site, visitor: &Principal, link: &Link, report: &Report) -> Response {
    let of = |wanted: fn(&Verdict) -> bool| -> Vec<&Line> {
        report.lines.iter().filter(|line| wanted(&line.verdict)).collect()
    };
    let stored = of(|verdict| matches!(verdict, Verdict::Stored { .. }));
    let same = of(|verdict| matches!(verdict, Verdict::Same));
    let versions = of(|verdict| matches!(verdict, Verdict::Version { .. }));
    let failed = of(|verdict| matches!(verdict, Verdict::Refused { .. } | Verdict::Stopped { .. }));
    let left_out = of(|verdict| matches!(verdict, Verdict::NotDicom { .. }));
    let here = stored.len() + same.len() + versions.len();
    let title = if here == 0 { "Nothing was sent" } else { "Sent" };
    let main = html! {
        div class="stack" {
            h1 {
                @match (here, failed.len()) {
                    (0, 0) => "We found no images in this"
                    (0, _) => "No image could be taken"
                    (_, 0) => { (images(here)) @if here == 1 { " is here" } @else { " are here" } ". Thank you." }
                    (_, _) => { (images(here)) @if here == 1 { " is here, " } @else { " are here, " } (grouped(failed.len() as u64)) @if failed.len() == 1 { " is not" } @else { " are not" } }
                }
            }
            @if here == 0 && failed.is_empty() {
                p { "On a CD, choose the CD itself, not one file on it. A download is chosen as the ZIP that it is." }
            }
        }
        @if let Some(cut) = report.cut {
            (notice(Tone::Bad, html! { h2 { "Not everything was looked at" } p { (cut) } }))
        }
        (list("failed", "Not taken", &failed, true))
        (list("versions", "Kept as another version", &versions, true))
        (list("stored", "Here now", &stored, false))
        (list("same", "Already here", &same, false))
        (list("left-out", "Left out", &left_out, false))
        p class="row" { a class="btn" href=(SEND) { "Send more" } }
        (until(link))
    };
    let status = match (here, failed.len()) {
        (0, _) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let title = if here == 0 { format!("Error: {}", title.to_lowercase()) } else { title.to_owned() };
    Page { title: &title, width: Width::Reading, main }.respond(status, site, Some(visitor))
}

fn images(count: usize) -> String {
    let word = if count == 1 { "image" } else { "images" };
    format!("{} {word}", grouped(count as u64))
}

fn list(id: &str, title: &str, lines: &[&Line], open: bool) -> Markup {
    html! {
        @if !lines.is_empty() {
            section class="card" aria-labelledby=(id) {
                header { h2 id=(id) { (title) } span class="push num" { (grouped(lines.len() as u64)) } }
                div class="card-body" {
                    details open[open] {
                        summary { "File by file" }
                        ul class="files" {
                            @for line in lines.iter().take(NAMED) {
                                li { strong { @if line.name.is_empty() { "(nameless)" } @else { (line.name) } } p { (words(&line.verdict)) } }
                            }
                            @if lines.len() > NAMED { li { p { "and " (grouped((lines.len() - NAMED) as u64)) " more of this kind" } } }
                        }
                    }
                }
            }
        }
    }
}

/// What became of a file, why, and what to do.
fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Stored { .. } => "Stored.".to_owned(),
        Verdict::Same => "It was already here. We keep one copy.".to_owned(),
        Verdict::Version { number } => {
            format!(
                "Another image with the same number was here. Both are kept, this one as version {number}."
            )
        }
        Verdict::NotDicom { .. } => "No image that we know.".to_owned(),
        Verdict::Refused { why } => {
            format!(
                "It is damaged or not complete: {why}. The other files are fine. Copy it from the CD once more, or ask the hospital for it."
            )
        }
        Verdict::Stopped { .. } => "We have no room at the moment. Send it again later.".to_owned(),
    }
}

fn until(link: &Link) -> Markup {
    html! {
        p class="small muted" { "This link works until " (day(link.expires_at)) ", on every device. You see no images by it, and nobody else does. What you send is recorded." }
    }
}
