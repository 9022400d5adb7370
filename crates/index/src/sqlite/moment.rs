//! A study's date and time of day as one number that orders and ranges as they do.
//!
//! The date as the number YYYYMMDD stands above 37 bits for the time of day: microseconds since midnight plus one, 0
//! where there is no time. A missing date is 0. So "newest first" is one descending index, a range of dates is one
//! range of numbers, and so is the combined interval of PS3.4 C.2.2.2.5.

/// Bits for the time of day: a day has 8.64e10 microseconds, 2^37 is 1.37e11.
const TIME_BITS: u32 = 37;
/// Takes the time of day out of a moment.
pub(super) const TIME_MASK: i64 = (1 << TIME_BITS) - 1;
/// Every moment with a date is at least this.
pub(super) const FIRST_WITH_DATE: i64 = 1 << TIME_BITS;
/// The largest date that leaves the number positive; later ones count as this.
const LAST_DATE: i64 = (i64::MAX >> TIME_BITS) - 1;

/// Of a date as YYYYMMDD and a time as HHMMSS.FFFFFF, each empty when absent.
pub(super) fn moment(date: &str, time: &str) -> i64 {
    first_of(date).unwrap_or(0) | micros(time).map_or(0, |micros| micros + 1)
}

/// The first moment of a day: a study of that day without a time.
pub(super) fn first_of(date: &str) -> Option<i64> {
    if date.len() != 8 || !date.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let date: i64 = date.parse().ok()?;
    Some(date.min(LAST_DATE) << TIME_BITS)
}

/// The last moment of a day.
pub(super) fn last_of(date: &str) -> Option<i64> {
    first_of(date).map(|first| first | TIME_MASK)
}

/// The time's part of a moment.
pub(super) fn time_of(time: &str) -> Option<i64> {
    micros(time).map(|micros| micros + 1)
}

/// Microseconds since midnight of `HH[MM[SS[.F{1,6}]]]`.
fn micros(time: &str) -> Option<i64> {
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !matches!(whole.len(), 2 | 4 | 6) || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let part = |at: usize| whole.get(at..at + 2).map_or(Some(0), |text| text.parse::<i64>().ok());
    let seconds = part(0)?.min(23) * 3_600 + part(2)?.min(59) * 60 + part(4)?.min(60);
    let scale = 10_i64.pow(6 - fraction.len() as u32);
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<i64>().ok()? * scale };
    Some(seconds * 1_000_000 + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_order_as_dates_and_times_do() {
        let ascending = [
            ("", ""),
            ("", "000000.000000"),
            ("", "235960.999999"),
            ("00010101", ""),
            ("19991231", "235959.999999"),
            ("20000101", ""),
            ("20000101", "000000.000000"),
            ("20000101", "000000.000001"),
            ("20000101", "10"),
            ("20000101", "1001"),
            ("20000101", "100100.5"),
            ("20000101", "235960.999999"),
            ("20000102", ""),
            ("99991231", "235959.000000"),
        ];
        let moments: Vec<i64> = ascending.iter().map(|(date, time)| moment(date, time)).collect();
        assert!(moments.is_sorted(), "{moments:?}");
        assert!(moments.windows(2).all(|pair| pair[0] < pair[1]), "{moments:?}");
        assert!(moments.iter().all(|moment| *moment >= 0));
    }

    #[test]
    fn what_is_no_date_or_time_is_absent() {
        for date in ["2000", "2000-01-01", "2000010a", "+2000101", "200001011"] {
            assert_eq!(first_of(date), None, "{date}");
        }
        for time in ["1", "100", "10:00", "-1", "100000.1234567", "1000001", "١٠"] {
            assert_eq!(time_of(time), None, "{time}");
        }
        assert_eq!(first_of("20000101"), Some(20_000_101 << 37));
        assert_eq!(last_of("20000101").map(|last| last + 1), first_of("20000102"));
    }
}
