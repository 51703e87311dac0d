//! Rows to record batches: only the columns asked for are made.

mod cells;

use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::builder::BooleanBuilder;
use arrow_array::types::{
    Float64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Fields, Schema, SchemaRef};
use netloom_flow::FlowRecord;
use netloom_packet::{MacAddr, Timestamp};

use cells::{AddressBuilder, CellBuilder, Offsets};
pub(crate) use cells::{Numbers, TextBuilder, dictionary};

use crate::column::{Column, Get, GetList, GetText, GetTexts, Make, UTC};
use crate::columns::{Columns, Table};
use crate::schema::{Anomalies, Captures, FlowRow, Flows, Packets};

/// Rows after which a batch should be finished: small enough to stay near the cache while it
/// is written, large enough that the cost of a batch does not show.
pub const BATCH_ROWS: usize = 16_384;

/// Bytes of text a column of one batch may hold before the builder calls itself full.
const FULL_TEXT: usize = 1 << 28;

/// Rows after which it is known about how long the texts of a column are.
const SAMPLE_ROWS: usize = 64;

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

    /// Makes room for so many further rows.
    pub fn reserve(&mut self, rows: usize) {
        for column in &mut self.columns {
            column.reserve(rows);
        }
    }

    /// From here on, texts come as dictionaries of those that are not the one before
    /// (`Dictionary(UInt32, Utf8)`): most columns of texts repeat, and need be neither copied nor
    /// looked up cell by cell. To be called before the first row.
    pub fn repeat_texts(&mut self) {
        self.columns
            .iter_mut()
            .for_each(ColumnBuilder::repeat_texts);
        let fields = (self.schema.fields().iter()).map(|field| match field.data_type() {
            DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(dictionary())),
            _ => Arc::clone(field),
        });
        let metadata = self.schema.metadata().clone();
        self.schema = Arc::new(Schema::new_with_metadata(
            fields.collect::<Fields>(),
            metadata,
        ));
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
    Text(GetText<T>, CellBuilder),
    Ip(Get<T, IpAddr>, AddressBuilder<IpAddr>),
    Mac(Get<T, MacAddr>, AddressBuilder<MacAddr>),
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
            Make::Text(get) => Self::Text(get, CellBuilder::default()),
            Make::Ip(get) => Self::Ip(get, AddressBuilder::default()),
            Make::Mac(get) => Self::Mac(get, AddressBuilder::default()),
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
            Self::Ip(get, cells) => cells.append(get(row)),
            Self::Mac(get, cells) => cells.append(get(row)),
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
            Self::U8(get, cells) => cells.extend(rows, *get),
            Self::U16(get, cells) => cells.extend(rows, *get),
            Self::U32(get, cells) => cells.extend(rows, *get),
            Self::U64(get, cells) => cells.extend(rows, *get),
            Self::F64(get, cells) => cells.extend(rows, *get),
            Self::Time(get, cells) => {
                cells.extend(rows, |row| get(row).map(Timestamp::as_nanos));
            }
            Self::Text(get, cells) => {
                cells.reserve(rows.len());
                let (some, others) = rows.split_at(rows.len().min(SAMPLE_ROWS));
                let begin = cells.text_len();
                for row in some {
                    cells.append_with(|text| get(row, text));
                }
                // Texts of a column are of about the same length.
                let bytes = (cells.text_len() - begin) * others.len() / SAMPLE_ROWS;
                cells.reserve_text(bytes.min(FULL_TEXT));
                for row in others {
                    cells.append_with(|text| get(row, text));
                }
            }
            Self::Ip(get, cells) => cells.extend(rows.iter().map(*get)),
            Self::Mac(get, cells) => cells.extend(rows.iter().map(*get)),
            others => rows.iter().for_each(|row| others.append(row)),
        }
    }

    fn reserve(&mut self, rows: usize) {
        match self {
            Self::Bool(..) => {}
            Self::U8(_, cells) => cells.reserve(rows),
            Self::U16(_, cells) => cells.reserve(rows),
            Self::U32(_, cells) => cells.reserve(rows),
            Self::U64(_, cells) => cells.reserve(rows),
            Self::F64(_, cells) => cells.reserve(rows),
            Self::Time(_, cells) => cells.reserve(rows),
            Self::Text(_, cells) => cells.reserve(rows),
            Self::Ip(_, cells) => cells.reserve(rows),
            Self::Mac(_, cells) => cells.reserve(rows),
            Self::U8List(_, offsets, _)
            | Self::U16List(_, offsets, _)
            | Self::U32List(_, offsets, _)
            | Self::U64List(_, offsets, _)
            | Self::F64List(_, offsets, _)
            | Self::TextList(_, offsets, _) => offsets.reserve(rows),
        }
    }

    fn repeat_texts(&mut self) {
        match self {
            Self::Text(_, cells) => cells.repeat(),
            Self::Ip(_, cells) => cells.repeat(),
            Self::Mac(_, cells) => cells.repeat(),
            _ => {}
        }
    }

    fn is_full(&self) -> bool {
        match self {
            Self::TextList(_, _, cells) => cells.text_len() >= FULL_TEXT,
            Self::Text(_, cells) => cells.text_len() >= FULL_TEXT,
            Self::Ip(_, cells) => cells.text_len() >= FULL_TEXT,
            Self::Mac(_, cells) => cells.text_len() >= FULL_TEXT,
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
            Self::Text(_, cells) => cells.finish(),
            Self::Ip(_, cells) => cells.finish(),
            Self::Mac(_, cells) => cells.finish(),
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
