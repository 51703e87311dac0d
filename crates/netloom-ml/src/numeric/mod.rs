//! What the models here share: a table of numbers, work over threads, and
//! statistics that outliers do not move.

pub(crate) mod distance;
mod features;
mod matrix;
pub(crate) mod parallel;
pub(crate) mod scaler;
pub(crate) mod statistics;
mod workers;

pub use features::Features;
pub use matrix::Matrix;
pub(crate) use workers::Workers;
