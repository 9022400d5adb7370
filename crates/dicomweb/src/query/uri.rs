//! The parameters of WADO-URI (PS3.18 9): one instance, as DICOM or rendered, by a query.

use model::{SeriesUid, SopInstanceUid, StudyUid};

use super::retrieve::set;
use super::{QueryError, pairs, shown};
use crate::media::DICOM;

/// Rows and columns that can be asked for at most.
const LARGEST_VIEWPORT: u32 = 16_384;

/// A request of the URI service, with everything that can be said of it without looking at the instance.
#[derive(Clone, Debug, PartialEq)]
pub struct UriRequest {
    /// `studyUID`.
    pub study: StudyUid,
    /// `seriesUID`.
    pub series: SeriesUid,
    /// `objectUID`.
    pub instance: SopInstanceUid,
    /// `contentType`: media types in their order, without parameters, in lower case. Empty when it is not given.
    pub content_types: Vec<String>,
    /// `transferSyntax`, a UID.
    pub transfer_syntax: Option<String>,
    /// `anonymize=yes`.
    pub anonymize: bool,
    /// What rendered media types are made with.
    pub rendering: Rendering,
    /// `custodian`: whose holding of the study, where several are in reach. Ours.
    pub custodian: Option<String>,
    /// `version`: which of several instances under one UID, from 1 on. Ours.
    pub version: Option<u32>,
}

/// The parameters of rendered media types (PS3.18 9.5.1.2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendering {
    /// `annotation`, or `imageAnnotation`: keywords, such as `patient` and `technique`.
    pub annotation: Vec<String>,
    /// `imageQuality`, 1 to 100.
    pub quality: Option<u8>,
    /// `rows`, at most.
    pub rows: Option<u32>,
    /// `columns`, at most.
    pub columns: Option<u32>,
    /// `region`: left, top, right and bottom as parts of the image from 0 to 1.
    pub region: Option<[f64; 4]>,
    /// `windowCenter` and `windowWidth`.
    pub window: Option<(f64, f64)>,
    /// `frameNumber`, from 1 on.
    pub frame: Option<u32>,
    /// `presentationSeriesUID` and `presentationUID`.
    pub presentation: Option<(SeriesUid, SopInstanceUid)>,
}

/// The parameters as texts, each at most once.
#[derive(Default)]
struct Given {
    values: Vec<(&'static str, String)>,
}

/// Every parameter that is known. Others are ignored (PS3.18 8.3).
const KNOWN: [&str; 21] = [
    "requestType",
    "studyUID",
    "seriesUID",
    "objectUID",
    "contentType",
    "charset",
    "transferSyntax",
    "anonymize",
    "annotation",
    "imageAnnotation",
    "imageQuality",
    "rows",
    "columns",
    "region",
    "windowCenter",
    "windowWidth",
    "frameNumber",
    "presentationSeriesUID",
    "presentationUID",
    "custodian",
    "version",
];

impl UriRequest {
    /// Reads a query string, still percent-encoded.
    ///
    /// # Errors
    /// [`QueryError`]: all of them are 400 but a query that is too long.
    pub fn parse(query: &str) -> Result<Self, QueryError> {
        let given = Given::read(query)?;
        match given.text("requestType") {
            Some("WADO") => {}
            Some(_) => return Err(value("requestType", "must be WADO")),
            None => return Err(value("requestType", "is missing; it must be WADO")),
        }
        let request = Self {
            study: given.uid("studyUID")?.ok_or_else(|| missing("studyUID"))?,
            series: given.uid("seriesUID")?.ok_or_else(|| missing("seriesUID"))?,
            instance: given.uid("objectUID")?.ok_or_else(|| missing("objectUID"))?,
            content_types: given.text("contentType").map(content_types).transpose()?.unwrap_or_default(),
            transfer_syntax: given.text("transferSyntax").map(transfer_syntax).transpose()?,
            anonymize: match given.text("anonymize") {
                None => false,
                Some("yes") => true,
                Some(_) => return Err(value("anonymize", "can only be yes")),
            },
            rendering: Rendering::read(&given)?,
            custodian: given.text("custodian").map(str::to_owned),
            version: given.number("version", 1, u32::MAX)?,
        };
        request.fits_together()?;
        Ok(request)
    }

