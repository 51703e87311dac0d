//! `netloom train`.

mod update;

use std::path::Path;

use netloom::ml::calibration::CalibrationMethod;
use netloom::ml::card::{Candidate, ModelCard, Weight};
use netloom::ml::evaluation::Workload;
use netloom::ml::experiment::{
    Experiment, ExperimentOptions, ImportanceOptions, Kept, Method, experiment, harmless_name,
};
use netloom::ml::{
    AutoParams, Choice, Classifier, ClassifierParams, Clock, Dataset, Imported, ModelFile,
    Reference, Run, classifier, identity,
};
use netloom::tables::output::AtomicFile;

use self::update::update;
use super::learn::{
    self, CARD, CardOutputs, FEATURE_VERSION, KEPT, Loaded, REFERENCE, of_data, of_file,
};
use crate::arguments::{
    CalibrateOption, DataOptions, DetectorOptions, Folds, Global, SplitOption, TrainOptions,
};
use crate::clock::Stopwatch;
use crate::data::{Data, FILE_COLUMN, LabelFrom, Loader, PATH_LABEL};
use crate::failure::{ExitCode, Failure};
use crate::files::Files;
use crate::output::Printer;

/// The column that marks rows of `--test-data`, and joins the columns of a group.
const PART_COLUMN: &str = "netloom part";
const TEST_PART: &str = "test";

