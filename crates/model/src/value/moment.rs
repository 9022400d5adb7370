//! Dates and times as texts whose order is the order in time.

use dicom_core::chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// A DA value, or the form `YYYY.MM.DD` of before 1993, as YYYYMMDD; `None` when it is no day of the calendar.
pub fn date(text: &str) -> Option<String> {
    let text = text.trim_matches([' ', '\0']);
    let day = match *text.as_bytes() {
        [y0, y1, y2, y3, m0, m1, d0, d1] | [y0, y1, y2, y3, b'.', m0, m1, b'.', d0, d1] => {
            day([y0, y1, y2, y3], [m0, m1], [d0, d1])?
        }
        _ => return None,
    };
    Some(day.format("%Y%m%d").to_string())
}

/// A TM value, or the form `HH:MM:SS.FFFFFF` of before 1993, as HHMMSS.FFFFFF: the first instant that it may mean.
pub fn time(text: &str) -> Option<String> {
    time_span(text).map(|(first, _)| first)
}

/// The first and the last instant, as HHMMSS.FFFFFF, that a TM value may mean: `1000` is 100000.000000 to
/// 100059.999999. `None` when it is no time of the day. A second of 60 is accepted.
pub fn time_span(text: &str) -> Option<(String, String)> {
    let text = text.trim_matches([' ', '\0']);
    let clock = Clock::read(&undotted(text)?)?;
    Some((clock.text(Fill::First), clock.text(Fill::Last)))
}

/// The first and the last instant, as YYYYMMDDHHMMSS.FFFFFF in UTC, that a DT value may mean. Without an offset of its
/// own it is taken to be in UTC. `None` when it is no moment of the calendar or its offset is outside -1200 to +1400.
pub fn date_time_span(text: &str) -> Option<(String, String)> {
    date_time_span_in(text, 0)
}

/// The same; without an offset of its own it is taken to be so many minutes east of UTC.
pub fn date_time_span_in(text: &str, zone: i64) -> Option<(String, String)> {
    let text = text.trim_matches([' ', '\0']);
    let (local, minutes) = match text.find(['+', '-']) {
        Some(at) => (text.get(..at)?, offset(text.get(at..)?)?),
        None => (text, zone),
    };
    let (first, last) = local_span(local)?;
    let shift = TimeDelta::try_minutes(minutes)?;
    let utc = |moment: NaiveDateTime| {
        Some(moment.checked_sub_signed(shift)?.format("%Y%m%d%H%M%S%.6f").to_string())
    };
    Some((utc(first)?, utc(last)?))
}

/// A date YYYYMMDD and a time HHMMSS.FFFFFF so many minutes later. A second of 60 counts as the next minute's first.
pub fn moved(date: &str, time: &str, minutes: i64) -> Option<(String, String)> {
    let clock = Clock::read(time.as_bytes())?;
    let day = NaiveDate::parse_from_str(date, "%Y%m%d").ok()?;
    let (leap, clock) = match clock.second {
        Some(60) => (1, Clock { second: Some(59), ..clock }),
        _ => (0, clock),
    };
    let moment = day.and_time(clock.moment(Fill::First)?);
    let shift = TimeDelta::try_minutes(minutes)?.checked_add(&TimeDelta::try_seconds(leap)?)?;
    let moment = moment.checked_add_signed(shift)?;
    Some((moment.format("%Y%m%d").to_string(), moment.format("%H%M%S%.6f").to_string()))
}

