//! JSON: one array of objects, or one object a line (JSON Lines).
//!
//! - every row has every key, null where the cell is null: readers that take their schema from
//!   the first rows see all columns;
//! - numbers are numbers: whole ones keep all their digits, also beyond 2^53 where JavaScript
//!   would round them; NaN and infinities, which JSON does not have, are null;
//! - lists are arrays; times are text in RFC 3339, UTC, with nanoseconds;
//! - control characters, DEL and the line separators U+2028 and U+2029 are escaped.

use std::io::{self, Write};

use arrow_array::{ListArray, RecordBatch};

use super::cell::{Cells, Column, Times, float, float32, integer};
use super::{Buffered, RowWriter};

/// Appends the rows of a batch, each as an object on a line of its own.
pub fn format_json_lines(batch: &RecordBatch, out: &mut Vec<u8>) {
    format_rows(batch, b"\n", out);
}

/// Appends each row as an object, followed by `end`.
fn format_rows(batch: &RecordBatch, end: &[u8], out: &mut Vec<u8>) {
    let schema = batch.schema_ref();
    let columns: Vec<(Vec<u8>, Vec<u8>, Column<'_>)> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .enumerate()
        .map(|(index, (field, array))| {
            let mut key = if index == 0 { Vec::new() } else { vec![b','] };
            string(field.name(), &mut key);
            key.push(b':');
            // A third of the cells of a row are null: each is one append.
            let null = [&key, b"null".as_slice()].concat();
            (key, null, Column::new(array))
        })
        .collect();
    let mut times = Times::new();
    for row in 0..batch.num_rows() {
        out.push(b'{');
        for (key, null, column) in &columns {
            if column.is_null(row) {
                out.extend_from_slice(null);
            } else {
                out.extend_from_slice(key);
                value(column, row, &mut times, out);
            }
        }
        out.push(b'}');
        out.extend_from_slice(end);
    }
}

#[inline]
pub(crate) fn value(column: &Column<'_>, row: usize, times: &mut Times, out: &mut Vec<u8>) {
    if column.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    let is_number = match &column.cells {
        Cells::Null => false,
        Cells::Bool(array) => {
            out.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
            true
        }
        Cells::U8(array) => whole(array.value(row), out),
        Cells::U16(array) => whole(array.value(row), out),
        Cells::U32(array) => whole(array.value(row), out),
        Cells::U64(array) => whole(array.value(row), out),
        Cells::I8(array) => whole(array.value(row), out),
        Cells::I16(array) => whole(array.value(row), out),
        Cells::I32(array) => whole(array.value(row), out),
        Cells::I64(array) => whole(array.value(row), out),
        Cells::F32(array) => float32(array.value(row), out),
        Cells::F64(array) => float(array.value(row), out),
        Cells::Time(values, unit) => values.get(row).is_some_and(|value| {
            out.push(b'"');
            times.append(*value, *unit, out);
            out.push(b'"');
            true
        }),
        Cells::Text(_) | Cells::LargeText(_) | Cells::TextView(_) => {
            string(column.text(row).unwrap_or_default(), out);
            true
        }
        Cells::List(lists, items) => {
            list(lists, items, row, times, out);
            true
        }
    };
    if !is_number {
        out.extend_from_slice(b"null");
    }
}

#[inline]
fn whole(value: impl itoa::Integer, out: &mut Vec<u8>) -> bool {
    integer(value, out);
    true
}

/// Appends a list as an array.
pub(super) fn list(
    lists: &ListArray,
    items: &Column<'_>,
    row: usize,
    times: &mut Times,
    out: &mut Vec<u8>,
) {
    let offsets = lists.value_offsets();
    let at = |index: usize| offsets.get(index).map_or(0, |&offset| offset as usize);
    out.push(b'[');
    for (index, item) in (at(row)..at(row + 1)).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        value(items, item, times, out);
    }
    out.push(b']');
}

/// Appends a JSON string.
#[inline]
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    // Most text needs no escape, and to see that is quick: no early end, many bytes at a time.
    let special = bytes.iter().fold(0, |found, &byte| {
        found
            | u8::from(byte < 0x20)
            | u8::from(byte == b'"')
            | u8::from(byte == b'\\')
            | u8::from(byte == 0x7f)
            | u8::from(byte & 0xfe == 0xa8)
    });
    if special == 0 {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let mut plain = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 | 0x7f => &[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ],
            // U+2028 and U+2029 are E2 80 A8 and E2 80 A9: their last byte is escaped, the
            // first two are taken back below.
            0xa8 | 0xa9 if index >= 2 && bytes[index - 2..index] == [0xe2, 0x80] => {
                out.extend_from_slice(&bytes[plain..index - 2]);
                out.extend_from_slice(if byte == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                plain = index + 1;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..index]);
        out.extend_from_slice(escape);
        plain = index + 1;
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

/// Writes JSON Lines.
#[derive(Debug)]
pub struct JsonLinesWriter<W: Write> {
    out: Buffered<W>,
}

impl<W: Write> JsonLinesWriter<W> {
    /// Begins with nothing.
    pub fn new(out: W) -> Self {
        Self {
            out: Buffered::new(out),
        }
    }
}

impl<W: Write> RowWriter for JsonLinesWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        format_json_lines(batch, &mut self.out.text);
        self.out.spill()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.finish()
    }
}

/// Writes one JSON array, an object a line.
#[derive(Debug)]
pub struct JsonWriter<W: Write> {
    out: Buffered<W>,
    /// Whether a row was written: the next one needs a comma in front.
    begun: bool,
}

impl<W: Write> JsonWriter<W> {
    /// Begins the array.
    pub fn new(out: W) -> Self {
        let mut out = Buffered::new(out);
        out.text.push(b'[');
        Self { out, begun: false }
    }
}

impl<W: Write> RowWriter for JsonWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.out
            .text
            .extend_from_slice(if self.begun { b",\n" } else { b"\n" });
        self.begun = true;
        format_rows(batch, b",\n", &mut self.out.text);
        self.out.text.truncate(self.out.text.len() - 2);
        self.out.spill()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out
            .text
            .extend_from_slice(if self.begun { b"\n]\n" } else { b"]\n" });
        self.out.finish()
    }
}
