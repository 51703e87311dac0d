//! (in the making)
pub mod report;
