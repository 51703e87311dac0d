//! Logistic regression by stochastic gradient descent: one row after the other.

use serde::{Deserialize, Serialize};

use crate::boosting::{sigmoid, softmax};
use crate::chance::Chance;
use crate::error::Error;
use crate::linear::Linear;
use crate::preprocess::Preprocessing;
use crate::supervised::{ClassWeight, Core, Labelled, Learn};

/// Parameters of logistic regression by stochastic gradient descent, as scikit-learn's
/// `SGDClassifier(loss='log_loss')`.
///
/// After each row the weights take a step of size `1 / α(t₀ + t)` (Bottou's, scikit-learn's
/// `learning_rate='optimal'`) against the slope of its loss and of `α |w|² / 2`; t counts the rows of
/// all fits, so that what is learned later moves less what is known. More than two classes are
/// learned together, by softmax, and not each against the rest. An epoch takes O(n m classes).
/// Columns are scaled first, by the rows of the first fit.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, Run, SgdParams, Values};
///
/// let table = |from: u32| {
///     Dataset::new(vec![("score", Values::numbers((from..from + 40).map(f64::from)))])?
///         .with_classes((from..from + 40).map(|score| if score < 20 { "no" } else { "yes" }))
/// };
/// let model = SgdParams::default().fit(&table(0)?, Run::default())?;
/// let more = model.partial_fit(&table(10)?, Run::default())?.unwrap();
/// assert_eq!(more.predict_proba(&table(0)?, 1)?.predicted()[..3], [0, 0, 0]);
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdParams {
    /// How much large weights cost.
    pub alpha: f64,
    /// Epochs at most; a partial fit is one.
    pub max_iter: usize,
    /// By how much the loss must fall to have fallen.
    pub tol: f64,
    /// Epochs after which it stops when the loss has not fallen.
    pub n_iter_no_change: usize,
    /// Whether a constant is added.
    pub fit_intercept: bool,
    /// How much rows of each class count in the first fit.
    pub class_weight: ClassWeight,
}

impl Default for SgdParams {
    fn default() -> Self {
        Self {
            alpha: 1e-4,
            max_iter: 1000,
            tol: 1e-3,
            n_iter_no_change: 5,
            fit_intercept: true,
            class_weight: ClassWeight::None,
        }
    }
}

impl Learn for SgdParams {
    const NAME: &'static str = "sgd";

    fn preprocessing(&self) -> Preprocessing {
        Preprocessing::SCALED
    }

    fn class_weight(&self) -> &ClassWeight {
        &self.class_weight
    }

    fn check(&self) -> Result<(), Error> {
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return Err(Error::parameter("alpha", &self.alpha, "above 0"));
        }
        if !self.tol.is_finite() {
            return Err(Error::parameter("tol", &self.tol, "a number"));
        }
        for (name, value) in [
            ("max_iter", self.max_iter),
            ("n_iter_no_change", self.n_iter_no_change),
        ] {
            if value == 0 {
                return Err(Error::parameter(name, &value, "1 or more"));
            }
        }
        Ok(())
    }

    fn learn(&self, data: &Labelled<'_>) -> Result<Core, Error> {
        let outputs = if data.classes == 2 { 1 } else { data.classes };
        let mut sgd = Sgd {
            params: self.clone(),
            linear: Linear {
                coefficients: vec![0.0; data.features.len() * outputs],
                intercepts: vec![0.0; outputs],
            },
            steps: 0,
        };
        let rows = data.features.matrix();
        let mut best = f64::INFINITY;
        let mut unchanged = 0;
        for epoch in 0..self.max_iter {
            let loss = sgd.epoch(data, rows.values(), epoch as u64);
            if loss > best - self.tol {
                unchanged += 1;
            } else {
                unchanged = 0;
            }
            best = best.min(loss);
            if unchanged >= self.n_iter_no_change {
                break;
            }
        }
        Ok(Core::Sgd(sgd))
    }
}

/// Weights on their way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sgd {
    params: SgdParams,
    pub(crate) linear: Linear,
    /// Rows that were learned.
    steps: u64,
}

/// A slope is cut off here, so that one row cannot carry the weights away.
const MOST: f64 = 1e12;

impl Sgd {
    /// Learns more rows, each once.
    pub(crate) fn go_on(&mut self, data: &Labelled<'_>) {
        // What is far beyond all that was scaled by must not carry the weights away.
        let rows = data.features.matrix();
        let rows: Vec<f64> = rows.values().iter().map(|v| v.clamp(-1e6, 1e6)).collect();
        self.epoch(data, &rows, self.steps);
    }

