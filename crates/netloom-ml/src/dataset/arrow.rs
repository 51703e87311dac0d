//! Datasets from record batches.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::{Dataset, Values, identity};
use crate::error::Error;

/// What the columns of a table are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatasetOptions {
    /// The column that is to be learned; rows without it are left out.
    pub target: Option<String>,
    /// What it holds.
    pub target_kind: TargetKind,
    /// The column that says which host, capture or other group a row belongs to.
    pub group: Option<String>,
    /// The column that says when a row was; without it the first that [is a time](identity), if
    /// there is one.
    pub time: Option<String>,
    /// The column that says how much a row counts.
    pub weight: Option<String>,
    /// Columns to learn from though they are left out by default.
    pub keep: Vec<String>,
    /// Further columns to leave out.
    pub exclude: Vec<String>,
    /// The only columns to learn from; empty for all.
    pub only: Vec<String>,
}

/// What a target column holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TargetKind {
    /// Classes; numbers are taken as names.
    #[default]
    Classes,
    /// Numbers.
    Numbers,
}

/// A dataset, and what was left out of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Imported {
    /// The dataset.
    pub dataset: Dataset,
    /// Columns that are not learned from, and why.
    pub left_out: Vec<LeftOut>,
    /// Rows that were left out for having no label.
    pub unlabelled: usize,
    /// The column that times are from.
    pub time: Option<String>,
}

/// A column that is not learned from.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct LeftOut {
    /// Its name.
    pub column: String,
    /// Why: `an address`, `a time`, `asked for` and so on.
    pub reason: String,
}

impl Dataset {
    /// A dataset from record batches of one schema.
    ///
    /// Numbers and booleans become numbers, text becomes categories. Columns that
    /// [say who or when](identity) are left out, and so are lists and other nested columns; all of
    /// them are named in what is returned.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    /// use netloom_ml::{Dataset, DatasetOptions};
    ///
    /// let batch = RecordBatch::try_from_iter([
    ///     ("src_ip", Arc::new(StringArray::from(vec!["10.0.0.1", "10.0.0.2"])) as ArrayRef),
    ///     ("bytes", Arc::new(Float64Array::from(vec![1.0, 2.0])) as ArrayRef),
    ///     ("label", Arc::new(StringArray::from(vec!["benign", "scan"])) as ArrayRef),
    /// ])?;
    /// let mut options = DatasetOptions::default();
    /// options.target = Some("label".to_owned());
    /// let imported = Dataset::from_batches(&batch.schema(), &[batch], &options)?;
    /// assert_eq!(imported.dataset.columns().len(), 1);
    /// assert_eq!(imported.left_out[0].reason, "an address");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a column that was named is not there, or holds what it must not.
    pub fn from_batches(
        schema: &Schema,
        batches: &[RecordBatch],
        options: &DatasetOptions,
    ) -> Result<Imported, Error> {
        Importer { schema, batches }.import(options)
    }
}

struct Importer<'a> {
    schema: &'a Schema,
    batches: &'a [RecordBatch],
}

