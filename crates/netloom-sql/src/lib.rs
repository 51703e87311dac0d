//! SQL over captures and files of tables.
//!
//! It is the only crate that knows DataFusion.

pub use datafusion::error::DataFusionError;
