//! Rows in another order, however many there are: runs are sorted in memory, put into temporary
//! files, and merged.
//!
//! The order is stable (rows that are equal keep theirs), nulls come last, and addresses
//! (`netloom.address` = `ip`) sort as addresses: IPv4 before IPv6, each by number.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{ArrowError, DataType, Field, SchemaRef, SortOptions};
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave_record_batch;
use arrow_select::take::take_record_batch;

use crate::write::logical_size;

/// Rows of a batch of a run, and of what is handed out.
const BATCH_ROWS: usize = 8192;
/// Runs that are merged at once: each is an open file.
const MERGED_AT_ONCE: usize = 64;

/// A column to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// Its place in the schema.
    pub column: usize,
    /// Largest first; nulls are last all the same.
    pub descending: bool,
}

/// Takes rows in any order and gives them in another.
#[derive(Debug)]
pub struct Sorter {
    order: Arc<Order>,
    /// Bytes of rows that are kept in memory.
    budget: usize,
    pending: Vec<RecordBatch>,
    bytes: usize,
    runs: Vec<RunPlace>,
}

/// What is sorted by.
#[derive(Debug)]
struct Order {
    schema: SchemaRef,
    keys: Vec<SortKey>,
}

/// Where a run will be.
type RunPlace = Arc<Mutex<Option<io::Result<File>>>>;

/// Sorts a run and puts it into a temporary file; on any thread.
pub struct SortJob(Box<dyn FnOnce() + Send>);

impl SortJob {
    /// Does it.
    pub fn run(self) {
        (self.0)();
    }
}

impl std::fmt::Debug for SortJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SortJob").finish_non_exhaustive()
    }
}

impl Sorter {
    /// Sorts rows of a schema by these columns, the first one first, with about `budget` bytes of
    /// them in memory.
    pub fn new(schema: SchemaRef, keys: Vec<SortKey>, budget: usize) -> Self {
        Self {
            order: Arc::new(Order { schema, keys }),
            budget,
            pending: Vec::new(),
            bytes: 0,
            runs: Vec::new(),
        }
    }

    /// Takes rows. When there are enough for a run, what comes back is to be done before
    /// [`finish`](Self::finish), and soon: the rows are in memory until then.
    pub fn push(&mut self, batch: RecordBatch) -> Option<SortJob> {
        self.bytes += logical_size(&batch);
        self.pending.push(batch);
        if self.bytes < self.budget {
            return None;
        }
        self.bytes = 0;
        let batches = std::mem::take(&mut self.pending);
        let place = RunPlace::default();
        self.runs.push(Arc::clone(&place));
        let order = Arc::clone(&self.order);
        Some(SortJob(Box::new(move || {
            let run = order.sorted(&batches).and_then(|sorted| {
                drop(batches);
                write_run(&order.schema, &mut [sorted].into_iter().map(Ok))
            });
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
        })))
    }

    /// Hands all rows out in their order, in batches.
    ///
    /// # Errors
    ///
    /// When a temporary file cannot be written or read, or `out` fails.
    pub fn finish(self, out: &mut dyn FnMut(RecordBatch) -> io::Result<()>) -> io::Result<()> {
        let order = self.order;
        let last = order.sorted(&self.pending)?;
        drop(self.pending);
        if self.runs.is_empty() {
            return chunks(&last).try_for_each(out);
        }
        let mut runs = Vec::new();
        for place in &self.runs {
            let run = place.lock().unwrap_or_else(PoisonError::into_inner).take();
            runs.push(run.unwrap_or_else(|| Err(io::Error::other("a run was not sorted")))?);
        }
        if last.num_rows() > 0 {
            runs.push(write_run(&order.schema, &mut [last].into_iter().map(Ok))?);
        }
        // Ties keep their order: runs that are merged first stay first.
        while runs.len() > MERGED_AT_ONCE {
            let rest = runs.split_off(MERGED_AT_ONCE);
            let mut merged = RunWriter::new(&order.schema)?;
            order.merge(runs, &mut |batch| merged.write(&batch))?;
            runs = vec![merged.finish()?];
            runs.extend(rest);
        }
        order.merge(runs, out)
    }
}

