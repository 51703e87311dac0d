//! When a link will be full.

use super::calendar::{DAY, day};
use super::{Series, SeriesError};
use crate::numeric::statistics::{median, quantile, sorted};

/// What full means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CapacityOptions {
    /// What fits in one interval, in the unit of the series.
    pub per_interval: f64,
    /// Share of it at which a link counts as full.
    pub full_at: f64,
    /// Share of a day's intervals that lie below its high.
    pub high: f64,
}

impl CapacityOptions {
    /// A link is full when the 95th percentile of a day reaches its capacity, as links are
    /// commonly billed and planned.
    pub fn new(per_interval: f64) -> Self {
        Self {
            per_interval,
            full_at: 1.0,
            high: 0.95,
        }
    }
}

/// How full a link is, and when it will be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capacity {
    /// Whole days looked at.
    pub days: usize,
    /// The high of a day now, by the trend (of the last days, if there is none), as a share of
    /// the capacity.
    pub utilisation: f64,
    /// The largest value of an interval, as a share of the capacity.
    pub peak: f64,
    /// Growth of the high in a day, as a share of the capacity; `None` if there are less than
    /// [`DAYS_FOR_TREND`] days.
    pub growth: Option<Growth>,
}

/// Growth in a day, as a share of the capacity, and when that fills the link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// The median growth (Theil and Sen's slope).
    pub per_day: f64,
    /// Lower end of its 80 % interval (Kendall's).
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// When the link is full, in nanoseconds since 1970; `None` if never at this growth, or only
    /// beyond a hundred years.
    pub full: Option<i64>,
    /// When it is at the earliest.
    pub earliest: Option<i64>,
    /// When it is at the latest.
    pub latest: Option<i64>,
}

/// Days from which a trend is told.
pub const DAYS_FOR_TREND: usize = 7;

/// How full a link is, and when it will be at the growth of its daily highs.
///
/// # Errors
/// The capacity is not above 0, or there is no value.
pub fn capacity(series: &Series, options: &CapacityOptions) -> Result<Capacity, SeriesError> {
    let full = options.per_interval * options.full_at;
    if !(full > 0.0 && full.is_finite()) {
        return Err(SeriesError::Parameter {
            name: "capacity",
            value: options.per_interval.to_string(),
            must: "above 0",
        });
    }
    if series.observed() == 0 {
        return Err(SeriesError::TooShort {
            found: 0,
            needed: 1,
        });
    }
    let highs = daily_highs(series, options.high);
    let peak = series.values().iter().copied().fold(0.0, f64::max);
    let recent = highs.len().saturating_sub(7);
    let mut found = Capacity {
        days: highs.len(),
        utilisation: if highs.is_empty() {
            quantile(&sorted(series.values().iter().copied()), options.high)
        } else {
            median(highs[recent..].iter().map(|(_, high)| *high))
        } / options.per_interval,
        peak: peak / options.per_interval,
        growth: None,
    };
    if highs.len() < DAYS_FOR_TREND {
        return Ok(found);
    }
    let slopes = sorted(highs.iter().enumerate().flat_map(|(place, (day, high))| {
        highs[place + 1..]
            .iter()
            .map(move |(later, other)| (other - high) / (later - day) as f64)
    }));
    let slope = quantile(&slopes, 0.5);
    // Kendall's S varies by this much if there is no trend; 1.2816: 80 % of a normal one.
    let n = highs.len() as f64;
    let spread = 1.2816 * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let pairs = slopes.len() as f64;
    let low = quantile(&slopes, 0.5 - spread / 2.0 / pairs);
    let high = quantile(&slopes, 0.5 + spread / 2.0 / pairs);
    let last = highs.last().map_or(0, |(day, _)| *day);
    let level = median(
        highs
            .iter()
            .map(|(day, high)| high + slope * (last - day) as f64),
    );
    found.utilisation = level / options.per_interval;
    let when = |slope: f64| -> Option<i64> {
        if level >= full {
            return Some(last.saturating_mul(DAY));
        }
        let days = (full - level) / slope;
        (slope > 0.0 && days < 36_525.0).then(|| {
            last.saturating_mul(DAY)
                .saturating_add((days * DAY as f64) as i64)
        })
    };
    found.growth = Some(Growth {
        per_day: slope / options.per_interval,
        low: low / options.per_interval,
        high: high / options.per_interval,
        full: when(slope),
        earliest: when(high),
        latest: when(low),
    });
    Ok(found)
}

/// The high of each day of which at least half was seen.
fn daily_highs(series: &Series, share: f64) -> Vec<(i64, f64)> {
    let whole = (DAY / series.interval()).max(1) as usize;
    let mut highs = Vec::new();
    let mut today: Vec<f64> = Vec::new();
    let mut of = None;
    let mut close = |of: Option<i64>, today: &mut Vec<f64>| {
        if let Some(day) = of
            && today.len() * 2 >= whole
        {
            let values = sorted(today.drain(..));
            highs.push((day, quantile(&values, share)));
        }
        today.clear();
    };
    for (place, value) in series.values().iter().enumerate() {
        let now = day(series.time(place));
        if of != Some(now) {
            close(of, &mut today);
            of = Some(now);
        }
        if value.is_finite() {
            today.push(*value);
        }
    }
    close(of, &mut today);
    highs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::calendar::HOUR;

    fn growing(per_day: f64, days: usize) -> Series {
        let values = (0..24 * days)
            .map(|h| {
                let wave = 1.0 + 0.5 * (h as f64 / 24.0 * std::f64::consts::TAU).sin();
                (100.0 + per_day * (h / 24) as f64) * wave
            })
            .collect();
        Series::new(0, HOUR, values).unwrap()
    }

    #[test]
    fn a_link_that_fills() {
        let found = capacity(&growing(1.0, 60), &CapacityOptions::new(300.0)).unwrap();
        let growth = found.growth.unwrap();
        assert!((growth.per_day * 300.0 - 1.49).abs() < 0.02, "{growth:?}");
        // On day 59 the high is about 236; 64 more take 43 days.
        let days = growth.full.unwrap() / DAY;
        assert!((100..106).contains(&days), "{days}");
        assert!(growth.earliest.unwrap() <= growth.full.unwrap());
        assert_eq!(found.days, 60);
    }

    #[test]
    fn one_that_does_not_and_one_that_is() {
        let still = capacity(&growing(0.0, 30), &CapacityOptions::new(300.0)).unwrap();
        assert_eq!(still.growth.unwrap().full, None);
        assert!((still.utilisation - 0.49).abs() < 0.02);
        let full = capacity(&growing(1.0, 30), &CapacityOptions::new(100.0)).unwrap();
        assert_eq!(full.growth.unwrap().full, Some(29 * DAY));
        let short = capacity(&growing(1.0, 3), &CapacityOptions::new(300.0)).unwrap();
        assert_eq!(short.growth, None);
        assert!(capacity(&growing(1.0, 3), &CapacityOptions::new(0.0)).is_err());
    }
}
