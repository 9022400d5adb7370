//! What searches match and return, taken out of an instance's DICOM JSON.
//!
//! The JSON is made once, with character sets decoded; the index columns come out of it rather than out of the bytes
//! again.

use dicomweb::json::object;
use index::{Level, NewSeries, NewStudy, Rejection};
use model::{SopClassUid, SopInstanceUid, person_name, value};
use serde::Deserialize;

use crate::{StoreError, reject};

/// Attributes that study results may return, ascending: those of patient, study, patient's study, and clinical trial
/// (PS3.3 C.7.1, C.7.2).
const STUDY: &[u32] = &[
    0x0008_0020,
    0x0008_0030,
    0x0008_0050,
    0x0008_0051,
    0x0008_0080,
    0x0008_0090,
    0x0008_0096,
    0x0008_009C,
    0x0008_009D,
    0x0008_0201,
    0x0008_1030,
    0x0008_1032,
    0x0008_1048,
    0x0008_1049,
    0x0008_1060,
    0x0008_1062,
    0x0008_1080,
    0x0008_1084,
    0x0008_1110,
    0x0008_1120,
    0x0010_0010,
    0x0010_0020,
    0x0010_0021,
    0x0010_0022,
    0x0010_0024,
    0x0010_0026,
    0x0010_0030,
    0x0010_0032,
    0x0010_0040,
    0x0010_1000,
    0x0010_1001,
    0x0010_1002,
    0x0010_1010,
    0x0010_1020,
    0x0010_1021,
    0x0010_1022,
    0x0010_1030,
    0x0010_1100,
    0x0010_2000,
    0x0010_2110,
    0x0010_2154,
    0x0010_2160,
    0x0010_2161,
    0x0010_2180,
    0x0010_21A0,
    0x0010_21B0,
    0x0010_21C0,
    0x0010_21D0,
    0x0010_21F0,
    0x0010_2201,
    0x0010_2202,
    0x0010_2203,
    0x0010_2292,
    0x0010_2293,
    0x0010_2294,
    0x0010_2297,
    0x0010_2298,
    0x0010_2299,
    0x0010_4000,
    0x0012_0010,
    0x0012_0020,
    0x0012_0021,
    0x0012_0030,
    0x0012_0031,
    0x0012_0040,
    0x0012_0042,
    0x0012_0050,
    0x0012_0051,
    0x0012_0062,
    0x0012_0063,
    0x0012_0064,
    0x0020_000D,
    0x0020_0010,
    0x0032_1032,
    0x0032_1033,
    0x0032_1034,
    0x0032_1060,
    0x0032_1066,
    0x0032_1067,
    0x0038_0010,
    0x0038_0014,
    0x0038_0060,
    0x0038_0062,
    0x0038_0064,
    0x0038_0500,
    0x0040_1012,
];

/// Attributes that series results may return, ascending: those of series, equipment and frame of reference (PS3.3
/// C.7.3, C.7.4, C.7.5).
const SERIES: &[u32] = &[
    0x0008_0021,
    0x0008_0031,
    0x0008_0060,
    0x0008_0064,
    0x0008_0070,
    0x0008_0081,
    0x0008_0082,
    0x0008_0201,
    0x0008_1010,
    0x0008_103E,
    0x0008_103F,
    0x0008_1040,
    0x0008_1041,
    0x0008_1050,
    0x0008_1052,
    0x0008_1070,
    0x0008_1072,
    0x0008_1090,
    0x0008_1111,
    0x0008_1250,
    0x0010_2210,
    0x0012_0060,
    0x0012_0071,
    0x0012_0072,
    0x0018_0015,
    0x0018_1000,
    0x0018_1002,
    0x0018_1008,
    0x0018_100A,
    0x0018_1016,
    0x0018_1018,
    0x0018_1019,
    0x0018_1020,
    0x0018_1030,
    0x0018_1200,
    0x0018_1201,
    0x0018_5100,
    0x0020_000E,
    0x0020_0011,
    0x0020_0052,
    0x0020_0060,
    0x0020_1040,
    0x0028_0108,
    0x0028_0109,
    0x0040_0241,
    0x0040_0242,
    0x0040_0243,
    0x0040_0244,
    0x0040_0245,
    0x0040_0250,
    0x0040_0251,
    0x0040_0253,
    0x0040_0254,
    0x0040_0260,
    0x0040_0275,
    0x0040_0280,
    0x0040_0281,
];