    /// Whether `contentType` asks for DICOM.
    pub fn wants_dicom(&self) -> bool {
        self.content_types.iter().any(|kind| kind == DICOM)
    }

    /// The first parameter that makes sense for rendered media types only.
    pub fn rendered_only(&self) -> Option<&'static str> {
        let rendering = &self.rendering;
        [
            ("windowCenter", rendering.window.is_some()),
            ("frameNumber", rendering.frame.is_some()),
            ("presentationUID", rendering.presentation.is_some()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }

    fn fits_together(&self) -> Result<(), QueryError> {
        let rendering = &self.rendering;
        if self.wants_dicom() && self.content_types.len() > 1 {
            return Err(value("contentType", "mixes application/dicom with rendered media types"));
        }
        if let (true, Some(name)) = (self.wants_dicom(), self.rendered_only()) {
            return Err(value(name, "is for rendered media types, and contentType is application/dicom"));
        }
        let rendered = !self.content_types.is_empty() && !self.wants_dicom();
        if self.transfer_syntax.is_some() && rendered {
            return Err(value("transferSyntax", "is for contentType=application/dicom"));
        }
        if rendering.presentation.is_some() && rendering.window.is_some() {
            return Err(value(
                "windowCenter",
                "cannot stand beside presentationUID, which has a window of its own",
            ));
        }
        if rendering.presentation.is_some() && rendering.frame.is_some() {
            return Err(value("frameNumber", "cannot stand beside presentationUID"));
        }
        Ok(())
    }
}

impl Rendering {
    fn read(given: &Given) -> Result<Self, QueryError> {
        let annotation = match (given.text("annotation"), given.text("imageAnnotation")) {
            (Some(_), Some(_)) => return Err(QueryError::Repeated("annotation".to_owned())),
            (Some(text), None) => keywords("annotation", text)?,
            (None, Some(text)) => keywords("imageAnnotation", text)?,
            (None, None) => Vec::new(),
        };
        Ok(Self {
            annotation,
            quality: given.number("imageQuality", 1, 100)?.and_then(|quality| u8::try_from(quality).ok()),
            rows: given.number("rows", 1, LARGEST_VIEWPORT)?,
            columns: given.number("columns", 1, LARGEST_VIEWPORT)?,
            region: given.text("region").map(region).transpose()?,
            window: window(given)?,
            frame: given.number("frameNumber", 1, u32::MAX)?,
            presentation: match (given.uid("presentationSeriesUID")?, given.uid("presentationUID")?) {
                (None, None) => None,
                (Some(series), Some(instance)) => Some((series, instance)),
                (None, Some(_)) => {
                    return Err(value("presentationUID", "needs presentationSeriesUID beside it"));
                }
                (Some(_), None) => {
                    return Err(value("presentationSeriesUID", "needs presentationUID beside it"));
                }
            },
        })
    }
}

impl Given {
    fn read(query: &str) -> Result<Self, QueryError> {
        let mut given = Self::default();
        for (name, text) in pairs::read(query)? {
            if name == "access_token" {
                return Err(QueryError::Token);
            }
            let Some(known) = KNOWN.iter().find(|known| **known == name) else { continue };
            let mut slot = given.text(known).map(str::to_owned);
            set(&mut slot, known, text.into_owned())?;
            given.values.extend(slot.map(|text| (*known, text)));
        }
        Ok(given)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str())
    }

    fn uid<T: std::str::FromStr<Err = model::UidError>>(&self, name: &str) -> Result<Option<T>, QueryError> {
        self.text(name)
            .map(|text| text.parse().map_err(|error: model::UidError| value(name, &error.to_string())))
            .transpose()
    }

    fn number(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, QueryError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
        let problem = match most {
            u32::MAX => format!("is no number from {least} on"),
            _ => format!("is no number from {least} to {most}"),
        };
        number.map(Some).ok_or_else(|| value(name, &problem))
    }
}

fn value(name: &str, problem: &str) -> QueryError {
    QueryError::Value { name: shown(name), problem: problem.to_owned() }
}

fn missing(name: &str) -> QueryError {
    value(name, "is missing; studyUID, seriesUID and objectUID name the instance")
}

fn content_types(text: &str) -> Result<Vec<String>, QueryError> {
    let kinds: Vec<String> = text.split(',').map(|kind| kind.trim().to_ascii_lowercase()).collect();
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    for kind in &kinds {
        if kind.contains(';') {
            return Err(value(
                "contentType",
                "has a parameter; transfer syntax and character set have parameters of the query",
            ));
        }
        if !kind.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype)) {
            return Err(value("contentType", "is no list of media types"));
        }
    }
    Ok(kinds)
}

