//! Random rows and searches, answered a second time by `model::matching`: the slow way, one value after another.

use std::collections::BTreeMap;

use access::Reach;
use index::Attribute::*;
use index::{Attribute, Level, NewInstance, Search};
use model::matching::{Rule, matches, matches_any, parse};

use crate::Engine;
use crate::rows::{With, everything, insert, new, of, search, uids, vr};

/// A small generator: runs are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.throw(from.len())]
    }
}

const DATES: &[&str] = &["", "20240101", "20240102", "20240103", "20231231"];
const TIMES: &[&str] = &["", "000000.000000", "100000.000000", "100030.000000", "235959.999999"];
const NAMES: &[&str] =
    &["", "smith^john", "smith^jo", "muller^anna", "yamada^tarou=山田^太郎", "=山田", "smithers"];
const WORDS: &[&str] = &["", "A", "AB", "ABC", "aB", "B A", "[x]", "Ä"];
const MODALITIES: &[&str] = &["", "CT", "MR", "PT", "CR"];
const IDS: &[&str] = &["", "S1", "S2", "R1"];
const NUMBERS: &[&str] = &["", "0", "1", "2", "-1"];

fn row(dice: &mut Dice, n: usize) -> NewInstance {
    let (study, series) = (n / 4, n / 2);
    let uid = format!("1.{study}.{series}.{n}");
    let custodian = ["a", "b", "local"][study % 3];
    let number = |text: &str| text.parse::<i64>().ok();
    new(&format!("1.{study}"), &format!("1.{study}.{series}"), &uid).of(custodian).with(|new| {
        new.study.date = dice.pick(DATES).into();
        new.study.time = dice.pick(TIMES).into();
        new.study.patient_name_folded = dice.pick(NAMES).into();
        new.study.referring_folded = dice.pick(NAMES).into();
        new.study.accession = dice.pick(WORDS).into();
        new.study.sex = dice.pick(WORDS).into();
        new.study.issuer = dice.pick(WORDS).into();
        new.study.other_ids = (0..dice.throw(3)).map(|_| dice.pick(&WORDS[1..]).into()).collect();
        new.study.patient_id = dice.pick(WORDS).into();
        new.study.study_id = dice.pick(WORDS).into();
        new.study.description = dice.pick(WORDS).into();
        new.study.birth_date = dice.pick(DATES).into();
        new.series.modality = dice.pick(MODALITIES).into();
        new.series.number = number(dice.pick(NUMBERS));
        new.series.body_part = dice.pick(WORDS).into();
        new.series.performed_date = dice.pick(DATES).into();
        new.series.performed_time = dice.pick(TIMES).into();
        new.series.requests =
            (0..dice.throw(3)).map(|_| (dice.pick(IDS).into(), dice.pick(IDS).into())).collect();
        new.number = number(dice.pick(NUMBERS));
        new.sop_class = ["1.9.1", "1.9.2"][dice.throw(2)].parse().unwrap();
    })
}

