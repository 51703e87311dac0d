//! `netloom predict`.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};
use netloom::analysis::report::units;
use netloom::ml::{Classifier, Contributions, Dataset, Probabilities};
use netloom::tables::{TableFormat, table_writer};

use super::learn::{self, Loaded, of_data};
use crate::arguments::{Format, Global, PredictOptions};
use crate::data::{Data, Loader};
use crate::failure::{ExitCode, Failure};
use crate::files::Files;
use crate::output::Printer;

/// Rows that are told at once.
const ROWS: usize = 1 << 16;

pub(crate) fn run(
    options: &PredictOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    let files = Files::of_data(&options.data)?;
    files.reads(&options.model);
    let mut file = files.create(&options.output)?;
    let loaded = Loaded::read(&options.model)?;
    let path: &Path = &options.model;
    let (model, reading) = loaded.classifier(path, &options.reading)?;
    if let Some(unknown) = options
        .only
        .iter()
        .find(|class| !model.classes().contains(class))
    {
        return Err(
            Failure::usage(format!("--only: the model knows no class '{unknown}'"))
                .hint(format!("it knows: {}", model.classes().join(", "))),
        );
    }
    let data = Loader::new(global, printer, &reading)?.load(&options.data)?;
    let data = data.windowed(&reading, None, None)?;
    let reading = loaded.for_model(reading, &*model, &data);
    let imported = learn::import(&data, &reading, None, None)?;
    let dataset =
        learn::inputs_of(&*model, &imported.dataset).map_err(|error| of_data(error, &data))?;
    let shown = shown(options, &data, &*model)?;
    let teller = Teller {
        options,
        model: &*model,
        shown,
        threads: learn::threads(global.threads),
    };
    let schema = teller.schema(&data);
    let is_in_place = file.is_in_place();
    let mut writer = table_writer(format(options), &mut file, &schema, is_in_place)
        .map_err(|cause| Failure::writing(&options.output, &cause))?;
    let mut counts = vec![0_u64; model.classes().len()];
    let mut from = 0;
    for batch in data.batches.iter().flat_map(|batch| {
        let parts = batch.num_rows().div_ceil(ROWS);
        (0..parts).map(move |part| {
            let start = part * ROWS;
            batch.slice(start, ROWS.min(batch.num_rows() - start))
        })
    }) {
        let rows: Vec<usize> = (from..from + batch.num_rows()).collect();
        from += batch.num_rows();
        let told = teller
            .tell(&batch, &dataset.select(&rows), &schema, &mut counts)
            .map_err(|error| match error {
                TellError::Model(error) => of_data(error, &data),
                TellError::Rows(error) => Failure::usage(error),
            })?;
        writer
            .write(&told)
            .map_err(|cause| Failure::writing(&options.output, &cause))?;
    }
    writer
        .finish()
        .map_err(|cause| Failure::writing(&options.output, &cause))?;
    drop(writer);
    file.commit()?;
    let classes: Vec<String> = model
        .classes()
        .iter()
        .zip(&counts)
        .filter(|(_, rows)| **rows > 0)
        .map(|(class, rows)| format!("{class} {}", units::count(*rows)))
        .collect();
    printer.note(&format!(
        "{} told: {}",
        units::counted(data.rows() as u64, "row", "rows"),
        if classes.is_empty() {
            "none".to_owned()
        } else {
            classes.join(", ")
        }
    ));
    Ok(ExitCode::SUCCESS)
}

/// The format that is asked for, or that the name of the output stands for.
fn format(options: &PredictOptions) -> TableFormat {
    options.format.map_or_else(
        || TableFormat::by_extension(&options.output).unwrap_or(TableFormat::Csv),
        Format::format,
    )
}

/// The columns of DATA that stand in the output.
fn shown(
    options: &PredictOptions,
    data: &Data,
    model: &dyn Classifier,
) -> Result<Vec<String>, Failure> {
    match &options.show[..] {
        [all] if all == "all" => Ok(data.columns().map(str::to_owned).collect()),
        [none] if none == "none" => Ok(Vec::new()),
        [] => {
            let seen = |name: &str| model.inputs().iter().any(|input| input.name == name);
            Ok(data
                .columns()
                .filter(|name| !seen(name))
                .map(str::to_owned)
                .collect())
        }
        list => {
            if let Some(missing) = list.iter().find(|name| !data.has(name)) {
                return Err(data.missing(missing, "--show"));
            }
            Ok(list.to_vec())
        }
    }
}

