//! Searching: what to match becomes columns, hits become DICOM JSON objects of the level asked for.

use access::{Action, Principal};
use dicomweb::json::object;
use index::{Attribute, Hit, Level, Search};
use model::matching::Rule;
use model::{SeriesUid, StudyUid, Tag};

use crate::columns::is_instance_column;
use crate::{Archive, ReadError, work};

/// A search, by whatever protocol it came (PS3.4 C.2.2.2).
#[derive(Clone, Debug)]
pub struct Query {
    /// What to return.
    pub level: Level,
    /// Below this study.
    pub study: Option<StudyUid>,
    /// Below this series.
    pub series: Option<SeriesUid>,
    /// What must match: the path of tags to an attribute (longer than one inside sequences), and the rule.
    pub matches: Vec<(Vec<Tag>, Rule)>,
    /// What to return beyond the level's own attributes.
    pub include: Include,
    /// At most this many results; the archive's own maximum bounds it.
    pub limit: Option<u32>,
    /// Matches skipped.
    pub offset: u64,
}

/// What results hold beyond what each level always has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Include {
    /// These attributes, where the level has them; a path names its first tag's whole attribute.
    Fields(Vec<Vec<Tag>>),
    /// Everything of the level.
    All,
}

/// One page of results.
#[derive(Clone, Debug, Default)]
pub struct SearchPage {
    /// The results, in a stable order.
    pub results: Vec<SearchResult>,
    /// Matches beyond this page: exact below 1,000, else 1,000 means at least that many.
    pub remaining: u32,
    /// Attributes that were asked to match but that this level cannot match; they were not looked at.
    pub ignored: Vec<Vec<Tag>>,
}

/// One result: a DICOM JSON object whose Retrieve URL is relative to the service's root until
/// `dicomweb::json::complete` puts the root in.
#[derive(Clone, Debug)]
pub struct SearchResult {
    /// The object.
    pub json: Vec<u8>,
}

/// Attributes that every study result has, empty where unknown (PS3.18 Table 10.6.3-3): (tag, VR).
const STUDY_ALWAYS: &[(u32, &str)] = &[
    (0x0008_0020, "DA"),
    (0x0008_0030, "TM"),
    (0x0008_0050, "SH"),
    (0x0008_0090, "PN"),
    (0x0010_0010, "PN"),
    (0x0010_0020, "LO"),
    (0x0010_0030, "DA"),
    (0x0010_0040, "CS"),
    (0x0020_000D, "UI"),
    (0x0020_0010, "SH"),
];
/// Attributes that study results have when known, beside the computed ones.
const STUDY_KNOWN: &[u32] = &[0x0008_0201, 0x0008_1030, 0x0010_0021];
/// Attributes that every series result has (PS3.18 Table 10.6.3-4).
const SERIES_ALWAYS: &[(u32, &str)] = &[(0x0008_0060, "CS"), (0x0020_000E, "UI"), (0x0020_0011, "IS")];
/// Attributes that series results have when known.
const SERIES_KNOWN: &[u32] = &[0x0008_0201, 0x0008_103E, 0x0018_0015, 0x0040_0244, 0x0040_0245, 0x0040_0275];
/// Attributes that every instance result has (PS3.18 Table 10.6.3-5).
const INSTANCE_ALWAYS: &[(u32, &str)] = &[(0x0008_0016, "UI"), (0x0008_0018, "UI"), (0x0020_0013, "IS")];
/// Attributes that instance results have when known.
const INSTANCE_KNOWN: &[u32] = &[0x0008_0201, 0x0028_0008, 0x0028_0010, 0x0028_0011, 0x0028_0100];

impl Archive {
    /// Finds studies, series or instances within what `who` may see.
    ///
    /// # Errors
    /// [`ReadError::Denied`], [`ReadError::Storage`].
    pub async fn search(&self, who: &Principal, query: Query) -> Result<SearchPage, ReadError> {
        let scope = who.scope_for(Action::Search)?;
        let (filters, ignored) = filters(&query);
        let limit = query.limit.unwrap_or(u32::MAX).min(self.shared.config.search_max);
        if limit == 0 {
            return Ok(SearchPage { ignored, ..SearchPage::default() });
        }
        let include = Selection::of(&query);
        let search = Search {
            level: query.level,
            study: query.study,
            series: query.series,
            combined_datetime: true,
            zone: None,
            default_zone: 0,
            judge: None,
            filters,
            limit,
            offset: query.offset,
            with_metadata: include.needs_metadata,
        };
        let hits = self.shared.index.search(&scope, &search).await?;
        let results = hits.hits.iter().map(|hit| include.result(hit)).collect::<Result<_, _>>()?;
        Ok(SearchPage { results, remaining: hits.remaining, ignored })
    }
}

