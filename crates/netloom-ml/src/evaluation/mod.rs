//! What a model is worth on rows that it has not seen, in numbers that can be stored and shown.
//!
//! Accuracy alone says little where one class is most of the rows, so every evaluation has the
//! per-class results, the confusion matrix, areas under curves that do not depend on a threshold,
//! whether the probabilities mean what they say, and, where one class is the harmless one, what a
//! detector would cost: recall at a fixed share of false alarms, and alerts a day at a stated base
//! rate. Each score comes with an interval.

mod detection;

use serde::{Deserialize, Serialize};

use crate::metrics::{
    Average, Bootstrap, CalibrationStrategy, ConfusionMatrix, Interval, Ranking, brier_score_loss,
    calibration_curve, expected_calibration_error, log_loss, one_vs_rest,
};

pub use detection::{Detection, OperatingPoint, Workload};

/// Points that a curve has at most, per axis.
const CHART_POINTS: usize = 200;
/// Bins of the calibration curve.
const CALIBRATION_BINS: usize = 10;
/// Draws of rows times rows that all intervals may cost together.
const BOOTSTRAP_WORK: usize = 400_000_000;
/// With fewer groups than this the spread over groups says nothing.
const FEWEST_GROUPS: usize = 8;

/// What a model said of rows whose classes are known.
#[derive(Debug, Clone, Copy)]
pub struct Predictions<'a> {
    /// The true class of each row.
    pub truth: &'a [u32],
    /// The class that was told.
    pub predicted: &'a [u32],
    /// What was thought of each class, row-major.
    pub probabilities: &'a [f64],
    /// Names of the classes.
    pub classes: &'a [String],
    /// For each row which host, capture or other group it belongs to (numbers `0..n`).
    pub groups: Option<&'a [u32]>,
}

/// How to evaluate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EvaluationOptions {
    /// The harmless class, against which all others are positive.
    pub negative: Option<u32>,
    /// Where the detector would stand.
    pub workload: Workload,
    /// Seed of the intervals' draws.
    pub seed: u64,
    /// Threads that work (none is one); the result is the same for any number.
    pub threads: usize,
}

/// A score with the interval that 95 % of redrawn test sets lie in.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Estimate {
    /// The score; none where it is not defined.
    pub value: Option<f64>,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
}

/// Scores over all classes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// Share of the rows told right.
    pub accuracy: Estimate,
    /// Mean recall of the classes.
    pub balanced_accuracy: Estimate,
    /// Mean F1 of the classes.
    pub f1_macro: Estimate,
    /// Mean F1 of the classes, weighted by their rows.
    pub f1_weighted: Estimate,
    /// Area under the ROC curve; with more than two classes the mean of each against the others.
    pub roc_auc: Estimate,
    /// Area under the precision-recall curve (average precision): with two classes of the one that
    /// is not the harmless one, else the mean of each against the others.
    pub pr_auc: Estimate,
    /// Mean negative logarithm of the true class's probability.
    pub log_loss: Estimate,
    /// Mean squared error of the probabilities.
    pub brier: Estimate,
}

impl Scores {
    /// The scores by name, in the order to show them.
    pub fn named(&self) -> [(&'static str, Estimate); 8] {
        [
            ("accuracy", self.accuracy),
            ("balanced accuracy", self.balanced_accuracy),
            ("macro F1", self.f1_macro),
            ("weighted F1", self.f1_weighted),
            ("ROC-AUC", self.roc_auc),
            ("PR-AUC", self.pr_auc),
            ("log loss", self.log_loss),
            ("Brier score", self.brier),
        ]
    }
}

/// What one class scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    /// The class.
    pub class: String,
    /// Of the rows told to be of it, the share that is.
    pub precision: f64,
    /// Of its rows, the share that was told so.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Its rows.
    pub support: u64,
    /// Rows told to be of it.
    pub predicted: u64,
    /// Area under the ROC curve against all other classes.
    pub roc_auc: Option<f64>,
    /// Area under the precision-recall curve against all other classes.
    pub pr_auc: Option<f64>,
    /// Recall at 0.1 % false positives of all other classes.
    pub recall_at_fpr_0_001: Option<f64>,
    /// Recall at 1 % false positives of all other classes.
    pub recall_at_fpr_0_01: Option<f64>,
}

