//! From the text of a key to its rule.

use dicom_core::VR;

use super::Rule;
use crate::value::{date, date_time_span, date_time_span_in, decimal_text, integer_text, time_span};
use crate::{Uid, UidError};

/// Why a key's value asks for nothing that can be matched. It never carries the value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchError {
    /// A NUL in it.
    #[error("has a NUL in it")]
    Nul,
    /// No UID, or a list with something else in it; wildcards are none either.
    #[error("is no list of UIDs: {0}")]
    Uid(#[from] UidError),
    /// Neither a date nor a range of dates.
    #[error("is neither a date YYYYMMDD nor a range of them")]
    Date,
    /// Neither a time nor a range of times.
    #[error("is neither a time HHMMSS.FFFFFF nor a range of them")]
    Time,
    /// Neither a date-time nor a range of them.
    #[error("is neither a date-time YYYYMMDDHHMMSS.FFFFFF+ZZXX nor a range of them")]
    DateTime,
    /// No number of this VR.
    #[error("is no number")]
    Number,
    /// No attribute tag.
    #[error("is no tag of 8 hexadecimal digits")]
    Tag,
    /// A list of more than 1,000 values.
    #[error("is a list of more than {MOST_VALUES} values")]
    TooMany,
    /// The VR cannot be matched.
    #[error("cannot be matched")]
    NotMatchable,
}

/// Reads the value of a key. Trailing spaces are insignificant; an empty value is universal matching.
///
/// | VR | what it may be |
/// |---|---|
/// | AE CS LO LT PN SH ST UC UR UT | text, wildcards `*` and `?`; `*` alone is universal |
/// | UI | one UID or several, with `,` or `\` between |
/// | DA TM DT | one or a range `a-b`, `a-`, `-b`; shortened TM and DT stand for all that they may mean |
/// | IS DS FD FL SL SS SV UL US UV AS AT | one value |
///
/// # Errors
/// [`MatchError`], so that a filter that says nothing never returns everybody.
pub fn parse(vr: VR, text: &str) -> Result<Rule, MatchError> {
    if text.contains('\0') {
        return Err(MatchError::Nul);
    }
    let trimmed = text.trim_end_matches(' ');
    if trimmed.is_empty() {
        return Ok(Rule::Universal);
    }
    match vr {
        VR::AE | VR::CS | VR::LO | VR::PN | VR::SH => Ok(words(trimmed.trim_start_matches(' '))),
        VR::LT | VR::ST | VR::UC | VR::UR | VR::UT => Ok(words(trimmed)),
        VR::UI => uids(trimmed),
        VR::DA => range(trimmed, trimmed.find('-'), span_of_date).ok_or(MatchError::Date),
        VR::TM => range(trimmed, trimmed.find('-'), time_span).ok_or(MatchError::Time),
        VR::DT => range(trimmed, hyphen_of_range(trimmed), date_time_span).ok_or(MatchError::DateTime),
        VR::IS | VR::SL | VR::SS | VR::SV | VR::UL | VR::US | VR::UV => {
            let number = integer_text(trimmed).ok_or(MatchError::Number)?;
            Ok(Rule::Exact(number.to_string()))
        }
        VR::DS | VR::FD | VR::FL => {
            decimal_text(trimmed).ok_or(MatchError::Number)?;
            Ok(Rule::Exact(trimmed.trim_start_matches(' ').to_owned()))
        }
        VR::AS => Ok(Rule::Exact(trimmed.trim_start_matches(' ').to_owned())),
        VR::AT => tag(trimmed).ok_or(MatchError::Tag),
        VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::SQ | VR::UN => {
            Err(MatchError::NotMatchable)
        }
    }
}

/// Which further kinds of matching a search asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Names are matched by [`super::Fuzzy`] (PS3.18 section 8.3.4.2).
    pub fuzzy: bool,
    /// `""` asks for what is absent or empty (PS3.18 section 8.3.4.5).
    pub empty: bool,
    /// Commas and backslashes part values any of which may match (PS3.18 section 8.3.4.6).
    pub multiple: bool,
    /// Minutes east of UTC that a DT without an offset of its own is in.
    pub zone: i64,
}

/// Values of one list that are taken.
const MOST_VALUES: usize = 1_000;

