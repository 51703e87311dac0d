//! The model card: what must be known before a model is trusted (Mitchell et al., "Model Cards
//! for Model Reporting", 2019), as facts that are stored with the model.
//!
//! A card says what the model learned from and what it was tested on, how it did beside the most
//! simple ways to do it, and what there is to be wary of. It holds no clock's time and nothing of
//! the machine, so that the same data and options give the same card.

use serde::{Deserialize, Serialize};

use crate::dataset::LeftOut;
use crate::evaluation::{Estimate, Evaluation};

/// Version of the card's fields: raised when one changes its meaning or goes.
pub const CARD_SCHEMA_VERSION: u32 = 1;

/// All facts of a model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelCard {
    /// Version of these fields.
    pub schema_version: u32,
    /// Version of netloom that made the model.
    pub netloom_version: String,
    /// What the model is.
    pub model: ModelFacts,
    /// What it was made from.
    pub data: DataFacts,
    /// What it learned from and what it was tested on.
    pub split: SplitFacts,
    /// What it is worth on the test part; with folds, of all of them together.
    pub evaluation: Option<Evaluation>,
    /// The scores of each fold of a cross-validation.
    pub folds: Vec<Fold>,
    /// The most simple ways to do it, on the same test part.
    pub baselines: Vec<Baseline>,
    /// Whether the score may be better than the model.
    pub leakage: LeakageFacts,
    /// What the score loses when a column is shuffled among the test rows.
    pub importances: Vec<Importance>,
    /// What to be wary of, the worst first.
    pub warnings: Vec<CardWarning>,
    /// Continued with new data: how it did before and after.
    pub updates: Vec<Update>,
}

/// What a model is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelFacts {
    /// Its algorithm, as `--model` names it.
    pub algorithm: String,
    /// Parameters with their values, as scikit-learn names them.
    pub parameters: Vec<(String, String)>,
    /// Seed.
    pub seed: u64,
    /// Why it was chosen among others: a line for each that was tried.
    pub chosen: Vec<Candidate>,
    /// How its probabilities were corrected; none if they were not.
    pub calibration: Option<CalibrationFacts>,
    /// A drawing of it that can be read, where it is small enough for one.
    pub drawing: Option<String>,
}

/// A model that was tried on a validation part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Candidate {
    /// Its algorithm.
    pub algorithm: String,
    /// Its score on the validation part.
    pub score: Option<f64>,
    /// What the score is.
    pub metric: String,
    /// Why it was left out, where it was.
    pub note: String,
    /// Whether it was taken.
    pub taken: bool,
}

/// How probabilities were corrected.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CalibrationFacts {
    /// `isotonic` or `sigmoid`.
    pub method: String,
    /// Rows held out for it.
    pub rows: u64,
}

/// What a model was made from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DataFacts {
    /// Files and tables, in their order.
    pub sources: Vec<Source>,
    /// What a row is: `row`, `flow`, `host in 60 s` and so on.
    pub row: String,
    /// Rows that have a label.
    pub rows: u64,
    /// Rows that were left out for having none.
    pub unlabelled: u64,
    /// The column that holds the label, or where else it is from.
    pub label: String,
    /// Classes with their rows on each side.
    pub classes: Vec<ClassRows>,
    /// The column that holds the time; none if there is none.
    pub time_column: Option<String>,
    /// Time of the first row, RFC 3339.
    pub first: Option<String>,
    /// Time of the last row.
    pub last: Option<String>,
    /// Columns that the model sees.
    pub columns: Vec<ColumnFacts>,
    /// Columns that it does not see, and why.
    pub left_out: Vec<LeftOut>,
}

/// A file or table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// `capture`, `csv`, `parquet`, `arrow`, `jsonl`, `query`.
    pub kind: String,
    /// Its rows.
    pub rows: u64,
}

/// A class and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClassRows {
    /// The class.
    pub class: String,
    /// Rows to learn from.
    pub train: u64,
    /// Rows to test on.
    pub test: u64,
}

/// A column that the model sees.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnFacts {
    /// Its name.
    pub name: String,
    /// `number`, `category`, `boolean`.
    pub kind: String,
    /// Share of the training rows where it is missing; of a model of another program, of the rows that
    /// it was tested on.
    pub missing: f64,
}

/// What was learned from and what was tested on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SplitFacts {
    /// `time`, `group`, `random`, `test data`, `folds by group` and so on.
    pub method: String,
    /// The same in words, with what it means.
    pub words: String,
    /// Rows to learn from.
    pub train_rows: u64,
    /// Rows to test on.
    pub test_rows: u64,
    /// Rows that are on neither side.
    pub left_out_rows: u64,
    /// Time of the first and last training row.
    pub train_window: Option<(String, String)>,
    /// Time of the first and last test row.
    pub test_window: Option<(String, String)>,
    /// Groups to learn from.
    pub train_groups: Option<u64>,
    /// Groups to test on.
    pub test_groups: Option<u64>,
}

