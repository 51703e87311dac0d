//! What the commands that learn share: outputs, datasets, and model files.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use netloom::analysis::model_card;
use netloom::analysis::report::terminal::TerminalOptions;
use netloom::ml::card::ModelCard;
use netloom::ml::experiment::ExperimentError;
use netloom::ml::{
    Classifier, Dataset, DatasetOptions, Error, Imported, MAX_ONNX_BYTES, ModelFile,
    ModelFileError, OnnxImportError, from_onnx,
};
use netloom::tables::output::AtomicFile;
use serde::{Deserialize, Serialize};

use crate::arguments::{DataOptions, PerOption};
use crate::data::Data;
use crate::failure::Failure;
use crate::files::Files;
use crate::output::{self, Printer, is_standard};

/// Version of the meaning of the columns that captures give: raised when a column that models learn
/// from changes its meaning, so that older models are refused instead of being wrong.
pub(super) const FEATURE_VERSION: u32 = 1;

/// Sections of a model file that the commands write and read.
pub(super) const CARD: &str = "card";
pub(super) const REFERENCE: &str = "reference";
pub(super) const KEPT: &str = "kept";
const ROWS: &str = "rows";

/// How the rows that a model learned from were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RowsMade {
    /// `host`, `pair` or `service`; none for flows and rows of tables.
    per: Option<String>,
    /// Width of a window in nanoseconds.
    window: i64,
}

/// Files that a card is written to, opened before anything is done: nobody waits for what cannot be
/// written.
pub(super) struct CardOutputs {
    report: Option<AtomicFile>,
    json: Option<AtomicFile>,
    paths: Vec<PathBuf>,
    /// Standard output holds one of them and nothing else.
    stdout: bool,
}

impl CardOutputs {
    pub(super) fn open(
        files: &Files,
        report: Option<&Path>,
        json: Option<&Path>,
    ) -> Result<Self, Failure> {
        let is_stdout = |path: Option<&Path>| path.is_some_and(is_standard);
        if is_stdout(report) && is_stdout(json) {
            return Err(Failure::usage(
                "--report - and --json - cannot both have standard output",
            ));
        }
        Ok(Self {
            report: report.map(|path| files.create(path)).transpose()?,
            json: json.map(|path| files.create(path)).transpose()?,
            paths: [report, json]
                .into_iter()
                .flatten()
                .filter(|path| !is_standard(path))
                .map(Path::to_owned)
                .collect(),
            stdout: is_stdout(report) || is_stdout(json),
        })
    }

    /// One more file, that an option asks for and that the caller writes.
    pub(super) fn other(
        &mut self,
        files: &Files,
        path: &Path,
        option: &str,
    ) -> Result<AtomicFile, Failure> {
        if is_standard(path) {
            if self.stdout {
                return Err(Failure::usage(format!(
                    "{option} - and --report - or --json - cannot both have standard output"
                )));
            }
            self.stdout = true;
        } else {
            self.paths.push(path.to_owned());
        }
        Ok(files.create(path)?)
    }

    /// Writes the card to them, and shows it if standard output is free.
    pub(super) fn write(self, card: &ModelCard, printer: &Printer) -> Result<(), Failure> {
        if let Some(file) = self.report {
            super::report::write(file, &model_card::html(card))?;
        }
        if let Some(file) = self.json {
            let text = model_card::json(card)
                .map_err(|cause| Failure::writing(Path::new("JSON"), &io::Error::other(cause)))?;
            super::report::write(file, &text)?;
        }
        if !self.stdout {
            show(card, printer)?;
        }
        for path in self.paths {
            printer.note(&format!("wrote {}", path.display()));
        }
        Ok(())
    }
}

/// The card on standard output.
fn show(card: &ModelCard, printer: &Printer) -> Result<(), Failure> {
    let stdout = io::stdout();
    let text = model_card::terminal(
        card,
        &TerminalOptions {
            width: output::width(),
            color: printer.colors(&stdout),
            unicode: !stdout.is_terminal() || output::unicode(),
            top: 10,
        },
    );
    let mut stdout = stdout.lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|cause| Failure::writing(Path::new("-"), &cause))
}

