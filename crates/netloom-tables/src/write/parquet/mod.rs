//! Parquet: column chunks encoded on as many threads as there are, the same bytes for any number.
//!
//! - Row groups of 131,072 rows, fewer where rows are large; where one ends depends on the
//!   rows alone, not on how they were cut into batches.
//! - zstd level 1 over pages; texts and numbers in dictionaries as long as their values repeat;
//!   where they do not, times and whole numbers of 64 bits as differences (DELTA_BINARY_PACKED),
//!   texts behind their lengths (DELTA_LENGTH_BYTE_ARRAY), other numbers as they are.
//! - Statistics of each column chunk and each page (page index), so that readers skip.
//! - Units, meanings and the kind of address stand in the file's key-value metadata
//!   (`netloom.columns`, JSON) and in the fields' metadata (`netloom.unit`, `netloom.address`).
//! - Columns may come when all rows of the others were there
//!   ([`late_columns`](ParquetWriter::late_columns)): what is encoded waits for them, in a temporary
//!   file where it is much.

mod chunk;
mod delta;
mod describe;
mod dictionary;
mod direct;
mod encode;
mod held;
mod hybrid;
mod intern;
mod value;

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;

pub use self::describe::FileMetadata;

use self::describe::properties;
use self::encode::{Chunk, Encoded, encode_column, leaves};
use self::held::Held;
use super::RowWriter;

/// Rows of a row group.
const GROUP_ROWS: usize = 1 << 17;
/// Rows after which it is looked at how large a row group has become.
const STEP: usize = 1 << 13;
/// Bytes in memory after which a row group ends early.
const GROUP_BYTES: usize = 96 << 20;
/// Level of zstd.
const LEVEL: i32 = 1;

/// Writes a Parquet file, column by column on any thread.
///
/// [`push`](Self::push) takes rows and gives [`EncodeJob`]s, one for each column of each row group
/// that is full; they may run anywhere, in any order. [`settle`](Self::settle) writes the row
/// groups whose jobs are done. As a [`RowWriter`] it runs the jobs itself.
///
/// Texts may come as dictionaries (`Dictionary(UInt32, Utf8)`), whatever the schema says; what is
/// written is the same.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    schema: SchemaRef,
    factory: ArrowRowGroupWriterFactory,
    /// Rows of the row group to come.
    pending: Pending,
    /// Row groups that are being encoded.
    groups: VecDeque<Arc<Group>>,
    begun: usize,
    late: Late,
}

/// Rows that wait to be encoded, of some columns.
#[derive(Default)]
struct Pending {
    /// The columns' places.
    places: Vec<usize>,
    batches: Vec<RecordBatch>,
    rows: usize,
    /// Bytes of each column.
    bytes: Vec<usize>,
}

impl Pending {
    fn new(places: Vec<usize>) -> Self {
        Self {
            bytes: vec![0; places.len()],
            places,
            ..Self::default()
        }
    }

    fn push(&mut self, rows: RecordBatch) {
        for (bytes, column) in self.bytes.iter_mut().zip(rows.columns()) {
            *bytes += size(column);
        }
        self.rows += rows.num_rows();
        self.batches.push(rows);
    }

    /// What is there, and its place for more.
    fn take(&mut self) -> Self {
        let next = Self::new(self.places.clone());
        std::mem::replace(self, next)
    }
}

/// Columns whose cells come after all rows of the others.
#[derive(Default)]
struct Late {
    pending: Pending,
    /// How many of the row groups that are being encoded were given theirs.
    given: usize,
    held: Held,
}

impl<W: Write + Send> std::fmt::Debug for ParquetWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetWriter")
            .field("schema", &self.schema)
            .field("pending", &self.pending.rows)
            .finish_non_exhaustive()
    }
}

/// A row group that is being encoded.
struct Group {
    /// Which of the file's it is, from 0.
    index: usize,
    rows: usize,
    columns: Vec<Mutex<Option<Encoded>>>,
    left: AtomicUsize,
}

/// Encodes a column of a row group.
pub struct EncodeJob(Box<dyn FnOnce() + Send>);

impl EncodeJob {
    /// Does it.
    pub fn run(self) {
        (self.0)();
    }
}

