//! Column chunks that are encoded and wait for other columns of their row group.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;

use super::chunk;

/// Bytes that wait in memory; further ones do in a temporary file.
const IN_MEMORY: usize = 64 << 20;

/// Where chunks wait.
pub(super) struct Held {
    /// How many row groups wait.
    pub(super) groups: usize,
    /// Bytes that wait in memory, at most and now.
    pub(super) limit: usize,
    in_memory: usize,
    file: Option<File>,
    in_file: u64,
}

/// A chunk whose bytes are in the file.
pub(super) struct Chunk {
    begin: u64,
    len: usize,
    close: ColumnCloseResult,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            groups: 0,
            limit: IN_MEMORY,
            in_memory: 0,
            file: None,
            in_file: 0,
        }
    }
}

impl Held {
    /// Takes chunks; what is too much for memory goes into the file.
    pub(super) fn hold(&mut self, chunks: &mut Vec<super::Chunk>) -> io::Result<()> {
        let mut kept = Vec::with_capacity(chunks.len());
        for chunk in chunks.drain(..) {
            kept.push(match chunk {
                super::Chunk::Own(chunk) if self.in_memory + chunk.bytes.len() > self.limit => {
                    super::Chunk::Held(Box::new(self.write(*chunk)?))
                }
                super::Chunk::Own(chunk) => {
                    self.in_memory += chunk.bytes.len();
                    super::Chunk::Own(chunk)
                }
                other => other,
            });
        }
        *chunks = kept;
        Ok(())
    }

    fn write(&mut self, chunk: chunk::Chunk) -> io::Result<Chunk> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.in_file))?;
        file.write_all(&chunk.bytes)?;
        let begin = self.in_file;
        self.in_file += chunk.bytes.len() as u64;
        Ok(Chunk {
            begin,
            len: chunk.bytes.len(),
            close: chunk.close,
        })
    }

    /// A chunk as it was.
    pub(super) fn chunk(&mut self, chunk: Chunk) -> io::Result<chunk::Chunk> {
        let mut bytes = vec![0; chunk.len];
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(chunk.begin))?;
            file.read_exact(&mut bytes)?;
        }
        Ok(chunk::Chunk {
            bytes: Bytes::from(bytes),
            close: chunk.close,
        })
    }
}