fn filter(dice: &mut Dice) -> (Attribute, Rule) {
    const ALL: &[Attribute] = &[
        StudyDate,
        StudyTime,
        AccessionNumber,
        ModalitiesInStudy,
        ReferringPhysicianName,
        PatientName,
        PatientId,
        PatientSex,
        IssuerOfPatientId,
        OtherPatientId,
        PatientBirthDate,
        StudyId,
        StudyDescription,
        Modality,
        SeriesNumber,
        BodyPartExamined,
        InstanceNumber,
        PerformedProcedureStepStartDate,
        PerformedProcedureStepStartTime,
        ScheduledProcedureStepId,
        RequestedProcedureId,
        SopClassUid,
        StudyInstanceUid,
        SeriesInstanceUid,
        SopInstanceUid,
    ];
    let attribute = ALL[dice.throw(ALL.len())];
    if dice.throw(12) == 0
        && !matches!(attribute, SopClassUid | StudyInstanceUid | SeriesInstanceUid | SopInstanceUid)
    {
        return (attribute, Rule::Empty);
    }
    let words = ["", "*", "A", "A*", "?B", "*B*", "AB?", "[x]", "[*", "Ä", "B A", "a*", "Z"];
    let text = match attribute {
        StudyDate | PatientBirthDate | PerformedProcedureStepStartDate => dice.pick(&[
            "20240101",
            "20240101-20240102",
            "-20240101",
            "20240102-",
            "20240102-20240101",
            "19990101",
        ]),
        StudyTime | PerformedProcedureStepStartTime => {
            dice.pick(&["10", "1000", "100000.000000", "1000-2359", "-1000", "2300-", "2200-0200", "0001"])
        }
        PatientName | ReferringPhysicianName => dice.pick(&[
            "SMITH^JOHN",
            "smith*",
            "*john",
            "sm?th*",
            "山田*",
            "=山田",
            "yamada^tarou=*",
            "müller*",
            "?*",
            "smith^j*",
            "yamada^tarou=山田^太郎",
        ]),
        ModalitiesInStudy | Modality => dice.pick(&["CT", "MR", "?T", "C*", "US", "*"]),
        SeriesNumber | InstanceNumber => dice.pick(&["0", "1", "-1", "7"]),
        ScheduledProcedureStepId | RequestedProcedureId => dice.pick(&["S1", "S*", "R1", "?1", "X"]),
        SopClassUid => dice.pick(&["1.9.1", "1.9.1,1.9.2", "1.9.3"]),
        StudyInstanceUid => dice.pick(&["1.3", "1.3,1.4,1.5", "1.999"]),
        SeriesInstanceUid => dice.pick(&["1.3.6", "1.3.7,1.4.8"]),
        SopInstanceUid => dice.pick(&["1.3.6.12", "1.3.6.13,1.4.8.16"]),
        _ => dice.pick(&words),
    };
    let rule = parse(vr(attribute), text).unwrap();
    if attribute == PatientName || attribute == ReferringPhysicianName {
        let name = dice.pick(&[
            "jon smyth",
            "smi",
            "anna",
            "yamada",
            "山田",
            "太郎 yamada",
            "мюллер",
            "j",
            "x",
            "?mith",
        ]);
        if dice.throw(3) == 0 {
            return (attribute, Rule::Fuzzy(name.into()));
        }
    }
    (attribute, rule)
}

/// One filter, or several of an attribute of which any may match.
fn filters(dice: &mut Dice) -> (Attribute, Rule) {
    let (attribute, first) = filter(dice);
    if dice.throw(4) > 0 || matches!(first, Rule::UidList(_) | Rule::Universal) {
        return (attribute, first);
    }
    let mut rules = vec![first];
    while rules.len() < 2 + dice.throw(2) {
        let (other, rule) = filter(dice);
        if other == attribute && rule != Rule::Universal {
            rules.push(rule);
        }
    }
    (attribute, Rule::AnyOf(rules))
}

/// The rows that a search should find, at its level and in its order.
struct Oracle<'a> {
    rows: &'a [NewInstance],
}

/// A study's rows: its own attributes are its first row's.
type Study<'a> = Vec<&'a NewInstance>;

