//! A table of numbers.

/// Numbers in rows, one row after the other; a missing value is NaN.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    values: Vec<f64>,
    columns: usize,
    rows: usize,
}

impl Matrix {
    /// A table of `columns` columns; what is left over after the last whole row is dropped.
    /// A table without columns has no rows.
    pub fn new(mut values: Vec<f64>, columns: usize) -> Self {
        let rows = values.len().checked_div(columns).unwrap_or(0);
        values.truncate(rows * columns);
        Self {
            values,
            columns,
            rows,
        }
    }

    /// A table of rows; each is cut, or filled with missing values, to the length of the first.
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Self {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let mut values = Vec::with_capacity(rows.len() * columns);
        for row in rows {
            let row = row.as_ref();
            values.extend(
                row.iter()
                    .copied()
                    .chain(std::iter::repeat(f64::NAN))
                    .take(columns),
            );
        }
        Self::new(values, columns)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A row; empty where there is none.
    pub fn row(&self, row: usize) -> &[f64] {
        let from = row.saturating_mul(self.columns);
        self.values
            .get(from..from.saturating_add(self.columns))
            .unwrap_or(&[])
    }

    /// A value; NaN where there is none.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.row(row).get(column).copied().unwrap_or(f64::NAN)
    }

    /// The values of a column, in the order of the rows.
    pub fn column(&self, column: usize) -> impl Iterator<Item = f64> + '_ {
        self.values
            .iter()
            .skip(column)
            .step_by(self.columns.max(1))
            .copied()
            .take(if column < self.columns { self.rows } else { 0 })
    }

    /// All rows.
    pub fn iter(&self) -> impl Iterator<Item = &[f64]> + '_ {
        self.values.chunks_exact(self.columns.max(1))
    }

    /// The rows named, in the order named.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.columns);
        for &row in rows {
            values.extend_from_slice(self.row(row));
        }
        Self::new(values, self.columns)
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns() {
        let table = Matrix::new(vec![1.0, 2.0, 3.0, 4.0, 5.0], 2);
        assert_eq!(table.rows(), 2);
        assert_eq!(table.row(1), [3.0, 4.0]);
        assert_eq!(table.column(1).collect::<Vec<_>>(), [2.0, 4.0]);
        assert_eq!(table.column(2).count(), 0);
        assert!(table.at(9, 0).is_nan());
        assert_eq!(table.select(&[1, 0]).row(0), [3.0, 4.0]);
        assert_eq!(Matrix::new(vec![1.0], 0).rows(), 0);
        assert_eq!(
            Matrix::from_rows(&[vec![1.0, 2.0], vec![3.0]]).at(1, 0),
            3.0
        );
    }
}