/// Reads the value of a key as [`parse`] does, with what the options add. Empty values of a list are overlooked.
///
/// # Errors
/// [`MatchError`].
pub fn parse_with(vr: VR, text: &str, options: Options) -> Result<Rule, MatchError> {
    let one = |text: &str| match text.trim_matches(' ') {
        "\"\"" if options.empty => Ok(Rule::Empty),
        name if options.fuzzy && vr == VR::PN => match parse(vr, name)? {
            Rule::Universal => Ok(Rule::Universal),
            _ => Ok(Rule::Fuzzy(name.to_owned())),
        },
        moment if vr == VR::DT && !moment.is_empty() => {
            let span = |text: &str| date_time_span_in(text, options.zone);
            range(moment, hyphen_of_range(moment), span).ok_or(MatchError::DateTime)
        }
        _ => parse(vr, text),
    };
    if !options.multiple || vr == VR::UI {
        return one(text);
    }
    let values: Vec<&str> =
        text.split([',', '\\']).filter(|value| !value.trim_matches(' ').is_empty()).collect();
    match values.as_slice() {
        [] => Ok(Rule::Universal),
        [value] => one(value),
        values if values.len() > MOST_VALUES => Err(MatchError::TooMany),
        values => {
            let rules: Result<Vec<Rule>, MatchError> = values.iter().map(|value| one(value)).collect();
            let rules = rules?;
            Ok(if rules.contains(&Rule::Universal) { Rule::Universal } else { Rule::AnyOf(rules) })
        }
    }
}

/// Single value, wildcard or universal matching. Runs of `*` become one.
fn words(text: &str) -> Rule {
    if text.chars().all(|letter| letter == '*') {
        return Rule::Universal;
    }
    if !text.contains(['*', '?']) {
        return Rule::Exact(text.to_owned());
    }
    let mut pattern = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter != '*' || !pattern.ends_with('*') {
            pattern.push(letter);
        }
    }
    Rule::Wildcard(pattern)
}

fn uids(text: &str) -> Result<Rule, MatchError> {
    let list: Result<Vec<Uid>, UidError> =
        text.split([',', '\\']).map(|uid| uid.trim_matches(' ').parse()).collect();
    Ok(Rule::UidList(list?))
}

/// The first and the last moment that a text may mean.
type Span = Option<(String, String)>;

fn span_of_date(text: &str) -> Span {
    date(text).map(|day| (day.clone(), day))
}

/// One moment, or a range of them with its hyphen at this byte.
fn range(text: &str, hyphen: Option<usize>, span: impl Fn(&str) -> Span) -> Option<Rule> {
    let Some(at) = hyphen else {
        let (first, last) = span(text)?;
        return Some(if first == last { Rule::Exact(first) } else { between(Some(first), Some(last)) });
    };
    let from = text.get(..at)?.trim_matches(' ');
    let to = text.get(at + 1..)?.trim_matches(' ');
    if from.is_empty() && to.is_empty() {
        return None;
    }
    let first = if from.is_empty() { None } else { Some(span(from)?.0) };
    let last = if to.is_empty() { None } else { Some(span(to)?.1) };
    Some(between(first, last))
}

fn between(from: Option<String>, to: Option<String>) -> Rule {
    Rule::Range { from, to }
}

/// Where the ends of a range of DT are parted. The hyphen of an offset (`-0500`) does not part them: one followed by four
/// digits that can be an offset, and then by the end or another hyphen, belongs to the moment before it.
fn hyphen_of_range(text: &str) -> Option<usize> {
    let mut hyphens = text.match_indices('-').map(|(at, _)| at);
    hyphens.find(|at| *at == 0 || !is_offset(text.get(*at..).unwrap_or_default()))
}

fn is_offset(text: &str) -> bool {
    let digits = text.get(..5).is_some_and(|offset| crate::value::offset(offset).is_some());
    digits && matches!(text.as_bytes().get(5), None | Some(b'-' | b' '))
}

