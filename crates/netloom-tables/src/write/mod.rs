//! Record batches to text.
//!
//! Formatting is apart from writing: [`format_csv`] and [`format_json_lines`] append to a
//! buffer and share nothing, so blocks are formatted on many threads; the [`RowWriter`]s put
//! them into a file one after the other.

mod cell;
mod csv;
mod json;
#[cfg(test)]
mod tests;

use std::io;

use arrow_array::RecordBatch;

pub use csv::{CsvWriter, csv_header, format_csv};
pub use json::{JsonLinesWriter, JsonWriter, format_json_lines};

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

/// Bytes that are gathered before they go to the output.
const BLOCK: usize = 1 << 16;