/// Predicted against observed, in bins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CalibrationReport {
    /// Mean distance between predicted and observed, weighted by rows.
    pub expected_calibration_error: Option<f64>,
    /// Mean predicted, share observed, rows: bins of the same width.
    pub bins: Vec<(f64, f64, u64)>,
}

/// All that an evaluation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Rows tested on.
    pub rows: u64,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Scores over all classes.
    pub scores: Scores,
    /// What was drawn again for the intervals: `rows` or `groups`.
    pub intervals_over: String,
    /// What each class scores.
    pub per_class: Vec<ClassReport>,
    /// Rows of the matrix are true classes, columns told ones.
    pub confusion: Vec<Vec<u64>>,
    /// How sure the model was of what it said, against how often it was right.
    pub calibration: CalibrationReport,
    /// The harmless class against all others, where there is one.
    pub detection: Option<Detection>,
}

impl Evaluation {
    /// Evaluates predictions.
    ///
    /// # Panics
    ///
    /// If lengths do not fit, or a class has no name.
    pub fn new(predictions: &Predictions<'_>, options: &EvaluationOptions) -> Self {
        let classes = predictions.classes.len();
        let confusion = ConfusionMatrix::new(predictions.truth, predictions.predicted, classes);
        let ranks: Vec<Ranking> = (0..classes)
            .map(|class| one_vs_rest(predictions.truth, predictions.probabilities, classes, class))
            .collect();
        let per_class = confusion
            .per_class()
            .into_iter()
            .zip(predictions.classes)
            .zip(&ranks)
            .map(|((scores, name), ranking)| ClassReport {
                class: name.clone(),
                precision: scores.precision,
                recall: scores.recall,
                f1: scores.f1,
                support: scores.support,
                predicted: scores.predicted,
                roc_auc: ranking.roc_auc(),
                pr_auc: ranking.average_precision(),
                recall_at_fpr_0_001: ranking.recall_at_false_positive_rate(0.001),
                recall_at_fpr_0_01: ranking.recall_at_false_positive_rate(0.01),
            })
            .collect();
        let groups = predictions.groups.filter(|groups| {
            let mut seen = groups.to_vec();
            seen.sort_unstable();
            seen.dedup();
            seen.len() >= FEWEST_GROUPS
        });
        Self {
            rows: predictions.truth.len() as u64,
            classes: predictions.classes.to_vec(),
            scores: scores(predictions, &ranks, groups, options),
            intervals_over: if groups.is_some() { "groups" } else { "rows" }.to_owned(),
            per_class,
            confusion: confusion.rows().map(<[u64]>::to_vec).collect(),
            calibration: calibration(predictions),
            detection: options
                .negative
                .map(|negative| Detection::new(predictions, negative, options, groups)),
        }
    }
}

/// The rankings that areas are taken of: with two classes that of the positive one says it all.
fn ranks_of_scores(ranks: &[Ranking], negative: Option<u32>) -> &[Ranking] {
    match (ranks, negative) {
        ([_, second], None | Some(0)) => std::slice::from_ref(second),
        ([first, _], Some(_)) => std::slice::from_ref(first),
        _ => ranks,
    }
}

