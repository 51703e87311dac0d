//! Histograms of gradients: what a node's questions are weighed by.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

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

/// Threads that wait between the many small pieces of work of a fit.
pub(super) struct Workers(Option<ThreadPool>);

impl Workers {
    /// So many threads; where they cannot be had, the caller's alone.
    pub(super) fn new(threads: usize) -> Self {
        Self(if threads > 1 {
            ThreadPoolBuilder::new().num_threads(threads).build().ok()
        } else {
            None
        })
    }

    /// Work on each item; items must not depend on each other.
    pub(super) fn each<T: Send, R: Send>(
        &self,
        items: &mut [T],
        work: impl Fn(usize, &mut T) -> R + Sync,
    ) -> Vec<R> {
        match &self.0 {
            None => items
                .iter_mut()
                .enumerate()
                .map(|(place, item)| work(place, item))
                .collect(),
            Some(pool) => pool.install(|| {
                items
                    .par_iter_mut()
                    .enumerate()
                    .map(|(place, item)| work(place, item))
                    .collect()
            }),
        }
    }
}