/// An offset from UTC, `+HHMM` or `-HHMM`, in minutes (PS3.5 section 6.2, DT; PS3.3 C.12.1.1.8).
pub fn offset(text: &str) -> Option<i64> {
    let text = text.trim_matches([' ', '\0']);
    let (sign, rest) = match text.as_bytes() {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let [h0, h1, m0, m1] = *rest else {
        return None;
    };
    let minutes = sign * (i64::from(two([h0, h1])?) * 60 + i64::from(two([m0, m1])?));
    ((-12 * 60..=14 * 60).contains(&minutes) && two([m0, m1])? < 60).then_some(minutes)
}

fn local_span(text: &str) -> Option<(NaiveDateTime, NaiveDateTime)> {
    let (year, rest) = text.as_bytes().split_first_chunk::<4>()?;
    let (month, rest) = pair(rest);
    let (day_of_month, rest) = pair(rest);
    let clock = Clock::read(rest);
    let first = day(*year, month.unwrap_or(*b"01"), day_of_month.unwrap_or(*b"01"))?;
    let last = match (month, day_of_month) {
        (Some(_), Some(_)) => first,
        (Some(month), None) => last_of_month(*year, month)?,
        _ => day(*year, *b"12", *b"31")?,
    };
    match (day_of_month, clock) {
        (_, None) if !rest.is_empty() => None,
        (Some(_), Some(clock)) => {
            Some((first.and_time(clock.moment(Fill::First)?), last.and_time(clock.moment(Fill::Last)?)))
        }
        _ => Some((first.and_time(NaiveTime::MIN), last.and_hms_micro_opt(23, 59, 59, 999_999)?)),
    }
}

fn last_of_month(year: [u8; 4], month: [u8; 2]) -> Option<NaiveDate> {
    [*b"31", *b"30", *b"29", *b"28"].into_iter().find_map(|last| day(year, month, last))
}

fn day(year: [u8; 4], month: [u8; 2], day: [u8; 2]) -> Option<NaiveDate> {
    let [y0, y1, y2, y3] = year;
    let year = i32::from(two([y0, y1])?) * 100 + i32::from(two([y2, y3])?);
    NaiveDate::from_ymd_opt(year, u32::from(two(month)?), u32::from(two(day)?))
}

/// `HH:MM:SS` without its colons; other texts as they are.
fn undotted(text: &str) -> Option<Vec<u8>> {
    match *text.as_bytes() {
        [h0, h1, b':', m0, m1] => Some(vec![h0, h1, m0, m1]),
        [h0, h1, b':', m0, m1, b':', s0, s1, ref rest @ ..] => {
            let mut plain = vec![h0, h1, m0, m1, s0, s1];
            plain.extend_from_slice(rest);
            Some(plain)
        }
        ref plain if !plain.contains(&b':') => Some(plain.to_vec()),
        _ => None,
    }
}

/// Which instant of those that a shortened time may mean.
#[derive(Clone, Copy)]
enum Fill {
    First,
    Last,
}

/// HH, HHMM, HHMMSS or HHMMSS.F to HHMMSS.FFFFFF.
struct Clock {
    hour: u8,
    minute: Option<u8>,
    second: Option<u8>,
    /// Digits of the fraction, at most 6.
    fraction: String,
}

impl Clock {
    fn read(text: &[u8]) -> Option<Clock> {
        let (hour, rest) = pair(text);
        let (minute, rest) = pair(rest);
        let (second, rest) = pair(rest);
        let fraction = match rest {
            [] => String::new(),
            [b'.', digits @ ..]
                if second.is_some() && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) =>
            {
                digits.iter().take(6).map(|digit| char::from(*digit)).collect()
            }
            _ => return None,
        };
        let number = |digits: Option<[u8; 2]>| digits.and_then(two);
        let clock = Clock { hour: number(hour)?, minute: number(minute), second: number(second), fraction };
        let valid =
            clock.hour < 24 && clock.minute.is_none_or(|m| m < 60) && clock.second.is_none_or(|s| s <= 60);
        valid.then_some(clock)
    }

    fn text(&self, fill: Fill) -> String {
        let (rest, digit) = match fill {
            Fill::First => (0, '0'),
            Fill::Last => (59, '9'),
        };
        let mut fraction = self.fraction.clone();
        while fraction.len() < 6 {
            fraction.push(digit);
        }
        format!(
            "{:02}{:02}{:02}.{fraction}",
            self.hour,
            self.minute.unwrap_or(rest),
            self.second.unwrap_or(rest)
        )
    }

    /// As a moment of the day; a second of 60 becomes the last instant of 59.
    fn moment(&self, fill: Fill) -> Option<NaiveTime> {
        let leap = self.second == Some(60);
        let text = self.text(fill);
        let text = if leap { format!("{}59.999999", text.get(..4)?) } else { text };
        NaiveTime::parse_from_str(&text, "%H%M%S%.6f").ok()
    }
}