fn transfer_syntax(text: &str) -> Result<String, QueryError> {
    // Any UID: which of them are transfer syntaxes that can be given is another question, and 406.
    match text.parse::<SopInstanceUid>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(value("transferSyntax", &error.to_string())),
    }
}

fn keywords(name: &str, text: &str) -> Result<Vec<String>, QueryError> {
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
    let fits = |word: &String| {
        !word.is_empty()
            && word.len() <= 64
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    match words.iter().all(fits) {
        true => Ok(words),
        false => Err(value(name, "is no list of keywords")),
    }
}

fn region(text: &str) -> Result<[f64; 4], QueryError> {
    let wrong =
        || value("region", "is not xmin,ymin,xmax,ymax between 0.0 and 1.0, each minimum below its maximum");
    let sides: Vec<f64> = text.split(',').map(decimal).collect::<Option<_>>().ok_or_else(wrong)?;
    match <[f64; 4]>::try_from(sides) {
        Ok([left, top, right, bottom])
            if [left, top, right, bottom].iter().all(|side| (0.0..=1.0).contains(side))
                && left < right
                && top < bottom =>
        {
            Ok([left, top, right, bottom])
        }
        _ => Err(wrong()),
    }
}

fn window(given: &Given) -> Result<Option<(f64, f64)>, QueryError> {
    let number = |name: &str| {
        given
            .text(name)
            .map(|text| decimal(text).ok_or_else(|| value(name, "is no decimal number")))
            .transpose()
    };
    match (number("windowCenter")?, number("windowWidth")?) {
        (None, None) => Ok(None),
        (Some(_), Some(width)) if width < 1.0 => Err(value("windowWidth", "is below 1")),
        (Some(center), Some(width)) => Ok(Some((center, width))),
        (Some(_), None) => Err(value("windowCenter", "needs windowWidth beside it")),
        (None, Some(_)) => Err(value("windowWidth", "needs windowCenter beside it")),
    }
}

/// A decimal string (PS3.5 DS): no names of numbers, and no number that is not finite.
fn decimal(text: &str) -> Option<f64> {
    let fits = !text.is_empty()
        && text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse().ok().filter(|number: &f64| fits && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4";

    fn parse(more: &str) -> Result<UriRequest, QueryError> {
        UriRequest::parse(&format!("{PLACE}&{more}"))
    }

    /// The parameter that is refused, or `-` when it has another error.
    fn refused(query: &str) -> Option<String> {
        match UriRequest::parse(query) {
            Ok(_) => None,
            Err(QueryError::Value { name, .. }) => Some(name),
            Err(_) => Some("-".to_owned()),
        }
    }

    #[test]
    fn wado_042_043_what_must_be_there() {
        for (query, name) in [
            (PLACE.to_owned(), None),
            (PLACE.replace("WADO", "X"), Some("requestType")),
            (PLACE.replace("WADO", "wado"), Some("requestType")),
            (PLACE.replace("requestType=WADO", "requesttype=WADO"), Some("requestType")),
            (PLACE.replace("studyUID=1.2&", ""), Some("studyUID")),
            (PLACE.replace("seriesUID=1.3&", ""), Some("seriesUID")),
            (PLACE.replace("&objectUID=1.4", ""), Some("objectUID")),
            (PLACE.replace("1.4", "1..4"), Some("objectUID")),
            (PLACE.replace("1.3", ""), Some("seriesUID")),
            (format!("{PLACE}&studyUID=1.2"), Some("-")),
            (format!("{PLACE}&access_token=x"), Some("-")),
            (format!("{PLACE}&other=%00"), Some("-")),
            (format!("{PLACE}&other=1&other=2"), None),
        ] {
            assert_eq!(refused(&query).as_deref(), name, "{query}");
        }
    }

    #[test]
    fn wado_046_to_053_bad_values() {
        for (more, name) in [
            ("contentType=application/dicom", None),
            ("contentType=image/jpeg,image/png", None),
            ("contentType=Application/DICOM&transferSyntax=1.2.840.10008.1.2.1", None),
            ("contentType=application/dicom;transfer-syntax=1.2", Some("contentType")),
            ("contentType=image/jpeg;q=0.5", Some("contentType")),
            ("contentType=application/dicom,image/jpeg", Some("contentType")),
            ("contentType=", Some("contentType")),
            ("contentType=image", Some("contentType")),
            ("contentType=image/jpeg&transferSyntax=1.2.840.10008.1.2.1", Some("transferSyntax")),
            ("transferSyntax=1.2.840.10008.1.2.1,1.2.840.10008.1.2.5", Some("transferSyntax")),
            ("transferSyntax=explicit", Some("transferSyntax")),
            ("transferSyntax=1.2&transferSyntax=1.2", Some("-")),
            ("anonymize=yes", None),
            ("anonymize=no", Some("anonymize")),
            ("anonymize=", Some("anonymize")),
            ("windowCenter=40&windowWidth=400", None),
            ("windowCenter=-1.5e2&windowWidth=1", None),
            ("windowCenter=40", Some("windowCenter")),
            ("windowWidth=400", Some("windowWidth")),
            ("windowCenter=40&windowWidth=0.5", Some("windowWidth")),
            ("windowCenter=inf&windowWidth=400", Some("windowCenter")),
            ("windowCenter=NaN&windowWidth=400", Some("windowCenter")),
            ("windowCenter=40&windowWidth=400&contentType=application/dicom", Some("windowCenter")),
            (
                "windowCenter=40&windowWidth=400&presentationSeriesUID=1.5&presentationUID=1.6",
                Some("windowCenter"),
            ),
            ("frameNumber=1&presentationSeriesUID=1.5&presentationUID=1.6", Some("frameNumber")),
            ("presentationSeriesUID=1.5&presentationUID=1.6", None),
            ("presentationUID=1.6", Some("presentationUID")),
            ("presentationSeriesUID=1.5", Some("presentationSeriesUID")),
            ("region=0,0,1,1", None),
            ("region=0.25,0.25,0.5,0.75", None),
            ("region=0,0,1", Some("region")),
            ("region=0,0,1,1,1", Some("region")),
            ("region=0.5,0,0.5,1", Some("region")),
            ("region=0,0.6,1,0.5", Some("region")),
            ("region=-0.1,0,1,1", Some("region")),
            ("region=0,0,1,1.1", Some("region")),
            ("region=a,b,c,d", Some("region")),
            ("frameNumber=0", Some("frameNumber")),
            ("frameNumber=-1", Some("frameNumber")),
            ("frameNumber=1.5", Some("frameNumber")),
            ("frameNumber=4294967296", Some("frameNumber")),
            ("frameNumber=2&contentType=application/dicom", Some("frameNumber")),
            ("rows=512&columns=512", None),
            ("rows=512", None),
            ("rows=0", Some("rows")),
            ("columns=+1", Some("columns")),
            ("columns=16385", Some("columns")),
            ("imageQuality=1", None),
            ("imageQuality=0", Some("imageQuality")),
            ("imageQuality=101", Some("imageQuality")),
            ("annotation=patient,technique", None),
            ("imageAnnotation=patient", None),
            ("annotation=", Some("annotation")),
            ("annotation=<b>", Some("annotation")),
            ("annotation=patient&imageAnnotation=patient", Some("-")),
            ("version=0", Some("version")),
            ("charset=utf-8;q=0.5,iso-8859-1", None),
        ] {
            assert_eq!(refused(&format!("{PLACE}&{more}")).as_deref(), name, "{more}");
        }
    }

    #[test]
    fn values_are_read() {
        let request = parse(
            "contentType=image/png&region=0,0.25,0.5,1&windowCenter=40&windowWidth=400&rows=7&imageQuality=90",
        );
        let request = request.expect("a request");
        assert_eq!(request.content_types, ["image/png"]);
        assert!(!request.wants_dicom());
        assert_eq!(request.rendering.region, Some([0.0, 0.25, 0.5, 1.0]));
        assert_eq!(request.rendering.window, Some((40.0, 400.0)));
        assert_eq!((request.rendering.rows, request.rendering.columns), (Some(7), None));
        assert_eq!(request.rendering.quality, Some(90));
    }
}
