//! What comes next.

use super::backtest::{Backtest, ModelScore, mean_of};
use super::boosting::Lags;
use super::interval::Residuals;
use super::models::{Model, point_forecast};
use super::season::{Season, seasons};
use super::{Series, SeriesError};

/// How to forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastOptions {
    /// Values to forecast.
    pub horizon: usize,
    /// Share of the truth that intervals are to hold, from 0 to 1.
    pub level: f64,
    /// Origins of the backtest.
    pub origins: usize,
    /// Threads to use; the result does not depend on it.
    pub threads: usize,
    /// The method; `None` chooses by the backtest.
    pub model: Option<Model>,
}

impl Default for ForecastOptions {
    fn default() -> Self {
        Self {
            horizon: 24,
            level: 0.8,
            origins: 48,
            threads: 1,
            model: None,
        }
    }
}

/// A value to come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When its interval begins, in nanoseconds since 1970.
    pub time: i64,
    /// The forecast.
    pub value: f64,
    /// Lower end of the interval; `None` if the past is too short to know it.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
}

/// What comes next, and why it may be believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The values to come.
    pub points: Vec<Point>,
    /// The method they are from.
    pub model: Model,
    /// The methods its mean is of, where it is one.
    pub members: Vec<Model>,
    /// Rhythms that were found.
    pub seasons: Vec<Season>,
    /// Share of the truth that intervals are to hold.
    pub level: f64,
    /// Methods that were tried, best first; empty if the past was too short to try.
    pub scores: Vec<ModelScore>,
    /// Origins of the backtest.
    pub origins: usize,
    /// Share of the truth that the intervals held in the backtest, each made of what was known
    /// before, and of how many values; `None` if too few.
    pub coverage: Option<(f64, usize)>,
}

/// Least values to forecast from.
const LEAST: usize = 3;
const MOST_HORIZON: usize = 100_000;