impl Order {
    /// The keys of rows in a form in which bytes compare as rows do.
    fn rows(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        let keys: Vec<ArrayRef> = self
            .keys
            .iter()
            .map(|key| self.key(key, batch.column(key.column)))
            .collect();
        let fields = self
            .keys
            .iter()
            .zip(&keys)
            .map(|(key, array)| {
                let options = SortOptions {
                    descending: key.descending,
                    nulls_first: false,
                };
                SortField::new_with_options(array.data_type().clone(), options)
            })
            .collect();
        RowConverter::new(fields)?.convert_columns(&keys)
    }

    fn key(&self, key: &SortKey, array: &ArrayRef) -> ArrayRef {
        let field = self.schema.field(key.column);
        if is_address(field) && array.data_type() == &DataType::Utf8 {
            addresses(array)
        } else {
            Arc::clone(array)
        }
    }

    /// All rows in their order, in one batch.
    fn sorted(&self, batches: &[RecordBatch]) -> io::Result<RecordBatch> {
        let all = concat_batches(&self.schema, batches).map_err(failed)?;
        if all.num_rows() == 0 {
            return Ok(all);
        }
        let rows = self.rows(&all).map_err(failed)?;
        let mut order: Vec<u32> = (0..all.num_rows() as u32).collect();
        order.sort_by(|&a, &b| rows.row(a as usize).cmp(&rows.row(b as usize)));
        drop(rows);
        take_record_batch(&all, &UInt32Array::from(order)).map_err(failed)
    }

    /// Hands the rows of sorted runs out in their order.
    fn merge(
        &self,
        runs: Vec<File>,
        out: &mut dyn FnMut(RecordBatch) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut cursors = Vec::new();
        for (index, run) in runs.into_iter().enumerate() {
            let mut run = BufReader::new(run);
            run.rewind()?;
            let reader = StreamReader::try_new(run, None).map_err(failed)?;
            if let Some(cursor) = Cursor::begin(index, reader, self)? {
                cursors.push(cursor);
            }
        }
        let mut heap = Heap::new(cursors);
        // Places of the rows to be handed out: which cursor's batch, and which row of it.
        let mut taken: Vec<(usize, usize)> = Vec::with_capacity(BATCH_ROWS);
        while let Some(cursor) = heap.first() {
            taken.push((cursor.index, cursor.row));
            cursor.row += 1;
            let ended = cursor.row == cursor.batch.num_rows();
            if ended || taken.len() == BATCH_ROWS {
                heap.hand_out(&mut taken, out)?;
            }
            if ended
                && !heap
                    .first()
                    .map_or(Ok(true), |cursor| cursor.advance(self))?
            {
                heap.remove_first();
            }
            heap.sift();
        }
        Ok(())
    }
}

/// A run that is being merged: its batch, and which row is next.
struct Cursor {
    index: usize,
    reader: StreamReader<BufReader<File>>,
    batch: RecordBatch,
    rows: Rows,
    row: usize,
}

impl Cursor {
    fn begin(
        index: usize,
        mut reader: StreamReader<BufReader<File>>,
        order: &Order,
    ) -> io::Result<Option<Self>> {
        Ok(match next(&mut reader)? {
            None => None,
            Some(batch) => Some(Self {
                index,
                reader,
                rows: order.rows(&batch).map_err(failed)?,
                batch,
                row: 0,
            }),
        })
    }

    /// Goes on to the next batch; `false` at the end.
    fn advance(&mut self, order: &Order) -> io::Result<bool> {
        let Some(batch) = next(&mut self.reader)? else {
            return Ok(false);
        };
        self.rows = order.rows(&batch).map_err(failed)?;
        self.batch = batch;
        self.row = 0;
        Ok(true)
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let (own, others) = (self.rows.row(self.row), other.rows.row(other.row));
        own.cmp(&others).then(self.index.cmp(&other.index))
    }
}

/// The next batch with rows in it.
fn next(reader: &mut StreamReader<BufReader<File>>) -> io::Result<Option<RecordBatch>> {
    for batch in reader {
        let batch = batch.map_err(failed)?;
        if batch.num_rows() > 0 {
            return Ok(Some(batch));
        }
    }
    Ok(None)
}

/// Cursors, the one with the smallest row first, as a binary heap.
struct Heap(Vec<Cursor>);

