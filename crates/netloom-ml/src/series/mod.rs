//! Series of numbers over time: what comes next, and what does not fit.
//!
//! | function | answers |
//! |---|---|
//! | [`forecast`](fn@forecast) | what comes next, how sure that is, and which method proved best |
//! | [`capacity`] | when a link will be full |
//! | [`profile`] | the hours and days that carry most |
//! | [`shape`](fn@shape) | what it looks like, in numbers that series are told apart by |
//! | [`anomalies`] | spikes, shifts of level and missing traffic, seasons considered |
//! | [`stream::Stream`] | how odd each value is, as values come |
//!
//! ```
//! use netloom_ml::series::{ForecastOptions, Series, forecast};
//!
//! // A week of hours with a peak each day at noon.
//! let values = (0..168).map(|hour| if hour % 24 == 12 { 100.0 } else { 10.0 }).collect();
//! let series = Series::new(0, 3_600_000_000_000, values)?;
//! let next = forecast(&series, &ForecastOptions { horizon: 24, ..Default::default() })?;
//! assert!((next.points[12].value - 100.0).abs() < 10.0);
//! # Ok::<(), netloom_ml::series::SeriesError>(())
//! ```

mod anomaly;
mod backtest;
mod boosting;
pub mod calendar;
mod capacity;
mod forecast;
mod interval;
mod models;
mod profile;
mod season;
mod shape;
pub mod stream;
mod trees;

pub use anomaly::{SeriesAnomaly, SeriesAnomalyKind, SeriesAnomalyOptions, anomalies};
pub use backtest::ModelScore;
pub use capacity::{Capacity, CapacityOptions, DAYS_FOR_TREND, Growth, capacity};
pub use forecast::{Forecast, ForecastOptions, Point, forecast};
pub use models::Model;
pub use profile::{Profile, profile};
pub use season::{Season, seasons};
pub use shape::{Shape, shape};

/// Values at equal distances in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    start: i64,
    interval: i64,
    values: Vec<f64>,
}

/// What a time without any row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gap {
    /// Nothing was measured.
    #[default]
    Missing,
    /// There was nothing: of traffic, that is so.
    Zero,
}

/// How the values of an interval become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gather {
    /// Their sum: bytes, packets, flows.
    #[default]
    Sum,
    /// Their mean: a rate, a share, a temperature.
    Mean,
}

/// Why a series cannot be made or worked with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SeriesError {
    /// There are too few values.
    #[error("{found} values are too few: at least {needed} are needed")]
    TooShort {
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// The interval is not above zero.
    #[error("an interval of {0} ns is none")]
    Interval(i64),
    /// The times are too far apart for the interval.
    #[error("from first to last there are {intervals} intervals, more than {most}")]
    TooLong {
        /// Intervals from first to last.
        intervals: u64,
        /// Most that are worked with.
        most: usize,
    },
    /// A parameter makes no sense.
    #[error("{name} is {value}, but must be {must}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        must: &'static str,
    },
}

/// Most values of a series.
pub const MOST_VALUES: usize = 10_000_000;

impl Series {
    /// Values from `start` (nanoseconds since 1970, UTC) on, `interval` nanoseconds apart. What
    /// is missing is NaN; infinities count as missing.
    ///
    /// # Errors
    /// The interval is not above zero.
    pub fn new(start: i64, interval: i64, mut values: Vec<f64>) -> Result<Self, SeriesError> {
        if interval <= 0 {
            return Err(SeriesError::Interval(interval));
        }
        for value in &mut values {
            if !value.is_finite() {
                *value = f64::NAN;
            }
        }
        Ok(Self {
            start,
            interval,
            values,
        })
    }

