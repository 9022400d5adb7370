//! Searching: first the numbers of what matches, in order, out of indexes; then what the page's hits hold.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use access::{CustodianId, Scope};
use rusqlite::{Connection, Row};

use super::common::Parts;
use super::driver::Driver;
use super::error::corrupt;
use super::filter;
use super::gather;
use super::key::Kind;
use super::plan::{Plan, plan};
use super::scope::Scoped;
use super::sql::Sql;
use super::when::Moments;
use crate::{Documents, Hit, Hits, IndexError, InstanceHit, Judge, Level, Search, SeriesHit, StudyHit};

/// Matches counted beyond a page.
const BEYOND: u32 = 1_000;

/// Rows that are merged in memory at most: some 3 MiB.
const MERGED: u64 = 50_000;

/// Finds what matches within the scope.
pub(super) fn search(conn: &Connection, scope: &Scope, search: &Search) -> Result<Hits, IndexError> {
    let scoped = match &search.study {
        Some(study) => Scoped::of_study(conn, scope, study)?,
        None => Scoped::of(conn, scope)?,
    };
    if scoped.is_nothing() {
        return Ok(Hits::default());
    }
    let zones = zones(conn, search)?;
    let moments = Moments::of(search, &zones);
    let plan = plan(conn, &scoped, search, &moments)?;
    let asked = Asked { plan: &plan, scoped: &scoped, search, moments: &moments, zones: &zones };
    let mut found = asked.find(conn)?;
    let page = search.limit as usize;
    let remaining = found.len().saturating_sub(page).try_into().unwrap_or(BEYOND);
    found.truncate(page);
    let mut reading = Reading { conn, search, last: None };
    let hits = found.iter().map(|ids| reading.hit(ids)).collect::<Result<_, _>>()?;
    Ok(Hits { hits, remaining })
}

/// The zones that occur, when they matter.
pub(super) fn zones(conn: &Connection, search: &Search) -> Result<Vec<i64>, IndexError> {
    match search.zone {
        None => Ok(Vec::new()),
        Some(_) => Sql::new("SELECT minutes FROM zone").rows(conn, |row| Ok(row.get(0)?)),
    }
}

/// A search, and all that was found out about how to answer it.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub plan: &'a Plan,
    pub scoped: &'a Scoped,
    pub search: &'a Search,
    pub moments: &'a Moments,
    pub zones: &'a [i64],
}

