//! Tables on their way into files.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use netloom::pipeline::Control;
use netloom::pipeline::scan::{Work, Write};
use netloom::tables::output::AtomicFile;
use netloom::tables::profile::Style;
use netloom::tables::{
    ArrowWriter, EncodeJob, FileMetadata, ParquetWriter, RecordBatch, RowWriter as _, SchemaRef,
    Sorter, TableFormat, TableName,
};

use crate::failure::Failure;
use crate::files::Files;
use crate::output::{is_pipe, is_standard};

/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 18;

type File = BufWriter<AtomicFile>;

/// Work for any thread.
type Job = Box<dyn FnOnce() + Send>;

/// Rows, ready to be written.
pub(super) enum Rows {
    /// As text.
    Text(Vec<u8>),
    /// To be encoded.
    Batch(RecordBatch),
    /// There are none: why.
    Failed(io::Error),
}

impl Rows {
    /// Makes rows ready, on any thread.
    pub(super) fn new(format: TableFormat, style: Style, batch: RecordBatch) -> Self {
        if !format.is_text() {
            return Self::Batch(batch);
        }
        let mut text = Vec::new();
        style.rows(format, &batch, &mut text);
        Self::Text(text)
    }
}

/// A table that is being written.
pub(super) struct Output {
    pub(super) path: PathBuf,
    pub(super) format: TableFormat,
    style: Style,
    file: Encoded,
    /// Whether rows are to be seen as they come.
    live: bool,
    /// Whether what was written cannot be taken back.
    pub(super) in_place: bool,
    sort: Option<Sort>,
    /// Whether rows are written as they are made, whatever is in their other columns.
    pub(super) as_made: bool,
}

/// Rows on their way into another order.
struct Sort {
    sorter: Sorter,
    /// Places of the columns that are written.
    written: Vec<usize>,
    threads: usize,
    control: Arc<Control>,
}

enum Encoded {
    Text {
        file: File,
        /// Whether a row was written.
        begun: bool,
    },
    Parquet(Box<ParquetWriter<File>>),
    Arrow(Box<ArrowWriter<File>>),
}

impl Output {
    /// Begins with what stands before the rows. Live, rows are written in place as they come:
    /// who looks at the file sees it grow.
    pub(super) fn create(
        (format, style): (TableFormat, Style),
        path: &Path,
        table: TableName,
        schema: &SchemaRef,
        live: bool,
        files: &Files,
    ) -> Result<Self, Failure> {
        if !format.is_text() && is_standard(path) && io::stdout().is_terminal() {
            return Err(Failure::usage(format!(
                "a terminal cannot show {format}, and there is no -o"
            ))
            .hint(format!("name a file: -o out.{format}")));
        }
        // A Parquet file is none before it has its end.
        let file = if live && format != TableFormat::Parquet {
            files.create_in_place(path)?
        } else {
            files.create(path)?
        };
        let in_place = file.is_in_place();
        let file = BufWriter::with_capacity(BUFFER, file);
        let metadata = FileMetadata {
            table: Some(table),
            ..FileMetadata::default()
        };
        let file = Encoded::create(
            (format, style),
            file,
            schema,
            &metadata,
            live,
            is_pipe(path),
        )
        .map_err(|cause| Failure::writing(path, &cause))?;
        Ok(Self {
            path: path.to_owned(),
            format,
            style,
            file,
            live,
            in_place,
            sort: None,
            as_made: false,
        })
    }

    /// Sorts the rows; of their columns only those at some places are written.
    /// [`Control::stop`] ends that, too.
    pub(super) fn sort(
        &mut self,
        sorter: Sorter,
        written: Vec<usize>,
        threads: usize,
        control: &Arc<Control>,
    ) {
        self.sort = Some(Sort {
            sorter,
            written,
            threads,
            control: Arc::clone(control),
        });
    }

    /// Takes rows; what is to be done for them on some thread comes back.
    fn take(&mut self, rows: Rows) -> io::Result<Vec<Job>> {
        match (rows, &mut self.sort) {
            (Rows::Failed(cause), _) => Err(cause),
            (Rows::Batch(batch), Some(sort)) => {
                let job = sort.sorter.push(batch);
                Ok(job
                    .map(|job| Box::new(move || job.run()) as Job)
                    .into_iter()
                    .collect())
            }
            (rows, _) => self.write(rows),
        }
    }

    fn write(&mut self, rows: Rows) -> io::Result<Vec<Job>> {
        let mut jobs = Vec::new();
        match (rows, &mut self.file) {
            (Rows::Text(text), Encoded::Text { file, begun }) => {
                append(self.format, file, begun, &text)?;
                if self.live {
                    file.flush()?;
                }
            }
            (Rows::Batch(batch), Encoded::Parquet(writer)) => {
                // What threads encoded meanwhile.
                writer.settle()?;
                jobs = boxed(writer.push(&batch)?);
            }
            (Rows::Batch(batch), Encoded::Arrow(writer)) => {
                writer.write(&batch)?;
                if self.live {
                    writer.flush()?;
                }
            }
            _ => {}
        }
        Ok(jobs)
    }

    /// Whether texts may be dictionaries.
    fn takes_dictionaries(&self) -> bool {
        self.as_made && matches!(self.file, Encoded::Parquet(_))
    }

    /// Whether some columns may come after all rows of the others.
    fn takes_late(&mut self, columns: &[usize]) -> bool {
        match &mut self.file {
            Encoded::Parquet(writer) if self.as_made => {
                writer.late_columns(columns);
                true
            }
            _ => false,
        }
    }

