//! The matching rules of PS3.4 C.2.2.2 as SQL conditions. Values are bound, never written into the text.

use model::matching::{Rule, glob_pattern};
use model::person_name;

use super::moment::{FIRST_WITH_DATE, TIME_MASK, first_of, last_of, time_of};
use super::sql::Sql;
use crate::{Attribute, Search};

/// The aliases by which queries name their tables: `s` study, `e` series, `i` instance.
pub(super) fn study(sql: &mut Sql, attribute: Attribute, rule: &Rule) {
    match attribute {
        Attribute::AccessionNumber => text(sql, "s.accession", rule),
        Attribute::PatientId => text(sql, "s.patient_id", rule),
        Attribute::IssuerOfPatientId => text(sql, "s.issuer", rule),
        Attribute::PatientBirthDate => text(sql, "s.birth_date", rule),
        Attribute::PatientSex => text(sql, "s.sex", rule),
        Attribute::StudyInstanceUid => text(sql, "s.uid", rule),
        Attribute::StudyId => text(sql, "s.study_id", rule),
        Attribute::StudyDescription => text(sql, "s.description", rule),
        Attribute::InstitutionName => text(sql, "s.institution", rule),
        Attribute::PatientName => name(sql, "s.patient_name", rule),
        Attribute::ReferringPhysicianName => name(sql, "s.referring", rule),
        Attribute::ModalitiesInStudy => modalities(sql, rule),
        // Dates and times are one column: `Moments`.
        _ => {}
    }
}

/// A condition on `e`, but for the request attributes: [`requests`].
pub(super) fn series(sql: &mut Sql, attribute: Attribute, rule: &Rule) {
    match attribute {
        Attribute::Modality => text(sql, "e.modality", rule),
        Attribute::SeriesInstanceUid => text(sql, "e.uid", rule),
        Attribute::SeriesNumber => number(sql, "e.number", rule),
        Attribute::SeriesDescription => text(sql, "e.description", rule),
        Attribute::BodyPartExamined => text(sql, "e.body_part", rule),
        Attribute::PerformedProcedureStepStartDate => text(sql, "e.performed_date", rule),
        Attribute::PerformedProcedureStepStartTime => text(sql, "e.performed_time", rule),
        _ => {}
    }
}

/// A condition on `i`.
pub(super) fn instance(sql: &mut Sql, attribute: Attribute, rule: &Rule) {
    match attribute {
        Attribute::SopInstanceUid => text(sql, "i.uid", rule),
        Attribute::InstanceNumber => number(sql, "i.number", rule),
        Attribute::SopClassUid => {
            sql.push("i.sop_class IN (SELECT id FROM term WHERE ");
            text(sql, "text", rule);
            sql.push(")");
        }
        _ => {}
    }
}

/// All keys of the Request Attributes Sequence must match within one item (PS3.4 C.2.2.2.6).
pub(super) fn requests(sql: &mut Sql, filters: &[(Attribute, Rule)]) {
    let keys: Vec<(&str, &Rule)> = filters
        .iter()
        .filter(|(_, rule)| !is_universal(rule))
        .filter_map(|(attribute, rule)| match attribute {
            Attribute::ScheduledProcedureStepId => Some(("r.step", rule)),
            Attribute::RequestedProcedureId => Some(("r.requested", rule)),
            _ => None,
        })
        .collect();
    if keys.is_empty() {
        return;
    }
    sql.push(" AND (EXISTS (SELECT 1 FROM series_request r WHERE r.series = e.id");
    for (column, rule) in &keys {
        sql.push(" AND ");
        text(sql, column, rule);
    }
    sql.push(")");
    if keys.iter().all(|(_, rule)| **rule == Rule::Empty) {
        sql.push(" OR NOT EXISTS (SELECT 1 FROM series_request r WHERE r.series = e.id)");
    }
    sql.push(")");
}

/// Longest pattern that may match, in bytes; escaping makes it three times as long at worst.
pub(super) const PATTERN: usize = 16_384;

/// Whether the rule lets everything pass.
pub(super) fn is_universal(rule: &Rule) -> bool {
    match rule {
        Rule::Universal => true,
        Rule::Wildcard(pattern) => pattern.bytes().all(|b| b == b'*'),
        _ => false,
    }
}

