//! How good a model is: its scores, class by class, and what it took for what.

use netloom_ml::card::ModelCard;
use netloom_ml::evaluation::Evaluation;

use super::super::{about, interval, mistakes, score};
use crate::report::terminal::canvas::{Canvas, Style};
use crate::report::terminal::table::{self, Cell, Column};
use crate::report::{text, units};

/// Classes up to which the whole matrix is shown, where it fits.
const MATRIX_CLASSES: usize = 10;

pub(super) fn scores(canvas: &mut Canvas, card: &ModelCard, evaluation: &Evaluation) {
    canvas.heading("Scores");
    let baseline = |name: &str| card.baselines.iter().find(|baseline| baseline.name == name);
    let (majority, single) = (baseline("majority"), baseline("single column"));
    let rows: Vec<Vec<Cell>> = evaluation
        .scores
        .named()
        .into_iter()
        .map(|(name, estimate)| {
            let of = |baseline: Option<&netloom_ml::card::Baseline>| {
                score(baseline.and_then(|baseline| match name {
                    "accuracy" => baseline.accuracy,
                    "balanced accuracy" => baseline.balanced_accuracy,
                    "macro F1" => baseline.f1_macro,
                    "PR-AUC" => baseline.pr_auc,
                    _ => None,
                }))
            };
            vec![
                Cell::new(name),
                Cell::Text(score(estimate.value), Style::Bold),
                Cell::dim(interval(estimate)),
                Cell::new(of(majority)),
                Cell::new(of(single)),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("", 17, 17),
            Column::number("this model"),
            Column::number("95 % interval").optional(1),
            Column::number("majority"),
            Column::number("best column"),
        ],
        &rows,
    );
    for baseline in &card.baselines {
        let words = canvas.name(&baseline.words);
        canvas.remark(&format!("{words}."));
    }
}

pub(super) fn classes(canvas: &mut Canvas, evaluation: &Evaluation) {
    canvas.heading("Each class");
    let rows: Vec<Vec<Cell>> = evaluation
        .per_class
        .iter()
        .map(|class| {
            vec![
                Cell::new(canvas.name(&class.class)),
                Cell::bar(class.f1),
                Cell::Text(score(Some(class.f1)), Style::Bold),
                Cell::new(score(Some(class.precision))),
                Cell::new(score(Some(class.recall))),
                Cell::new(score(class.pr_auc)),
                Cell::new(score(class.recall_at_fpr_0_01)),
                Cell::new(units::count(class.support)),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("class", 10, 34),
            Column::bar("", 4, 20),
            Column::number("F1"),
            Column::number("precision"),
            Column::number("recall"),
            Column::number("PR-AUC").optional(3),
            Column::number("at 1 % FP").optional(2),
            Column::number("rows"),
        ],
        &rows,
    );
}

/// The whole matrix where it fits, else the most frequent mistakes.
pub(super) fn confusion(canvas: &mut Canvas, evaluation: &Evaluation) {
    let classes = &evaluation.classes;
    let cells: Vec<Vec<String>> = evaluation
        .confusion
        .iter()
        .map(|row| row.iter().map(|&count| units::short(count)).collect())
        .collect();
    let name = classes
        .iter()
        .map(|class| text::width(class))
        .max()
        .unwrap_or(0)
        .clamp(6, 20);
    let column = 2 + cells
        .iter()
        .flatten()
        .map(|cell| text::width(cell))
        .chain([classes.len().to_string().len() + 1])
        .max()
        .unwrap_or(1);
    canvas.heading("What was taken for what");
    if classes.len() <= MATRIX_CLASSES && 8 + name + classes.len() * column <= canvas.width() {
        canvas.spaces(6 + name);
        for place in 1..=classes.len() {
            let title = format!("{place}");
            canvas.spaces(column.saturating_sub(title.len()));
            canvas.put(&title, Style::Dim);
        }
        canvas.end_line();
        for (place, (class, row)) in classes.iter().zip(&cells).enumerate() {
            let title = format!("{:>2} ", place + 1);
            canvas.spaces(2);
            canvas.put(&title, Style::Dim);
            let shown = text::cut_end(&canvas.name(class), name, "…");
            canvas.put(&shown, Style::Plain);
            canvas.spaces(1 + name - text::width(&shown));
            for (told, cell) in row.iter().enumerate() {
                canvas.spaces(column.saturating_sub(text::width(cell)));
                let style = match (told == place, cell == "0") {
                    (_, true) => Style::Dim,
                    (true, false) => Style::Bold,
                    (false, false) => Style::Medium,
                };
                canvas.put(cell, style);
            }
            canvas.end_line();
        }
        canvas.remark("A row is what it is, a column what it was taken for.");
        return;
    }
    let mistakes = mistakes(evaluation);
    if mistakes.is_empty() {
        canvas.remark("No row was taken for another class.");
        return;
    }
    let most = canvas.options.top;
    let rows: Vec<Vec<Cell>> = mistakes
        .iter()
        .take(most)
        .map(|&(count, truth, told)| {
            let name = |class: usize| {
                Cell::new(
                    classes
                        .get(class)
                        .map(|class| canvas.name(class))
                        .unwrap_or_default(),
                )
            };
            let all: u64 = evaluation
                .confusion
                .get(truth)
                .map_or(0, |row| row.iter().sum());
            vec![
                name(truth),
                name(told),
                Cell::new(units::count(count)),
                Cell::dim(units::percent(count, all)),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("it is", 10, 34),
            Column::text("taken for", 10, 34),
            Column::number("rows"),
            Column::number("of the class"),
        ],
        &rows,
    );
}

pub(super) fn detection(canvas: &mut Canvas, evaluation: &Evaluation) {
    let Some(d) = &evaluation.detection else {
        return;
    };
    canvas.heading("What it would cost as a detector");
    let rows: Vec<Vec<Cell>> = d
        .operating_points
        .iter()
        .map(|point| {
            vec![
                Cell::new(units::share(point.false_positive_rate_at_most)),
                Cell::Text(score(point.recall.value), Style::Bold),
                Cell::dim(interval(point.recall)),
                Cell::new(about(point.alerts_per_day)),
                Cell::new(about(point.false_alerts_per_day)),
                Cell::dim(format!("≤ {}", about(point.false_alerts_per_day_at_most))),
                Cell::new(about(point.missed_per_day)),
                Cell::new(
                    point
                        .precision_at_base_rate
                        .map_or_else(|| units::NONE.to_owned(), units::share),
                ),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::number("false alarms"),
            Column::number("recall"),
            Column::number("95 % interval").optional(1),
            Column::number("alerts a day"),
            Column::number("false"),
            Column::number("").optional(3),
            Column::number("missed").optional(2),
            Column::number("right"),
        ],
        &rows,
    );
    canvas.remark(&format!(
        "For {} rows a day of which {} are not {}; in the test {} are. ≤ is the upper end of the 95 % interval.",
        about(d.workload.rows_per_day),
        units::share(d.workload.base_rate),
        text::visible(&d.negative),
        units::percent(d.positives, d.positives + d.negatives),
    ));
}

pub(super) fn folds(canvas: &mut Canvas, card: &ModelCard) {
    if card.folds.is_empty() {
        return;
    }
    canvas.heading("Each fold");
    let rows: Vec<Vec<Cell>> = card
        .folds
        .iter()
        .map(|fold| {
            vec![
                Cell::new(canvas.name(&fold.test)),
                Cell::new(units::count(fold.test_rows)),
                Cell::new(score(fold.balanced_accuracy)),
                Cell::new(score(fold.f1_macro)),
                Cell::new(score(fold.pr_auc)),
            ]
        })
        .collect();
    table::write(
        canvas,
        &[
            Column::text("tested on", 10, 40),
            Column::number("rows"),
            Column::number("balanced"),
            Column::number("macro F1"),
            Column::number("PR-AUC"),
        ],
        &rows,
    );
}
