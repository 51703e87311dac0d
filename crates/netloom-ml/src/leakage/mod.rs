//! Whether a score may be better than the model: what of the test was there to learn.
//!
//! Rows that are on both sides of a split are remembered, not told; a column that is the label
//! under another name tells nothing that would be known in use. Both make scores that no use of
//! the model will reach (Kaufman et al., "Leakage in data mining", KDD 2011; Arp et al., USENIX
//! Security 2022, pitfalls 3 and 4).

mod columns;
mod rows;

pub use columns::{ColumnScores, single_columns};
pub use rows::{NEAR, RowLeakage, row_leakage};

/// How to look for leakage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeakageOptions {
    /// Seed of the rows that are looked at where there are too many.
    pub seed: u64,
    /// Threads that work; the result is the same for any number.
    pub threads: usize,
}

#[cfg(test)]
mod tests;
