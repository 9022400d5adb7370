//! The base URL that answers are built on: configured, or made from the listening address; never from a request.

use std::fmt;

use model::{SeriesUid, SopInstanceUid, StudyUid};

use super::Place;

/// The URL of the DICOMweb service, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base(Box<str>);

/// Why a text cannot be a base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no base URL: http:// or https://, a host, a path, and neither query nor fragment are wanted"
)]
pub struct BaseError(String);

impl Base {
    /// Takes `https://host:port/path`; slashes at its end are dropped.
    ///
    /// # Errors
    /// [`BaseError`].
    pub fn new(text: &str) -> Result<Self, BaseError> {
        let wrong = || BaseError(text.chars().take(200).collect());
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        if !web || uri.host().is_none_or(str::is_empty) || uri.query().is_some() || text.contains('#') {
            return Err(wrong());
        }
        Ok(Self(text.trim_end_matches('/').into()))
    }

    /// The URL as text: also the service that a `Warning` names (PS3.18 8.3.4.2).
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, and the port where one is named: what a `Host` header should say.
    pub fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// `{base}/studies`.
    pub fn studies(&self) -> String {
        format!("{self}/studies")
    }

    /// `{base}/studies/{study}`.
    pub fn study(&self, study: &StudyUid) -> String {
        format!("{self}/studies/{study}")
    }

    /// `{base}/studies/{study}/series/{series}`.
    pub fn series(&self, study: &StudyUid, series: &SeriesUid) -> String {
        format!("{self}/studies/{study}/series/{series}")
    }

    /// `{base}/studies/{study}/series/{series}/instances/{instance}`.
    pub fn instance(&self, study: &StudyUid, series: &SeriesUid, instance: &SopInstanceUid) -> String {
        format!("{self}/studies/{study}/series/{series}/instances/{instance}")
    }

    /// The URL of a study, series or instance.
    pub fn place(&self, place: &Place) -> String {
        format!("{self}{place}")
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases() {
        for (text, expected) in [
            ("https://h/dicom-web", Some(("https://h/dicom-web", "h"))),
            ("http://127.0.0.1:8080/dicom-web/", Some(("http://127.0.0.1:8080/dicom-web", "127.0.0.1:8080"))),
            ("https://[::1]:8443", Some(("https://[::1]:8443", "[::1]:8443"))),
            ("https://h/a?b=c", None),
            ("https://h/a#b", None),
            ("ftp://h/a", None),
            ("/dicom-web", None),
            ("h/dicom-web", None),
            ("https:///dicom-web", None),
            ("https://h/a b", None),
            ("", None),
        ] {
            let base = Base::new(text);
            let found = base.as_ref().ok().map(|base| (base.as_str(), base.authority()));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn stow_016_urls() {
        let base = Base::new("https://h/dicom-web/").expect("a base");
        let study: StudyUid = "1.2.3".parse().expect("a UID");
        let series: SeriesUid = "1.2.3.1".parse().expect("a UID");
        let instance: SopInstanceUid = "1.2.3.4".parse().expect("a UID");
        assert_eq!(base.studies(), "https://h/dicom-web/studies");
        assert_eq!(base.study(&study), "https://h/dicom-web/studies/1.2.3");
        assert_eq!(base.series(&study, &series), "https://h/dicom-web/studies/1.2.3/series/1.2.3.1");
        let url = "https://h/dicom-web/studies/1.2.3/series/1.2.3.1/instances/1.2.3.4";
        assert_eq!(base.instance(&study, &series, &instance), url);
        let place = Place { study, series: Some(series), instance: Some(instance) };
        assert_eq!(base.place(&place), url);
    }
}
