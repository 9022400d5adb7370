//! A search (PS3.18 8.3.4).

use std::fmt;

use model::matching::{self, Options, Rule};
use model::{SeriesUid, StudyUid, Tag, VR, value};

use super::retrieve::set;
use super::{QueryError, TagPath, attribute, pairs, shown};

/// What a search returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Studies.
    Study,
    /// Series.
    Series,
    /// Instances.
    Instance,
}

/// A search as it was asked, with what the server adds when it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRequest {
    /// What to return.
    pub level: Level,
    /// Only below this study.
    pub study: Option<StudyUid>,
    /// Only below this series.
    pub series: Option<SeriesUid>,
    /// All of them must match. No path occurs twice.
    pub matches: Vec<Match>,
    /// Private creators that were named: where, and who. They say whose the private attributes beside them are.
    pub creators: Vec<(TagPath, String)>,
    /// `TimezoneOffsetFromUTC`: dates and times of the request are so many minutes east of UTC.
    pub zone: Option<i64>,
    /// Which further kinds of matching were asked for.
    pub options: Options,
    /// What to return beside the attributes of the level.
    pub include: Include,
    /// `limit`: at most this many results; as large as can be where the number asked for is larger.
    pub limit: Option<u32>,
    /// `offset`: matches to skip.
    pub offset: u64,
    /// `accept`, a media range: see [`crate::media::Accept`].
    pub accept: Option<String>,
    /// What was asked for and is not done; each becomes a `Warning` header.
    pub warnings: Vec<Warning>,
}

/// One attribute to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Where it is.
    pub path: TagPath,
    /// Its VR.
    pub vr: VR,
    /// What it must be.
    pub wanted: Wanted,
}

/// What an attribute must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What this rule says; also [`Rule::Universal`], which asks for the attribute in the results.
    Rule(Rule),
    /// What this text says, once the attribute's VR is known: only what is stored tells it.
    Text(String),
}

/// `includefield` (PS3.18 8.3.4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Include {
    /// `all`: whatever there is at the level.
    All,
    /// These beside those of the level, in the order asked for, none twice.
    Fields(Vec<TagPath>),
}

/// What was asked for and is not done. The text is that of the Standard where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// An attribute that cannot be matched, as the request named it.
    NotMatched(String),
}

impl SearchRequest {
    /// Reads the query string (still percent-encoded) of a search below a path.
    ///
    /// # Errors
    /// [`QueryError`] for names that are none, repeated attributes, values that do not fit, private attributes
    /// without their creator.
    pub fn parse(
        level: Level,
        study: Option<StudyUid>,
        series: Option<SeriesUid>,
        query: &str,
    ) -> Result<Self, QueryError> {
        let mut reader = Reader::default();
        let mut attributes = Vec::new();
        for (name, value) in pairs::read(query)? {
            if !reader.read(&name, &value)? {
                attributes.push((name, value));
            }
        }
        // How values are read depends on parameters that may stand behind them.
        for (name, value) in attributes {
            reader.read_match(&name, &value)?;
        }
        reader.check_creators()?;
        let options = reader.options();
        let include = match (reader.all, reader.fields) {
            (false, fields) => Include::Fields(fields),
            (true, fields) if fields.len() == reader.added => Include::All,
            (true, _) => {
                return Err(QueryError::Value {
                    name: "includefield".to_owned(),
                    problem: "is all, which leaves nothing for another includefield to add".to_owned(),
                });
            }
        };
        Ok(Self {
            level,
            study,
            series,
            options,
            matches: reader.matches,
            creators: reader.creators,
            zone: reader.zone,
            include,
            limit: reader.limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)),
            offset: reader.offset.unwrap_or(0),
            accept: reader.accept,
            warnings: reader.warnings,
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::NotMatched(name) => write!(f, "The attribute {name} is not matched in this search."),
        }
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    matches: Vec<Match>,
    fields: Vec<TagPath>,
    all: bool,
    limit: Option<u64>,
    offset: Option<u64>,
    accept: Option<String>,
    charset: Option<()>,
    fuzzy: Option<bool>,
    empty: Option<bool>,
    multiple: Option<bool>,
    zone: Option<i64>,
    creators: Vec<(TagPath, String)>,
    /// Fields that nobody named in an includefield.
    added: usize,
    warnings: Vec<Warning>,
    /// Every private attribute named, with how it was named and what its creator is.
    private: Vec<(String, TagPath)>,
    /// Every path that was matched or creator that was named.
    seen: Vec<TagPath>,
}

