//! Hours, weekdays and dates of times in UTC.

/// Nanoseconds of an hour.
pub const HOUR: i64 = 3_600_000_000_000;
/// Nanoseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// Hour of the day, from 0 to 23.
pub fn hour(time: i64) -> u32 {
    (time.rem_euclid(DAY) / HOUR) as u32
}

/// Days since 1970-01-01.
pub fn day(time: i64) -> i64 {
    time.div_euclid(DAY)
}

/// Day of the week: 0 is Monday, 6 Sunday.
pub fn weekday(time: i64) -> u32 {
    // 1970-01-01 was a Thursday.
    (day(time) + 3).rem_euclid(7) as u32
}

/// Name of a day of the week, as [`weekday`] counts.
pub fn weekday_name(weekday: u32) -> &'static str {
    const NAMES: [&str; 7] = [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ];
    NAMES.get(weekday as usize).copied().unwrap_or("")
}

/// The date, as `2024-02-29` (proleptic Gregorian calendar).
pub fn date(time: i64) -> String {
    // Howard Hinnant's days-to-civil algorithm: years begin in March, eras have 400 of them.
    let z = day(time) + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Date and time, as `2024-02-29 13:05`, with seconds where they are not 0.
pub fn date_time(time: i64) -> String {
    let seconds = time.rem_euclid(DAY) / 1_000_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{} {hours:02}:{minutes:02}", date(time));
    if seconds != 0 {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(text, ":{seconds:02}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(weekday_name(weekday(0)), "Thursday");
        // 2024-02-29T13:05:07Z, a Thursday.
        let leap = 1_709_211_907_000_000_000;
        assert_eq!(date_time(leap), "2024-02-29 13:05:07");
        assert_eq!(weekday_name(weekday(leap)), "Thursday");
        assert_eq!(hour(leap), 13);
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(hour(-1), 23);
    }
}
