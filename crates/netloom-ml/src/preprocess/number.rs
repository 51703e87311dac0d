//! Columns of numbers.

use arrow_buffer::ScalarBuffer;
use serde::{Deserialize, Serialize};

use super::{Missing, Preprocessing, Scaling};
use crate::dataset::ColumnView;
use crate::numeric::statistics;

/// What is done to a column of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Number {
    clip: Option<(f64, f64)>,
    /// What stands for a missing number, before scaling.
    fill: Option<f64>,
    shift: f64,
    /// What remains is divided by this.
    scale: f64,
    indicator: bool,
}

/// The same, in the order in which it is done.
pub(crate) struct NumberStep {
    pub(crate) clip: Option<(f64, f64)>,
    /// What stands for a missing number.
    pub(crate) fill: Option<f64>,
    /// What is taken off, and what the rest is divided by.
    pub(crate) scale: Option<(f64, f64)>,
    /// Whether a second column says where it was missing.
    pub(crate) indicator: bool,
}

impl Number {
    pub(super) fn describe(&self) -> NumberStep {
        NumberStep {
            clip: self.clip,
            fill: self.fill,
            scale: (!self.is_unscaled()).then_some((self.shift, self.scale)),
            indicator: self.indicator,
        }
    }

    pub(super) fn fit(
        params: &Preprocessing,
        view: &ColumnView<'_>,
    ) -> (Self, Vec<ScalarBuffer<f64>>) {
        let values = view.numbers();
        let needs_order = params.clip.is_some()
            || params.missing == Missing::Median
            || params.scaling == Scaling::Robust;
        let sorted = if needs_order {
            statistics::sorted(values.iter().copied())
        } else {
            Vec::new()
        };
        let clip = params
            .clip
            .map(|(low, high)| {
                (
                    statistics::quantile(&sorted, low),
                    statistics::quantile(&sorted, high),
                )
            })
            .filter(|(low, high)| low <= high);
        let clipped = |value: f64| clip.map_or(value, |(low, high)| value.clamp(low, high));
        let there = || values.iter().copied().filter(|v| !v.is_nan()).map(clipped);
        let fill = match params.missing {
            Missing::Keep => None,
            Missing::Mean => Some(statistics::mean(there())),
            Missing::Median => Some(clipped(statistics::quantile(&sorted, 0.5))),
            Missing::Constant(value) => Some(value),
        }
        // A column without any value is 0 everywhere.
        .map(|fill| if fill.is_finite() { fill } else { 0.0 });
        let all = || {
            values
                .iter()
                .map(|&value| match (value.is_nan(), fill) {
                    (true, Some(fill)) => fill,
                    _ => clipped(value),
                })
                .filter(|value| value.is_finite())
        };
        let (shift, scale) = match params.scaling {
            Scaling::None => (0.0, 1.0),
            Scaling::Standard => {
                let mean = statistics::mean(all());
                let variance = statistics::mean(all().map(|value| (value - mean).powi(2)));
                (mean, variance.sqrt())
            }
            Scaling::MinMax => {
                let low = all().fold(f64::INFINITY, f64::min);
                let high = all().fold(f64::NEG_INFINITY, f64::max);
                (low, high - low)
            }
            Scaling::Robust => (
                statistics::quantile(&sorted, 0.5),
                statistics::quantile(&sorted, 0.75) - statistics::quantile(&sorted, 0.25),
            ),
        };
        let this = Self {
            clip,
            fill,
            shift: if shift.is_finite() { shift } else { 0.0 },
            scale: usable(scale, shift),
            indicator: params.indicator && values.iter().any(|value| value.is_nan()),
        };
        let columns = this.transform(view);
        (this, columns)
    }

    pub(super) fn transform(&self, view: &ColumnView<'_>) -> Vec<ScalarBuffer<f64>> {
        let plain = self.clip.is_none() && self.fill.is_none() && self.is_unscaled();
        if plain && !self.indicator {
            return vec![view.buffer()];
        }
        let values = view.numbers();
        let mut columns = vec![values.iter().map(|&value| self.number(value)).collect()];
        if self.indicator {
            columns.push(
                values
                    .iter()
                    .map(|value| f64::from(u8::from(value.is_nan())))
                    .collect(),
            );
        }
        columns
    }

    fn number(&self, value: f64) -> f64 {
        let value = match self.fill {
            Some(fill) if value.is_nan() => fill,
            _ => self
                .clip
                .map_or(value, |(low, high)| value.max(low).min(high)),
        };
        if self.is_unscaled() {
            value
        } else {
            (value - self.shift) / self.scale
        }
    }

    #[expect(
        clippy::float_cmp,
        reason = "set to exactly these when nothing is scaled"
    )]
    fn is_unscaled(&self) -> bool {
        self.shift == 0.0 && self.scale == 1.0
    }

    pub(super) fn width(&self) -> usize {
        1 + usize::from(self.indicator)
    }

    pub(super) fn names(&self, column: &str, names: &mut Vec<String>) {
        names.push(column.to_owned());
        if self.indicator {
            names.push(format!("{column} is missing"));
        }
    }
}

/// A column that is constant, but for rounding, is only shifted, as in scikit-learn.
fn usable(scale: f64, shift: f64) -> f64 {
    if scale.is_finite() && scale > 10.0 * f64::EPSILON * shift.abs() {
        scale
    } else {
        1.0
    }
}