impl std::fmt::Debug for EncodeJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncodeJob").finish_non_exhaustive()
    }
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// When the output cannot be written, or the schema has a type that Parquet does not.
    pub fn new(out: W, schema: SchemaRef, metadata: &FileMetadata) -> io::Result<Self> {
        let mut properties = properties(&schema, metadata);
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let properties: WriterPropertiesPtr = Arc::new(properties);
        let parquet_schema = ArrowSchemaConverter::new()
            .convert(&schema)
            .map_err(failed)?;
        let file = SerializedFileWriter::new(out, parquet_schema.root_schema_ptr(), properties)
            .map_err(failed)?;
        let factory = ArrowRowGroupWriterFactory::new(&file, Arc::clone(&schema));
        Ok(Self {
            file,
            factory,
            pending: Pending::new((0..schema.fields().len()).collect()),
            schema,
            groups: VecDeque::new(),
            begun: 0,
            late: Late::default(),
        })
    }

    /// Some columns, by their places in the schema, come when all rows of the others are there:
    /// [`push`](Self::push) takes batches without them, then, after
    /// [`finish_rows`](Self::finish_rows), [`push_late`](Self::push_late) takes batches of them
    /// alone. How many rows a row group has is told by the others.
    ///
    /// To be called before any row is there.
    pub fn late_columns(&mut self, places: &[usize]) {
        let (late, others) =
            (0..self.schema.fields().len()).partition(|place| places.contains(place));
        self.pending = Pending::new(others);
        self.late.pending = Pending::new(late);
    }

    /// Takes rows; what is to be encoded now comes back.
    ///
    /// # Errors
    ///
    /// When the encoder cannot be set up.
    pub fn push(&mut self, batch: &RecordBatch) -> io::Result<Vec<EncodeJob>> {
        let mut jobs = Vec::new();
        let mut offset = 0;
        while offset < batch.num_rows() {
            let step = (STEP - self.pending.rows % STEP).min(batch.num_rows() - offset);
            self.pending.push(part(batch, offset, step));
            offset += step;
            let Pending { rows, bytes, .. } = &self.pending;
            let full = *rows >= GROUP_ROWS || bytes.iter().sum::<usize>() >= GROUP_BYTES;
            if full && rows.is_multiple_of(STEP) {
                self.begin_group(&mut jobs)?;
            }
        }
        Ok(jobs)
    }

    /// The last rows were pushed: what is left to be encoded.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn finish_rows(&mut self) -> io::Result<Vec<EncodeJob>> {
        let mut jobs = Vec::new();
        if self.pending.rows > 0 {
            self.begin_group(&mut jobs)?;
        }
        Ok(jobs)
    }

    /// Takes the [late columns](Self::late_columns) of the next rows; what is to be encoded now
    /// comes back.
    ///
    /// # Errors
    ///
    /// When the encoder cannot be set up, or there are more rows than the other columns have.
    pub fn push_late(&mut self, batch: &RecordBatch) -> io::Result<Vec<EncodeJob>> {
        let mut jobs = Vec::new();
        let mut offset = 0;
        while offset < batch.num_rows() {
            let Some(group) = self.groups.get(self.late.given).map(Arc::clone) else {
                return Err(io::Error::other("a column has more rows than the others"));
            };
            let step = (group.rows - self.late.pending.rows).min(batch.num_rows() - offset);
            self.late.pending.push(part(batch, offset, step));
            offset += step;
            if self.late.pending.rows == group.rows {
                let pending = self.late.pending.take();
                self.late.given += 1;
                self.encode(&group, &pending, &mut jobs)?;
            }
        }
        Ok(jobs)
    }

    /// What waits for late columns does so in a file, however little it is.
    #[cfg(test)]
    pub(crate) fn hold_nothing(&mut self) {
        self.late.held.limit = 0;
    }

    fn begin_group(&mut self, jobs: &mut Vec<EncodeJob>) -> io::Result<()> {
        let pending = self.pending.take();
        let fields = self.schema.fields();
        let group = Arc::new(Group {
            index: self.begun,
            rows: pending.rows,
            columns: fields.iter().map(|_| Mutex::new(None)).collect(),
            left: AtomicUsize::new(fields.len()),
        });
        self.begun += 1;
        self.groups.push_back(Arc::clone(&group));
        self.encode(&group, &pending, jobs)
    }

    /// Leaves some columns of a row group to be encoded.
    fn encode(
        &self,
        group: &Arc<Group>,
        pending: &Pending,
        jobs: &mut Vec<EncodeJob>,
    ) -> io::Result<()> {
        let mut writers = self
            .factory
            .create_column_writers(group.index)
            .map_err(failed)?
            .into_iter();
        let mut leaf = 0;
        let mut of_group = Vec::with_capacity(pending.places.len());
        for (index, field) in self.schema.fields().iter().enumerate() {
            let writers: Vec<ArrowColumnWriter> =
                writers.by_ref().take(leaves(field.data_type())).collect();
            let column = self.file.schema_descr().column(leaf);
            leaf += writers.len();
            let Ok(place) = pending.places.binary_search(&index) else {
                continue;
            };
            let arrays: Vec<ArrayRef> = (pending.batches.iter())
                .map(|batch| Arc::clone(batch.column(place)))
                .collect();
            let (field, group) = (Arc::clone(field), Arc::clone(group));
            let job = EncodeJob(Box::new(move || {
                let chunks = encode_column(&field, &column, arrays, writers);
                *group.columns[index]
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(chunks);
                group.left.fetch_sub(1, Ordering::AcqRel);
            }));
            of_group.push((pending.bytes[place], job));
        }
        // The longest first: no thread is left with one when all others are done.
        of_group.sort_by_key(|&(bytes, _)| Reverse(bytes));
        jobs.extend(of_group.into_iter().map(|(_, job)| job));
        Ok(())
    }

    /// Writes the row groups that are encoded, in their order.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub fn settle(&mut self) -> io::Result<()> {
        while let Some(group) = self.groups.front() {
            if group.left.load(Ordering::Acquire) > 0 {
                return self.hold();
            }
            let mut row_group = self.file.next_row_group().map_err(failed)?;
            for column in &group.columns {
                for chunk in taken(column).map_err(failed)? {
                    match chunk {
                        Chunk::Own(chunk) => row_group.append_column(&chunk.bytes, chunk.close),
                        Chunk::Other(chunk) => chunk.append_to_row_group(&mut row_group),
                        Chunk::Held(chunk) => {
                            let chunk = self.late.held.chunk(*chunk)?;
                            row_group.append_column(&chunk.bytes, chunk.close)
                        }
                    }
                    .map_err(failed)?;
                }
            }
            row_group.close().map_err(failed)?;
            self.groups.pop_front();
            self.late.group_written();
        }
        Ok(())
    }

    /// What is encoded and waits for late columns takes no more memory than it may.
    fn hold(&mut self) -> io::Result<()> {
        let late = self.late.pending.places.len();
        if late == 0 {
            return Ok(());
        }
        for group in self.groups.iter().skip(self.late.held.groups) {
            if group.left.load(Ordering::Acquire) > late {
                break;
            }
            for column in &group.columns {
                let mut column = column.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(Ok(chunks)) = &mut *column {
                    self.late.held.hold(chunks)?;
                }
            }
            self.late.held.groups += 1;
        }
        Ok(())
    }

    /// Nothing waits for columns that nobody gave.
    fn all_written(&self) -> io::Result<()> {
        if self.groups.is_empty() {
            return Ok(());
        }
        Err(io::Error::other("a column has fewer rows than the others"))
    }

    /// Row groups that are being encoded or wait to be written.
    pub fn unsettled(&self) -> usize {
        self.groups.len()
    }

    /// Encodes and writes what is left, ends the file, and gives the output back.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub fn into_inner(mut self) -> io::Result<W> {
        for job in self.finish_rows()? {
            job.run();
        }
        self.settle()?;
        self.all_written()?;
        self.file.into_inner().map_err(failed)
    }
}

