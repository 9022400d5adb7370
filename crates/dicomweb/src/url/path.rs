//! What a path names.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use model::{SeriesUid, SopInstanceUid, StudyUid, Uid, UidError};
use percent_encoding::percent_decode_str;

use crate::query::Level;

/// Frames of one request. A list of this length is some 20 KB of path; it costs 16 KiB.
pub const MOST_FRAMES: usize = 4_096;

/// Items that a bulk data path may lead through: as deep as data sets may be nested.
const DEEPEST_BULK: usize = 256;

/// A study, a series of it, or an instance of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// (0020,000D).
    pub study: StudyUid,
    /// (0020,000E), when below the study.
    pub series: Option<SeriesUid>,
    /// (0008,0018), when below the series.
    pub instance: Option<SopInstanceUid>,
}

/// The resource that a path below the service names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// The service itself (PS3.18 8.9).
    Service,
    /// A search for studies, series or instances, everywhere or below a study or series (PS3.18 Table 10.6.1-1).
    Search {
        /// What is searched for.
        level: Level,
        /// Below this study.
        study: Option<StudyUid>,
        /// Below this series.
        series: Option<SeriesUid>,
    },
    /// A study, series or instance (PS3.18 Table 10.4.1-1).
    Retrieve(Place),
    /// The metadata of one (PS3.18 10.4.1.1.2).
    Metadata(Place),
    /// Frames of an instance (PS3.18 10.4.1.1.6).
    Frames(Place, FrameList),
    /// One bulk data value of an instance (PS3.18 10.4.1.1.5).
    Bulk(Place, BulkPath),
    /// A storage commitment request and its result, under its Transaction UID (PS3.18 Table 13.1.1-1).
    Commitment(Uid),
    /// All bulk data of a study, series or instance (PS3.18 Table 10.4.1-1).
    AllBulk(Place),
    /// Its pixel data alone.
    PixelData(Place),
    /// A study, series or instance, or frames of one, as anything can show it (PS3.18 10.4.1.1.3).
    Rendered(Place, Option<FrameList>),
    /// The same in one small picture (PS3.18 10.4.1.1.4).
    Thumbnail(Place, Option<FrameList>),
}

/// Frame numbers from 1 on, in the order asked for; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameList(Vec<u32>);

/// The place of a value inside an instance: `54000100/0/54001010` is (5400,1010) in the first item of (5400,0100).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkPath(String);

/// Why a path names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No resource looks like this: 404.
    #[error("there is no such resource")]
    Unknown,
    /// A UID in it is none: 400.
    #[error("{0} in the path: {1}")]
    Uid(&'static str, UidError),
    /// Not a list of frame numbers: 400.
    #[error(
        "frames are numbers from 1 to 4294967295 with commas between them, at most {MOST_FRAMES} of them"
    )]
    Frames,
    /// Not a bulk data path: 400.
    #[error(
        "a bulk data path is a tag of 8 hexadecimal digits, after pairs of a tag and an item number from 0 on"
    )]
    Bulk,
    /// Broken percent-encoding, or no UTF-8: 400.
    #[error("the path is not percent-encoded UTF-8")]
    Encoding,
}

