//! From data to a model that can be defended: split, learn, test, compare, look for leakage, and
//! write the card.
//!
//! [`experiment`] is what `netloom train` does. Nothing is fitted to a row that the model is later
//! tested on: not the model, not its preprocessing, not the correction of its probabilities.

mod baselines;
mod calibrated;
mod importance;
mod kept;
mod negative;
mod other;
mod plan;
mod warnings;

use std::borrow::Cow;

use crate::calibration::{Calibration, CalibrationMethod};
use crate::card::{CalibrationFacts, ClassRows, ColumnFacts, Fold, Gap, ModelCard, SingleColumn};
use crate::dataset::{Dataset, Kind};
use crate::error::Error;
use crate::evaluation::{Estimate, Evaluation, EvaluationOptions, Predictions, Workload};
use crate::leakage::{LeakageOptions, NEAR, row_leakage, single_columns};
use crate::metrics::{Average, ConfusionMatrix};
use crate::model::{Classifier, ClassifierParams, Run};
use crate::split::{Split, SplitError};

pub use calibrated::Calibrated;
pub use importance::{ImportanceOptions, permutation_importance};
pub use kept::{Kept, concatenated};
pub use negative::{harmless_name, negative_class};
pub use other::{OtherEvaluation, evaluate_model};
pub use plan::{Method, Plan, rfc3339};

