//! Rows to record batches: only the columns asked for are made.

use std::sync::Arc;

use arrow_array::builder::BooleanBuilder;
use arrow_array::types::{
    Float64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, ListArray, PrimitiveArray, RecordBatch,
    RecordBatchOptions, StringArray,
};
use arrow_buffer::{ArrowNativeType, Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, SchemaRef};
use netloom_flow::FlowRecord;
use netloom_packet::Timestamp;

use crate::column::{Column, Get, GetList, GetText, GetTexts, Make, UTC, list_item};
use crate::columns::{Columns, Table};
use crate::schema::{Anomalies, Captures, FlowRow, Flows, Packets};

/// Rows after which a batch should be finished: small enough to stay near the cache while it
/// is written, large enough that the cost of a batch does not show.
pub const BATCH_ROWS: usize = 16_384;

/// Bytes of text a column of one batch may hold before the builder calls itself full.
const FULL_TEXT: usize = 1 << 28;

/// Offsets of a text column are 32 bits wide; a cell that would reach beyond is left null.
const MAX_TEXT: usize = i32::MAX as usize;

/// Builds the `packets` table.
pub type PacketsBuilder = TableBuilder<Packets>;
/// Builds the `flows` table.
pub type FlowsBuilder = TableBuilder<Flows>;

/// Builds the `anomalies` table.
pub type AnomaliesBuilder = TableBuilder<Anomalies>;
/// Builds the `capture` table.
pub type CapturesBuilder = TableBuilder<Captures>;

/// Takes rows of table `T`, gives record batches of the columns asked for.
///
/// The order of columns is that of the [`Columns`]; after [`finish`](Self::finish) it starts
/// on the next batch.
#[derive(Debug)]
pub struct TableBuilder<T: Table> {
    schema: SchemaRef,
    columns: Vec<ColumnBuilder<T>>,
    rows: usize,
}

impl<T: Table> TableBuilder<T> {
    /// An empty batch of these columns.
    pub fn new(columns: &Columns<T>) -> Self {
        Self {
            schema: columns.schema(),
            columns: columns
                .chosen()
                .iter()
                .copied()
                .map(ColumnBuilder::new)
                .collect(),
            rows: 0,
        }
    }

    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Appends a row.
    pub fn append(&mut self, row: &T::Row<'_>) {
        for column in &mut self.columns {
            column.append(row);
        }
        self.rows += 1;
    }

    /// Appends rows, column by column: cheaper than one by one.
    pub fn extend(&mut self, rows: &[T::Row<'_>]) {
        for column in &mut self.columns {
            column.extend(rows);
        }
        self.rows += rows.len();
    }

    /// Rows since the last batch.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row since the last batch.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether it is time to call [`finish`](Self::finish).
    pub fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.columns.iter().any(ColumnBuilder::is_full)
    }

    /// The rows since the last batch, as a batch (with no row, if there was none).
    ///
    /// # Panics
    ///
    /// Never: arrays and schema come from the same list of columns.
    pub fn finish(&mut self) -> RecordBatch {
        let arrays = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .expect("arrays are built by the columns that made the schema, one cell a row")
    }
}

impl TableBuilder<Flows> {
    /// Appends a flow of which no more is known than its record; see [`FlowRow`].
    pub fn append_record(&mut self, record: &FlowRecord) {
        self.append(&FlowRow::new(record));
    }
}

/// A column being built: how cells are made, and those made so far.
#[derive(Debug)]
enum ColumnBuilder<T: Table> {
    Bool(Get<T, bool>, BooleanBuilder),
    U8(Get<T, u8>, Numbers<u8>),
    U16(Get<T, u16>, Numbers<u16>),
    U32(Get<T, u32>, Numbers<u32>),
    U64(Get<T, u64>, Numbers<u64>),
    F64(Get<T, f64>, Numbers<f64>),
    Time(Get<T, Timestamp>, Numbers<i64>),
    Text(GetText<T>, TextBuilder),
    U8List(GetList<T, u8>, Offsets, Vec<u8>),
    U16List(GetList<T, u16>, Offsets, Vec<u16>),
    U32List(GetList<T, u32>, Offsets, Vec<u32>),
    U64List(GetList<T, u64>, Offsets, Vec<u64>),
    F64List(GetList<T, f64>, Offsets, Vec<f64>),
    TextList(GetTexts<T>, Offsets, TextBuilder),
}

