//! Column chunks of values that repeat: a dictionary page, and data pages of places in it.
//!
//! The writer of the `parquet` crate looks each cell up by a hash of its bytes, and compares it
//! with the least and the largest so far. Here cells like the one before cost a comparison, small
//! numbers stand in a table, and the least and the largest of a page are sought among the values
//! that it has, each once. What columns it takes, and when values repeat too little for a
//! dictionary, depends on the cells alone.
//!
//! Source: Apache Parquet, README.md (data pages), Encodings.md, PageIndex.md.

use std::cmp::Ordering;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBufferBuilder;
use arrow_buffer::bit_chunk_iterator::UnalignedBitChunk;
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Encoding, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::LEVEL;
use super::hybrid;
use super::intern::{self, Interned};

/// Rows of a page; whole bytes of bits.
const PAGE_ROWS: usize = 1 << 14;
/// Bytes of a text in statistics.
const MAX_STATISTIC: usize = 64;

/// A column chunk.
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    pub(super) close: ColumnCloseResult,
}

/// Whether columns of a type are tried here, and go to the other writer only where values do not
/// repeat.
pub(super) fn takes(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::Float64
    )
}

/// Encodes a column of a row group; `None` where its values do not repeat, or it is of no type
/// that is taken here.
pub(super) fn encode(column: &ColumnDescPtr, arrays: &[ArrayRef]) -> Result<Option<Chunk>> {
    let Some(first) = arrays.first() else {
        return Ok(None);
    };
    let nulls = arrays.iter().map(Array::null_count).sum::<usize>();
    if nulls > 0 && column.max_def_level() == 0 {
        // An error of whoever made the rows; the other writer says so.
        return Ok(None);
    }
    let rows = Rows::new(column, arrays, nulls);
    let chunk = match first.data_type() {
        DataType::Utf8 => intern::texts(arrays).map(|cells| rows.write(&cells)),
        DataType::UInt8 => intern::u8s(arrays).map(|cells| rows.write(&cells)),
        DataType::UInt16 => intern::u16s(arrays).map(|cells| rows.write(&cells)),
        DataType::UInt32 => intern::u32s(arrays).map(|cells| rows.write(&cells)),
        DataType::Float64 => intern::f64s(arrays).map(|cells| rows.write(&cells)),
        _ => None,
    };
    chunk.transpose()
}

/// A value of a dictionary.
trait Value: Copy {
    /// Appends it as PLAIN has it.
    fn plain(self, out: &mut Vec<u8>);
    /// How it compares; `None`: it counts in no statistics.
    fn order(self, other: Self) -> Option<Ordering>;
    /// The least and the largest as statistics have them.
    fn bounds(least: Self, largest: Self) -> (Bound, Bound);
    /// Statistics of a chunk.
    fn statistics(bounds: Option<(Bound, Bound)>, nulls: u64) -> Statistics;
}

/// The least or the largest of something.
#[derive(Debug, Clone, PartialEq)]
struct Bound {
    /// As PLAIN has it; of texts the text alone.
    bytes: Vec<u8>,
    /// Whether it is a value that is there.
    exact: bool,
}

impl Bound {
    fn exact(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            exact: true,
        }
    }
}

impl Value for u32 {
    fn plain(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn order(self, other: Self) -> Option<Ordering> {
        Some(self.cmp(&other))
    }

    fn bounds(least: Self, largest: Self) -> (Bound, Bound) {
        let bound = |number: Self| Bound::exact(number.to_le_bytes());
        (bound(least), bound(largest))
    }

    fn statistics(bounds: Option<(Bound, Bound)>, nulls: u64) -> Statistics {
        let number = |bound: Bound| Some(i32::from_le_bytes(*bound.bytes.first_chunk()?));
        let (least, largest) = bounds.unzip();
        let (least, largest) = (least.and_then(number), largest.and_then(number));
        Statistics::int32(least, largest, None, Some(nulls), false)
    }
}

/// Floats by their bits.
impl Value for u64 {
    fn plain(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn order(self, other: Self) -> Option<Ordering> {
        f64::from_bits(self).partial_cmp(&f64::from_bits(other))
    }

    fn bounds(least: Self, largest: Self) -> (Bound, Bound) {
        // Readers may take the two zeros for different.
        let zero = |bits: Self, sign: f64| {
            let float = f64::from_bits(bits);
            Bound::exact(
                if float == 0.0 {
                    0_f64.copysign(sign)
                } else {
                    float
                }
                .to_le_bytes(),
            )
        };
        (zero(least, -1.0), zero(largest, 1.0))
    }

    fn statistics(bounds: Option<(Bound, Bound)>, nulls: u64) -> Statistics {
        let float = |bound: Bound| Some(f64::from_le_bytes(*bound.bytes.first_chunk()?));
        let (least, largest) = bounds.unzip();
        let (least, largest) = (least.and_then(float), largest.and_then(float));
        ValueStatistics::new(least, largest, None, Some(nulls), false)
            .with_backwards_compatible_min_max(true)
            .into()
    }
}

/// Texts.
impl Value for &[u8] {
    fn plain(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.len() as u32).to_le_bytes());
        out.extend_from_slice(self);
    }

