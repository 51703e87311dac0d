//! The arguments of `netloom forecast`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;
use crate::units;

/// Says what comes next in a series, how sure that is, and when a link will be full
///
/// DATA is a capture (bytes, packets or new flows over time are looked at), or a table with a
/// column of times and one of values. The method is the one that did best on the past: each is
/// tried again and again on what it had not seen.
#[derive(Debug, Args)]
pub(crate) struct ForecastOptions {
    /// Captures or tables; several, a glob, or a folder
    #[arg(value_name = "DATA", required = true)]
    pub(crate) data: Vec<PathBuf>,
    /// What is measured in captures
    #[arg(long, value_enum, default_value_t = Metric::Bytes)]
    pub(crate) metric: Metric,
    /// A series for each host or service of captures, the largest first
    #[arg(long, value_enum, value_name = "PER")]
    pub(crate) per: Option<SeriesOf>,
    /// The column of a table that says when [default: one with a usual name]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// The column of a table with the values [default: the metric, or the only one with numbers]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) value: Option<String>,
    /// A series for each value of this column of a table
    #[arg(long, value_name = "COLUMN", conflicts_with = "per")]
    pub(crate) by: Option<String>,
    /// How values of one interval become one
    #[arg(long, value_enum, default_value_t = Aggregate::Sum)]
    pub(crate) aggregate: Aggregate,
    /// Length of an interval, such as 1h [default: as the table's, or at most 1000 in a capture]
    #[arg(long, value_parser = units::duration, value_name = "DURATION")]
    pub(crate) interval: Option<i64>,
    /// Intervals to forecast
    #[arg(long, default_value_t = 24, value_name = "N")]
    pub(crate) horizon: usize,
    /// Share of what comes that ranges are to hold
    #[arg(long, default_value_t = 0.8, value_name = "SHARE")]
    pub(crate) level: f64,
    /// What the link carries, such as 1Gbps: says how full it is and when it will be full. Of
    /// other things than bytes a plain number for an interval
    #[arg(long, value_parser = capacity, value_name = "RATE")]
    pub(crate) capacity: Option<CapacityOption>,
    /// Series that are shown
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) top: usize,
    /// Write the forecasts as a table; - is standard output
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Format of that [default: by the extension of the output, else csv]
    #[arg(long, value_enum, requires = "output")]
    pub(crate) format: Option<Format>,
    /// Write all of it as JSON; - is standard output
    #[arg(long, value_name = "OUT.json")]
    pub(crate) json: Option<PathBuf>,
    /// Write it as a page with charts
    #[arg(long, value_name = "OUT.html")]
    pub(crate) html: Option<PathBuf>,
}

/// What is measured in captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Metric {
    /// Frame lengths on the wire
    Bytes,
    /// Packets
    Packets,
    /// Flows that begin
    Flows,
}

impl Metric {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Packets => "packets",
            Self::Flows => "flows",
        }
    }
}

/// What a series is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeriesOf {
    /// An address: what it sent and received
    Host,
    /// A service
    Service,
}

/// How values of one interval become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Aggregate {
    /// Their sum: bytes, packets, flows
    Sum,
    /// Their mean: a rate, a share, a temperature
    Mean,
}

/// What a link carries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CapacityOption {
    /// As it was written.
    pub(crate) text: String,
    /// Bits a second, or plain units an interval.
    pub(crate) number: f64,
    /// Whether it is bits a second.
    pub(crate) is_bits: bool,
}

fn capacity(text: &str) -> Result<CapacityOption, String> {
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..end]
        .parse()
        .map_err(|_| format!("'{text}' does not begin with a number"))?;
    let unit = text[end..].trim().to_ascii_lowercase();
    let scale = match unit.trim_end_matches("it/s").trim_end_matches("ps") {
        "" => None,
        "b" => Some(1.0),
        "k" | "kb" => Some(1e3),
        "m" | "mb" => Some(1e6),
        "g" | "gb" => Some(1e9),
        "t" | "tb" => Some(1e12),
        _ => {
            return Err(format!(
                "'{unit}' is no rate: use kbps, Mbps, Gbps or Tbps, as in 1Gbps"
            ));
        }
    };
    if !(number > 0.0 && number.is_finite()) {
        return Err("it must be above 0".to_owned());
    }
    Ok(CapacityOption {
        text: text.to_owned(),
        number: number * scale.unwrap_or(1.0),
        is_bits: scale.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let of = |text: &str| capacity(text).map(|c| (c.number, c.is_bits));
        assert_eq!(of("1Gbps"), Ok((1e9, true)));
        assert_eq!(of("100 Mbit/s"), Ok((1e8, true)));
        assert_eq!(of("2.5G"), Ok((2.5e9, true)));
        assert_eq!(of("5000"), Ok((5000.0, false)));
        for wrong in ["", "fast", "0Mbps", "1 furlong"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
