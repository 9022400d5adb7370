//! Which rows are wanted, as somebody typed it.

use model::StudyUid;
use time::Date;
use time::macros::format_description;
use trail::Filter;

use crate::form::Form;

/// Most characters of a name or an identifier that is looked for.
const TEXT: usize = 128;
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// The fields of the form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    pub from: String,
    pub to: String,
    pub who: String,
    pub patient: String,
    pub study: String,
    /// The moment and the number of the row that the page goes on behind.
    pub behind: Option<(i64, u64)>,
}

/// A field that cannot be looked for, and why.
#[derive(Debug, PartialEq)]
pub struct Wrong {
    pub field: &'static str,
    pub why: &'static str,
}

impl Wanted {
    pub fn read(form: &Form<'_>) -> Self {
        let text = |name| form.text(name).chars().take(TEXT).collect();
        let behind = form.text("behind").split_once('.');
        Self {
            from: text("from"),
            to: text("to"),
            who: text("who"),
            patient: text("patient"),
            study: text("study"),
            behind: behind.and_then(|(at, row)| Some((at.parse().ok()?, row.parse().ok()?))),
        }
    }

    /// Its fields by their names in the form, as far as they are filled in.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("from", self.from.as_str()),
            ("to", &self.to),
            ("who", &self.who),
            ("patient", &self.patient),
            ("study", &self.study),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
    }

    pub fn is_all(&self) -> bool {
        self.fields().next().is_none()
    }

    /// As it is told to the trail.
    pub fn in_words(&self) -> String {
        let words: Vec<_> = self.fields().map(|(name, value)| format!("{name} {value}")).collect();
        if words.is_empty() { "all".into() } else { words.join(", ") }
    }

    pub fn filter(&self) -> Result<Filter, Wrong> {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        if !self.study.is_empty() && self.study.parse::<StudyUid>().is_err() {
            let why = "A Study Instance UID has digits and dots only, at most 64 of them.";
            return Err(Wrong { field: "study", why });
        }
        if !self.who.is_empty() && !self.who.contains(':') {
            let why = "Write the door and the name as the column says it, such as password:root.";
            return Err(Wrong { field: "who", why });
        }
        Ok(Filter {
            since: day("from", &self.from)?,
            until: day("to", &self.to)?.map(|begins| begins.saturating_add(DAY)),
            patient: some(&self.patient),
            study: some(&self.study),
            principal: some(&self.who),
        })
    }
}

/// When a day begins in UTC, in milliseconds of Unix time.
fn day(field: &'static str, text: &str) -> Result<Option<i64>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    let wrong = Wrong { field, why: "Write the day as 2026-12-04." };
    day.map(|day| Some(day.midnight().assume_utc().unix_timestamp() * 1_000)).map_err(|_| wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_a_filter() {
        let read = |text: &str| Wanted::read(&Form::read(text.as_bytes()));
        let wanted =
            read("from=2026-12-04&to=2026-12-04&who=password%3Aroot&patient=P1&study=1.2&behind=1796.7");
        assert_eq!(wanted.behind, Some((1_796, 7)));
        let filter = wanted.filter().unwrap();
        assert_eq!((filter.since, filter.until), (Some(1_796_342_400_000), Some(1_796_428_800_000)));
        assert_eq!((filter.patient.as_deref(), filter.study.as_deref()), (Some("P1"), Some("1.2")));
        assert_eq!(filter.principal.as_deref(), Some("password:root"));
        assert_eq!(
            wanted.in_words(),
            "from 2026-12-04, to 2026-12-04, who password:root, patient P1, study 1.2"
        );
        let all = read("behind=x.7");
        assert!(all.is_all() && all.behind.is_none() && all.in_words() == "all");
        assert_eq!(all.filter(), Ok(Filter::default()));
        for (text, field) in [("from=4.12.2026", "from"), ("study=x", "study"), ("who=root", "who")] {
            assert_eq!(read(text).filter().unwrap_err().field, field, "{text}");
        }
    }
}