    fn order(self, other: Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    fn bounds(least: Self, largest: Self) -> (Bound, Bound) {
        (lower(least), upper(largest))
    }

    fn statistics(bounds: Option<(Bound, Bound)>, nulls: u64) -> Statistics {
        let (least, largest) = bounds.unzip();
        let exact = |bound: &Option<Bound>| bound.as_ref().is_none_or(|bound| bound.exact);
        let (least_exact, largest_exact) = (exact(&least), exact(&largest));
        let text = |bound: Bound| ByteArray::from(bound.bytes);
        ValueStatistics::new(least.map(text), largest.map(text), None, Some(nulls), false)
            .with_min_is_exact(least_exact)
            .with_max_is_exact(largest_exact)
            .into()
    }
}

/// A text of few bytes that is not above another.
fn lower(text: &[u8]) -> Bound {
    match head(text) {
        Some(head) => Bound {
            bytes: head.into(),
            exact: false,
        },
        None => Bound::exact(text),
    }
}

/// A text of few bytes that is not below another; where there is none, the other.
fn upper(text: &[u8]) -> Bound {
    let Some(head) = head(text) else {
        return Bound::exact(text);
    };
    let mut chars = head.chars();
    while let Some(last) = chars.next_back() {
        let next =
            char::from_u32(last as u32 + 1).filter(|next| next.len_utf8() == last.len_utf8());
        if let Some(next) = next {
            let mut bytes = chars.as_str().to_owned();
            bytes.push(next);
            return Bound {
                bytes: bytes.into_bytes(),
                exact: false,
            };
        }
    }
    Bound::exact(text)
}

/// The characters that are counted in statistics of a text that is too long for them.
fn head(text: &[u8]) -> Option<&str> {
    if text.len() <= MAX_STATISTIC {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    text.get(..text.floor_char_boundary(MAX_STATISTIC))
}

/// The rows of a column of a row group.
struct Rows<'a> {
    column: &'a ColumnDescPtr,
    count: usize,
    nulls: usize,
    /// Which are not null; `None`: all.
    valid: Option<BooleanBufferBuilder>,
}

impl<'a> Rows<'a> {
    fn new(column: &'a ColumnDescPtr, arrays: &[ArrayRef], nulls: usize) -> Self {
        let count = arrays.iter().map(Array::len).sum();
        let valid = (nulls > 0).then(|| {
            let mut valid = BooleanBufferBuilder::new(count);
            for array in arrays {
                match array.nulls() {
                    Some(nulls) => valid.append_buffer(nulls.inner()),
                    None => valid.append_n(array.len(), true),
                }
            }
            valid
        });
        Self {
            column,
            count,
            nulls,
            valid,
        }
    }

