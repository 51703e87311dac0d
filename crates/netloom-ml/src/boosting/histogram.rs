//! Histograms of gradients: what a node's questions are weighed by.

use crate::tree::BinnedColumn;

/// Bins of a column: those of values, and one for what is missing.
pub(super) const BINS: usize = 256;

/// Sums over the rows of a bin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bin {
    pub(super) gradient: f64,
    pub(super) hessian: f64,
}

/// A column's histogram.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    pub(super) bins: [Bin; BINS],
    pub(super) counts: [u32; BINS],
}

impl Histogram {
    pub(super) const EMPTY: Self = Self {
        bins: [Bin {
            gradient: 0.0,
            hessian: 0.0,
        }; BINS],
        counts: [0; BINS],
    };

    /// Sums up rows; `slopes` are theirs, in their order.
    pub(super) fn fill(&mut self, column: &BinnedColumn, rows: &[u32], slopes: &[(f32, f32)]) {
        *self = Self::EMPTY;
        for (&row, &(gradient, hessian)) in rows.iter().zip(slopes) {
            let bin = usize::from(column.bins[row as usize]);
            let sums = &mut self.bins[bin];
            sums.gradient += f64::from(gradient);
            sums.hessian += f64::from(hessian);
            self.counts[bin] += 1;
        }
    }

    /// What is left of a parent's without one child's.
    pub(super) fn subtract(&mut self, child: &Self) {
        for (sums, other) in self.bins.iter_mut().zip(&child.bins) {
            sums.gradient -= other.gradient;
            sums.hessian -= other.hessian;
        }
        for (count, other) in self.counts.iter_mut().zip(&child.counts) {
            *count -= other;
        }
    }
}