impl Path {
    /// Reads a path below the service: `/studies/1.2.3/metadata`, still percent-encoded.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let segments = path.split('/').map(decode).collect::<Result<Vec<_>, _>>()?;
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        match segments.as_slice() {
            [""] => Ok(Self::Service),
            ["studies"] => Ok(Self::search(Level::Study, None, None)),
            ["series"] => Ok(Self::search(Level::Series, None, None)),
            ["instances"] => Ok(Self::search(Level::Instance, None, None)),
            ["studies", study, rest @ ..] => Self::in_study(uid("the study's UID", study)?, rest),
            ["commitment-requests", transaction] => {
                Ok(Self::Commitment(uid("the transaction's UID", transaction)?))
            }
            _ => Err(PathError::Unknown),
        }
    }

    fn in_study(study: StudyUid, rest: &[&str]) -> Result<Self, PathError> {
        let place = Place { study, series: None, instance: None };
        match rest {
            [] => Ok(Self::Retrieve(place)),
            ["metadata"] => Ok(Self::Metadata(place)),
            ["rendered"] => Ok(Self::Rendered(place, None)),
            ["thumbnail"] => Ok(Self::Thumbnail(place, None)),
            ["bulkdata"] => Ok(Self::AllBulk(place)),
            ["pixeldata"] => Ok(Self::PixelData(place)),
            ["series"] => Ok(Self::search(Level::Series, Some(study), None)),
            ["instances"] => Ok(Self::search(Level::Instance, Some(study), None)),
            ["series", series, rest @ ..] => {
                Self::in_series(Place { series: Some(uid("the series' UID", series)?), ..place }, rest)
            }
            _ => Err(PathError::Unknown),
        }
    }

    fn in_series(place: Place, rest: &[&str]) -> Result<Self, PathError> {
        match rest {
            [] => Ok(Self::Retrieve(place)),
            ["metadata"] => Ok(Self::Metadata(place)),
            ["rendered"] => Ok(Self::Rendered(place, None)),
            ["thumbnail"] => Ok(Self::Thumbnail(place, None)),
            ["bulkdata"] => Ok(Self::AllBulk(place)),
            ["pixeldata"] => Ok(Self::PixelData(place)),
            ["instances"] => Ok(Self::search(Level::Instance, Some(place.study), place.series)),
            ["instances", instance, rest @ ..] => Self::in_instance(
                Place { instance: Some(uid("the instance's UID", instance)?), ..place },
                rest,
            ),
            _ => Err(PathError::Unknown),
        }
    }

    fn in_instance(place: Place, rest: &[&str]) -> Result<Self, PathError> {
        match rest {
            [] => Ok(Self::Retrieve(place)),
            ["metadata"] => Ok(Self::Metadata(place)),
            ["rendered"] => Ok(Self::Rendered(place, None)),
            ["thumbnail"] => Ok(Self::Thumbnail(place, None)),
            ["frames", list] => Ok(Self::Frames(place, list.parse()?)),
            ["frames", list, "rendered"] => Ok(Self::Rendered(place, Some(list.parse()?))),
            ["frames", list, "thumbnail"] => Ok(Self::Thumbnail(place, Some(list.parse()?))),
            ["bulkdata"] => Ok(Self::AllBulk(place)),
            ["pixeldata"] => Ok(Self::PixelData(place)),
            ["bulkdata", path @ ..] => Ok(Self::Bulk(place, BulkPath::from_segments(path)?)),
            _ => Err(PathError::Unknown),
        }
    }

    fn search(level: Level, study: Option<StudyUid>, series: Option<SeriesUid>) -> Self {
        Self::Search { level, study, series }
    }

    /// The study that a store to this path is for; `None` when nothing can be stored here. The inner `None` is a
    /// store of any studies (PS3.18 10.5.1.1).
    pub fn store(&self) -> Option<Option<StudyUid>> {
        match self {
            Self::Search { level: Level::Study, study: None, .. } => Some(None),
            Self::Retrieve(Place { study, series: None, instance: None }) => Some(Some(*study)),
            Self::Search { .. }
            | Self::Retrieve(_)
            | Self::Service
            | Self::Metadata(_)
            | Self::Frames(..)
            | Self::Bulk(..)
            | Self::AllBulk(_)
            | Self::PixelData(_)
            | Self::Rendered(..)
            | Self::Thumbnail(..)
            | Self::Commitment(_) => None,
        }
    }

    /// The methods that the resource knows: the `Allow` of a 405.
    pub fn allow(&self) -> &'static str {
        match (self, self.store()) {
            (Self::Service, _) => "OPTIONS",
            (Self::Retrieve(_), Some(_)) => "GET, HEAD, POST, DELETE, OPTIONS",
            (Self::Retrieve(_), None) => "GET, HEAD, DELETE, OPTIONS",
            (Self::Commitment(_), _) | (_, Some(_)) => "GET, HEAD, POST, OPTIONS",
            (_, None) => "GET, HEAD, OPTIONS",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/studies/{}", self.study)?;
        if let Some(series) = &self.series {
            write!(f, "/series/{series}")?;
        }
        if let Some(instance) = &self.instance {
            write!(f, "/instances/{instance}")?;
        }
        Ok(())
    }
}

impl FrameList {
    /// The numbers, in the order asked for.
    pub fn numbers(&self) -> &[u32] {
        &self.0
    }
}

impl FromStr for FrameList {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let number = text.parse().ok().filter(|&number: &u32| digits && number > 0);
            number.ok_or(PathError::Frames)
        };
        let numbers = text.split(',').take(MOST_FRAMES + 1).map(number).collect::<Result<Vec<_>, _>>()?;
        if numbers.len() > MOST_FRAMES {
            return Err(PathError::Frames);
        }
        Ok(Self(numbers))
    }
}

