//! How the model did.

use std::fmt::Write as _;

use netloom_ml::card::ModelCard;
use netloom_ml::evaluation::{CalibrationReport, Detection, Evaluation};

use super::super::chart::{self, Line};
use super::super::{about, interval, mistakes, score};
use super::open;
use crate::report::chart::theme::Paint;
use crate::report::html::parts::swatch;
use crate::report::html::table::{self, Cell, Column, Kind, name_markup};
use crate::report::{text, units};

/// Classes up to which the whole matrix is drawn.
const MATRIX_CLASSES: usize = 40;

pub(super) fn scores(out: &mut String, card: &ModelCard, evaluation: &Evaluation) {
    open(out, "scores", "Scores beside the simplest ways to do it");
    let mut columns = vec![
        Column::new("Score", Kind::Words),
        Column::new("This model", Kind::Number),
        Column::new("95 % interval", Kind::Number),
    ];
    columns.extend(card.baselines.iter().map(|baseline| {
        let title = if baseline.name == "majority" {
            "Majority class"
        } else {
            "Best single column"
        };
        Column::new(title, Kind::Number)
    }));
    let rows: Vec<Vec<Cell>> = evaluation
        .scores
        .named()
        .into_iter()
        .map(|(name, estimate)| {
            let number = |value: Option<f64>| Cell::Number(score(value), value.unwrap_or(-1.0));
            let mut row = vec![
                Cell::Text(name.to_owned()),
                Cell::Strong(score(estimate.value), estimate.value.unwrap_or(-1.0)),
                Cell::Number(interval(estimate), estimate.low.unwrap_or(-1.0)),
            ];
            row.extend(card.baselines.iter().map(|baseline| {
                number(match name {
                    "accuracy" => baseline.accuracy,
                    "balanced accuracy" => baseline.balanced_accuracy,
                    "macro F1" => baseline.f1_macro,
                    "PR-AUC" => baseline.pr_auc,
                    _ => None,
                })
            }));
            row
        })
        .collect();
    table::write(out, "Scores", &columns, &rows);
    for baseline in &card.baselines {
        let _ = write!(
            out,
            r#"<p class="more">{}.</p>"#,
            text::html(&baseline.words)
        );
    }
    let _ = write!(
        out,
        r#"<p class="more">The interval holds 95 % of the scores of test sets drawn again from this one, {} by {}. It knows nothing of networks that are not in the data.</p></section>"#,
        evaluation.intervals_over,
        evaluation.intervals_over.trim_end_matches('s')
    );
}

pub(super) fn classes(out: &mut String, evaluation: &Evaluation) {
    open(out, "classes", "Each class");
    let columns = [
        Column::new("Class", Kind::Address),
        Column::new("F1", Kind::Bar),
        Column::new("F1", Kind::Number),
        Column::new("Precision", Kind::Number),
        Column::new("Recall", Kind::Number),
        Column::new("PR-AUC", Kind::Number).optional(),
        Column::new("Recall at 1 % FP", Kind::Number).optional(),
        Column::new("Rows", Kind::Number),
        Column::new("Told", Kind::Number).optional(),
    ];
    let rows: Vec<Vec<Cell>> = evaluation
        .per_class
        .iter()
        .map(|class| {
            let number = |value: f64| Cell::Number(score(Some(value)), value);
            let maybe = |value: Option<f64>| Cell::Number(score(value), value.unwrap_or(-1.0));
            vec![
                Cell::Name(class.class.clone(), None),
                Cell::bar(class.f1, 1.0, &format!("F1 {}", score(Some(class.f1)))),
                Cell::Strong(score(Some(class.f1)), class.f1),
                number(class.precision),
                number(class.recall),
                maybe(class.pr_auc),
                maybe(class.recall_at_fpr_0_01),
                Cell::Number(units::count(class.support), class.support as f64),
                Cell::Number(units::count(class.predicted), class.predicted as f64),
            ]
        })
        .collect();
    table::write(out, "Each class", &columns, &rows);
    out.push_str("</section>");
}

