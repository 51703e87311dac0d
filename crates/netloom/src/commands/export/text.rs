//! A table as text, on its way into a file.

use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use netloom::pipeline::scan::{Prepare, Work, Write};
use netloom::tables::output::AtomicFile;
use netloom::tables::{RecordBatch, Schema, csv_header, format_csv, format_json_lines};

use crate::arguments::Format;
use crate::failure::Failure;

/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 18;

/// Formats rows on many threads at once.
pub(crate) struct TextFormat(pub(crate) Format);

impl Prepare for TextFormat {
    type Prepared = Vec<u8>;

    fn prepare(&self, _request: usize, batch: RecordBatch) -> Vec<u8> {
        let mut rows = Vec::new();
        match self.0 {
            Format::Csv => format_csv(&batch, &mut rows),
            Format::Json | Format::Jsonl => format_json_lines(&batch, &mut rows),
        }
        rows
    }
}

impl Write for Text {
    type Prepared = Vec<u8>;

    fn write(&mut self, _request: usize, rows: Vec<u8>, _: &Work) -> io::Result<ControlFlow<()>> {
        self.append(&rows)?;
        Ok(ControlFlow::Continue(()))
    }
}

/// An output that rows are appended to.
pub(crate) struct Text {
    pub(crate) format: Format,
    file: BufWriter<AtomicFile>,
    /// Whether a row was written.
    begun: bool,
    /// Whether rows are to be seen as they come.
    live: bool,
}

impl Text {
    /// Begins with what stands before the rows. Live, rows are written in place as they come:
    /// who looks at the file sees it grow.
    pub(crate) fn create(
        format: Format,
        path: &Path,
        schema: &Schema,
        live: bool,
    ) -> Result<Self, Failure> {
        let file = if live {
            AtomicFile::create_in_place(path)?
        } else {
            AtomicFile::create(path)?
        };
        let mut text = Self {
            format,
            file: BufWriter::with_capacity(BUFFER, file),
            begun: false,
            live,
        };
        let mut head = Vec::new();
        match format {
            Format::Csv => csv_header(schema, &mut head),
            Format::Json => head.push(b'['),
            Format::Jsonl => {}
        }
        text.file
            .write_all(&head)
            .and_then(|()| text.show())
            .map_err(|cause| Failure::writing(path, &cause))?;
        Ok(text)
    }

    /// Lets others see what was written, if they are to.
    fn show(&mut self) -> io::Result<()> {
        if self.live {
            self.file.flush()?;
        }
        Ok(())
    }

    /// Appends formatted rows.
    fn append(&mut self, rows: &[u8]) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        if self.format != Format::Json {
            self.file.write_all(rows)?;
            return self.show();
        }
        // No formatted row holds a line break of its own.
        for row in rows.split_inclusive(|&byte| byte == b'\n') {
            self.file
                .write_all(if self.begun { b",\n" } else { b"\n" })?;
            self.begun = true;
            self.file.write_all(row.trim_ascii_end())?;
        }
        self.show()
    }

    /// Ends the file and gives it its name.
    pub(crate) fn commit(mut self) -> Result<(), Failure> {
        let path = self.file.get_ref().path().to_owned();
        if self.format == Format::Json {
            let end: &[u8] = if self.begun { b"\n]\n" } else { b"]\n" };
            self.file
                .write_all(end)
                .map_err(|cause| Failure::writing(&path, &cause))?;
        }
        let file = self
            .file
            .into_inner()
            .map_err(|error| Failure::writing(&path, error.error()))?;
        Ok(file.commit()?)
    }
}
