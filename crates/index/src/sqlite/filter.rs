//! The matching rules of PS3.4 C.2.2.2 as SQL conditions. Values are bound, never written into the text.

use model::matching::{Fuzzy, Rule, glob_pattern};
use model::person_name;

use super::sql::Sql;
use super::when::Moments;
use crate::{Attribute, Search};

/// The aliases by which queries name their tables: `s` study, `e` series, `i` instance.
pub(super) fn study(sql: &mut Sql, attribute: Attribute, rule: &Rule) {
    if let Rule::AnyOf(rules) = rule {
        return any(sql, rules, |sql, rule| study(sql, attribute, rule));
    }
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
        Attribute::OtherPatientId => other_ids(sql, rule),
        // Dates and times are one column: `Moments`.
        _ => {}
    }
}

/// A condition on `e`, but for the request attributes: [`requests`], and for dates that belong to times:
/// [`performed`].
pub(super) fn series(sql: &mut Sql, attribute: Attribute, rule: &Rule) {
    if let Rule::AnyOf(rules) = rule {
        return any(sql, rules, |sql, rule| series(sql, attribute, rule));
    }
    match attribute {
        Attribute::Modality => text(sql, "e.modality", rule),
        Attribute::SeriesInstanceUid => text(sql, "e.uid", rule),
        Attribute::SeriesNumber => number(sql, "e.number", rule),
        Attribute::SeriesDescription => text(sql, "e.description", rule),
        Attribute::BodyPartExamined => text(sql, "e.body_part", rule),
        _ => {}
    }
}

/// Performed Procedure Step Start Date and Time of a series.
pub(super) fn performed(sql: &mut Sql, search: &Search, zones: &[i64]) {
    use Attribute::{PerformedProcedureStepStartDate as Date, PerformedProcedureStepStartTime as Time};
    let moments = Moments::of_pair(search, zones, Date, Time);
    if !moments.is_empty() {
        let column = "moment_of(e.performed_date, e.performed_time)";
        moments.bounds(sql, column);
        moments.rest(sql, column, "(SELECT z.zone FROM study z WHERE z.id = e.study)");
    }
}

/// A condition on `i`.
pub(super) fn instance(sql: &mut Sql, attribute: Attribute, rule: &Rule) {
    if let Rule::AnyOf(rules) = rule {
        return any(sql, rules, |sql, rule| instance(sql, attribute, rule));
    }
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
    if keys.iter().all(|(_, rule)| takes_empty(rule)) {
        sql.push(" OR NOT EXISTS (SELECT 1 FROM series_request r WHERE r.series = e.id)");
    }
    sql.push(")");
}

/// Longest pattern that may match, in bytes; escaping makes it three times as long at worst.
pub(super) const PATTERN: usize = 16_384;

/// Whether what is absent passes.
fn takes_empty(rule: &Rule) -> bool {
    match rule {
        Rule::Empty => true,
        Rule::AnyOf(rules) => rules.iter().any(takes_empty),
        _ => false,
    }
}

/// Adds `(one OR another)`; nothing for an attribute that is no condition of its own.
fn any(sql: &mut Sql, rules: &[Rule], mut condition: impl FnMut(&mut Sql, &Rule)) {
    let mut all = Sql::new("(");
    for (position, rule) in rules.iter().enumerate() {
        all.push(if position == 0 { "" } else { " OR " });
        let mut one = Sql::new("");
        condition(&mut one, rule);
        if one.is_empty() {
            return;
        }
        all.append(&one);
    }
    sql.append(&all).push(")");
}

/// Whether the rule lets everything pass.
pub(super) fn is_universal(rule: &Rule) -> bool {
    match rule {
        Rule::Universal => true,
        Rule::Fuzzy(text) => Fuzzy::of(text).words().is_empty(),
        Rule::AnyOf(rules) => rules.iter().any(is_universal),
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
        Rule::AnyOf(rules) => {
            any(sql, rules, |sql, rule| text(sql, column, rule));
            sql
        }
        // Only for names.
        Rule::Fuzzy(_) => sql.bind(0),
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
    if let Rule::Fuzzy(key) = rule {
        sql.push("sounds_like(").text(key).push(", ").push(&groups.join(", ")).push(")");
        return;
    }
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

/// Any of the study's other patient IDs.
fn other_ids(sql: &mut Sql, rule: &Rule) {
    if *rule == Rule::Empty {
        sql.push("NOT EXISTS (SELECT 1 FROM study_other_id o WHERE o.study = s.id)");
        return;
    }
    sql.push("EXISTS (SELECT 1 FROM study_other_id o WHERE o.study = s.id AND ");
    text(sql, "o.patient_id", rule);
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
        Rule::Wildcard(_) | Rule::UidList(_) | Rule::Range { .. } | Rule::Fuzzy(_) | Rule::AnyOf(_) => {
            sql.bind(0)
        }
    };
}
