//! Ridge regression: a weighted sum with small weights.

use serde::{Deserialize, Serialize};

use super::Linear;
use crate::error::Error;
use crate::numeric::parallel;
use crate::preprocess::Preprocessing;
use crate::supervised::{LearnNumbers, NumberCore, Numbered};

/// Parameters of ridge regression, as scikit-learn's `Ridge`.
///
/// The weights `w` that make `Σ (y − Xw)² + α |w|²` least: `w = (XᵀX + αI)⁻¹ Xᵀy` with columns and
/// numbers less their means (Hoerl and Kennard, Technometrics 12, 1970). By Cholesky's
/// decomposition, in O(n m² + m³) for n rows and m columns. Columns are scaled first, unless
/// another preprocessing is given.
///
/// ```
/// use netloom_ml::{Dataset, RegressorParams, RidgeParams, Run, Values};
///
/// let data = Dataset::new(vec![("hour", Values::numbers((0..24).map(f64::from)))])?
///     .with_numbers((0..24).map(|hour| 100.0 + 5.0 * f64::from(hour)).collect())?;
/// let params = RidgeParams { alpha: 1e-6, ..RidgeParams::default() };
/// let told = params.fit(&data, Run::default())?.predict(&data, 1)?;
/// assert!((told[10] - 150.0).abs() < 1e-3);
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RidgeParams {
    /// α: how much large weights cost.
    pub alpha: f64,
    /// Whether a constant is added.
    pub fit_intercept: bool,
}

impl Default for RidgeParams {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            fit_intercept: true,
        }
    }
}

impl LearnNumbers for RidgeParams {
    const NAME: &'static str = "ridge";

    fn preprocessing(&self) -> Preprocessing {
        Preprocessing::SCALED
    }

    fn check(&self) -> Result<(), Error> {
        if self.alpha.is_finite() && self.alpha >= 0.0 {
            Ok(())
        } else {
            Err(Error::parameter("alpha", &self.alpha, "0 or more"))
        }
    }

    fn learn_numbers(&self, data: &Numbered<'_>) -> NumberCore {
        let columns = data.features.len();
        let all: f64 = data.weights.iter().sum();
        let mean = |values: &[f64]| {
            if self.fit_intercept {
                let sum = values.iter().zip(data.weights).map(|(v, w)| v * w);
                sum.sum::<f64>() / all
            } else {
                0.0
            }
        };
        let means: Vec<f64> = (0..columns)
            .map(|c| mean(data.features.column(c)))
            .collect();
        let target = mean(data.numbers);
        // One triangle of the products, and the products with the numbers.
        let products = parallel::map(columns, data.run.threads, |a| {
            let weighted: Vec<f64> = data
                .features
                .column(a)
                .iter()
                .zip(data.weights)
                .map(|(value, weight)| (value - means[a]) * weight)
                .collect();
            let mut row: Vec<f64> = (0..=a)
                .map(|b| {
                    let others = data.features.column(b);
                    weighted
                        .iter()
                        .zip(others)
                        .map(|(x, y)| x * (y - means[b]))
                        .sum()
                })
                .collect();
            row[a] += self.alpha;
            let with_target: f64 = weighted
                .iter()
                .zip(data.numbers)
                .map(|(x, y)| x * (y - target))
                .sum();
            (row, with_target)
        });
        let (matrix, right): (Vec<Vec<f64>>, Vec<f64>) = products.into_iter().unzip();
        let coefficients = solve(matrix, right);
        let sum: f64 = coefficients
            .iter()
            .zip(&means)
            .map(|(w, mean)| w * mean)
            .sum();
        NumberCore::Linear(Linear {
            coefficients,
            intercepts: vec![target - sum],
        })
    }
}

/// Solves a symmetric system of which the lower triangle is given, by Cholesky's decomposition. A
/// column that depends on those before it gets weight 0.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for row in 0..size {
        let (before, rest) = matrix.split_at_mut(row);
        let this = &mut rest[0];
        for column in 0..row {
            let dot: f64 = this[..column]
                .iter()
                .zip(&before[column])
                .map(|(a, b)| a * b)
                .sum();
            let pivot = before[column][column];
            this[column] = if pivot > 0.0 {
                (this[column] - dot) / pivot
            } else {
                0.0
            };
        }
        let dot: f64 = this[..row].iter().map(|a| a * a).sum();
        let rest = this[row] - dot;
        this[row] = if rest > this[row].abs() * 1e-12 {
            rest.sqrt()
        } else {
            0.0
        };
    }
    for row in 0..size {
        let dot: f64 = matrix[row][..row]
            .iter()
            .zip(&right)
            .map(|(a, b)| a * b)
            .sum();
        let pivot = matrix[row][row];
        right[row] = if pivot > 0.0 {
            (right[row] - dot) / pivot
        } else {
            0.0
        };
    }
    for row in (0..size).rev() {
        let dot: f64 = (row + 1..size)
            .map(|below| matrix[below][row] * right[below])
            .sum();
        let pivot = matrix[row][row];
        right[row] = if pivot > 0.0 {
            (right[row] - dot) / pivot
        } else {
            0.0
        };
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Run;
    use crate::numeric::Features;

    fn learn(
        params: &RidgeParams,
        columns: Vec<Vec<f64>>,
        numbers: &[f64],
        weights: &[f64],
    ) -> Linear {
        let names = (0..columns.len()).map(|c| format!("c{c}")).collect();
        let features = Features::new(
            names,
            columns.into_iter().map(Into::into).collect(),
            numbers.len(),
        );
        let core = params.learn_numbers(&Numbered {
            features: &features,
            numbers,
            weights,
            run: Run {
                seed: 0,
                threads: 2,
            },
        });
        let NumberCore::Linear(linear) = core else {
            panic!("a weighted sum");
        };
        linear
    }

    #[test]
    fn as_scikit_learn() {
        // Ridge(alpha=2.0).fit(X, y, sample_weight) of scikit-learn 1.9.
        let a = vec![1.0, 2.0, 3.0, 4.0, 5.0];
        let b = vec![2.0, 1.0, 0.0, 1.0, 7.0];
        let y = [1.0, 3.0, 2.0, 5.0, 4.0];
        let params = RidgeParams {
            alpha: 2.0,
            ..RidgeParams::default()
        };
        let linear = learn(&params, vec![a, b], &y, &[1.0, 2.0, 1.0, 1.0, 0.5]);
        for (value, expected) in linear.coefficients.iter().zip(EXPECTED) {
            assert!((value - expected).abs() < 1e-9, "{value} {expected}");
        }
        assert!((linear.intercepts[0] - EXPECTED[2]).abs() < 1e-9);
    }

    const EXPECTED: [f64; 3] = [
        0.694_444_444_444_444_3,
        -0.062_003_968_253_968_25,
        1.174_107_142_857_143_2,
    ];

    #[test]
    fn columns_that_say_the_same_do_no_harm() {
        let a: Vec<f64> = (0..20).map(f64::from).collect();
        let y: Vec<f64> = a.iter().map(|a| 3.0 * a + 1.0).collect();
        let params = RidgeParams {
            alpha: 0.0,
            ..RidgeParams::default()
        };
        let linear = learn(&params, vec![a.clone(), a, vec![1.0; 20]], &y, &[1.0; 20]);
        assert!((linear.coefficients[0] + linear.coefficients[1] - 3.0).abs() < 1e-9);
        assert!(linear.is_sound(3, 1));
    }
}