impl BulkPath {
    fn from_segments(segments: &[&str]) -> Result<Self, PathError> {
        if segments.len().is_multiple_of(2) || segments.len() > 2 * DEEPEST_BULK + 1 {
            return Err(PathError::Bulk);
        }
        let tag = |text: &str| text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let item = |text: &str| (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let fits =
            segments.iter().enumerate().all(|(at, text)| if at % 2 == 0 { tag(text) } else { item(text) });
        if !fits {
            return Err(PathError::Bulk);
        }
        Ok(Self(segments.join("/").to_ascii_uppercase()))
    }

    /// The path as metadata write it, tags in upper case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn decode(segment: &str) -> Result<Cow<'_, str>, PathError> {
    if broken_escape(segment) {
        return Err(PathError::Encoding);
    }
    percent_decode_str(segment).decode_utf8().map_err(|_| PathError::Encoding)
}

/// Whether a `%` is not followed by two hexadecimal digits.
pub(crate) fn broken_escape(text: &str) -> bool {
    let mut after = text.split('%');
    after.next();
    after.any(|rest| !rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()) || rest.len() < 2)
}

fn uid<T: FromStr<Err = UidError>>(name: &'static str, text: &str) -> Result<T, PathError> {
    text.parse().map_err(|error| PathError::Uid(name, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_frames(list: &Option<FrameList>) -> String {
        list.as_ref().map(|list| format!(" {:?}", list.numbers())).unwrap_or_default()
    }

    /// The resource in short.
    fn short(path: &Path) -> String {
        match path {
            Path::Service => "service".to_owned(),
            Path::Search { level, study, series } => {
                let below = study.map(|s| format!(" {s}")).unwrap_or_default();
                format!("search {level:?}{below}{}", series.map(|s| format!(" {s}")).unwrap_or_default())
            }
            Path::Retrieve(place) => format!("retrieve {place}"),
            Path::Metadata(place) => format!("metadata {place}"),
            Path::Frames(place, list) => format!("frames {place} {:?}", list.numbers()),
            Path::Bulk(place, path) => format!("bulk {place} {}", path.as_str()),
            Path::Commitment(transaction) => format!("commitment {transaction}"),
            Path::AllBulk(place) => format!("all bulk {place}"),
            Path::PixelData(place) => format!("pixel data {place}"),
            Path::Rendered(place, list) => format!("rendered {place}{}", of_frames(list)),
            Path::Thumbnail(place, list) => format!("thumbnail {place}{}", of_frames(list)),
        }
    }

    fn check(path: &str, expected: Result<&str, PathError>) {
        let found = Path::parse(path).as_ref().map(short).map_err(Clone::clone);
        assert_eq!(found, expected.map(str::to_owned), "{path:?}");
    }

    #[test]
    fn wado_001_to_005_and_qido_001_resources() {
        check("", Ok("service"));
        check("/", Ok("service"));
        check("/studies", Ok("search Study"));
        check("/series", Ok("search Series"));
        check("/instances", Ok("search Instance"));
        check("/studies/1.2/series", Ok("search Series 1.2"));
        check("/studies/1.2/instances", Ok("search Instance 1.2"));
        check("/studies/1.2/series/1.3/instances", Ok("search Instance 1.2 1.3"));
        check("/studies/1.2", Ok("retrieve /studies/1.2"));
        check("/studies/1.2/series/1.3", Ok("retrieve /studies/1.2/series/1.3"));
        check("/studies/1.2/series/1.3/instances/1.4", Ok("retrieve /studies/1.2/series/1.3/instances/1.4"));
        check("/studies/1.2/metadata", Ok("metadata /studies/1.2"));
        check("/studies/1.2/series/1.3/metadata", Ok("metadata /studies/1.2/series/1.3"));
        check(
            "/studies/1.2/series/1.3/instances/1.4/metadata",
            Ok("metadata /studies/1.2/series/1.3/instances/1.4"),
        );
        let instance = "/studies/1.2/series/1.3/instances/1.4";
        check(&format!("{instance}/bulkdata/7fe00010"), Ok(&format!("bulk {instance} 7FE00010")));
        check(
            &format!("{instance}/bulkdata/54000100/0/54001010"),
            Ok(&format!("bulk {instance} 54000100/0/54001010")),
        );
        for unknown in [
            "/series/",
            "/studies/1.2/",
            "/nothing",
            "/studies/1.2/nothing",
            "/studies/1.2/rendering",
            "/studies/1.2/series/1.3/instances/1.4/frames/1/metadata",
            "/STUDIES",
            "//studies",
            "/studies/1.2/series/1.3/frames/1",
        ] {
            check(unknown, Err(PathError::Unknown));
        }
    }

    #[test]
    fn wado_003_031_032_frames() {
        let instance = "/studies/1.2/series/1.3/instances/1.4";
        for (list, expected) in [
            ("1", Some("[1]")),
            ("3,1", Some("[3, 1]")),
            ("1%2C3", Some("[1, 3]")),
            ("2,2", Some("[2, 2]")),
            ("4294967295", Some("[4294967295]")),
            ("0", None),
            ("-1", None),
            ("+1", None),
            ("abc", None),
            ("1,", None),
            ("", None),
            ("1;2", None),
            ("1.0", None),
            ("4294967296", None),
            ("18446744073709551616", None),
        ] {
            let path = format!("{instance}/frames/{list}");
            let found = expected.map(|numbers| format!("frames {instance} {numbers}"));
            check(&path, found.as_deref().ok_or(PathError::Frames));
        }
        let list = |count| format!("{instance}/frames/{}", vec!["1"; count].join(","));
        assert!(Path::parse(&list(MOST_FRAMES)).is_ok());
        check(&list(MOST_FRAMES + 1), Err(PathError::Frames));
        check(&list(8_000), Err(PathError::Frames));
    }

    #[test]
    fn wado_041_uids() {
        let long = "1".repeat(65);
        let study = |error| Err(PathError::Uid("the study's UID", error));
        check("/studies/01.002", Ok("retrieve /studies/01.002"));
        check(&format!("/studies/{long}"), study(UidError::TooLong(65)));
        check("/studies/..", study(UidError::EmptyComponent));
        check("/studies/../../etc/passwd", study(UidError::EmptyComponent));
        check("/studies/%2e%2e%2fetc", study(UidError::Character(2)));
        check("/studies/1.2%2f3", study(UidError::Character(3)));
        check("/studies/1.2%00", study(UidError::Character(3)));
        check("/studies/1.2%0d%0aX", study(UidError::Character(3)));
        check("/studies/1.2%5c1.3", study(UidError::MultiValued));
        check("/studies/abc", study(UidError::Character(0)));
        check("/studies//series", study(UidError::Empty));
        check("/studies/", study(UidError::Empty));
        check(
            "/studies/1.2/series/x/metadata",
            Err(PathError::Uid("the series' UID", UidError::Character(0))),
        );
        check(
            "/studies/1.2/series/1.3/instances/x",
            Err(PathError::Uid("the instance's UID", UidError::Character(0))),
        );
        check("/studies/%zz", Err(PathError::Encoding));
        check("/studies/%", Err(PathError::Encoding));
        check("/studies/%f", Err(PathError::Encoding));
        check("/studies/%ff", Err(PathError::Encoding));
    }

    #[test]
    fn wado_004_055_rendered_resources() {
        let instance = "/studies/1.2/series/1.3/instances/1.4";
        for place in ["/studies/1.2", "/studies/1.2/series/1.3", instance] {
            for kind in ["rendered", "thumbnail"] {
                check(&format!("{place}/{kind}"), Ok(&format!("{kind} {place}")));
            }
        }
        for kind in ["rendered", "thumbnail"] {
            check(&format!("{instance}/frames/2,1/{kind}"), Ok(&format!("{kind} {instance} [2, 1]")));
            check(&format!("{instance}/frames/0/{kind}"), Err(PathError::Frames));
        }
    }

    #[test]
    fn bulk_paths() {
        let deep = |depth: usize| format!("{}7FE00010", "00400275/0/".repeat(depth));
        for (path, fits) in [
            ("7FE00010", true),
            ("00400275/12/00400009", true),
            (&deep(256), true),
            (&deep(257), false),
            ("7FE0001", false),
            ("7FE00010/0", false),
            ("7FE00010/x/00400009", false),
            ("7FE00010/-1/00400009", false),
            ("..", false),
            ("PixelData", false),
            ("7FE00010/1234567890/00400009", false),
        ] {
            let found = Path::parse(&format!("/studies/1.2/series/1.3/instances/1.4/bulkdata/{path}"));
            assert_eq!(found.is_ok(), fits, "{path:.40}");
        }
        for place in ["/studies/1.2", "/studies/1.2/series/1.3", "/studies/1.2/series/1.3/instances/1.4"] {
            check(&format!("{place}/bulkdata"), Ok(&format!("all bulk {place}")));
            check(&format!("{place}/pixeldata"), Ok(&format!("pixel data {place}")));
        }
    }

    #[test]
    fn stores_and_methods() {
        for (path, store, allow) in [
            ("/studies", true, "GET, HEAD, POST, OPTIONS"),
            ("/studies/1.2", true, "GET, HEAD, POST, DELETE, OPTIONS"),
            ("/series", false, "GET, HEAD, OPTIONS"),
            ("/commitment-requests/1.2.3", false, "GET, HEAD, POST, OPTIONS"),
            ("/studies/1.2/series/1.3", false, "GET, HEAD, DELETE, OPTIONS"),
            ("/studies/1.2/series/1.3/instances/1.4", false, "GET, HEAD, DELETE, OPTIONS"),
            ("/studies/1.2/metadata", false, "GET, HEAD, OPTIONS"),
            ("/", false, "OPTIONS"),
        ] {
            let found = Path::parse(path).expect("a resource");
            assert_eq!((found.store().is_some(), found.allow()), (store, allow), "{path}");
        }
    }
}