    /// Takes the late columns of rows; what is to be done for them on some thread comes back.
    fn take_late(&mut self, rows: Rows) -> io::Result<Vec<Job>> {
        match (rows, &mut self.file) {
            (Rows::Failed(cause), _) => Err(cause),
            (Rows::Batch(batch), Encoded::Parquet(writer)) => {
                writer.settle()?;
                Ok(boxed(writer.push_late(&batch)?))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The last rows were taken: what is left to be encoded.
    fn end(&mut self) -> io::Result<Vec<Job>> {
        if let Some(sort) = self.sort.take() {
            self.write_sorted(sort)?;
        }
        Ok(match &mut self.file {
            Encoded::Parquet(writer) => boxed(writer.finish_rows()?),
            _ => Vec::new(),
        })
    }

    /// Writes the rows in their order. What is before them in memory is bounded.
    fn write_sorted(&mut self, sort: Sort) -> io::Result<()> {
        let (threads, format, style) = (sort.threads, self.format, self.style);
        let mut waiting = Vec::new();
        let mut write = |batches: &mut Vec<RecordBatch>| {
            let rows = in_parallel(threads, batches.drain(..), |batch| {
                Rows::new(format, style, batch)
            });
            for rows in rows {
                in_parallel(threads, self.write(rows)?, |job| job());
            }
            Ok::<(), io::Error>(())
        };
        sort.sorter.finish(&mut |batch| {
            if sort.control.stop.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            waiting.push(batch.project(&sort.written).map_err(io::Error::other)?);
            if waiting.len() < 2 * threads {
                return Ok(());
            }
            write(&mut waiting)
        })?;
        write(&mut waiting)
    }

    /// Ends the file and gives it its name.
    pub(super) fn commit(self) -> Result<(), Failure> {
        let file = self
            .file
            .finish(self.format)
            .and_then(|file| file.into_inner().map_err(io::IntoInnerError::into_error))
            .map_err(|cause| Failure::writing(&self.path, &cause))?;
        Ok(file.commit()?)
    }
}

impl Encoded {
    fn create(
        (format, style): (TableFormat, Style),
        mut file: File,
        schema: &SchemaRef,
        metadata: &FileMetadata,
        live: bool,
        stream: bool,
    ) -> io::Result<Self> {
        let schema = SchemaRef::clone(schema);
        Ok(match format {
            TableFormat::Parquet => {
                Self::Parquet(Box::new(ParquetWriter::new(file, schema, metadata)?))
            }
            TableFormat::Arrow => {
                let writer = if stream {
                    ArrowWriter::stream(file, schema)?
                } else {
                    ArrowWriter::file(file, schema)?
                };
                Self::Arrow(Box::new(if live { writer.unbuffered() } else { writer }))
            }
            TableFormat::Csv | TableFormat::Json | TableFormat::JsonLines => {
                let mut head = Vec::new();
                style.head(format, &schema, &mut head);
                file.write_all(&head)?;
                if live {
                    file.flush()?;
                }
                Self::Text { file, begun: false }
            }
        })
    }

    /// Writes what stands at the end.
    fn finish(self, format: TableFormat) -> io::Result<File> {
        match self {
            Self::Text { mut file, begun } => {
                if format == TableFormat::Json {
                    file.write_all(if begun { b"\n]\n" } else { b"]\n" })?;
                }
                Ok(file)
            }
            Self::Parquet(writer) => writer.into_inner(),
            Self::Arrow(writer) => writer.into_inner(),
        }
    }
}

/// Appends formatted rows.
fn append(format: TableFormat, file: &mut File, begun: &mut bool, rows: &[u8]) -> io::Result<()> {
    if format != TableFormat::Json {
        return file.write_all(rows);
    }
    // No formatted row holds a line break of its own.
    for row in rows.split_inclusive(|&byte| byte == b'\n') {
        file.write_all(if *begun { b",\n" } else { b"\n" })?;
        *begun = true;
        file.write_all(row.trim_ascii_end())?;
    }
    Ok(())
}

fn boxed(jobs: Vec<EncodeJob>) -> Vec<Job> {
    jobs.into_iter()
        .map(|job| Box::new(move || job.run()) as Job)
        .collect()
}

/// Does something with each item on some threads; results come in the items' order.
fn in_parallel<T: Send, R: Send>(
    threads: usize,
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    let count = items.len();
    let items = Mutex::new(items.into_iter().enumerate());
    let results: Mutex<Vec<Option<R>>> = Mutex::new((0..count).map(|_| None).collect());
    let run = || {
        loop {
            let item = items.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((place, item)) = item else {
                return;
            };
            let result = work(item);
            results.lock().unwrap_or_else(PoisonError::into_inner)[place] = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(count) {
            scope.spawn(run);
        }
        run();
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().flatten().collect()
}

/// All outputs, in the order of the requests.
pub(super) struct Outputs(pub(super) Vec<Output>);

impl Outputs {
    /// Ends all files and gives them their names.
    pub(super) fn commit(self) -> Result<(), Failure> {
        self.0.into_iter().try_for_each(Output::commit)
    }
}

impl Write for Outputs {
    type Prepared = Rows;

    fn write(&mut self, request: usize, rows: Rows, work: &Work) -> io::Result<ControlFlow<()>> {
        for job in self.0[request].take(rows)? {
            work.push(job);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn takes_dictionaries(&self, request: usize) -> bool {
        self.0[request].takes_dictionaries()
    }

    fn takes_late(&mut self, request: usize, columns: &[usize]) -> bool {
        self.0[request].takes_late(columns)
    }

    fn write_late(&mut self, request: usize, rows: Rows, work: &Work) -> io::Result<()> {
        for job in self.0[request].take_late(rows)? {
            work.push(job);
        }
        Ok(())
    }

    fn finish(&mut self, request: usize, work: &Work) -> io::Result<()> {
        for job in self.0[request].end()? {
            work.push(job);
        }
        Ok(())
    }
}
