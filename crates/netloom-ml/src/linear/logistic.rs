//! Logistic regression: weighted sums that are log-odds.

use serde::{Deserialize, Serialize};

use super::{Linear, lbfgs};
use crate::boosting::{sigmoid, softmax};
use crate::error::Error;
use crate::numeric::parallel;
use crate::preprocess::Preprocessing;
use crate::supervised::{ClassWeight, Core, Labelled, Learn};

/// Parameters of logistic regression, as scikit-learn's `LogisticRegression`.
///
/// The weights `w` that make `Σ loss(y, Xw) + |w|² / 2C` least: for two classes the log-odds of the
/// second are `Xw + b` and the loss is `log(1 + exp(−±(Xw + b)))`; for more each class has weights
/// of its own and the probabilities are softmax of the sums. Found by L-BFGS (Liu and Nocedal,
/// Mathematical Programming 45, 1989), an iteration of which takes O(n m classes) for n rows and m
/// columns. Columns are scaled first, unless another preprocessing is given.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, LogisticRegressionParams, Run, Values};
///
/// let data = Dataset::new(vec![("score", Values::numbers((0..40).map(f64::from)))])?
///     .with_classes((0..40).map(|score| if score < 20 { "no" } else { "yes" }))?;
/// let model = LogisticRegressionParams::default().fit(&data, Run::default())?;
/// let told = model.predict_proba(&data, 1)?;
/// let yes: Vec<f64> = told.of(1).collect();
/// assert!(yes.is_sorted(), "the larger the score, the likelier");
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticRegressionParams {
    /// The inverse of how much large weights cost.
    #[serde(rename = "C")]
    pub c: f64,
    /// Whether a constant is added.
    pub fit_intercept: bool,
    /// It stops when no part of the gradient is larger.
    pub tol: f64,
    /// Iterations at most.
    pub max_iter: usize,
    /// How much rows of each class count.
    pub class_weight: ClassWeight,
}

impl Default for LogisticRegressionParams {
    fn default() -> Self {
        Self {
            c: 1.0,
            fit_intercept: true,
            tol: 1e-4,
            max_iter: 100,
            class_weight: ClassWeight::None,
        }
    }
}

/// Rows that are summed up by themselves, so that the sum does not depend on the threads.
const BLOCK: usize = 1024;

impl Learn for LogisticRegressionParams {
    const NAME: &'static str = "logistic-regression";

    fn preprocessing(&self) -> Preprocessing {
        Preprocessing::SCALED
    }

    fn class_weight(&self) -> &ClassWeight {
        &self.class_weight
    }

    fn check(&self) -> Result<(), Error> {
        if !(self.c.is_finite() && self.c > 0.0) {
            return Err(Error::parameter("C", &self.c, "above 0"));
        }
        if !(self.tol.is_finite() && self.tol > 0.0) {
            return Err(Error::parameter("tol", &self.tol, "above 0"));
        }
        if self.max_iter == 0 {
            return Err(Error::parameter("max_iter", &self.max_iter, "1 or more"));
        }
        Ok(())
    }

    fn learn(&self, data: &Labelled<'_>) -> Result<Core, Error> {
        let columns = data.features.len();
        let outputs = if data.classes == 2 { 1 } else { data.classes };
        let problem = Problem {
            rows: data.features.matrix().values().to_vec(),
            columns,
            outputs,
            codes: data.codes,
            weights: data.weights,
            all: data.weights.iter().sum(),
            intercept: self.fit_intercept,
            threads: data.run.threads,
            penalty: 1.0 / self.c,
        };
        let stop = lbfgs::Stop {
            iterations: self.max_iter,
            gradient: self.tol,
            change: 64.0 * f64::EPSILON,
        };
        let start = vec![0.0; (columns + 1) * outputs];
        let (found, _) = lbfgs::minimise(start, stop, |x, gradient| problem.loss(x, gradient));
        let (coefficients, intercepts) = found.split_at(columns * outputs);
        Ok(Core::Logistic(Linear {
            coefficients: coefficients.to_vec(),
            intercepts: intercepts.to_vec(),
        }))
    }
}

/// What is to be made least.
struct Problem<'a> {
    /// Row after row.
    rows: Vec<f64>,
    columns: usize,
    outputs: usize,
    codes: &'a [u32],
    weights: &'a [f64],
    /// The sum of the weights, by which the loss is divided.
    all: f64,
    intercept: bool,
    threads: usize,
    penalty: f64,
}

