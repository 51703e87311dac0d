//! Rolling-origin backtest: each method forecasts again and again from a past it knows to a
//! future it does not.

use super::Series;
use super::boosting::Lags;
use super::models::{Model, naive_season, point_forecast};
use crate::numeric::parallel;

/// How well a method did in the backtest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelScore {
    /// The method.
    pub model: Model,
    /// Mean absolute error over all origins and steps, in the unit of the series.
    pub mean_absolute_error: f64,
    /// 1 − its error / that of the seasonal naive method: above 0 is better.
    pub skill: f64,
}

/// Forecasts from many origins, and what came.
pub(super) struct Backtest {
    /// How many values were known at each origin.
    pub(super) origins: Vec<usize>,
    /// Forecasts of each method from each origin.
    pub(super) forecasts: Vec<(Model, Vec<Vec<f64>>)>,
    pub(super) scores: Vec<ModelScore>,
}

const FITTED: [Model; 5] = [
    Model::LastValue,
    Model::SeasonalNaive,
    Model::Ets,
    Model::Mstl,
    Model::MstlLog,
];

impl Backtest {
    /// Backtests all methods; `None` if there are too few values for any origin.
    pub(super) fn run(
        series: &Series,
        filled: &[f64],
        seasons: &[usize],
        horizon: usize,
        origins: usize,
        threads: usize,
    ) -> Option<Self> {
        let n = filled.len();
        let last = n.checked_sub(horizon)?;
        let season = naive_season(seasons, n);
        let least = (2 * season).max(8);
        if last < least {
            return None;
        }
        // The last third, or what room there is; at all phases of the seasons alike.
        let room = (last - least).min((n / 3).max(horizon));
        let count = origins.clamp(1, room + 1);
        let origins: Vec<usize> = (0..count)
            .map(|place| last - room * (count - 1 - place) / (count - 1).max(1))
            .collect();
        let mut forecasts: Vec<(Model, Vec<Vec<f64>>)> = Vec::new();
        let pieces = parallel::map(FITTED.len() * count, threads, |piece| {
            let model = FITTED[piece / count];
            point_forecast(model, &filled[..origins[piece % count]], seasons, horizon)
        });
        for (place, model) in FITTED.into_iter().enumerate() {
            let all: Option<Vec<Vec<f64>>> = pieces[place * count..(place + 1) * count]
                .iter()
                .cloned()
                .collect();
            forecasts.extend(all.map(|all| (model, all)));
        }
        // Learnt once, from what came before the first origin.
        let lags = Lags::fit(
            &filled[..origins[0]],
            series.start(),
            series.interval(),
            seasons,
            horizon,
        );
        if let Some(lags) = lags {
            let all: Option<Vec<Vec<f64>>> = parallel::map(count, threads, |place| {
                lags.forecast(&filled[..origins[place]], horizon)
            })
            .into_iter()
            .collect();
            forecasts.extend(all.map(|all| (Model::Boosting, all)));
        }
        let mut this = Self {
            origins,
            forecasts,
            scores: Vec::new(),
        };
        this.score(series, seasons);
        this.add_mean(series, seasons);
        Some(this)
    }

    /// The methods, best first; the seasonal naive one unless another is better.
    fn score(&mut self, series: &Series, seasons: &[usize]) {
        let errors: Vec<(Model, f64)> = self
            .forecasts
            .iter()
            .map(|(model, forecasts)| (*model, self.error(series, forecasts)))
            .collect();
        let naive = errors
            .iter()
            .find(|(model, _)| *model == Model::SeasonalNaive)
            .map_or(f64::NAN, |(_, error)| *error);
        self.scores = errors
            .into_iter()
            // Without a season both naive methods are the same.
            .filter(|(model, _)| {
                *model != Model::LastValue || naive_season(seasons, series.len()) > 1
            })
            .map(|(model, error)| ModelScore {
                model,
                mean_absolute_error: error,
                skill: if naive > 0.0 { 1.0 - error / naive } else { 0.0 },
            })
            .collect();
        self.scores.sort_by(|a, b| {
            a.mean_absolute_error
                .total_cmp(&b.mean_absolute_error)
                // The simpler of equal ones.
                .then(a.model.cmp(&b.model))
        });
    }

    /// The mean of the best three is a method too.
    fn add_mean(&mut self, series: &Series, seasons: &[usize]) {
        let best = self.best_three();
        if best.len() < 3 {
            return;
        }
        let members: Vec<&Vec<Vec<f64>>> = self
            .forecasts
            .iter()
            .filter(|(model, _)| best.contains(model))
            .map(|(_, forecasts)| forecasts)
            .collect();
        let means = (0..self.origins.len())
            .map(|origin| mean_of(&members.iter().map(|m| &m[origin]).collect::<Vec<_>>()))
            .collect();
        self.forecasts.push((Model::Mean, means));
        self.score(series, seasons);
    }

    /// The three methods with the smallest errors, without their mean.
    pub(super) fn best_three(&self) -> Vec<Model> {
        self.scores
            .iter()
            .map(|score| score.model)
            .filter(|model| *model != Model::Mean)
            .take(3)
            .collect()
    }

    fn error(&self, series: &Series, forecasts: &[Vec<f64>]) -> f64 {
        let (mut sum, mut count) = (0.0, 0usize);
        for (origin, forecast) in self.origins.iter().zip(forecasts) {
            for (told, truth) in forecast.iter().zip(&series.values()[*origin..]) {
                if truth.is_finite() {
                    sum += (told - truth).abs();
                    count += 1;
                }
            }
        }
        if count == 0 {
            f64::INFINITY
        } else {
            sum / count as f64
        }
    }
}

/// The mean of forecasts, step by step.
pub(super) fn mean_of(forecasts: &[&Vec<f64>]) -> Vec<f64> {
    let steps = forecasts.iter().map(|f| f.len()).min().unwrap_or(0);
    (0..steps)
        .map(|step| forecasts.iter().map(|f| f[step]).sum::<f64>() / forecasts.len() as f64)
        .collect()
}