/// The index's filters, and the attributes that the level does not match.
fn filters(query: &Query) -> (Vec<(Attribute, Rule)>, Vec<Vec<Tag>>) {
    let (mut filters, mut ignored) = (Vec::new(), Vec::new());
    for (path, rule) in &query.matches {
        match attribute(path).filter(|a| a.level() <= query.level) {
            Some(attribute) => filters.push((attribute, rule.clone())),
            None if *rule == Rule::Universal => {}
            None => ignored.push(path.clone()),
        }
    }
    (filters, ignored)
}

fn attribute(path: &[Tag]) -> Option<Attribute> {
    use Attribute::*;
    let tags: Vec<u32> = path.iter().map(|tag| number(*tag)).collect();
    Some(match tags.as_slice() {
        [0x0008_0020] => StudyDate,
        [0x0008_0030] => StudyTime,
        [0x0008_0050] => AccessionNumber,
        [0x0008_0061] => ModalitiesInStudy,
        [0x0008_0090] => ReferringPhysicianName,
        [0x0010_0010] => PatientName,
        [0x0010_0020] => PatientId,
        [0x0010_0021] => IssuerOfPatientId,
        [0x0010_0030] => PatientBirthDate,
        [0x0010_0040] => PatientSex,
        [0x0020_000D] => StudyInstanceUid,
        [0x0020_0010] => StudyId,
        [0x0008_1030] => StudyDescription,
        [0x0008_0080] => InstitutionName,
        [0x0008_0060] => Modality,
        [0x0020_000E] => SeriesInstanceUid,
        [0x0020_0011] => SeriesNumber,
        [0x0008_103E] => SeriesDescription,
        [0x0018_0015] => BodyPartExamined,
        [0x0040_0244] => PerformedProcedureStepStartDate,
        [0x0040_0245] => PerformedProcedureStepStartTime,
        [0x0040_0275, 0x0040_0009] => ScheduledProcedureStepId,
        [0x0040_0275, 0x0040_1001] => RequestedProcedureId,
        [0x0008_0016] => SopClassUid,
        [0x0008_0018] => SopInstanceUid,
        [0x0020_0013] => InstanceNumber,
        _ => return None,
    })
}

/// Which attributes of which levels go into results.
struct Selection {
    level: Level,
    /// The study's attributes are part of deeper results: nothing in the path fixes the study.
    with_study: bool,
    /// The series' attributes are part of instance results.
    with_series: bool,
    /// Everything of the level.
    all: bool,
    /// Asked for by includefield or by matching.
    fields: Vec<u32>,
    /// Some of it is only in the instance's whole metadata.
    needs_metadata: bool,
}

impl Selection {
    fn of(query: &Query) -> Self {
        let mut fields: Vec<u32> =
            query.matches.iter().filter_map(|(path, _)| path.first()).map(|tag| number(*tag)).collect();
        let all = query.include == Include::All;
        if let Include::Fields(paths) = &query.include {
            fields.extend(paths.iter().filter_map(|path| path.first()).map(|tag| number(*tag)));
        }
        let instances = query.level == Level::Instance;
        let beyond = fields.iter().any(|tag| !is_instance_column(*tag));
        Self {
            level: query.level,
            with_study: query.level > Level::Study && query.study.is_none(),
            with_series: instances && query.series.is_none(),
            all,
            needs_metadata: instances && (all || beyond),
            fields,
        }
    }

