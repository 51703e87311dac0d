//! Columns from cells of text: what they are shows when all of them were seen.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder,
    TimestampNanosecondBuilder,
};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_cast::parse::string_to_timestamp_nanos;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::ReadOptions;

/// Rows of text that become a table.
pub(super) struct Cells {
    columns: Vec<Cell>,
    missing: HashSet<String>,
    batch_rows: usize,
    /// Rows in the batch that is being filled.
    rows: usize,
    /// Rows of the batches before.
    done: usize,
}

/// A column that is being read.
struct Cell {
    name: String,
    builder: StringBuilder,
    chunks: Vec<StringArray>,
    seen: Seen,
}

/// What a column's cells can all be, and what spoke against it.
#[derive(Default)]
struct Seen {
    cells: u64,
    integers: u64,
    numbers: u64,
    booleans: u64,
    times: u64,
    lists: u64,
    /// Cells of a format with types that were text there.
    quoted: u64,
    infinite: u64,
    /// Cells that begin as netloom writes them where a spreadsheet would see a formula.
    guarded: u64,
    /// Whether a cell begins as netloom would not write it: guarded without need, or not guarded.
    unguarded: bool,
    /// The first cell that is no number, and its line.
    odd: Option<(String, u64)>,
}

impl Cells {
    pub(super) fn new(names: Vec<String>, options: &ReadOptions) -> Self {
        let mut cells = Self {
            columns: Vec::new(),
            missing: options.missing.iter().cloned().collect(),
            batch_rows: options.batch_rows.max(1),
            rows: 0,
            done: 0,
        };
        for name in names {
            cells.add(name);
        }
        cells
    }

    /// A further column, missing in all rows so far; its place.
    pub(super) fn add(&mut self, name: String) -> usize {
        let empty = |rows: usize| {
            let mut builder = StringBuilder::new();
            builder.append_nulls(rows);
            builder
        };
        let chunks = (0..self.done / self.batch_rows)
            .map(|_| empty(self.batch_rows).finish())
            .collect();
        self.columns.push(Cell {
            name,
            builder: empty(self.rows),
            chunks,
            seen: Seen::default(),
        });
        self.columns.len() - 1
    }

    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// A cell of the current row. `quoted` says that the format has types and it was text there.
    pub(super) fn push(&mut self, column: usize, text: &str, quoted: bool, line: u64) {
        let cell = &mut self.columns[column];
        if text.is_empty() || (!quoted && self.missing.contains(text)) {
            cell.builder.append_null();
            return;
        }
        cell.seen.look(text, quoted, line);
        cell.seen.look_for_guards(text);
        cell.builder.append_value(text);
    }

    /// A list in the current row, as JSON.
    pub(super) fn push_list(&mut self, column: usize, text: &str) {
        let cell = &mut self.columns[column];
        cell.seen.cells += 1;
        cell.seen.lists += 1;
        cell.builder.append_value(text);
    }

    /// The row is over: columns without a cell miss theirs.
    pub(super) fn end_row(&mut self) {
        self.rows += 1;
        for cell in &mut self.columns {
            if cell.builder.len() < self.rows {
                cell.builder.append_null();
            }
        }
        if self.rows == self.batch_rows {
            self.end_batch();
        }
    }

    fn end_batch(&mut self) {
        for cell in &mut self.columns {
            cell.chunks.push(cell.builder.finish());
        }
        self.done += self.rows;
        self.rows = 0;
    }

    /// Takes the apostrophes away that netloom's CSV has before what a spreadsheet would take for a
    /// formula, in columns of text, if all of them are written so: no text begins with what would
    /// have one, and no apostrophe stands before anything else.
    pub(super) fn without_guards(&mut self) {
        let is_text = |cell: &Cell| cell.seen.kind() == DataType::Utf8;
        let mut texts = self.columns.iter().filter(|cell| is_text(cell));
        if texts.any(|cell| cell.seen.unguarded) {
            return;
        }
        let columns = self.columns.iter_mut();
        for cell in columns.filter(|cell| is_text(cell) && cell.seen.guarded > 0) {
            let rest = cell.builder.finish();
            let bare = |texts: &StringArray| -> StringArray {
                let texts = texts.iter();
                texts
                    .map(|text| text.map(|text| text.strip_prefix('\'').unwrap_or(text)))
                    .collect()
            };
            for chunk in &mut cell.chunks {
                *chunk = bare(chunk);
            }
            for text in &bare(&rest) {
                cell.builder.append_option(text);
            }
        }
    }