/// The first two digits, where there are two.
fn pair(text: &[u8]) -> (Option<[u8; 2]>, &[u8]) {
    match text.split_first_chunk::<2>() {
        Some((digits, rest)) if digits.iter().all(u8::is_ascii_digit) => (Some(*digits), rest),
        _ => (None, text),
    }
}

fn two(digits: [u8; 2]) -> Option<u8> {
    let [tens, ones] = digits;
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_eight_digits() {
        for (text, expected) in [
            ("20240131", Some("20240131")),
            ("1997.06.09", Some("19970609")),
            ("20240229", Some("20240229")),
            ("20230229", None),
            ("20241301", None),
            ("20240001", None),
            ("00000000", None),
            ("20240131 ", Some("20240131")),
            ("20240131\0", Some("20240131")),
            ("2024-01-31", None),
            ("2024.0131", None),
            ("202401", None),
            ("2024013a", None),
            ("٢٠٢٤", None),
            ("", None),
        ] {
            assert_eq!(date(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn times_become_the_span_that_they_may_mean() {
        for (text, expected) in [
            ("101530.123456", Some(("101530.123456", "101530.123456"))),
            ("101530.12", Some(("101530.120000", "101530.129999"))),
            ("101530", Some(("101530.000000", "101530.999999"))),
            ("1015", Some(("101500.000000", "101559.999999"))),
            ("10", Some(("100000.000000", "105959.999999"))),
            ("10:15:30", Some(("101530.000000", "101530.999999"))),
            ("10:19:38.290000 ", Some(("101938.290000", "101938.290000"))),
            ("10:15", Some(("101500.000000", "101559.999999"))),
            ("101530.12345678", Some(("101530.123456", "101530.123456"))),
            ("235960", Some(("235960.000000", "235960.999999"))),
            ("240000", None),
            ("106000", None),
            ("101561", None),
            ("1", None),
            ("101", None),
            ("1015.5", None),
            ("101530.", None),
            ("101530.1a", None),
            ("10:1530", None),
            ("", None),
        ] {
            let span = time_span(text);
            let span = span.as_ref().map(|(first, last)| (first.as_str(), last.as_str()));
            assert_eq!(span, expected, "{text}");
        }
    }

    /// QIDO-035.
    #[test]
    fn moments_move() {
        for (date, time, minutes, expected) in [
            ("20240101", "003000.000000", 60, Some(("20240101", "013000.000000"))),
            ("20240101", "003000.5", -60, Some(("20231231", "233000.500000"))),
            ("20240228", "235959.999999", 540, Some(("20240229", "085959.999999"))),
            ("20240101", "235960.250000", 0, Some(("20240102", "000000.250000"))),
            ("20240101", "10", 30, Some(("20240101", "103000.000000"))),
            ("20241301", "100000", 0, None),
            ("20240101", "", 0, None),
        ] {
            let found = moved(date, time, minutes);
            let found = found.as_ref().map(|(date, time)| (date.as_str(), time.as_str()));
            assert_eq!(found, expected, "{date} {time} {minutes}");
        }
    }

    /// QIDO-028: the offset counts.
    #[test]
    fn moments_become_spans_in_utc() {
        for (text, expected) in [
            ("20240131101530.5+0100", Some(("20240131091530.500000", "20240131091530.599999"))),
            ("20240101003000-0500", Some(("20240101053000.000000", "20240101053000.999999"))),
            ("20240101003000+0100", Some(("20231231233000.000000", "20231231233000.999999"))),
            ("2024", Some(("20240101000000.000000", "20241231235959.999999"))),
            ("202402", Some(("20240201000000.000000", "20240229235959.999999"))),
            ("20240131", Some(("20240131000000.000000", "20240131235959.999999"))),
            ("2024013110", Some(("20240131100000.000000", "20240131105959.999999"))),
            ("20161231235960", Some(("20161231235959.999999", "20161231235959.999999"))),
            ("2024013", None),
            ("20240230", None),
            ("20240131+2500", None),
            ("20240131+1500", None),
            ("20240131+01", None),
            ("20240131+0160", None),
            ("abcd", None),
            ("", None),
        ] {
            let span = date_time_span(text);
            let span = span.as_ref().map(|(first, last)| (first.as_str(), last.as_str()));
            assert_eq!(span, expected, "{text}");
        }
    }
}