/// A fold of a cross-validation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fold {
    /// What is tested: the groups, or the times.
    pub test: String,
    /// Rows to learn from.
    pub train_rows: u64,
    /// Rows to test on.
    pub test_rows: u64,
    /// Balanced accuracy.
    pub balanced_accuracy: Option<f64>,
    /// Macro F1.
    pub f1_macro: Option<f64>,
    /// Area under the precision-recall curve.
    pub pr_auc: Option<f64>,
}

/// A most simple way to do it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Baseline {
    /// `majority`, `single column`.
    pub name: String,
    /// What it does, in words.
    pub words: String,
    /// Share of the rows told right.
    pub accuracy: Option<f64>,
    /// Mean recall of the classes.
    pub balanced_accuracy: Option<f64>,
    /// Mean F1 of the classes.
    pub f1_macro: Option<f64>,
    /// Area under the precision-recall curve.
    pub pr_auc: Option<f64>,
}

/// What a column is worth to the model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Importance {
    /// The column.
    pub column: String,
    /// What macro F1 loses, on average, when it is shuffled among the test rows.
    pub mean: f64,
    /// Standard deviation over the shuffles.
    pub deviation: f64,
}

/// Whether the score may be better than the model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LeakageFacts {
    /// Test rows that are the same as a training row in all columns that the model sees.
    pub exact: Option<Duplicates>,
    /// Test rows that nearly are.
    pub near: Option<Duplicates>,
    /// How near: the largest difference in any column, as a share of the column's spread.
    pub near_tolerance: f64,
    /// The best accuracy that is possible at all: rows that are the same but of different classes
    /// cannot be told apart.
    pub ceiling: Option<f64>,
    /// What single columns can tell of the label, the most first; those left out too.
    pub columns: Vec<SingleColumn>,
    /// The same model on a random split.
    pub gap: Option<Gap>,
    /// Columns that identify a host, flow or time and were asked for by hand.
    pub identifiers: Vec<String>,
}

/// Rows of one side that are on the other, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Duplicates {
    /// Test rows that were looked at.
    pub rows: u64,
    /// Of these, rows with a twin among the training rows.
    pub twins: u64,
    /// Of these, rows whose twins are all of another class.
    pub other_class: u64,
}

impl Duplicates {
    /// Share of the rows that have a twin.
    pub fn share(&self) -> f64 {
        if self.rows == 0 {
            0.0
        } else {
            self.twins as f64 / self.rows as f64
        }
    }
}

/// What a single column can tell of the label.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SingleColumn {
    /// The column.
    pub column: String,
    /// Balanced accuracy on the test part of a small tree that sees this column only.
    pub balanced_accuracy: f64,
    /// Whether the model sees it.
    pub used: bool,
}

/// The same model, split as asked and at random.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Gap {
    /// What the scores are.
    pub metric: String,
    /// Score of the split that was asked for.
    pub split: f64,
    /// Score of a random split with as many test rows.
    pub random: f64,
}

/// How much a warning matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The score cannot be trusted.
    High,
    /// The score may be better than the model.
    Medium,
    /// Good to know.
    #[default]
    Low,
}

/// What to be wary of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CardWarning {
    /// How much it matters.
    pub weight: Weight,
    /// What it is about: `leakage`, `split`, `classes`, `columns`, `capture`, `score`.
    pub about: String,
    /// What it is.
    pub title: String,
    /// What to do.
    pub detail: String,
}

/// A model that was continued with new data.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    /// New rows.
    pub rows: u64,
    /// Rows kept of what was learned before.
    pub kept: u64,
    /// `continued` or `refitted`.
    pub how: String,
    /// What the scores are.
    pub metric: String,
    /// Score of the model before, on the test part.
    pub before: Estimate,
    /// Score after, on the same rows.
    pub after: Estimate,
    /// Whether it was taken though it is worse.
    pub forced: bool,
}

impl ModelCard {
    /// An empty card of this version.
    pub fn new(netloom_version: &str) -> Self {
        Self {
            schema_version: CARD_SCHEMA_VERSION,
            netloom_version: netloom_version.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a warning; they are kept in the order of their weight.
    pub fn warn(
        &mut self,
        weight: Weight,
        about: &str,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) {
        self.warnings.push(CardWarning {
            weight,
            about: about.to_owned(),
            title: title.into(),
            detail: detail.into(),
        });
        self.warnings.sort_by_key(|warning| warning.weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first() {
        let mut card = ModelCard::new("0.1.0");
        card.warn(Weight::Low, "a", "1", "");
        card.warn(Weight::High, "a", "2", "");
        card.warn(Weight::Medium, "a", "3", "");
        card.warn(Weight::High, "a", "4", "");
        let titles: Vec<_> = card.warnings.iter().map(|w| w.title.as_str()).collect();
        assert_eq!(titles, ["2", "4", "3", "1"]);
    }

    /// A card of a later version may have fields that this one does not know, and the other way
    /// round.
    #[test]
    fn fields_may_come_and_go() {
        let card: ModelCard =
            serde_json::from_str(r#"{"netloom_version": "9", "hologram": [1]}"#).unwrap();
        assert_eq!(card.netloom_version, "9");
        assert_eq!(card.leakage.exact, None);
        let text = serde_json::to_string(&card).unwrap();
        assert!(serde_json::from_str::<ModelCard>(&text).unwrap() == card);
    }
}
