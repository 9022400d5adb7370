//! Whether a value is what a rule asks for.

use dicom_core::VR;

use super::{Fuzzy, Rule, matches_wildcard};
use crate::person_name::{Groups, key};
use crate::value::{date, date_time_span_in, decimal_text, time};

/// Whether one value, decoded, is what the rule asks for. An empty text stands for an absent or empty value.
///
/// Case counts but in PN, where neither case nor accents nor trailing empty components do (PS3.4 section C.2.2.2.1 allows
/// that); a PN rule without `=` may match any of the groups. Numbers are compared as numbers. A stored DA, TM or DT
/// counts as the first instant that it may mean; one that is none matches only universally.
pub fn matches(rule: &Rule, vr: VR, value: &str) -> bool {
    matches_in(rule, vr, value, 0)
}

/// The same; a DT without an offset of its own is so many minutes east of UTC.
pub fn matches_in(rule: &Rule, vr: VR, value: &str, zone: i64) -> bool {
    let value = match vr {
        VR::LT | VR::ST | VR::UC | VR::UR | VR::UT => value.trim_end_matches([' ', '\0']),
        _ => value.trim_end_matches([' ', '\0']).trim_start_matches(' '),
    };
    match rule {
        Rule::Universal => true,
        Rule::Empty => value.is_empty(),
        Rule::Exact(wanted) => same(vr, wanted, value, zone),
        Rule::Wildcard(pattern) if vr == VR::PN => {
            let pattern = key(pattern);
            names(&pattern, value).any(|name| matches_wildcard(&pattern, &name))
        }
        Rule::Wildcard(pattern) => matches_wildcard(pattern, value),
        Rule::Fuzzy(text) => vr == VR::PN && Fuzzy::of(text).matches(value),
        Rule::AnyOf(rules) => rules.iter().any(|rule| matches_in(rule, vr, value, zone)),
        Rule::UidList(uids) => uids.iter().any(|uid| uid.as_str() == value),
        Rule::Range { from, to } => moment(vr, value, zone).is_some_and(|moment| {
            from.as_ref().is_none_or(|from| *from <= moment) && to.as_ref().is_none_or(|to| moment <= *to)
        }),
    }
}

/// Whether any of the values is what the rule asks for (PS3.4 section C.2.2.3); no values are one empty value.
pub fn matches_any<'a>(rule: &Rule, vr: VR, values: impl IntoIterator<Item = &'a str>) -> bool {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return matches(rule, vr, "");
    }
    values.any(|value| matches(rule, vr, value))
}

fn same(vr: VR, wanted: &str, value: &str, zone: i64) -> bool {
    match vr {
        VR::PN => {
            let wanted = key(wanted);
            names(&wanted, value).any(|name| name == wanted)
        }
        VR::DA | VR::TM | VR::DT => moment(vr, value, zone).is_some_and(|moment| moment == wanted),
        VR::IS | VR::DS | VR::FD | VR::FL | VR::SL | VR::SS | VR::SV | VR::UL | VR::US | VR::UV => {
            wanted == value || decimal_text(value).is_some_and(|number| Some(number) == decimal_text(wanted))
        }
        _ => wanted == value,
    }
}

/// What a PN rule is compared with: the whole name when the rule has groups, else each group.
fn names(rule: &str, value: &str) -> impl Iterator<Item = String> {
    let whole = rule.contains('=');
    let groups = Groups::split(value);
    let each: Vec<String> = if whole { vec![key(value)] } else { groups.iter().map(key).collect() };
    each.into_iter()
}

/// A stored date or time in the form that rules have.
fn moment(vr: VR, value: &str, zone: i64) -> Option<String> {
    match vr {
        VR::DA => date(value),
        VR::TM => time(value),
        VR::DT => date_time_span_in(value, zone).map(|(first, _)| first),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn values_match_or_do_not() {
        for (vr, text, value, expected) in [
            (VR::LO, "", "anything", true),
            (VR::LO, "", "", true),
            (VR::LO, "*", "", true),
            (VR::SH, "abc*", "ABC", false), // QIDO-024
            (VR::SH, "abc*", "abcd ", true),
            (VR::SH, "abc", "abc  ", true),
            (VR::SH, "abc", "ABC", false),
            (VR::LT, "abc", " abc", false),
            (VR::PN, "smith^john", "SMITH^JOHN^^^", true), // QIDO-032
            (VR::PN, "MULLER*", "Müller^Anna", true),
            (VR::PN, "müller^anna", "MULLER^ANNA", true),
            (VR::PN, "smith", "SMITH^JOHN", false),
            (VR::PN, "山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう", true),
            (VR::PN, "yamada^tarou", "Yamada^Tarou=山田^太郎", true),
            (VR::PN, "yamada^tarou=山田^太郎", "Yamada^Tarou=山田^太郎", true),
            (VR::PN, "yamada^tarou=別", "Yamada^Tarou=山田^太郎", false),
            (VR::UI, "1.2.3,1.2.4", "1.2.4\0", true), // QIDO-022
            (VR::UI, "1.2.3,1.2.4", "1.2.40", false),
            (VR::DA, "20240101-20240131", "20240101", true), // QIDO-026
            (VR::DA, "20240101-20240131", "2024.01.31", true),
            (VR::DA, "20240101-20240131", "20240201", false),
            (VR::DA, "-20240131", "", false),
            (VR::DA, "20240131", "garbage", false),
            (VR::TM, "1000-1100", "110059", true),
            (VR::TM, "1000-1100", "1101", false),
            (VR::TM, "2200-0200", "2300", false), // QIDO-027
            (VR::TM, "10", "1030", true),
            (VR::DT, "20240101-0500-", "20240101050000", true), // QIDO-028
            (VR::DT, "20240101-0500-", "20240101045959", false),
            (VR::IS, "7", "007", true),
            (VR::IS, "7", "7.0", true),
            (VR::IS, "7", "8", false),
            (VR::DS, "1.50", "1.5", true),
        ] {
            let rule = parse(vr, text).expect("a rule");
            assert_eq!(matches(&rule, vr, value), expected, "{vr} {text:?} {value:?}");
        }
        assert!(matches(&Rule::Empty, VR::LO, "  "));
        assert!(!matches(&Rule::Empty, VR::LO, "a"));
    }

    /// QIDO-031.
    #[test]
    fn any_value_is_enough() {
        let rule = parse(VR::CS, "CT").expect("a rule");
        assert!(matches_any(&rule, VR::CS, ["MR", "CT"]));
        assert!(!matches_any(&rule, VR::CS, ["MR"]));
        assert!(!matches_any(&rule, VR::CS, []));
        assert!(matches_any(&Rule::Universal, VR::CS, []));
        assert!(matches_any(&Rule::Empty, VR::CS, []));
    }
}
