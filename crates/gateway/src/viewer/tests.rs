use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

const PAGE: &str = "<html><link href=\"/a.css\"><link href=\"//other/x\"><script>window.PUBLIC_URL = '/';</script>\
    <script src=\"/app.js\"></script></html>";

fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in [
        ("index.html", PAGE),
        ("app-config.js", "window.config = {};"),
        ("app.js", "x(); __webpack_require__.p = \"/\"; y();"),
        ("part.0123456789abcdef0123.js", "z();"),
        ("a.css", "@font-face { src: url(/f.woff2) } .b { src: url(//other/f) }"),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    std::fs::create_dir(folder.path().join("deep")).expect("a folder");
    std::fs::write(folder.path().join("deep/x.wasm"), b"\0asm").expect("a file");
    folder
}

#[test]
fn names_lead_to_files_of_the_folder_and_nowhere_else() {
    let folder = folder();
    let outside = TempDir::new().expect("a folder");
    std::fs::write(outside.path().join("secret.txt"), "secret").expect("a file");
    symlink(outside.path().join("secret.txt"), folder.path().join("link.txt")).expect("a link");
    symlink(outside.path(), folder.path().join("linked")).expect("a link");
    let viewer = Viewer::open(folder.path(), true, "").expect("a viewer");
    for (path, expected) in [
        ("app.js", "file app.js"),
        ("deep/x.wasm", "file deep/x.wasm"),
        ("app-config.js", "settings"),
        ("", "page"),
        ("index.html", "page"),
        ("viewer", "page"),
        ("segmentation/more", "page"),
        ("nothing.js", "nothing"),
        ("link.txt", "nothing"),
        ("linked/secret.txt", "nothing"),
        ("../secret.txt", "nothing"),
        ("..%2fsecret.txt", "nothing"),
        ("deep/../app.js", "nothing"),
        ("/app.js", "nothing"),
    ] {
        let found = match viewer.look_up(path) {
            Wanted::Settings => "settings".to_owned(),
            Wanted::Page(_) => "page".to_owned(),
            Wanted::File(file) => format!("file {}", file.name),
            Wanted::StudyList => "list".to_owned(),
            Wanted::Nothing => "nothing".to_owned(),
        };
        assert_eq!(found, expected, "{path:?}");
    }
    let without = Viewer::open(folder.path(), false, "").expect("a viewer");
    assert!(matches!(without.look_up(""), Wanted::StudyList));
}

#[test]
fn a_folder_without_a_viewer_is_refused() {
    let empty = TempDir::new().expect("a folder");
    assert!(matches!(Viewer::open(empty.path(), true, ""), Err(FolderError::NoIndex(_))));
    assert!(matches!(Viewer::open(&empty.path().join("no"), true, ""), Err(FolderError::Io { .. })));
}

#[test]
fn paths_are_moved_below_the_prefix_once() {
    for (ending, text, expected) in [
        ("js", "__webpack_require__.p = \"/\";", "__webpack_require__.p = \"/p/viewer/\";"),
        ("js", "f(\"/\")", "f(\"/\")"),
        ("css", "url(/a.woff2)", "url(/p/viewer/a.woff2)"),
        ("css", "url(/p/viewer/a.woff2)", "url(/p/viewer/a.woff2)"),
        ("css", "url(//h/a) url(data:x)", "url(//h/a) url(data:x)"),
        ("html", "<a href=\"/x\" src=\"/\">", "<a href=\"/p/viewer/x\" src=\"/p/viewer/\">"),
        ("html", "window.PUBLIC_URL = '/';", "window.PUBLIC_URL = '/p/viewer/';"),
        ("svg", "href=\"/x\"", "href=\"/x\""),
    ] {
        let moved = relocate::relocate(ending, text, "/p/viewer/");
        assert_eq!(moved, expected, "{text}");
        assert_eq!(relocate::relocate(ending, &moved, "/p/viewer/"), expected, "moved twice");
    }
}

async fn get(viewer: &Viewer, path: &str, fields: &[(&'static str, &str)]) -> Response {
    let mut request = http::HeaderMap::new();
    for (name, value) in fields {
        request.insert(*name, HeaderValue::from_str(value).expect("a value"));
    }
    match viewer.look_up(path) {
        Wanted::File(file) | Wanted::Page(file) => answer::file(file, &request, &viewer.prefix()).await,
        _ => panic!("{path} is no file"),
    }
}

#[tokio::test]
async fn files_come_with_their_type_and_are_kept_for_good_only_when_they_never_change() {
    let folder = folder();
    let viewer = Viewer::open(folder.path(), true, "/p").expect("a viewer");
    for (path, media_type, for_good) in [
        ("app.js", "text/javascript; charset=utf-8", false),
        ("part.0123456789abcdef0123.js", "text/javascript; charset=utf-8", true),
        ("deep/x.wasm", "application/wasm", false),
        ("a.css", "text/css; charset=utf-8", false),
        ("index.html", "text/html; charset=utf-8", false),
    ] {
        let response = get(&viewer, path, &[]).await;
        assert_eq!(response.headers()["content-type"], media_type, "{path}");
        let caching = response.headers()["cache-control"].to_str().expect("text");
        assert_eq!(caching.contains("immutable"), for_good, "{path}");
        let tag = response.headers()["etag"].to_str().expect("text").to_owned();
        let again = get(&viewer, path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status(), 304, "{path}");
        let gzip = get(&viewer, path, &[("accept-encoding", "br, gzip;q=0.5")]).await;
        assert_eq!(gzip.headers()["content-encoding"], "gzip", "{path}");
        assert_ne!(gzip.headers()["etag"], *tag, "{path}: another representation");
        let refused = get(&viewer, path, &[("accept-encoding", "gzip;q=0, *")]).await;
        assert!(!refused.headers().contains_key("content-encoding"), "{path}");
    }
}

#[tokio::test]
async fn a_page_runs_its_own_inline_scripts_only() {
    let folder = folder();
    let viewer = Viewer::open(folder.path(), true, "").expect("a viewer");
    let response = get(&viewer, "index.html", &[]).await;
    let policy = response.headers()["content-security-policy"].to_str().expect("text").to_owned();
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.expect("a body");
    let page = String::from_utf8_lossy(&body);
    assert!(page.contains("window.PUBLIC_URL = '/viewer/'"), "{page}");
    // printf "window.PUBLIC_URL = '/viewer/';" | openssl dgst -sha256 -binary | base64
    let digest = "iDs+nYCxd5RAzzfYoYdYq1kp/WcDoVALhVzFYYiGSTA=";
    assert!(
        policy.ends_with(&format!("script-src 'self' blob: 'wasm-unsafe-eval' 'sha256-{digest}'")),
        "{policy}"
    );
}
