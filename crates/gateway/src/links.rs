//! `/api/links`: links that are given away, made, listed and withdrawn by programs. An extension of our own.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use access::{Action, Allowed, Holding, Principal};
use archive::Target;
use audit::{Event, moment};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use identity::{Code, FreshLink, Link, LinkDone, LinkError, LinkKind, Links, Purpose, Wanted, link_told};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::{App, Caller, respond};
use crate::refusal::{Refusal, sentence};
use crate::store::{Upload, UploadError};

const ALL_METHODS: &str = "GET, HEAD, POST, OPTIONS";
const ONE_METHODS: &str = "DELETE, OPTIONS";
/// Most bytes of a request's body: a hundred studies with room to spare.
const BODY: usize = 64 << 10;
const SERVICE: &str = "links API";

/// A link that is wanted, as JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    kind: Kind,
    label: String,
    #[serde(default)]
    studies: Vec<Study>,
    #[serde(default = "week")]
    days: u32,
    #[serde(default)]
    uses: Option<u32>,
    #[serde(default)]
    code: AskedCode,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Share,
    Upload,
}

/// A study, of this custodian or of the first that has it and that may be shared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Study {
    study: String,
    #[serde(default)]
    custodian: Option<String>,
}

/// `true` for one that we choose, `false` for none, or the code itself.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum AskedCode {
    Whether(bool),
    Chosen(String),
}

impl Default for AskedCode {
    fn default() -> Self {
        AskedCode::Whether(true)
    }
}

fn week() -> u32 {
    7
}

/// `/api/links`.
pub(crate) async fn all(State(app): State<App>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    respond(&app, &parts, "links", ALL_METHODS, started, async {
        let caller = Caller::of(&app, &parts);
        match parts.method {
            Method::OPTIONS => Ok(options(ALL_METHODS)),
            Method::GET | Method::HEAD => list(&app, &caller).await,
            Method::POST => {
                let mut body = Upload::new(body, &parts.headers, &app.config().limits);
                let made = make(&app, &caller, &mut body).await;
                if made.is_err() {
                    body.drain().await;
                }
                made
            }
            _ => Err(Refusal::method(ALL_METHODS)),
        }
    })
    .await
}

/// `/api/links/{link}`.
pub(crate) async fn one(State(app): State<App>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, _) = request.into_parts();
    let number = parts.uri.path().rsplit('/').next().and_then(|number| number.parse::<i64>().ok());
    respond(&app, &parts, "link", ONE_METHODS, started, async {
        let caller = Caller::of(&app, &parts);
        match parts.method {
            Method::OPTIONS => Ok(options(ONE_METHODS)),
            Method::DELETE => withdraw(&app, &caller, number).await,
            _ => Err(Refusal::method(ONE_METHODS)),
        }
    })
    .await
}

fn options(methods: &'static str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// Somebody who may have links, and the links.
async fn maker(app: &App, caller: &Caller) -> Result<(Principal, Arc<Links>), Refusal> {
    let who = app.authenticate(caller).await?;
    let may = [LinkKind::Share, LinkKind::Upload].iter().any(|kind| Links::may_make(&who, *kind));
    match app.links() {
        Some(links) if may => Ok((who, Arc::clone(links))),
        Some(_) => {
            app.denied(&who, caller, SERVICE);
            Err(Refusal::new(StatusCode::FORBIDDEN, sentence(&format!("{who} may not share"))))
        }
        None => Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "This server asks nobody who they are, so it makes no links.",
        )),
    }
}

async fn list(app: &App, caller: &Caller) -> Result<Response, Refusal> {
    let (who, links) = maker(app, caller).await?;
    let found = off(move || links.list(&who)).await??;
    let shown: Vec<Value> = found.iter().map(described).collect();
    Ok(answer(StatusCode::OK, &json!({ "links": shown })))
}