impl<T: Table> ColumnBuilder<T> {
    fn new(column: &Column<T>) -> Self {
        match column.make {
            Make::Bool(get) => Self::Bool(get, BooleanBuilder::new()),
            Make::U8(get) => Self::U8(get, Numbers::default()),
            Make::U16(get) => Self::U16(get, Numbers::default()),
            Make::U32(get) => Self::U32(get, Numbers::default()),
            Make::U64(get) => Self::U64(get, Numbers::default()),
            Make::F64(get) => Self::F64(get, Numbers::default()),
            Make::Time(get) => Self::Time(get, Numbers::default()),
            Make::Text(get) => Self::Text(get, TextBuilder::default()),
            Make::U8List(get) => Self::U8List(get, Offsets::default(), Vec::new()),
            Make::U16List(get) => Self::U16List(get, Offsets::default(), Vec::new()),
            Make::U32List(get) => Self::U32List(get, Offsets::default(), Vec::new()),
            Make::U64List(get) => Self::U64List(get, Offsets::default(), Vec::new()),
            Make::F64List(get) => Self::F64List(get, Offsets::default(), Vec::new()),
            Make::TextList(get) => Self::TextList(get, Offsets::default(), TextBuilder::default()),
        }
    }

    #[inline]
    fn append(&mut self, row: &T::Row<'_>) {
        match self {
            Self::Bool(get, cells) => cells.append_option(get(row)),
            Self::U8(get, cells) => cells.push(get(row)),
            Self::U16(get, cells) => cells.push(get(row)),
            Self::U32(get, cells) => cells.push(get(row)),
            Self::U64(get, cells) => cells.push(get(row)),
            Self::F64(get, cells) => cells.push(get(row)),
            Self::Time(get, cells) => cells.push(get(row).map(Timestamp::as_nanos)),
            Self::Text(get, cells) => cells.append_with(|text| get(row, text)),
            Self::U8List(get, offsets, items) => append_list(*get, row, offsets, items),
            Self::U16List(get, offsets, items) => append_list(*get, row, offsets, items),
            Self::U32List(get, offsets, items) => append_list(*get, row, offsets, items),
            Self::U64List(get, offsets, items) => append_list(*get, row, offsets, items),
            Self::F64List(get, offsets, items) => append_list(*get, row, offsets, items),
            Self::TextList(get, offsets, items) => {
                let valid = get(row, &mut |item| {
                    items.append_with(|text| {
                        use std::fmt::Write as _;
                        text.write_fmt(item).ok()
                    });
                })
                .is_some();
                offsets.push(items.len(), valid);
            }
        }
    }

