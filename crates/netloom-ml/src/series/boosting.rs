//! Forecasts by gradient boosting on lags and the calendar: one model for all steps ahead, which
//! is told how far ahead it looks.

use super::calendar::{self, DAY};
use super::trees::{Boosted, Shape};
use crate::numeric::statistics::median;

/// A taught booster.
#[derive(Debug, Clone)]
pub(super) struct Lags {
    boosted: Boosted,
    view: View,
}

/// What a row of features is made of.
#[derive(Debug, Clone)]
struct View {
    seasons: Vec<usize>,
    logarithms: bool,
    start: i64,
    interval: i64,
    /// Values before a row can be made.
    least: usize,
}

/// Most rows to learn from.
const MOST_ROWS: usize = 40_000;
/// Values looked back on at most, for a series that goes on for years.
const LONGEST: usize = 50_000;

impl Lags {
    /// Learns from values without gaps; `None` if there are too few.
    pub(super) fn fit(
        history: &[f64],
        start: i64,
        interval: i64,
        seasons: &[usize],
        horizon: usize,
    ) -> Option<Self> {
        let seasons: Vec<usize> = seasons
            .iter()
            .copied()
            .filter(|period| *period >= 2 && 3 * period < history.len())
            .collect();
        let longest = seasons.iter().copied().max().unwrap_or(1);
        let view = View {
            logarithms: history.iter().all(|v| *v >= 0.0),
            start,
            interval,
            least: (longest + longest / 2).max(12),
            seasons,
        };
        let from = view.least.max(history.len().saturating_sub(LONGEST));
        let last = history.len().checked_sub(1)?;
        if last < from + 50 {
            return None;
        }
        let drawn: Vec<f64> = history.iter().map(|v| view.draw(*v)).collect();
        let sums = prefix_sums(&drawn);
        let origins = last - from;
        // Every origin has its turn with some of the steps, so that all steps are seen alike.
        let each = (MOST_ROWS / origins).clamp(1, horizon.min(6));
        let mut rows = Vec::with_capacity(origins * each);
        let mut targets = Vec::with_capacity(origins * each);
        for origin in from..last {
            for turn in 0..each {
                let step = 1 + (origin * 7 + turn * horizon.div_ceil(each)) % horizon;
                let Some(target) = drawn.get(origin + step) else {
                    continue;
                };
                let row = view.row(&drawn, &sums, origin, step);
                targets.push(target - view.base(&sums, origin));
                rows.push(row);
            }
        }
        if rows.len() < 50 {
            return None;
        }
        let shape = Shape {
            trees: 400,
            depth: 5,
            rate: 0.05,
            least_rows: 20,
            patience: 20,
        };
        // The latest fifth tells when to stop; then all rows teach as many trees.
        let held = rows.len() * 4 / 5;
        let trees = Boosted::fit(&rows, &targets, held, shape).len();
        let shape = Shape {
            trees: trees.max(1),
            ..shape
        };
        Some(Self {
            boosted: Boosted::fit(&rows, &targets, rows.len(), shape),
            view,
        })
    }

    /// What comes after `history`, which begins where the one learnt from began.
    pub(super) fn forecast(&self, history: &[f64], horizon: usize) -> Option<Vec<f64>> {
        let view = &self.view;
        let origin = history.len().checked_sub(1)?;
        if origin < view.least {
            return None;
        }
        let drawn: Vec<f64> = history.iter().map(|v| view.draw(*v)).collect();
        let sums = prefix_sums(&drawn);
        Some(
            (1..=horizon)
                .map(|step| {
                    let row = view.row(&drawn, &sums, origin, step);
                    let value = self.boosted.predict(&row) + view.base(&sums, origin);
                    if view.logarithms {
                        value.exp_m1().max(0.0)
                    } else {
                        value
                    }
                })
                .collect(),
        )
    }
}

fn prefix_sums(values: &[f64]) -> Vec<f64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for value in values {
        sum += value;
        sums.push(sum);
    }
    sums
}

impl View {
    fn draw(&self, value: f64) -> f64 {
        if self.logarithms {
            value.max(0.0).ln_1p()
        } else {
            value
        }
    }

    /// The level lately, from which all is told: trees know no values they have not seen.
    fn base(&self, sums: &[f64], origin: usize) -> f64 {
        mean_of(sums, origin + 1, self.seasons.first().copied().unwrap_or(8))
    }

    fn row(&self, drawn: &[f64], sums: &[f64], origin: usize, step: usize) -> Vec<f32> {
        let base = self.base(sums, origin);
        let at = |place: usize| drawn.get(place).map_or(0.0, |v| v - base);
        let mut row = Vec::with_capacity(16 + 6 * self.seasons.len());
        for lag in 0..4 {
            row.push(at(origin - lag));
        }
        for span in [3, 6, 12] {
            row.push(mean_of(sums, origin + 1, span) - base);
        }
        for &period in &self.seasons {
            // The same place in the rounds before, the last whole one first.
            let rounds = step.div_ceil(period);
            let mut before = Vec::with_capacity(5);
            for round in rounds..rounds + 5 {
                if let Some(place) = (origin + step).checked_sub(round * period)
                    && place <= origin
                {
                    before.push(at(place));
                }
            }
            row.push(before.first().copied().unwrap_or(0.0));
            row.push(before.get(1).copied().unwrap_or(0.0));
            row.push(median(before.iter().copied()));
            row.push(mean_of(sums, origin + 1, period) - base);
            // How this round goes, against the one before.
            row.push(at(origin) - origin.checked_sub(period).map_or(0.0, at));
        }
        let target = origin + step;
        let time = self
            .start
            .saturating_add(self.interval.saturating_mul(target as i64));
        if self.interval < DAY {
            row.push(time.rem_euclid(DAY) as f64 / DAY as f64);
        }
        row.push(f64::from(calendar::weekday(time)));
        row.push(step as f64);
        row.iter().map(|v| *v as f32).collect()
    }
}

/// The mean of the last `span` values before `end`.
fn mean_of(sums: &[f64], end: usize, span: usize) -> f64 {
    let from = end.saturating_sub(span);
    let count = (end - from).max(1);
    (sums.get(end).copied().unwrap_or(0.0) - sums.get(from).copied().unwrap_or(0.0)) / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::series::calendar::HOUR;

    #[test]
    fn learns_days_and_weekends() {
        let mut chance = Chance::new(3);
        let truth = |h: usize| {
            let weekend = h / 24 % 7 >= 5;
            let day = (h % 24) as f64;
            if weekend { 100.0 } else { 100.0 + 40.0 * day }
        };
        let history: Vec<f64> = (0..24 * 7 * 12)
            .map(|h| truth(h) * (1.0 + 0.02 * chance.normal()))
            .collect();
        // Monday, 1970-01-05.
        let lags = Lags::fit(&history, 4 * DAY, HOUR, &[24, 168], 24).unwrap();
        let next = lags.forecast(&history, 24).unwrap();
        for (step, value) in next.iter().enumerate() {
            let wanted = truth(history.len() + step);
            assert!(
                (value / wanted - 1.0).abs() < 0.12,
                "{step}: {value} {wanted}"
            );
        }
        assert!(Lags::fit(&history[..40], 0, HOUR, &[24], 24).is_none());
    }
}
