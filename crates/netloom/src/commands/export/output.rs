//! Tables on their way into files.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use netloom::pipeline::scan::{Work, Write};
use netloom::tables::output::AtomicFile;
use netloom::tables::profile::Style;
use netloom::tables::{
    ArrowWriter, EncodeJob, FileMetadata, ParquetWriter, RecordBatch, RowWriter as _, SchemaRef,
    TableFormat, TableName,
};

use crate::failure::Failure;

/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 18;

type File = BufWriter<AtomicFile>;

/// Rows, ready to be written.
pub(super) enum Rows {
    /// As text.
    Text(Vec<u8>),
    /// To be encoded.
    Batch(RecordBatch),
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
    file: Encoded,
    /// Whether rows are to be seen as they come.
    live: bool,
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
    ) -> Result<Self, Failure> {
        if !format.is_text() && is_stdout(path) && io::stdout().is_terminal() {
            return Err(Failure::usage(format!(
                "a terminal cannot show {format}, and there is no -o"
            ))
            .hint(format!("name a file: -o out.{format}")));
        }
        // A Parquet file is none before it has its end.
        let file = if live && format != TableFormat::Parquet {
            AtomicFile::create_in_place(path)?
        } else {
            AtomicFile::create(path)?
        };
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
            file,
            live,
        })
    }

    /// Takes rows; what is to be encoded first comes back.
    pub(super) fn take(&mut self, rows: Rows) -> io::Result<Vec<EncodeJob>> {
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
                jobs = writer.push(&batch)?;
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

    /// The last rows were taken: what is left to be encoded.
    pub(super) fn end(&mut self) -> io::Result<Vec<EncodeJob>> {
        match &mut self.file {
            Encoded::Parquet(writer) => writer.finish_rows(),
            _ => Ok(Vec::new()),
        }
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

fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether nobody can go back in an output.
fn is_pipe(path: &Path) -> bool {
    is_stdout(path) || std::fs::metadata(path).is_ok_and(|output| !output.is_file())
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
            work.push(move || job.run());
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(&mut self, request: usize, work: &Work) -> io::Result<()> {
        for job in self.0[request].end()? {
            work.push(move || job.run());
        }
        Ok(())
    }
}
