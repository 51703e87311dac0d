//! Anomaly detection: how far rows are from what is normal.
//!
//! Batch detectors learn from a table and score another; online detectors score each row before
//! they learn from it. A score is higher the odder a row is, and never NaN.
//!
//! | detector | learns | best for |
//! |---|---|---|
//! | [`IsolationForest`] | batch | tables of any size, no tuning |
//! | [`NearestDistance`] | batch | what lies between groups of normal rows |
//! | [`Autoencoder`] | batch | columns that belong together and suddenly do not |
//! | [`HalfSpaceTrees`] | online | streams whose normal changes |
//! | [`RobustZScores`] | online or batch | per host, with reasons a person can check |
//! | [`kitsune`] | online | packets, each seen in its channel's context |
//!
//! ```
//! use netloom_ml::anomaly::{Detector, IsolationForestParams};
//! use netloom_ml::Matrix;
//!
//! let normal: Vec<[f64; 1]> = (0..100).map(|i| [f64::from(i % 10)]).collect();
//! let forest = IsolationForestParams::default().fit(&Matrix::from_rows(&normal), 1)?;
//! let scores = forest.scores(&Matrix::from_rows(&[[5.0], [100.0]]), 1);
//! assert!(scores[1] > scores[0]);
//! # Ok::<(), netloom_ml::anomaly::AnomalyError>(())
//! ```

mod autoencoder;
mod check;
mod detect;
pub mod drift;
mod half_space_trees;
mod isolation_forest;
pub mod kitsune;
mod nearest;
mod net;
mod robust;
mod table;
pub mod threshold;

pub use autoencoder::{Autoencoder, AutoencoderParams};
pub use detect::{
    DetectOptions, Detection, DetectorKind, Finding, detect, detect_online, detect_packets,
};
pub use half_space_trees::{HalfSpaceTrees, HalfSpaceTreesParams};
pub use isolation_forest::{IsolationForest, IsolationForestParams};
pub use nearest::{NearestDistance, NearestDistanceParams};
pub use robust::{Normal, RobustZScores, RobustZScoresParams};
pub use table::{Reason, Usual};

use crate::numeric::Matrix;

/// Scores rows by what it has learnt of normal ones.
pub trait Detector: Send + Sync {
    /// Columns it was taught.
    fn columns(&self) -> usize;

    /// A score for each row: higher is odder, never NaN. Rows have the columns it was taught;
    /// a missing value is NaN.
    fn scores(&self, rows: &Matrix, threads: usize) -> Vec<f64>;

    /// What each column adds to the score of a row, where the detector knows it itself.
    fn contributions(&self, row: &[f64]) -> Option<Vec<f64>> {
        let _ = row;
        None
    }
}

/// Why a detector could not learn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnomalyError {
    /// The table has no rows.
    #[error("there are no rows to learn from")]
    NoRows,
    /// The table has no columns.
    #[error("there are no columns to learn from")]
    NoColumns,
    /// A parameter makes no sense.
    #[error("{name} is {value}, but must be {must}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        must: String,
    },
}