impl Heap {
    fn new(mut cursors: Vec<Cursor>) -> Self {
        cursors.sort_by(Cursor::cmp);
        Self(cursors)
    }

    fn first(&mut self) -> Option<&mut Cursor> {
        self.0.first_mut()
    }

    fn remove_first(&mut self) {
        if !self.0.is_empty() {
            self.0.swap_remove(0);
        }
    }

    /// Brings the first cursor, which has changed, to its place.
    fn sift(&mut self) {
        let mut place = 0;
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.0.len() && self.0[child].cmp(&self.0[least]) == Ordering::Less {
                    least = child;
                }
            }
            if least == place {
                return;
            }
            self.0.swap(place, least);
            place = least;
        }
    }

    /// Hands out the rows that were taken so far.
    fn hand_out(
        &self,
        taken: &mut Vec<(usize, usize)>,
        out: &mut dyn FnMut(RecordBatch) -> io::Result<()>,
    ) -> io::Result<()> {
        let last = self.0.iter().map(|cursor| cursor.index).max().unwrap_or(0);
        let mut places = vec![0; last + 1];
        let mut batches = Vec::with_capacity(self.0.len());
        for cursor in &self.0 {
            places[cursor.index] = batches.len();
            batches.push(&cursor.batch);
        }
        for (cursor, _) in taken.iter_mut() {
            *cursor = places[*cursor];
        }
        let rows = interleave_record_batch(&batches, taken).map_err(failed)?;
        taken.clear();
        out(rows)
    }
}

/// Writes sorted rows into a temporary file.
struct RunWriter(StreamWriter<BufWriter<File>>);

impl RunWriter {
    fn new(schema: &SchemaRef) -> io::Result<Self> {
        let file = tempfile::tempfile().map_err(|cause| spilling(&cause))?;
        let file = BufWriter::with_capacity(1 << 18, file);
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::LZ4_FRAME))
            .map_err(failed)?;
        let writer = StreamWriter::try_new_with_options(file, schema, options);
        Ok(Self(
            writer.map_err(failed).map_err(|cause| spilling(&cause))?,
        ))
    }

    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        chunks(batch)
            .try_for_each(|batch| self.0.write(&batch).map_err(failed))
            .map_err(|cause| spilling(&cause))
    }

    fn finish(self) -> io::Result<File> {
        let file = self
            .0
            .into_inner()
            .map_err(failed)
            .map_err(|cause| spilling(&cause))?;
        file.into_inner().map_err(|error| spilling(error.error()))
    }
}

fn write_run(
    schema: &SchemaRef,
    batches: &mut dyn Iterator<Item = io::Result<RecordBatch>>,
) -> io::Result<File> {
    let mut run = RunWriter::new(schema)?;
    for batch in batches {
        run.write(&batch?)?;
    }
    run.finish()
}

/// A batch in parts of the usual size.
fn chunks(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    (0..batch.num_rows())
        .step_by(BATCH_ROWS)
        .map(|start| batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start)))
}

/// Whether a column has addresses of the Internet Protocol.
fn is_address(field: &Field) -> bool {
    field.metadata().get("netloom.address").map(String::as_str) == Some("ip")
}

/// Addresses as bytes that compare as addresses do; what is none comes last, as text.
fn addresses(array: &ArrayRef) -> ArrayRef {
    let texts = array.as_string::<i32>();
    let mut bytes = BinaryBuilder::with_capacity(texts.len(), 17 * texts.len());
    for text in texts {
        match text.map(|text| (text, text.parse::<IpAddr>())) {
            None => bytes.append_null(),
            Some((_, Ok(IpAddr::V4(v4)))) => {
                let [a, b, c, d] = v4.octets();
                bytes.append_value([4, a, b, c, d]);
            }
            Some((_, Ok(IpAddr::V6(v6)))) => {
                let mut key = [6; 17];
                key[1..].copy_from_slice(&v6.octets());
                bytes.append_value(key);
            }
            Some((text, Err(_))) => {
                let mut key = vec![u8::MAX];
                key.extend_from_slice(text.as_bytes());
                bytes.append_value(key);
            }
        }
    }
    Arc::new(bytes.finish())
}

/// A failure of what is underneath: the system's words where it has any.
fn failed(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, cause) => cause,
        other => io::Error::other(other),
    }
}