/// Instance attributes that instance results may return, ascending.
const INSTANCE: &[u32] = &[
    0x0008_0008,
    0x0008_0012,
    0x0008_0013,
    0x0008_0016,
    0x0008_0018,
    0x0008_0022,
    0x0008_0023,
    0x0008_002A,
    0x0008_0032,
    0x0008_0033,
    0x0008_0201,
    0x0020_0012,
    0x0020_0013,
    0x0020_0032,
    0x0020_0037,
    0x0020_1041,
    0x0028_0002,
    0x0028_0004,
    0x0028_0008,
    0x0028_0010,
    0x0028_0011,
    0x0028_0030,
    0x0028_0100,
    0x0028_0101,
    0x0028_0102,
    0x0028_0103,
    0x0040_A043,
    0x0040_A491,
    0x0040_A493,
    0x0042_0010,
    0x0070_0080,
    0x0070_0081,
];

/// Longest text that becomes a column, in characters; the JSON keeps it whole.
const COLUMN: usize = 256;
/// Items of a sequence that become rows; the JSON keeps them all.
const ITEMS: usize = 64;

/// An instance's identity, columns and result objects.
#[derive(Debug)]
pub(crate) struct Columns {
    pub sop_class: SopClassUid,
    pub sop_instance: SopInstanceUid,
    pub study: NewStudy,
    pub series: NewSeries,
    pub number: Option<i64>,
    pub attributes: Vec<u8>,
    /// What it hides, when it is a rejection note.
    pub rejects: Option<Rejection>,
}

impl Columns {
    /// Takes them out of one DICOM JSON object.
    ///
    /// # Errors
    /// [`StoreError::Identity`] when one of the four UIDs is missing or is none.
    pub(crate) fn of(json: &[u8]) -> Result<Self, StoreError> {
        let all = Attributes { pairs: object::pairs(json).collect() };
        let sop_class = all.uid(0x0008_0016, "SOPClassUID")?.into();
        let sop_instance = all.uid(0x0008_0018, "SOPInstanceUID")?.into();
        let study = NewStudy {
            uid: all.uid(0x0020_000D, "StudyInstanceUID")?.into(),
            date: all.date(0x0008_0020),
            time: all.time(0x0008_0030),
            accession: all.text(0x0008_0050),
            referring_folded: all.folded_name(0x0008_0090),
            patient_name_folded: all.folded_name(0x0010_0010),
            patient_id: all.text(0x0010_0020),
            issuer: all.text(0x0010_0021),
            birth_date: all.date(0x0010_0030),
            sex: all.text(0x0010_0040),
            study_id: all.text(0x0020_0010),
            description: all.text(0x0008_1030),
            institution: all.text(0x0008_0080),
            zone: value::offset(&all.text(0x0008_0201)),
            other_ids: all.other_ids(),
            attributes: all.object(STUDY),
        };
        let series = NewSeries {
            uid: all.uid(0x0020_000E, "SeriesInstanceUID")?.into(),
            modality: all.text(0x0008_0060),
            number: all.number(0x0020_0011),
            description: all.text(0x0008_103E),
            body_part: all.text(0x0018_0015),
            performed_date: all.date(0x0040_0244),
            performed_time: all.time(0x0040_0245),
            requests: all.requests(),
            attributes: all.object(SERIES),
        };
        let number = all.number(0x0020_0013);
        let rejects = reject::of(sop_class, sop_instance, |tag| all.values(tag));
        let attributes = all.object(INSTANCE);
        Ok(Self { sop_class, sop_instance, study, series, number, attributes, rejects })
    }
}

impl Columns {
    /// Leaves out what a note rejects whose title is not among these.
    pub(crate) fn with_notes(self, titles: &[String]) -> Self {
        let rejects = self.rejects.filter(|rejection| titles.contains(&rejection.reason));
        Self { rejects, ..self }
    }
}