    fn extend(&mut self, rows: &[T::Row<'_>]) {
        match self {
            Self::U8(get, cells) => cells.extend(rows.iter().map(*get)),
            Self::U16(get, cells) => cells.extend(rows.iter().map(*get)),
            Self::U32(get, cells) => cells.extend(rows.iter().map(*get)),
            Self::U64(get, cells) => cells.extend(rows.iter().map(*get)),
            Self::F64(get, cells) => cells.extend(rows.iter().map(*get)),
            Self::Time(get, cells) => {
                cells.extend(rows.iter().map(|row| get(row).map(Timestamp::as_nanos)));
            }
            Self::Text(get, cells) => {
                cells.offsets.ends.reserve(rows.len());
                for row in rows {
                    cells.append_with(|text| get(row, text));
                }
            }
            others => rows.iter().for_each(|row| others.append(row)),
        }
    }

    fn is_full(&self) -> bool {
        match self {
            Self::Text(_, cells) | Self::TextList(_, _, cells) => cells.values.len() >= FULL_TEXT,
            _ => false,
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(_, cells) => Arc::new(cells.finish()),
            Self::U8(_, cells) => Arc::new(cells.finish::<UInt8Type>()),
            Self::U16(_, cells) => Arc::new(cells.finish::<UInt16Type>()),
            Self::U32(_, cells) => Arc::new(cells.finish::<UInt32Type>()),
            Self::U64(_, cells) => Arc::new(cells.finish::<UInt64Type>()),
            Self::F64(_, cells) => Arc::new(cells.finish::<Float64Type>()),
            Self::Time(_, cells) => {
                let times = cells.finish::<TimestampNanosecondType>();
                Arc::new(times.with_timezone(UTC))
            }
            Self::Text(_, cells) => Arc::new(cells.finish()),
            Self::U8List(_, offsets, items) => numbers::<UInt8Type>(offsets, items),
            Self::U16List(_, offsets, items) => numbers::<UInt16Type>(offsets, items),
            Self::U32List(_, offsets, items) => numbers::<UInt32Type>(offsets, items),
            Self::U64List(_, offsets, items) => numbers::<UInt64Type>(offsets, items),
            Self::F64List(_, offsets, items) => numbers::<Float64Type>(offsets, items),
            Self::TextList(_, offsets, items) => {
                let items = items.finish();
                Arc::new(offsets.finish(DataType::Utf8, Arc::new(items)))
            }
        }
    }
}

/// Appends a cell's numbers; what a null cell left behind is taken back.
fn append_list<T: Table, V>(
    get: GetList<T, V>,
    row: &T::Row<'_>,
    offsets: &mut Offsets,
    items: &mut Vec<V>,
) {
    let valid = get(row, items).is_some();
    if !valid {
        items.truncate(offsets.last());
    }
    offsets.push(items.len(), valid);
}

/// Lists of numbers as an array.
fn numbers<P: ArrowPrimitiveType>(offsets: &mut Offsets, items: &mut Vec<P::Native>) -> ArrayRef {
    let items = PrimitiveArray::<P>::new(std::mem::take(items).into(), None);
    Arc::new(offsets.finish(P::DATA_TYPE, Arc::new(items)))
}

/// A column of numbers.
#[derive(Debug, Default)]
struct Numbers<N> {
    values: Vec<N>,
    /// Which are not null; `None` as long as none is.
    valid: Option<NullBufferBuilder>,
}

impl<N: ArrowNativeType + Default> Numbers<N> {
    #[inline]
    fn push(&mut self, value: Option<N>) {
        if value.is_none() && self.valid.is_none() {
            let mut valid = NullBufferBuilder::new(BATCH_ROWS);
            valid.append_n_non_nulls(self.values.len());
            self.valid = Some(valid);
        }
        if let Some(valid) = &mut self.valid {
            valid.append(value.is_some());
        }
        self.values.push(value.unwrap_or_default());
    }

    fn extend(&mut self, values: impl ExactSizeIterator<Item = Option<N>>) {
        self.values.reserve(values.len());
        for value in values {
            self.push(value);
        }
    }

    fn finish<P: ArrowPrimitiveType<Native = N>>(&mut self) -> PrimitiveArray<P> {
        let values = std::mem::take(&mut self.values);
        let nulls = self.valid.take().and_then(|mut valid| valid.finish());
        PrimitiveArray::new(values.into(), nulls)
    }
}

/// Ends of the cells of a text or list column, and which are null.
#[derive(Debug)]
struct Offsets {
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

impl Default for Offsets {
    fn default() -> Self {
        Self {
            ends: vec![0],
            valid: NullBufferBuilder::new(BATCH_ROWS),
        }
    }
}

impl Offsets {
    fn last(&self) -> usize {
        self.ends.last().map_or(0, |&end| end as usize)
    }

    #[inline]
    fn push(&mut self, end: usize, valid: bool) {
        self.ends.push(end as i32);
        self.valid.append(valid);
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Option<arrow_buffer::NullBuffer>) {
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        (
            OffsetBuffer::new(ScalarBuffer::from(ends)),
            self.valid.finish(),
        )
    }

    fn finish(&mut self, item: DataType, items: Arc<dyn Array>) -> ListArray {
        let (offsets, nulls) = self.take();
        ListArray::try_new(list_item(item), offsets, items, nulls)
            .expect("offsets end at the number of items, and no item is null")
    }
}

/// A text column: cells are appended in place.
#[derive(Debug, Default)]
struct TextBuilder {
    values: String,
    offsets: Offsets,
}

impl TextBuilder {
    #[inline]
    fn append_with(&mut self, write: impl FnOnce(&mut String) -> Option<()>) {
        let start = self.values.len();
        let mut valid = write(&mut self.values).is_some();
        if !valid || self.values.len() > MAX_TEXT {
            self.values.truncate(start);
            valid = false;
        }
        self.offsets.push(self.values.len(), valid);
    }

    fn len(&self) -> usize {
        self.offsets.ends.len() - 1
    }

    fn finish(&mut self) -> StringArray {
        let (offsets, nulls) = self.offsets.take();
        let capacity = self.values.len();
        let values = std::mem::replace(&mut self.values, String::with_capacity(capacity));
        StringArray::try_new(offsets, Buffer::from_vec(values.into_bytes()), nulls)
            .expect("offsets are the ends of texts that were appended whole")
    }
}