/// Rows from which on the gap between splits is measured on a part of them.
const GAP_ROWS: usize = 100_000;
/// Share of the training rows that a calibration is fitted on.
const CALIBRATION_SHARE: f64 = 0.2;
/// Single columns that the card lists.
const COLUMNS_LISTED: usize = 20;

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The data or the parameters.
    #[error(transparent)]
    Model(#[from] Error),
    /// The rows cannot be split as asked.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// There is nothing to tell apart.
    #[error("all rows are of one class ({class}): there is nothing to tell apart")]
    OneClass {
        /// The class.
        class: String,
    },
    /// Groups decide, and there are none.
    #[error("rows are to be split by group, but none is named")]
    NoGroups,
    /// Time decides, and there is none.
    #[error("rows are to be split by time, but no column says when they were")]
    NoTimes,
    /// There is no such class.
    #[error("there is no class '{name}'; there are: {known}")]
    UnknownClass {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

/// How to learn and test.
#[derive(Debug, Clone)]
pub struct ExperimentOptions {
    /// What decides on which side a row is.
    pub method: Method,
    /// Share of the rows to test on.
    pub test: f64,
    /// Cross-validation: so many parts, each tested on once; the model then learns from all rows.
    pub folds: Option<usize>,
    /// Correct the probabilities on held-out rows.
    pub calibrate: Option<CalibrationMethod>,
    /// The harmless class; without it a usual name (`benign`, `normal`), or the more frequent of
    /// two.
    pub negative: Option<String>,
    /// Where a detector would stand.
    pub workload: Workload,
    /// Compare with a split of another kind: costs a fit, or with folds one for each.
    pub gap: bool,
    /// How to measure what columns are worth; none leaves it out.
    pub importance: Option<ImportanceOptions>,
    /// Columns that identify someone or a moment and are learned from all the same, for the card.
    pub identifiers: Vec<String>,
    /// Learn from all rows after the test. The scores are then of a model that has seen less.
    pub refit: bool,
    /// Seed and threads.
    pub run: Run,
}

impl Default for ExperimentOptions {
    fn default() -> Self {
        Self {
            method: Method::Time { per_class: false },
            test: 0.3,
            folds: None,
            calibrate: None,
            negative: None,
            workload: Workload::default(),
            gap: true,
            importance: Some(ImportanceOptions::default()),
            identifiers: Vec::new(),
            refit: false,
            run: Run::default(),
        }
    }
}

/// A model and what is known of it.
#[derive(Debug)]
pub struct Experiment {
    /// The model, with its calibration where one was asked for.
    pub model: Box<dyn Classifier>,
    /// The correction within the model, where one was asked for.
    pub calibration: Option<Calibration>,
    /// Its card. Facts about where the data is from are for the caller to fill in.
    pub card: ModelCard,
    /// The rows tested on; with folds all of them.
    pub test: Vec<usize>,
    /// The rows that the model has learned from.
    pub learned: Vec<usize>,
}

/// Splits, learns, tests, and writes the card.
///
/// # Errors
///
/// If the data has no two classes, cannot be split as asked, or the model cannot learn it.
pub fn experiment(
    data: &Dataset,
    params: &dyn ClassifierParams,
    options: &ExperimentOptions,
) -> Result<Experiment, ExperimentError> {
    let classes = data.class_codes()?;
    check_classes(data, &classes)?;
    let names = data.class_names();
    let negative = negative::chosen(options.negative.as_deref(), names, &classes)?;
    let plan = Plan::new(data, options)?;
    let trained = Trained::all(data, params, &plan, options)?;

    let mut card = ModelCard::new(env!("CARGO_PKG_VERSION"));
    params.algorithm().clone_into(&mut card.model.algorithm);
    card.model.parameters = params.parameters();
    card.model.seed = options.run.seed;
    card.split = plan.facts(data);
    card.data.classes = class_rows(&plan, &classes, names);
    card.data.rows = data.rows() as u64;

    // What all folds said of the rows that they had not seen.
    let truth: Vec<u32> = trained.test.iter().map(|&row| classes[row]).collect();
    let groups = data.group_codes();
    let test_groups: Option<Vec<u32>> = groups
        .as_deref()
        .map(|groups| trained.test.iter().map(|&row| groups[row]).collect());
    let evaluation_options = EvaluationOptions {
        negative,
        workload: options.workload,
        seed: options.run.seed,
        threads: options.run.threads,
    };
    let evaluation = Evaluation::new(
        &Predictions {
            truth: &truth,
            predicted: &trained.predicted,
            probabilities: &trained.probabilities,
            classes: names,
            groups: test_groups.as_deref(),
        },
        &evaluation_options,
    );
    card.folds = folds(data, &plan, &trained, &evaluation_options)?;

    // Leakage and baselines are about one split: the first of the folds stands for all.
    let split = plan.first();
    let rows = row_leakage(
        data,
        split,
        LeakageOptions {
            seed: options.run.seed,
            threads: options.run.threads,
        },
    )?;
    card.leakage.exact = Some(rows.exact);
    card.leakage.near = Some(rows.near);
    card.leakage.near_tolerance = NEAR;
    card.leakage.identifiers.clone_from(&options.identifiers);
    card.leakage.ceiling = rows.ceiling;
    let columns = single_columns(data, split, negative, options.run.threads)?;
    card.baselines = baselines::baselines(data, split, &columns, negative)?;
    let mut listed: Vec<SingleColumn> = columns
        .iter()
        .map(|column| SingleColumn {
            column: column.column.clone(),
            balanced_accuracy: column.balanced_accuracy.unwrap_or(0.0),
            used: true,
        })
        .collect();
    listed.sort_by(|a, b| {
        b.balanced_accuracy
            .total_cmp(&a.balanced_accuracy)
            .then(a.column.cmp(&b.column))
    });
    listed.truncate(COLUMNS_LISTED);
    card.leakage.columns = listed;
    if options.gap {
        card.leakage.gap = gap(data, params, &plan, options, &evaluation)?;
    }

    let model = match trained.model {
        Some(model) if !options.refit => model,
        _ => learn(data, params, &all_rows(&plan), &plan, options)?,
    };
    card.data.columns = column_facts(data, &*model.model, &plan);
    if let (Some(importance), None) = (&options.importance, options.folds) {
        card.importances = permutation_importance(
            &*model.model,
            &data.select(&split.test),
            names,
            importance,
            options.run,
        )?;
    }
    card.model.calibration = model.calibration.as_ref().map(|(_, facts)| facts.clone());
    card.evaluation = Some(evaluation);
    warnings::add(&mut card, &plan, &classes, names);
    Ok(Experiment {
        model: model.model,
        calibration: model.calibration.map(|(calibration, _)| calibration),
        card,
        test: trained.test,
        learned: model.rows,
    })
}

fn check_classes(data: &Dataset, classes: &[u32]) -> Result<(), ExperimentError> {
    let Some(&first) = classes.first() else {
        return Err(Error::NoRows.into());
    };
    if classes.iter().all(|class| *class == first) {
        return Err(ExperimentError::OneClass {
            class: data.class_names()[first as usize].clone(),
        });
    }
    Ok(())
}

/// All rows of a plan that may be learned from.
fn all_rows(plan: &Plan) -> Vec<usize> {
    let first = plan.first();
    let mut rows = [&first.train[..], &first.test[..]].concat();
    if plan.splits.len() > 1 {
        rows = plan
            .splits
            .iter()
            .flat_map(|split| split.train.iter().chain(&split.test).copied())
            .collect();
    }
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// A model that has learned.
struct Learned {
    model: Box<dyn Classifier>,
    calibration: Option<(Calibration, CalibrationFacts)>,
    rows: Vec<usize>,
}

/// What the models of all splits said of their test rows.
struct Trained {
    /// The model, if there is only one split.
    model: Option<Learned>,
    /// Test rows of all splits, in their order.
    test: Vec<usize>,
    predicted: Vec<u32>,
    probabilities: Vec<f64>,
}

impl Trained {
    fn all(
        data: &Dataset,
        params: &dyn ClassifierParams,
        plan: &Plan,
        options: &ExperimentOptions,
    ) -> Result<Self, ExperimentError> {
        let mut all = Self {
            model: None,
            test: Vec::new(),
            predicted: Vec::new(),
            probabilities: Vec::new(),
        };
        for split in &plan.splits {
            let learned = learn(data, params, &split.train, plan, options)?;
            let said = learned
                .model
                .predict_proba(&data.select(&split.test), options.run.threads)?
                .align(data.class_names());
            all.test.extend(&split.test);
            all.predicted.extend(said.predicted());
            all.probabilities.extend_from_slice(said.values());
            all.model = Some(learned);
        }
        if plan.splits.len() > 1 {
            all.model = None;
        }
        Ok(all)
    }
}

/// Learns from rows, and corrects the probabilities on a part of them that is held out.
fn learn(
    data: &Dataset,
    params: &dyn ClassifierParams,
    rows: &[usize],
    plan: &Plan,
    options: &ExperimentOptions,
) -> Result<Learned, ExperimentError> {
    let Some(method) = options.calibrate else {
        return Ok(Learned {
            model: params.fit(&data.select(rows), options.run)?,
            calibration: None,
            rows: rows.to_vec(),
        });
    };
    let (learn, held_out) = plan.hold_out(data, rows, CALIBRATION_SHARE, options.run.seed)?;
    let model = params.fit(&data.select(&learn), options.run)?;
    let held = data.select(&held_out);
    let said = model.predict_proba(&held, options.run.threads)?;
    // Rows of classes that the model does not know have nothing to teach it.
    let place = |class: u32| {
        let name = &data.class_names()[class as usize];
        model.classes().iter().position(|known| known == name)
    };
    let codes = held.class_codes()?;
    let mut truth = Vec::new();
    let mut probabilities = Vec::new();
    for (row, &class) in codes.iter().enumerate() {
        if let Some(place) = place(class) {
            truth.push(place as u32);
            probabilities.extend_from_slice(said.row(row));
        }
    }
    let calibration = Calibration::fit(method, &truth, &probabilities, model.classes().len());
    let facts = CalibrationFacts {
        method: method.name().to_owned(),
        rows: truth.len() as u64,
    };
    Ok(Learned {
        model: Box::new(Calibrated::new(model, calibration.clone())),
        calibration: Some((calibration, facts)),
        rows: learn,
    })
}

/// The scores of each fold.
fn folds(
    data: &Dataset,
    plan: &Plan,
    trained: &Trained,
    options: &EvaluationOptions,
) -> Result<Vec<Fold>, Error> {
    if plan.splits.len() < 2 {
        return Ok(Vec::new());
    }
    let classes = data.class_codes()?;
    let count = data.class_names().len();
    let mut from = 0;
    Ok(plan
        .splits
        .iter()
        .map(|split| {
            let to = from + split.test.len();
            let truth: Vec<u32> = split.test.iter().map(|&row| classes[row]).collect();
            let predicted = &trained.predicted[from..to];
            let probabilities = &trained.probabilities[from * count..to * count];
            from = to;
            let confusion = ConfusionMatrix::new(&truth, predicted, count);
            Fold {
                test: plan.test_in_words(data, split),
                train_rows: split.train.len() as u64,
                test_rows: split.test.len() as u64,
                balanced_accuracy: confusion.balanced_accuracy(),
                f1_macro: confusion.f1(Average::Macro),
                pr_auc: crate::evaluation::pr_auc(&truth, probabilities, count, options.negative),
            }
        })
        .collect())
}

/// The same model on a split of another kind: at random if time or groups decided, by those if
/// chance did. Of many rows a part is used, for both.
fn gap(
    data: &Dataset,
    params: &dyn ClassifierParams,
    plan: &Plan,
    options: &ExperimentOptions,
    evaluation: &Evaluation,
) -> Result<Option<Gap>, ExperimentError> {
    let Some(other) = plan.opposite(data, options)? else {
        return Ok(None);
    };
    let known: Vec<usize> = all_rows(plan);
    let score = |splits: &[Split]| -> Result<Option<f64>, ExperimentError> {
        let plain = ExperimentOptions {
            calibrate: None,
            ..options.clone()
        };
        let plan = plan.with_splits(splits.to_vec());
        let trained = Trained::all(data, params, &plan, &plain)?;
        let classes = data.class_codes()?;
        let truth: Vec<u32> = trained.test.iter().map(|&row| classes[row]).collect();
        let confusion = ConfusionMatrix::new(&truth, &trained.predicted, data.class_names().len());
        Ok(confusion.f1(Average::Macro))
    };
    let (asked, other_score) = if known.len() > GAP_ROWS {
        let part = plan::part(&known, GAP_ROWS, options.run.seed);
        (
            score(&plan::within(&plan.splits, &part))?,
            score(&plan::within(&other, &part))?,
        )
    } else {
        (evaluation.scores.f1_macro.value, score(&other)?)
    };
    let (Some(asked), Some(other_score)) = (asked, other_score) else {
        return Ok(None);
    };
    let random_asked = options.method == Method::Random;
    Ok(Some(Gap {
        metric: "macro F1".to_owned(),
        split: if random_asked { other_score } else { asked },
        random: if random_asked { asked } else { other_score },
    }))
}

fn class_rows(plan: &Plan, classes: &[u32], names: &[String]) -> Vec<ClassRows> {
    let mut rows: Vec<ClassRows> = names
        .iter()
        .map(|name| ClassRows {
            class: name.clone(),
            ..ClassRows::default()
        })
        .collect();
    let folds = plan.splits.len() > 1;
    for split in &plan.splits {
        for &row in &split.test {
            rows[classes[row] as usize].test += 1;
        }
    }
    let train: Cow<'_, [usize]> = if folds {
        Cow::Owned(all_rows(plan))
    } else {
        Cow::Borrowed(&plan.first().train)
    };
    for &row in train.iter() {
        rows[classes[row] as usize].train += 1;
    }
    rows
}

/// The columns that the model sees, and how often each is missing among the training rows.
fn column_facts(data: &Dataset, model: &dyn Classifier, plan: &Plan) -> Vec<ColumnFacts> {
    let train = &plan.first().train;
    model
        .inputs()
        .iter()
        .map(|input| {
            let missing = data.column(&input.name).map_or(0.0, |column| {
                let values = column.numbers();
                let missing = train.iter().filter(|&&row| values[row].is_nan()).count();
                missing as f64 / train.len().max(1) as f64
            });
            ColumnFacts {
                name: input.name.clone(),
                kind: match input.kind {
                    Kind::Category => "category",
                    Kind::Time => "time",
                    _ => "number",
                }
                .to_owned(),
                missing,
            }
        })
        .collect()
}

impl CalibrationMethod {
    /// Its name, as `--calibrate` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Isotonic => "isotonic",
        }
    }
}

/// Whether a score after is worse than before, beyond what chance explains: the interval after
/// lies below the score before.
pub fn is_worse(before: Estimate, after: Estimate) -> bool {
    match (before.value, after.value, after.high) {
        (Some(before), Some(after), high) => {
            after < before && high.is_none_or(|high| high < before)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
