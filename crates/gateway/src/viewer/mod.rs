//! A viewer's built files at `/viewer`, when the configuration names a folder with them; OHIF's are what is meant.
//!
//! Nothing of a viewer is part of this program. Its files are given as they lie but for the paths in them, which are
//! moved below `/viewer`, and `app-config.js`, which is ours. Its policy is wider than that of any other page
//! (workers, WebAssembly, styles made by script) and holds below `/viewer` only; not even there may a byte come from,
//! or go to, another origin.

mod answer;
mod files;
mod policy;
mod relocate;
mod settings;

use std::path::Path;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, LOCATION};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use crate::app::{App, Caller};
use crate::refusal::Refusal;
use files::{File, Files};

pub use files::FolderError;

/// Where the viewer lives below the base URL.
pub(crate) const PLACE: &str = "/viewer";
/// The page that every other one of a single-page application is.
const INDEX: &str = "index.html";
/// Where the viewer learns of us.
const SETTINGS: &str = "app-config.js";

/// A viewer that is there to be served.
pub(crate) struct Viewer {
    files: Files,
    settings: String,
    /// The path of the server's root as clients see it: empty, or `/pacs` behind a proxy that takes it away.
    root: String,
    study_list: bool,
}

/// What the configuration says of a viewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewerConfig {
    /// The folder with the viewer's built files; none for no viewer.
    pub folder: Option<std::path::PathBuf>,
    /// Whether the viewer shows a list of studies of its own. It writes what is searched for into the address, so
    /// without it the start of the viewer leads to our own list.
    pub study_list: bool,
}

impl Viewer {
    /// Looks through the folder. `root` is the path of the base URL, without a slash at its end.
    ///
    /// # Errors
    /// [`FolderError`].
    pub(crate) fn open(folder: &Path, study_list: bool, root: &str) -> Result<Self, FolderError> {
        let files = Files::scan(folder)?;
        if files.find(INDEX).is_none() {
            return Err(FolderError::NoIndex(folder.to_owned()));
        }
        let settings = settings::script(root, study_list);
        Ok(Self { files, settings, root: root.to_owned(), study_list })
    }

    /// `/viewer/` as clients see it.
    fn prefix(&self) -> String {
        format!("{}{PLACE}/", self.root)
    }

    fn look_up(&self, path: &str) -> Wanted<'_> {
        match path {
            SETTINGS => Wanted::Settings,
            "" if !self.study_list => Wanted::StudyList,
            "" | INDEX => self.files.find(INDEX).map_or(Wanted::Nothing, Wanted::Page),
            _ => match self.files.find(path) {
                Some(file) => Wanted::File(file),
                // A place inside the application, unless it has the name of a file.
                None if path.rsplit('/').next().is_some_and(|last| last.contains('.')) => Wanted::Nothing,
                None => self.files.find(INDEX).map_or(Wanted::Nothing, Wanted::Page),
            },
        }
    }
}

/// What a path below `/viewer/` stands for.
enum Wanted<'a> {
    Settings,
    Page(&'a File),
    File(&'a File),
    /// Our own list of studies.
    StudyList,
    Nothing,
}

/// Anything below `/viewer`. Files are nobody's secret; the page wants somebody who may come in.
pub(crate) async fn viewer(State(app): State<App>, caller: Caller, parts: Parts) -> Response {
    let Some(viewer) = app.viewer() else {
        return Refusal::not_found("No viewer is installed here.").into_response();
    };
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let allow = (ALLOW, HeaderValue::from_static("GET, HEAD"));
        return (StatusCode::METHOD_NOT_ALLOWED, [allow]).into_response();
    }
    let Some(path) = parts.uri.path().strip_prefix(PLACE).and_then(|rest| rest.strip_prefix('/')) else {
        return to(&viewer.prefix());
    };
    let mut response = match viewer.look_up(path) {
        Wanted::Settings => answer::settings(&parts.headers, &viewer.settings),
        Wanted::StudyList => to(&format!("{}/studies", viewer.root)),
        Wanted::Page(file) => match app.recognise(&caller).await {
            Ok(_) => answer::file(file, &parts.headers, &viewer.prefix()).await,
            Err(_) => to(&format!("{}/", viewer.root)),
        },
        Wanted::File(file) => answer::file(file, &parts.headers, &viewer.prefix()).await,
        Wanted::Nothing => Refusal::not_found("The viewer has no such file.").into_response(),
    };
    policy::put_on(response.headers_mut());
    response
}

fn to(place: &str) -> Response {
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}

#[cfg(test)]
mod tests;
