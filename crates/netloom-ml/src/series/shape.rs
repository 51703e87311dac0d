//! What a series looks like, in a few numbers: to tell series apart by.

use super::{Series, seasons};

/// The shape of a series: numbers that do not depend on how long it is.
///
/// The kind of features that Hyndman, Wang and Laptev ("Large-Scale Unusual Time Series
/// Detection", ICDM workshops 2015) group series by, with those that traffic differs in: how much
/// of the time there is none, and how long that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shape {
    /// Mean of the values, in their unit.
    pub mean: f64,
    /// Standard deviation over the mean (coefficient of variation); 0 where the mean is 0.
    pub variation: f64,
    /// The largest value over the mean; 0 where the mean is 0.
    pub peak_to_mean: f64,
    /// Share of the intervals with nothing in them, 0 to 1.
    pub idle: f64,
    /// The longest run of intervals with nothing in them, as a share of all, 0 to 1.
    pub longest_idle: f64,
    /// Correlation (Pearson) of values and time, -1 to 1: whether it grows or shrinks.
    pub trend: f64,
    /// Autocorrelation at a distance of one interval, -1 to 1: whether like follows like.
    pub lag1: f64,
    /// Strength of the strongest rhythm, 0 to 1; 0 where there is none ([`seasons`]).
    pub seasonality: f64,
    /// How long that rhythm is, in seconds; 0 where there is none.
    pub period: f64,
}

impl Shape {
    /// Names of the numbers, in the order of [`values`](Self::values).
    pub const NAMES: [&'static str; 9] = [
        "mean",
        "variation",
        "peak_to_mean",
        "idle",
        "longest_idle",
        "trend",
        "lag1",
        "seasonality",
        "period_seconds",
    ];

    /// All numbers.
    pub fn values(&self) -> [f64; 9] {
        [
            self.mean,
            self.variation,
            self.peak_to_mean,
            self.idle,
            self.longest_idle,
            self.trend,
            self.lag1,
            self.seasonality,
            self.period,
        ]
    }
}

/// The shape of a series. What is missing is left out; of nothing, all numbers are 0.
///
/// ```
/// use netloom_ml::series::{Series, shape};
///
/// let series = Series::new(0, 1_000_000_000, vec![0.0, 8.0, 0.0, 8.0, 0.0, 8.0, 0.0, 8.0])?;
/// let shape = shape(&series);
/// assert_eq!((shape.mean, shape.idle, shape.peak_to_mean), (4.0, 0.5, 2.0));
/// assert!(shape.lag1 < -0.8);
/// # Ok::<(), netloom_ml::series::SeriesError>(())
/// ```
pub fn shape(series: &Series) -> Shape {
    let values = series.values();
    let known: Vec<(f64, f64)> = (0_u32..)
        .zip(values)
        .filter(|(_, value)| value.is_finite())
        .map(|(place, value)| (f64::from(place), *value))
        .collect();
    if known.is_empty() {
        return Shape::default();
    }
    let count = known.len() as f64;
    let mean = known.iter().map(|(_, value)| value).sum::<f64>() / count;
    let middle = known.iter().map(|(place, _)| place).sum::<f64>() / count;
    let (mut spread, mut width, mut together) = (0.0, 0.0, 0.0);
    let (mut largest, mut idle) = (f64::MIN, 0.0);
    for (place, value) in &known {
        spread += (value - mean).powi(2);
        width += (place - middle).powi(2);
        together += (value - mean) * (place - middle);
        largest = largest.max(*value);
        idle += f64::from(u8::from(*value == 0.0));
    }
    let next: f64 = values
        .windows(2)
        .map(|pair| (pair[0] - mean) * (pair[1] - mean))
        .filter(|product| product.is_finite())
        .sum();
    let (mut run, mut longest) = (0_u32, 0_u32);
    for value in values {
        // Nobody knows whether what is missing was nothing.
        run = if *value == 0.0 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    // Rounding errors correlate, too.
    let varies = spread > mean * mean * count * 1e-18;
    let over_mean = |value: f64| if mean == 0.0 { 0.0 } else { value / mean };
    let over = |sum: f64, of: f64| {
        if varies && of > 0.0 {
            (sum / of).clamp(-1.0, 1.0)
        } else {
            0.0
        }
    };
    let season = seasons(series)
        .into_iter()
        .max_by(|a, b| a.strength.total_cmp(&b.strength));
    Shape {
        mean,
        variation: over_mean((spread / count).sqrt()),
        peak_to_mean: over_mean(largest),
        idle: idle / count,
        longest_idle: f64::from(longest) / values.len() as f64,
        trend: over(together, (spread * width).sqrt()),
        lag1: over(next, spread),
        seasonality: season.map_or(0.0, |season| season.strength.clamp(0.0, 1.0)),
        period: season.map_or(0.0, |season| {
            season.period as f64 * series.interval() as f64 / 1e9
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: Vec<f64>) -> Shape {
        shape(&Series::new(0, 1_000_000_000, values).unwrap())
    }

    #[test]
    fn by_hand() {
        // Mean 2, squares (4, 0, 0, 4) around it: a spread of 8.
        let shape = of(vec![0.0, 2.0, 2.0, 4.0]);
        assert_eq!(shape.mean, 2.0);
        assert!((shape.variation - 2.0_f64.sqrt() / 2.0).abs() < 1e-12);
        assert_eq!(shape.peak_to_mean, 2.0);
        assert_eq!((shape.idle, shape.longest_idle), (0.25, 0.25));
        // Places -1.5, -0.5, 0.5, 1.5 with -2, 0, 0, 2: 6 over the root of 8 times 5.
        assert!((shape.trend - 6.0 / 40.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(shape.lag1, 0.0);
    }

    #[test]
    fn what_is_missing_is_left_out() {
        let shape = of(vec![0.0, f64::NAN, 0.0, 0.0, 6.0, f64::NAN]);
        assert_eq!((shape.mean, shape.idle), (1.5, 0.75));
        assert_eq!(shape.longest_idle, 2.0 / 6.0);
        assert_eq!(of(vec![f64::NAN; 5]), Shape::default());
        assert_eq!(of(Vec::new()), Shape::default());
    }

    #[test]
    fn what_never_changes_has_no_shape() {
        let shape = of(vec![0.1; 1000]);
        assert_eq!(
            (shape.trend, shape.lag1, shape.seasonality),
            (0.0, 0.0, 0.0)
        );
        assert!((shape.peak_to_mean - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_beat_is_found() {
        let shape = of((0..300)
            .map(|at| f64::from(u8::from(at % 10 == 0)) * 7.0)
            .collect());
        assert_eq!(shape.period, 10.0);
        assert!(shape.seasonality > 0.8, "{shape:?}");
        assert_eq!(shape.idle, 0.9);
    }
}