impl Problem<'_> {
    /// The mean loss and the cost of large weights, and the gradient.
    fn loss(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let blocks = self.weights.len().div_ceil(BLOCK);
        let parts = parallel::map(blocks, self.threads, |block| self.block(block, x));
        let mut value = 0.0;
        gradient.fill(0.0);
        for (part, of_part) in parts {
            value += part;
            for (sum, one) in gradient.iter_mut().zip(of_part) {
                *sum += one;
            }
        }
        let coefficients = self.columns * self.outputs;
        for ((place, sum), weight) in gradient.iter_mut().enumerate().zip(x) {
            if place < coefficients {
                value += 0.5 * self.penalty * weight * weight;
                *sum += self.penalty * weight;
            } else if !self.intercept {
                *sum = 0.0;
            }
            *sum /= self.all;
        }
        value / self.all
    }

    /// Loss and gradient of a block of rows; each row is looked at once.
    fn block(&self, block: usize, x: &[f64]) -> (f64, Vec<f64>) {
        let from = block * BLOCK;
        let to = ((block + 1) * BLOCK).min(self.weights.len());
        let (coefficients, intercepts) = x.split_at(self.columns * self.outputs);
        let mut gradient = vec![0.0; x.len()];
        let mut value = 0.0;
        let mut sums = vec![0.0; self.outputs];
        for row in from..to {
            let values = &self.rows[row * self.columns..(row + 1) * self.columns];
            for (output, sum) in sums.iter_mut().enumerate() {
                let of = &coefficients[output * self.columns..(output + 1) * self.columns];
                *sum = intercepts[output] + dot(values, of);
            }
            let weight = self.weights[row];
            let code = self.codes[row] as usize;
            if let [f] = &mut sums[..] {
                let is = code as f64;
                value += weight * (f.max(0.0) + (-f.abs()).exp().ln_1p() - is * *f);
                *f = sigmoid(*f) - is;
            } else {
                let told = sums[code];
                let most = sums.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
                let sum: f64 = sums.iter().map(|f| (f - most).exp()).sum();
                value += weight * (sum.ln() + most - told);
                softmax(&mut sums);
                sums[code] -= 1.0;
            }
            let (of_coefficients, of_intercepts) =
                gradient.split_at_mut(self.columns * self.outputs);
            for (output, difference) in sums.iter().enumerate() {
                let slope = weight * difference;
                of_intercepts[output] += slope;
                let of = &mut of_coefficients[output * self.columns..(output + 1) * self.columns];
                for (sum, value) in of.iter_mut().zip(values) {
                    *sum += slope * value;
                }
            }
        }
        (value, gradient)
    }
}

/// Eight sums side by side, which a processor can do at once.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

impl Linear {
    /// The sums as log-odds: probabilities of the classes.
    pub(crate) fn predict_proba(
        &self,
        features: &crate::numeric::Features,
        threads: usize,
    ) -> Vec<f64> {
        let mut raw = self.raw(features, threads);
        if self.outputs() == 1 {
            return raw
                .iter()
                .flat_map(|f| {
                    let p = sigmoid(*f);
                    [1.0 - p, p]
                })
                .collect();
        }
        for row in raw.chunks_mut(self.outputs().max(1)) {
            softmax(row);
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Run;
    use crate::numeric::Features;

    fn learn(params: &LogisticRegressionParams, codes: &[u32], classes: usize) -> Linear {
        let a = vec![0.5, 1.5, 2.0, 3.5, 4.0, 5.0, 5.5, 6.0];
        let b = vec![1.0, 0.0, 1.0, 0.0, 2.0, 1.0, 0.0, 3.0];
        let features = Features::new(
            ["a".to_owned(), "b".to_owned()].into(),
            vec![a.into(), b.into()],
            8,
        );
        let core = params
            .learn(&Labelled {
                features: &features,
                codes,
                weights: &[1.0; 8],
                classes,
                run: Run {
                    seed: 0,
                    threads: 1,
                },
            })
            .unwrap();
        let Core::Logistic(linear) = core else {
            panic!("weighted sums");
        };
        linear
    }

    fn close(values: &[f64], expected: &[f64]) {
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-4, "{values:?} {expected}");
        }
    }

    #[test]
    fn as_scikit_learn() {
        // LogisticRegression(tol=1e-9) of scikit-learn 1.9 on the same rows.
        let params = LogisticRegressionParams {
            tol: 1e-9,
            ..LogisticRegressionParams::default()
        };
        let two = learn(&params, &[0, 0, 0, 1, 0, 1, 1, 1], 2);
        close(&two.coefficients, &TWO[..2]);
        close(&two.intercepts, &TWO[2..]);
        let three = learn(&params, &[0, 0, 0, 1, 1, 2, 2, 2], 3);
        close(&three.coefficients, &THREE);
    }

    const TWO: [f64; 3] = [1.119_745_589_9, -0.505_023_004_9, -3.521_484_64];
    const THREE: [f64; 6] = [
        -1.081_194_511_3,
        -0.019_963_511_2,
        0.000_870_059_2,
        0.045_809_848_6,
        1.080_324_452_1,
        -0.025_846_337_5,
    ];
}
