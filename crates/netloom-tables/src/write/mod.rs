//! Record batches to text and files.
//!
//! Formatting is apart from writing: [`format_csv`] and [`format_json_lines`] append to a
//! buffer and share nothing, so blocks are formatted on many threads; the [`RowWriter`]s put
//! them into a file one after the other.

mod arrow;
#[cfg(test)]
mod binary_tests;
pub(crate) mod cell;
mod csv;
mod format;
pub(crate) mod json;
mod parquet;
#[cfg(test)]
mod tests;

use std::io;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};

pub use arrow::ArrowWriter;
pub use csv::{CsvWriter, csv_header, format_csv};
pub use format::{TableFormat, UnknownFormat, table_writer};
pub use json::{JsonLinesWriter, JsonWriter, format_json_lines};
pub(crate) use parquet::logical_size;
pub use parquet::{EncodeJob, FileMetadata, ParquetWriter};

/// Takes record batches of one schema, in order.
pub trait RowWriter {
    /// Writes the rows of a batch.
    ///
    /// # Errors
    ///
    /// When the output cannot be written (disk full, pipe closed).
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()>;

    /// Writes what stands at the end and flushes; call it once.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    fn finish(&mut self) -> io::Result<()>;
}

/// Text on its way out, written when a block of it has come together.
#[derive(Debug)]
struct Buffered<W: io::Write> {
    out: W,
    text: Vec<u8>,
}

impl<W: io::Write> Buffered<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            text: Vec::with_capacity(2 * BLOCK),
        }
    }

    /// Writes the text if it is a block by now.
    fn spill(&mut self) -> io::Result<()> {
        if self.text.len() >= BLOCK {
            self.out.write_all(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    /// Writes what is left, and flushes.
    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(&self.text)?;
        self.text.clear();
        self.out.flush()
    }
}

/// A column whose type has no text form: its cells would all be written as null.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column '{column}' is of type {data_type}, which has no text form")]
pub struct UnsupportedType {
    /// The column.
    pub column: String,
    /// Its type.
    pub data_type: DataType,
}

/// Checks that every column has a text form; the tables of this crate always do, results of
/// queries may not.
///
/// # Errors
///
/// The first column that has none.
pub fn check_text_types(schema: &Schema) -> Result<(), UnsupportedType> {
    match schema
        .fields()
        .iter()
        .find(|field| !cell::has_text_form(field.data_type()))
    {
        None => Ok(()),
        Some(field) => Err(UnsupportedType {
            column: field.name().clone(),
            data_type: field.data_type().clone(),
        }),
    }
}

/// Bytes that are gathered before they go to the output.
const BLOCK: usize = 1 << 16;
