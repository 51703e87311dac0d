//! CSV: RFC 4180 with LF line ends, as the text formats of the design have it.
//!
//! - a header row; empty for null; `true` and `false`; JSON for lists;
//! - times in RFC 3339, UTC, with nanoseconds; numbers shortest that read back the same;
//! - text is quoted where it holds a comma, a quote, CR or LF, and where it is empty (`""` is
//!   the empty text, nothing is null);
//! - text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`, `@`, tab,
//!   CR or LF) gets an apostrophe in front: text in packets is written by strangers. Text that
//!   begins with an apostrophe gets one more, so that the original is always what remains when
//!   one apostrophe is taken away. Numbers are never touched.

use std::io::{self, Write};

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use super::cell::{Cells, Column, Times, float, float32, integer};
use super::{Buffered, RowWriter, json};

/// Appends the header row.
pub fn csv_header(schema: &Schema, out: &mut Vec<u8>) {
    for (index, field) in schema.fields().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        quoted_if_needed(field.name(), out);
    }
    out.push(b'\n');
}

/// Appends the rows of a batch, without header.
///
/// A row of a single null cell is a line with `""`, since an empty line is no row to most
/// readers.
pub fn format_csv(batch: &RecordBatch, out: &mut Vec<u8>) {
    let columns: Vec<_> = batch.columns().iter().map(Column::new).collect();
    let mut times = Times::new();
    for row in 0..batch.num_rows() {
        let start = out.len();
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if !column.is_null(row) {
                cell(column, row, &mut times, out);
            }
        }
        if out.len() == start && columns.len() == 1 {
            out.extend_from_slice(b"\"\"");
        }
        out.push(b'\n');
    }
}

#[inline]
fn cell(column: &Column<'_>, row: usize, times: &mut Times, out: &mut Vec<u8>) {
    match &column.cells {
        Cells::Null => {}
        Cells::Bool(array) => {
            out.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
        }
        Cells::U8(array) => integer(array.value(row), out),
        Cells::U16(array) => integer(array.value(row), out),
        Cells::U32(array) => integer(array.value(row), out),
        Cells::U64(array) => integer(array.value(row), out),
        Cells::I8(array) => integer(array.value(row), out),
        Cells::I16(array) => integer(array.value(row), out),
        Cells::I32(array) => integer(array.value(row), out),
        Cells::I64(array) => integer(array.value(row), out),
        Cells::F32(array) => _ = float32(array.value(row), out),
        Cells::F64(array) => _ = float(array.value(row), out),
        Cells::Time(values, unit) => {
            if let Some(value) = values.get(row) {
                times.append(*value, *unit, out);
            }
        }
        Cells::Text(_) | Cells::LargeText(_) | Cells::TextView(_) => {
            text(column.text(row).unwrap_or_default(), out);
        }
        Cells::List(lists, items) => {
            let mut inner = Vec::new();
            json::list(lists, items, row, times, &mut inner);
            // It begins with a bracket: no spreadsheet takes it for a formula.
            escaped(&inner, out);
        }
    }
}

/// Appends a text cell.
#[inline]
fn text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    match bytes.first() {
        None => out.extend_from_slice(b"\"\""),
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n' | b'\'') => {
            let mut safe = Vec::with_capacity(bytes.len() + 1);
            safe.push(b'\'');
            safe.extend_from_slice(bytes);
            escaped(&safe, out);
        }
        Some(_) => escaped(bytes, out),
    }
}

/// Appends a column's name.
fn quoted_if_needed(name: &str, out: &mut Vec<u8>) {
    escaped(name.as_bytes(), out);
}

/// Appends bytes, in quotes where RFC 4180 asks for them.
#[inline]
fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    // No early end: that lets the compiler look at many bytes at a time.
    let special = bytes.iter().fold(0, |found, &byte| {
        found
            | u8::from(byte == b',')
            | u8::from(byte == b'"')
            | u8::from(byte == b'\n')
            | u8::from(byte == b'\r')
    });
    if special == 0 {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for &byte in bytes {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Writes CSV with a header row, which is there even without any batch.
#[derive(Debug)]
pub struct CsvWriter<W: Write> {
    out: Buffered<W>,
}

impl<W: Write> CsvWriter<W> {
    /// Begins with the header row.
    pub fn new(out: W, schema: &Schema) -> Self {
        let mut out = Buffered::new(out);
        csv_header(schema, &mut out.text);
        Self { out }
    }
}

impl<W: Write> RowWriter for CsvWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        format_csv(batch, &mut self.out.text);
        self.out.spill()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.finish()
    }
}
