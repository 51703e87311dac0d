//! Columns of numbers, as algorithms see them after preprocessing.

use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use super::Matrix;

/// Named columns of numbers, each of them one piece of memory; a missing value is NaN.
///
/// Columns, not rows, because what learns looks at one column after the other: sorting and binning
/// 100,000 rows of 80 columns took a third of the time from columns that it took from rows. What
/// predicts looks at one row after the other, and takes [blocks of rows](Self::block).
#[derive(Debug, Clone, Default)]
pub struct Features {
    names: Arc<[String]>,
    columns: Vec<ScalarBuffer<f64>>,
    rows: usize,
}

impl Features {
    /// Columns with their names.
    ///
    /// # Panics
    ///
    /// If columns differ in length, or there are more or fewer names than columns.
    pub fn new(names: Arc<[String]>, columns: Vec<ScalarBuffer<f64>>, rows: usize) -> Self {
        assert_eq!(names.len(), columns.len(), "a name for each column");
        assert!(
            columns.iter().all(|column| column.len() == rows),
            "columns of one length"
        );
        Self {
            names,
            columns,
            rows,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Names of the columns.
    pub fn names(&self) -> &Arc<[String]> {
        &self.names
    }

    /// The values of a column.
    pub fn column(&self, column: usize) -> &[f64] {
        &self.columns[column]
    }

    /// Rows one after the other, written over what is in `block`.
    pub fn block(&self, rows: Range<usize>, block: &mut Vec<f64>) {
        let width = self.columns.len();
        block.clear();
        block.resize(rows.len() * width, 0.0);
        for (place, column) in self.columns.iter().enumerate() {
            for (value, cell) in column[rows.clone()]
                .iter()
                .zip(block.iter_mut().skip(place).step_by(width))
            {
                *cell = *value;
            }
        }
    }

    /// All rows, one after the other.
    pub fn matrix(&self) -> Matrix {
        let mut values = Vec::new();
        self.block(0..self.rows, &mut values);
        Matrix::new(values, self.columns.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_rows() {
        let features = Features::new(
            ["a".to_owned(), "b".to_owned()].into(),
            vec![vec![1.0, 2.0, 3.0].into(), vec![4.0, 5.0, 6.0].into()],
            3,
        );
        let mut block = vec![9.0];
        features.block(1..3, &mut block);
        assert_eq!(block, [2.0, 5.0, 3.0, 6.0]);
        assert_eq!(features.matrix().row(0), [1.0, 4.0]);
    }
}
