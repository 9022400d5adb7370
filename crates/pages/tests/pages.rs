//! The pages as a browser meets them: over the router, on a real archive.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::sync::Arc;

use access::Principal;
use archive::{Announced, Archive, Framing};
use audit::{Event, Recorder, RequestId, Unrecorded};
use axum::Router;
use axum::body::Body;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE,
};
use http::{HeaderMap, Request, StatusCode};
use identity::{Accounts, Sessions, Standing, digest};
use pages::{About, Ask, Entry, Listener, Site};
use testkit::Instance;
use tower::ServiceExt;

const TOKEN: &str = "a-token-of-the-test";
const HOSTILE: &str = "<script>alert(1)</script>^\"'&";

struct World {
    router: Router,
    study: String,
    _folder: tempfile::TempDir,
}

/// An answer, read to its end.
struct Page {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl World {
    async fn new(entry: Entry) -> Self {
        Self::told(entry, Arc::new(Unrecorded)).await
    }

    async fn told(entry: Entry, recorder: Arc<dyn Recorder>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (blobs, left) = blob::Blobs::open(&folder.path().join("data"), blob::Limits::default()).unwrap();
        let index =
            index::SqliteIndex::open(&folder.path().join("data/i.db"), index::Config::default()).unwrap();
        let (archive, _) =
            Archive::open(archive::Config::default(), blobs, left, Arc::new(index)).await.unwrap();
        let study = fill(&archive).await;
        let about = About {
            version: "0.0.0",
            aet: "OVERREAD".into(),
            viewer: true,
            listeners: vec![Listener { speaks: "DIMSE", address: "127.0.0.1:11112".parse().unwrap() }],
            dicomweb: "https://here:8443/dicom-web".into(),
            calling: None,
        };
        let site = Site::new(archive, about, entry).with_recorder(recorder);
        Self { router: pages::router(site), study, _folder: folder }
    }

    async fn open() -> Self {
        Self::new(Entry::Open(Principal::loopback())).await
    }

    async fn guarded() -> Self {
        Self::guarded_and_told(Arc::new(Unrecorded)).await
    }

    async fn guarded_and_told(recorder: Arc<dyn Recorder>) -> Self {
        let stands =
            |standing: &Standing| (*standing == Standing::Token(digest(TOKEN))).then(Principal::console);
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(&folder.path().join(identity::FILE)).unwrap();
        let ask = Ask::new(Arc::new(stands), Sessions::default(), accounts, true);
        Self::told(Entry::Ask(ask), recorder).await
    }

    async fn get(&self, path: &str, cookie: Option<&str>) -> Page {
        self.ask(Request::get(path), cookie, Body::empty()).await
    }

    async fn post(&self, path: &str, form: &str, cookie: Option<&str>) -> Page {
        let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request, cookie, Body::from(form.to_owned())).await
    }

