//! Values of columns in words: in their own units, as a person says them.

/// A value with the unit that its column's name tells: bytes, seconds, shares; other numbers as
/// they are.
///
/// ```
/// use netloom_ml::words::value;
///
/// assert_eq!(value("bwd_bytes", 48_200_000.0), "48.2 MB");
/// assert_eq!(value("duration", 0.0032), "3.2 ms");
/// assert_eq!(value("fwd_packets", 12_345.0), "12,345");
/// ```
pub fn value(column: &str, value: f64) -> String {
    if value.is_nan() {
        return "nothing".to_owned();
    }
    let (scale, unit) = unit_of(column).scale(value.abs());
    join(&digits(value / scale), unit)
}

/// From one value to another, the unit said once where both share it: `0.1–2.2 MB`.
pub fn range(column: &str, low: f64, high: f64) -> String {
    if low.is_nan() || high.is_nan() {
        return "unknown".to_owned();
    }
    let kind = unit_of(column);
    let (scale, unit) = kind.scale(high.abs().max(low.abs()));
    let (from, to) = (digits(low / scale), digits(high / scale));
    if from == to && unit == kind.scale(low.abs()).1 {
        return join(&from, unit);
    }
    // A lower end that would vanish in the unit of the upper one keeps its own.
    if low != 0.0 && (low / scale).abs() < 0.1 {
        return format!("{}–{}", value(column, low), value(column, high));
    }
    join(&format!("{from}–{to}"), unit)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Bytes,
    BytesPerSecond,
    Seconds,
    Milliseconds,
    Microseconds,
    None,
}

/// Columns of the tables, and of windows of flows, that are in seconds without saying so.
const SECONDS: [&str; 8] = [
    "duration",
    "duration_mean",
    "duration_std",
    "duration_max",
    "gap_mean",
    "gap_std",
    "interval",
    "rtt",
];

fn unit_of(column: &str) -> Unit {
    let name: String = column
        .chars()
        .map(|c| {
            if c.is_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    let has = |word: &str| words.contains(&word);
    let last = words.last().copied().unwrap_or("");
    // What is a part of a whole, or has lost its unit on the way.
    if matches!(
        last,
        "share" | "ratio" | "cv" | "skew" | "entropy" | "var" | "variance"
    ) {
        return Unit::None;
    }
    if has("bytes") && (last == "s" || last == "sec" || last == "rate") {
        Unit::BytesPerSecond
    } else if last == "ms" {
        Unit::Milliseconds
    } else if last == "us" {
        Unit::Microseconds
    } else if has("bytes") {
        Unit::Bytes
    } else if last == "seconds" || SECONDS.contains(&name.as_str()) {
        Unit::Seconds
    } else {
        Unit::None
    }
}

impl Unit {
    /// What to divide by, and what is then behind the number.
    fn scale(self, size: f64) -> (f64, &'static str) {
        const BYTES: [(f64, &str); 5] = [
            (1e12, "TB"),
            (1e9, "GB"),
            (1e6, "MB"),
            (1e3, "kB"),
            (0.0, "B"),
        ];
        const RATES: [(f64, &str); 5] = [
            (1e12, "TB/s"),
            (1e9, "GB/s"),
            (1e6, "MB/s"),
            (1e3, "kB/s"),
            (0.0, "B/s"),
        ];
        const TIMES: [(f64, &str); 6] = [
            (7200.0, "h"),
            (120.0, "min"),
            (1.0, "s"),
            (1e-3, "ms"),
            (1e-6, "µs"),
            (0.0, "s"),
        ];
        let of = |steps: &[(f64, &'static str)], size: f64| {
            let (step, unit) = steps
                .iter()
                .copied()
                // What would be rounded to the next step is of it: 1 MB, not 1,000 kB.
                .find(|(from, _)| size >= from * 0.9995)
                .unwrap_or((0.0, ""));
            (if step > 0.0 { step } else { 1.0 }, unit)
        };
        let time = |to_seconds: f64| {
            let (step, unit) = of(&TIMES, size * to_seconds);
            let seconds = match unit {
                "h" => 3600.0,
                "min" => 60.0,
                _ => step,
            };
            (seconds / to_seconds, unit)
        };
        match self {
            Self::Bytes => of(&BYTES, size),
            Self::BytesPerSecond => of(&RATES, size),
            Self::Seconds => time(1.0),
            Self::Milliseconds => time(1e-3),
            Self::Microseconds => time(1e-6),
            Self::None => (1.0, ""),
        }
    }
}

fn join(number: &str, unit: &str) -> String {
    if unit.is_empty() {
        number.to_owned()
    } else {
        format!("{number} {unit}")
    }
}

/// Three digits that count, thousands parted.
fn digits(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || size >= 1e15 || (size > 0.0 && size < 1e-4) {
        return format!("{value:.2e}");
    }
    let places = if size >= 99.95 || value.fract() == 0.0 {
        0
    } else if size >= 9.995 {
        1
    } else if size >= 0.995 {
        2
    } else {
        (2 - size.log10().floor() as i32).clamp(0, 6) as usize
    };
    let text = format!("{value:.places$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let (whole, rest) = text.split_once('.').map_or((text, ""), |(w, r)| (w, r));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |w| ("-", w));
    let mut parted = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            parted.push(',');
        }
        parted.push(digit);
    }
    if rest.is_empty() {
        format!("{sign}{parted}")
    } else {
        format!("{sign}{parted}.{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_their_own_units() {
        assert_eq!(value("Flow Bytes/s", 2_500.0), "2.5 kB/s");
        assert_eq!(value("bytes", 999.0), "999 B");
        assert_eq!(value("bytes", 999_700.0), "1 MB");
        assert_eq!(value("tcp_rtt_ms", 12.5), "12.5 ms");
        assert_eq!(value("tcp_rtt_ms", 1250.0), "1.25 s");
        assert_eq!(value("duration", 5400.0), "90 min");
        assert_eq!(value("duration", 0.0), "0 s");
        assert_eq!(value("duration_std", 0.25), "250 ms");
        assert_eq!(value("gap_cv", 0.25), "0.25");
        assert_eq!(value("bytes_out_share", 0.653), "0.653");
        assert_eq!(value("x", -1_234_567.0), "-1,234,567");
        assert_eq!(value("x", 0.012_34), "0.0123");
        assert_eq!(value("x", f64::NAN), "nothing");
    }

    #[test]
    fn ranges() {
        assert_eq!(range("bwd_bytes", 1e5, 2.2e6), "0.1–2.2 MB");
        assert_eq!(range("bwd_bytes", 60.0, 2.2e6), "60 B–2.2 MB");
        assert_eq!(range("fwd_packets", 3.0, 3.0), "3");
        assert_eq!(range("bytes", 0.0, 0.0), "0 B");
        assert_eq!(range("x", f64::NAN, 1.0), "unknown");
    }
}