impl Asked<'_> {
    /// The numbers of the page and of what is counted beyond it.
    pub(super) fn find(&self, conn: &Connection) -> Result<Vec<Ids>, IndexError> {
        let wanted = self.search.offset.saturating_add(u64::from(self.search.limit) + u64::from(BEYOND));
        if let Driver::Merged(kind, values) = &self.plan.driver
            && wanted <= MERGED
        {
            return self.merge(conn, *kind, values, wanted as usize);
        }
        let mut taking = Taking {
            skip: if self.search.judge.is_some() { self.search.offset } else { 0 },
            most: self.search.limit as usize + BEYOND as usize,
            bench: Bench::new(conn, self.search),
            found: Vec::new(),
        };
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        if let Driver::Common { kind, lists, first } = &self.plan.driver {
            taking.skip = self.search.offset;
            let mut parts = Parts::new(self, *kind, lists, *first);
            while !taking.is_full()
                && let Some(part) = parts.next(conn)?
            {
                let answers = self.plan.answers.filter(|_| part.is_exact);
                let plan = Plan { answers, ..self.plan.clone() };
                let asked = Asked { plan: &plan, ..*self };
                gather::each(&asked, conn, &part.studies, wanted, |ids| taking.take(ids))?;
            }
            return Ok(taking.found);
        }
        if let Some(studies) = gather::newest(self, conn)? {
            taking.skip = self.search.offset;
            gather::each(self, conn, &studies, wanted, |ids| taking.take(ids))?;
            return Ok(taking.found);
        }
        self.ids().each(conn, |row| taking.take(Ids::read(row, self.search.level)?))?;
        Ok(taking.found)
    }

    /// The newest of several keys: of each only what is newer than the last that is wanted so far.
    fn merge(
        &self,
        conn: &Connection,
        kind: Kind,
        values: &[String],
        wanted: usize,
    ) -> Result<Vec<Ids>, IndexError> {
        let mut bench = Bench::new(conn, self.search);
        let mut newest: BTreeSet<Ids> = BTreeSet::new();
        for value in values {
            let bound = match newest.last() {
                Some(last) if newest.len() >= wanted => last.moment,
                _ => i64::MIN,
            };
            let mut sql = Sql::new("");
            walk(&mut sql, &Driver::Key(kind, value.clone()), self);
            sql.push(" AND k.moment >= ").bind(bound);
            order(&mut sql, self.search.level);
            if self.search.judge.is_none() {
                sql.push(" LIMIT ").bind(wanted as i64);
            }
            let mut taken = 0;
            sql.each(conn, |row| {
                let ids = Ids::read(row, self.search.level)?;
                if newest.len() >= wanted && newest.last().is_some_and(|last| ids > *last) {
                    return Ok(ControlFlow::Break(()));
                }
                if bench.passes(&ids)? {
                    newest.insert(ids);
                    taken += 1;
                    if newest.len() > wanted {
                        newest.pop_last();
                    }
                }
                Ok(if taken >= wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        Ok(newest.into_iter().skip(self.search.offset as usize).collect())
    }

    /// The statement that gives the numbers of the page and of what is counted beyond it; with a judge, of all that
    /// must be judged.
    pub(super) fn ids(&self) -> Sql {
        let mut sql = self.all_ids();
        if self.search.judge.is_none() {
            let most = i64::from(self.search.limit) + i64::from(BEYOND);
            sql.push(" LIMIT ").bind(most).push(" OFFSET ");
            sql.bind(i64::try_from(self.search.offset).unwrap_or(i64::MAX));
        }
        sql
    }

    /// The statement that gives the numbers of all matches, in order.
    pub(super) fn all_ids(&self) -> Sql {
        let mut sql = Sql::new("");
        for (position, driver) in self.plan.driver.apart().iter().enumerate() {
            if position > 0 {
                sql.push(" UNION ALL ");
            }
            walk(&mut sql, driver, self);
        }
        order(&mut sql, self.search.level);
        sql
    }
}

/// What is taken of the matches, as they come in order.
struct Taking<'a> {
    /// So many are passed over.
    skip: u64,
    /// So many are taken.
    most: usize,
    bench: Bench<'a>,
    found: Vec<Ids>,
}

impl Taking<'_> {
    fn take(&mut self, ids: Ids) -> Result<ControlFlow<()>, IndexError> {
        if !self.bench.passes(&ids)? {
            return Ok(ControlFlow::Continue(()));
        }
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(ControlFlow::Continue(()));
        }
        self.found.push(ids);
        Ok(if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.most
    }
}

fn order(sql: &mut Sql, level: Level) {
    sql.push(match level {
        Level::Study => " ORDER BY 1 DESC, 2 DESC",
        Level::Series => " ORDER BY 1 DESC, 2 DESC, 3, 4",
        Level::Instance => " ORDER BY 1 DESC, 2 DESC, 3, 4, 5, 6",
    });
}

fn walk(sql: &mut Sql, driver: &Driver, asked: &Asked<'_>) {
    let Asked { plan, search, moments, zones, .. } = *asked;
    // What must match of the study itself, beside what the walk answers.
    let mut of_study = Sql::new("");
    if driver.by_key()
        && let Some(study) = &search.study
    {
        of_study.push(" AND s.uid = ").text(study.as_str());
    }
    for (position, (attribute, rule)) in search.filters.iter().enumerate() {
        if attribute.level() == Level::Study && !filter::is_universal(rule) && plan.answers != Some(position)
        {
            let mut condition = Sql::new("");
            filter::study(&mut condition, *attribute, rule);
            if !condition.is_empty() {
                of_study.push(" AND ").append(&condition);
            }
        }
    }
    let (moment, study) = if driver.by_key() { ("k.moment", "k.study") } else { ("s.moment", "s.id") };
    sql.push(if driver.repeats() { "SELECT DISTINCT " } else { "SELECT " })
        .push(moment)
        .push(", ")
        .push(study);
    sql.push(match search.level {
        Level::Study => " FROM ",
        Level::Series => ", e.rank, e.id FROM ",
        Level::Instance => ", e.rank, e.id, i.rank, i.id FROM ",
    });
    driver.source(sql);
    if driver.by_key() && (!of_study.is_empty() || moments.by_zone()) {
        sql.push(" CROSS JOIN study s ON s.id = k.study");
    }
    if search.level >= Level::Series {
        sql.push(" CROSS JOIN series e ON e.visible = 1 AND e.study = ").push(study);
    }
    if search.level == Level::Instance {
        // By its UID an instance is found without walking through its series.
        let plus = if names_instances(search) { "+" } else { "" };
        sql.push(" CROSS JOIN instance i ON i.current = 1 AND ").push(plus).push("i.study = ").push(study);
        sql.push(" AND ").push(plus).push("i.series = e.id");
    }
    sql.push(" WHERE ");
    along_keys(sql, driver, asked);
    sql.append(&of_study);
    below_study(sql, search, zones, study);
}

/// The condition of a driver's walk, and of a walk along keys what other keys must be there, too.
pub(super) fn along_keys(sql: &mut Sql, driver: &Driver, asked: &Asked<'_>) {
    driver.condition(sql, asked.scoped, asked.moments);
    if driver.by_key() {
        for (kind, values) in &asked.plan.also {
            sql.push(" AND EXISTS (SELECT 1 FROM study_key w WHERE w.kind = ").bind(*kind as i64);
            sql.push(" AND w.value IN ")
                .texts(values)
                .push(" AND w.moment = k.moment AND w.study = k.study)");
        }
    }
}

/// What must match of series and instances: of those that are returned, or of any within the ones returned.
fn below_study(sql: &mut Sql, search: &Search, zones: &[i64], study: &str) {
    let (mut of_series, mut of_instance) = (Sql::new(""), Sql::new(""));
    if let Some(series) = &search.series {
        of_series.push(" AND e.uid = ").text(series.as_str());
    }
    filter::requests(&mut of_series, &search.filters);
    filter::performed(&mut of_series, search, zones);
    for (attribute, rule) in search.filters.iter().filter(|(_, rule)| !filter::is_universal(rule)) {
        let (to, condition): (&mut Sql, fn(&mut Sql, _, _)) = match attribute.level() {
            Level::Study => continue,
            Level::Series => (&mut of_series, filter::series),
            Level::Instance => (&mut of_instance, filter::instance),
        };
        let mut one = Sql::new("");
        condition(&mut one, *attribute, rule);
        if !one.is_empty() {
            to.push(" AND ").append(&one);
        }
    }
    if !of_instance.is_empty() && search.level < Level::Instance {
        let mut any = Sql::new(" AND EXISTS (SELECT 1 FROM instance i WHERE i.current = 1 AND i.study = ");
        any.push(study).push(" AND i.series = e.id").append(&of_instance).push(")");
        of_instance = any;
    }
    of_series.append(&of_instance);
    if !of_series.is_empty() && search.level == Level::Study {
        sql.push(" AND EXISTS (SELECT 1 FROM series e WHERE e.visible = 1 AND e.study = ").push(study);
        sql.append(&of_series).push(")");
    } else {
        sql.append(&of_series);
    }
}

fn names_instances(search: &Search) -> bool {
    use model::matching::Rule;
    search.filters.iter().any(|(attribute, rule)| {
        *attribute == crate::Attribute::SopInstanceUid && matches!(rule, Rule::Exact(_) | Rule::UidList(_))
    })
}

/// The numbers of one match; they order as matches do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    pub moment: i64,
    pub study: i64,
    rank: i64,
    series: Option<i64>,
    rank_in_series: i64,
    instance: Option<i64>,
}