async fn make(app: &App, caller: &Caller, body: &mut Upload) -> Result<Response, Refusal> {
    let (who, links) = maker(app, caller).await?;
    if !app.recorder().has_room() {
        return Err(Refusal::unavailable("The audit trail cannot be written. Try again in some seconds."));
    }
    let asked: Asked = serde_json::from_slice(&whole(body).await?)
        .map_err(|error| Refusal::bad_request(format!("The body is no link that could be made: {error}.")))?;
    let purpose = match (asked.kind, asked.studies.as_slice()) {
        (Kind::Upload, []) => Purpose::Upload,
        (Kind::Upload, _) => {
            return Err(Refusal::bad_request("A link by which images are sent names no studies."));
        }
        (Kind::Share, studies) => Purpose::Share(holdings(app, &who, studies).await?),
    };
    let wanted = Wanted {
        purpose,
        label: asked.label,
        days: asked.days,
        use_limit: asked.uses,
        code: match asked.code {
            AskedCode::Whether(true) => Code::Random,
            AskedCode::Whether(false) => Code::None,
            AskedCode::Chosen(code) => Code::Chosen(code),
        },
    };
    let by = who.clone();
    let FreshLink { link, token, code } = off(move || links.make(&who, &wanted, now())).await??;
    record(app, link_told(&link, LinkDone::Made, &caller.told(&by), SERVICE)).await;
    tracing::info!(principal = %by, link = link.id, "a link was made");
    let url = format!("{}/s#{token}", app.root());
    let mut response =
        answer(StatusCode::CREATED, &json!({ "link": described(&link), "url": url, "code": code }));
    if let Ok(location) = HeaderValue::from_str(&format!("{}/api/links/{}", app.root(), link.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

async fn withdraw(app: &App, caller: &Caller, number: Option<i64>) -> Result<Response, Refusal> {
    let (who, links) = maker(app, caller).await?;
    let Some(number) = number else { return Err(Refusal::from(LinkError::Unknown(0))) };
    if !app.recorder().has_room() {
        return Err(Refusal::unavailable("The audit trail cannot be written. Try again in some seconds."));
    }
    let by = who.clone();
    let (link, was_open) = off(move || links.revoke(&who, number, now())).await??;
    if was_open {
        record(app, link_told(&link, LinkDone::Withdrawn, &caller.told(&by), SERVICE)).await;
        tracing::info!(principal = %by, link = number, "a link was withdrawn");
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// The holdings that are meant. What may not be shared looks like what is not there.
async fn holdings(app: &App, who: &Principal, studies: &[Study]) -> Result<Vec<Holding>, Refusal> {
    let absent = || Refusal::not_found("There is no such study here, or none that you may share.");
    let reach = who.allowed().reach(Action::Share).ok_or_else(absent)?;
    let allowed = Allowed::by(|action| action == Action::Retrieve, reach);
    let sharer = Principal::with(who.door(), who.name(), who.custodian().clone(), allowed);
    let mut holdings = Vec::new();
    // More than may be shared is refused with the rest of the wish; until then no more than that is looked for.
    for named in studies.iter().take(101) {
        let study = named.study.parse();
        let study = study.map_err(|_| Refusal::bad_request("A study is named by its UID."))?;
        let custodian = named.custodian.as_deref().map(str::parse).transpose();
        let custodian = custodian.map_err(|_| Refusal::bad_request("No custodian has such a name."))?;
        let target = Target { study, series: None, instance: None, custodian, version: None };
        let first = app.archive().instances(&sharer, target).await;
        let first = match first {
            Ok(mut instances) => instances.next_page().await?,
            Err(error)
                if matches!(
                    error.kind(),
                    archive::ReadErrorKind::NotFound | archive::ReadErrorKind::Gone
                ) =>
            {
                return Err(absent());
            }
            Err(error) => return Err(error.into()),
        };
        let record = first.first().ok_or_else(absent)?;
        holdings.push(Holding { study, custodian: record.custodian.clone() });
    }
    Ok(holdings)
}

/// A link without its secrets.
fn described(link: &Link) -> Value {
    let time = |seconds: i64| moment(seconds.saturating_mul(1_000));
    let studies: Vec<Value> = link
        .holdings
        .iter()
        .map(|one| json!({ "study": one.study.to_string(), "custodian": one.custodian.as_str() }))
        .collect();
    let openings: Vec<Value> =
        link.openings.iter().map(|one| json!({ "at": time(one.at), "from": one.address })).collect();
    json!({
        "id": link.id,
        "kind": link.kind.name(),
        "label": link.label,
        "custodian": link.custodian.as_str(),
        "studies": studies,
        "madeBy": link.maker_name,
        "madeAt": time(link.made_at),
        "expires": time(link.expires_at),
        "uses": link.uses,
        "useLimit": link.use_limit,
        "withCode": link.code.is_some(),
        "withdrawn": link.revoked_at.map(time),
        "openings": openings,
    })
}

async fn whole(body: &mut Upload) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    loop {
        match body.next().await {
            Ok(None) => return Ok(bytes),
            Ok(Some(more)) if bytes.len() + more.len() <= BODY => bytes.extend_from_slice(&more),
            Ok(Some(_)) | Err(UploadError::TooLarge) => {
                return Err(Refusal::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "A link is wanted in 64 KiB at most.",
                ));
            }
            Err(UploadError::TooSlow | UploadError::Broken) => {
                return Err(Refusal::bad_request("The request broke off. Send it again."));
            }
        }
    }
}

/// Tells what was done, and waits until that is on the disk.
async fn record(app: &App, events: Vec<Event>) {
    events.into_iter().for_each(|event| app.recorder().record(event));
    if !app.recorder().flushed().await {
        tracing::error!("the audit trail may not have on disk what was done to a link");
    }
}

/// Runs what waits for the register's disk or for a hash.
async fn off<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a link could not be looked at");
        Refusal::unavailable("Links cannot be read at the moment. Try again in some seconds.")
    })
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl From<LinkError> for Refusal {
    fn from(error: LinkError) -> Self {
        let why = sentence(&error.to_string());
        match error {
            LinkError::Label | LinkError::Days | LinkError::Uses | LinkError::Holdings | LinkError::Code => {
                Self::bad_request(why)
            }
            LinkError::NotAllowed => Self::new(StatusCode::FORBIDDEN, why),
            LinkError::Unknown(_) => Self::not_found("There is no such link here, or it is somebody else's."),
            LinkError::Identity(error) => {
                tracing::error!(%error, "links could not be read or changed");
                Self::unavailable("Links cannot be changed at the moment. Try again in some seconds.")
            }
        }
    }
}
