//! QIDO-RS: searches for studies, series and instances (PS3.18 10.6).

use archive::{Include, Query, SearchPage};
use axum::body::Body;
use axum::response::Response;
use dicomweb::media::{Accept, Offer, Resource, model_offers};
use dicomweb::query::{self, Level, SearchRequest, Warning};
use http::StatusCode;
use http::header::{CONTENT_TYPE, WARNING};
use model::matching::Options;
use model::{SeriesUid, StudyUid};

use crate::app::Call;
use crate::compress::Coding;
use crate::conditional::random_boundary;
use crate::refusal::Refusal;
use crate::retrieve::{choose, insert};
use crate::sheet::Sheet;

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
    let offers = model_offers();
    let offer = choose(&accept, &offers)?;
    let (query, mut warnings) = archive_query(request);
    let page = call.app.archive().search(&call.who, query).await?;
    warnings.extend(page.ignored.iter().map(|path| Warning::NotMatched(query::dotted(path))));
    answer(call, &page, &warnings, offer).await
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
        matches: request
            .matches
            .into_iter()
            .map(|one| (one.path, wanted(one.wanted, request.options)))
            .collect(),
        creators: request.creators,
        zone: request.zone,
        include: match request.include {
            query::Include::All => Include::All,
            query::Include::Fields(paths) => Include::Fields(paths),
        },
        limit: request.limit,
        offset: request.offset,
    };
    (query, request.warnings)
}

fn wanted(wanted: query::Wanted, options: Options) -> archive::Wanted {
    match wanted {
        query::Wanted::Rule(rule) => rule.into(),
        query::Wanted::Text(text) => archive::Wanted::Text(text, options),
    }
}

async fn answer(
    call: &Call<'_>,
    page: &SearchPage,
    warnings: &[Warning],
    offer: &Offer,
) -> Result<Response, Refusal> {
    let found = !page.results.is_empty();
    let mut response = match found {
        true => results(call, page, offer).await?,
        false => Response::new(Body::empty()),
    };
    let headers = response.headers_mut();
    if found && page.remaining > 0 {
        headers.append(WARNING, call.app.warning(&remaining(page.remaining)));
    }
    for warning in warnings {
        headers.append(WARNING, call.app.warning(&warning.to_string()));
    }
    if !found {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    Ok(response)
}

/// The matches: one array, or one XML document each.
async fn results(call: &Call<'_>, page: &SearchPage, offer: &Offer) -> Result<Response, Refusal> {
    let mut sheet = Sheet::new(offer, random_boundary(call.app.secret()));
    sheet.out.reserve(page.results.iter().map(|result| result.json.len() + 128).sum());
    for result in &page.results {
        sheet.push(&result.json, call.app.base().as_str())?;
    }
    sheet.close();
    let (content_type, length) = (sheet.content_type(), sheet.out.len());
    let coding = Coding::of(&call.caller.headers).for_length(length);
    let mut response = Response::new(coding.whole(sheet.out).await?);
    insert(response.headers_mut(), CONTENT_TYPE, &content_type);
    coding.mark(&mut response);
    Ok(response)
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