/// A text column; case counts.
pub(super) fn text(sql: &mut Sql, column: &str, rule: &Rule) {
    match rule {
        Rule::Universal => sql.push("1"),
        Rule::Empty => sql.push(column).push(" = ''"),
        Rule::Exact(value) => sql.push(column).push(" = ").text(value),
        // The engine refuses patterns of more than 50,000 bytes; no column is that long.
        Rule::Wildcard(pattern) if pattern.len() > PATTERN => sql.bind(0),
        Rule::Wildcard(pattern) => sql.push(column).push(" GLOB ").text(&glob_pattern(pattern)),
        Rule::UidList(uids) => match uids.as_slice() {
            [uid] => sql.push(column).push(" = ").text(uid.as_str()),
            uids => sql.push(column).push(" IN ").list(uids, "\""),
        },
        Rule::Range { from, to } => {
            sql.push(column).push(" >= ").text(from.as_deref().unwrap_or("0"));
            match to {
                Some(to) => sql.push(" AND ").push(column).push(" <= ").text(to),
                None => sql,
            }
        }
    };
}

/// A folded name: without `=` any of its groups, else the whole of it, as `model::matching::matches` has it.
fn name(sql: &mut Sql, column: &str, rule: &Rule) {
    let groups = [column.to_owned(), format!("{column}_second"), format!("{column}_third")];
    let folded = folded(rule);
    let whole = format!("rtrim({}, '=')", groups.join(" || '=' || "));
    match &folded {
        Rule::Exact(key) | Rule::Wildcard(key) if key.contains('=') => text(sql, &whole, &folded),
        Rule::Empty => text(sql, &whole, rule),
        // Only delimiters were asked for: a name of nothing.
        Rule::Exact(key) if key.is_empty() => text(sql, &whole, &Rule::Empty),
        _ => {
            for (position, group) in groups.iter().enumerate() {
                sql.push(if position == 0 { "(" } else { " OR " });
                text(sql, group, &folded);
            }
            sql.push(")");
        }
    }
}

/// A name's rule in the form that the columns have.
pub(super) fn folded(rule: &Rule) -> Rule {
    match rule {
        Rule::Exact(text) => Rule::Exact(person_name::key(text)),
        Rule::Wildcard(pattern) => Rule::Wildcard(person_name::key(pattern)),
        other => other.clone(),
    }
}

/// Any of the study's modalities (PS3.4 C.2.2.3).
fn modalities(sql: &mut Sql, rule: &Rule) {
    if *rule == Rule::Empty {
        return text(sql, "s.modalities", rule);
    }
    sql.push("EXISTS (SELECT 1 FROM series m WHERE m.study = s.id AND m.visible = 1 AND ");
    text(sql, "m.modality", rule);
    sql.push(")");
}

fn number(sql: &mut Sql, column: &str, rule: &Rule) {
    match rule {
        Rule::Universal => sql.push("1"),
        Rule::Empty => sql.push(column).push(" IS NULL"),
        Rule::Exact(text) => match text.trim().parse::<i64>() {
            Ok(number) => sql.push(column).push(" = ").bind(number),
            Err(_) => sql.bind(0),
        },
        Rule::Wildcard(_) | Rule::UidList(_) | Rule::Range { .. } => sql.bind(0),
    };
}

/// What Study Date and Study Time ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moments {
    /// Bounds of the moment, both inclusive: one range of an index.
    from: Option<i64>,
    to: Option<i64>,
    /// Bounds of the time of day on every day.
    times: Vec<(i64, i64)>,
    /// A study of this moment, on the interval's last day and without a time, is not known to be within.
    untimed: Option<i64>,
    /// Nothing can match.
    nothing: bool,
}

