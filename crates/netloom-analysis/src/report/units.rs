//! Numbers as a person reads them: decimal units, few digits, never a wrong one.

/// What stands where there is no value.
pub const NONE: &str = "–";

const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

/// A size in bytes, decimal: `512 B`, `1.5 kB`, `23.4 GB`.
pub fn bytes(value: u64) -> String {
    scaled(value as f64, "B")
}

/// A rate in bits a second: `12.3 Mbit/s`.
pub fn bits_per_second(value: f64) -> String {
    scaled(value, "bit/s")
}

/// A rate in packets a second: `4.0 pps`, `12.3 kpps`.
pub fn packets_per_second(value: f64) -> String {
    if (1.0..1000.0).contains(&value) {
        return format!("{} pps", significant(value));
    }
    scaled(value, "pps")
}

/// A number in at most about five columns: `999`, `12.3k`, `4.5M`.
pub fn short(value: u64) -> String {
    scaled(value as f64, "").replace(' ', "")
}

/// A number with every digit, in groups of three: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A number with its noun, in the plural unless it is one: `1 flow`, `2,345 flows`.
pub fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// A share of a whole: `0 %`, `<0.1 %`, `3.4 %`, `56 %`, `>99.9 %`, `100 %`.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return NONE.to_owned();
    }
    share(part as f64 / whole as f64)
}

/// A share from 0 to 1, as [`percent`].
pub fn share(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let value = value * 100.0;
    if value <= 0.0 {
        "0 %".to_owned()
    } else if value < 0.1 {
        "<0.1 %".to_owned()
    } else if (99.95..100.0).contains(&value) {
        // Not all of it: rounding must not say so.
        ">99.9 %".to_owned()
    } else if (9.95..99.5).contains(&value) || value >= 100.0 {
        format!("{value:.0} %")
    } else {
        format!("{value:.1} %")
    }
}

