//! Column chunks: pages of cells, and what is told of them.
//!
//! Source: Apache Parquet, README.md (data pages), PageIndex.md.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::ops::Range;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBufferBuilder;
use arrow_buffer::bit_chunk_iterator::UnalignedBitChunk;
use arrow_schema::Field;
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Encoding, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::LEVEL;
use super::hybrid;
use super::value::Value;

/// Rows of a page; whole bytes of bits.
const PAGE_ROWS: usize = 1 << 14;
/// Bytes of a page's cells above which it has fewer rows.
const PAGE_BYTES: usize = 1 << 20;
/// Rows of which a page has a multiple: a byte of bits.
const STEP: usize = 8;

/// A column chunk.
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    pub(super) close: ColumnCloseResult,
}

/// The cells of a column that are not null, and how pages have them.
pub(super) trait Cells {
    /// What they are.
    type Value: Value;
    /// How pages have them.
    const ENCODING: Encoding;

    /// The values that pages give the places of, where they do.
    fn dictionary(&self) -> Option<&[Self::Value]> {
        None
    }

    /// About how many bytes some of them take in a page.
    fn size(&self, cells: Range<usize>) -> usize;

    /// Appends some of them; `None` where there are fewer.
    fn write(&self, cells: Range<usize>, page: &mut Vec<u8>) -> Option<()>;

    /// The least and the largest of some of them, where they compare.
    fn extremes(&mut self, cells: Range<usize>) -> Option<(Self::Value, Self::Value)>;
}

/// The rows of a column of a row group.
pub(super) struct Rows<'a> {
    column: &'a ColumnDescPtr,
    count: usize,
    nulls: usize,
    /// Which are not null; `None`: all, or none.
    valid: Option<BooleanBufferBuilder>,
    lists: Option<Lists>,
}

/// A page: its rows, those of their cells that are not null, and how many entries levels have.
struct PageRows {
    rows: usize,
    cells: usize,
    entries: usize,
}

impl<'a> Rows<'a> {
    /// `None` where a cell is null that must not be: an error of whoever made the rows.
    pub(super) fn new(column: &'a ColumnDescPtr, arrays: &[ArrayRef]) -> Option<Self> {
        let count = arrays.iter().map(Array::len).sum();
        let nulls = arrays.iter().map(Array::null_count).sum();
        if nulls > 0 && column.max_def_level() == 0 {
            return None;
        }
        let valid = (nulls > 0 && nulls < count).then(|| {
            let mut valid = BooleanBufferBuilder::new(count);
            for array in arrays {
                match array.nulls() {
                    Some(nulls) => valid.append_buffer(nulls.inner()),
                    None => valid.append_n(array.len(), true),
                }
            }
            valid
        });
        Some(Self {
            column,
            count,
            nulls,
            valid,
            lists: None,
        })
    }

    /// Rows that are lists of cells, none of which is null; the arrays of the cells come back.
    /// `None` where a cell is null, or a null list has cells.
    pub(super) fn lists(
        column: &'a ColumnDescPtr,
        item: &Field,
        arrays: &[ArrayRef],
    ) -> Option<(Self, Vec<ArrayRef>)> {
        let mut rows = Self::new(column, arrays)?;
        let mut ends = Vec::with_capacity(rows.count + 1);
        ends.push(0);
        let (mut end, mut items) = (0, Vec::with_capacity(arrays.len()));
        for array in arrays {
            let lists = array.as_list_opt::<i32>()?;
            let offsets = lists.value_offsets();
            let (first, last) = (offsets[0], offsets[lists.len()]);
            let cells = lists
                .values()
                .slice(first as usize, (last - first) as usize);
            let hidden = |place: usize| offsets[place] != offsets[place + 1];
            if cells.null_count() > 0
                || lists.null_count() > 0
                    && (0..lists.len()).any(|at| lists.is_null(at) && hidden(at))
            {
                return None;
            }
            ends.extend(
                offsets[1..]
                    .iter()
                    .map(|offset| end + (offset - first) as usize),
            );
            end += cells.len();
            items.push(cells);
        }
        // Levels of definition: no list, an empty one, maybe a null, a cell.
        let of_cells = column.max_def_level() as u32;
        let of_empty = of_cells.checked_sub(1 + u32::from(item.is_nullable()))?;
        if column.max_rep_level() != 1 || of_empty == 0 && rows.nulls > 0 {
            return None;
        }
        rows.lists = Some(Lists {
            ends,
            of_cells,
            of_empty,
        });
        Some((rows, items))
    }

