//! `netloom evaluate`.

use std::io::Write as _;
use std::path::Path;

use netloom::ml::card::{ColumnFacts, ModelCard, SplitFacts, Weight};
use netloom::ml::experiment::{evaluate_model, rfc3339};
use netloom::ml::{Kind, Reference, Run, to_onnx};
use netloom::tables::output::AtomicFile;

use super::learn::{self, CardOutputs, Loaded, REFERENCE, of_data, of_file};
use super::train::{check_detector, workload};
use crate::arguments::{EvaluateOptions, Global};
use crate::data::{LabelFrom, Loader, PATH_LABEL};
use crate::failure::{ExitCode, Failure};
use crate::files::Files;
use crate::output::Printer;

/// Above this a column is said to have shifted, by custom.
const MUCH_DRIFT: f64 = 0.25;

pub(crate) fn run(
    options: &EvaluateOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    check_detector(&options.detector)?;
    let files = Files::of_data(&options.data)?;
    files.reads(&options.model);
    if let Some(LabelFrom::Rules(path)) = &options.label_from {
        files.reads(path);
    }
    let mut outputs =
        CardOutputs::open(&files, options.report.as_deref(), options.json.as_deref())?;
    let onnx = options
        .onnx
        .as_deref()
        .map(|path| outputs.other(&files, path, "--onnx"))
        .transpose()?;
    let model = Loaded::read(&options.model)?;
    if let Some(file) = onnx {
        write_onnx(&options.model, &model, file)?;
    }
    if options.data.is_empty() {
        if options.label.is_some() || options.label_from.is_some() {
            return Err(Failure::usage(
                "labels are given, but no DATA to evaluate on",
            ));
        }
        if model.card == ModelCard::default() {
            if options.onnx.is_some() {
                return Ok(ExitCode::SUCCESS);
            }
            return Err(
                Failure::input(format!("{}: has no card", options.model.display()), None)
                    .hint("netloom evaluate MODEL DATA --label COLUMN says what it is worth"),
            );
        }
        outputs.write(&model.card, printer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let card = on_data(options, &model, global, printer)?;
    outputs.write(&card, printer)?;
    Ok(ExitCode::SUCCESS)
}

/// The model as ONNX.
fn write_onnx(path: &Path, loaded: &Loaded, mut file: AtomicFile) -> Result<(), Failure> {
    let model = loaded.file.classifier();
    let model = model.map_err(|error| of_file(path, &error))?;
    let bytes = to_onnx(&*model)
        .map_err(|error| Failure::usage(format!("--onnx: {}: {error}", path.display())))?;
    let written = file.path().to_owned();
    file.write_all(&bytes)
        .map_err(|cause| Failure::writing(&written, &cause))?;
    Ok(file.commit()?)
}

/// The card with what the model is worth on other data in place of its own test.
fn on_data(
    options: &EvaluateOptions,
    loaded: &Loaded,
    global: &Global,
    printer: &Printer,
) -> Result<ModelCard, Failure> {
    let path: &Path = &options.model;
    let (model, reading) = loaded.classifier(path, &options.reading)?;
    let known = &loaded.card.data.label;
    let label = options.label.clone().unwrap_or_else(|| {
        if options.label_from.is_some() || known.is_empty() {
            PATH_LABEL
        } else {
            known
        }
        .to_owned()
    });
    let mut loader = Loader::new(global, printer, &reading)?;
    if options.label_from.as_ref().is_some_and(LabelFrom::is_path) {
        loader = loader.by_file();
    }
    let mut data = loader.load(&options.data)?;
    if let Some(from) = &options.label_from {
        data = data.labelled(from, &label, printer)?;
    }
    if !data.has(&label) {
        return Err(data.missing(&label, "--label"));
    }
    let negative = options.detector.negative.clone().or_else(|| {
        let detection = loaded.card.evaluation.as_ref()?.detection.as_ref()?;
        Some(detection.negative.clone())
    });
    let data = data.windowed(&reading, Some(&label), negative.as_deref())?;
    let reading = loaded.for_model(reading, &*model, &data);
    let imported = learn::import(&data, &reading, Some(&label), None)?;
    let dataset =
        learn::inputs_of(&*model, &imported.dataset).map_err(|error| of_data(error, &data))?;
    if dataset.rows() == 0 {
        return Err(Failure::input(
            "there is no row with a label to evaluate on",
            None,
        ));
    }
    let other = evaluate_model(
        &*model,
        &dataset,
        negative.as_deref(),
        workload(&options.detector),
        Run {
            seed: loaded.file.header.seed,
            threads: learn::threads(global.threads),
        },
    )?;

    let mut card = loaded.card.clone();
    if card.model.algorithm.is_empty() {
        model.algorithm().clone_into(&mut card.model.algorithm);
        card.data.label.clone_from(&label);
        card.data.columns = dataset
            .columns()
            .map(|view| {
                let missing = view.numbers().iter().filter(|x| x.is_nan()).count();
                ColumnFacts {
                    name: view.name().to_owned(),
                    kind: match view.kind() {
                        Kind::Category => "category",
                        _ => "number",
                    }
                    .to_owned(),
                    missing: missing as f64 / view.len().max(1) as f64,
                }
            })
            .collect();
    }
    card.warnings.clear();
    card.folds.clear();
    card.importances.clear();
    card.leakage = netloom::ml::card::LeakageFacts::default();
    card.baselines = vec![other.majority];
    card.split = SplitFacts {
        method: "other data".to_owned(),
        words: "a model that was made before, on other data".to_owned(),
        train_rows: loaded.file.header.rows,
        test_rows: dataset.rows() as u64,
        train_window: loaded
            .file
            .header
            .window
            .map(|(a, b)| (rfc3339(a), rfc3339(b))),
        test_window: dataset.window().map(|(a, b)| (rfc3339(a), rfc3339(b))),
        ..SplitFacts::default()
    };
    for class in &mut card.data.classes {
        class.test = 0;
    }
    for class in &other.evaluation.per_class {
        match card
            .data
            .classes
            .iter_mut()
            .find(|known| known.class == class.class)
        {
            Some(known) => known.test = class.support,
            None => card.data.classes.push(netloom::ml::card::ClassRows {
                class: class.class.clone(),
                train: 0,
                test: class.support,
            }),
        }
    }
    card.data.sources.clone_from(&data.sources);
    card.data.rows = dataset.rows() as u64;
    card.data.unlabelled = imported.unlabelled as u64;
    card.data.left_out.clone_from(&imported.left_out);
    (card.data.first, card.data.last) = match dataset.window() {
        Some((first, last)) => (Some(rfc3339(first)), Some(rfc3339(last))),
        None => (None, None),
    };
    for (name, rows) in &other.unknown {
        card.warn(
            Weight::High,
            "classes",
            format!("the model has not learned '{name}', which {rows} rows are of"),
            "All of them count as wrong.",
        );
    }
    drift(&mut card, path, loaded, &dataset)?;
    worse_than_its_test(&mut card, loaded, &other.evaluation);
    for (title, detail) in &data.poor {
        card.warn(Weight::Medium, "capture", title, detail);
    }
    card.evaluation = Some(other.evaluation);
    Ok(card)
}

/// Columns whose values have shifted since the model learned them.
fn drift(
    card: &mut ModelCard,
    path: &Path,
    loaded: &Loaded,
    dataset: &netloom::ml::Dataset,
) -> Result<(), Failure> {
    let reference: Option<Reference> = loaded
        .file
        .binary(REFERENCE)
        .map_err(|error| of_file(path, &error))?;
    let Some(reference) = reference else {
        return Ok(());
    };
    let shifted: Vec<String> = reference
        .drift(dataset)
        .into_iter()
        .filter(|drift| drift.index >= MUCH_DRIFT)
        .map(|drift| drift.column)
        .collect();
    if !shifted.is_empty() {
        const SHOWN: usize = 5;
        let more = shifted.len().saturating_sub(SHOWN);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        card.warn(
            Weight::Low,
            "data",
            format!(
                "{} of {} columns look different from what the model learned: {}{more}",
                shifted.len(),
                loaded.file.header.inputs.len(),
                shifted.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ")
            ),
            "Population stability index of 0.25 and more. Where the traffic has changed, so may the scores: netloom train --update continues the model.",
        );
    }
    Ok(())
}

fn worse_than_its_test(
    card: &mut ModelCard,
    loaded: &Loaded,
    now: &netloom::ml::evaluation::Evaluation,
) {
    let then = loaded
        .card
        .evaluation
        .as_ref()
        .map(|e| e.scores.f1_macro)
        .unwrap_or_default();
    if netloom::ml::experiment::is_worse(then, now.scores.f1_macro)
        && let (Some(then), Some(now)) = (then.value, now.scores.f1_macro.value)
    {
        card.warn(
            Weight::Medium,
            "score",
            format!("macro F1 is {now:.3} here, but was {then:.3} when the model was tested"),
            "This data is another network, another time, or labelled in another way.",
        );
    }
}