    async fn ask(&self, request: http::request::Builder, cookie: Option<&str>, body: Body) -> Page {
        let request = match cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        };
        let (parts, body) =
            self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        Page {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// Every page that somebody with this cookie can see, with the names shown and masked.
    async fn all(&self, cookie: Option<&str>) -> Vec<Page> {
        let study = format!("/studies/{}", self.study);
        vec![
            self.get("/", cookie).await,
            self.get("/studies", cookie).await,
            self.post("/studies", "name=nobody", cookie).await,
            self.post("/studies", "from=yesterday", cookie).await,
            self.post("/studies", "shown=1", cookie).await,
            self.post("/studies", "offset=1&name=%3Cscript%3E", cookie).await,
            self.get(&study, cookie).await,
            self.post(&study, "shown=1", cookie).await,
            self.get("/studies/1.2.3", cookie).await,
            self.post("/sign-in", "token=wrong", cookie).await,
        ]
    }
}

/// Two studies; the second one's patient has a hostile name.
async fn fill(archive: &Archive) -> String {
    let mut hostile = Instance::new(2, 1, 1);
    hostile.patient_name = HOSTILE.into();
    for instance in [Instance::new(1, 1, 1), Instance::new(1, 1, 2), hostile.clone()] {
        let who = Principal::console();
        let announced = Announced {
            framing: Framing::Part10,
            sop_class: None,
            sop_instance: None,
            study: None,
            source: "test".into(),
        };
        let mut incoming = archive.receive(&who, announced).await.unwrap();
        incoming.write(instance.part10().into()).await.unwrap();
        incoming.finish().await.unwrap();
    }
    hostile.study
}

fn attribute_values<'a>(text: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    text.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn rendered_pages_keep_the_rules() {
    let world = World::open().await;
    let mut seen = 0;
    for page in world.all(None).await {
        if page.status.is_redirection() {
            continue;
        }
        seen += 1;
        let text = &page.text;
        assert_eq!(text.matches("<h1").count(), 1, "{text}");
        assert!(text.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{text}");
        for forbidden in ["<script", " style=", " onclick=", " onload=", "javascript:"] {
            assert!(!text.contains(forbidden), "{forbidden} in {text}");
        }
        let title = text.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        assert!(!title.contains("Muster") && !title.contains("alert") && title.ends_with(" – Overread"));
        assert!(!page.status.is_client_error() || title.starts_with("Error: "), "{title}");
        for href in attribute_values(text, "href") {
            assert!(!href.contains("Muster") && !href.contains("alert"), "{href}");
            assert!(href.starts_with('/') || href.starts_with('#'), "{href}");
            if let Some(id) = href.strip_prefix('#') {
                assert!(text.contains(&format!("id=\"{id}\"")), "#{id} leads nowhere");
            }
        }
        for id in [attribute_values(text, "for"), attribute_values(text, "aria-labelledby")].concat() {
            assert!(text.contains(&format!("id=\"{id}\"")), "{id} names nothing");
        }
        assert!(page.headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
        assert_eq!(page.headers[REFERRER_POLICY], "no-referrer");
        assert_eq!(page.headers[CACHE_CONTROL], "no-store");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
    }
    assert_eq!(seen, 9);
}

#[tokio::test]
async fn nothing_about_patients_without_a_session() {
    let world = World::guarded().await;
    for cookie in [None, Some("__Host-overread=0000"), Some("overread=x")] {
        for page in world.all(cookie).await {
            for part in ["Muster", "•", "Anna", "1.2.826", "studies\">", "Patient"] {
                assert!(!page.text.contains(part), "{part} in {}", page.text);
            }
        }
    }
    for path in ["/studies/1.2.826.0.1.3680043.10.1.1/metadata", "/studies/1.2/series/1.3/metadata"] {
        let page = world.get(path, None).await;
        assert_eq!((page.status, &page.headers[LOCATION]), (StatusCode::SEE_OTHER, &"/".parse().unwrap()));
    }
}

#[tokio::test]
async fn a_token_begins_a_session_and_signing_out_ends_it() {
    let world = World::guarded().await;
    assert_eq!(world.post("/sign-in", "token=wrong", None).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.post("/sign-in", "", None).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = world.post("/sign-in", &format!("token={TOKEN}%0A"), None).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let cookie = page.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert!(!cookie.contains(TOKEN));
    let list = world.get("/studies", Some(&cookie)).await;
    assert!(list.text.contains("M•••••, A."), "{}", list.text);
    assert!(list.text.contains("Sign out"));
    let out = world.post("/sign-out", "", Some(&cookie)).await;
    assert!(out.headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(world.get("/studies", Some(&cookie)).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn names_are_shown_when_they_are_asked_for_and_found_by_their_beginning() {
    let world = World::open().await;
    for (form, found) in [
        ("", &["M•••••, A.", "&lt;•••••"][..]),
        ("name=muster", &["M•••••, A."]),
        ("name=Muster%2C+A&shown=1", &["Muster, Anna", "P1"]),
        ("id=P2&shown=1", &["&lt;script&gt;alert(1)&lt;/script&gt;, &quot;'&amp;"]),
        ("from=2024-01-15&to=2024-01-15&modality=ct", &["M•••••, A.", "&lt;•••••"]),
        ("to=2024-01-14", &["No study matches"]),
        ("name=Nobody", &["No study matches"]),
    ] {
        let page = world.post("/studies", form, None).await;
        assert_eq!(page.status, StatusCode::OK);
        for part in found {
            assert!(page.text.contains(part), "{form}: {part} not in {}", page.text);
        }
        assert!(form.contains("shown") || !page.text.contains("Anna"), "{form}");
    }
}

#[tokio::test]
async fn posts_of_other_sites_do_nothing() {
    let world = World::open().await;
    let request = Request::post("/studies").header("sec-fetch-site", "cross-site");
    let page = world.ask(request, None, Body::from("shown=1")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(!page.text.contains("Muster"));
}

#[tokio::test]
async fn metadata_is_json_with_whole_addresses() {
    let world = World::open().await;
    let study = "1.2.826.0.1.3680043.10.1.1";
    for path in [format!("/studies/{study}/metadata"), format!("/studies/{study}/series/{study}.1/metadata")]
    {
        let page = world.get(&path, None).await;
        assert_eq!(
            (page.status, &page.headers[CONTENT_TYPE]),
            (StatusCode::OK, &"application/json".parse().unwrap())
        );
        let all: serde_json::Value = serde_json::from_str(&page.text).unwrap();
        assert_eq!(all.as_array().unwrap().len(), 2);
        let uri = all[0]["7FE00010"]["BulkDataURI"].as_str().unwrap();
        assert!(uri.starts_with(&format!("https://here:8443/dicom-web/studies/{study}/series/")), "{uri}");
    }
    assert_eq!(world.get("/studies/1.2.3/metadata", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/studies/x/metadata", None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_stylesheet_may_be_kept() {
    let world = World::guarded().await;
    let home = world.get("/", None).await;
    let style = attribute_values(&home.text, "href").into_iter().find(|href| href.ends_with(".css")).unwrap();
    let page = world.get(style, None).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.headers[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    assert!(page.text.len() < 24_000 && !page.text.contains("url("), "small, and from here");
    assert_eq!(world.get("/assets/overread.css", None).await.status, StatusCode::NOT_FOUND);
}

/// A trail that cannot take anything.
struct Full;

impl Recorder for Full {
    fn has_room(&self) -> bool {
        false
    }

    fn record(&self, _: Event) {}
}

#[tokio::test]
async fn a_failure_gives_a_number_to_quote() {
    let world = World::guarded_and_told(Arc::new(Full)).await;
    for (path, status, quoted) in
        [("/s", StatusCode::NOT_FOUND, false), ("/sign-in", StatusCode::SERVICE_UNAVAILABLE, true)]
    {
        let request = Request::post(path).extension(RequestId::given(b"trace-7").unwrap());
        let page = world.ask(request, None, Body::empty()).await;
        assert_eq!(page.status, status, "{path}");
        let line = "Give this number when you ask: <code>trace-7</code>";
        assert_eq!(page.text.contains(line), quoted, "{}", page.text);
    }
}