    /// Writes the pages.
    fn write<V: Value>(&self, cells: &Interned<V>) -> Result<Chunk> {
        let mut pages = Pages::new()?;
        let mut plain = Vec::new();
        for value in &cells.values {
            value.plain(&mut plain);
        }
        pages.write(&plain, |buf| Page::DictionaryPage {
            buf,
            num_values: cells.values.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        })?;

        let width = hybrid::width(cells.values.len().saturating_sub(1));
        let mut index = Index::new(self.column);
        let mut extremes = Extremes::new(cells.values.len());
        let mut offsets = OffsetIndexBuilder::new();
        let mut data_page_offset = 0;
        let (mut keys, mut page) = (cells.keys.as_slice(), Vec::new());
        for start in (0..self.count).step_by(PAGE_ROWS) {
            let rows = PAGE_ROWS.min(self.count - start);
            page.clear();
            let ones = self.levels(start, rows, &mut page);
            let (of_page, rest) = keys.split_at_checked(ones).ok_or_else(too_few)?;
            keys = rest;
            page.push(width as u8);
            hybrid::encode(of_page, width, &mut page);
            let spec = pages.write(&page, |buf| Page::DataPage {
                buf,
                num_values: rows as u32,
                encoding: Encoding::RLE_DICTIONARY,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            })?;
            if start == 0 {
                data_page_offset = spec.offset;
            }
            offsets.append_row_count(rows as i64);
            offsets.append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
            index.page(extremes.of_page(of_page, &cells.values), rows, rows - ones);
        }

        let data_pages = self.count.div_ceil(PAGE_ROWS) as i32;
        let stats = |page_type, encoding, count| PageEncodingStats {
            page_type,
            encoding,
            count,
        };
        let metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(super::compression())
            .set_encodings(vec![
                Encoding::PLAIN,
                Encoding::RLE,
                Encoding::RLE_DICTIONARY,
            ])
            .set_page_encoding_stats(vec![
                stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
                stats(PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, data_pages),
            ])
            .set_total_compressed_size(pages.compressed as i64)
            .set_total_uncompressed_size(pages.uncompressed as i64)
            .set_num_values(self.count as i64)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(data_page_offset as i64)
            .set_statistics(index.statistics(self.nulls as u64))
            .build()?;
        Ok(Chunk {
            close: ColumnCloseResult {
                bytes_written: pages.compressed as u64,
                rows_written: self.count as u64,
                metadata,
                bloom_filter: None,
                column_index: index.build()?,
                offset_index: Some(offsets.build()),
            },
            bytes: pages.into_bytes()?,
        })
    }

    /// Appends the definition levels of a page; returns how many of its rows are not null.
    fn levels(&self, start: usize, rows: usize, page: &mut Vec<u8>) -> usize {
        if self.column.max_def_level() == 0 {
            return rows;
        }
        let Some(valid) = &self.valid else {
            hybrid::levels(&[], rows, rows, page);
            return rows;
        };
        let bytes = &valid.as_slice()[start / 8..(start + rows).div_ceil(8)];
        let ones = UnalignedBitChunk::new(bytes, 0, rows).count_ones();
        hybrid::levels(bytes, rows, ones, page);
        ones
    }
}

fn too_few() -> ParquetError {
    ParquetError::General("fewer cells than the column has".to_owned())
}

/// The least and the largest values of pages.
struct Extremes {
    /// By place in the dictionary: the last page that has it, from 1.
    seen: Vec<u32>,
    page: u32,
}

impl Extremes {
    fn new(values: usize) -> Self {
        Self {
            seen: vec![0; values],
            page: 0,
        }
    }

    /// Those of a page, where it has any.
    fn of_page<V: Value>(&mut self, keys: &[u32], values: &[V]) -> Option<(V, V)> {
        self.page += 1;
        let mut extremes: Option<(V, V)> = None;
        for &key in keys {
            let seen = &mut self.seen[key as usize];
            if *seen == self.page {
                continue;
            }
            *seen = self.page;
            let value = values[key as usize];
            match &mut extremes {
                None if value.order(value).is_some() => extremes = Some((value, value)),
                None => {}
                Some((least, largest)) => {
                    if value.order(*least) == Some(Ordering::Less) {
                        *least = value;
                    } else if value.order(*largest) == Some(Ordering::Greater) {
                        *largest = value;
                    }
                }
            }
        }
        extremes
    }
}

/// What is told of the pages of a chunk.
struct Index<V> {
    builder: ColumnIndexBuilder,
    /// The least and the largest of the page before, and of all.
    last: Option<(V, V)>,
    all: Option<(V, V)>,
    ascending: bool,
    descending: bool,
}

impl<V: Value> Index<V> {
    fn new(column: &ColumnDescPtr) -> Self {
        Self {
            builder: ColumnIndexBuilder::new(column.physical_type()),
            last: None,
            all: None,
            ascending: true,
            descending: true,
        }
    }

