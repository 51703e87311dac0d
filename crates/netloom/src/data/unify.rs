//! Tables of several sources as one.

use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, RecordBatchOptions, StringArray, new_null_array};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema};
use netloom::tables::{RecordBatch, SchemaRef};

use super::Part;
use crate::failure::Failure;
use crate::output::Printer;

/// One schema for all parts: each column that one of them has, in the order in which they come.
/// Where types differ numbers become wider numbers, and all else text; what a part lacks is missing
/// in its rows.
pub(super) fn unify(
    mut parts: Vec<Part>,
    printer: &Printer,
) -> Result<(SchemaRef, Vec<RecordBatch>), Failure> {
    if parts.len() == 1 {
        let part = parts.remove(0);
        return Ok((part.schema, part.batches));
    }
    let schema = schema(&parts);
    for part in &parts {
        let lacking: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .filter(|name| part.schema.index_of(name).is_err())
            .collect();
        if !lacking.is_empty() {
            const SHOWN: usize = 8;
            let more = lacking.len().saturating_sub(SHOWN);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            printer.warning(&format!(
                "{}: lacks columns that other DATA has, they are missing in its rows: {}{more}",
                part.source.name,
                lacking
                    .iter()
                    .take(SHOWN)
                    .copied()
                    .collect::<Vec<_>>()
                    .join(", "),
            ));
        }
    }
    let mut batches = Vec::new();
    for part in parts {
        for batch in part.batches {
            batches.push(fitted(&schema, &batch, &part.source.name)?);
        }
    }
    Ok((schema, batches))
}

fn schema(parts: &[Part]) -> SchemaRef {
    let mut fields: Vec<Field> = Vec::new();
    for field in parts.iter().flat_map(|part| part.schema.fields()) {
        match fields.iter_mut().find(|known| known.name() == field.name()) {
            None => fields.push(field.as_ref().clone().with_nullable(true)),
            Some(known) => {
                let common = common(known.data_type(), field.data_type());
                *known = known.clone().with_data_type(common);
            }
        }
    }
    Arc::new(Schema::new(fields))
}

/// A type that holds the values of both.
fn common(a: &DataType, b: &DataType) -> DataType {
    match (a, b) {
        (a, b) if a == b => a.clone(),
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        (DataType::Boolean, b) if b.is_numeric() => DataType::Float64,
        (a, DataType::Boolean) if a.is_numeric() => DataType::Float64,
        (a, b) if a.is_integer() && b.is_integer() => {
            // Both fit in the wider one but for one sign's largest values, which no count reaches.
            if a.is_signed_integer() || b.is_signed_integer() {
                DataType::Int64
            } else {
                DataType::UInt64
            }
        }
        (a, b) if a.is_numeric() && b.is_numeric() => DataType::Float64,
        (DataType::Timestamp(..), DataType::Timestamp(..)) => a.clone(),
        _ => DataType::Utf8,
    }
}

fn fitted(schema: &SchemaRef, batch: &RecordBatch, source: &str) -> Result<RecordBatch, Failure> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            Some(array) => cast(array, field.data_type()).map_err(|error| {
                Failure::input(
                    format!("{source}: column '{}': {error}", field.name()),
                    None,
                )
            }),
        })
        .collect::<Result<Vec<_>, _>>()?;
    rebuilt(schema, columns, batch.num_rows())
}

/// The same rows with a column of text more, made of the number of the batch and the row in it.
pub(super) fn with_text(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    name: &str,
    text: impl Fn(usize, usize) -> Option<String>,
) -> Result<(SchemaRef, Vec<RecordBatch>), Failure> {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(name, DataType::Utf8, true)));
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let batches = batches
        .iter()
        .enumerate()
        .map(|(number, batch)| {
            let values: StringArray = (0..batch.num_rows()).map(|row| text(number, row)).collect();
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(values) as ArrayRef);
            rebuilt(&schema, columns, batch.num_rows())
        })
        .collect::<Result<_, _>>()?;
    Ok((schema, batches))
}

/// The values of a column as text, all batches one after the other; none where they are missing.
pub(super) fn texts(batches: &[RecordBatch], column: &str) -> Result<Vec<Option<String>>, Failure> {
    let mut all = Vec::new();
    for batch in batches {
        let Some(array) = batch.column_by_name(column) else {
            all.extend(std::iter::repeat_n(None, batch.num_rows()));
            continue;
        };
        let array = cast(array, &DataType::Utf8)
            .map_err(|error| Failure::usage(format!("column '{column}': {error}")))?;
        let texts = array
            .as_any()
            .downcast_ref::<StringArray>()
            .ok_or_else(|| Failure::usage(format!("column '{column}' holds no names")))?;
        all.extend(texts.iter().map(|text| text.map(str::to_owned)));
    }
    Ok(all)
}

fn rebuilt(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, Failure> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(Failure::usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_several_files() {
        use DataType::{Boolean, Float64, Int64, Null, UInt64, Utf8};
        for (a, b, both) in [
            (Int64, Float64, Float64),
            (DataType::UInt16, DataType::UInt32, UInt64),
            (DataType::UInt16, Int64, Int64),
            (Null, Utf8, Utf8),
            (Boolean, Int64, Float64),
            (Float64, Utf8, Utf8),
            (Boolean, Utf8, Utf8),
        ] {
            assert_eq!(common(&a, &b), both);
            assert_eq!(common(&b, &a), both);
        }
    }
}
