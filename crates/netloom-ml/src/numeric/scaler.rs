//! Columns made comparable: heavy tails drawn in, by what is usual in the training data.

use crate::numeric::Matrix;
use crate::numeric::statistics::{deviation, quantile, sorted};

/// Centre and width of each column, by median and quartiles.
///
/// A value becomes `asinh((value - median) / width)`: nearly straight where values are usual,
/// logarithmic far out, so that bytes from 60 to 10⁹ can stand beside a flag. A missing value
/// becomes 0, the median.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scaler {
    centre: Vec<f64>,
    width: Vec<f64>,
}

impl Scaler {
    pub(crate) fn fit(data: &Matrix) -> Self {
        let (centre, width) = (0..data.columns())
            .map(|column| {
                let values = sorted(data.column(column));
                if values.is_empty() {
                    return (0.0, 1.0);
                }
                let centre = quantile(&values, 0.5);
                // A normal distribution's quartiles are 1.349 deviations apart.
                let quartiles = (quantile(&values, 0.75) - quantile(&values, 0.25)) / 1.349;
                let width = if quartiles > 0.0 {
                    quartiles
                } else {
                    deviation(&values)
                };
                let floor = f64::EPSILON * 16.0 * centre.abs().max(f64::MIN_POSITIVE);
                // A constant column has no width of its own: its values are the measure.
                let width = if width > floor {
                    width
                } else {
                    (centre.abs() * 0.1).max(0.1)
                };
                (centre, width)
            })
            .unzip();
        Self { centre, width }
    }

    pub(crate) fn columns(&self) -> usize {
        self.centre.len()
    }

    pub(crate) fn scale(&self, row: &[f64], out: &mut Vec<f32>) {
        self.each(row, out, |z| z.asinh() as f32);
    }

    /// Without the drawing in: the value in widths from the median.
    pub(crate) fn scale_linear(&self, row: &[f64], out: &mut Vec<f32>) {
        self.each(row, out, |z| z as f32);
    }

    fn each(&self, row: &[f64], out: &mut Vec<f32>, draw: impl Fn(f64) -> f32) {
        out.clear();
        out.extend(self.centre.iter().zip(&self.width).enumerate().map(
            |(column, (centre, width))| {
                let value = row.get(column).copied().unwrap_or(f64::NAN);
                if value.is_nan() {
                    return 0.0;
                }
                // Far enough for any value; infinity stays finite.
                draw(((value - centre) / width).clamp(-1e30, 1e30))
            },
        ));
    }

    /// All rows, one after the other.
    pub(crate) fn scale_all(&self, data: &Matrix) -> Vec<f32> {
        let mut all = Vec::with_capacity(data.rows() * self.columns());
        let mut one = Vec::with_capacity(self.columns());
        for row in data.iter() {
            self.scale(row, &mut one);
            all.extend_from_slice(&one);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finite_whatever_comes() {
        let data = Matrix::from_rows(&[
            [1.0, 5.0, f64::NAN],
            [2.0, 5.0, f64::NAN],
            [f64::INFINITY, 5.0, f64::NAN],
            [3.0, f64::NAN, f64::NAN],
        ]);
        let scaler = Scaler::fit(&data);
        assert!(scaler.scale_all(&data).iter().all(|v| v.is_finite()));
        let mut out = Vec::new();
        scaler.scale(&[2.0], &mut out);
        assert_eq!(out, [0.0; 3]);
    }
}