impl Reader {
    /// Reads a parameter; `false` when it is an attribute to match.
    fn read(&mut self, name: &str, value: &str) -> Result<bool, QueryError> {
        match name {
            "includefield" => self.read_fields(value),
            "limit" => set(&mut self.limit, name, count(name, value)?),
            "offset" => set(&mut self.offset, name, count(name, value)?),
            "accept" => set(&mut self.accept, name, value.to_owned()),
            // Answers are UTF-8 whatever is wished for (PS3.18 8.8.1).
            "charset" => set(&mut self.charset, name, ()),
            "fuzzymatching" => set(&mut self.fuzzy, name, flag(name, value)?),
            "emptyvaluematching" => set(&mut self.empty, name, flag(name, value)?),
            "multiplevaluematching" => set(&mut self.multiple, name, flag(name, value)?),
            "TimezoneOffsetFromUTC" | "00080201" => self.read_zone(name, value),
            "access_token" => Err(QueryError::Token),
            _ => return Ok(false),
        }?;
        Ok(true)
    }

    fn options(&self) -> Options {
        Options {
            fuzzy: self.fuzzy == Some(true),
            empty: self.empty == Some(true),
            multiple: self.multiple == Some(true),
            zone: self.zone.unwrap_or(0),
        }
    }

    /// The zone of the request's dates and times is no filter (PS3.18 8.3.4.1.1); it is returned like one.
    fn read_zone(&mut self, name: &str, value: &str) -> Result<(), QueryError> {
        if self.seen.contains(&vec![ZONE]) {
            return Err(QueryError::Repeated(shown(name)));
        }
        self.seen.push(vec![ZONE]);
        self.fields.push(vec![ZONE]);
        self.added += 1;
        if value.trim_matches(' ').is_empty() {
            return Ok(());
        }
        let minutes = value::offset(value).ok_or_else(|| QueryError::Value {
            name: shown(name),
            problem: "is no offset from UTC as in +0100 or -0500".to_owned(),
        })?;
        self.zone = Some(minutes);
        Ok(())
    }

    fn read_match(&mut self, name: &str, value: &str) -> Result<(), QueryError> {
        let (path, vr) = self.name(name)?;
        if self.seen.contains(&path) {
            return Err(QueryError::Repeated(shown(name)));
        }
        self.seen.push(path.clone());
        // A creator says whose the private attributes beside it are; it is no filter of its own.
        if path.last().is_some_and(|tag| is_creator(*tag)) {
            self.creators.push((path, value.trim_matches(' ').to_owned()));
            return Ok(());
        }
        let wanted = match vr {
            _ if value.is_empty() => Wanted::Rule(Rule::Universal),
            VR::SQ => {
                return Err(QueryError::Value {
                    name: shown(name),
                    problem: "belongs to an attribute of the sequence's items: Sequence.Attribute=value"
                        .to_owned(),
                });
            }
            VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW => {
                self.warnings.push(Warning::NotMatched(shown(name)));
                return Ok(());
            }
            VR::UN => Wanted::Text(value.to_owned()),
            vr => Wanted::Rule(
                matching::parse_with(vr, value, self.options())
                    .map_err(|error| QueryError::Value { name: shown(name), problem: error.to_string() })?,
            ),
        };
        self.matches.push(Match { path, vr, wanted });
        Ok(())
    }

    fn read_fields(&mut self, value: &str) -> Result<(), QueryError> {
        for name in value.split(',').filter(|name| !name.is_empty()) {
            if name == "all" {
                self.all = true;
                continue;
            }
            let (path, _) = self.name(name).map_err(in_include_field)?;
            if !self.fields.contains(&path) {
                self.fields.push(path);
            }
        }
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<(TagPath, VR), QueryError> {
        let (path, vr) =
            attribute::parse(name).map_err(|error| QueryError::Name { name: shown(name), error })?;
        for (depth, tag) in path.iter().enumerate() {
            if let Some(creator) = attribute::private_creator(*tag) {
                let mut creator_path = path[..depth].to_vec();
                creator_path.push(creator);
                self.private.push((shown(name), creator_path));
            }
        }
        Ok((path, vr))
    }

    fn check_creators(&self) -> Result<(), QueryError> {
        for (name, creator) in &self.private {
            if !self.seen.contains(creator) {
                return Err(QueryError::PrivateCreator {
                    name: name.clone(),
                    creator: attribute::dotted(creator),
                });
            }
        }
        Ok(())
    }
}

/// Timezone Offset From UTC.
const ZONE: Tag = Tag(0x0008, 0x0201);

/// The same, said of the parameter whose value the name is.
fn in_include_field(error: QueryError) -> QueryError {
    match error {
        QueryError::Name { name, error } => QueryError::Value {
            name: "includefield".to_owned(),
            problem: format!("names {name:?}, which is {error}"),
        },
        other => other,
    }
}

fn is_creator(tag: Tag) -> bool {
    tag.group() % 2 == 1 && (0x10..=0xFF).contains(&tag.element())
}

fn count(name: &str, value: &str) -> Result<u64, QueryError> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    value.parse().ok().filter(|_| digits).ok_or_else(|| QueryError::Value {
        name: name.to_owned(),
        problem: "is no number from 0 to 18446744073709551615".to_owned(),
    })
}

fn flag(name: &str, value: &str) -> Result<bool, QueryError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => {
            Err(QueryError::Value { name: name.to_owned(), problem: "is neither true nor false".to_owned() })
        }
    }
}

#[cfg(test)]
mod tests;
