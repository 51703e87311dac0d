//! Threads that stay.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads that wait between the many small pieces of work of a fit.
pub(crate) struct Workers(Option<ThreadPool>);

impl Workers {
    /// So many threads; where they cannot be had, the caller's alone.
    pub(crate) fn new(threads: usize) -> Self {
        Self(if threads > 1 {
            ThreadPoolBuilder::new().num_threads(threads).build().ok()
        } else {
            None
        })
    }

    /// Work on each item; items must not depend on each other.
    pub(crate) fn each<T: Send, R: Send>(
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
