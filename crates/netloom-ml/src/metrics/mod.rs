//! How good predictions are: scikit-learn's names and definitions.
//!
//! Everything here works on plain slices: true classes, predicted classes, and probabilities or
//! scores. Classes are numbers `0..n`; what they are called is the business of whoever shows
//! them. Each value is checked against scikit-learn 1.9 in the tests beside it.
//!
//! A value that is not defined (the area under a curve of a single class, say) is `None` and
//! never a number that looks like one.
//!
//! ```
//! use netloom_ml::metrics::{ConfusionMatrix, Ranking};
//!
//! let confusion = ConfusionMatrix::new(&[0, 0, 1, 1], &[0, 1, 1, 1], 2);
//! assert_eq!(confusion.accuracy(), Some(0.75));
//!
//! let ranking = Ranking::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8]);
//! assert_eq!(ranking.roc_auc(), Some(0.75));
//! ```

mod alerts;
mod bootstrap;
mod clustering;
mod confusion;
mod probability;
mod ranking;

pub use alerts::{AlertLoad, alert_load};
pub use bootstrap::{Bootstrap, Interval};
pub use clustering::{adjusted_rand_score, normalized_mutual_info_score};
pub use confusion::{Average, ClassScores, ConfusionMatrix};
pub use probability::{
    CalibrationBin, CalibrationStrategy, brier_score_loss, calibration_curve,
    expected_calibration_error, log_loss,
};
pub use ranking::{CurvePoint, Ranking, average_precision_macro, one_vs_rest, roc_auc_ovr_macro};

#[cfg(test)]
mod tests;