impl<'a> Oracle<'a> {
    fn studies(&self, custodians: &[&str]) -> Vec<Study<'a>> {
        let mut studies: BTreeMap<usize, Study> = BTreeMap::new();
        for (at, row) in self.rows.iter().enumerate() {
            if custodians.contains(&row.custodian.as_str()) {
                studies.entry(at / 4).or_default().push(row);
            }
        }
        let mut studies: Vec<(usize, Study)> = studies.into_iter().collect();
        studies.sort_by_key(|(at, rows)| (rows[0].study.date.clone(), rows[0].study.time.clone(), *at));
        studies.into_iter().rev().map(|(_, rows)| rows).collect()
    }

    fn find(&self, custodians: &[&str], search: &Search) -> Vec<String> {
        let mut found = Vec::new();
        for study in self.studies(custodians) {
            if !of_level(search, Level::Study).all(|(attribute, rule)| of_study(&study, *attribute, rule))
                || !interval(study[0], search)
            {
                continue;
            }
            let mut series: Vec<Vec<&NewInstance>> =
                study.chunk_by(|a, b| a.series.uid == b.series.uid).map(|rows| rows.to_vec()).collect();
            series.sort_by_key(|rows| rows[0].series.number.unwrap_or(0));
            let prefix = match study[0].custodian.as_str() {
                "local" => String::new(),
                other => format!("{other}:"),
            };
            let mut hits = Vec::new();
            for mut rows in series {
                let first = rows[0];
                rows.sort_by_key(|row| row.number.unwrap_or(0));
                rows.retain(|row| {
                    of_level(search, Level::Instance).all(|(a, rule)| of_instance(row, *a, rule))
                });
                if rows.is_empty() || !of_series(first, search) {
                    continue;
                }
                match search.level {
                    Level::Study => {}
                    Level::Series => hits.push(format!("{prefix}{}", first.series.uid)),
                    Level::Instance => {
                        hits.extend(rows.iter().map(|row| format!("{prefix}{}", row.sop_instance)))
                    }
                }
                if search.level == Level::Study && hits.is_empty() {
                    hits.push(format!("{prefix}{}", first.study.uid));
                }
            }
            found.extend(hits);
        }
        found
    }
}

fn of_level(search: &Search, level: Level) -> impl Iterator<Item = &(Attribute, Rule)> {
    search.filters.iter().filter(move |(attribute, _)| attribute.level() == level)
}

/// Study Date and Time, as one interval when both are ranges.
fn interval(row: &NewInstance, search: &Search) -> bool {
    pair(search, (StudyDate, &row.study.date), (StudyTime, &row.study.time))
}

/// A date and its time.
fn pair(search: &Search, date: (Attribute, &String), time: (Attribute, &String)) -> bool {
    let ((date_of, date), (time_of, time)) = (date, time);
    let rules = |wanted| {
        search.filters.iter().filter(move |(attribute, _)| *attribute == wanted).map(|(_, rule)| rule)
    };
    if let (Some(Rule::Range { from: d1, to: d2 }), Some(Rule::Range { from: t1, to: t2 })) =
        (rules(date_of).next(), rules(time_of).next())
        && rules(date_of).chain(rules(time_of)).count() == 2
        && search.combined_datetime
    {
        let within_days = matches(&Rule::Range { from: d1.clone(), to: d2.clone() }, vr(date_of), date);
        let after = d1.as_ref() != Some(date) || t1.as_ref().is_none_or(|t1| !time.is_empty() && t1 <= time);
        let before = d2.as_ref() != Some(date) || t2.as_ref().is_none_or(|t2| !time.is_empty() && time <= t2);
        return within_days && after && before;
    }
    rules(date_of).all(|rule| matches(rule, vr(date_of), date))
        && rules(time_of).all(|rule| matches(rule, vr(time_of), time))
}

fn of_study(rows: &Study, attribute: Attribute, rule: &Rule) -> bool {
    let study = &rows[0].study;
    let value = match attribute {
        StudyDate | StudyTime => return true,
        ModalitiesInStudy => {
            // Each series' own attributes are its first row's.
            let series = rows.chunk_by(|a, b| a.series.uid == b.series.uid);
            let held = series.map(|rows| rows[0].series.modality.as_str()).filter(|held| !held.is_empty());
            return matches_any(rule, vr(attribute), held);
        }
        AccessionNumber => &study.accession,
        ReferringPhysicianName => &study.referring_folded,
        PatientName => &study.patient_name_folded,
        PatientId => &study.patient_id,
        PatientBirthDate => &study.birth_date,
        StudyId => &study.study_id,
        StudyDescription => &study.description,
        StudyInstanceUid => return matches(rule, vr(attribute), study.uid.as_str()),
        PatientSex => &study.sex,
        IssuerOfPatientId => &study.issuer,
        OtherPatientId => {
            return matches_any(rule, vr(attribute), study.other_ids.iter().map(String::as_str));
        }
        other => panic!("{other:?}"),
    };
    matches(rule, vr(attribute), value)
}