impl Ids {
    /// Of a study alone.
    pub(super) fn of_study(moment: i64, study: i64) -> Self {
        Self { moment, study, rank: 0, series: None, rank_in_series: 0, instance: None }
    }

    pub(super) fn read(row: &Row<'_>, level: Level) -> Result<Self, IndexError> {
        let deep = level >= Level::Series;
        let deepest = level == Level::Instance;
        Ok(Self {
            moment: row.get(0)?,
            study: row.get(1)?,
            rank: if deep { row.get(2)? } else { 0 },
            series: if deep { row.get(3)? } else { None },
            rank_in_series: if deepest { row.get(4)? } else { 0 },
            instance: if deepest { row.get(5)? } else { None },
        })
    }
}

impl Ord for Ids {
    fn cmp(&self, other: &Self) -> Ordering {
        let newest = |ids: &Self| (Reverse(ids.moment), Reverse(ids.study));
        let within = |ids: &Self| (ids.rank, ids.series, ids.rank_in_series, ids.instance);
        newest(self).cmp(&newest(other)).then_with(|| within(self).cmp(&within(other)))
    }
}

impl PartialOrd for Ids {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Where a search's judge sits: it reads the documents that the judge wants, each study and series once.
struct Bench<'a> {
    conn: &'a Connection,
    judge: Option<&'a Judge>,
    documents: Documents,
    study: Option<i64>,
    series: Option<i64>,
}

impl<'a> Bench<'a> {
    fn new(conn: &'a Connection, search: &'a Search) -> Self {
        let judge = search.judge.as_ref();
        Self { conn, judge, documents: Documents::default(), study: None, series: None }
    }

