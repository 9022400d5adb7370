//! What a pair of a date and a time of day asks for, as ranges of moments.

use model::matching::Rule;
use model::value;

use super::moment::{FIRST_WITH_DATE, TIME_MASK, first_of, last_of, moment, time_of};
use super::sql::Sql;
use crate::{Attribute, Search};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Conditions on a column of moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moments {
    /// Bounds of all that may match, both inclusive: one range of an index.
    from: Option<i64>,
    to: Option<i64>,
    /// What is asked of the moments of each zone; one without a zone is of all.
    locals: Vec<(Option<Zone>, Local)>,
}

/// Moments of these studies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    /// In this zone, in minutes east of UTC.
    Known(i64),
    /// In this zone, or in none that is known.
    Default(i64),
}

/// What is asked in the time of one zone; all of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Local {
    /// One of each.
    spans: Vec<Vec<Span>>,
    /// One of each: bounds of the time of day on every day.
    times: Vec<Vec<(i64, i64)>>,
}

/// Moments from one to another, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: Option<i64>,
    to: Option<i64>,
    of: Of,
    /// But not this one: a day without a time, of which it is not known whether it is within.
    but: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    All,
    WithTime,
    WithoutTime,
}

impl Moments {
    /// Of Study Date and Study Time. `zones` are those that occur.
    pub(super) fn of(search: &Search, zones: &[i64]) -> Self {
        Self::of_pair(search, zones, Attribute::StudyDate, Attribute::StudyTime)
    }

    /// Of a date and the time of day that belongs to it.
    pub(super) fn of_pair(search: &Search, zones: &[i64], date: Attribute, time: Attribute) -> Self {
        let rules = |wanted: Attribute| -> Vec<&Rule> {
            let of = search.filters.iter().filter(|(attribute, _)| *attribute == wanted);
            of.map(|(_, rule)| rule).filter(|rule| **rule != Rule::Universal).collect()
        };
        let asked = Asked { dates: rules(date), times: rules(time), combined: search.combined_datetime };
        if asked.dates.is_empty() && asked.times.is_empty() {
            return Self::default();
        }
        let locals: Vec<(Option<Zone>, Local)> = match search.zone {
            None => vec![(None, asked.local(0))],
            Some(wanted) => {
                let others = zones.iter().filter(|zone| **zone != search.default_zone);
                let known = others.map(|zone| (Some(Zone::Known(*zone)), asked.local(zone - wanted)));
                let rest =
                    (Some(Zone::Default(search.default_zone)), asked.local(search.default_zone - wanted));
                known.chain([rest]).collect()
            }
        };
        let from = locals.iter().map(|(_, local)| local.from()).min().flatten();
        let to = locals.iter().map(|(_, local)| local.to()).try_fold(i64::MIN, |to, one| Some(to.max(one?)));
        Self { from, to, locals }
    }

