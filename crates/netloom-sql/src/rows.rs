//! What a query gives.

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
    let options = FormatOptions::default().with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"));
    let column = |column: &ArrayRef| {
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
    use datafusion::arrow::array::{Date32Array, Int64Array};

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
}