    fn result(&self, hit: &Hit) -> Result<SearchResult, ReadError> {
        let mut out = Collected { pairs: Vec::with_capacity(32) };
        let study_url = format!("studies/{}", hit.study.uid);
        let mut url = study_url.clone();
        if self.level == Level::Study || self.with_study {
            self.study(hit, &mut out);
        }
        if let Some(series) = &hit.series {
            url = format!("{study_url}/series/{}", series.uid);
            if self.level == Level::Series || self.with_series {
                self.take(&series.attributes, SERIES_ALWAYS, SERIES_KNOWN, &mut out);
                out.put(0x0020_1209, numbers("IS", &[series.instance_count]));
            }
        }
        let metadata;
        if let Some(instance) = &hit.instance {
            url = format!("{url}/instances/{}", instance.uid);
            self.take(&instance.attributes, INSTANCE_ALWAYS, INSTANCE_KNOWN, &mut out);
            out.put(0x0008_3002, texts("UI", [instance.transfer_syntax.as_str()]));
            if let Some(packed) = &instance.metadata {
                metadata = work::unpack(packed)?;
                for (tag, raw) in object::pairs(&metadata) {
                    // A bulk value is no search result; everything else of the instance may be one.
                    if (self.all || self.fields.contains(&tag)) && !is_bulk(raw) {
                        out.put(tag, raw.to_vec());
                    }
                }
            }
        }
        out.put(0x0008_0056, texts("CS", ["ONLINE"]));
        // 0x01 marks where the service's root goes. The path is of UIDs: nothing in it to escape.
        out.put(0x0008_1190, format!("{{\"vr\":\"UR\",\"Value\":[\"\u{1}{url}\"]}}").into_bytes());
        Ok(SearchResult { json: out.finish() })
    }

    fn study(&self, hit: &Hit, out: &mut Collected) {
        self.take(&hit.study.attributes, STUDY_ALWAYS, STUDY_KNOWN, out);
        out.put(0x0008_0061, texts("CS", hit.study.modalities.iter().map(String::as_str)));
        out.put(0x0020_1206, numbers("IS", &[hit.study.series_count]));
        out.put(0x0020_1208, numbers("IS", &[hit.study.instance_count]));
    }

    /// Those of a level's stored attributes that results have always, when known, or because they were asked for.
    fn take(&self, attributes: &[u8], always: &[(u32, &str)], known: &[u32], out: &mut Collected) {
        for (tag, raw) in object::pairs(attributes) {
            let due = always.iter().any(|(t, _)| *t == tag) || known.contains(&tag);
            if self.all || due || self.fields.contains(&tag) {
                out.put(tag, raw.to_vec());
            }
        }
        for (tag, vr) in always {
            out.put(*tag, format!(r#"{{"vr":"{vr}"}}"#).into_bytes());
        }
    }
}

/// The attributes of one result; of two with one tag the first put in stays.
struct Collected {
    pairs: Vec<(u32, Vec<u8>)>,
}

impl Collected {
    fn put(&mut self, tag: u32, raw: Vec<u8>) {
        self.pairs.push((tag, raw));
    }

    fn finish(mut self) -> Vec<u8> {
        self.pairs.sort_by_key(|(tag, _)| *tag);
        self.pairs.dedup_by_key(|(tag, _)| *tag);
        let mut out = object::Builder::new();
        for (tag, raw) in &self.pairs {
            out.raw(*tag, raw);
        }
        out.finish()
    }
}

fn is_bulk(raw: &[u8]) -> bool {
    // Attributes begin {"vr":"XX", so the next name decides.
    let name = raw.get(11..).unwrap_or_default();
    name.starts_with(b"\"BulkDataURI\"") || name.starts_with(b"\"InlineBinary\"")
}

fn texts<'a>(vr: &str, values: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let values: Vec<String> = values.into_iter().map(|v| serde_json::Value::from(v).to_string()).collect();
    if values.is_empty() {
        return format!(r#"{{"vr":"{vr}"}}"#).into_bytes();
    }
    format!(r#"{{"vr":"{vr}","Value":[{}]}}"#, values.join(",")).into_bytes()
}

fn numbers(vr: &str, values: &[u64]) -> Vec<u8> {
    let values: Vec<String> = values.iter().map(u64::to_string).collect();
    format!(r#"{{"vr":"{vr}","Value":[{}]}}"#, values.join(",")).into_bytes()
}

fn number(tag: Tag) -> u32 {
    (u32::from(tag.0) << 16) | u32::from(tag.1)
}
