//! Models that add columns up.

mod lbfgs;
mod logistic;
mod ridge;

use serde::{Deserialize, Serialize};

use crate::numeric::{Features, parallel};

pub use logistic::LogisticRegressionParams;
pub use ridge::RidgeParams;

/// Weighted sums of the columns: one, or one for each class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Linear {
    /// For each output a weight for each column.
    pub(crate) coefficients: Vec<f64>,
    /// What is added to each output.
    pub(crate) intercepts: Vec<f64>,
}

/// Rows that a thread takes at a time.
const BLOCK: usize = 2048;

impl Linear {
    pub(crate) fn outputs(&self) -> usize {
        self.intercepts.len()
    }

    /// The sums, row after row.
    pub(crate) fn raw(&self, features: &Features, threads: usize) -> Vec<f64> {
        let outputs = self.outputs();
        let blocks = features.rows().div_ceil(BLOCK);
        parallel::map(blocks, threads, |block| {
            let rows = block * BLOCK..((block + 1) * BLOCK).min(features.rows());
            let mut sums: Vec<f64> = self
                .intercepts
                .iter()
                .copied()
                .cycle()
                .take(rows.len() * outputs)
                .collect();
            let columns = features.len();
            for column in 0..columns {
                let values = &features.column(column)[rows.clone()];
                for (row, value) in sums.chunks_mut(outputs.max(1)).zip(values) {
                    for (output, sum) in row.iter_mut().enumerate() {
                        *sum += value * self.coefficients[output * columns + column];
                    }
                }
            }
            sums
        })
        .concat()
    }

    pub(crate) fn is_sound(&self, columns: usize, outputs: usize) -> bool {
        self.outputs() == outputs
            && columns.checked_mul(outputs) == Some(self.coefficients.len())
            && self
                .coefficients
                .iter()
                .chain(&self.intercepts)
                .all(|number| number.is_finite())
    }
}
