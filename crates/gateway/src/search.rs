//! QIDO-RS: searches for studies, series and instances (PS3.18 10.6).

use archive::{Include, Query, SearchPage};
use axum::body::Body;
use axum::response::Response;
use dicomweb::json::complete;
use dicomweb::media::{Accept, DICOM_JSON, Resource, json_offers};
use dicomweb::query::{self, Level, SearchRequest, Warning};
use http::header::{CONTENT_TYPE, WARNING};
use http::{HeaderValue, StatusCode};
use model::{SeriesUid, StudyUid};

use crate::app::Call;
use crate::refusal::Refusal;
use crate::retrieve::choose;

/// Matches beyond a page are counted up to this many.
const COUNTED: u32 = 1_000;

/// What matches, as one array; 204 when nothing does.
pub(crate) async fn search(
    call: &Call<'_>,
    level: Level,
    study: Option<StudyUid>,
    series: Option<SeriesUid>,
) -> Result<Response, Refusal> {
    let request = SearchRequest::parse(level, study, series, call.query)?;
    let missing = call.app.config().missing_accept;
    let accept = Accept::read(call.accept(), request.accept.as_deref(), Resource::Search, missing)?;
    choose(&accept, &json_offers())?;
    let (query, mut warnings) = archive_query(request);
    let page = call.app.archive().search(&call.who, query).await?;
    warnings.extend(page.ignored.iter().map(|path| Warning::NotMatched(query::dotted(path))));
    Ok(answer(call, &page, &warnings))
}

fn archive_query(request: SearchRequest) -> (Query, Vec<Warning>) {
    let query = Query {
        level: match request.level {
            Level::Study => archive::Level::Study,
            Level::Series => archive::Level::Series,
            Level::Instance => archive::Level::Instance,
        },
        study: request.study,
        series: request.series,
        matches: request.matches.into_iter().map(|wanted| (wanted.path, wanted.rule)).collect(),
        include: match request.include {
            query::Include::All => Include::All,
            query::Include::Fields(paths) => Include::Fields(paths),
        },
        limit: request.limit,
        offset: request.offset,
    };
    (query, request.warnings)
}

fn answer(call: &Call<'_>, page: &SearchPage, warnings: &[Warning]) -> Response {
    let mut out = Vec::with_capacity(page.results.iter().map(|result| result.json.len() + 128).sum());
    for (at, result) in page.results.iter().enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        complete(&result.json, call.app.base().as_str(), &mut out);
    }
    let found = !out.is_empty();
    if found {
        out.push(b']');
    }
    let mut response = Response::new(Body::from(out));
    let headers = response.headers_mut();
    if found {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(DICOM_JSON));
        if page.remaining > 0 {
            headers.append(WARNING, call.app.warning(&remaining(page.remaining)));
        }
    }
    for warning in warnings {
        headers.append(WARNING, call.app.warning(&warning.to_string()));
    }
    if !found {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

/// The Standard's sentence (PS3.18 8.3.4.4.1).
fn remaining(count: u32) -> String {
    let count = if count >= COUNTED { format!("at least {count}") } else { count.to_string() };
    format!("There are {count} additional results that can be requested")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qido_037_what_remains() {
        for (count, expected) in [
            (1, "There are 1 additional results that can be requested"),
            (999, "There are 999 additional results that can be requested"),
            (1_000, "There are at least 1000 additional results that can be requested"),
        ] {
            assert_eq!(remaining(count), expected);
        }
    }
}
