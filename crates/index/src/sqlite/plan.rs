//! From where a search walks: the one choice that decides what it costs.
//!
//! SQLite's own planner knows neither how many studies have a name nor how many a principal may see, and its guesses
//! change with its statistics. So the choice is made here, from counts that stop early, and the statement names its
//! index. Whatever is chosen, the answer is the same.

use model::matching::{Fuzzy, Rule, matches_wildcard};
use model::person_name;
use rusqlite::Connection;

use super::common;
use super::driver::Driver;
use super::filter;
use super::key::Kind;
use super::scope::Scoped;
use super::sql::Sql;
use super::when::Moments;
use super::word;
use crate::{Attribute, IndexError, Search};

/// A driver, and the filter that it already answers in full.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub driver: Driver,
    pub answers: Option<usize>,
    /// Keys of which each of these lists has to have one, too: they are looked up beside a walk along keys, where the
    /// study's row would cost a page of its own.
    pub also: Vec<(Kind, Vec<String>)>,
}

/// So few candidates cost less than thinking on.
const FEW: i64 = 128;
/// Candidates counted in the first round: some 0.2 ms for each driver.
const FIRST_COUNT: i64 = 2_000;
/// Candidates that are rather sorted than looked for along the newest: up to here a sort takes some 10 ms, and
/// beyond it they are dense enough among a million studies.
const SORTABLE: i64 = 50_000;
/// The same where the walk along the newest reads nothing but its index.
const SORTABLE_NAMES: i64 = 20_000;
/// Words that are walked side by side: some 20 µs each.
const MERGED_WORDS: usize = 64;
/// Words that are looked up for each study of another word: some 1 µs each.
const PROBED: usize = 4;
/// Studies of a word that are counted to find the rarest: some 20 µs for each 1,000.
const COMPARED: i64 = 2_000;
/// Different values of a range that are walked side by side.
const VALUES: usize = 1_000;
/// Custodians whose holdings are walked side by side in one statement.
const SIDE_BY_SIDE: usize = 16;

/// Chooses the driver.
pub(super) fn plan(
    conn: &Connection,
    scoped: &Scoped,
    search: &Search,
    moments: &Moments,
) -> Result<Plan, IndexError> {
    let held = scoped.studies(conn)?;
    let few = held.is_some_and(|held| held <= FEW);
    let mut candidates = candidates(conn, search, few)?;
    let base = Plan { driver: walk(scoped, held), answers: None, also: Vec::new() };
    match candidates.as_slice() {
        [] => return Ok(base),
        [only] if only.certain => return Ok(candidates.swap_remove(0).plan),
        // Whoever sees few studies waits for none of the others.
        _ if few => return Ok(base),
        _ => {}
    }
    let mut best: Option<(i64, Plan)> = None;
    let along = Candidate { plan: base, certain: false };
    let walkable = moments.is_bounded() || held.is_some_and(|held| held < SORTABLE);
    for candidate in candidates.iter().chain(walkable.then_some(&along)) {
        let count = candidate.count(conn, moments, FIRST_COUNT)?;
        if best.as_ref().is_none_or(|(least, _)| count < *least) {
            best = Some((count, candidate.plan.clone()));
        }
        if count <= FEW {
            break;
        }
    }
    if let Some((count, plan)) = best
        && count < FIRST_COUNT
    {
        return Ok(plan);
    }
    // Each has many. What several lists have in common is few of each.
    if let Some(common) = candidates.iter().find(|one| matches!(one.plan.driver, Driver::Common { .. })) {
        return Ok(common.plan.clone());
    }
    // A walk in the right order stops at the end of the page.
    let mut ordered: Option<(i64, Plan)> = None;
    for candidate in &mut candidates {
        candidate.gather_values(conn)?;
        candidate.merge();
        if matches!(candidate.plan.driver, Driver::Key(..) | Driver::Merged(..)) {
            // Those that answer their filter in full look at nothing in vain.
            let vain = candidate.plan.answers.is_none();
            let count = if vain { candidate.count(conn, moments, SORTABLE)? } else { 0 };
            if ordered.as_ref().is_none_or(|(least, _)| count < *least) {
                ordered = Some((count, candidate.plan.clone()));
            }
        }
    }
    if let Some((_, plan)) = ordered {
        return Ok(plan);
    }
    for candidate in &candidates {
        let inner = matches!(&candidate.plan.driver, Driver::Keys { from, .. } if from.is_empty());
        let most = candidate.sortable();
        if inner || candidate.count(conn, moments, most)? < most {
            return Ok(candidate.plan.clone());
        }
    }
    Ok(along.plan)
}

