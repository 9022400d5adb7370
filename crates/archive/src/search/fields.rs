//! Which attributes of which levels go into results.

use dicomweb::json::object;
use index::{Hit, Level};
use model::Tag;
use serde_json::{Map, Value};

use super::keys::{Keys, Zone, is_private, number, resolve};
use super::{Include, Query, SearchResult};
use crate::columns::is_instance_column;
use crate::{ReadError, work};

/// Instance Availability.
const AVAILABILITY: u32 = 0x0008_0056;
/// Retrieve URL.
const RETRIEVE_URL: u32 = 0x0008_1190;
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

/// Which attributes of which levels go into results.
pub(super) struct Selection {
    level: Level,
    /// The study's attributes are part of deeper results: nothing in the path fixes the study.
    with_study: bool,
    /// The series' attributes are part of instance results.
    with_series: bool,
    /// Everything of the level.
    all: bool,
    /// Asked for by includefield or by matching.
    fields: Vec<u32>,
    /// Private ones asked for, and whose they are.
    private: Vec<Tag>,
    creators: Vec<(Tag, String)>,
    /// Of sequences that were matched only the items that match are returned.
    items: Keys,
    /// Some of it is only in the instance's whole metadata.
    needs_metadata: bool,
}

impl Selection {
    pub(super) fn of(query: &Query) -> Self {
        let mut tags: Vec<Tag> = query.matches.iter().filter_map(|(path, _)| path.first()).copied().collect();
        if let Include::Fields(paths) = &query.include {
            tags.extend(paths.iter().filter_map(|path| path.first()));
        }
        let all = query.include == Include::All;
        let (private, tags): (Vec<Tag>, Vec<Tag>) = tags.into_iter().partition(|tag| is_private(*tag));
        let fields: Vec<u32> = tags.into_iter().map(number).collect();
        let mut items = Keys::new(&query.creators, Zone::Same);
        for (path, wanted) in query.matches.iter().filter(|(path, _)| path.len() > 1) {
            if !wanted.is_universal() {
                items.add(path, wanted.clone());
            }
        }
        let creator = |(path, creator): &(Vec<Tag>, String)| match path.as_slice() {
            [tag] => Some((*tag, creator.clone())),
            _ => None,
        };
        let instances = query.level == Level::Instance;
        let beyond = fields.iter().any(|tag| !is_instance_column(*tag)) || !private.is_empty();
        Self {
            level: query.level,
            with_study: query.level > Level::Study && query.study.is_none(),
            with_series: instances && query.series.is_none(),
            all,
            needs_metadata: instances && (all || beyond),
            fields,
            private,
            creators: query.creators.iter().filter_map(creator).collect(),
            items,
        }
    }

    /// Whether it needs an instance's whole metadata.
    pub(super) fn needs_metadata(&self) -> bool {
        self.needs_metadata
    }

    /// A hit as an object.
    pub(super) fn result(&self, hit: &Hit) -> Result<SearchResult, ReadError> {
        let mut out = Collected { pairs: Vec::with_capacity(32) };
        let study_url = format!("studies/{}", hit.study.uid);
        let mut url = study_url.clone();
        if self.level == Level::Study || self.with_study {
            self.study(hit, &mut out);
        }
        // Also where the path names them already: clients tell results of different searches apart by them.
        out.put(0x0020_000D, texts("UI", [hit.study.uid.to_string().as_str()]));
        if let Some(series) = &hit.series {
            url = format!("{study_url}/series/{}", series.uid);
            out.put(0x0020_000E, texts("UI", [series.uid.to_string().as_str()]));
            if self.level == Level::Series || self.with_series {
                self.take(&series.attributes, SERIES_ALWAYS, SERIES_KNOWN, &mut out);
                out.put(0x0020_1209, numbers("IS", &[series.instance_count]));
            }
        }
        if let Some(instance) = &hit.instance {
            url = format!("{url}/instances/{}", instance.uid);
            self.take(&instance.attributes, INSTANCE_ALWAYS, INSTANCE_KNOWN, &mut out);
            out.put(0x0008_3002, texts("UI", [instance.transfer_syntax.as_str()]));
            if let Some(packed) = &instance.metadata {
                let metadata = work::unpack(packed)?;
                let private = self.private_tags(&metadata);
                for (tag, raw) in object::pairs(&metadata) {
                    // A bulk value is no search result; everything else of the instance may be one.
                    let due = self.all || self.fields.contains(&tag) || private.contains(&tag);
                    // Where and whether it is available is ours to say.
                    let ours = matches!(tag, AVAILABILITY | RETRIEVE_URL);
                    if due && !ours && !is_bulk(raw) {
                        self.put(tag, raw, &mut out);
                    }
                }
            }
        }
        let damaged = hit.instance.as_ref().is_some_and(|instance| instance.damaged);
        out.put(AVAILABILITY, texts("CS", [if damaged { "UNAVAILABLE" } else { "ONLINE" }]));
        if !damaged {
            // 0x01 marks where the service's root goes. The path is of UIDs: nothing in it to escape.
            out.put(RETRIEVE_URL, format!("{{\"vr\":\"UR\",\"Value\":[\"\u{1}{url}\"]}}").into_bytes());
        }
        Ok(SearchResult { json: out.finish() })
    }

    fn put(&self, tag: u32, raw: &[u8], out: &mut Collected) {
        out.put(tag, self.items.fitting_items(tag, raw).unwrap_or_else(|| raw.to_vec()));
    }

    /// The tags that this instance has for the private attributes asked for, and those of their creators.
    fn private_tags(&self, metadata: &[u8]) -> Vec<u32> {
        if self.private.is_empty() {
            return Vec::new();
        }
        let is_creator = |tag: u32| tag >> 16 & 1 == 1 && (0x10..=0xFF).contains(&(tag & 0xFFFF));
        let creators: Map<String, Value> = object::pairs(metadata)
            .filter(|(tag, _)| is_creator(*tag))
            .filter_map(|(tag, raw)| Some((format!("{tag:08X}"), serde_json::from_slice(raw).ok()?)))
            .collect();
        let held = self.private.iter().filter_map(|tag| resolve(*tag, &self.creators, &creators));
        held.flat_map(|tag| [tag, tag & 0xFFFF_0000 | (tag & 0xFFFF) >> 8]).collect()
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
                self.put(tag, raw, out);
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
