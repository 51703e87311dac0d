//! Gaussian naive Bayes: each column of each class is a bell curve of its own.

use serde::{Deserialize, Serialize};

use crate::boosting::softmax;
use crate::error::Error;
use crate::numeric::{Features, parallel};
use crate::preprocess::Preprocessing;
use crate::supervised::{Core, Labelled, Learn};

/// Parameters of Gaussian naive Bayes, as scikit-learn's `GaussianNB`.
///
/// Bayes' rule with columns taken as independent within a class and normally distributed:
/// `log p(k|x) = log p(k) − ½ Σⱼ (log 2πσ²ₖⱼ + (xⱼ − μₖⱼ)² / σ²ₖⱼ) + constant`. Means `μ` and
/// variances `σ²` are those of the class's rows; to every variance a share of the largest variance
/// of a column is added, so that constant columns divide nothing by 0. Learned in O(n m) for n rows
/// and m columns, told in O(m classes) a row.
///
/// ```
/// use netloom_ml::{ClassifierParams, Dataset, GaussianNBParams, Run, Values};
///
/// let data = Dataset::new(vec![("rtt_ms", Values::numbers([1.0, 2.0, 3.0, 40.0, 50.0, 60.0]))])?
///     .with_classes(["near", "near", "near", "far", "far", "far"])?;
/// let model = GaussianNBParams::default().fit(&data, Run::default())?;
/// assert_eq!(model.predict_proba(&data, 1)?.predicted(), [1, 1, 1, 0, 0, 0]);
/// # Ok::<(), netloom_ml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianNBParams {
    /// The share of the largest variance that is added to all.
    pub var_smoothing: f64,
}

impl Default for GaussianNBParams {
    fn default() -> Self {
        Self {
            var_smoothing: 1e-9,
        }
    }
}

impl Learn for GaussianNBParams {
    const NAME: &'static str = "naive-bayes";

    fn preprocessing(&self) -> Preprocessing {
        Preprocessing::FILLED
    }

    fn check(&self) -> Result<(), Error> {
        if self.var_smoothing.is_finite() && self.var_smoothing >= 0.0 {
            Ok(())
        } else {
            Err(Error::parameter(
                "var_smoothing",
                &self.var_smoothing,
                "0 or more",
            ))
        }
    }

    fn learn(&self, data: &Labelled<'_>) -> Result<Core, Error> {
        let classes = data.classes;
        let mut class_weights = vec![0.0; classes];
        for (&code, weight) in data.codes.iter().zip(data.weights) {
            class_weights[code as usize] += weight;
        }
        let rows = data.codes.len() as f64;
        // For each column means and variances of the classes, and the variance of all rows.
        let columns = parallel::map(data.features.len(), data.run.threads, |column| {
            let values = data.features.column(column);
            let mut means = vec![0.0; classes];
            let weighted = || values.iter().zip(data.codes).zip(data.weights);
            for ((value, &code), weight) in weighted() {
                means[code as usize] += weight * value;
            }
            for (mean, weight) in means.iter_mut().zip(&class_weights) {
                *mean /= weight.max(f64::MIN_POSITIVE);
            }
            let mut variances = vec![0.0; classes];
            for ((value, &code), weight) in weighted() {
                variances[code as usize] += weight * (value - means[code as usize]).powi(2);
            }
            for (variance, weight) in variances.iter_mut().zip(&class_weights) {
                *variance /= weight.max(f64::MIN_POSITIVE);
            }
            let mean = values.iter().sum::<f64>() / rows;
            let all = values
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f64>()
                / rows;
            (means, variances, all)
        });
        let largest = columns.iter().map(|(.., all)| *all).fold(0.0, f64::max);
        // Rows that are all alike still have a variance.
        let added = (self.var_smoothing * largest).max(f64::MIN_POSITIVE.sqrt());
        let all: f64 = class_weights.iter().sum();
        let mut bayes = NaiveBayes {
            log_priors: class_weights
                .iter()
                .map(|weight| (weight / all).ln())
                .collect(),
            means: Vec::with_capacity(classes * columns.len()),
            variances: Vec::with_capacity(classes * columns.len()),
            weights: class_weights,
            added,
        };
        for class in 0..classes {
            for (means, variances, _) in &columns {
                bayes.means.push(means[class]);
                bayes.variances.push(variances[class] + added);
            }
            // A class without weight is told of nothing.
            bayes.log_priors[class] = bayes.log_priors[class].max(f64::MIN / 4.0);
        }
        Ok(Core::NaiveBayes(bayes))
    }
}

/// Bell curves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NaiveBayes {
    log_priors: Vec<f64>,
    /// For each class those of its columns.
    means: Vec<f64>,
    variances: Vec<f64>,
    /// Weight of each class.
    weights: Vec<f64>,
    /// What was added to all variances.
    added: f64,
}

/// Rows that a thread takes at a time.
const BLOCK: usize = 1024;