pub(crate) fn run(
    options: &TrainOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    check(options)?;
    // Outputs are opened first: nobody waits for a model that cannot be written.
    let files = Files::of_data(&options.data)?;
    files.data(&options.split.test_data)?;
    if let Some(LabelFrom::Rules(path)) = &options.label_from {
        files.reads(path);
    }
    // A model may take the place of the one that it continues, which is kept if it is better.
    if let Some(old) = &options.update
        && !options
            .output
            .as_deref()
            .is_some_and(|new| is_same(old, new))
    {
        files.reads(old);
    }
    let model_file = options
        .output
        .as_deref()
        .map(|path| files.create(path))
        .transpose()?;
    let outputs = CardOutputs::open(&files, options.report.as_deref(), options.json.as_deref())?;
    let updated = options.update.as_deref().map(Loaded::read).transpose()?;

    let task = Task::new(options, global, printer, updated.as_ref())?;
    let trained = match (&updated, &options.update) {
        (Some(old), Some(path)) => match update(&task, old, path, printer)? {
            Some(trained) => trained,
            None => return Ok(ExitCode::UNMET),
        },
        _ => first(&task)?,
    };
    let card = &trained.experiment.card;
    if let (Some(file), Some(path)) = (model_file, &options.output) {
        save(file, path, &task, &trained)?;
    }
    outputs.write(card, printer)?;
    if let Some(path) = &options.output {
        printer.note(&format!("wrote {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let files = Files::default();
    files.reads(one);
    files.check(other).is_err()
}

fn check(options: &TrainOptions) -> Result<(), Failure> {
    let test = options.split.test;
    if !(test > 0.0 && test < 1.0) {
        return Err(Failure::usage(format!(
            "--test {test}: the share to test on is above 0 and below 1"
        ))
        .hint("--test 0.3 tests on three of ten rows"));
    }
    let detector = &options.detector;
    check_detector(detector)?;
    if options.split.stratify && !matches!(options.split.split, None | Some(SplitOption::Time)) {
        return Err(Failure::usage("--stratify is for a split by time").hint(
            "a split by group or at random keeps the shares of the classes as far as it can",
        ));
    }
    if matches!(options.split.folds, Some(Folds::All))
        && !matches!(options.split.split, Some(SplitOption::Group(_)))
    {
        return Err(Failure::usage(
            "--folds all leaves one group out at a time: it needs --split group:COLUMN",
        ));
    }
    Ok(())
}

pub(super) fn check_detector(detector: &DetectorOptions) -> Result<(), Failure> {
    if !(detector.base_rate > 0.0 && detector.base_rate < 1.0) {
        return Err(Failure::usage(format!(
            "--base-rate {}: it is a share above 0 and below 1",
            detector.base_rate
        )));
    }
    if !(detector.rows_per_day > 0.0 && detector.rows_per_day.is_finite()) {
        return Err(Failure::usage(format!(
            "--rows-per-day {}: it is more than 0",
            detector.rows_per_day
        )));
    }
    Ok(())
}

pub(super) fn workload(detector: &DetectorOptions) -> Workload {
    Workload {
        rows_per_day: detector.rows_per_day,
        base_rate: detector.base_rate,
    }
}

/// Data to learn from, and how.
struct Task<'a> {
    options: &'a TrainOptions,
    reading: DataOptions,
    data: Data,
    imported: Imported,
    label: String,
    experiment: ExperimentOptions,
}

impl<'a> Task<'a> {
    fn new(
        options: &'a TrainOptions,
        global: &Global,
        printer: &Printer,
        old: Option<&Loaded>,
    ) -> Result<Self, Failure> {
        let reading = match (old, &options.update) {
            (Some(old), Some(path)) => old.reading(path, &options.reading)?,
            _ => options.reading.clone(),
        };
        let label = options.label.clone().unwrap_or_else(|| match old {
            Some(old) if options.label_from.is_none() => old.card.data.label.clone(),
            _ => PATH_LABEL.to_owned(),
        });
        let groups: &[String] = match &options.split.split {
            Some(SplitOption::Group(columns)) => columns,
            _ => &[],
        };
        let mut loader = Loader::new(global, printer, &reading)?;
        if options.label_from.as_ref().is_some_and(LabelFrom::is_path)
            || groups.iter().any(|column| column == FILE_COLUMN)
        {
            loader = loader.by_file();
        }
        let prepare = |paths: &[std::path::PathBuf]| -> Result<Data, Failure> {
            let mut data = loader.load(paths)?;
            if let Some(from) = &options.label_from {
                data = data.labelled(from, &label, printer)?;
            }
            if !data.has(&label) {
                return Err(data.missing(&label, "--label"));
            }
            let harmless = match &options.detector.negative {
                Some(name) => Some(name.clone()),
                None => data
                    .names_in(&label)?
                    .into_iter()
                    .find(|name| harmless_name(name)),
            };
            data.windowed(&reading, Some(&label), harmless.as_deref())
        };
        let mut data = prepare(&options.data)?;
        let mut group = None;
        if !options.split.test_data.is_empty() {
            let test = prepare(&options.split.test_data)?;
            data = data
                .marked(PART_COLUMN, "train")?
                .followed_by(test.marked(PART_COLUMN, TEST_PART)?, printer)?;
            group = Some(PART_COLUMN.to_owned());
        } else if !groups.is_empty() {
            for column in groups {
                if !data.has(column) {
                    return Err(data.missing(column, "--split group"));
                }
            }
            group = Some(if let [one] = groups {
                one.clone()
            } else {
                data = data.joined(groups, PART_COLUMN)?;
                PART_COLUMN.to_owned()
            });
        }
        let mut imported = learn::import(&data, &reading, Some(&label), group.as_deref())?;
        if imported.dataset.rows() == 0 {
            return Err(no_labels(&data, &label));
        }
        if let Some(old) = old {
            let names: Vec<&str> = old
                .file
                .header
                .inputs
                .iter()
                .map(|input| input.name.as_str())
                .collect();
            imported.dataset = imported
                .dataset
                .with_columns(&names)
                .map_err(|error| of_data(error, &data))?;
        }
        imported.left_out.retain(|left| left.column != PART_COLUMN);
        let run = Run {
            seed: options.seed,
            threads: learn::threads(global.threads),
        };
        let method = method(options, &imported, groups)?;
        let folds = options.split.folds.map(|folds| match folds {
            Folds::Number(number) => number,
            Folds::All => imported.dataset.group_names().len(),
        });
        let experiment = ExperimentOptions {
            method,
            test: options.split.test,
            folds,
            calibrate: options.calibrate.map(|method| match method {
                CalibrateOption::Isotonic => CalibrationMethod::Isotonic,
                CalibrateOption::Sigmoid => CalibrationMethod::Sigmoid,
            }),
            negative: options.detector.negative.clone(),
            workload: workload(&options.detector),
            gap: !options.split.no_gap,
            importance: Some(importance(&options.model)),
            identifiers: identifiers(&imported, &reading),
            refit: options.refit,
            run,
        };
        Ok(Self {
            options,
            reading,
            data,
            imported,
            label,
            experiment,
        })
    }
}

/// No row has a label.
fn no_labels(data: &Data, label: &str) -> Failure {
    let names: Vec<&str> = data
        .sources
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    let names = names.join(", ");
    if data.rows() == 0 {
        return Failure::input(format!("{names}: no rows to learn from"), None);
    }
    Failure::input(
        format!("{names}: the column '{label}' is empty in all rows"),
        None,
    )
    .hint("--label names the column that says what each row is")
}

/// A model that compares a row with all others takes its time: fewer rows, shuffled less often.
fn importance(model: &str) -> ImportanceOptions {
    if model.replace('_', "-").eq_ignore_ascii_case("k-neighbors") {
        return ImportanceOptions {
            repeats: 1,
            rows: 300,
        };
    }
    ImportanceOptions::default()
}

/// Columns that are learned from though they identify someone or a moment.
fn identifiers(imported: &Imported, reading: &DataOptions) -> Vec<String> {
    imported
        .dataset
        .columns()
        .map(|column| column.name().to_owned())
        .filter(|name| reading.include.contains(name) && identity(name).is_some())
        .collect()
}

fn method(
    options: &TrainOptions,
    imported: &Imported,
    groups: &[String],
) -> Result<Method, Failure> {
    let per_class = options.split.stratify;
    if !options.split.test_data.is_empty() {
        let data = &imported.dataset;
        let names = data.group_names();
        let codes = data.group_codes().unwrap_or_default();
        let rows = (0..data.rows())
            .filter(|&row| {
                names
                    .get(codes[row] as usize)
                    .is_some_and(|name| name == TEST_PART)
            })
            .collect();
        let names: Vec<String> = options
            .split
            .test_data
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return Ok(Method::Given(rows, names.join(", ")));
    }
    match &options.split.split {
        Some(SplitOption::Random) => Ok(Method::Random),
        Some(SplitOption::Group(_)) => Ok(Method::Group(groups.join(", "))),
        Some(SplitOption::Time) if imported.dataset.times().is_none() => {
            Err(Failure::usage("--split time: no column says when rows were")
                .hint("--time COLUMN names one; --split group:COLUMN and --test-data DATA need none"))
        }
        Some(SplitOption::Time) => Ok(Method::Time { per_class }),
        None if imported.dataset.times().is_some() => Ok(Method::Time { per_class }),
        None => Err(Failure::usage(
            "no column says when rows were, so they cannot be split by time",
        )
        .hint("say what to test on: --time COLUMN, --split group:COLUMN, --test-data DATA, or --split random (which flatters)")),
    }
}

/// A model, and how to write it.
struct Trained {
    experiment: Experiment,
    parameters: Vec<(String, String)>,
    /// What the model learned from and was tested on.
    dataset: Dataset,
}

/// Learns for the first time.
fn first(task: &Task<'_>) -> Result<Trained, Failure> {
    let given: Vec<(&str, &str)> = task
        .options
        .parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let params: Box<dyn ClassifierParams> = if task.options.model.eq_ignore_ascii_case("auto") {
        let watch = Stopwatch::start();
        let clock = Clock::new(move || watch.elapsed());
        Box::new(AutoParams::with_parameters(&given)?.with_clock(clock))
    } else {
        classifier(&task.options.model, &given)?
    };
    let dataset = task.imported.dataset.clone();
    let mut made = experiment(&dataset, &*params, &task.experiment)?;
    if let Some(choice) = made.model.choice().cloned() {
        // From here on it is a model of the family that was chosen, with its parameters.
        let given: Vec<(&str, &str)> = choice
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let params = classifier(&choice.chosen, &given)?;
        params
            .algorithm()
            .clone_into(&mut made.card.model.algorithm);
        made.card.model.parameters = params.parameters();
        made.card.model.chosen = candidates(&choice);
        return Ok(Trained::new(task, made, &*params, dataset));
    }
    Ok(Trained::new(task, made, &*params, dataset))
}

/// What `auto` tried, and what it had no time for.
fn candidates(choice: &Choice) -> Vec<Candidate> {
    // The first is the best.
    let tried = choice
        .tried
        .iter()
        .enumerate()
        .map(|(place, tried)| Candidate {
            algorithm: tried.label(),
            score: Some(tried.mean),
            metric: choice.scoring.label().to_owned(),
            note: if place == 0 {
                format!("taken: {}", choice.held_out)
            } else {
                String::new()
            },
            taken: place == 0,
        });
    let not_tried = choice.not_tried.iter().map(|model| Candidate {
        algorithm: model.clone(),
        note: "no time".to_owned(),
        ..Candidate::default()
    });
    tried.chain(not_tried).collect()
}

impl Trained {
    fn new(
        task: &Task<'_>,
        mut experiment: Experiment,
        params: &dyn ClassifierParams,
        dataset: Dataset,
    ) -> Self {
        describe(&mut experiment.card, task, &*experiment.model);
        Self {
            experiment,
            parameters: params.parameters(),
            dataset,
        }
    }
}

/// The facts of the card that are about where the data is from.
fn describe(card: &mut ModelCard, task: &Task<'_>, model: &dyn Classifier) {
    let (data, imported) = (&task.data, &task.imported);
    card.data.sources.clone_from(&data.sources);
    card.data.row.clone_from(&data.row);
    card.data.label.clone_from(&task.label);
    card.data.unlabelled = imported.unlabelled as u64;
    card.data.time_column.clone_from(&imported.time);
    if let Some((first, last)) = imported.dataset.window() {
        card.data.first = Some(netloom::ml::experiment::rfc3339(first));
        card.data.last = Some(netloom::ml::experiment::rfc3339(last));
    }
    card.data.left_out = imported
        .left_out
        .iter()
        .chain(model.left_out())
        .cloned()
        .collect();
    card.model.drawing = model.draw(5);
    if matches!(task.experiment.method, Method::Given(..)) {
        // What marks the test rows is no group of theirs.
        card.split.train_groups = None;
        card.split.test_groups = None;
    }
    if imported.unlabelled > 0 {
        card.warn(
            Weight::Low,
            "data",
            format!(
                "{} rows have no label and were left out",
                imported.unlabelled
            ),
            "",
        );
    }
    for (title, detail) in &data.poor {
        card.warn(Weight::Medium, "capture", title, detail);
    }
}

/// Writes the model.
fn save(
    mut file: AtomicFile,
    path: &Path,
    task: &Task<'_>,
    trained: &Trained,
) -> Result<(), Failure> {
    let made = &trained.experiment;
    let wrong = |error| of_file(path, &error);
    let mut model = ModelFile::of_classifier(&*made.model).map_err(wrong)?;
    let learned = trained.dataset.select(&made.learned);
    model.header.parameters.clone_from(&trained.parameters);
    model.header.seed = task.options.seed;
    model.header.rows = made.learned.len() as u64;
    model.header.window = learned.window();
    task.data.table.clone_into(&mut model.header.table);
    model.header.feature_version = (!task.data.table.is_empty()).then_some(FEATURE_VERSION);
    model.set_json(CARD, &made.card).map_err(wrong)?;
    learn::remember_rows(&mut model, &task.reading).map_err(wrong)?;
    let names: Vec<&str> = made
        .model
        .inputs()
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    let seen = learned.with_columns(&names)?;
    model
        .set_binary(REFERENCE, &Reference::of(&seen))
        .map_err(wrong)?;
    if task.options.keep > 0 {
        let kept = Kept::of(
            &trained.dataset,
            made.model.inputs(),
            &made.learned,
            &made.test,
            task.options.keep,
            task.options.seed,
        )?;
        model.set_binary(KEPT, &kept).map_err(wrong)?;
    }
    model.write(&mut file).map_err(|error| match error {
        netloom::ml::ModelFileError::Io(cause) => Failure::writing(path, &cause),
        other => of_file(path, &other),
    })?;
    Ok(file.commit()?)
}