/// Forecasts a series by the method that did best in a rolling-origin backtest; the seasonal
/// naive one unless another beat it.
///
/// # Errors
/// There are too few values, or an option makes no sense.
pub fn forecast(series: &Series, options: &ForecastOptions) -> Result<Forecast, SeriesError> {
    let observed = series.observed();
    if observed < LEAST {
        return Err(SeriesError::TooShort {
            found: observed,
            needed: LEAST,
        });
    }
    if options.horizon == 0 || options.horizon > MOST_HORIZON {
        return Err(SeriesError::Parameter {
            name: "horizon",
            value: options.horizon.to_string(),
            must: "from 1 to 100,000",
        });
    }
    if !(options.level > 0.0 && options.level < 1.0) {
        return Err(SeriesError::Parameter {
            name: "level",
            value: options.level.to_string(),
            must: "above 0 and below 1",
        });
    }
    let found = seasons(series);
    let periods: Vec<usize> = found.iter().map(|season| season.period).collect();
    let filled = series.filled(periods.first().copied());
    // A short past is tried on shorter futures, if it must be.
    let tried = options.horizon.min((filled.len() / 4).max(1));
    let backtest = Backtest::run(
        series,
        &filled,
        &periods,
        tried,
        options.origins,
        options.threads,
    );
    let best = |backtest: &Backtest| backtest.scores.first().map(|score| score.model);
    let model = options
        .model
        .or_else(|| backtest.as_ref().and_then(best))
        .unwrap_or(Model::SeasonalNaive);
    let members = if model == Model::Mean {
        backtest
            .as_ref()
            .map(Backtest::best_three)
            .unwrap_or_default()
    } else {
        vec![model]
    };
    let values: Vec<Vec<f64>> = members
        .iter()
        .filter_map(|member| match member {
            Model::Boosting => {
                let (start, interval) = (series.start(), series.interval());
                Lags::fit(&filled, start, interval, &periods, options.horizon)?
                    .forecast(&filled, options.horizon)
            }
            member => point_forecast(*member, &filled, &periods, options.horizon),
        })
        .collect();
    let values = if values.is_empty() {
        if options.model.is_some() {
            return Err(SeriesError::Parameter {
                name: "model",
                value: model.name().to_owned(),
                must: "one that this series is long enough for",
            });
        }
        vec![filled.last().copied().unwrap_or(0.0); options.horizon]
    } else {
        mean_of(&values.iter().collect::<Vec<_>>())
    };
    let (residuals, coverage) = backtest
        .as_ref()
        .and_then(|backtest| {
            let (_, forecasts) = backtest.forecasts.iter().find(|(of, _)| *of == model)?;
            let truth: Vec<&[f64]> = backtest
                .origins
                .iter()
                .map(|origin| &series.values()[*origin..])
                .collect();
            let residuals = Residuals::new(forecasts, &truth, tried, options.level);
            let coverage = residuals.coverage(forecasts, &truth, options.level);
            Some((residuals, coverage))
        })
        .unzip();
    let points = values
        .iter()
        .enumerate()
        .map(|(step, value)| {
            let interval = residuals
                .as_ref()
                .filter(|_| step < tried)
                .and_then(|r| r.around(step, *value, options.level));
            Point {
                time: series.time(series.len() + step),
                value: *value,
                // The middle of what came is not always where the forecast is.
                low: interval.map(|(low, _)| low.min(*value)),
                high: interval.map(|(_, high)| high.max(*value)),
            }
        })
        .collect();
    Ok(Forecast {
        points,
        model,
        members,
        seasons: found,
        level: options.level,
        origins: backtest.as_ref().map_or(0, |b| b.origins.len()),
        scores: backtest.map(|b| b.scores).unwrap_or_default(),
        coverage: coverage.filter(|(_, of)| *of >= 20),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::series::calendar::HOUR;
    use proptest::prelude::*;

    fn days(count: usize, noise: f64) -> Series {
        let mut chance = Chance::new(7);
        let values = (0..24 * count)
            .map(|h| {
                let wave = (h as f64 / 24.0 * std::f64::consts::TAU).sin();
                1e6 * (3.0 + 2.0 * wave) * (noise * chance.normal()).exp()
            })
            .collect();
        Series::new(0, HOUR, values).unwrap()
    }

    #[test]
    fn better_than_naive_and_covered() {
        let series = days(40, 0.2);
        let next = forecast(&series, &ForecastOptions::default()).unwrap();
        assert_eq!(next.points.len(), 24);
        assert_eq!(next.seasons[0].period, 24);
        let best = next.scores[0];
        assert_eq!(best.model, next.model);
        assert!(best.skill > 0.1, "{:?}", next.scores);
        let (share, of) = next.coverage.unwrap();
        assert!(of > 100 && (0.72..0.9).contains(&share), "{share} of {of}");
        let point = next.points[6];
        assert!(
            point.low.unwrap() < 5e6 && point.high.unwrap() > 5e6,
            "{point:?}"
        );
        assert_eq!(point.time, series.time(series.len() + 6));
        // The same for any number of threads.
        let threads = ForecastOptions {
            threads: 3,
            ..ForecastOptions::default()
        };
        assert_eq!(forecast(&series, &threads).unwrap(), next);
    }

    #[test]
    fn short_pasts() {
        let options = ForecastOptions::default();
        let two = Series::new(0, HOUR, vec![1.0, 2.0]).unwrap();
        assert!(forecast(&two, &options).is_err());
        let three = Series::new(0, HOUR, vec![1.0, 2.0, 3.0]).unwrap();
        let next = forecast(&three, &options).unwrap();
        assert_eq!(next.points.len(), 24);
        assert_eq!(next.points[0].value, 3.0);
        assert_eq!((next.points[0].low, next.coverage), (None, None));
        let zero = Series::new(0, HOUR, vec![0.0; 200]).unwrap();
        let next = forecast(&zero, &options).unwrap();
        assert!(next.points.iter().all(|p| p.value == 0.0));
        assert!(
            forecast(
                &three,
                &ForecastOptions {
                    horizon: 0,
                    ..options
                }
            )
            .is_err()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn never_not_a_number(
            values in prop::collection::vec(prop_oneof![
                4 => 0.0..1e12f64, 1 => Just(f64::NAN), 1 => Just(0.0), 1 => -1e12..1e12f64
            ], 3..80),
            horizon in 1usize..30,
        ) {
            let series = Series::new(0, HOUR, values).unwrap();
            let options = ForecastOptions { horizon, origins: 6, ..ForecastOptions::default() };
            if let Ok(next) = forecast(&series, &options) {
                prop_assert_eq!(next.points.len(), horizon);
                for point in next.points {
                    prop_assert!(point.value.is_finite());
                    prop_assert!(point.low.is_none_or(|v| v <= point.value));
                    prop_assert!(point.high.is_none_or(|v| v >= point.value));
                }
            } else {
                prop_assert!(series.observed() < 3);
            }
        }
    }
}