impl NaiveBayes {
    /// Learns more rows, as if all had been learned together; what is added to variances stays.
    ///
    /// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    /// variances" (1979).
    pub(crate) fn go_on(&mut self, data: &Labelled<'_>) {
        let columns = data.features.len();
        for (class, old) in self.weights.iter_mut().enumerate() {
            let of_class =
                || (0..data.codes.len()).filter(move |&row| data.codes[row] as usize == class);
            let new: f64 = of_class().map(|row| data.weights[row]).sum();
            if new <= 0.0 {
                continue;
            }
            let all = *old + new;
            for column in 0..columns {
                let values = data.features.column(column);
                // Squares of what is further out are no numbers any more.
                let value = |row: usize| values[row].clamp(-1e100, 1e100);
                let weighted = || of_class().map(|row| (value(row), data.weights[row]));
                let mean = weighted().map(|(v, w)| v * w).sum::<f64>() / new;
                let squares: f64 = weighted().map(|(v, w)| w * (v - mean).powi(2)).sum();
                let place = class * columns + column;
                let apart = mean - self.means[place];
                let before = (self.variances[place] - self.added).max(0.0) * *old;
                let between = apart * apart * *old * new / all;
                self.means[place] += apart * new / all;
                self.variances[place] = (before + squares + between) / all + self.added;
            }
            *old = all;
        }
        let all: f64 = self.weights.iter().sum();
        for (prior, weight) in self.log_priors.iter_mut().zip(&self.weights) {
            *prior = (weight / all).ln().max(f64::MIN / 4.0);
        }
    }

    pub(crate) fn predict_proba(&self, features: &Features, threads: usize) -> Vec<f64> {
        let classes = self.log_priors.len();
        let columns = features.len();
        let constants: Vec<f64> = (0..classes)
            .map(|class| {
                let variances = &self.variances[class * columns..(class + 1) * columns];
                let logs = variances.iter().map(|v| (std::f64::consts::TAU * v).ln());
                self.log_priors[class] - 0.5 * logs.sum::<f64>()
            })
            .collect();
        parallel::map(features.rows().div_ceil(BLOCK), threads, |block| {
            let rows = block * BLOCK..((block + 1) * BLOCK).min(features.rows());
            let mut told: Vec<f64> = constants
                .iter()
                .copied()
                .cycle()
                .take(rows.len() * classes)
                .collect();
            for column in 0..columns {
                let values = &features.column(column)[rows.clone()];
                for (sums, value) in told.chunks_mut(classes).zip(values) {
                    for (class, sum) in sums.iter_mut().enumerate() {
                        let place = class * columns + column;
                        let distance = value - self.means[place];
                        *sum -= 0.5 * distance * distance / self.variances[place];
                    }
                }
            }
            for sums in told.chunks_mut(classes) {
                // So far from all that no number is small enough: as likely as before.
                if sums.iter().all(|sum| *sum == f64::NEG_INFINITY) {
                    sums.copy_from_slice(&self.log_priors);
                }
                softmax(sums);
            }
            told
        })
        .concat()
    }

    pub(crate) fn is_sound(&self, columns: usize, classes: usize) -> bool {
        let numbers = columns.checked_mul(classes);
        self.log_priors.len() == classes
            && self.weights.len() == classes
            && self.weights.iter().all(|w| w.is_finite() && *w >= 0.0)
            && self.added.is_finite()
            && self.added > 0.0
            && numbers == Some(self.means.len())
            && numbers == Some(self.variances.len())
            && self.variances.iter().all(|v| v.is_finite() && *v > 0.0)
            && self
                .means
                .iter()
                .chain(&self.log_priors)
                .all(|n| n.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Run;

    #[test]
    fn as_scikit_learn() {
        // GaussianNB().fit(X, y, sample_weight).predict_proba(X) of scikit-learn 1.9.
        let features = Features::new(
            ["a".to_owned(), "b".to_owned()].into(),
            vec![
                vec![1.0, 2.0, 4.0, 5.0, 9.0].into(),
                vec![0.0, 1.0, 0.0, 2.0, 1.0].into(),
            ],
            5,
        );
        let core = GaussianNBParams::default()
            .learn(&Labelled {
                features: &features,
                codes: &[0, 0, 1, 1, 1],
                weights: &[1.0, 2.0, 1.0, 1.0, 0.5],
                classes: 2,
                run: Run {
                    seed: 0,
                    threads: 1,
                },
            })
            .unwrap();
        let Core::NaiveBayes(bayes) = core else {
            panic!("bell curves");
        };
        let told = bayes.predict_proba(&features, 2);
        for (row, expected) in told.chunks(2).zip(EXPECTED) {
            assert!((row[1] - expected).abs() < 1e-9, "{} {expected}", row[1]);
        }
    }

    const EXPECTED: [f64; 5] = [
        0.025_793_106_516_101_724,
        0.033_156_577_235_234_956,
        0.999_960_829_714_026_1,
        0.999_999_999_995_642_6,
        1.0,
    ];
}