    fn passes(&mut self, ids: &Ids) -> Result<bool, IndexError> {
        let Some(judge) = self.judge else {
            return Ok(true);
        };
        if judge.reads.study && self.study != Some(ids.study) {
            self.documents.study =
                self.read("SELECT attributes FROM study_answer WHERE study = ?1", ids.study)?;
            self.study = Some(ids.study);
        }
        if let Some(series) = ids.series.filter(|_| judge.reads.series && self.series != ids.series) {
            self.documents.series =
                self.read("SELECT attributes FROM series_answer WHERE series = ?1", series)?;
            self.series = ids.series;
        }
        if let Some(instance) = ids.instance.filter(|_| judge.reads.instance) {
            self.documents.instance =
                self.read("SELECT attributes FROM document WHERE instance = ?1", instance)?;
        }
        if let Some(instance) = ids.instance.filter(|_| judge.reads.metadata) {
            self.documents.metadata =
                self.read("SELECT metadata FROM document WHERE instance = ?1", instance)?;
        }
        Ok((judge.passes)(&self.documents))
    }

    fn read(&self, query: &str, id: i64) -> Result<Vec<u8>, IndexError> {
        Ok(self.conn.prepare_cached(query)?.query_row([id], |row| row.get(0))?)
    }
}

/// Reads hits; the study of the one before is often the next one's.
struct Reading<'a> {
    conn: &'a Connection,
    search: &'a Search,
    last: Option<(i64, CustodianId, StudyHit)>,
}

impl Reading<'_> {
    fn hit(&mut self, ids: &Ids) -> Result<Hit, IndexError> {
        let (custodian, study) = self.study(ids.study)?;
        let series = ids.series.map(|series| self.series(series)).transpose()?;
        let instance = ids.instance.map(|instance| self.instance(instance)).transpose()?;
        Ok(Hit { custodian, study, series, instance })
    }

    fn study(&mut self, id: i64) -> Result<(CustodianId, StudyHit), IndexError> {
        if let Some((last, custodian, study)) = &self.last
            && *last == id
        {
            return Ok((custodian.clone(), study.clone()));
        }
        let read = self
            .conn
            .prepare_cached(
                "SELECT c.name, s.uid, a.attributes, s.modalities, s.series_count, s.instance_count, s.two_patients
                 FROM study s CROSS JOIN study_answer a ON a.study = s.id
                 CROSS JOIN custodian c ON c.id = s.custodian WHERE s.id = ?1",
            )?
            .query_row([id], |row| {
                let modalities = row.get_ref(3)?.as_str()?;
                let study = StudyHit {
                    uid: parsed(row, 1)?,
                    attributes: row.get(2)?,
                    modalities: modalities.split('\\').filter(|m| !m.is_empty()).map(str::to_owned).collect(),
                    series_count: row.get::<_, i64>(4)?.unsigned_abs(),
                    instance_count: row.get::<_, i64>(5)?.unsigned_abs(),
                    two_patients: row.get(6)?,
                };
                Ok((parsed::<CustodianId>(row, 0)?, study))
            })?;
        if self.search.level > Level::Study {
            self.last = Some((id, read.0.clone(), read.1.clone()));
        }
        Ok(read)
    }

    fn series(&self, id: i64) -> Result<SeriesHit, IndexError> {
        let read = self
            .conn
            .prepare_cached(
                "SELECT e.uid, a.attributes, e.instance_count
                 FROM series e CROSS JOIN series_answer a ON a.series = e.id WHERE e.id = ?1",
            )?
            .query_row([id], |row| {
                Ok(SeriesHit {
                    uid: parsed(row, 0)?,
                    attributes: row.get(1)?,
                    instance_count: row.get::<_, i64>(2)?.unsigned_abs(),
                })
            })?;
        Ok(read)
    }

    fn instance(&self, id: i64) -> Result<InstanceHit, IndexError> {
        let query = if self.search.with_metadata {
            "SELECT i.uid, d.attributes, t.text, d.metadata, EXISTS (SELECT 1 FROM damaged x WHERE x.instance = i.id)
             FROM instance i CROSS JOIN document d ON d.instance = i.id CROSS JOIN term t ON t.id = i.transfer_syntax
             WHERE i.id = ?1"
        } else {
            "SELECT i.uid, d.attributes, t.text, NULL, EXISTS (SELECT 1 FROM damaged x WHERE x.instance = i.id)
             FROM instance i CROSS JOIN document d ON d.instance = i.id CROSS JOIN term t ON t.id = i.transfer_syntax
             WHERE i.id = ?1"
        };
        let read = self.conn.prepare_cached(query)?.query_row([id], |row| {
            Ok(InstanceHit {
                uid: parsed(row, 0)?,
                attributes: row.get(1)?,
                transfer_syntax: row.get(2)?,
                metadata: row.get(3)?,
                damaged: row.get(4)?,
            })
        })?;
        Ok(read)
    }
}

/// A text column that is a type of ours.
pub(super) fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|_| {
        let what = corrupt("a name that is none");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(what))
    })
}
