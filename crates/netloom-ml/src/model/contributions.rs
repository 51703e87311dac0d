//! What each column adds to a prediction.

use super::Input;

/// For each row what each column adds to what the model tells: with [`base`](Self::base), the
/// contributions of a row sum to what it tells of it, in the units of [`unit`](Self::unit).
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    columns: Vec<String>,
    base: Vec<f64>,
    values: Vec<f64>,
    unit: &'static str,
}

impl Contributions {
    /// Sums what columns add that are made from the same input.
    pub(crate) fn of_inputs(
        inputs: &[Input],
        sources: &[u32],
        base: Vec<f64>,
        rows: &[Vec<f64>],
        unit: &'static str,
    ) -> Self {
        let width = base.len();
        let mut values = vec![0.0; rows.len() * inputs.len() * width];
        for (place, row) in rows.iter().enumerate() {
            for (added, &source) in row.chunks(width.max(1)).zip(sources) {
                let from = (place * inputs.len() + source as usize) * width;
                for (sum, one) in values[from..from + width].iter_mut().zip(added) {
                    *sum += one;
                }
            }
        }
        Self {
            columns: inputs.iter().map(|input| input.name.clone()).collect(),
            base,
            values,
            unit,
        }
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// What the model tells of a row that nothing is known of: a number for each class.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// `probability`, or `log-odds` for models whose probabilities are made of a sum.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / (self.columns.len() * self.base.len()).max(1)
    }

    /// What each column adds for a row and a class, in the order of [`columns`](Self::columns).
    pub fn of(&self, row: usize, class: usize) -> impl Iterator<Item = f64> + '_ {
        let width = self.base.len();
        let from = row * self.columns.len() * width;
        (0..self.columns.len()).map(move |column| self.values[from + column * width + class])
    }
}