/// Threads that work.
pub(super) fn threads(asked: usize) -> usize {
    if asked > 0 {
        return asked;
    }
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The dataset of DATA: what is learned, what decides the split, and what is left out.
pub(super) fn import(
    data: &Data,
    options: &DataOptions,
    target: Option<&str>,
    group: Option<&str>,
) -> Result<Imported, Failure> {
    for (name, option) in options
        .columns
        .iter()
        .map(|name| (name, "--columns"))
        .chain(options.include.iter().map(|name| (name, "--include")))
        .chain(options.exclude.iter().map(|name| (name, "--exclude")))
        .chain(options.time.iter().map(|name| (name, "--time")))
    {
        if !data.has(name) {
            return Err(data.missing(name, option));
        }
    }
    let mut wanted = DatasetOptions::default();
    wanted.target = target.map(str::to_owned);
    wanted.group = group.map(str::to_owned);
    wanted.time.clone_from(&options.time);
    wanted.keep.clone_from(&options.include);
    wanted.exclude.clone_from(&options.exclude);
    wanted.only.clone_from(&options.columns);
    // A window's columns are sums over flows: what a rule looked at is not one of them.
    let made_of: Vec<String> = data
        .label_columns
        .iter()
        .filter(|name| data.has(name) && !options.include.contains(name))
        .cloned()
        .collect();
    wanted.exclude.extend(made_of.iter().cloned());
    let mut imported = Dataset::from_batches(&data.schema, &data.batches, &wanted)?;
    for left in &mut imported.left_out {
        if made_of.contains(&left.column) && !options.exclude.contains(&left.column) {
            "the label was made from it".clone_into(&mut left.reason);
        }
    }
    Ok(imported)
}

/// The columns that a model needs; others are not looked at.
pub(super) fn inputs_of(model: &dyn Classifier, data: &Dataset) -> Result<Dataset, Error> {
    let names: Vec<&str> = model
        .inputs()
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    data.with_columns(&names)
}

/// A model with its card.
pub(super) struct Loaded {
    pub(super) file: ModelFile,
    pub(super) card: ModelCard,
    /// Of a model of another program: all of it.
    onnx: Option<Vec<u8>>,
}

impl Loaded {
    /// Reads a model file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|cause| {
            Failure::input(format!("{}: cannot be read", path.display()), Some(&cause))
        })?;
        if path
            .extension()
            .is_some_and(|known| known.eq_ignore_ascii_case("onnx"))
        {
            return Self::of_onnx(path, file);
        }
        let wrong = |error: ModelFileError| of_file(path, &error);
        let file = ModelFile::read(io::BufReader::new(file)).map_err(wrong)?;
        if !file.header.table.is_empty() {
            file.check_features(FEATURE_VERSION).map_err(wrong)?;
        }
        let card = file
            .json::<ModelCard>(CARD)
            .map_err(wrong)?
            .unwrap_or_default();
        Ok(Self {
            file,
            card,
            onnx: None,
        })
    }

    fn of_onnx(path: &Path, file: File) -> Result<Self, Failure> {
        let mut bytes = Vec::new();
        file.take(MAX_ONNX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|cause| {
                Failure::input(format!("{}: cannot be read", path.display()), Some(&cause))
            })?;
        Ok(Self {
            file: ModelFile::default(),
            card: ModelCard::default(),
            onnx: Some(bytes),
        })
    }

    /// The classifier in it, and the options of DATA as it needs them.
    pub(super) fn classifier(
        &self,
        path: &Path,
        options: &DataOptions,
    ) -> Result<(Box<dyn Classifier>, DataOptions), Failure> {
        let reading = self.reading(path, options)?;
        let Some(bytes) = &self.onnx else {
            let model = self.file.classifier();
            return Ok((model.map_err(|error| of_file(path, &error))?, reading));
        };
        let model = from_onnx(bytes, &options.columns).map_err(|error| of_onnx(path, &error))?;
        // They were the names of what goes in; `for_model` finds them.
        Ok((
            model,
            DataOptions {
                columns: Vec::new(),
                ..reading
            },
        ))
    }

    /// The options that leave no column out that a model of another program asks for by name.
    pub(super) fn for_model(
        &self,
        reading: DataOptions,
        model: &dyn Classifier,
        data: &Data,
    ) -> DataOptions {
        if self.onnx.is_none() {
            return reading;
        }
        let asked = model.inputs().iter().map(|input| input.name.clone());
        DataOptions {
            columns: asked.filter(|name| data.has(name)).collect(),
            ..reading
        }
    }

    /// The options of DATA as the model learned it: the same windows, whatever was said.
    pub(super) fn reading(
        &self,
        path: &Path,
        options: &DataOptions,
    ) -> Result<DataOptions, Failure> {
        if self.onnx.is_some() {
            return Ok(options.clone());
        }
        let made: RowsMade = self
            .file
            .json(ROWS)
            .map_err(|error| of_file(path, &error))?
            .unwrap_or_default();
        let per = match made.per.as_deref() {
            None => None,
            Some("host") => Some(PerOption::Host),
            Some("pair") => Some(PerOption::Pair),
            Some("service") => Some(PerOption::Service),
            Some(other) => {
                return Err(Failure::input(
                    format!(
                        "{}: was made of windows per {other}, which this netloom does not know",
                        path.display()
                    ),
                    None,
                ));
            }
        };
        if options
            .per
            .is_some_and(|asked| asked != PerOption::Flow && Some(asked) != per)
        {
            return Err(Failure::usage(format!(
                "--per: the model learned from {}",
                per.map_or("rows as they are", PerOption::name)
            ))
            .hint("leave --per away: the model knows"));
        }
        Ok(DataOptions {
            per,
            window: if per.is_some() {
                made.window
            } else {
                options.window
            },
            ..options.clone()
        })
    }
}

