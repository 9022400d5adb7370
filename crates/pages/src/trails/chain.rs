//! The chain walked, and what came of it last.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use maud::{Markup, html};
use trail::{Report, TrailError};

use super::{Trails, busy, note, reader};
use crate::desk::Caller;
use crate::home::grouped;
use crate::layout::{Tone, notice};
use crate::moment::{minute, now};
use crate::site::Site;

/// How long the page waits for a walk; a long trail takes longer, and its walk goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// A walk, on its way or done.
pub enum Walked {
    /// It goes on since this second of Unix time.
    Begun(i64),
    /// It ended then, so.
    Ended(i64, Result<Report, TrailError>),
}

/// Walks the chain from its first row to its last.
pub async fn walk(State(site): State<Arc<Site>>, from: Caller, headers: HeaderMap) -> Response {
    let (visitor, trails) = match reader(&site, &headers) {
        Ok(reader) => reader,
        Err(answer) => return *answer,
    };
    let Ok(place) = Arc::clone(&trails.places).try_acquire_owned() else { return busy(&site, &visitor) };
    if let Err(answer) = note(&site, &from, &visitor, "the chain is verified").await {
        return answer;
    }
    trails.keep(Walked::Begun(now()));
    let walking = tokio::task::spawn_blocking(move || {
        let report = trail::verify(&trails.folder, None);
        if let Err(error) = &report {
            tracing::error!(%error, "the audit trail could not be verified");
        }
        trails.keep(Walked::Ended(now(), report));
        drop(place);
    });
    let _ = tokio::time::timeout(PATIENCE, walking).await;
    Redirect::to("/audit").into_response()
}

impl Trails {
    fn keep(&self, walked: Walked) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(walked);
    }

    /// What the last walk found, and a button for the next.
    pub fn chain(&self) -> Markup {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        html! {
            (found(last.as_ref()))
            form class="row" method="post" action="/audit/verify" {
                button class="btn" { "Verify the chain" }
            }
        }
    }
}

fn found(last: Option<&Walked>) -> Markup {
    match last {
        None => html! { p class="muted" { "The chain was not verified since the server started." } },
        Some(Walked::Begun(at)) => {
            html! { p class="muted" { "The chain is walked since " (minute(*at)) " UTC. Load this page again in a moment." } }
        }
        Some(Walked::Ended(at, Err(_))) => notice(
            Tone::Bad,
            html! { p { "At " (minute(*at)) " UTC the trail could not be read. The server's log says why." } },
        ),
        Some(Walked::Ended(at, Ok(report))) => match &report.problem {
            Some(problem) => notice(
                Tone::Bad,
                html! {
                    p { strong { "The trail is not as it was written: " (problem) "." } " The " (grouped(report.sound)) " entries before are. Keep the data folder as it is and look at who could write to it." }
                },
            ),
            None => html! {
                p { "Chain verified up to " (minute(*at)) " UTC, " (grouped(report.sound)) " entries." }
                @if report.alarms > 0 {
                    (notice(Tone::Warn, html! { p { (grouped(report.alarms)) " of them are alarms of the trail about itself: look for “alarm” in an export." } }))
                }
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use audit::chain::Head;
    use trail::Problem;

    use super::*;

    #[test]
    fn what_a_walk_found_is_said_in_words() {
        let report = |problem, alarms| {
            let report = Report { sound: 20_114, head: Head::EMPTY, problem, behind_head: 0, alarms };
            found(Some(&Walked::Ended(1_796_394_720, Ok(report)))).into_string()
        };
        assert!(
            report(None, 0).contains("Chain verified up to 2026-12-04 14:32 UTC, 20,114 entries."),
            "{}",
            report(None, 0)
        );
        assert!(report(None, 2).contains("2 of them are alarms"));
        let wrong = report(Some(Problem::Changed(20_115)), 0);
        assert!(wrong.contains("row 20115 was changed") && wrong.contains(r#"role="alert""#), "{wrong}");
        assert!(found(None).into_string().contains("not verified"));
    }
}
