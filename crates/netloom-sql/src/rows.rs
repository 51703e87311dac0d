//! What a query gives.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use netloom_tables::check_text_types;

use crate::error::QueryError;
use crate::runner::Runner;

/// The rows of a query, as batches; the query runs while they are taken.
pub struct Rows {
    schema: SchemaRef,
    /// None once it was stopped.
    stream: Option<SendableRecordBatchStream>,
    runner: Arc<Runner>,
    sql: String,
    is_plan: bool,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl Rows {
    pub(crate) fn new(
        stream: SendableRecordBatchStream,
        runner: Arc<Runner>,
        sql: &str,
        is_plan: bool,
    ) -> Self {
        Self {
            schema: stream.schema(),
            stream: Some(stream),
            runner,
            sql: sql.to_owned(),
            is_plan,
        }
    }

    /// The schema of all batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Whether the rows are a plan (`EXPLAIN`), whose text has lines.
    pub fn is_plan(&self) -> bool {
        self.is_plan
    }
}

impl Drop for Rows {
    /// What is left goes where there is stack enough for it.
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.runner.dispose(stream);
        }
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut stream = self.stream.take()?;
        let next = self
            .runner
            .wait(async move { (stream.next().await, stream) });
        match next {
            Ok((batch, stream)) => {
                self.stream = Some(stream);
                Some(batch?.map_err(|error| QueryError::of(error, &self.sql)))
            }
            Err(stopped) => Some(Err(stopped)),
        }
    }
}

/// A schema in which every column has a text form: what has none becomes text.
pub fn text_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        if has_text_form(field) {
            Field::clone(field)
        } else {
            Field::new(field.name(), DataType::Utf8, true)
        }
    });
    Arc::new(Schema::new_with_metadata(
        fields.collect::<Vec<_>>(),
        schema.metadata().clone(),
    ))
}

fn has_text_form(field: &Arc<Field>) -> bool {
    check_text_types(&Schema::new(vec![Arc::clone(field)])).is_ok()
}

/// The batch with [`text_schema`]: dates, durations, decimals and whatever else a query can make
/// as text.
///
/// # Errors
///
/// When a column is of a type that cannot be shown at all.
pub fn as_text(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = text_schema(&batch.schema());
    let options = FormatOptions::default().with_null("");
    let before = batch.schema();
    let columns = before.fields().iter().zip(batch.columns());
    let columns = columns
        .map(|(field, column)| {
            if has_text_form(field) {
                return Ok(Arc::clone(column));
            }
            let formatter = ArrayFormatter::try_new(column, &options)?;
            let mut text = StringBuilder::new();
            for row in 0..column.len() {
                if column.is_null(row) {
                    text.append_null();
                } else {
                    text.append_value(formatter.value(row).try_to_string()?);
                }
            }
            Ok(Arc::new(text.finish()) as ArrayRef)
        })
        .collect::<Result<Vec<_>, ArrowError>>()?;
    let rows =
        datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &rows)
}

/// The cells of a batch for people, column by column; null is `None`. What stands in them is as
/// hostile as it was in the packets.
///
/// # Errors
///
/// When a column is of a type that cannot be shown at all.
pub fn cells(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, ArrowError> {
    let column = |column: &ArrayRef| {
        // `Z` is for UTC alone; other zones show how far they are from it.
        let format = if is_elsewhere(column.data_type()) {
            "%Y-%m-%dT%H:%M:%S%.f%:z"
        } else {
            "%Y-%m-%dT%H:%M:%S%.fZ"
        };
        let options = FormatOptions::default().with_timestamp_tz_format(Some(format));
        let formatter = ArrayFormatter::try_new(column, &options)?;
        (0..column.len())
            .map(|row| {
                if column.is_null(row) {
                    Ok(None)
                } else {
                    formatter.value(row).try_to_string().map(Some)
                }
            })
            .collect()
    };
    batch.columns().iter().map(column).collect()
}

/// Whether a type has times of another zone than UTC.
fn is_elsewhere(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(_, zone) => zone
            .as_deref()
            .is_some_and(|zone| !["UTC", "Z", "+00:00", "+00"].contains(&zone)),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            is_elsewhere(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| is_elsewhere(field.data_type())),
        DataType::Map(entries, _) => is_elsewhere(entries.data_type()),
        DataType::Dictionary(_, values) => is_elsewhere(values),
        _ => false,
    }
}

/// The schema with no name twice: a further column `number` is called `number.1`, as when such a
/// file is read; and what was renamed. Readers of JSON take but one of those that have one name.
pub fn unique_names(schema: &Schema) -> (SchemaRef, Vec<(String, String)>) {
    let fields = schema.fields();
    let mut taken: HashSet<String> = fields.iter().map(|field| field.name().clone()).collect();
    let mut seen = HashMap::<String, usize>::new();
    let mut renamed = Vec::new();
    let fields = fields.iter().map(|field| {
        let name = field.name();
        let Some(number) = seen.get_mut(name) else {
            seen.insert(name.clone(), 0);
            return Arc::clone(field);
        };
        let other = loop {
            *number += 1;
            let other = format!("{name}.{number}");
            if taken.insert(other.clone()) {
                break other;
            }
        };
        renamed.push((name.clone(), other.clone()));
        Arc::new(Field::clone(field).with_name(other))
    });
    let fields: Vec<_> = fields.collect();
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    (Arc::new(schema), renamed)
}

/// A type in short: `uint16`, `timestamp`, `list of text`.
pub(crate) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Boolean => "bool".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::List(item) | DataType::LargeList(item) => {
            format!("list of {}", type_name(item.data_type()))
        }
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Date32Array, Int64Array, TimestampNanosecondArray};

    use super::*;

    #[test]
    fn what_has_no_text_form_becomes_text() {
        let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), None]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let batch = RecordBatch::try_from_iter([("day", days), ("n", numbers)]).unwrap();
        let text = as_text(&batch).unwrap();
        assert_eq!(text.schema(), text_schema(&batch.schema()));
        let mut csv = Vec::new();
        netloom_tables::format_csv(&text, &mut csv);
        assert_eq!(csv, b"1970-01-01,1\n,2\n");
    }

    #[test]
    fn zones_are_shown() {
        let shown = |zone: &str| {
            let times = TimestampNanosecondArray::from(vec![1_500_000_000]).with_timezone(zone);
            let batch = RecordBatch::try_from_iter([("t", Arc::new(times) as ArrayRef)]).unwrap();
            cells(&batch).unwrap()[0][0].clone().unwrap()
        };
        assert_eq!(shown("UTC"), "1970-01-01T00:00:01.500Z");
        assert_eq!(shown("+02:00"), "1970-01-01T02:00:01.500+02:00");
    }

    #[test]
    fn no_name_twice() {
        let field = |name: &str| Field::new(name, DataType::Int64, true);
        let schema = Schema::new(["n", "n.1", "n", "m", "n"].map(field).to_vec());
        let (unique, renamed) = unique_names(&schema);
        let names: Vec<_> = unique
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        assert_eq!(names, ["n", "n.1", "n.2", "m", "n.3"]);
        let renamed: Vec<_> = renamed
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(renamed, [("n", "n.2"), ("n", "n.3")]);
    }
}