pub(super) fn confusion(out: &mut String, evaluation: &Evaluation) {
    open(out, "confusion", "What was taken for what");
    if evaluation.classes.len() <= MATRIX_CLASSES {
        let _ = write!(
            out,
            r#"<p class="small muted">A row is what it is, a column what it was taken for.</p><div class="scroll" role="region" tabindex="0" aria-label="Confusion matrix">{}</div>"#,
            chart::matrix(&evaluation.classes, &evaluation.confusion)
        );
    }
    let mistakes = mistakes(evaluation);
    if mistakes.is_empty() {
        out.push_str("<p>No row was taken for another class.</p></section>");
        return;
    }
    let name = |class: usize| {
        Cell::Name(
            evaluation.classes.get(class).cloned().unwrap_or_default(),
            None,
        )
    };
    let rows: Vec<Vec<Cell>> = mistakes
        .iter()
        .take(50)
        .map(|&(count, truth, told)| {
            let all: u64 = evaluation
                .confusion
                .get(truth)
                .map_or(0, |row| row.iter().sum());
            vec![
                name(truth),
                name(told),
                Cell::Strong(units::count(count), count as f64),
                Cell::Number(units::percent(count, all), count as f64 / all.max(1) as f64),
            ]
        })
        .collect();
    out.push_str("<details><summary>The most frequent mistakes as a table</summary>");
    table::write(
        out,
        "Mistakes",
        &[
            Column::new("It is", Kind::Address),
            Column::new("Taken for", Kind::Address),
            Column::new("Rows", Kind::Number),
            Column::new("Of the class", Kind::Number),
        ],
        &rows,
    );
    out.push_str("</details></section>");
}

pub(super) fn detection_section(out: &mut String, detection: &Detection) {
    let _ = write!(
        out,
        r#"<section id="detection" class="card"><header><h2>As a detector of what is not {}</h2></header>"#,
        name_markup(&detection.negative)
    );
    let positives = units::percent(
        detection.positives,
        detection.positives + detection.negatives,
    );
    let _ = write!(
        out,
        r#"<p class="small muted">{} of the test rows are positive.</p><div class="curves"><figure><figcaption>ROC curve, area {}</figcaption>"#,
        text::html(&positives),
        score(detection.roc_auc.value)
    );
    let base =
        detection.positives as f64 / (detection.positives + detection.negatives).max(1) as f64;
    let line = |points| Line {
        points,
        color: Paint::PAGE.bar,
        reference: false,
        marks: false,
        steps: false,
    };
    let reference = |points| Line {
        points,
        color: Paint::PAGE.muted,
        reference: true,
        marks: false,
        steps: false,
    };
    out.push_str(&chart::square(
        "share of harmless rows that raise an alarm",
        "share of the others found",
        "ROC curve",
        &[reference(&[(0.0, 0.0), (1.0, 1.0)]), line(&detection.roc)],
    ));
    let _ = write!(
        out,
        "</figure><figure><figcaption>Precision and recall, area {}</figcaption>",
        score(detection.pr_auc.value)
    );
    out.push_str(&chart::square(
        "share of them found (recall)",
        "share of alarms that are right (precision)",
        "Precision-recall curve",
        &[
            reference(&[(0.0, base), (1.0, base)]),
            Line {
                steps: true,
                ..line(&detection.precision_recall)
            },
        ],
    ));
    out.push_str("</figure></div><h3>What it would cost</h3>");
    let rows: Vec<Vec<Cell>> = detection
        .operating_points
        .iter()
        .map(|point| {
            let number = |shown: String, value: f64| Cell::Number(shown, value);
            let recall = point.recall.value.unwrap_or(0.0);
            vec![
                number(
                    units::share(point.false_positive_rate_at_most),
                    point.false_positive_rate_at_most,
                ),
                number(score(point.threshold), point.threshold.unwrap_or(2.0)),
                Cell::Strong(score(Some(recall)), recall),
                number(interval(point.recall), point.recall.low.unwrap_or(-1.0)),
                number(about(point.alerts_per_day), point.alerts_per_day),
                number(
                    format!(
                        "{} (≤ {})",
                        about(point.false_alerts_per_day),
                        about(point.false_alerts_per_day_at_most)
                    ),
                    point.false_alerts_per_day,
                ),
                number(about(point.missed_per_day), point.missed_per_day),
                number(
                    point
                        .precision_at_base_rate
                        .map_or_else(|| units::NONE.to_owned(), units::share),
                    point.precision_at_base_rate.unwrap_or(-1.0),
                ),
            ]
        })
        .collect();
    table::write(
        out,
        "What it would cost",
        &[
            Column::new("False alarms at most", Kind::Number),
            Column::new("Threshold", Kind::Number).optional(),
            Column::new("Recall", Kind::Number),
            Column::new("95 % interval", Kind::Number).optional(),
            Column::new("Alerts a day", Kind::Number),
            Column::new("False", Kind::Number),
            Column::new("Missed", Kind::Number).optional(),
            Column::new("Right alerts", Kind::Number),
        ],
        &rows,
    );
    let _ = write!(
        out,
        r#"<p class="more">For {} rows a day of which {} are positive; in the test {} are. In brackets the upper end of the 95 % interval: few harmless test rows say little about rare false alarms. The share of positive rows decides how many alerts are right, and no test set knows it of your network.</p></section>"#,
        about(detection.workload.rows_per_day),
        text::html(&units::share(detection.workload.base_rate)),
        text::html(&positives),
    );
}