    /// Writes the pages.
    pub(super) fn write<C: Cells>(&self, mut cells: C) -> Result<Chunk> {
        let mut pages = Pages::default();
        if let Some(dictionary) = cells.dictionary() {
            let mut plain = Vec::with_capacity(size_of_val(dictionary));
            for value in dictionary {
                value.plain(&mut plain);
            }
            pages.write(&plain, |buf| Page::DictionaryPage {
                buf,
                num_values: dictionary.len() as u32,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            })?;
        }
        let has_dictionary = cells.dictionary().is_some();

        let mut index = Index::new(self.column);
        let mut offsets = OffsetIndexBuilder::new();
        let (mut data_page_offset, mut data_pages) = (0, 0);
        let (mut row, mut cell, mut all_entries, mut page) = (0, 0, 0, Vec::new());
        while row < self.count {
            let of_page = self.page_of(row, |ones| cells.size(cell..cell + ones));
            page.clear();
            self.levels(row, &of_page, &mut page);
            let PageRows {
                rows,
                cells: ones,
                entries,
            } = of_page;
            let of_page = cell..cell + ones;
            cells
                .write(of_page.clone(), &mut page)
                .ok_or_else(too_few)?;
            let spec = pages.write(&page, |buf| Page::DataPage {
                buf,
                num_values: entries as u32,
                encoding: C::ENCODING,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            })?;
            if data_pages == 0 {
                data_page_offset = spec.offset;
            }
            data_pages += 1;
            offsets.append_row_count(rows as i64);
            offsets.append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
            index.page(cells.extremes(of_page), entries, entries - ones);
            row += rows;
            cell += ones;
            all_entries += entries;
        }

        let stats = |page_type, encoding, count| PageEncodingStats {
            page_type,
            encoding,
            count,
        };
        let (mut encodings, mut encoding_stats) = (vec![Encoding::RLE, C::ENCODING], Vec::new());
        if has_dictionary {
            encodings.push(Encoding::PLAIN);
            encoding_stats.push(stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
        }
        encoding_stats.push(stats(PageType::DATA_PAGE, C::ENCODING, data_pages));
        let metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(super::describe::compression())
            .set_encodings(encodings)
            .set_page_encoding_stats(encoding_stats)
            .set_total_compressed_size(pages.compressed as i64)
            .set_total_uncompressed_size(pages.uncompressed as i64)
            .set_num_values(all_entries as i64)
            .set_dictionary_page_offset(has_dictionary.then_some(0))
            .set_data_page_offset(data_page_offset as i64)
            .set_statistics(index.statistics((all_entries - cell) as u64))
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

    /// The page that begins with a row.
    fn page_of(&self, row: usize, size: impl Fn(usize) -> usize) -> PageRows {
        let mut rows = PAGE_ROWS.min(self.count - row);
        loop {
            let cells = match &self.lists {
                Some(lists) => lists.ends[row + rows] - lists.ends[row],
                None => self.ones(row, rows),
            };
            if rows <= STEP || size(cells) <= PAGE_BYTES {
                let entries = match &self.lists {
                    Some(lists) => lists.entries(row, rows),
                    None => rows,
                };
                return PageRows {
                    rows,
                    cells,
                    entries,
                };
            }
            rows = (rows / 2).next_multiple_of(STEP);
        }
    }

    /// The bits of rows, and none where they are all alike.
    fn bits(&self, row: usize, rows: usize) -> &[u8] {
        self.valid
            .as_ref()
            .and_then(|valid| valid.as_slice().get(row / 8..(row + rows).div_ceil(8)))
            .unwrap_or_default()
    }

    /// How many of some rows are not null.
    fn ones(&self, row: usize, rows: usize) -> usize {
        match self.valid {
            Some(_) => UnalignedBitChunk::new(self.bits(row, rows), 0, rows).count_ones(),
            None if self.nulls > 0 => 0,
            None => rows,
        }
    }

    /// Appends the levels of a page.
    fn levels(&self, row: usize, of_page: &PageRows, page: &mut Vec<u8>) {
        let PageRows {
            rows,
            cells,
            entries,
        } = *of_page;
        if let Some(lists) = &self.lists {
            let bits = self.bits(row, rows);
            let (some, all) = (self.nulls < self.count, self.nulls == 0);
            let is_valid = |at: usize| some && (all || bits[at / 8] >> (at % 8) & 1 == 1);
            lists.levels(row..row + rows, entries, is_valid, page);
        } else if self.column.max_def_level() > 0 {
            hybrid::levels(self.bits(row, rows), rows, cells, page);
        }
    }
}

/// Which cells are in which list.
struct Lists {
    /// The cells before each list, and all of them.
    ends: Vec<usize>,
    /// Levels of definition: of a cell, of an empty list; of a null it is 0.
    of_cells: u32,
    of_empty: u32,
}

impl Lists {
    /// Cells of some rows, and rows that have none.
    fn entries(&self, row: usize, rows: usize) -> usize {
        let ends = &self.ends[row..=row + rows];
        ends.windows(2).map(|ends| (ends[1] - ends[0]).max(1)).sum()
    }

    /// Appends the levels of some rows: which entries begin a row, and what they are.
    fn levels(
        &self,
        rows: Range<usize>,
        entries: usize,
        is_valid: impl Fn(usize) -> bool,
        page: &mut Vec<u8>,
    ) {
        let (mut repetition, mut definition) = (vec![1; entries], vec![self.of_cells; entries]);
        let mut entry = 0;
        for (at, ends) in self.ends[rows.start..=rows.end].windows(2).enumerate() {
            repetition[entry] = 0;
            let cells = ends[1] - ends[0];
            if cells == 0 {
                definition[entry] = if is_valid(at) { self.of_empty } else { 0 };
            }
            entry += cells.max(1);
        }
        hybrid::all_levels(&repetition, 1, page);
        hybrid::all_levels(&definition, hybrid::width(self.of_cells as usize), page);
    }
}

fn too_few() -> ParquetError {
    ParquetError::General("fewer cells than the column has".to_owned())
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
    compressed: usize,
    uncompressed: usize,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            out: TrackedWrite::new(Vec::new()),
            compressed: 0,
            uncompressed: 0,
        }
    }
}

thread_local! {
    /// The tables of zstd, which take longer to make than most pages take.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> =
        const { RefCell::new(None) };
}

impl Pages {
    /// Compresses a page and writes it.
    fn write(&mut self, page: &[u8], of: impl FnOnce(Bytes) -> Page) -> Result<PageWriteSpec> {
        let compressed = COMPRESSOR.with_borrow_mut(|compressor| {
            let compressor = match compressor {
                Some(compressor) => compressor,
                none => none.insert(zstd::bulk::Compressor::new(LEVEL)?),
            };
            compressor.compress(page)
        });
        let compressed = compressed.map_err(external)?;
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