    /// Gathers values at any times, in any order, into intervals; these begin at multiples of
    /// the interval since 1970.
    ///
    /// # Errors
    /// The interval is not above zero, there is no value, or they are too far apart.
    pub fn gather(
        points: impl Iterator<Item = (i64, f64)> + Clone,
        interval: i64,
        how: Gather,
        gap: Gap,
    ) -> Result<Self, SeriesError> {
        if interval <= 0 {
            return Err(SeriesError::Interval(interval));
        }
        let place = |time: i64| time.div_euclid(interval);
        let (first, last) = points
            .clone()
            .fold((i64::MAX, i64::MIN), |(first, last), (time, _)| {
                (first.min(place(time)), last.max(place(time)))
            });
        if first > last {
            return Err(SeriesError::TooShort {
                found: 0,
                needed: 1,
            });
        }
        let intervals = last.abs_diff(first).saturating_add(1);
        if intervals > MOST_VALUES as u64 {
            return Err(SeriesError::TooLong {
                intervals,
                most: MOST_VALUES,
            });
        }
        let mut sums = vec![0.0; intervals as usize];
        let mut counts = vec![0u64; intervals as usize];
        for (time, value) in points {
            let at = place(time).abs_diff(first) as usize;
            if value.is_finite() {
                sums[at] += value;
                counts[at] += 1;
            }
        }
        for (sum, count) in sums.iter_mut().zip(&counts) {
            *sum = match (how, gap) {
                (_, Gap::Missing) | (Gather::Mean, _) if *count == 0 => f64::NAN,
                (Gather::Mean, _) => *sum / *count as f64,
                (Gather::Sum, _) => *sum,
            };
        }
        Self::new(first.saturating_mul(interval), interval, sums)
    }

    /// Time of the first value, in nanoseconds since 1970.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// Nanoseconds from value to value.
    pub fn interval(&self) -> i64 {
        self.interval
    }

    /// The values; NaN is missing.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Time of the value at a place, before the first or after the last one too.
    pub fn time(&self, place: usize) -> i64 {
        self.start
            .saturating_add(self.interval.saturating_mul(place as i64))
    }

    /// How many values there are that are not missing.
    pub fn observed(&self) -> usize {
        self.values.iter().filter(|v| v.is_finite()).count()
    }

    /// The values with what is missing filled in: by the value one season before where there is
    /// one, else in a straight line between the neighbours.
    pub(crate) fn filled(&self, season: Option<usize>) -> Vec<f64> {
        let mut values = self.values.clone();
        if let Some(season) = season.filter(|s| *s > 0) {
            for place in season..values.len() {
                if values[place].is_nan() {
                    values[place] = values[place - season];
                }
            }
        }
        let mut last: Option<usize> = None;
        for place in 0..values.len() {
            if values[place].is_nan() {
                continue;
            }
            match last {
                None => {
                    let value = values[place];
                    values[..place].fill(value);
                }
                Some(before) => {
                    let (from, to) = (values[before], values[place]);
                    let steps = (place - before) as f64;
                    for (step, value) in values[before + 1..place].iter_mut().enumerate() {
                        *value = from + (to - from) * (step + 1) as f64 / steps;
                    }
                }
            }
            last = Some(place);
        }
        match last {
            Some(last) => {
                let value = values[last];
                values[last + 1..].fill(value);
            }
            None => values.fill(0.0),
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_become_intervals() {
        let points = [(25, 2.0), (11, 1.0), (29, 4.0), (51, f64::NAN)];
        let zero = Series::gather(points.iter().copied(), 10, Gather::Sum, Gap::Zero).unwrap();
        assert_eq!(zero.start(), 10);
        assert_eq!(zero.values(), [1.0, 6.0, 0.0, 0.0, 0.0]);
        let mean = Series::gather(points.iter().copied(), 10, Gather::Mean, Gap::Missing).unwrap();
        assert_eq!(mean.values()[1], 3.0);
        assert!(mean.values()[2].is_nan());
        assert_eq!(mean.filled(None), [1.0, 3.0, 3.0, 3.0, 3.0]);
        assert_eq!(mean.time(1), 20);
        let far = [(i64::MIN, 1.0), (i64::MAX, 1.0)];
        assert!(Series::gather(far.iter().copied(), 1, Gather::Sum, Gap::Zero).is_err());
        assert!(Series::gather([].iter().copied(), 1, Gather::Sum, Gap::Zero).is_err());
        assert!(Series::new(0, 0, Vec::new()).is_err());
    }

    #[test]
    fn gaps_are_filled_by_season_or_line() {
        let nan = f64::NAN;
        let series = Series::new(0, 1, vec![1.0, 5.0, nan, nan, 3.0, nan]).unwrap();
        assert_eq!(series.filled(Some(2)), [1.0, 5.0, 1.0, 5.0, 3.0, 5.0]);
        assert_eq!(
            series.filled(None)[2..4],
            [5.0 - 2.0 / 3.0, 5.0 - 4.0 / 3.0]
        );
    }
}