/// A time in seconds: `350 µs`, `12.3 ms`, `4.20 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn seconds(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return NONE.to_owned();
    }
    if value == 0.0 {
        return "0 s".to_owned();
    }
    if value < 59.95 {
        return if value < 0.999_5e-6 {
            format!("{} ns", significant(value * 1e9))
        } else if value < 0.999_5e-3 {
            format!("{} µs", significant(value * 1e6))
        } else if value < 0.999_5 {
            format!("{} ms", significant(value * 1e3))
        } else {
            format!("{} s", significant(value))
        };
    }
    let whole = value.round() as u64;
    let pair = |big: u64, big_name: &str, small: u64, small_name: &str| {
        if small == 0 {
            format!("{} {big_name}", count(big))
        } else {
            format!("{} {big_name} {small} {small_name}", count(big))
        }
    };
    match whole {
        0..3600 => pair(whole / 60, "min", whole % 60, "s"),
        3600..86_400 => pair(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => pair(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

/// A time in milliseconds, as [`seconds`].
pub fn milliseconds(value: f64) -> String {
    seconds(value / 1000.0)
}

/// As [`milliseconds`], [`NONE`] without a value.
pub fn optional_milliseconds(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), milliseconds)
}

fn scaled(value: f64, unit: &str) -> String {
    if !value.is_finite() || value < 0.0 {
        return NONE.to_owned();
    }
    let mut value = value;
    let mut step = 0;
    // 999.95 would show as 1000.0.
    while value >= 999.95 && step + 1 < PREFIXES.len() {
        value /= 1000.0;
        step += 1;
    }
    let prefix = PREFIXES.get(step).copied().unwrap_or_default();
    let number = if step == 0 && value > 0.0 && value < 1.0 {
        small(value)
    } else if value >= 1e6 {
        format!("{value:.1e}")
    } else if value >= 99.95 || (step == 0 && value.fract() == 0.0) {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    };
    format!("{number} {prefix}{unit}").trim_end().to_owned()
}

/// Two significant digits or fewer of what is below 1: there one decimal would say 0, or the same of
/// two ticks of an axis.
fn small(value: f64) -> String {
    if value < 0.001 {
        return "<0.001".to_owned();
    }
    let decimals = (1.0 - value.log10().floor()).clamp(1.0, 4.0) as usize;
    let digits = format!("{value:.decimals$}");
    digits
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// Three significant digits or fewer.
fn significant(value: f64) -> String {
    if value >= 99.95 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// Nanoseconds since 1970-01-01T00:00:00Z of an RFC 3339 time in UTC, as reports hold them;
/// none for anything else.
pub fn parse_time(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok()
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators
        .iter()
        .any(|&(at, byte)| bytes.get(at) != Some(&byte))
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let rest = text.get(19..)?.strip_suffix('Z')?;
    let nanos = match rest.strip_prefix('.') {
        Some(digits)
            if (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("{digits:0<9}").parse::<i128>().ok()?
        }
        None if rest.is_empty() => 0,
        _ => return None,
    };
    // Days of the proleptic Gregorian calendar, years beginning in March so that the leap day
    // comes last.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let total = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some(i128::from(total) * 1_000_000_000 + nanos)
}

/// Date and time of day, UTC, of nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day, 1 to 31.
    pub day: u8,
    /// Hour.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
    /// Nanosecond.
    pub nanosecond: u32,
}

impl Civil {
    /// From nanoseconds since 1970-01-01T00:00:00Z.
    pub fn from_nanoseconds(ns: i128) -> Self {
        let seconds = ns.div_euclid(1_000_000_000) as i64;
        let of_day = seconds.rem_euclid(86_400);
        let days = seconds.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as u8,
            day: (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
            nanosecond: ns.rem_euclid(1_000_000_000) as u32,
        }
    }

    /// `2026-11-20`.
    pub fn date(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// `10:57:31`.
    pub fn time(self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }
}

/// An RFC 3339 time as `2026-11-20 10:57:31 UTC`; text that is none stays as it is, escaped.
pub fn date_time(text: &str) -> String {
    parse_time(text).map_or_else(
        || super::text::visible(text).into_owned(),
        |ns| {
            let civil = Civil::from_nanoseconds(ns);
            format!("{} {} UTC", civil.date(), civil.time())
        },
    )
}

/// `2026-03-02 09:14:00 – 09:15:59 UTC` of two RFC 3339 times, one within a second; with the second date where it is
/// another one; text that is no time stays as it is, escaped.
pub fn period(first: &str, last: &str) -> String {
    let (Some(from), Some(to)) = (parse_time(first), parse_time(last)) else {
        let visible = super::text::visible;
        return format!("{} – {}", visible(first), visible(last));
    };
    let (from, to) = (Civil::from_nanoseconds(from), Civil::from_nanoseconds(to));
    if (from.date(), from.time()) == (to.date(), to.time()) {
        return format!("{} {} UTC", from.date(), from.time());
    }
    let end = if from.date() == to.date() {
        to.time()
    } else {
        format!("{} {}", to.date(), to.time())
    };
    format!("{} {} – {end} UTC", from.date(), from.time())
}

/// Seconds from which on a month and a day may be of several years.
const MONTHS: f64 = 300.0 * 86_400.0;

/// Labels for points of a time axis: as fine as `step` (seconds between points) needs and as
/// coarse as the `span` (seconds) allows.
pub fn axis_time(ns: i128, step: f64, span: f64) -> String {
    let civil = Civil::from_nanoseconds(ns);
    if span > 3.0 * 86_400.0 {
        if span > MONTHS {
            return civil.date();
        }
        if step >= 86_400.0 {
            return format!("{:02}-{:02}", civil.month, civil.day);
        }
        return format!(
            "{:02}-{:02} {:02}:{:02}",
            civil.month, civil.day, civil.hour, civil.minute
        );
    }
    if step >= 60.0 {
        return format!("{:02}:{:02}", civil.hour, civil.minute);
    }
    if step >= 1.0 {
        return civil.time();
    }
    let digits = if step >= 0.1 {
        1
    } else if step >= 0.001 {
        3
    } else {
        6
    };
    let fraction = format!("{:09}", civil.nanosecond);
    format!(
        "{}.{}",
        civil.time(),
        fraction.get(..digits).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1500), "1.5 kB");
        assert_eq!(bytes(999_950), "1.0 MB");
        assert_eq!(bytes(123_456_789), "123 MB");
        assert_eq!(bytes(u64::MAX), "18.4 EB");
        assert_eq!(bits_per_second(12_345_678.0), "12.3 Mbit/s");
        assert_eq!(packets_per_second(12_345.0), "12.3 kpps");
        assert_eq!(packets_per_second(0.25), "0.25 pps");
        assert_eq!(bits_per_second(f64::NAN), NONE);
        assert_eq!(short(12_345), "12.3k");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(counted(1, "flow", "flows"), "1 flow");
    }

    #[test]
    fn shares_do_not_round_to_a_lie() {
        assert_eq!(percent(0, 10), "0 %");
        assert_eq!(percent(1, 100_000), "<0.1 %");
        assert_eq!(percent(99_999, 100_000), ">99.9 %");
        assert_eq!(percent(996, 1000), "99.6 %");
        assert_eq!(percent(1, 3), "33 %");
        assert_eq!(percent(1, 30), "3.3 %");
        assert_eq!(percent(3, 3), "100 %");
        assert_eq!(percent(3, 0), NONE);
    }

    #[test]
    fn durations() {
        assert_eq!(seconds(0.0), "0 s");
        assert_eq!(seconds(0.000_35), "350 µs");
        assert_eq!(seconds(2.0), "2 s");
        assert_eq!(seconds(0.012_34), "12.3 ms");
        assert_eq!(seconds(4.2), "4.20 s");
        assert_eq!(seconds(200.0), "3 min 20 s");
        assert_eq!(seconds(7500.0), "2 h 5 min");
        assert_eq!(seconds(273_600.0), "3 d 4 h");
        assert_eq!(seconds(-1.0), NONE);
        assert_eq!(seconds(f64::INFINITY), NONE);
    }

    #[test]
    fn times() {
        assert_eq!(parse_time("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(
            parse_time("2026-11-20T10:57:31.5Z"),
            Some(1_795_172_251_500_000_000)
        );
        assert_eq!(
            date_time("2024-02-29T23:59:59.999999999Z"),
            "2024-02-29 23:59:59 UTC"
        );
        assert_eq!(date_time("1969-12-31T23:59:59Z"), "1969-12-31 23:59:59 UTC");
        assert_eq!(parse_time("2026-11-20 10:57:31"), None);
        assert_eq!(parse_time("2026-1é-20T10:57:31Z"), None);
        assert_eq!(date_time("\u{1b}x"), "\\x1bx");
        assert_eq!(axis_time(1_795_172_251_500_000_000, 0.1, 1.0), "10:57:31.5");
        assert_eq!(axis_time(1_795_172_251_500_000_000, 60.0, 1000.0), "10:57");
        let days = |days: f64| axis_time(1_795_172_251_500_000_000, 86_400.0, days * 86_400.0);
        assert_eq!(
            (days(60.0).as_str(), days(906.0).as_str()),
            ("11-20", "2026-11-20")
        );
    }

    #[test]
    fn rates_below_one_are_not_zero() {
        let bits: Vec<String> = [0.0, 0.15, 0.3, 0.45, 0.6, 0.075, 1.0]
            .map(bits_per_second)
            .into();
        assert_eq!(
            bits,
            [
                "0 bit/s",
                "0.15 bit/s",
                "0.3 bit/s",
                "0.45 bit/s",
                "0.6 bit/s",
                "0.075 bit/s",
                "1 bit/s"
            ]
        );
        assert_eq!(packets_per_second(0.000_03), "<0.001 pps");
        assert_eq!(packets_per_second(0.0996), "0.1 pps");
    }
}