/// Tells classes, and says what it has to say in columns.
struct Teller<'a> {
    options: &'a PredictOptions,
    model: &'a dyn Classifier,
    shown: Vec<String>,
    threads: usize,
}

enum TellError {
    Model(netloom::ml::Error),
    Rows(arrow_schema::ArrowError),
}

impl Teller<'_> {
    fn schema(&self, data: &Data) -> SchemaRef {
        let mut added = vec![
            ("prediction".to_owned(), DataType::Utf8),
            ("probability".to_owned(), DataType::Float64),
        ];
        if self.options.probabilities {
            let classes = self.model.classes().iter();
            added.extend(classes.map(|class| (format!("p_{class}"), DataType::Float64)));
        }
        if self.options.explain.is_some() {
            added.push(("explanation".to_owned(), DataType::Utf8));
        }
        data.schema_with(&self.shown, added)
    }

    fn tell(
        &self,
        batch: &RecordBatch,
        dataset: &Dataset,
        schema: &SchemaRef,
        counts: &mut [u64],
    ) -> Result<RecordBatch, TellError> {
        let said = self
            .model
            .predict_proba(dataset, self.threads)
            .map_err(TellError::Model)?;
        let predicted = said.predicted();
        let classes = self.model.classes();
        let rows: Vec<usize> = (0..batch.num_rows())
            .filter(|&row| {
                let class = &classes[predicted[row] as usize];
                self.options.only.is_empty() || self.options.only.contains(class)
            })
            .collect();
        for &row in &rows {
            counts[predicted[row] as usize] += 1;
        }
        let places = arrow_array::UInt64Array::from_iter_values(rows.iter().map(|&row| row as u64));
        let mut columns: Vec<ArrayRef> = self
            .shown
            .iter()
            .filter_map(|name| batch.column_by_name(name))
            .map(|array| arrow_select::take::take(array, &places, None))
            .collect::<Result<_, _>>()
            .map_err(TellError::Rows)?;
        let name = |row: &usize| Some(classes[predicted[*row] as usize].as_str());
        columns.push(Arc::new(rows.iter().map(name).collect::<StringArray>()));
        let sure = |row: &usize| said.row(*row)[predicted[*row] as usize];
        columns.push(numbers(rows.iter().map(sure)));
        if self.options.probabilities {
            for class in 0..classes.len() {
                columns.push(numbers(rows.iter().map(|&row| said.row(row)[class])));
            }
        }
        if let Some(most) = self.options.explain {
            columns.push(self.contributions(dataset, &said, &rows, most)?);
        }
        RecordBatch::try_new(Arc::clone(schema), columns).map_err(TellError::Rows)
    }

    /// What contributed most to each prediction, in words: `bwd_bytes 4800 (+0.31)`.
    fn contributions(
        &self,
        dataset: &Dataset,
        said: &Probabilities,
        rows: &[usize],
        most: usize,
    ) -> Result<ArrayRef, TellError> {
        let found: Option<Contributions> = self
            .model
            .contributions(dataset, self.threads)
            .map_err(TellError::Model)?;
        let Some(found) = found else {
            return Ok(Arc::new(StringArray::new_null(rows.len())));
        };
        let predicted = said.predicted();
        let columns: Vec<_> = found
            .columns()
            .iter()
            .map(|name| dataset.column(name))
            .collect();
        let words = rows.iter().map(|&row| {
            let class = predicted[row] as usize;
            let mut added: Vec<(usize, f64)> = found.of(row, class).enumerate().collect();
            added.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
            let words: Vec<String> = added
                .iter()
                .take(most)
                .filter(|(_, added)| *added != 0.0)
                .map(|&(column, added)| {
                    let value = columns[column].as_ref().and_then(|view| view.text(row));
                    let value = value.unwrap_or_else(|| "missing".to_owned());
                    format!("{} {value} ({added:+.3})", found.columns()[column])
                })
                .collect();
            Some(words.join("; "))
        });
        Ok(Arc::new(words.collect::<StringArray>()))
    }
}

fn numbers(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}
