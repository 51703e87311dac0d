//! What the models here share: a table of numbers, work over threads, and
//! statistics that outliers do not move.

mod matrix;
pub(crate) mod parallel;
pub(crate) mod statistics;

pub use matrix::Matrix;