/// Every plan that could be chosen.
#[cfg(test)]
pub(super) fn all(conn: &Connection, scoped: &Scoped, search: &Search) -> Result<Vec<Plan>, IndexError> {
    let mut walks = vec![walk(scoped, None), Driver::Newest];
    if let Scoped::Only { custodians, studies } = scoped {
        walks.push(beside(Driver::Held(custodians.clone()), studies));
    }
    let mut plans: Vec<Plan> =
        walks.into_iter().map(|driver| Plan { driver, answers: None, also: Vec::new() }).collect();
    for mut candidate in candidates(conn, search, false)? {
        plans.push(candidate.plan.clone());
        candidate.gather_values(conn)?;
        plans.push(candidate.plan.clone());
        match candidate.plan.driver {
            Driver::Any(kind, values) => {
                plans.push(Plan { driver: Driver::Merged(kind, values), ..candidate.plan });
            }
            Driver::Common { kind, lists, .. } => {
                plans.push(Plan { driver: Driver::Common { kind, lists, first: 100 }, ..candidate.plan });
            }
            _ => {}
        }
    }
    Ok(plans)
}

/// Along all that is in scope. `held` studies are, when not all are.
fn walk(scoped: &Scoped, held: Option<i64>) -> Driver {
    match scoped {
        Scoped::Only { custodians, studies } if custodians.is_empty() && !studies.is_empty() => {
            Driver::Granted(studies.clone())
        }
        Scoped::Only { custodians, studies } if custodians.len() <= SIDE_BY_SIDE => {
            beside(Driver::Holdings(custodians.clone()), studies)
        }
        Scoped::Only { custodians, studies } if held.is_some_and(|held| held < SORTABLE) => {
            beside(Driver::Held(custodians.clone()), studies)
        }
        _ => Driver::Newest,
    }
}

/// The walk, and beside it the studies that were granted one by one.
fn beside(walk: Driver, studies: &[i64]) -> Driver {
    if studies.is_empty() {
        return walk;
    }
    let mut parts = walk.apart();
    parts.push(Driver::Granted(studies.to_vec()));
    Driver::Apart(parts)
}

struct Candidate {
    plan: Plan,
    /// It names few studies by its nature: no need to count.
    certain: bool,
}

impl Candidate {
    /// Of a range of keys in which few values occur, each value becomes a key of its own.
    fn gather_values(&mut self, conn: &Connection) -> Result<(), IndexError> {
        let Driver::Keys { kind, from, before, pattern } = &self.plan.driver else {
            return Ok(());
        };
        if matches!(kind, Kind::PatientName | Kind::Accession | Kind::PatientId) {
            return Ok(());
        }
        let mut values = Vec::new();
        let mut next = Sql::new("SELECT value FROM study_key WHERE kind = ");
        next.bind(*kind as i64).push(" AND value >= ").text(from).push(" ORDER BY value LIMIT 1");
        for _ in 0..VALUES {
            let value: Option<String> = next.first(conn, |row| Ok(row.get(0)?))?;
            let Some(value) = value.filter(|value| before.as_ref().is_none_or(|before| value < before))
            else {
                self.plan.driver = Driver::Any(*kind, values);
                return Ok(());
            };
            next = Sql::new("SELECT value FROM study_key WHERE kind = ");
            next.bind(*kind as i64).push(" AND value > ").text(&value).push(" ORDER BY value LIMIT 1");
            if matches_wildcard(pattern, &value) {
                values.push(value);
            }
        }
        Ok(())
    }

    /// Walks along each of several keys, unless they are so many words of names that the walk along the newest, which has
    /// the names in its index, is the better one.
    fn merge(&mut self) {
        if let Driver::Any(kind, values) = &self.plan.driver
            && (*kind != Kind::PatientWord || values.len() <= MERGED_WORDS)
        {
            self.plan.driver = Driver::Merged(*kind, values.clone());
        }
    }

