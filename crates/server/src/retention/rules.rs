//! Retention classes as data: whose studies go how long after they were received.

use access::CustodianId;
use serde::{Deserialize, Serialize};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// The longest that can be said, a hundred years.
const MOST_DAYS: i64 = 36_525;

/// A rule; the first that fits a study decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What such studies are, for people and the audit trail.
    pub class: String,
    /// Whose studies.
    #[serde(default)]
    pub custodian: Option<String>,
    /// Everybody's.
    #[serde(default)]
    pub all: bool,
    /// How long after the last of it was received: `90 days`, or `never`.
    pub after: String,
}

impl Rule {
    /// Milliseconds; `None` for never.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn after(&self) -> Result<Option<i64>, String> {
        if self.after == "never" {
            return Ok(None);
        }
        let number = self.after.strip_suffix(" days").or(self.after.strip_suffix(" day"));
        let digits = number.filter(|number| number.bytes().all(|b| b.is_ascii_digit()));
        let days: Option<i64> = digits.and_then(|digits| digits.parse().ok());
        match days.filter(|days| *days <= MOST_DAYS) {
            Some(days) => Ok(Some(days * DAY)),
            None => Err(format!("write 0 to {MOST_DAYS} days as in \"90 days\", or \"never\"")),
        }
    }

    /// What is wrong with it: the key, and why.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.class.trim().is_empty() || self.class.chars().any(char::is_control) || self.class.len() > 64 {
            problems.push(("class", "has 1 to 64 bytes of printable text".to_owned()));
        }
        match &self.custodian {
            Some(_) if self.all => {
                problems.push(("all", "name a custodian or say all = true, not both".into()))
            }
            None if !self.all => problems.push(("custodian", "name a custodian, or say all = true".into())),
            Some(name) => problems
                .extend(name.parse::<CustodianId>().err().map(|error| ("custodian", error.to_string()))),
            None => {}
        }
        problems.extend(self.after().err().map(|why| ("after", why)));
        problems
    }

    fn fits(&self, custodian: &CustodianId) -> bool {
        self.all || self.custodian.as_deref() == Some(custodian.as_str())
    }
}

/// The rule that decides about a custodian's studies, and the moment at which one goes whose last instance was received
/// then; `None` for what stays. Moments are milliseconds of Unix time.
pub fn decide<'a>(rules: &'a [Rule], custodian: &CustodianId, newest: i64) -> Option<(&'a Rule, i64)> {
    let rule = rules.iter().find(|rule| rule.fits(custodian))?;
    // A rule that could not be read was refused at the start.
    let after = rule.after().ok()??;
    Some((rule, newest.saturating_add(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(class: &str, custodian: Option<&str>, after: &str) -> Rule {
        let custodian = custodian.map(str::to_owned);
        Rule { class: class.into(), all: custodian.is_none(), custodian, after: after.into() }
    }

    #[test]
    fn the_first_that_fits_decides() {
        let rules = [
            rule("foreign copy", Some("clinic"), "90 days"),
            rule("own", Some("local"), "never"),
            rule("rest", None, "1 day"),
        ];
        let id = |name: &str| name.parse::<CustodianId>().unwrap();
        let due = |custodian: &str| {
            decide(&rules, &id(custodian), 1_000).map(|(rule, at)| (rule.class.as_str(), at))
        };
        assert_eq!(due("clinic"), Some(("foreign copy", 1_000 + 90 * DAY)));
        assert_eq!(due("local"), None);
        assert_eq!(due("other"), Some(("rest", 1_000 + DAY)));
        assert_eq!(decide(&rules[..1], &id("other"), 1_000), None, "nothing goes that no rule names");
        assert_eq!(decide(&[], &id("local"), 0), None);
    }

    #[test]
    fn what_can_be_said() {
        for (after, expected) in [
            ("0 days", Ok(Some(0))),
            ("1 day", Ok(Some(DAY))),
            ("36525 days", Ok(Some(36_525 * DAY))),
            ("never", Ok(None)),
            ("36526 days", Err(())),
            ("-1 days", Err(())),
            ("90", Err(())),
            ("+90 days", Err(())),
            ("99999999999999999999 days", Err(())),
            ("", Err(())),
        ] {
            assert_eq!(rule("a", None, after).after().map_err(drop), expected, "{after}");
        }
        assert_eq!(rule("a", None, "90 days").problems(), []);
        let both = Rule { all: true, ..rule("a", Some("x"), "90 days") };
        let neither = Rule { all: false, ..rule("a", None, "90 days") };
        for (wrong, key) in [
            (both, "all"),
            (neither, "custodian"),
            (rule("", None, "1 day"), "class"),
            (rule("a", Some("A!"), "1 day"), "custodian"),
            (rule("a", None, "soon"), "after"),
        ] {
            assert_eq!(wrong.problems().first().map(|(key, _)| *key), Some(key), "{wrong:?}");
        }
    }
}
