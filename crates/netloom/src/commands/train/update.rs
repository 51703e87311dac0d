//! Goes on with a model that was trained before.

use std::path::Path;

use netloom::ml::calibration::CalibrationMethod;
use netloom::ml::card::{Update, Weight};
use netloom::ml::classifier;
use netloom::ml::experiment::{
    ExperimentOptions, Kept, Method, Plan, concatenated, evaluate_model, experiment, is_worse,
};

use super::{Task, Trained};
use crate::commands::learn::{KEPT, Loaded, of_file};
use crate::failure::Failure;
use crate::output::Printer;

/// Learns again from what the model kept and from new data, and compares on the same test rows.
/// None if it became worse and nobody insisted.
pub(super) fn update(
    task: &Task<'_>,
    old: &Loaded,
    path: &Path,
    printer: &Printer,
) -> Result<Option<Trained>, Failure> {
    let header = &old.file.header;
    let model = old
        .file
        .classifier()
        .map_err(|error| of_file(path, &error))?;
    let kept: Kept = old
        .file
        .binary(KEPT)
        .map_err(|error| of_file(path, &error))?
        .ok_or_else(|| {
            Failure::input(
                format!(
                    "{}: has kept nothing of what it learned from",
                    path.display()
                ),
                None,
            )
            .hint("train it again, with --keep above 0")
        })?;
    let new = &task.imported.dataset;
    let plan = Plan::new(new, &task.experiment)?;
    let (kept_train, kept_test) = (kept.train()?, kept.test()?);
    let train = concatenated(&kept_train, &new.select(&plan.first().train))?;
    let test = concatenated(&kept_test, &new.select(&plan.first().test))?;
    let test_rows: Vec<usize> = (train.rows()..train.rows() + test.rows()).collect();
    let all = concatenated(&train, &test)?;

    let given: Vec<(&str, &str)> = header
        .parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let params = classifier(&header.algorithm, &given)?;
    let words = format!(
        "{} rows kept of the past and {} new ones",
        kept_test.rows(),
        plan.first().test.len()
    );
    let options = ExperimentOptions {
        method: Method::Given(test_rows.clone(), words),
        calibrate: task.experiment.calibrate.or_else(|| {
            let method = &old.card.model.calibration.as_ref()?.method;
            Some(if method == "sigmoid" {
                CalibrationMethod::Sigmoid
            } else {
                CalibrationMethod::Isotonic
            })
        }),
        ..task.experiment.clone()
    };
    let made = experiment(&all, &*params, &options)?;
    let before = evaluate_model(
        &*model,
        &all.select(&test_rows),
        options.negative.as_deref(),
        options.workload,
        options.run,
    )?;
    let before = before.evaluation.scores.f1_macro;
    let after = made
        .card
        .evaluation
        .as_ref()
        .map(|e| e.scores.f1_macro)
        .unwrap_or_default();
    let shown =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    let worse = is_worse(before, after);
    if worse && !task.options.force {
        printer.warning(&format!(
            "the continued model is worse: macro F1 {} before, {} after, on the same {} test rows; nothing was written",
            shown(before.value),
            shown(after.value),
            test_rows.len()
        ));
        printer.note("--force takes it nevertheless");
        return Ok(None);
    }
    let mut trained = Trained::new(task, made, &*params, all);
    let card = &mut trained.experiment.card;
    let mut sources = old.card.data.sources.clone();
    sources.append(&mut card.data.sources);
    card.data.sources = sources;
    // Times of one form: the first in the alphabet is the earlier one.
    let first = [&old.card.data.first, &card.data.first]
        .into_iter()
        .flatten()
        .min()
        .cloned();
    let last = [&old.card.data.last, &card.data.last]
        .into_iter()
        .flatten()
        .max()
        .cloned();
    (card.data.first, card.data.last) = (first, last);
    card.updates.clone_from(&old.card.updates);
    card.updates.push(Update {
        rows: new.rows() as u64,
        kept: kept.rows().0,
        how: "learned again".to_owned(),
        metric: "macro F1".to_owned(),
        before,
        after,
        forced: worse,
    });
    if worse {
        card.warn(
            Weight::High,
            "score",
            format!(
                "the model was continued though that made it worse: macro F1 {} before, {} after",
                shown(before.value),
                shown(after.value)
            ),
            "",
        );
    }
    Ok(Some(trained))
}