    /// How many of its entries are rather sorted than looked for along the newest.
    fn sortable(&self) -> i64 {
        match self.plan.driver {
            // The walk along the newest has the names in its index.
            Driver::Keys { kind: Kind::PatientName, .. } | Driver::Any(Kind::PatientWord, _) => {
                SORTABLE_NAMES
            }
            _ => SORTABLE,
        }
    }

    /// How many entries the walk takes from its index, up to `most`. What it must look at and leave counts too.
    fn count(&self, conn: &Connection, moments: &Moments, most: i64) -> Result<i64, IndexError> {
        let mut sql = Sql::new("SELECT count(*) FROM (");
        match &self.plan.driver {
            Driver::Studies(studies) => {
                sql.append(studies);
            }
            Driver::Common { kind, lists, .. } => {
                let driver = Driver::Any(*kind, lists.first().cloned().unwrap_or_default());
                sql.push("SELECT 1 FROM ");
                driver.source(&mut sql);
                sql.push(" WHERE ");
                driver.bounds(&mut sql, moments);
                moments.bounds(&mut sql, "k.moment");
            }
            driver => {
                for (position, part) in driver.parts().iter().enumerate() {
                    sql.push(if position > 0 { " UNION ALL SELECT 1 FROM " } else { "SELECT 1 FROM " });
                    part.source(&mut sql);
                    sql.push(" WHERE ");
                    part.bounds(&mut sql, moments);
                }
            }
        }
        sql.push(" LIMIT ").bind(most).push(")");
        Ok(sql.first(conn, |row| Ok(row.get(0)?))?.unwrap_or(0))
    }
}

/// What the filters, and the path above them, offer to walk from; when few studies are in scope anyway, without looking
/// far.
fn candidates(conn: &Connection, search: &Search, few: bool) -> Result<Vec<Candidate>, IndexError> {
    let certain = |studies: Sql| Candidate {
        plan: Plan { driver: Driver::Studies(studies), answers: None, also: Vec::new() },
        certain: true,
    };
    if let Some(study) = &search.study {
        return Ok(vec![certain(by_uid("SELECT id FROM study WHERE ", &Rule::UidList(vec![study.uid()])))]);
    }
    if let Some(series) = &search.series {
        let rule = Rule::UidList(vec![series.uid()]);
        return Ok(vec![certain(by_uid("SELECT study FROM series WHERE ", &rule))]);
    }
    let mut found = Vec::new();
    for (position, (attribute, rule)) in search.filters.iter().enumerate() {
        if filter::is_universal(rule) {
            continue;
        }
        match Kind::of(*attribute) {
            Some(kind) if kind.words().is_some() => found.extend(by_name(conn, position, kind, rule, few)?),
            Some(kind) => found.extend(by_key(position, *attribute, kind, rule)),
            None => found.extend(by_series_or_instance(search, *attribute, rule)),
        }
    }
    Ok(found)
}