fn tag(text: &str) -> Option<Rule> {
    let hex = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| Rule::Exact(text.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Result<Rule, MatchError> {
        Ok(Rule::Exact(text.to_owned()))
    }

    fn wildcard(text: &str) -> Result<Rule, MatchError> {
        Ok(Rule::Wildcard(text.to_owned()))
    }

    fn range(from: &str, to: &str) -> Result<Rule, MatchError> {
        let end = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Rule::Range { from: end(from), to: end(to) })
    }

    fn list(uids: &[&str]) -> Result<Rule, MatchError> {
        Ok(Rule::UidList(uids.iter().map(|uid| uid.parse().expect("a UID")).collect()))
    }

    fn check(rows: &[(VR, &str, Result<Rule, MatchError>)]) {
        for (vr, text, expected) in rows {
            assert_eq!(&parse(*vr, text), expected, "{vr} {text:?}");
        }
    }

    /// QIDO-023, QIDO-025: wildcards belong to texts.
    #[test]
    fn texts() {
        check(&[
            (VR::LO, "", Ok(Rule::Universal)),
            (VR::LO, "   ", Ok(Rule::Universal)),
            (VR::PN, "*", Ok(Rule::Universal)),
            (VR::PN, "***", Ok(Rule::Universal)),
            (VR::PN, "SMITH^J*", wildcard("SMITH^J*")),
            (VR::PN, "S**?**", wildcard("S*?*")),
            (VR::CS, " CT ", exact("CT")),
            (VR::LT, " indented ", exact(" indented")),
            (VR::SH, "' OR 1=1 --", exact("' OR 1=1 --")),
            (VR::SH, "%", exact("%")),
            (VR::SH, "a\0b", Err(MatchError::Nul)),
            (VR::AS, "042Y", exact("042Y")),
            (VR::LO, "CT\\MR", exact("CT\\MR")),
            (VR::LO, "\"\"", exact("\"\"")),
        ]);
    }

    /// QIDO-033, QIDO-034: what `fuzzymatching`, `emptyvaluematching` and `multiplevaluematching` add.
    #[test]
    fn options() {
        let empty = Options { empty: true, ..Options::default() };
        let multiple = Options { multiple: true, ..Options::default() };
        let fuzzy = Options { fuzzy: true, ..Options::default() };
        let all = Options { fuzzy: true, empty: true, multiple: true, zone: 0 };
        let any = |rules: &[Rule]| Ok(Rule::AnyOf(rules.to_vec()));
        let text = |text: &str| Rule::Exact(text.to_owned());
        for (vr, value, options, expected) in [
            (VR::LO, "\"\"", Options::default(), exact("\"\"")),
            (VR::LO, "\"\"", empty, Ok(Rule::Empty)),
            (VR::DA, "\"\"", empty, Ok(Rule::Empty)),
            (VR::UI, "\"\"", empty, Ok(Rule::Empty)),
            (VR::DA, "\"\"", multiple, Err(MatchError::Date)),
            (VR::SH, "a,b", Options::default(), exact("a,b")),
            (VR::SH, "a,b", multiple, any(&[text("a"), text("b")])),
            (VR::SH, "a\\b", multiple, any(&[text("a"), text("b")])),
            (VR::SH, "a,,", multiple, exact("a")),
            (VR::SH, ",", multiple, Ok(Rule::Universal)),
            (VR::SH, "a,*", multiple, Ok(Rule::Universal)),
            (VR::CS, "CT,M?", multiple, any(&[text("CT"), Rule::Wildcard("M?".to_owned())])),
            (VR::DA, "20240101,20240201", multiple, any(&[text("20240101"), text("20240201")])),
            (VR::DA, "20240101,x", multiple, Err(MatchError::Date)),
            (VR::IS, "1,02", multiple, any(&[text("1"), text("2")])),
            (VR::UI, "1.2,1.3", multiple, list(&["1.2", "1.3"])),
            (VR::PN, "smith", fuzzy, Ok(Rule::Fuzzy("smith".to_owned()))),
            (VR::PN, "*", fuzzy, Ok(Rule::Universal)),
            (VR::LO, "smith", fuzzy, exact("smith")),
            (
                VR::DT,
                "20240101",
                Options { zone: 60, ..Options::default() },
                range("20231231230000.000000", "20240101225959.999999"),
            ),
            (VR::PN, "a,\"\"", all, any(&[Rule::Fuzzy("a".to_owned()), Rule::Empty])),
        ] {
            assert_eq!(parse_with(vr, value, options), expected, "{vr} {value:?} {options:?}");
        }
        assert_eq!(parse_with(VR::SH, &"a,".repeat(1_001), multiple), Err(MatchError::TooMany));
    }

    /// QIDO-022: both separators; QIDO-023: no wildcards.
    #[test]
    fn uid_lists() {
        check(&[
            (VR::UI, "1.2.3", list(&["1.2.3"])),
            (VR::UI, "1.2.3,1.2.4", list(&["1.2.3", "1.2.4"])),
            (VR::UI, "1.2.3\\1.2.4", list(&["1.2.3", "1.2.4"])),
            (VR::UI, "1.2.3, 1.2.4 ", list(&["1.2.3", "1.2.4"])),
            (VR::UI, "1.2.03", list(&["1.2.03"])),
            (VR::UI, "", Ok(Rule::Universal)),
            (VR::UI, "1.2.*", Err(MatchError::Uid(UidError::Character(4)))),
            (VR::UI, "*", Err(MatchError::Uid(UidError::Character(0)))),
            (VR::UI, "1.2.3,", Err(MatchError::Uid(UidError::Empty))),
            (VR::UI, "abc", Err(MatchError::Uid(UidError::Character(0)))),
        ]);
    }

    /// QIDO-020, QIDO-026.
    #[test]
    fn dates() {
        check(&[
            (VR::DA, "20240131", exact("20240131")),
            (VR::DA, "2024.01.31", exact("20240131")),
            (VR::DA, "20240101-20240131", range("20240101", "20240131")),
            (VR::DA, "20240101 - 20240131", range("20240101", "20240131")),
            (VR::DA, "-20240131", range("", "20240131")),
            (VR::DA, "20240101-", range("20240101", "")),
            (VR::DA, "20240201-20240101", range("20240201", "20240101")),
            (VR::DA, "", Ok(Rule::Universal)),
            (VR::DA, "-", Err(MatchError::Date)),
            (VR::DA, "abc", Err(MatchError::Date)),
            (VR::DA, "20240230", Err(MatchError::Date)),
            (VR::DA, "2024", Err(MatchError::Date)),
            (VR::DA, "2024-01-31", Err(MatchError::Date)),
            (VR::DA, "20240101-abc", Err(MatchError::Date)),
            (VR::DA, "20240101-20240102-20240103", Err(MatchError::Date)),
            (VR::DA, "*", Err(MatchError::Date)),
            (VR::DA, "2024*", Err(MatchError::Date)),
        ]);
    }

    #[test]
    fn times() {
        check(&[
            (VR::TM, "101530.123456", exact("101530.123456")),
            (VR::TM, "1000", range("100000.000000", "100059.999999")),
            (VR::TM, "10", range("100000.000000", "105959.999999")),
            (VR::TM, "1000-1100", range("100000.000000", "110059.999999")),
            (VR::TM, "-1100", range("", "110059.999999")),
            (VR::TM, "10:15-", range("101500.000000", "")),
            (VR::TM, "2200-0200", range("220000.000000", "020059.999999")),
            (VR::TM, "-", Err(MatchError::Time)),
            (VR::TM, "noon", Err(MatchError::Time)),
            (VR::TM, "2500", Err(MatchError::Time)),
            (VR::TM, "10*", Err(MatchError::Time)),
        ]);
    }

    /// QIDO-028: the offset counts, and its hyphen is not that of a range.
    #[test]
    fn date_times() {
        check(&[
            (VR::DT, "20240131", range("20240131000000.000000", "20240131235959.999999")),
            (VR::DT, "20240131101530.5-0500", range("20240131151530.500000", "20240131151530.599999")),
            (VR::DT, "20240101-20240131", range("20240101000000.000000", "20240131235959.999999")),
            (VR::DT, "2023-2024", range("20230101000000.000000", "20241231235959.999999")),
            (VR::DT, "20240101-0500-20240131-0500", range("20240101050000.000000", "20240201045959.999999")),
            (VR::DT, "20240101-0500-", range("20240101050000.000000", "")),
            (VR::DT, "-20240131+0100", range("", "20240131225959.999999")),
            (VR::DT, "-20240131-0100", range("", "20240201005959.999999")),
            (VR::DT, "20240131101530.123456", exact("20240131101530.123456")),
            (VR::DT, "-", Err(MatchError::DateTime)),
            (VR::DT, "--", Err(MatchError::DateTime)),
            (VR::DT, "20240101-x", Err(MatchError::DateTime)),
        ]);
    }

    #[test]
    fn numbers_and_tags() {
        check(&[
            (VR::IS, "007", exact("7")),
            (VR::IS, " +4", exact("4")),
            (VR::US, "12", exact("12")),
            (VR::IS, "7*", Err(MatchError::Number)),
            (VR::IS, "1.5", Err(MatchError::Number)),
            (VR::DS, " 1.50", exact("1.50")),
            (VR::FD, "inf", Err(MatchError::Number)),
            (VR::AT, "0008103e", exact("0008103E")),
            (VR::AT, "(0008,103E)", Err(MatchError::Tag)),
            (VR::SQ, "a", Err(MatchError::NotMatchable)),
            (VR::OB, "a", Err(MatchError::NotMatchable)),
            (VR::SQ, "", Ok(Rule::Universal)),
        ]);
    }
}
