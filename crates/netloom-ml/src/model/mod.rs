//! What all models have in common: parameters learn from a dataset, and what they learned tells
//! something of another.
//!
//! ```text
//! ClassifierParams ── fit(&Dataset, Run) ──► Classifier ── predict_proba(&Dataset) ──► Probabilities
//! RegressorParams  ── fit(&Dataset, Run) ──► Regressor  ── predict(&Dataset)       ──► numbers
//! ```
//!
//! Both sides can be used as trait objects, so that cross-validation, calibration, `auto` and the
//! commands treat all models alike. A model holds its preprocessing: it is given a table as it is,
//! finds its columns by name, in any order, and refuses a table that lacks one.
//!
//! What a model learns depends on the data, the parameters and [`Run::seed`] alone, never on
//! [`Run::threads`] or the order of the columns.

mod probabilities;

use crate::dataset::{Dataset, Kind};
use crate::error::Error;

pub use probabilities::Probabilities;

/// How to learn, apart from what and from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Run {
    /// Where all chance comes from; scikit-learn's `random_state`.
    pub seed: u64,
    /// Threads that work (0 is one); the result is the same for any number.
    pub threads: usize,
}

/// A column that a model needs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// Parameters of a model that tells classes.
pub trait ClassifierParams: std::fmt::Debug + Send + Sync {
    /// The algorithm, as `--model` names it.
    fn algorithm(&self) -> &'static str;

    /// Parameters with their values, as scikit-learn names them.
    fn parameters(&self) -> Vec<(String, String)>;

    /// Learns the classes of a dataset.
    ///
    /// Rows of one class only are learned too: the model then tells that class of all.
    ///
    /// # Errors
    ///
    /// If there are no rows, columns or classes, or a parameter makes no sense.
    fn fit(&self, data: &Dataset, run: Run) -> Result<Box<dyn Classifier>, Error>;
}

/// A model that tells classes.
pub trait Classifier: std::fmt::Debug + Send + Sync {
    /// The algorithm, as `--model` names it.
    fn algorithm(&self) -> &'static str;

    /// The classes that it learned, sorted; those of [`Probabilities`].
    fn classes(&self) -> &[String];

    /// The columns that it needs.
    fn inputs(&self) -> &[Input];

    /// How likely each row is of each class. Columns that it does not know are ignored.
    ///
    /// # Errors
    ///
    /// If a column is missing or holds something else than what was learned.
    fn predict_proba(&self, data: &Dataset, threads: usize) -> Result<Probabilities, Error>;
}

/// Parameters of a model that tells numbers.
pub trait RegressorParams: std::fmt::Debug + Send + Sync {
    /// The algorithm, as `--model` names it.
    fn algorithm(&self) -> &'static str;

    /// Parameters with their values, as scikit-learn names them.
    fn parameters(&self) -> Vec<(String, String)>;

    /// Learns the numbers of a dataset.
    ///
    /// # Errors
    ///
    /// If there are no rows, columns or numbers, or a parameter makes no sense.
    fn fit(&self, data: &Dataset, run: Run) -> Result<Box<dyn Regressor>, Error>;
}

/// A model that tells numbers.
pub trait Regressor: std::fmt::Debug + Send + Sync {
    /// The algorithm, as `--model` names it.
    fn algorithm(&self) -> &'static str;

    /// The columns that it needs.
    fn inputs(&self) -> &[Input];

    /// A number for each row. Columns that it does not know are ignored.
    ///
    /// # Errors
    ///
    /// If a column is missing or holds something else than what was learned.
    fn predict(&self, data: &Dataset, threads: usize) -> Result<Vec<f64>, Error>;
}
