//! A column of a row group becomes column chunks: in one of the encodings here, or by the `parquet`
//! crate.

use arrow_array::types::{
    Float64Type, Int64Type, TimestampNanosecondType, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, TimeUnit};
use arrow_select::concat::concat;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{self, Rows};
use super::dictionary::Dictionary;
use super::direct::{self, Bits, Delta, Plain, Texts};
use super::value::Float;
use super::{held, intern};

/// What a column came to: a chunk for each of its leaves.
pub(super) type Encoded = Result<Vec<Chunk>, ParquetError>;

/// A column chunk of this writer or of the `parquet` crate's.
pub(super) enum Chunk {
    Own(Box<chunk::Chunk>),
    Other(Box<ArrowColumnChunk>),
    /// One of this writer's, whose bytes are in a file.
    Held(Box<held::Chunk>),
}

/// Encodes a column of a row group: its arrays, into as many chunks as it has leaves.
pub(super) fn encode_column(
    field: &Field,
    column: &ColumnDescPtr,
    arrays: Vec<ArrayRef>,
    mut writers: Vec<ArrowColumnWriter>,
) -> Encoded {
    if let Some(chunk) = encode_own(field.data_type(), column, &arrays) {
        return Ok(vec![Chunk::Own(Box::new(chunk?))]);
    }
    // Pages end where the writer looks at them, which it does for each array: as one, so that
    // they do not depend on how the rows came.
    let parts: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    let whole = concat(&parts)?;
    drop(arrays);
    for (leaf, writer) in compute_leaves(field, &whole)?.iter().zip(&mut writers) {
        writer.write(leaf)?;
    }
    let close = |writer: ArrowColumnWriter| Ok(Chunk::Other(Box::new(writer.close()?)));
    writers.into_iter().map(close).collect()
}

/// Encodes a column of a type that is encoded here; `None`: of another, or with nulls where none
/// may be, which the other writer says.
fn encode_own(
    data_type: &DataType,
    column: &ColumnDescPtr,
    arrays: &[ArrayRef],
) -> Option<Result<chunk::Chunk, ParquetError>> {
    if let DataType::List(item) = data_type {
        if !is_flat(item.data_type()) {
            return None;
        }
        let (rows, items) = Rows::lists(column, item, arrays)?;
        return encode_cells(item.data_type(), &rows, &items);
    }
    if !is_flat(data_type) {
        return None;
    }
    let rows = Rows::new(column, arrays)?;
    encode_cells(data_type, &rows, arrays)
}

/// Encodes rows, of which the arrays have the cells.
fn encode_cells(
    data_type: &DataType,
    rows: &Rows<'_>,
    arrays: &[ArrayRef],
) -> Option<Result<chunk::Chunk, ParquetError>> {
    /// In a dictionary where values repeat, else in another way.
    macro_rules! either {
        ($interned:expr, $other:expr) => {
            match $interned {
                Some(interned) => rows.write(Dictionary::new(interned)),
                None => rows.write($other),
            }
        };
    }
    Some(match data_type {
        DataType::Boolean => rows.write(Bits::new(arrays)?),
        DataType::Utf8 => either!(intern::texts(arrays), Texts::new(arrays)?),
        DataType::UInt8 => rows.write(Dictionary::new(intern::u8s(arrays)?)),
        DataType::UInt16 => either!(
            intern::u16s(arrays),
            Plain(direct::numbers::<UInt16Type, _>(arrays, u32::from)?)
        ),
        DataType::UInt32 => either!(
            intern::u32s(arrays),
            Plain(direct::numbers::<UInt32Type, _>(arrays, |number| number)?)
        ),
        DataType::UInt64 => either!(
            intern::u64s(arrays),
            Delta(direct::numbers::<UInt64Type, _>(arrays, |number| number)?)
        ),
        DataType::Int64 => either!(
            intern::i64s(arrays),
            Delta(direct::numbers::<Int64Type, _>(arrays, |number| number)?)
        ),
        DataType::Float64 => either!(
            intern::floats(arrays),
            Plain(direct::numbers::<Float64Type, _>(arrays, |float| {
                Float(float.to_bits())
            })?)
        ),
        // Hardly any two are the same.
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let times = direct::numbers::<TimestampNanosecondType, _>(arrays, |time| time)?;
            rows.write(Delta(times))
        }
        _ => return None,
    })
}

/// Whether columns of a type, and of lists of it, are encoded here.
fn is_flat(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Boolean
            | DataType::Utf8
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Int64
            | DataType::Float64
            | DataType::Timestamp(TimeUnit::Nanosecond, _)
    )
}

/// Columns that a field is stored in.
pub(super) fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::Map(item, _) => leaves(item.data_type()),
        DataType::RunEndEncoded(_, values) => leaves(values.data_type()),
        _ => 1,
    }
}
