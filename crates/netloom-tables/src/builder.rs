//! Rows to record batches: only the columns asked for are made.

use std::net::IpAddr;
use std::sync::Arc;

use arrow_array::builder::BooleanBuilder;
use arrow_array::types::{
    Float64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, DictionaryArray, ListArray, PrimitiveArray, RecordBatch,
    RecordBatchOptions, StringArray,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};
use arrow_schema::{DataType, Fields, Schema, SchemaRef};
use netloom_flow::FlowRecord;
use netloom_packet::{MacAddr, Timestamp};

use crate::column::{Column, Get, GetList, GetText, GetTexts, Make, UTC, list_item};
use crate::columns::{Columns, Table};
use crate::schema::{Anomalies, Captures, FlowRow, Flows, Packets, text};

/// Rows after which a batch should be finished: small enough to stay near the cache while it
/// is written, large enough that the cost of a batch does not show.
pub const BATCH_ROWS: usize = 16_384;

/// Bytes of text a column of one batch may hold before the builder calls itself full.
const FULL_TEXT: usize = 1 << 28;

/// Rows after which it is known about how long the texts of a column are.
const SAMPLE_ROWS: usize = 64;

/// Addresses whose texts are remembered.
const ADDRESSES: usize = 256;

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
                let begin = cells.texts.values.len();
                for row in some {
                    cells.append_with(|text| get(row, text));
                }
                // Texts of a column are of about the same length.
                let bytes = (cells.texts.values.len() - begin) * others.len() / SAMPLE_ROWS;
                cells.texts.values.reserve(bytes.min(FULL_TEXT));
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
            Self::Ip(_, cells) => cells.cells.reserve(rows),
            Self::Mac(_, cells) => cells.cells.reserve(rows),
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
            Self::Ip(_, cells) => cells.cells.repeat(),
            Self::Mac(_, cells) => cells.cells.repeat(),
            _ => {}
        }
    }

    fn is_full(&self) -> bool {
        match self {
            Self::TextList(_, _, cells) => cells.values.len() >= FULL_TEXT,
            Self::Text(_, cells) => cells.texts.values.len() >= FULL_TEXT,
            Self::Ip(_, cells) => cells.cells.texts.values.len() >= FULL_TEXT,
            Self::Mac(_, cells) => cells.cells.texts.values.len() >= FULL_TEXT,
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

/// Which cells are not null.
#[derive(Debug, Default)]
struct Validity {
    words: Vec<u64>,
    cells: usize,
}

impl Validity {
    #[inline]
    fn push(&mut self, valid: bool) {
        let bit = self.cells % 64;
        if bit == 0 {
            self.words.push(0);
        }
        if let Some(word) = self.words.last_mut() {
            *word |= u64::from(valid) << bit;
        }
        self.cells += 1;
    }

    /// How many cells the last word still takes.
    fn room(&self) -> usize {
        self.cells.next_multiple_of(64) - self.cells
    }

    /// Takes up to 64 cells at once, where the last word is full.
    #[inline]
    fn push_word(&mut self, word: u64, cells: usize) {
        self.words.push(word);
        self.cells += cells;
    }

    /// `None` where no cell is null.
    fn take(&mut self) -> Option<NullBuffer> {
        let words = std::mem::take(&mut self.words);
        let cells = std::mem::take(&mut self.cells);
        // Arrow's bits begin with the lowest of the first byte.
        let words: Vec<u64> = words.into_iter().map(u64::to_le).collect();
        let bits = BooleanBuffer::new(Buffer::from_vec(words), 0, cells);
        Some(NullBuffer::new(bits)).filter(|nulls| nulls.null_count() > 0)
    }
}

/// A column of numbers.
#[derive(Debug, Default)]
pub(crate) struct Numbers<N> {
    values: Vec<N>,
    valid: Validity,
}

impl<N: ArrowNativeType + Default> Numbers<N> {
    #[inline]
    pub(crate) fn push(&mut self, value: Option<N>) {
        self.valid.push(value.is_some());
        self.values.push(value.unwrap_or_default());
    }

    fn reserve(&mut self, rows: usize) {
        self.values.reserve(rows);
        self.valid.words.reserve(rows.div_ceil(64));
    }

    #[inline]
    fn extend<R>(&mut self, rows: &[R], get: impl Fn(&R) -> Option<N>) {
        let begun = self.valid.room().min(rows.len());
        let (begun, rows) = rows.split_at(begun);
        for row in begun {
            self.push(get(row));
        }
        self.reserve(rows.len());
        for rows in rows.chunks(64) {
            let (mut word, mut bit) = (0, 0);
            self.values.extend(rows.iter().map(|row| {
                let value = get(row);
                word |= u64::from(value.is_some()) << bit;
                bit += 1;
                value.unwrap_or_default()
            }));
            self.valid.push_word(word, rows.len());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn finish<P: ArrowPrimitiveType<Native = N>>(&mut self) -> PrimitiveArray<P> {
        let values = std::mem::take(&mut self.values);
        PrimitiveArray::new(values.into(), self.valid.take())
    }
}

/// Ends of the cells of a text or list column, and which are null.
#[derive(Debug)]
struct Offsets {
    ends: Vec<i32>,
    valid: Validity,
}

impl Default for Offsets {
    fn default() -> Self {
        Self {
            ends: vec![0],
            valid: Validity::default(),
        }
    }
}

impl Offsets {
    fn last(&self) -> usize {
        self.ends.last().map_or(0, |&end| end as usize)
    }

    fn reserve(&mut self, cells: usize) {
        self.ends.reserve(cells);
        self.valid.words.reserve(cells.div_ceil(64));
    }

    #[inline]
    fn push(&mut self, end: usize, valid: bool) {
        self.ends.push(end as i32);
        self.valid.push(valid);
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        (
            OffsetBuffer::new(ScalarBuffer::from(ends)),
            self.valid.take(),
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
pub(crate) struct TextBuilder {
    values: String,
    offsets: Offsets,
}

impl TextBuilder {
    #[inline]
    pub(crate) fn append_with(&mut self, write: impl FnOnce(&mut String) -> Option<()>) {
        let start = self.values.len();
        let mut valid = write(&mut self.values).is_some();
        if !valid || self.values.len() > MAX_TEXT {
            self.values.truncate(start);
            valid = false;
        }
        self.offsets.push(self.values.len(), valid);
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.ends.len() - 1
    }

    /// The last text; nulls are empty.
    fn last(&self) -> Option<&str> {
        let [.., begin, end] = self.offsets.ends[..] else {
            return None;
        };
        self.values.get(begin as usize..end as usize)
    }

    pub(crate) fn finish(&mut self) -> StringArray {
        let (offsets, nulls) = self.offsets.take();
        let capacity = self.values.len();
        let values = std::mem::replace(&mut self.values, String::with_capacity(capacity));
        StringArray::try_new(offsets, Buffer::from_vec(values.into_bytes()), nulls)
            .expect("offsets are the ends of texts that were appended whole")
    }
}

/// The type of texts as places among some.
pub(crate) fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
}

/// A text column, whose cells may be places among its texts.
#[derive(Debug, Default)]
struct CellBuilder {
    texts: TextBuilder,
    /// The cells, where they are places.
    places: Option<Numbers<u32>>,
}

impl CellBuilder {
    fn repeat(&mut self) {
        self.places = Some(Numbers::default());
    }

    fn reserve(&mut self, rows: usize) {
        match &mut self.places {
            Some(places) => places.reserve(rows),
            None => self.texts.offsets.reserve(rows),
        }
    }

    #[inline]
    fn append_with(&mut self, write: impl FnOnce(&mut String) -> Option<()>) {
        let Self { texts, places } = self;
        let Some(places) = places else {
            texts.append_with(write);
            return;
        };
        let start = texts.values.len();
        let valid = write(&mut texts.values).is_some() && texts.values.len() <= MAX_TEXT;
        let last = texts.last();
        if valid && last != Some(&texts.values[start..]) {
            texts.offsets.push(texts.values.len(), true);
        } else {
            texts.values.truncate(start);
        }
        places.push(valid.then(|| texts.len() as u32 - 1));
    }

    fn finish(&mut self) -> ArrayRef {
        let texts = Arc::new(self.texts.finish());
        match &mut self.places {
            Some(places) => {
                let places = places.finish::<UInt32Type>();
                Arc::new(DictionaryArray::new(places, texts))
            }
            None => texts,
        }
    }
}

/// An address that has a text.
trait Address: Copy + Eq + std::fmt::Debug {
    /// Bits that differ from one address to another.
    fn bits(self) -> u32;
    /// Appends its text.
    fn write(self, out: &mut String);
}

impl Address for IpAddr {
    #[inline]
    fn bits(self) -> u32 {
        match self {
            Self::V4(address) => address.to_bits(),
            Self::V6(address) => {
                let bits = address.to_bits();
                (bits ^ bits >> 32 ^ bits >> 64 ^ bits >> 96) as u32
            }
        }
    }

    #[inline]
    fn write(self, out: &mut String) {
        text::ip(self, out);
    }
}

impl Address for MacAddr {
    #[inline]
    fn bits(self) -> u32 {
        // The upper two bytes are the maker's, as most of the third is.
        let low = self
            .0
            .last_chunk()
            .map_or(0, |&low| u32::from_be_bytes(low));
        low ^ u32::from(self.0[0]) << 16 ^ u32::from(self.0[1]) << 24
    }

    #[inline]
    fn write(self, out: &mut String) {
        text::mac(self, out);
    }
}

/// A column of addresses as texts. The same few come again and again: their texts are copied from
/// the rows before.
#[derive(Debug)]
struct AddressBuilder<A> {
    cells: CellBuilder,
    /// Addresses, and where in the text one is, or which of the texts; empty before the first row
    /// of a batch.
    known: Vec<Option<(A, u32, u32)>>,
}

impl<A> Default for AddressBuilder<A> {
    fn default() -> Self {
        Self {
            cells: CellBuilder::default(),
            known: Vec::new(),
        }
    }
}

impl<A: Address> AddressBuilder<A> {
    #[inline]
    fn append(&mut self, address: Option<A>) {
        let Self {
            cells: CellBuilder { texts, places },
            known,
        } = self;
        let Some(address) = address else {
            match places {
                Some(places) => places.push(None),
                None => texts.append_with(|_| None),
            }
            return;
        };
        if known.is_empty() {
            known.resize(ADDRESSES, None);
        }
        // Fibonacci hashing: the upper bits of the product are those of all of the address.
        let place = address.bits().wrapping_mul(0x9e37_79b9) >> (u32::BITS - ADDRESSES.ilog2());
        let known = &mut known[place as usize];
        if let Some(places) = places {
            let of_text = match *known {
                Some((of, text, _)) if of == address => text,
                _ => {
                    let text = texts.len() as u32;
                    texts.append_with(|out| {
                        address.write(out);
                        Some(())
                    });
                    *known = Some((address, text, 0));
                    text
                }
            };
            places.push(Some(of_text));
            return;
        }
        texts.append_with(|out| {
            let begin = out.len();
            match *known {
                Some((of, start, end)) if of == address && end as usize <= begin => {
                    out.extend_from_within(start as usize..end as usize);
                }
                _ => {
                    address.write(out);
                    *known = Some((address, begin as u32, out.len() as u32));
                }
            }
            Some(())
        });
    }

    fn extend(&mut self, addresses: impl ExactSizeIterator<Item = Option<A>>) {
        self.cells.reserve(addresses.len());
        if self.cells.places.is_none() {
            self.cells.texts.values.reserve(addresses.len() * 16);
        }
        for address in addresses {
            self.append(address);
        }
    }

    fn finish(&mut self) -> ArrayRef {
        self.known.clear();
        self.cells.finish()
    }
}