pub(super) fn calibration(out: &mut String, evaluation: &Evaluation) {
    open(
        out,
        "calibration",
        "Whether its probabilities mean what they say",
    );
    out.push_str(r#"<div class="curves">"#);
    let mut draw = |report: &CalibrationReport, title: &str, across: &str, up: &str| {
        let points: Vec<(f64, f64)> = report.bins.iter().map(|bin| (bin.0, bin.1)).collect();
        let _ = write!(
            out,
            "<figure><figcaption>{title}, mean error {}</figcaption>{}</figure>",
            score(report.expected_calibration_error),
            chart::square(
                across,
                up,
                "Calibration curve",
                &[
                    Line {
                        points: &[(0.0, 0.0), (1.0, 1.0)],
                        color: Paint::PAGE.muted,
                        reference: true,
                        marks: false,
                        steps: false,
                    },
                    Line {
                        points: &points,
                        color: Paint::PAGE.bar,
                        reference: false,
                        marks: true,
                        steps: false,
                    },
                ],
            )
        );
    };
    draw(
        &evaluation.calibration,
        "The class it told",
        "how sure it was",
        "how often it was right",
    );
    if let Some(detection) = &evaluation.detection {
        draw(
            &detection.calibration,
            "Positive or not",
            "probability it gave",
            "share that was so",
        );
    }
    let _ = write!(
        out,
        r#"</div><ul class="legend"><li>{} this model</li><li>{} what it would be</li></ul></section>"#,
        swatch(Paint::PAGE.bar),
        swatch(Paint::PAGE.muted)
    );
}

pub(super) fn folds(out: &mut String, card: &ModelCard) {
    open(out, "folds", "Each fold");
    let rows: Vec<Vec<Cell>> = card
        .folds
        .iter()
        .map(|fold| {
            let number = |value: Option<f64>| Cell::Number(score(value), value.unwrap_or(-1.0));
            vec![
                Cell::Name(fold.test.clone(), None),
                Cell::Number(units::count(fold.train_rows), fold.train_rows as f64),
                Cell::Number(units::count(fold.test_rows), fold.test_rows as f64),
                number(fold.balanced_accuracy),
                number(fold.f1_macro),
                number(fold.pr_auc),
            ]
        })
        .collect();
    table::write(
        out,
        "Each fold",
        &[
            Column::new("Tested on", Kind::Address),
            Column::new("Rows learned", Kind::Number),
            Column::new("Rows tested", Kind::Number),
            Column::new("Balanced accuracy", Kind::Number),
            Column::new("Macro F1", Kind::Number),
            Column::new("PR-AUC", Kind::Number),
        ],
        &rows,
    );
    out.push_str("</section>");
}