impl<W: Write + Send> RowWriter for ParquetWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for job in self.push(batch)? {
            job.run();
        }
        self.settle()
    }

    fn finish(&mut self) -> io::Result<()> {
        for job in self.finish_rows()? {
            job.run();
        }
        self.settle()?;
        self.all_written()?;
        self.file.finish().map_err(failed)?;
        self.file.inner_mut().flush()
    }
}

impl Late {
    /// The first of the row groups was written.
    fn group_written(&mut self) {
        self.given = self.given.saturating_sub(1);
        self.held.groups = self.held.groups.saturating_sub(1);
    }
}

/// Some rows of a batch.
fn part(batch: &RecordBatch, offset: usize, rows: usize) -> RecordBatch {
    if rows == batch.num_rows() {
        batch.clone()
    } else {
        batch.slice(offset, rows)
    }
}

/// What a column came to.
fn taken(column: &Mutex<Option<Encoded>>) -> Encoded {
    let mut column = column.lock().unwrap_or_else(PoisonError::into_inner);
    column.take().unwrap_or_else(|| Ok(Vec::new()))
}

/// Bytes of a batch's values, whatever memory it shares with others.
pub(crate) fn logical_size(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(size).sum()
}

/// Bytes of an array's values.
fn size(array: &ArrayRef) -> usize {
    let nulls = array.nulls().map_or(0, |nulls| nulls.len().div_ceil(8));
    if let Some(width) = array.data_type().primitive_width() {
        return nulls + width * array.len();
    }
    if let Some(texts) = array.as_string_opt::<i32>() {
        let offsets = texts.value_offsets();
        let (begin, end) = (offsets[0], offsets[texts.len()]);
        return nulls + size_of_val(offsets) + (end - begin) as usize;
    }
    array.to_data().get_slice_memory_size().unwrap_or(0)
}

/// A failure of the writer underneath is one of ours: the system's words where it has any.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => *cause,
            Err(cause) => io::Error::other(cause),
        },
        other => io::Error::other(other),
    }
}
