//! The stylesheet, the mark and three scripts, embedded. Their names carry a digest, so a browser may keep them for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest, Sha256};

/// A file that pages link to.
struct Asset {
    name: String,
    media_type: &'static str,
    bytes: &'static [u8],
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("overread", "css", "text/css; charset=utf-8", include_bytes!("../assets/overread.css"))
});
static MARK: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("mark", "svg", "image/svg+xml", include_bytes!("../assets/mark.svg")));
static SET_UP: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("set-up", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/set-up.js"))
});

static LINK: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("link", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/link.js"))
});
static SEND: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("send", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/send.js"))
});

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("{stem}.{short}.{extension}"), media_type, bytes }
    }
}

/// The stylesheet's address.
pub fn style() -> String {
    format!("/assets/{}", STYLE.name)
}

/// The mark's address.
pub fn mark() -> String {
    format!("/assets/{}", MARK.name)
}

/// The address of the script that reads a set-up link's fragment.
pub fn set_up() -> String {
    format!("/assets/{}", SET_UP.name)
}

/// The address of the script that takes a link's secret out of the address.
pub fn link_script() -> String {
    format!("/assets/{}", LINK.name)
}

/// The address of the script that shows how far sending is.
pub fn send_script() -> String {
    format!("/assets/{}", SEND.name)
}

/// A file by its name.
pub async fn serve(Path(file): Path<String>) -> Response {
    let found = [&*STYLE, &*MARK, &*SET_UP, &*LINK, &*SEND].into_iter().find(|asset| asset.name == file);
    match found {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(asset) => {
            let headers =
                [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.bytes).into_response()
        }
    }
}