/// Where it failed: a person who knows the output alone would look there.
fn spilling(cause: &io::Error) -> io::Error {
    let folder = std::env::temp_dir();
    let folder = folder.display();
    io::Error::new(
        cause.kind(),
        format!("sorted rows go to temporary files in {folder} (TMPDIR says where): {cause}"),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow_array::{StringArray, UInt64Array};
    use arrow_schema::Schema;
    use proptest::prelude::*;

    use super::*;

    fn batch(rows: &[(Option<u8>, String)], from: u64) -> RecordBatch {
        let address = Field::new("ip", DataType::Utf8, true).with_metadata(HashMap::from([(
            "netloom.address".to_owned(),
            "ip".to_owned(),
        )]));
        let schema = Schema::new(vec![
            Field::new("key", DataType::UInt64, true),
            address,
            Field::new("place", DataType::UInt64, false),
        ]);
        let keys: UInt64Array = rows.iter().map(|(key, _)| key.map(u64::from)).collect();
        let texts: StringArray = rows.iter().map(|(_, text)| Some(text)).collect();
        let places: UInt64Array = (from..).take(rows.len()).map(Some).collect();
        RecordBatch::try_new(
            Arc::new(schema),
            vec![Arc::new(keys), Arc::new(texts), Arc::new(places)],
        )
        .unwrap()
    }

    /// Places of the rows after sorting.
    fn sorted(rows: &[(Option<u8>, String)], keys: &[SortKey], budget: usize) -> Vec<u64> {
        let schema = batch(rows, 0).schema();
        let mut sorter = Sorter::new(schema, keys.to_vec(), budget);
        for (index, part) in rows.chunks(7).enumerate() {
            if let Some(job) = sorter.push(batch(part, 7 * index as u64)) {
                job.run();
            }
        }
        let mut places = Vec::new();
        sorter
            .finish(&mut |batch| {
                let column = batch
                    .column(2)
                    .as_primitive::<arrow_array::types::UInt64Type>();
                places.extend(column.values().iter().copied());
                Ok(())
            })
            .unwrap();
        places
    }

    fn key(column: usize, descending: bool) -> SortKey {
        SortKey { column, descending }
    }

    #[test]
    fn addresses_sort_as_addresses() {
        let texts = [
            "10.0.0.10",
            "::1",
            "10.0.0.9",
            "?",
            "9.255.0.1",
            "2001:db8::2",
            "::ffff:1.2.3.4",
        ];
        let rows: Vec<_> = texts
            .iter()
            .map(|text| (None, (*text).to_owned()))
            .collect();
        assert_eq!(
            sorted(&rows, &[key(1, false)], 1 << 20),
            [4, 2, 0, 1, 6, 5, 3]
        );
    }

    #[test]
    fn many_runs_are_merged_in_steps() {
        let rows: Vec<_> = (0..3000_u32)
            .map(|number| {
                (
                    Some((number.wrapping_mul(0x9e37_79b9) >> 24) as u8),
                    "x".to_owned(),
                )
            })
            .collect();
        // A run for each batch of seven: more than are merged at once, several times over.
        let places = sorted(&rows, &[key(0, false)], 1);
        assert_eq!(places, sorted(&rows, &[key(0, false)], 1 << 20));
        assert_eq!(places.len(), rows.len());
    }

    proptest! {
        #[test]
        fn rows_come_in_their_order(
            rows in proptest::collection::vec((any::<Option<u8>>(), "[ab]{0,2}"), 0..200),
            budget in prop_oneof![Just(1), Just(300), Just(1 << 20)],
            descending: bool,
        ) {
            let places = sorted(&rows, &[key(0, descending), key(1, false)], budget);
            let mut wanted: Vec<u64> = (0..rows.len() as u64).collect();
            wanted.sort_by(|&a, &b| {
                let ((a, a_text), (b, b_text)) = (&rows[a as usize], &rows[b as usize]);
                let order = if descending { b.cmp(a) } else { a.cmp(b) };
                // Nulls are last either way.
                a.is_none().cmp(&b.is_none()).then(order).then(a_text.cmp(b_text))
            });
            prop_assert_eq!(places, wanted);
        }
    }
}