/// Area under the precision-recall curve as the scores have it: with two classes of the one that is
/// not the harmless one, else the mean of each against the others.
pub(crate) fn pr_auc(
    truth: &[u32],
    probabilities: &[f64],
    classes: usize,
    negative: Option<u32>,
) -> Option<f64> {
    let ranks: Vec<Ranking> = (0..classes)
        .map(|class| one_vs_rest(truth, probabilities, classes, class))
        .collect();
    let areas: Vec<f64> = ranks_of_scores(&ranks, negative)
        .iter()
        .filter_map(Ranking::average_precision)
        .collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

fn scores(
    predictions: &Predictions<'_>,
    ranks: &[Ranking],
    groups: Option<&[u32]>,
    options: &EvaluationOptions,
) -> Scores {
    let Predictions {
        truth,
        predicted,
        probabilities,
        ..
    } = *predictions;
    let classes = predictions.classes.len();
    let ranks = ranks_of_scores(ranks, options.negative);
    let losses: Vec<[f64; 2]> = truth
        .iter()
        .zip(probabilities.chunks(classes.max(1)))
        .map(|(truth, row)| {
            let truth = std::slice::from_ref(truth);
            [
                log_loss(truth, row, classes),
                brier_score_loss(truth, row, classes),
            ]
            .map(Option::unwrap_or_default)
        })
        .collect();
    let of = |weights: Option<&[u32]>| -> [Option<f64>; 8] {
        let confusion = match weights {
            Some(weights) => ConfusionMatrix::weighted(truth, predicted, weights, classes),
            None => ConfusionMatrix::new(truth, predicted, classes),
        };
        let area = |score: &dyn Fn(&Ranking) -> Option<f64>| {
            let areas: Vec<f64> = ranks.iter().filter_map(score).collect();
            (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
        };
        let loss = |which: usize| {
            let (mut sum, mut rows) = (0.0, 0_u64);
            for (row, loss) in losses.iter().enumerate() {
                let weight = weights.map_or(1, |weights| weights[row]);
                sum += f64::from(weight) * loss[which];
                rows += u64::from(weight);
            }
            (rows > 0).then(|| sum / rows as f64)
        };
        [
            confusion.accuracy(),
            confusion.balanced_accuracy(),
            confusion.f1(Average::Macro),
            confusion.f1(Average::Weighted),
            area(&|ranking| match weights {
                Some(weights) => ranking.roc_auc_weighted(weights),
                None => ranking.roc_auc(),
            }),
            area(&|ranking| match weights {
                Some(weights) => ranking.average_precision_weighted(weights),
                None => ranking.average_precision(),
            }),
            loss(0),
            loss(1),
        ]
    };
    let values = of(None);
    let rows = truth.len();
    let intervals = bootstrap(rows, ranks.len() + 3, options)
        .intervals(rows, groups, |weights| of(Some(weights)));
    let mut estimates = values
        .into_iter()
        .zip(intervals)
        .map(|(value, interval)| estimate(value, interval));
    let mut next = || estimates.next().unwrap_or_default();
    Scores {
        accuracy: next(),
        balanced_accuracy: next(),
        f1_macro: next(),
        f1_weighted: next(),
        roc_auc: next(),
        pr_auc: next(),
        log_loss: next(),
        brier: next(),
    }
}

/// As many draws as can be afforded: intervals of large tests are narrow, and need fewer.
fn bootstrap(rows: usize, passes: usize, options: &EvaluationOptions) -> Bootstrap {
    let affordable = BOOTSTRAP_WORK / (rows * passes).max(1);
    Bootstrap {
        replicates: affordable.clamp(100, 1000),
        seed: options.seed,
        threads: options.threads,
        ..Bootstrap::default()
    }
}

fn estimate(value: Option<f64>, interval: Option<Interval>) -> Estimate {
    let interval = interval.filter(|_| value.is_some());
    Estimate {
        value,
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
    }
}

/// How sure the model was of the class that it told, against how often it was right.
fn calibration(predictions: &Predictions<'_>) -> CalibrationReport {
    let classes = predictions.classes.len().max(1);
    let rows = predictions.probabilities.chunks(classes);
    let sure: Vec<f64> = rows
        .zip(predictions.predicted)
        .map(|(row, &predicted)| row[predicted as usize])
        .collect();
    let right: Vec<bool> = predictions
        .truth
        .iter()
        .zip(predictions.predicted)
        .map(|(t, p)| t == p)
        .collect();
    report_bins(&right, &sure)
}

fn report_bins(so: &[bool], said: &[f64]) -> CalibrationReport {
    let bins = calibration_curve(so, said, CALIBRATION_BINS, CalibrationStrategy::Uniform);
    CalibrationReport {
        expected_calibration_error: expected_calibration_error(&bins),
        bins: bins
            .iter()
            .map(|bin| (for_chart(bin.predicted), for_chart(bin.observed), bin.rows))
            .collect(),
    }
}

/// As exact as a chart can show.
fn for_chart(value: f64) -> f64 {
    (value * 1e5).round() / 1e5
}

#[cfg(test)]
mod tests;
