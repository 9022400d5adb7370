//! Searching: what to match becomes columns, or keys of documents; hits become DICOM JSON objects of the level asked
//! for.

mod fields;
mod keys;

use std::sync::Arc;

use access::{Action, Principal};
use index::{Attribute, Documents, Judge, Level, Reads, Search};
use model::matching::Rule;
use model::{SeriesUid, StudyUid, Tag};

use self::fields::Selection;
use self::keys::{Keys, Zone, is_private, number};
use crate::columns::{is_instance_column, level_of};
use crate::{Archive, ReadError, work};

pub use self::keys::Wanted;

/// A search, by whatever protocol it came (PS3.4 C.2.2.2).
#[derive(Clone, Debug)]
pub struct Query {
    /// What to return.
    pub level: Level,
    /// Below this study.
    pub study: Option<StudyUid>,
    /// Below this series.
    pub series: Option<SeriesUid>,
    /// What must match: the path of tags to an attribute (longer than one inside sequences), and what it must be.
    pub matches: Vec<(Vec<Tag>, Wanted)>,
    /// Private creators, by the path of their tag in the query: whose the private attributes beside them are.
    pub creators: Vec<(Vec<Tag>, String)>,
    /// Dates and times to match are so many minutes east of UTC; else in the zone of what they are compared with.
    pub zone: Option<i64>,
    /// What to return beyond the level's own attributes.
    pub include: Include,
    /// At most this many results; the archive's own maximum bounds it.
    pub limit: Option<u32>,
    /// Matches skipped.
    pub offset: u64,
}

impl Query {
    /// For everything at this level.
    pub fn of(level: Level) -> Self {
        Self {
            level,
            study: None,
            series: None,
            matches: Vec::new(),
            creators: Vec::new(),
            zone: None,
            include: Include::Fields(Vec::new()),
            limit: None,
            offset: 0,
        }
    }
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

impl Archive {
    /// Finds studies, series or instances within what `who` may see.
    ///
    /// # Errors
    /// [`ReadError::Denied`], [`ReadError::Storage`], [`ReadError::TooLarge`] when it looks at more than there is time
    /// for.
    pub async fn search(&self, who: &Principal, query: Query) -> Result<SearchPage, ReadError> {
        let scope = who.scope_for(Action::Search)?;
        let default_zone = self.shared.config.zone;
        let Conditions { filters, judge, ignored } = Conditions::of(&query, default_zone);
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
            zone: query.zone,
            default_zone,
            judge,
            filters,
            limit,
            offset: query.offset,
            with_metadata: include.needs_metadata(),
        };
        let hits = self.shared.index.search(&scope, &search).await?;
        let results = hits.hits.iter().map(|hit| include.result(hit)).collect::<Result<_, _>>()?;
        Ok(SearchPage { results, remaining: hits.remaining, ignored })
    }
}

/// What a query asks for: of the index's columns, of documents, and what its level does not match.
struct Conditions {
    filters: Vec<(Attribute, Rule)>,
    judge: Option<Judge>,
    ignored: Vec<Vec<Tag>>,
}

impl Conditions {
    fn of(query: &Query, default_zone: i64) -> Self {
        let zone = if query.zone.is_some() { Zone::Stored(default_zone) } else { Zone::Same };
        let empty = Keys::new(&query.creators, zone);
        let mut judged =
            Judged { study: empty.clone(), series: empty.clone(), instance: empty.clone(), rest: empty };
        let (mut filters, mut ignored) = (Vec::new(), Vec::new());
        for (path, wanted) in query.matches.iter().filter(|(_, wanted)| !wanted.is_universal()) {
            let column = attribute(path);
            let first = path.first().copied().unwrap_or(Tag(0, 0));
            if column.map_or_else(|| level_of(number(first)), Attribute::level) > query.level {
                ignored.push(path.clone());
                continue;
            }
            if let (Some(column), Wanted::Rule(rule)) = (column, wanted) {
                filters.push((column, rule.clone()));
                if path.len() == 1 || indexed(query, first) {
                    continue;
                }
            }
            judged.keys(first).add(path, wanted.clone());
        }
        Self { filters, judge: judged.judge(), ignored }
    }
}

/// Whether all keys of a sequence are in the index, which matches them within one item.
fn indexed(query: &Query, sequence: Tag) -> bool {
    let keys = query.matches.iter().filter(|(path, _)| path.first() == Some(&sequence));
    keys.filter(|(_, wanted)| !wanted.is_universal()).all(|(path, _)| attribute(path).is_some())
}

/// Keys by the document that they are matched in.
struct Judged {
    study: Keys,
    series: Keys,
    instance: Keys,
    rest: Keys,
}

impl Judged {
    /// Those of the document that has this attribute.
    fn keys(&mut self, tag: Tag) -> &mut Keys {
        match level_of(number(tag)) {
            Level::Study => &mut self.study,
            Level::Series => &mut self.series,
            Level::Instance if is_instance_column(number(tag)) && !is_private(tag) => &mut self.instance,
            Level::Instance => &mut self.rest,
        }
    }

    fn judge(self) -> Option<Judge> {
        let reads = Reads {
            study: !self.study.is_empty(),
            series: !self.series.is_empty(),
            instance: !self.instance.is_empty(),
            metadata: !self.rest.is_empty(),
        };
        if reads == Reads::default() {
            return None;
        }
        let passes = move |documents: &Documents| {
            let fit = |keys: &Keys, document: &[u8]| keys.is_empty() || keys.fit(document);
            fit(&self.study, &documents.study)
                && fit(&self.series, &documents.series)
                && fit(&self.instance, &documents.instance)
                && (self.rest.is_empty()
                    || work::unpack(&documents.metadata).is_ok_and(|metadata| self.rest.fit(&metadata)))
        };
        Some(Judge { reads, passes: Arc::new(passes) })
    }
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
        [0x0010_1002, 0x0010_0020] => OtherPatientId,
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
