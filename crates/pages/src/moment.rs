//! Moments, as people read them. All are UTC: the server does not know where its readers are.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::macros::format_description;

/// Now, in seconds of Unix time.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// `4 Dec 2026`, for text.
pub fn day(seconds: i64) -> String {
    shown(seconds, |at| at.format(format_description!("[day padding:none] [month repr:short] [year]")).ok())
}

/// `2026-12-04 14:32`, for tables.
pub fn minute(seconds: i64) -> String {
    shown(seconds, |at| at.format(format_description!("[year]-[month]-[day] [hour]:[minute]")).ok())
}

/// `2026-12-04 14:32:05`, for tables whose order matters.
pub fn second(seconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    shown(seconds, |at| at.format(format).ok())
}

fn shown(seconds: i64, format: impl Fn(OffsetDateTime) -> Option<String>) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(
            (day(1_796_394_720).as_str(), minute(1_796_394_720).as_str()),
            ("4 Dec 2026", "2026-12-04 14:32")
        );
        assert_eq!(second(1_796_394_725), "2026-12-04 14:32:05");
        assert_eq!(day(i64::MAX), "");
    }
}
