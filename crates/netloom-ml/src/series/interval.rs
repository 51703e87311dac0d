//! Intervals around a forecast, from how far off the backtest was: conformal prediction (Vovk,
//! Gammerman and Shafer 2005), a step ahead at a time.

/// How far from a forecast the truth came to lie.
pub(super) struct Residuals {
    measure: Measure,
    /// Of each step ahead, by origin: oldest first, NaN where nothing was measured.
    steps: Vec<Vec<f64>>,
}

/// What a residual is measured in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Measure {
    /// The unit of the series.
    Absolute,
    /// ln((truth + c) / (forecast + c)): for traffic, whose spread grows with its level.
    Ratio { c: f64 },
}

impl Measure {
    fn residual(self, told: f64, truth: f64) -> f64 {
        match self {
            Self::Absolute => truth - told,
            Self::Ratio { c } => ((truth.max(0.0) + c) / (told.max(0.0) + c)).ln(),
        }
    }

    fn apply(self, told: f64, residual: f64) -> f64 {
        match self {
            Self::Absolute => told + residual,
            Self::Ratio { c } => ((told.max(0.0) + c) * residual.exp() - c).max(0.0),
        }
    }
}

impl Residuals {
    /// From forecasts of each origin and what came (`truth[origin]` from that origin on). Of the
    /// two measures, that which gives the narrower intervals at this level.
    pub(super) fn new(
        forecasts: &[Vec<f64>],
        truth: &[&[f64]],
        horizon: usize,
        level: f64,
    ) -> Self {
        let told = || forecasts.iter().flatten().copied();
        let positive = told().all(|v| v >= 0.0)
            && truth
                .iter()
                .flat_map(|t| t.iter())
                .all(|v| *v >= 0.0 || v.is_nan());
        let usual = told().map(f64::abs).sum::<f64>() / told().count().max(1) as f64;
        let of = |measure: Measure| Self {
            measure,
            steps: (0..horizon)
                .map(|step| {
                    forecasts
                        .iter()
                        .zip(truth)
                        .map(|(told, truth)| match (told.get(step), truth.get(step)) {
                            (Some(told), Some(truth)) => measure.residual(*told, *truth),
                            _ => f64::NAN,
                        })
                        .collect()
                })
                .collect(),
        };
        let absolute = of(Measure::Absolute);
        if !positive || usual <= 0.0 {
            return absolute;
        }
        let ratio = of(Measure::Ratio { c: usual * 0.05 });
        let width = |residuals: &Self| -> f64 {
            forecasts
                .iter()
                .flat_map(|told| {
                    told.iter()
                        .enumerate()
                        .filter_map(|(step, told)| residuals.around(step, *told, level))
                })
                .map(|(low, high)| high - low)
                .sum()
        };
        if width(&ratio) < width(&absolute) {
            ratio
        } else {
            absolute
        }
    }

    /// The interval of a forecast; `None` if too little was measured for the level.
    pub(super) fn around(&self, step: usize, told: f64, level: f64) -> Option<(f64, f64)> {
        self.within_origins(step, told, level, usize::MAX)
    }

    /// The interval from the residuals of the first `origins` origins alone.
    fn within_origins(
        &self,
        step: usize,
        told: f64,
        level: f64,
        origins: usize,
    ) -> Option<(f64, f64)> {
        // Neighbouring steps are alike: together they are more to go by.
        let reach = (step / 4).max(usize::from(step > 0));
        let from = step.saturating_sub(reach);
        let to = (step + reach + 1).min(self.steps.len());
        let mut residuals: Vec<f64> = self
            .steps
            .get(from..to)?
            .iter()
            .flat_map(|of| of.iter().take(origins))
            .copied()
            .filter(|r| r.is_finite())
            .collect();
        residuals.sort_unstable_by(f64::total_cmp);
        let n = residuals.len();
        let tail = (1.0 - level) / 2.0;
        // The k-th smallest of n, so that a new one lies below with at most this share.
        let k = ((n + 1) as f64 * tail).floor() as usize;
        if k == 0 {
            return None;
        }
        Some((
            self.measure.apply(told, *residuals.get(k - 1)?),
            self.measure.apply(told, *residuals.get(n - k)?),
        ))
    }

    /// How often the truth lies within the interval that the origins before would have given:
    /// the share, and of how many. The first half of the origins is only learnt from.
    pub(super) fn coverage(
        &self,
        forecasts: &[Vec<f64>],
        truth: &[&[f64]],
        level: f64,
    ) -> (f64, usize) {
        let (mut within, mut all) = (0usize, 0usize);
        for origin in forecasts.len() / 2..forecasts.len() {
            for (step, told) in forecasts[origin].iter().enumerate() {
                let Some(truth) = truth[origin].get(step).filter(|v| v.is_finite()) else {
                    continue;
                };
                let Some((low, high)) = self.within_origins(step, *told, level, origin) else {
                    continue;
                };
                all += 1;
                within += usize::from(low <= *truth && *truth <= high);
            }
        }
        (within as f64 / all as f64, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn covers_what_it_says() {
        let mut chance = Chance::new(5);
        let forecasts: Vec<Vec<f64>> = (0..200)
            .map(|origin| {
                (0..6)
                    .map(|s| 50.0 + f64::from((origin + s) % 24) * 20.0)
                    .collect()
            })
            .collect();
        let truths: Vec<Vec<f64>> = forecasts
            .iter()
            .map(|f| {
                f.iter()
                    .map(|v| v * (0.2 * chance.normal()).exp())
                    .collect()
            })
            .collect();
        let truth: Vec<&[f64]> = truths.iter().map(Vec::as_slice).collect();
        let residuals = Residuals::new(&forecasts, &truth, 6, 0.8);
        // Errors grow with the level: the ratio is the narrower measure.
        assert_ne!(residuals.measure, Measure::Absolute);
        let (share, of) = residuals.coverage(&forecasts, &truth, 0.8);
        assert_eq!(of, 600);
        assert!((0.75..0.86).contains(&share), "{share}");
        let (low, high) = residuals.around(3, 100.0, 0.8).unwrap();
        assert!(
            (70.0..85.0).contains(&low) && (120.0..140.0).contains(&high),
            "{low} {high}"
        );
    }

    #[test]
    fn few_residuals_promise_nothing() {
        let truth: [&[f64]; 2] = [&[1.0], &[2.0]];
        let residuals = Residuals::new(&[vec![1.0], vec![1.0]], &truth, 1, 0.8);
        assert_eq!(residuals.around(0, 1.0, 0.8), None);
        assert_eq!(residuals.around(9, 1.0, 0.8), None);
    }
}
