//! Time as packets carry it.

use std::fmt;

/// A point in time: nanoseconds since 1970-01-01T00:00:00 UTC.
///
/// Reaches from 1677 to 2262; times outside (only hostile files have them) stop at the ends.
/// `Display` is RFC 3339 in UTC with nanoseconds.
///
/// ```
/// use netloom_packet::Timestamp;
/// let t = Timestamp::from_secs_nanos(1_700_000_000, 200_000);
/// assert_eq!(t.to_string(), "2023-11-14T22:13:20.000200000Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;

impl Timestamp {
    /// The earliest time that can be said.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest time that can be said.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From seconds and nanoseconds since the epoch; `nanos` may exceed a second.
    pub const fn from_secs_nanos(secs: i64, nanos: i64) -> Self {
        Self(secs.saturating_mul(NANOS).saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(NANOS)
    }

    /// Seconds since the epoch as a float; exact to about 0.2 µs today.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Nanoseconds from `earlier` to this; negative when this is before it.
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This plus `nanos`, stopping at the ends.
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Year, month, day, hour, minute, second, nanosecond in UTC (proleptic Gregorian).
    pub fn to_civil(self) -> (i32, u8, u8, u8, u8, u8, u32) {
        // Days to civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let secs = self.as_secs();
        let of_day = secs.rem_euclid(86_400);
        let z = secs.div_euclid(86_400) + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (
            year as i32,
            month as u8,
            day as u8,
            (of_day / 3600) as u8,
            (of_day / 60 % 60) as u8,
            (of_day % 60) as u8,
            self.0.rem_euclid(NANOS) as u32,
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second, nanos) = self.to_civil();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates() {
        // Expected values from GNU date -u.
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400 * NANOS, "2000-02-29T00:00:00.000000000Z"),
            (4_102_444_799 * NANOS + 5, "2099-12-31T23:59:59.000000005Z"),
            (-2_208_988_800 * NANOS, "1900-01-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(Timestamp::from_nanos(nanos).to_string(), text);
        }
    }

    #[test]
    fn ends_saturate() {
        assert_eq!(Timestamp::from_secs_nanos(i64::MAX, 5), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.to_string(), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(Timestamp::MIN.to_string(), "1677-09-21T00:12:43.145224192Z");
        assert_eq!(Timestamp::MIN.nanos_since(Timestamp::MAX), i64::MIN);
    }
}