fn of_series(row: &NewInstance, search: &Search) -> bool {
    let series = &row.series;
    let requests: Vec<_> = of_level(search, Level::Series)
        .filter(|(a, _)| matches!(a, ScheduledProcedureStepId | RequestedProcedureId))
        .filter(|(_, rule)| *rule != Rule::Universal)
        .collect();
    let in_item = |item: &(String, String)| {
        requests.iter().all(|(attribute, rule)| {
            let value = if *attribute == ScheduledProcedureStepId { &item.0 } else { &item.1 };
            matches(rule, vr(*attribute), value)
        })
    };
    let absent = series.requests.is_empty() && requests.iter().all(|(_, rule)| takes_empty(rule));
    let number = series.number.map(|n| n.to_string()).unwrap_or_default();
    (requests.is_empty() || absent || series.requests.iter().any(in_item))
        && of_level(search, Level::Series).all(|(attribute, rule)| {
            let value = match attribute {
                ScheduledProcedureStepId | RequestedProcedureId => return true,
                Modality => &series.modality,
                SeriesNumber => &number,
                BodyPartExamined => &series.body_part,
                PerformedProcedureStepStartDate | PerformedProcedureStepStartTime => {
                    let date = (PerformedProcedureStepStartDate, &series.performed_date);
                    return pair(search, date, (PerformedProcedureStepStartTime, &series.performed_time));
                }
                SeriesInstanceUid => return matches(rule, vr(*attribute), series.uid.as_str()),
                other => panic!("{other:?}"),
            };
            matches(rule, vr(*attribute), value)
        })
}

fn takes_empty(rule: &Rule) -> bool {
    matches!(rule, Rule::AnyOf(rules) if rules.contains(&Rule::Empty)) || *rule == Rule::Empty
}

fn of_instance(row: &NewInstance, attribute: Attribute, rule: &Rule) -> bool {
    let number = row.number.map(|n| n.to_string()).unwrap_or_default();
    let value = match attribute {
        InstanceNumber => &number,
        SopClassUid => row.sop_class.as_str(),
        SopInstanceUid => row.sop_instance.as_str(),
        other => panic!("{other:?}"),
    };
    matches(rule, vr(attribute), value)
}

pub async fn random_searches_find_what_matching_says(engine: &mut dyn Engine) {
    let index = engine.open();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let rows: Vec<NewInstance> = (0..800).map(|n| row(&mut dice, n)).collect();
    for part in rows.chunks(50) {
        insert(&*index, part.to_vec()).await;
    }
    let oracle = Oracle { rows: &rows };
    let mut found = 0;
    for n in 0..4_000 {
        let mut wanted = search([Level::Study, Level::Series, Level::Instance][n % 3]);
        wanted.filters = (0..dice.throw(4)).map(|_| filters(&mut dice)).collect();
        wanted.combined_datetime = dice.throw(2) == 0;
        wanted.limit = 2_000;
        let custodians = [&["a", "b", "local"][..], &["a"], &["local", "b"]][dice.throw(3)];
        let scope = if custodians.len() == 3 { everything() } else { of(custodians) };
        assert!(matches!(scope.reach(), Reach::Everything) == (custodians.len() == 3));
        let hits = uids(wanted.level, &index.search(&scope, &wanted).await.unwrap());
        assert_eq!(hits, oracle.find(custodians, &wanted), "search {n}: {custodians:?} {wanted:?}");
        found += usize::from(!hits.is_empty());
    }
    assert!(found > 500, "only {found} searches found anything");
}