impl Moments {
    /// Of a search's filters.
    pub(super) fn of(search: &Search) -> Self {
        let rules = |wanted: Attribute| {
            search.filters.iter().filter(move |(attribute, _)| *attribute == wanted).map(|(_, rule)| rule)
        };
        let mut moments = Moments::default();
        let (date, time) = (rules(Attribute::StudyDate).next(), rules(Attribute::StudyTime).next());
        if search.combined_datetime
            && let (Some(Rule::Range { from: d1, to: d2 }), Some(Rule::Range { from: t1, to: t2 })) =
                (date, time)
            && rules(Attribute::StudyDate).chain(rules(Attribute::StudyTime)).count() == 2
        {
            moments.combined(d1.as_deref().zip(Some(t1.as_deref())), d2.as_deref().zip(Some(t2.as_deref())));
            return moments;
        }
        rules(Attribute::StudyDate).for_each(|rule| moments.date(rule));
        rules(Attribute::StudyTime).for_each(|rule| moments.time(rule));
        moments
    }

    /// Whether a range of dates bounds them: few studies, perhaps.
    pub(super) fn is_bounded(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// Adds the conditions on a column of moments that are one range of an index.
    pub(super) fn bounds(&self, sql: &mut Sql, column: &str) {
        if let Some(from) = self.from {
            sql.push(" AND ").push(column).push(" >= ").bind(from);
        }
        if let Some(to) = self.to {
            sql.push(" AND ").push(column).push(" <= ").bind(to);
        }
    }

    /// Adds the other conditions.
    pub(super) fn rest(&self, sql: &mut Sql, column: &str) {
        if self.nothing {
            sql.push(" AND ").bind(0);
        }
        for (from, to) in &self.times {
            sql.push(" AND (").push(column).push(" & ").bind(TIME_MASK).push(") BETWEEN ").bind(*from);
            sql.push(" AND ").bind(*to);
        }
        if let Some(untimed) = self.untimed {
            sql.push(" AND ").push(column).push(" <> ").bind(untimed);
        }
    }

    fn date(&mut self, rule: &Rule) {
        match rule {
            Rule::Universal => {}
            Rule::Empty => self.below(Some(FIRST_WITH_DATE - 1)),
            Rule::Exact(day) => {
                self.above(first_of(day));
                self.below(last_of(day));
            }
            Rule::Range { from, to } => {
                self.above(from.as_deref().map_or(Some(FIRST_WITH_DATE), first_of));
                if let Some(to) = to {
                    self.below(last_of(to));
                }
            }
            Rule::Wildcard(_) | Rule::UidList(_) => self.nothing = true,
        }
    }

    fn time(&mut self, rule: &Rule) {
        let bounds = match rule {
            Rule::Universal => return,
            Rule::Empty => Some((0, 0)),
            Rule::Exact(time) => time_of(time).map(|time| (time, time)),
            Rule::Range { from, to } => {
                let from = from.as_deref().map_or(Some(1), time_of);
                from.zip(to.as_deref().map_or(Some(TIME_MASK), time_of))
            }
            Rule::Wildcard(_) | Rule::UidList(_) => None,
        };
        match bounds {
            Some(bounds) => self.times.push(bounds),
            None => self.nothing = true,
        }
    }

    /// One interval from the first date and time to the last (PS3.4 C.2.2.2.5.4); an end without a time takes in its
    /// whole day.
    fn combined(&mut self, first: Option<(&str, Option<&str>)>, last: Option<(&str, Option<&str>)>) {
        let start =
            |(date, time): (&str, Option<&str>)| Some(first_of(date)? | time.map_or(Some(0), time_of)?);
        let end = |(date, time): (&str, Option<&str>)| {
            Some(first_of(date)? | time.map_or(Some(TIME_MASK), time_of)?)
        };
        self.above(first.map_or(Some(FIRST_WITH_DATE), start));
        if let Some(last) = last {
            self.below(end(last));
            self.untimed = last.1.and_then(|_| first_of(last.0));
        }
    }

    fn above(&mut self, bound: Option<i64>) {
        match bound {
            Some(bound) => self.from = Some(self.from.map_or(bound, |from| from.max(bound))),
            None => self.nothing = true,
        }
    }

    fn below(&mut self, bound: Option<i64>) {
        match bound {
            Some(bound) => self.to = Some(self.to.map_or(bound, |to| to.min(bound))),
            None => self.nothing = true,
        }
    }
}