impl Importer<'_> {
    fn import(&self, options: &DatasetOptions) -> Result<Imported, Error> {
        self.check_names(options)?;
        let time = options.time.clone().or_else(|| self.usual_time());
        let mut left_out = Vec::new();
        let mut columns = Vec::new();
        for (place, field) in self.schema.fields().iter().enumerate() {
            match Self::reason(field, options, time.as_deref()) {
                Some(reason) => left_out.push(LeftOut {
                    column: field.name().clone(),
                    reason: reason.to_owned(),
                }),
                None => columns.push((field.name().as_str(), self.values(place)?)),
            }
        }
        let rows = self.batches.iter().map(RecordBatch::num_rows).sum();
        let mut dataset = if columns.is_empty() {
            // Rows without columns still have labels and times.
            Dataset::new(vec![("", Values::numbers(vec![0.0; rows]))])?.with_columns::<&str>(&[])?
        } else {
            Dataset::new(columns)?
        };
        if let Some(time) = &time {
            dataset = dataset.with_times(self.times(time)?)?;
        }
        if let Some(group) = &options.group {
            let names = self.texts(group)?;
            dataset =
                dataset.with_groups(names.iter().map(|name| name.as_deref().unwrap_or("")))?;
        }
        if let Some(weight) = &options.weight {
            dataset = dataset.with_weights(self.numbers(weight)?)?;
        }
        let mut unlabelled = 0;
        if let Some(target) = &options.target {
            (dataset, unlabelled) = self.labelled(dataset, target, options.target_kind)?;
        }
        Ok(Imported {
            dataset,
            left_out,
            unlabelled,
            time,
        })
    }

    fn check_names(&self, options: &DatasetOptions) -> Result<(), Error> {
        let single = [
            &options.target,
            &options.group,
            &options.time,
            &options.weight,
        ];
        let missing: Vec<String> = single
            .into_iter()
            .flatten()
            .chain(&options.keep)
            .chain(&options.exclude)
            .chain(&options.only)
            .filter(|name| self.schema.index_of(name).is_err())
            .cloned()
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Error::MissingColumns { columns: missing })
        }
    }

    /// The first column that is called as times are and can be read as one.
    fn usual_time(&self) -> Option<String> {
        self.schema
            .fields()
            .iter()
            .filter(|field| identity(field.name()) == Some("a time"))
            .find(|field| is_time(field.data_type()) || field.data_type().is_numeric())
            .map(|field| field.name().clone())
    }

    /// Why a column is not learned from.
    fn reason<'f>(
        field: &'f Field,
        options: &DatasetOptions,
        time: Option<&str>,
    ) -> Option<&'f str> {
        let name = field.name();
        let is = |role: &Option<String>| role.as_deref() == Some(name);
        if is(&options.target) {
            return Some("the label");
        }
        if is(&options.group) {
            return Some("the group");
        }
        if is(&options.weight) {
            return Some("the weight");
        }
        if !can_be_learned(field.data_type()) || field.metadata().contains_key("netloom.list") {
            return Some("a list or another nested column");
        }
        if options.keep.contains(name) {
            return None;
        }
        if options.exclude.contains(name)
            || !(options.only.is_empty() || options.only.contains(name))
        {
            return Some("asked for");
        }
        if options.only.contains(name) {
            return None;
        }
        match field.metadata().get("netloom.address").map(String::as_str) {
            Some("mac") => return Some("a hardware address"),
            Some(_) => return Some("an address"),
            None => {}
        }
        if time == Some(name) || is_time(field.data_type()) {
            return Some("a time");
        }
        identity(name)
    }

    fn place(&self, name: &str) -> Result<usize, Error> {
        self.schema
            .index_of(name)
            .map_err(|_| Error::MissingColumns {
                columns: vec![name.to_owned()],
            })
    }

    fn arrays(&self, place: usize, to: &DataType) -> Result<Vec<ArrayRef>, Error> {
        self.batches
            .iter()
            .map(|batch| {
                let column = batch.column(place);
                if column.data_type() == to {
                    return Ok(column.clone());
                }
                cast_with_options(column, to, &CastOptions::default()).map_err(|error| {
                    Error::Column {
                        column: self.schema.field(place).name().clone(),
                        reason: error.to_string(),
                    }
                })
            })
            .collect()
    }

    fn values(&self, place: usize) -> Result<Values, Error> {
        let kind = self.schema.field(place).data_type();
        if is_time(kind) {
            let times = self.arrays(place, &TIME)?;
            return Ok(Values::times(times.iter().flat_map(|array| {
                array.as_primitive::<TimestampNanosecondType>().iter()
            })));
        }
        if is_text(kind) {
            let texts = self.arrays(place, &DataType::Utf8)?;
            return Ok(Values::categories(
                texts
                    .iter()
                    .flat_map(|array| array.as_string::<i32>().iter()),
            ));
        }
        if *kind == DataType::Float32 {
            let arrays = self.arrays(place, &DataType::Float32)?;
            let values: Vec<f32> = arrays
                .iter()
                .flat_map(|array| array.as_primitive::<Float32Type>().iter())
                .map(|value| value.filter(|value| value.is_finite()).unwrap_or(f32::NAN))
                .collect();
            return Ok(Values::F32(values.into()));
        }
        let arrays = self.arrays(place, &DataType::Float64)?;
        if let [array] = &arrays[..] {
            let array = array.as_primitive::<Float64Type>();
            // As it stands, without a copy.
            if array.null_count() == 0 && array.values().iter().all(|v| !v.is_infinite()) {
                return Ok(Values::F64(array.values().clone()));
            }
        }
        Ok(Values::numbers(arrays.iter().flat_map(|array| {
            array
                .as_primitive::<Float64Type>()
                .iter()
                .map(|value| value.unwrap_or(f64::NAN))
        })))
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>, Error> {
        let place = self.place(name)?;
        let kind = self.schema.field(place).data_type();
        if is_text(kind) || !can_be_learned(kind) {
            return Err(Error::Column {
                column: name.to_owned(),
                reason: format!("holds {}, but numbers are wanted", in_words(kind)),
            });
        }
        Ok(self
            .arrays(place, &DataType::Float64)?
            .iter()
            .flat_map(|array| array.as_primitive::<Float64Type>().iter())
            .map(|value| value.unwrap_or(f64::NAN))
            .collect())
    }

    fn texts(&self, name: &str) -> Result<Vec<Option<String>>, Error> {
        let place = self.place(name)?;
        let kind = self.schema.field(place).data_type();
        if !can_be_learned(kind) {
            return Err(Error::Column {
                column: name.to_owned(),
                reason: format!("holds {}, but names are wanted", in_words(kind)),
            });
        }
        Ok(self
            .arrays(place, &DataType::Utf8)?
            .iter()
            .flat_map(|array| array.as_string::<i32>().iter())
            .map(|text| text.map(str::to_owned))
            .collect())
    }

    /// Nanoseconds since 1970; numbers are taken as seconds, milliseconds, microseconds or
    /// nanoseconds by their size.
    fn times(&self, name: &str) -> Result<Vec<Option<i64>>, Error> {
        let place = self.place(name)?;
        let kind = self.schema.field(place).data_type();
        if is_time(kind) || is_text(kind) {
            return Ok(self
                .arrays(place, &TIME)?
                .iter()
                .flat_map(|array| array.as_primitive::<TimestampNanosecondType>().iter())
                .collect());
        }
        let numbers = self.numbers(name)?;
        let largest = numbers
            .iter()
            .filter(|number| number.is_finite())
            .fold(0.0_f64, |largest, number| largest.max(number.abs()));
        // 1e11 s is the year 5138, 1e11 ms is 1973: the sizes do not meet.
        let unit = match largest {
            l if l < 1e11 => 1e9,
            l if l < 1e14 => 1e6,
            l if l < 1e17 => 1e3,
            _ => 1.0,
        };
        Ok(numbers
            .into_iter()
            .map(|number| number.is_finite().then(|| nanoseconds(number, unit)))
            .collect())
    }

    fn labelled(
        &self,
        dataset: Dataset,
        target: &str,
        kind: TargetKind,
    ) -> Result<(Dataset, usize), Error> {
        match kind {
            TargetKind::Classes => {
                let labels = self.texts(target)?;
                let known = places(&labels, Option::is_some);
                let unlabelled = labels.len() - known.len();
                let labels: Vec<String> = labels.into_iter().flatten().collect();
                Ok((dataset.only(&known).with_classes(labels)?, unlabelled))
            }
            TargetKind::Numbers => {
                let numbers = self.numbers(target)?;
                let known = places(&numbers, |number| number.is_finite());
                let unlabelled = numbers.len() - known.len();
                let numbers = numbers.into_iter().filter(|n| n.is_finite()).collect();
                Ok((dataset.only(&known).with_numbers(numbers)?, unlabelled))
            }
        }
    }
}

