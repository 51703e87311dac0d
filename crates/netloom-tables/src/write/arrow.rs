//! Arrow IPC: the file format (Feather 2), which readers map into memory, and the stream, which
//! needs no end to be read.

use std::io::{self, Write};

use arrow_array::RecordBatch;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::coalesce::BatchCoalescer;

use super::RowWriter;

/// Rows of a batch in the file: where one ends depends on the rows alone.
const BATCH_ROWS: usize = 1 << 16;

/// Writes record batches as Arrow IPC, uncompressed.
pub struct ArrowWriter<W: Write> {
    inner: Inner<W>,
    /// `None`: batches are written as they come.
    coalescer: Option<BatchCoalescer>,
    finished: bool,
}

enum Inner<W: Write> {
    File(FileWriter<W>),
    Stream(StreamWriter<W>),
}

impl<W: Write> std::fmt::Debug for ArrowWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArrowWriter").finish_non_exhaustive()
    }
}

impl<W: Write> ArrowWriter<W> {
    /// Begins a file, which has a directory of its batches at its end.
    ///
    /// # Errors
    ///
    /// When the output cannot be written, or the schema has a type that IPC does not.
    pub fn file(out: W, schema: SchemaRef) -> io::Result<Self> {
        Ok(Self {
            inner: Inner::File(FileWriter::try_new(out, &schema).map_err(failed)?),
            coalescer: Some(BatchCoalescer::new(schema, BATCH_ROWS)),
            finished: false,
        })
    }

    /// Begins a stream, for pipes.
    ///
    /// # Errors
    ///
    /// As for [`file`](Self::file).
    pub fn stream(out: W, schema: SchemaRef) -> io::Result<Self> {
        Ok(Self {
            inner: Inner::Stream(StreamWriter::try_new(out, &schema).map_err(failed)?),
            coalescer: Some(BatchCoalescer::new(schema, BATCH_ROWS)),
            finished: false,
        })
    }

    /// Batches are written as they come, not first gathered: somebody waits for the rows.
    #[must_use]
    pub fn unbuffered(mut self) -> Self {
        self.coalescer = None;
        self
    }

    fn put(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match &mut self.inner {
            Inner::File(writer) => writer.write(batch),
            Inner::Stream(writer) => writer.write(batch),
        }
        .map_err(failed)
    }

    /// Hands what was written on to the system.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.inner {
            Inner::File(writer) => writer.get_mut().flush(),
            Inner::Stream(writer) => writer.get_mut().flush(),
        }
    }

    /// Ends the file and gives the output back.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub fn into_inner(mut self) -> io::Result<W> {
        if !self.finished {
            self.finish()?;
        }
        match self.inner {
            Inner::File(writer) => writer.into_inner(),
            Inner::Stream(writer) => writer.into_inner(),
        }
        .map_err(failed)
    }
}

impl<W: Write> RowWriter for ArrowWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let Some(coalescer) = &mut self.coalescer else {
            return self.put(batch);
        };
        coalescer.push_batch(batch.clone()).map_err(failed)?;
        while let Some(batch) = self
            .coalescer
            .as_mut()
            .and_then(BatchCoalescer::next_completed_batch)
        {
            self.put(&batch)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(mut coalescer) = self.coalescer.take() {
            coalescer.finish_buffered_batch().map_err(failed)?;
            while let Some(batch) = coalescer.next_completed_batch() {
                self.put(&batch)?;
            }
        }
        match &mut self.inner {
            Inner::File(writer) => writer.finish(),
            Inner::Stream(writer) => writer.finish(),
        }
        .map_err(failed)?;
        self.finished = true;
        self.flush()
    }
}

/// A failure of the writer underneath is one of ours: the system's words where it has any.
fn failed(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, cause) => cause,
        other => io::Error::other(other),
    }
}
