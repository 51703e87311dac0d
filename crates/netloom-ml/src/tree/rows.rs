//! Rows in single precision, one after the other.

use super::bins::single;
use crate::numeric::Features;

/// A table as it is looked at row by row.
///
/// A node of few rows looks at several columns of each: they stand on few lines of memory here, and
/// on as many as there are columns in a table of columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    values: Vec<f32>,
    columns: usize,
}

/// Rows that are turned at a time.
const BLOCK: usize = 512;

impl Rows {
    /// All rows of a table.
    pub(crate) fn new(features: &Features) -> Self {
        let mut this = Self {
            values: Vec::with_capacity(features.rows() * features.len()),
            columns: features.len(),
        };
        for first in (0..features.rows()).step_by(BLOCK) {
            let mut block = Self::default();
            block.fill(features, first..(first + BLOCK).min(features.rows()));
            this.values.extend_from_slice(&block.values);
        }
        this
    }

    /// Some rows of a table, in place of what was there.
    pub(crate) fn fill(&mut self, features: &Features, rows: std::ops::Range<usize>) {
        let columns = features.len();
        self.columns = columns;
        self.values.clear();
        self.values.resize(rows.len() * columns, 0.0);
        for column in 0..columns {
            for (value, cell) in features.column(column)[rows.clone()]
                .iter()
                .zip(self.values.iter_mut().skip(column).step_by(columns))
            {
                *cell = single(*value);
            }
        }
    }

    /// Some rows of another, in place of what was there.
    pub(super) fn copy(&mut self, other: &Self, rows: &[u32]) {
        self.columns = other.columns;
        self.values.clear();
        for &row in rows {
            self.values.extend_from_slice(other.of(row));
        }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// A row's values.
    #[inline]
    pub(crate) fn of(&self, row: u32) -> &[f32] {
        let from = row as usize * self.columns;
        &self.values[from..from + self.columns]
    }

    /// All values, row after row.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }
}
