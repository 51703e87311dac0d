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

mod contributions;
mod file;
mod probabilities;
mod reference;

use crate::dataset::{Dataset, Kind, LeftOut};
use crate::error::Error;

pub use contributions::Contributions;
pub use file::{
    FORMAT_VERSION, Header, MAX_BYTES, ModelFile, ModelFileError, SavedClassifier, SavedRegressor,
};
pub use probabilities::Probabilities;
pub use reference::{Drift, Reference};

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

    /// Columns of the training table that it does not use, and why.
    fn left_out(&self) -> &[LeftOut] {
        &[]
    }

    /// How likely each row is of each class. Columns that it does not know are ignored.
    ///
    /// # Errors
    ///
    /// If a column is missing or holds something else than what was learned.
    fn predict_proba(&self, data: &Dataset, threads: usize) -> Result<Probabilities, Error>;

    /// What each column adds to what it tells of each row; none where it cannot say exactly.
    ///
    /// # Errors
    ///
    /// As for [`predict_proba`](Self::predict_proba).
    fn contributions(
        &self,
        data: &Dataset,
        threads: usize,
    ) -> Result<Option<Contributions>, Error> {
        _ = (data, threads);
        Ok(None)
    }

    /// How much it learned from each of its [`inputs`](Self::inputs), as far as the training rows
    /// show; sums to 1. Columns of many values look better here than they are: for what counts, see
    /// what the model loses on test rows when a column is shuffled.
    fn feature_importances(&self) -> Option<Vec<f64>> {
        None
    }

    /// A drawing of it that can be read, down to a depth, where it is a single tree.
    fn draw(&self, depth: usize) -> Option<String> {
        _ = depth;
        None
    }

    /// Why this family was chosen, where [`AutoParams`](crate::AutoParams) chose it.
    fn choice(&self) -> Option<&crate::auto::Choice> {
        None
    }

    /// The same model after further rows, as if they had come after those it has learned; none for
    /// a family that cannot go on. Preprocessing stays as the first rows made it.
    ///
    /// # Errors
    ///
    /// If there are no rows or classes, a column is missing, or a class is new to the model.
    fn partial_fit(&self, data: &Dataset, run: Run) -> Result<Option<Box<dyn Classifier>>, Error> {
        _ = (data, run);
        Ok(None)
    }

    /// What stands for it in a [`ModelFile`]; none if it cannot be saved.
    fn saved(&self) -> Option<SavedClassifier<'_>> {
        None
    }
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

    /// Columns of the training table that it does not use, and why.
    fn left_out(&self) -> &[LeftOut] {
        &[]
    }

    /// A number for each row. Columns that it does not know are ignored.
    ///
    /// # Errors
    ///
    /// If a column is missing or holds something else than what was learned.
    fn predict(&self, data: &Dataset, threads: usize) -> Result<Vec<f64>, Error>;

    /// What stands for it in a [`ModelFile`]; none if it cannot be saved.
    fn saved(&self) -> Option<SavedRegressor<'_>> {
        None
    }
}
