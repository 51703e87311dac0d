//! Durations and sizes as people write them.

/// Parses `120s`, `30m`, `2h`, `1d`, `500ms`, or `0`, into nanoseconds.
pub(crate) fn duration(text: &str) -> Result<i64, String> {
    let (number, unit) = split(text);
    let nanos: i64 = match unit {
        "" if number == "0" => 0,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "" => {
            return Err(format!(
                "'{text}' has no unit: write {text}s, {text}m or {text}h"
            ));
        }
        _ => {
            return Err(format!(
                "'{unit}' is no unit of time: use ms, s, m, h or d, as in 120s"
            ));
        }
    };
    scaled(text, number, nanos as f64).map(|nanos| nanos as i64)
}

/// Parses `512MB`, `1GiB`, `64k` or plain bytes.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text);
    let bytes: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "kib" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mib" => 1 << 20,
        "g" | "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        "t" | "tb" => 1_000_000_000_000,
        "tib" => 1 << 40,
        _ => {
            return Err(format!(
                "'{unit}' is no unit of size: use KB, MB, GB, KiB, MiB or GiB"
            ));
        }
    };
    scaled(text, number, bytes as f64).map(|bytes| bytes as usize)
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

fn scaled(text: &str, number: &str, unit: f64) -> Result<f64, String> {
    let number: f64 = number
        .parse()
        .map_err(|_| format!("'{text}' does not begin with a number"))?;
    let value = number * unit;
    if value.is_finite() && value < 9e18 {
        Ok(value)
    } else {
        Err(format!("'{text}' is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("120s"), Ok(120_000_000_000));
        assert_eq!(duration("1.5m"), Ok(90_000_000_000));
        assert_eq!(duration("0"), Ok(0));
        assert_eq!(duration("250 ms"), Ok(250_000_000));
        assert!(duration("120").unwrap_err().contains("120s"));
        for wrong in ["", "s", "5 parsecs", "1e99h", "99999999999999d", "-5s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("512MiB"), Ok(512 << 20));
        assert_eq!(size("1gb"), Ok(1_000_000_000));
        assert_eq!(size("4096"), Ok(4096));
        assert!(size("1 apple").is_err());
        assert!(size("GB").is_err());
    }
}
