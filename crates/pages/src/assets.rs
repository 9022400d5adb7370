//! The stylesheets, the mark and the scripts, embedded. Their names carry a digest, so a browser may keep them for good.

use std::sync::{Arc, LazyLock};

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest, Sha256};

use crate::site::Site;

/// A file that pages link to.
pub struct Asset {
    name: String,
    media_type: &'static str,
    bytes: Bytes,
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
static SESSION: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("session", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/session.js"))
});

static KEYS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("keys", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/keys.js"))
});

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        Self::made(stem, extension, media_type, Bytes::from_static(bytes))
    }

    /// A stylesheet that depends on the configuration.
    pub fn of_style(stem: &str, text: String) -> Self {
        Self::made(stem, "css", "text/css; charset=utf-8", text.into())
    }

    fn made(stem: &str, extension: &str, media_type: &'static str, bytes: Bytes) -> Self {
        let digest = Sha256::digest(&bytes);
        let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("{stem}.{short}.{extension}"), media_type, bytes }
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// The stylesheet's address.
pub fn style() -> String {
    STYLE.address()
}

/// The mark's address.
pub fn mark() -> String {
    MARK.address()
}

/// The address of the script that reads a set-up link's fragment.
pub fn set_up() -> String {
    SET_UP.address()
}

/// The address of the script that takes a link's secret out of the address.
pub fn link_script() -> String {
    LINK.address()
}

/// The address of the script that shows how far sending is.
pub fn send_script() -> String {
    SEND.address()
}

/// The address of the script that tells when a session is about to end.
pub fn session_script() -> String {
    SESSION.address()
}

/// The address of the script that hears keys.
pub fn keys_script() -> String {
    KEYS.address()
}

/// A file by its name.
pub async fn serve(State(site): State<Arc<Site>>, Path(file): Path<String>) -> Response {
    let known =
        [&*STYLE, &*MARK, &*SET_UP, &*LINK, &*SEND, &*SESSION, &*KEYS].into_iter().chain(&site.session_style);
    let found = known.into_iter().find(|asset| asset.name == file);
    match found {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(asset) => {
            let headers =
                [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.bytes.clone()).into_response()
        }
    }
}
