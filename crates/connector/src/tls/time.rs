//! Moments as certificates give them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// A moment in a certificate, to the second. Prints as in RFC 3339: `2026-01-31T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertificateTime(i64);

impl CertificateTime {
    pub(super) fn from_unix(time: UnixTime) -> Self {
        Self(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z; negative before.
    #[must_use]
    pub fn unix_secs(self) -> i64 {
        self.0
    }

    /// Returns the moment as a [`SystemTime`], if the platform can represent it.
    #[must_use]
    pub fn system_time(self) -> Option<SystemTime> {
        let distance = Duration::from_secs(self.0.unsigned_abs());
        if self.0 < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        }
    }

    /// Parses a UTCTime: `YYMMDDHHMMSSZ`.
    ///
    /// Source: [RFC 5280 section 4.1.2.5.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5.1).
    pub(super) fn parse_utc(text: &[u8]) -> Option<Self> {
        let (year, rest) = text.split_at_checked(2)?;
        let year = number(year)?;
        let century = if year < 50 { 2000 } else { 1900 };
        Self::parse_from_month(century + year, rest)
    }

    /// Parses a GeneralizedTime: `YYYYMMDDHHMMSSZ`.
    ///
    /// Source: [RFC 5280 section 4.1.2.5.2](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5.2).
    pub(super) fn parse_generalized(text: &[u8]) -> Option<Self> {
        let (year, rest) = text.split_at_checked(4)?;
        Self::parse_from_month(number(year)?, rest)
    }

    fn parse_from_month(year: i64, rest: &[u8]) -> Option<Self> {
        let digits = rest
            .strip_suffix(b"Z")
            .filter(|digits| digits.len() == 10)?;
        let mut parts = digits.chunks(2).map(number);
        let mut part = |range: std::ops::RangeInclusive<i64>| {
            parts.next()?.filter(|number| range.contains(number))
        };
        let (month, day) = (part(1..=12)?, part(1..=31)?);
        let (hour, minute, second) = (part(0..=23)?, part(0..=59)?, part(0..=60)?);
        let days = days_from_civil(year, month, day);
        Some(Self(
            days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second,
        ))
    }
}

/// Returns a number of decimal digits.
fn number(digits: &[u8]) -> Option<i64> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| is_number)?
        .parse()
        .ok()
}

/// Returns the days from 1970-01-01 to a date of the Gregorian calendar.
///
/// Source: H. Hinnant, [chrono-compatible low-level date algorithms](https://howardhinnant.github.io/date_algorithms.html#days_from_civil).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Returns year, month and day of a number of days from 1970-01-01; the inverse of
/// [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for CertificateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (
            self.0.div_euclid(SECONDS_PER_DAY),
            self.0.rem_euclid(SECONDS_PER_DAY),
        );
        // Years that RFC 3339 cannot express come only from a clock that is far off.
        let (year, month, day) = civil_from_days(days.min(2_932_896));
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both forms of RFC 5280, the turn of the century of UTCTime, leap days and nonsense.
    #[test]
    fn both_forms_are_parsed_and_printed() {
        let print = |time: Option<CertificateTime>| time.map(|time| time.to_string());
        for (text, expected) in [
            ("260131120000Z", "2026-01-31T12:00:00Z"),
            ("491231235959Z", "2049-12-31T23:59:59Z"),
            ("500101000000Z", "1950-01-01T00:00:00Z"),
            ("240229000000Z", "2024-02-29T00:00:00Z"),
        ] {
            let time = CertificateTime::parse_utc(text.as_bytes());
            assert_eq!(print(time).as_deref(), Some(expected));
        }
        for (text, expected) in [
            ("99991231235959Z", "9999-12-31T23:59:59Z"),
            ("19700101000000Z", "1970-01-01T00:00:00Z"),
            ("16010101000000Z", "1601-01-01T00:00:00Z"),
        ] {
            let time = CertificateTime::parse_generalized(text.as_bytes());
            assert_eq!(print(time).as_deref(), Some(expected));
        }
        for bad in [
            "",
            "Z",
            "260131120000",
            "261331120000Z",
            "26013112000aZ",
            "+60131120000Z",
        ] {
            assert_eq!(CertificateTime::parse_utc(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn the_epoch_is_zero() {
        let epoch = CertificateTime::parse_generalized(b"19700101000000Z");
        assert_eq!(epoch.map(CertificateTime::unix_secs), Some(0));
        assert_eq!(
            epoch.and_then(CertificateTime::system_time),
            Some(UNIX_EPOCH)
        );
    }
}