    /// Takes the next page.
    fn page(&mut self, extremes: Option<(V, V)>, rows: usize, nulls: usize) {
        if rows == nulls {
            self.builder
                .append(true, Vec::new(), Vec::new(), nulls as i64);
            return;
        }
        let Some((least, largest)) = extremes else {
            // Values that cannot be compared: nothing may be skipped by them.
            self.builder.to_invalid();
            return;
        };
        let is = |one: V, order, other: V| one.order(other) == Some(order);
        if let Some((before_least, before_largest)) = self.last.replace((least, largest)) {
            let falls =
                |order| is(least, order, before_least) || is(largest, order, before_largest);
            self.ascending &= !falls(Ordering::Less);
            self.descending &= !falls(Ordering::Greater);
        }
        let (all_least, all_largest) = self.all.get_or_insert((least, largest));
        if is(least, Ordering::Less, *all_least) {
            *all_least = least;
        }
        if is(largest, Ordering::Greater, *all_largest) {
            *all_largest = largest;
        }
        let (least, largest) = V::bounds(least, largest);
        self.builder
            .append(false, least.bytes, largest.bytes, nulls as i64);
    }

    /// Statistics of all pages together.
    fn statistics(&self, nulls: u64) -> Statistics {
        V::statistics(
            self.all.map(|(least, largest)| V::bounds(least, largest)),
            nulls,
        )
    }

    fn build(mut self) -> Result<Option<ColumnIndexMetaData>> {
        self.builder
            .set_boundary_order(match (self.ascending, self.descending) {
                (true, _) => BoundaryOrder::ASCENDING,
                (false, true) => BoundaryOrder::DESCENDING,
                (false, false) => BoundaryOrder::UNORDERED,
            });
        if self.builder.valid() {
            self.builder.build().map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Pages one after the other.
struct Pages {
    out: TrackedWrite<Vec<u8>>,
    compressor: zstd::bulk::Compressor<'static>,
    compressed: usize,
    uncompressed: usize,
}

impl Pages {
    fn new() -> Result<Self> {
        let compressor = zstd::bulk::Compressor::new(LEVEL).map_err(external)?;
        Ok(Self {
            out: TrackedWrite::new(Vec::new()),
            compressor,
            compressed: 0,
            uncompressed: 0,
        })
    }

    /// Compresses a page and writes it.
    fn write(&mut self, page: &[u8], of: impl FnOnce(Bytes) -> Page) -> Result<PageWriteSpec> {
        let compressed = self.compressor.compress(page).map_err(external)?;
        let compressed = CompressedPage::new(of(compressed.into()), page.len());
        let spec = SerializedPageWriter::new(&mut self.out).write_page(compressed)?;
        self.compressed += spec.compressed_size;
        self.uncompressed += spec.uncompressed_size;
        Ok(spec)
    }

    fn into_bytes(self) -> Result<Bytes> {
        self.out.into_inner().map(Bytes::from)
    }
}

fn external(error: std::io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_long_texts() {
        let long = |end: &str| format!("{}{end}", "a".repeat(63));
        for (text, least, largest) in [
            ("short", "short", "short"),
            (&long("bc"), &long("b"), &long("c")),
            // The character that is cut is left out; the one before it is the next.
            (
                &long("éx"),
                &"a".repeat(63),
                &format!("{}b", "a".repeat(62)),
            ),
            // There is no next character of one byte.
            (
                &long("\u{7f}x"),
                &long("\u{7f}"),
                &format!("{}b", "a".repeat(62)),
            ),
        ] {
            let (lower, upper) = <&[u8]>::bounds(text.as_bytes(), text.as_bytes());
            assert_eq!((lower.bytes, upper.bytes), (least.into(), largest.into()));
            assert_eq!(lower.exact && upper.exact, text.len() <= 64);
        }
        let last = "\u{10ffff}".repeat(20);
        assert_eq!(upper(last.as_bytes()), Bound::exact(last.as_bytes()));
    }

    #[test]
    fn extremes_are_those_of_each_page() {
        let nan = f64::NAN.to_bits();
        let values = [nan, 2_f64.to_bits(), (-0.5_f64).to_bits(), 0_f64.to_bits()];
        let mut extremes = Extremes::new(values.len());
        assert_eq!(
            extremes.of_page(&[0, 1, 2, 3, 3], &values),
            Some((values[2], values[1]))
        );
        assert_eq!(
            extremes.of_page(&[3, 1], &values),
            Some((values[3], values[1]))
        );
        assert_eq!(extremes.of_page(&[0, 0], &values), None);
        let (least, largest) = u64::bounds(values[3], values[3]);
        assert_eq!(least.bytes, (-0.0_f64).to_le_bytes());
        assert_eq!(largest.bytes, 0.0_f64.to_le_bytes());
    }
}