fn by_series_or_instance(search: &Search, attribute: Attribute, rule: &Rule) -> Option<Candidate> {
    let studies = |sql: Sql, certain: bool| {
        Some(Candidate {
            plan: Plan { driver: Driver::Studies(sql), answers: None, also: Vec::new() },
            certain,
        })
    };
    let named = matches!(rule, Rule::Exact(_) | Rule::UidList(_));
    match attribute {
        Attribute::StudyInstanceUid if named => studies(by_uid("SELECT id FROM study WHERE ", rule), true),
        Attribute::SeriesInstanceUid if named => {
            studies(by_uid("SELECT study FROM series WHERE ", rule), true)
        }
        Attribute::SopInstanceUid if named => {
            studies(by_uid("SELECT study FROM instance WHERE current = 1 AND ", rule), true)
        }
        Attribute::SopClassUid if named => {
            let mut sql = Sql::new(
                "SELECT e.study FROM series_class c CROSS JOIN series e ON e.id = c.series
                 WHERE c.sop_class IN (SELECT id FROM term WHERE ",
            );
            filter::text(&mut sql, "text", rule);
            sql.push(")");
            studies(sql, false)
        }
        Attribute::ScheduledProcedureStepId => studies(by_request("step", rule)?, false),
        Attribute::RequestedProcedureId => studies(by_request("requested", rule)?, false),
        Attribute::PerformedProcedureStepStartDate
            if search.zone.is_none() && matches!(rule, Rule::Exact(_) | Rule::Range { .. }) =>
        {
            let mut sql = Sql::new(
                "SELECT study FROM series INDEXED BY series_performed
                 WHERE visible = 1 AND performed_date <> '' AND ",
            );
            filter::text(&mut sql, "performed_date", rule);
            studies(sql, false)
        }
        _ => None,
    }
}

fn by_uid(query: &str, rule: &Rule) -> Sql {
    let mut sql = Sql::new(query);
    filter::text(&mut sql, "uid", rule);
    sql
}

fn by_request(column: &str, rule: &Rule) -> Option<Sql> {
    let mut sql =
        Sql::new("SELECT e.study FROM series_request r CROSS JOIN series e ON e.id = r.series WHERE ");
    let column = format!("r.{column}");
    sql.push(&column).push(" <> '' AND ");
    match rule {
        Rule::Exact(value) if !value.is_empty() => filter::text(&mut sql, &column, rule),
        Rule::AnyOf(rules) => {
            sql.push(&column).push(" IN ").texts(&values(rules, |value| Some(value.to_owned()))?);
        }
        Rule::Wildcard(pattern) => {
            let (from, before) = prefix(pattern)?;
            sql.push(&column).push(" >= ").text(&from);
            if let Some(before) = before {
                sql.push(" AND ").push(&column).push(" < ").text(&before);
            }
        }
        _ => return None,
    }
    Some(sql)
}

/// The values that rules ask for, when each asks for one; empty ones are none.
fn values(rules: &[Rule], read: impl Fn(&str) -> Option<String>) -> Option<Vec<String>> {
    let value = |rule: &Rule| match rule {
        Rule::Exact(value) => read(value).filter(|value| !value.is_empty()),
        _ => None,
    };
    rules.iter().map(value).collect()
}

fn by_key(position: usize, attribute: Attribute, kind: Kind, rule: &Rule) -> Option<Candidate> {
    let driver = match rule {
        Rule::Exact(value) if !value.is_empty() => Driver::Key(kind, value.clone()),
        // A series without a modality may stand beside one that has it.
        Rule::Empty if attribute != Attribute::Modality && kind != Kind::OtherId => {
            Driver::Key(kind, String::new())
        }
        Rule::AnyOf(rules) => {
            let takes_empty = attribute != Attribute::Modality && kind != Kind::OtherId;
            let value = |rule: &Rule| match rule {
                Rule::Empty if takes_empty => Some(String::new()),
                Rule::Exact(value) if !value.is_empty() => Some(value.clone()),
                _ => None,
            };
            Driver::Any(kind, rules.iter().map(value).collect::<Option<_>>()?)
        }
        Rule::Wildcard(pattern) if pattern.len() <= filter::PATTERN => {
            let (from, before) = prefix(pattern).unwrap_or_default();
            Driver::Keys { kind, from, before, pattern: pattern.clone() }
        }
        _ => return None,
    };
    let answers = (attribute != Attribute::Modality).then_some(position);
    Some(Candidate { plan: Plan { driver, answers, also: Vec::new() }, certain: false })
}

/// From a name: its whole text where that is known, else its words.
fn by_name(
    conn: &Connection,
    position: usize,
    kind: Kind,
    rule: &Rule,
    few: bool,
) -> Result<Vec<Candidate>, IndexError> {
    let one = |driver: Driver, whole: bool| {
        let plan = Plan { driver, answers: whole.then_some(position), also: Vec::new() };
        vec![Candidate { plan, certain: false }]
    };
    let words = kind.words().unwrap_or(kind);
    let found = match filter::folded(rule) {
        // A rule for several groups of a name is only answered by the study's row. Where it begins is known, though.
        Rule::Exact(value) if value.contains('=') => {
            let group = value.split('=').find(|group| !group.is_empty());
            group.map_or(Vec::new(), |group| one(Driver::Key(kind, group.to_owned()), false))
        }
        Rule::Exact(value) => one(Driver::Key(kind, value), true),
        Rule::Empty => one(Driver::Key(kind, String::new()), true),
        Rule::AnyOf(rules) => {
            let plain = |name: &str| Some(person_name::key(name)).filter(|key| !key.contains('='));
            values(&rules, plain).map_or(Vec::new(), |values| one(Driver::Any(kind, values), true))
        }
        Rule::Wildcard(pattern) if pattern.contains('=') || pattern.len() > filter::PATTERN => Vec::new(),
        Rule::Wildcard(pattern) => match prefix(&pattern) {
            Some((from, before)) => one(Driver::Keys { kind, from, before, pattern }, true),
            None => {
                let part = person_name::literal_part(&pattern);
                let held = part.map(|part| word::containing(conn, &part)).transpose()?.flatten();
                held.map_or(Vec::new(), |held| one(Driver::Any(words, held), false))
            }
        },
        Rule::Fuzzy(key) => {
            let mut lists = Vec::new();
            let fuzzy = Fuzzy::of(&key);
            for wanted in fuzzy.words() {
                lists.extend(word::fitting(conn, wanted)?);
            }
            if !few
                && fuzzy.words().len() > 1
                && !lists.is_empty()
                && let Some(lists) = frequent(conn, words, &lists)?
            {
                // Who has a word for each of the key's is who fits it.
                let answers = (lists.len() == fuzzy.words().len()).then_some(position);
                let driver = Driver::Common { kind: words, lists, first: common::FIRST };
                let plan = Plan { driver, answers, also: Vec::new() };
                return Ok(vec![Candidate { plan, certain: true }]);
            }
            let each = lists.iter().enumerate().map(|(at, held)| {
                let few = |(other, list): &(usize, &Vec<String>)| *other != at && list.len() <= PROBED;
                let also =
                    lists.iter().enumerate().filter(few).map(|(_, list)| (words, list.clone())).collect();
                let answers = (fuzzy.words().len() == 1).then_some(position);
                let plan = Plan { driver: Driver::Any(words, held.clone()), answers, also };
                Candidate { plan, certain: false }
            });
            each.collect()
        }
        Rule::Universal | Rule::UidList(_) | Rule::Range { .. } => Vec::new(),
    };
    Ok(found)
}

/// The lists of keys, the one with the fewest studies first; `None` when one has so few that these are looked at one by one.
fn frequent(
    conn: &Connection,
    kind: Kind,
    lists: &[Vec<String>],
) -> Result<Option<Vec<Vec<String>>>, IndexError> {
    let mut counted = Vec::new();
    for values in lists {
        let mut sql = Sql::new("SELECT count(*) FROM (SELECT 1 FROM study_key WHERE kind = ");
        sql.bind(kind as i64).push(" AND value IN ").texts(values).push(" LIMIT ").bind(COMPARED).push(")");
        let count = sql.first(conn, |row| Ok(row.get::<_, i64>(0)?))?.unwrap_or(0);
        if count <= FEW {
            return Ok(None);
        }
        counted.push((count, values.len(), values));
    }
    counted.sort();
    Ok(Some(counted.into_iter().map(|(_, _, values)| values.clone()).collect()))
}

/// The texts that begin as the pattern does: from the first on, and before the second, if there is an end. `None` when
/// the pattern begins with a wildcard.
fn prefix(pattern: &str) -> Option<(String, Option<String>)> {
    let literal = pattern.split(['*', '?']).next().filter(|literal| !literal.is_empty())?;
    Some((literal.to_owned(), behind_prefix(literal)))
}

/// The first text behind all that begin so, if there is one.
pub(super) fn behind_prefix(begin: &str) -> Option<String> {
    let mut letters: Vec<char> = begin.chars().collect();
    while let Some(last) = letters.pop() {
        // UTF-8 orders as code points do; the surrogates between are no characters.
        let next = char::from_u32(u32::from(last) + 1).or((last == '\u{D7FF}').then_some('\u{E000}'));
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        let check = |pattern: &str, expected: Option<(&str, Option<&str>)>| {
            let expected = expected.map(|(from, before)| (from.to_owned(), before.map(str::to_owned)));
            assert_eq!(prefix(pattern), expected, "{pattern:?}");
        };
        check("smi*", Some(("smi", Some("smj"))));
        check("s?i*", Some(("s", Some("t"))));
        check("*smi", None);
        check("?", None);
        check("山*", Some(("山", Some("屲"))));
        check("a\u{D7FF}*", Some(("a\u{D7FF}", Some("a\u{E000}"))));
        check("a\u{10FFFF}*", Some(("a\u{10FFFF}", Some("b"))));
        check("\u{10FFFF}*", Some(("\u{10FFFF}", None)));
    }
}