    /// The table; what its owner should know is added to `notes`.
    pub(super) fn finish(mut self, notes: &mut Vec<String>) -> (SchemaRef, Vec<RecordBatch>) {
        if self.rows > 0 {
            self.end_batch();
        }
        let mut fields = Vec::with_capacity(self.columns.len());
        let mut columns = Vec::with_capacity(self.columns.len());
        for cell in self.columns {
            let kind = cell.seen.kind();
            cell.seen.note(&cell.name, &kind, notes);
            let mut field = Field::new(cell.name, kind.clone(), true);
            if cell.seen.is_list() {
                field = field.with_metadata([(LIST.to_owned(), "json".to_owned())].into());
            }
            fields.push(field);
            columns.push(
                cell.chunks
                    .into_iter()
                    .map(|texts| convert(texts, &kind))
                    .collect::<Vec<_>>(),
            );
        }
        let schema = Arc::new(Schema::new(fields));
        let batches = (0..self.done.div_ceil(self.batch_rows))
            .map(|batch| {
                let rows = (self.done - batch * self.batch_rows).min(self.batch_rows);
                let arrays = columns.iter().map(|chunks| Arc::clone(&chunks[batch])).collect();
                RecordBatch::try_new_with_options(
                    Arc::clone(&schema),
                    arrays,
                    &RecordBatchOptions::new().with_row_count(Some(rows)),
                )
            })
            // Columns are of the schema's types and the batch's length by construction.
            .filter_map(Result::ok)
            .collect();
        (schema, batches)
    }
}

/// The key of a field's metadata that says that its texts are lists, in JSON.
pub const LIST: &str = "netloom.list";

impl Seen {
    fn look(&mut self, text: &str, quoted: bool, line: u64) {
        self.cells += 1;
        if quoted {
            self.quoted += 1;
        } else if let Some(number) = number(text) {
            self.numbers += 1;
            if number.is_infinite() {
                self.infinite += 1;
            } else if text.parse::<i64>().is_ok() {
                self.integers += 1;
            }
            return;
        }
        if self.odd.is_none() {
            self.odd = Some((text.chars().take(40).collect(), line));
        }
        if !quoted && boolean(text).is_some() {
            self.booleans += 1;
        } else if self.times + 1 == self.cells && time(text).is_some() {
            // Not asked once another cell was no time: it takes long.
            self.times += 1;
        } else if text.starts_with('[') && text.ends_with(']') {
            self.lists += 1;
        }
    }

    fn look_for_guards(&mut self, text: &str) {
        match text.strip_prefix('\'') {
            Some(rest) if is_guarded(rest) => self.guarded += 1,
            None if !is_guarded(text) => {}
            _ => self.unguarded = true,
        }
    }

    fn kind(&self) -> DataType {
        if self.numbers == self.cells {
            // Whole numbers that are missing here and there stay whole.
            if self.integers + self.infinite == self.cells && self.integers > 0 {
                return if self.infinite > 0 {
                    DataType::Float64
                } else {
                    DataType::Int64
                };
            }
            return DataType::Float64;
        }
        if self.booleans == self.cells {
            return DataType::Boolean;
        }
        if self.times == self.cells {
            return TIME;
        }
        DataType::Utf8
    }

    fn is_list(&self) -> bool {
        self.lists > 0 && self.lists == self.cells
    }

    fn note(&self, name: &str, kind: &DataType, notes: &mut Vec<String>) {
        if self.infinite > 0 && kind.is_numeric() {
            notes.push(format!(
                "column `{name}`: {} infinite values are taken as missing",
                self.infinite
            ));
        }
        if let (DataType::Utf8, Some((text, line))) = (kind, &self.odd)
            && self.numbers * 10 >= self.cells * 9
        {
            notes.push(format!(
                "column `{name}` is taken as text: {} of {} cells are numbers, but line {line} \
                 has {text:?}",
                self.numbers, self.cells
            ));
        }
    }
}

/// Whether netloom's CSV has an apostrophe before such a text.
fn is_guarded(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\''])
}

fn convert(texts: StringArray, kind: &DataType) -> ArrayRef {
    match kind {
        DataType::Int64 => {
            let mut builder = Int64Builder::with_capacity(texts.len());
            for text in &texts {
                builder.append_option(text.and_then(|text| text.parse().ok()));
            }
            Arc::new(builder.finish())
        }
        DataType::Float64 => {
            let mut builder = Float64Builder::with_capacity(texts.len());
            for text in &texts {
                builder.append_option(text.and_then(number).filter(|n| n.is_finite()));
            }
            Arc::new(builder.finish())
        }
        DataType::Boolean => {
            let mut builder = BooleanBuilder::with_capacity(texts.len());
            for text in &texts {
                builder.append_option(text.and_then(boolean));
            }
            Arc::new(builder.finish())
        }
        DataType::Timestamp(..) => {
            let mut builder =
                TimestampNanosecondBuilder::with_capacity(texts.len()).with_data_type(TIME);
            for text in &texts {
                builder.append_option(text.and_then(time));
            }
            Arc::new(builder.finish())
        }
        _ => Arc::new(texts),
    }
}

const TIME: DataType = DataType::Timestamp(TimeUnit::Nanosecond, None);

/// A number, or an infinity written out. NaN is none: it is missing.
pub(super) fn number(text: &str) -> Option<f64> {
    // `nan` and `inf` pass Rust's parser, and so would a name such as `Infinity` be a number.
    text.parse::<f64>().ok().filter(|number| !number.is_nan())
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Nanoseconds since 1970: RFC 3339, or date and time with a space, with UTC where no zone is told.
fn time(text: &str) -> Option<i64> {
    // Cheap to ask first: a date begins with four digits and a dash.
    let bytes = text.as_bytes();
    let dated = bytes.len() >= 10 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-';
    if dated {
        string_to_timestamp_nanos(text).ok()
    } else {
        None
    }
}