impl Dataset {
    /// The rows named; itself where those are all.
    fn only(self, rows: &[usize]) -> Self {
        if rows.len() == self.rows() {
            self
        } else {
            self.select(rows)
        }
    }
}

const TIME: DataType = DataType::Timestamp(TimeUnit::Nanosecond, None);

fn is_time(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64
    )
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn can_be_learned(kind: &DataType) -> bool {
    is_text(kind)
        || is_time(kind)
        || kind.is_numeric()
        || matches!(
            kind,
            DataType::Boolean | DataType::Null | DataType::Duration(_) | DataType::Dictionary(..)
        )
}

fn in_words(kind: &DataType) -> &'static str {
    match kind {
        kind if is_text(kind) => "text",
        kind if is_time(kind) => "times",
        kind if kind.is_numeric() => "numbers",
        DataType::Boolean => "booleans",
        _ => "lists or other nested values",
    }
}

fn places<T>(values: &[T], keep: impl Fn(&T) -> bool) -> Vec<usize> {
    values
        .iter()
        .enumerate()
        .filter(|(_, value)| keep(value))
        .map(|(place, _)| place)
        .collect()
}

/// Whole units are exact: a stamp of nanoseconds loses nothing but what `f64` had lost before.
fn nanoseconds(number: f64, unit: f64) -> i64 {
    let whole = number.trunc();
    let part = ((number - whole) * unit).round();
    (whole as i64)
        .saturating_mul(unit as i64)
        .saturating_add(part as i64)
}