    /// Whether a range of dates bounds them: few studies, perhaps.
    pub(super) fn is_bounded(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// Whether the zone of the study counts.
    pub(super) fn by_zone(&self) -> bool {
        self.locals.iter().any(|(zone, _)| zone.is_some())
    }

    /// Whether nothing is asked.
    pub(super) fn is_empty(&self) -> bool {
        self.locals.is_empty()
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

    /// Adds the other conditions. `zone` is the column of the study's.
    pub(super) fn rest(&self, sql: &mut Sql, column: &str, zone: &str) {
        if let [(None, local)] = self.locals.as_slice() {
            return local.condition(sql, column, local.is_one_range());
        }
        for (position, (of, local)) in self.locals.iter().enumerate() {
            sql.push(if position == 0 { " AND (" } else { " OR " }).push("(");
            match of {
                None => sql.push("1"),
                Some(Zone::Known(minutes)) => sql.push(zone).push(" = ").bind(*minutes),
                Some(Zone::Default(minutes)) => {
                    sql.push("ifnull(").push(zone).push(", ").bind(*minutes).push(") = ").bind(*minutes)
                }
            };
            local.condition(sql, column, false);
            sql.push(")");
        }
        sql.push(if self.locals.is_empty() { "" } else { ")" });
    }
}

impl Local {
    /// Whether one range of moments is all that is asked of the date.
    fn is_one_range(&self) -> bool {
        self.spans.iter().all(|one| matches!(one.as_slice(), [Span { of: Of::All, .. }]))
    }

    /// The first moment that may match.
    fn from(&self) -> Option<i64> {
        let first = |one: &Vec<Span>| one.iter().map(|span| span.from).min().unwrap_or(Some(i64::MAX));
        self.spans.iter().filter_map(first).max()
    }

    /// The last moment that may match.
    fn to(&self) -> Option<i64> {
        let last = |one: &Vec<Span>| one.iter().try_fold(i64::MIN, |to, span| Some(to.max(span.to?)));
        self.spans.iter().filter_map(last).min()
    }

    /// Adds the conditions; those of ranges only unless the bounds of the walk already hold them.
    fn condition(&self, sql: &mut Sql, column: &str, bounded: bool) {
        for one in &self.spans {
            if bounded {
                for but in one.iter().filter_map(|span| span.but) {
                    sql.push(" AND ").push(column).push(" <> ").bind(but);
                }
                continue;
            }
            any(sql, one, |sql, span| span.condition(sql, column));
        }
        for one in &self.times {
            any(sql, one, |sql, (from, to)| {
                sql.push("(").push(column).push(" & ").bind(TIME_MASK).push(") BETWEEN ").bind(*from);
                sql.push(" AND ").bind(*to);
            });
        }
    }
}

impl Span {
    fn condition(&self, sql: &mut Sql, column: &str) {
        sql.push("(").push(column).push(" >= ").bind(self.from.unwrap_or(i64::MIN));
        sql.push(" AND ").push(column).push(" <= ").bind(self.to.unwrap_or(i64::MAX));
        match self.of {
            Of::All => {}
            Of::WithTime => _ = sql.push(" AND (").push(column).push(" & ").bind(TIME_MASK).push(") <> 0"),
            Of::WithoutTime => _ = sql.push(" AND (").push(column).push(" & ").bind(TIME_MASK).push(") = 0"),
        }
        if let Some(but) = self.but {
            sql.push(" AND ").push(column).push(" <> ").bind(but);
        }
        sql.push(")");
    }
}

/// Adds ` AND (one OR another)`; of none nothing can match.
fn any<T>(sql: &mut Sql, alternatives: &[T], mut condition: impl FnMut(&mut Sql, &T)) {
    sql.push(" AND (");
    for (position, alternative) in alternatives.iter().enumerate() {
        sql.push(if position == 0 { "" } else { " OR " });
        condition(sql, alternative);
    }
    if alternatives.is_empty() {
        sql.bind(0);
    }
    sql.push(")");
}

/// The rules of one pair.
struct Asked<'a> {
    dates: Vec<&'a Rule>,
    times: Vec<&'a Rule>,
    combined: bool,
}

impl Asked<'_> {
    /// In a zone that is this much ahead of the request's, in minutes.
    ///
    /// What has no time of day cannot be brought into another zone: its date counts as it is.
    fn local(&self, ahead: i64) -> Local {
        if self.combined
            && let ([Rule::Range { from: d1, to: d2 }], [Rule::Range { from: t1, to: t2 }]) =
                (self.dates.as_slice(), self.times.as_slice())
        {
            let first = d1.as_deref().map(|date| (date, t1.as_deref()));
            let last = d2.as_deref().map(|date| (date, t2.as_deref()));
            return Local { spans: vec![interval(first, last, ahead)], times: Vec::new() };
        }
        let mut local = Local::default();
        for rule in &self.dates {
            let mut spans = Vec::new();
            dates(rule, ahead, &mut spans);
            local.spans.push(spans);
        }
        for rule in &self.times {
            let mut bounds = Vec::new();
            times(rule, ahead, &mut bounds);
            local.times.push(bounds);
        }
        local
    }
}

fn dates(rule: &Rule, ahead: i64, spans: &mut Vec<Span>) {
    match rule {
        Rule::Universal => spans.push(Span { from: None, to: None, of: Of::All, but: None }),
        Rule::Empty => spans.push(Span { from: None, to: Some(FIRST_WITH_DATE - 1), of: Of::All, but: None }),
        Rule::Exact(day) => spans.extend(interval(Some(whole(day)), Some(whole(day)), ahead)),
        Rule::Range { from, to } => {
            spans.extend(interval(from.as_deref().map(whole), to.as_deref().map(whole), ahead));
        }
        Rule::AnyOf(rules) => rules.iter().for_each(|rule| dates(rule, ahead, spans)),
        Rule::Wildcard(_) | Rule::UidList(_) | Rule::Fuzzy(_) => {}
    }
}

/// A date, and a time of day when one was given.
type End<'a> = (&'a str, Option<&'a str>);

fn whole(day: &str) -> End<'_> {
    (day, None)
}