    /// Learns each row once, in an order drawn from the seed; the mean of the losses before.
    fn epoch(&mut self, data: &Labelled<'_>, rows: &[f64], part: u64) -> f64 {
        let columns = data.features.len();
        let outputs = self.linear.outputs();
        let alpha = self.params.alpha;
        let first_step = first_step(alpha);
        let mut order: Vec<usize> = (0..data.codes.len())
            .filter(|&row| data.weights[row] > 0.0)
            .collect();
        Chance::of(data.run.seed, 0x7367_6400 ^ part).shuffle(&mut order);
        // The weights are `scale` times what stands there: shrinking them is one product.
        let mut scale = 1.0;
        let (mut sum, mut all) = (0.0, 0.0);
        let mut told = vec![0.0; outputs];
        let Linear {
            coefficients,
            intercepts,
        } = &mut self.linear;
        for row in order {
            let values = &rows[row * columns..(row + 1) * columns];
            let (code, weight) = (data.codes[row] as usize, data.weights[row]);
            for ((told, of), intercept) in told
                .iter_mut()
                .zip(coefficients.chunks(columns.max(1)))
                .zip(&*intercepts)
            {
                let product: f64 = of.iter().zip(values).map(|(a, b)| a * b).sum();
                *told = scale * product + intercept;
            }
            let loss = if let [f] = &mut told[..] {
                let loss = f.max(0.0) + (-f.abs()).exp().ln_1p() - code as f64 * *f;
                *f = sigmoid(*f) - code as f64;
                loss
            } else {
                softmax(&mut told);
                let loss = -told[code].max(f64::MIN_POSITIVE).ln();
                told[code] -= 1.0;
                loss
            };
            sum += weight * loss;
            all += weight;
            let eta = 1.0 / (alpha * (first_step + self.steps as f64));
            self.steps += 1;
            scale *= (1.0 - eta * alpha).max(0.0);
            if scale < 1e-9 {
                for coefficient in coefficients.iter_mut() {
                    *coefficient *= scale;
                }
                scale = 1.0;
            }
            for ((slope, of), intercept) in told
                .iter()
                .zip(coefficients.chunks_mut(columns.max(1)))
                .zip(&mut *intercepts)
            {
                let step = (-eta * weight * slope).clamp(-MOST, MOST);
                for (coefficient, value) in of.iter_mut().zip(values) {
                    *coefficient += step / scale * value;
                }
                if self.params.fit_intercept {
                    *intercept += step;
                }
            }
        }
        for coefficient in coefficients {
            *coefficient *= scale;
        }
        sum / all.max(f64::MIN_POSITIVE)
    }

    pub(crate) fn is_sound(&self, columns: usize, outputs: usize) -> bool {
        self.linear.is_sound(columns, outputs) && self.params.check().is_ok()
    }
}

/// t₀: so that the first steps are about as large as the weights are expected to become.
fn first_step(alpha: f64) -> f64 {
    let typical = (1.0 / alpha.sqrt()).sqrt();
    // The slope of the loss at −typical for a row of the second class.
    let slope = sigmoid(-typical) - 1.0;
    1.0 / (typical / slope.abs().max(1.0) * alpha)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Run;
    use crate::numeric::Features;

    #[test]
    fn near_the_least_loss() {
        // Two columns of which the first tells more; L-BFGS on the same loss is the measure.
        let mut chance = Chance::new(9);
        let rows = 4000;
        let a: Vec<f64> = (0..rows).map(|_| chance.normal()).collect();
        let b: Vec<f64> = (0..rows).map(|_| chance.normal()).collect();
        let codes: Vec<u32> = a
            .iter()
            .zip(&b)
            .map(|(a, b)| u32::from(2.0 * a - b + 0.5 + chance.normal() > 0.0))
            .collect();
        let features = Features::new(
            ["a".to_owned(), "b".to_owned()].into(),
            vec![a.into(), b.into()],
            rows,
        );
        let data = Labelled {
            features: &features,
            codes: &codes,
            weights: &vec![1.0; rows],
            classes: 2,
            run: Run::default(),
        };
        let alpha = 1e-3;
        let Ok(Core::Sgd(mut sgd)) = (SgdParams {
            alpha,
            ..SgdParams::default()
        })
        .learn(&data) else {
            panic!("weights");
        };
        let Ok(Core::Logistic(least)) = (crate::LogisticRegressionParams {
            c: 1.0 / (alpha * rows as f64),
            ..crate::LogisticRegressionParams::default()
        })
        .learn(&data) else {
            panic!("weights");
        };
        let apart = |linear: &Linear| {
            let pairs = linear.coefficients.iter().zip(&least.coefficients);
            pairs.map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max)
        };
        assert!(apart(&sgd.linear) < 0.1, "{:?} {least:?}", sgd.linear);
        // More of the same changes little.
        let before = sgd.steps;
        sgd.go_on(&data);
        assert_eq!(sgd.steps, before + rows as u64);
        assert!(apart(&sgd.linear) < 0.1, "{:?} {least:?}", sgd.linear);
        assert!(sgd.is_sound(2, 1));
    }
}
