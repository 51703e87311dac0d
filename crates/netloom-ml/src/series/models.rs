//! The methods of forecasting.

use augurs::ets::AutoETS;
use augurs::mstl::MSTLModel;
use augurs::prelude::{Fit, Predict};

/// A method of forecasting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// The last value goes on.
    LastValue,
    /// The value of one season before comes again: what every other method is held against.
    SeasonalNaive,
    /// Exponential smoothing (error, trend; Hyndman et al. 2008), its form chosen by AICc.
    Ets,
    /// Seasons and trend taken apart by loess (MSTL; Bandara, Hyndman and Bergmeir 2021), the
    /// trend going on by exponential smoothing.
    Mstl,
    /// [`Mstl`](Self::Mstl) of logarithms: rhythms that grow with the level.
    MstlLog,
    /// Gradient boosting on past values and the calendar.
    Boosting,
    /// The mean of the three that did best.
    Mean,
}

impl Model {
    /// Its name, as options and files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LastValue => "last-value",
            Self::SeasonalNaive => "seasonal-naive",
            Self::Ets => "ets",
            Self::Mstl => "mstl",
            Self::MstlLog => "mstl-log",
            Self::Boosting => "boosting",
            Self::Mean => "mean-of-best",
        }
    }

    /// What it does, in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::LastValue => "the last value goes on",
            Self::SeasonalNaive => "the value one season before",
            Self::Ets => "exponential smoothing",
            Self::Mstl => "seasons and trend (MSTL), the trend smoothed exponentially",
            Self::MstlLog => "seasons and trend of logarithms (MSTL)",
            Self::Boosting => "gradient boosting on past values and the calendar",
            Self::Mean => "mean of the best three",
        }
    }
}

/// Values a refitted model looks back on at least, and seasons.
const LONGEST: usize = 1000;
const ROUNDS: usize = 6;

/// What a method that is fitted at every origin says comes after `history`; `None` where it
/// cannot be used. `history` has no gaps.
pub(super) fn point_forecast(
    model: Model,
    history: &[f64],
    seasons: &[usize],
    horizon: usize,
) -> Option<Vec<f64>> {
    let last = *history.last()?;
    let longest = seasons.iter().copied().max().unwrap_or(1);
    let recent = history
        .get(history.len().saturating_sub(LONGEST.max(ROUNDS * longest))..)
        .unwrap_or(history);
    let floor = if history.iter().all(|v| *v >= 0.0) {
        0.0
    } else {
        f64::NEG_INFINITY
    };
    let forecast = match model {
        Model::LastValue => vec![last; horizon],
        Model::SeasonalNaive => {
            let period = naive_season(seasons, history.len());
            (0..horizon)
                .map(|step| history.get(history.len() - period + step % period).copied())
                .collect::<Option<_>>()?
        }
        Model::Ets => ets(recent, horizon)?,
        Model::Mstl => mstl(recent, seasons, horizon)?,
        Model::MstlLog => {
            if floor < 0.0 {
                return None;
            }
            let logarithms: Vec<f64> = recent.iter().map(|v| v.ln_1p()).collect();
            mstl(&logarithms, seasons, horizon)?
                .iter()
                .map(|v| v.exp_m1())
                .collect()
        }
        Model::Boosting | Model::Mean => return None,
    };
    // Far above all that was seen is a trend gone wild.
    let high = history.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = history.iter().copied().fold(f64::INFINITY, f64::min);
    let reach = (high - low).max(high.abs() * 1e-9);
    (forecast.len() == horizon && forecast.iter().all(|v| v.is_finite())).then(|| {
        forecast
            .iter()
            .map(|v| v.clamp(low - 10.0 * reach, high + 10.0 * reach).max(floor))
            .collect()
    })
}

/// The season that is repeated: the longest that was seen twice.
pub(super) fn naive_season(seasons: &[usize], length: usize) -> usize {
    seasons
        .iter()
        .copied()
        .filter(|period| *period > 0 && 2 * period <= length)
        .max()
        .unwrap_or(1)
}

fn ets(history: &[f64], horizon: usize) -> Option<Vec<f64>> {
    let (history, scale) = scaled(history)?;
    let fitted = AutoETS::new(1, "ZZN").ok()?.fit(&history[..]).ok()?;
    let forecast = fitted.predict(horizon, None).ok()?;
    Some(forecast.point.iter().map(|v| v * scale).collect())
}

fn mstl(history: &[f64], seasons: &[usize], horizon: usize) -> Option<Vec<f64>> {
    let seasons: Vec<usize> = seasons
        .iter()
        .copied()
        .filter(|period| *period >= 2 && 2 * period < history.len())
        .collect();
    if seasons.is_empty() {
        return None;
    }
    let (history, scale) = scaled(history)?;
    let trend = AutoETS::new(1, "ZZN").ok()?.into_trend_model();
    let fitted = MSTLModel::new(seasons, trend).fit(&history[..]).ok()?;
    let forecast = fitted.predict(horizon, None).ok()?;
    Some(forecast.point.iter().map(|v| v * scale).collect())
}

/// Values around 1: the library sums up in single precision.
fn scaled(history: &[f64]) -> Option<(Vec<f64>, f64)> {
    if history.len() < 8 {
        return None;
    }
    let scale = history.iter().map(|v| v.abs()).sum::<f64>() / history.len() as f64;
    if scale > 0.0 && scale.is_finite() {
        Some((history.iter().map(|v| v / scale).collect(), scale))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naive_ones() {
        let history: Vec<f64> = (0..48).map(|h| f64::from(h % 24)).collect();
        let next = point_forecast(Model::SeasonalNaive, &history, &[24], 30).unwrap();
        assert_eq!(next[..3], [0.0, 1.0, 2.0]);
        assert_eq!(next[29], 5.0);
        assert_eq!(
            point_forecast(Model::LastValue, &history, &[], 2).unwrap(),
            [23.0, 23.0]
        );
        assert_eq!(
            point_forecast(Model::SeasonalNaive, &[7.0], &[24], 2).unwrap(),
            [7.0, 7.0]
        );
        assert_eq!(point_forecast(Model::LastValue, &[], &[], 2), None);
    }

    #[test]
    fn trend_and_season() {
        let wave = |h: usize| (h as f64 / 24.0 * std::f64::consts::TAU).sin();
        let history: Vec<f64> = (0..24 * 20)
            .map(|h| 1e9 * (5.0 + h as f64 * 0.01 + wave(h)))
            .collect();
        for model in [Model::Mstl, Model::MstlLog] {
            let next = point_forecast(model, &history, &[24], 24).unwrap();
            for (step, value) in next.iter().enumerate() {
                let h = history.len() + step;
                let truth = 1e9 * (5.0 + h as f64 * 0.01 + wave(h));
                assert!(
                    (value / truth - 1.0).abs() < 0.08,
                    "{model:?} {step}: {value} {truth}"
                );
            }
        }
        let line: Vec<f64> = (0..100).map(f64::from).collect();
        let next = point_forecast(Model::Ets, &line, &[], 3).unwrap();
        assert!((next[2] - 102.0).abs() < 0.5, "{next:?}");
    }

    #[test]
    fn nothing_to_go_on() {
        for model in [Model::Ets, Model::Mstl, Model::MstlLog] {
            assert_eq!(point_forecast(model, &[1.0; 5], &[24], 3), None);
            assert_eq!(point_forecast(model, &[0.0; 100], &[24], 3), None);
            if let Some(next) = point_forecast(model, &[5.0; 100], &[24], 3) {
                assert!(next.iter().all(|v| (v - 5.0).abs() < 0.1), "{next:?}");
            }
        }
    }
}
