//! Types that text formats do not have, as far as they show.
//!
//! A column without a value is of the type that netloom's column of that name has, and text where
//! it has none, so that it compares with texts. Lists in JSON, alone or in the cells of a CSV, are
//! lists again where all of them hold texts or all of them hold whole numbers.

use std::sync::Arc;

use datafusion::arrow::array::builder::{Int64Builder, ListBuilder, StringBuilder};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use netloom_tables::read::{Format, LIST, TableData};
use serde_json::Value;

/// The schema and the rows of a file, with the types that its text does not have.
pub(super) fn columns(data: &TableData) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    if !matches!(data.format, Format::Csv | Format::Json | Format::JsonLines) {
        return Ok((Arc::clone(&data.schema), data.batches.clone()));
    }
    let mut fields = Vec::with_capacity(data.schema.fields().len());
    let mut columns: Vec<Vec<ArrayRef>> = Vec::with_capacity(fields.capacity());
    for (place, field) in data.schema.fields().iter().enumerate() {
        let chunks: Vec<ArrayRef> = data
            .batches
            .iter()
            .map(|batch| Arc::clone(batch.column(place)))
            .collect();
        let restored = if chunks.iter().all(|chunk| chunk.null_count() == chunk.len()) {
            Some(empty(field.name(), &chunks))
        } else if field.metadata().contains_key(LIST) {
            lists(&chunks)
        } else {
            None
        };
        if let Some((data_type, chunks)) = restored {
            fields.push(Arc::new(Field::new(field.name(), data_type, true)));
            columns.push(chunks);
        } else {
            fields.push(Arc::clone(field));
            columns.push(chunks);
        }
    }
    let metadata = data.schema.metadata().clone();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let batches = data.batches.iter().enumerate().map(|(number, batch)| {
        let arrays = columns
            .iter()
            .filter_map(|chunks| chunks.get(number).map(Arc::clone))
            .collect();
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &rows)
    });
    let batches = batches.collect::<Result<_, _>>()?;
    Ok((schema, batches))
}

/// A column of nothing.
fn empty(name: &str, chunks: &[ArrayRef]) -> (DataType, Vec<ArrayRef>) {
    let mut known = netloom_tables::tables()
        .iter()
        .flat_map(|table| &table.columns);
    let known = known.find(|column| column.name == name);
    let data_type = known.map_or(DataType::Utf8, |column| column.field().data_type().clone());
    let nulls = chunks
        .iter()
        .map(|chunk| new_null_array(&data_type, chunk.len()))
        .collect();
    (data_type, nulls)
}

/// Texts that are lists, as lists; `None` where one of them is none, or holds something else.
fn lists(chunks: &[ArrayRef]) -> Option<(DataType, Vec<ArrayRef>)> {
    let made = |make: fn(&ArrayRef) -> Option<ArrayRef>| -> Option<(DataType, Vec<ArrayRef>)> {
        let chunks: Vec<_> = chunks.iter().map(make).collect::<Option<_>>()?;
        let data_type = chunks.first()?.data_type().clone();
        Some((data_type, chunks))
    };
    made(texts).or_else(|| made(numbers))
}

/// The items of a list in JSON; `None` for what is none.
fn items(cell: &str) -> Option<Vec<Value>> {
    match serde_json::from_str(cell) {
        Ok(Value::Array(items)) => Some(items),
        _ => None,
    }
}

fn texts(chunk: &ArrayRef) -> Option<ArrayRef> {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for cell in chunk.as_string_opt::<i32>()? {
        for item in cell.map_or(Some(Vec::new()), items)? {
            match item {
                Value::Null => builder.values().append_null(),
                Value::String(text) => builder.values().append_value(text),
                _ => return None,
            }
        }
        builder.append(cell.is_some());
    }
    Some(Arc::new(builder.finish()))
}

fn numbers(chunk: &ArrayRef) -> Option<ArrayRef> {
    let mut builder = ListBuilder::new(Int64Builder::new());
    for cell in chunk.as_string_opt::<i32>()? {
        for item in cell.map_or(Some(Vec::new()), items)? {
            match item {
                Value::Null => builder.values().append_null(),
                other => builder.values().append_value(other.as_i64()?),
            }
        }
        builder.append(cell.is_some());
    }
    Some(Arc::new(builder.finish()))
}