/// Says in the file how its rows were made.
pub(super) fn remember_rows(
    file: &mut ModelFile,
    options: &DataOptions,
) -> Result<(), ModelFileError> {
    let per = options.per.filter(|per| *per != PerOption::Flow);
    file.set_json(
        ROWS,
        &RowsMade {
            per: per.map(|per| per.name().to_owned()),
            window: options.window,
        },
    )
}

/// A model file that cannot be used.
pub(super) fn of_file(path: &Path, error: &ModelFileError) -> Failure {
    let (message, cause) = match error {
        ModelFileError::Io(cause) => (format!("{}: cannot be read", path.display()), Some(cause)),
        other => (format!("{}: {other}", path.display()), None),
    };
    let failure = Failure::input(message, cause);
    match error {
        ModelFileError::NotAModel => {
            failure.hint("netloom train DATA --label COLUMN -o MODEL.netloom makes one")
        }
        ModelFileError::Damaged(_) => failure.hint("copy it again from where it was made"),
        _ => failure,
    }
}

/// A model of another program that cannot be used.
fn of_onnx(path: &Path, error: &OnnxImportError) -> Failure {
    let failure = Failure::input(format!("{}: {error}", path.display()), None);
    match error {
        OnnxImportError::NoColumns { .. } => failure.hint(
            "name them in the order that the model was trained on, --columns a,b,c, or put them into \
             its metadata as netloom.columns",
        ),
        OnnxImportError::Columns { .. } => {
            failure.hint("--columns a,b,c names them in the order that the model was trained on")
        }
        OnnxImportError::Operator { .. } => {
            failure.hint("the guide to models lists the operators that are")
        }
        OnnxImportError::Damaged(_) => failure.hint("copy it again from where it was made"),
        _ => failure,
    }
}

/// An error of a model that is given data: what it lacks, and what may have been meant.
pub(super) fn of_data(error: Error, data: &Data) -> Failure {
    if let Error::MissingColumns { columns } = &error
        && let Some(first) = columns.first()
    {
        let failure = Failure::input(error.to_string(), None);
        return match netloom::tables::nearest_name(first, data.columns()) {
            Some(nearest) => failure.hint(format!(
                "the model learned from '{first}'; the data has '{nearest}': the names must be the same"
            )),
            None => failure.hint("the model must be given the same columns that it learned from"),
        };
    }
    error.into()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Parameter { .. }
            | Error::UnknownParameter { .. }
            | Error::UnknownModel { .. } => Self::usage(error),
            _ => Self::input(error.to_string(), None),
        }
    }
}

impl From<ExperimentError> for Failure {
    fn from(error: ExperimentError) -> Self {
        match error {
            ExperimentError::Model(error) => error.into(),
            ExperimentError::UnknownClass { .. } => {
                Self::usage(error).hint("--negative names one of them")
            }
            other => Self::input(other.to_string(), None),
        }
    }
}