/// One interval from the first date and time to the last (PS3.4 C.2.2.2.5.4); an end without a time takes in its whole
/// day. No span when an end is no date or time.
fn interval(first: Option<End<'_>>, last: Option<End<'_>>, ahead: i64) -> Vec<Span> {
    let local = |(date, time): End<'_>, otherwise: i64| -> Option<i64> {
        Some(first_of(date)? | time.map_or(Some(otherwise), time_of)?)
    };
    let shifted = |(date, time): End<'_>, otherwise: &str| -> Option<i64> {
        first_of(date)?;
        let time = time.unwrap_or(otherwise);
        time_of(time)?;
        value::moved(date, time, ahead).map(|(date, time)| moment(&date, &time))
    };
    let spans = || -> Option<Vec<Span>> {
        if ahead == 0 {
            let from = first.map_or(Some(FIRST_WITH_DATE), |first| local(first, 0))?;
            let to = last.map(|last| local(last, TIME_MASK).ok_or(())).transpose().ok()?;
            let but = last.filter(|(_, time)| time.is_some()).and_then(|(date, _)| first_of(date));
            return Some(vec![Span { from: Some(from), to, of: Of::All, but }]);
        }
        let from = first.map_or(Some(FIRST_WITH_DATE), |first| shifted(first, "000000.000000"))?;
        let to = last.map(|last| shifted(last, "235959.999999").ok_or(())).transpose().ok()?;
        let timed = Span { from: Some(from), to, of: Of::WithTime, but: None };
        let begin = match first {
            None => FIRST_WITH_DATE,
            Some((date, None)) => first_of(date)?,
            Some((date, Some(_))) => last_of(date)?,
        };
        let end = match last {
            None => None,
            Some((date, None)) => Some(last_of(date)?),
            Some((date, Some(_))) => Some(first_of(date)? - 1),
        };
        Some(vec![timed, Span { from: Some(begin), to: end, of: Of::WithoutTime, but: None }])
    };
    let mut spans = spans().unwrap_or_default();
    spans.retain(|span| span.to.is_none_or(|to| span.from.is_none_or(|from| from <= to)));
    spans
}

fn times(rule: &Rule, ahead: i64, bounds: &mut Vec<(i64, i64)>) {
    let found = match rule {
        Rule::Universal => Some((0, TIME_MASK)),
        Rule::Empty => Some((0, 0)),
        Rule::Exact(time) => time_of(time).map(|time| (time, time)),
        Rule::Range { from, to } => {
            let from = from.as_deref().map_or(Some(1), time_of);
            from.zip(to.as_deref().map_or(Some(TIME_MASK), time_of))
        }
        Rule::AnyOf(rules) => return rules.iter().for_each(|rule| times(rule, ahead, bounds)),
        Rule::Wildcard(_) | Rule::UidList(_) | Rule::Fuzzy(_) => None,
    };
    let Some((from, to)) = found.filter(|(from, to)| from <= to) else {
        return;
    };
    if ahead == 0 || from == 0 {
        return bounds.push((from, to));
    }
    // A time of day and one, 1 being midnight: moved around the clock.
    let length = (to - from).min(DAY - 1);
    let begin = (from - 1 + ahead * 60_000_000).rem_euclid(DAY);
    let end = begin + length;
    bounds.push((begin + 1, if end < DAY - 1 { end + 1 } else { TIME_MASK }));
    if end >= DAY {
        bounds.push((1, end - DAY + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn asked(date: &str, time: &str, zone: Option<i64>) -> Search {
        let rule = |vr, text: &str| model::matching::parse(vr, text).expect("a rule");
        Search {
            filters: vec![
                (Attribute::StudyDate, rule(model::VR::DA, date)),
                (Attribute::StudyTime, rule(model::VR::TM, time)),
            ],
            zone,
            ..Search::of(Level::Study)
        }
    }

    /// QIDO-035: ranges and times of day in the zone of the request.
    #[test]
    fn bounds_move_with_the_zone() {
        let noon = moment("20240101", "120000.000000");
        for (date, time, zone, from, to) in [
            ("20240101", "", None, moment("20240101", ""), last_of("20240101").expect("a day")),
            ("20240101-20240101", "1200-1300", None, noon, moment("20240101", "130059.999999")),
            // Noon at +0900 is three o'clock in UTC.
            (
                "20240101-20240101",
                "1200-1300",
                Some(540),
                moment("20240101", "030000.000000"),
                moment("20240101", "040059.999999"),
            ),
            (
                "20240101-20240101",
                "0000-0100",
                Some(540),
                moment("20231231", "150000.000000"),
                moment("20231231", "160059.999999"),
            ),
        ] {
            let moments = Moments::of(&asked(date, time, zone), &[]);
            assert_eq!((moments.from, moments.to), (Some(from), Some(to)), "{date} {time} {zone:?}");
        }
        let day = Moments::of(&asked("20240101", "", Some(-300)), &[60]);
        assert_eq!(day.from, first_of("20240101"));
        assert_eq!(day.to, Some(moment("20240102", "055959.999999")));
        assert!(day.by_zone());
    }

    #[test]
    fn times_of_day_go_round_the_clock() {
        let of = |text: &str, ahead: i64| {
            let mut bounds = Vec::new();
            times(&model::matching::parse(model::VR::TM, text).expect("a rule"), ahead, &mut bounds);
            bounds
        };
        let at = |text: &str| time_of(text).expect("a time");
        assert_eq!(of("1000-1100", 60), [(at("110000"), at("120059.999999"))]);
        assert_eq!(of("2300-2330", 120), [(at("010000"), at("013059.999999"))]);
        assert_eq!(of("2200-2330", 60), [(at("230000"), TIME_MASK), (1, at("003059.999999"))]);
        assert_eq!(of("2200-0200", 60), []);
        assert_eq!(of("0000-", 60).len(), 2);
    }
}