/// The top-level attributes of one data set, ascending by tag, each with its raw JSON.
struct Attributes<'a> {
    pairs: Vec<(u32, &'a [u8])>,
}

/// One attribute's values as far as columns need them.
#[derive(Deserialize)]
struct Attribute {
    #[serde(rename = "Value", default)]
    values: Vec<serde_json::Value>,
}

impl Attributes<'_> {
    fn raw(&self, tag: u32) -> Option<&[u8]> {
        let at = self.pairs.binary_search_by_key(&tag, |(t, _)| *t).ok()?;
        Some(self.pairs[at].1)
    }

    fn values(&self, tag: u32) -> Vec<serde_json::Value> {
        let parsed = self.raw(tag).and_then(|raw| serde_json::from_slice::<Attribute>(raw).ok());
        parsed.map(|a| a.values).unwrap_or_default()
    }

    fn text(&self, tag: u32) -> String {
        first_text(&self.values(tag))
    }

    fn date(&self, tag: u32) -> String {
        value::date(&self.text(tag)).unwrap_or_default()
    }

    fn time(&self, tag: u32) -> String {
        value::time(&self.text(tag)).unwrap_or_default()
    }

    fn number(&self, tag: u32) -> Option<i64> {
        self.text(tag).trim().parse().ok()
    }

    /// All groups of a name in one folded text, `=` between them, so that a search may match any.
    fn folded_name(&self, tag: u32) -> String {
        let values = self.values(tag);
        let groups = ["Alphabetic", "Ideographic", "Phonetic"].map(|group| {
            values.first().and_then(|v| v.get(group)).and_then(|v| v.as_str()).unwrap_or_default()
        });
        let joined = groups.join("=");
        cut(&person_name::key(&joined))
    }

    fn uid(&self, tag: u32, name: &'static str) -> Result<model::Uid, StoreError> {
        let problem = |problem: String| StoreError::Identity { name, problem };
        let values = self.values(tag);
        match values.as_slice() {
            [] | [serde_json::Value::Null] => Err(problem("is missing".into())),
            [serde_json::Value::String(text)] => {
                text.parse().map_err(|e: model::UidError| problem(format!("is no UID: {e}")))
            }
            [_] => Err(problem("is no UID".into())),
            _ => Err(problem("has several values".into())),
        }
    }

    /// Patient ID of each item of (0010,1002).
    fn other_ids(&self) -> Vec<String> {
        let items = self.values(0x0010_1002);
        items.iter().take(ITEMS).map(|item| text_of(item, "00100020")).filter(|id| !id.is_empty()).collect()
    }

    /// (Scheduled Procedure Step ID, Requested Procedure ID) of each item of (0040,0275).
    fn requests(&self) -> Vec<(String, String)> {
        let items = self.values(0x0040_0275);
        let keys =
            items.iter().take(ITEMS).map(|item| (text_of(item, "00400009"), text_of(item, "00401001")));
        keys.collect()
    }

    /// Those of `tags` that are there, as one object.
    fn object(&self, tags: &[u32]) -> Vec<u8> {
        let mut out = object::Builder::new();
        for tag in tags {
            if let Some(raw) = self.raw(*tag) {
                out.raw(*tag, raw);
            }
        }
        out.finish()
    }
}

/// The first value of an attribute of an item.
fn text_of(item: &serde_json::Value, tag: &str) -> String {
    let values =
        item.get(tag).and_then(|attribute| attribute.get("Value")).and_then(|values| values.as_array());
    values.map(|values| first_text(values)).unwrap_or_default()
}

fn first_text(values: &[serde_json::Value]) -> String {
    match values.first() {
        Some(serde_json::Value::String(text)) => cut(text),
        Some(serde_json::Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(COLUMN).collect()
}

/// The level whose results have this attribute; instances have all others too.
pub(crate) fn level_of(tag: u32) -> Level {
    if STUDY.binary_search(&tag).is_ok() {
        Level::Study
    } else if SERIES.binary_search(&tag).is_ok() {
        Level::Series
    } else {
        Level::Instance
    }
}

/// Whether results at instance level have this attribute without the whole metadata.
pub(crate) fn is_instance_column(tag: u32) -> bool {
    INSTANCE.binary_search(&tag).is_ok()
}
