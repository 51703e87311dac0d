//! Tables of the user's own, read as record batches: CSV, JSON lines, JSON, Parquet, Arrow IPC.
//!
//! The format is recognised by content, never by name. Text formats have no types: a column is
//! numbers, booleans or times when all of its cells are, and text otherwise; what made a column
//! text, though nearly all of it are numbers, is told in [`TableData::notes`].
//!
//! ```
//! use netloom_tables::read::{ReadOptions, read_csv};
//!
//! let csv = "bytes,service,label\n12,dns,good\n?,http,bad\nInfinity,,bad\n";
//! let table = read_csv(csv.as_bytes(), "flows.csv", &ReadOptions::default())?;
//! assert_eq!(table.rows(), 3);
//! assert_eq!(table.schema.field(0).data_type().to_string(), "Float64");
//! assert_eq!(table.batches[0].column(0).null_count(), 2);
//! # Ok::<(), netloom_tables::read::ReadError>(())
//! ```

mod binary;
mod cells;
mod csv;
mod json;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

pub use cells::LIST;
pub use csv::read_csv;
pub use json::read_json;

/// How to read a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Whether the first row of a CSV holds the names of the columns.
    pub header: Header,
    /// What separates the cells of a CSV; without it, whichever of `,`, tab, `;` and `|` the
    /// first line has most of.
    pub delimiter: Option<u8>,
    /// Cells that mean that there is no value; an empty one always does, and so does what is
    /// infinite or NaN among numbers.
    pub missing: Vec<String>,
    /// Rows of a batch at most.
    pub batch_rows: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            header: Header::Auto,
            delimiter: None,
            missing: [
                "?", "-", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "(empty)",
            ]
            .map(str::to_owned)
            .into(),
            batch_rows: 1 << 16,
        }
    }
}

/// Whether a CSV begins with the names of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Header {
    /// It does when no cell of its first row is a number.
    #[default]
    Auto,
    /// It does.
    Present,
    /// It does not: columns are called `column_1`, `column_2` and so on.
    Absent,
}

/// A form that tables are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Values separated by commas or another character; Zeek's logs too.
    Csv,
    /// A JSON object in each line.
    JsonLines,
    /// A JSON array of objects.
    Json,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC, file or stream; Feather 2 is the same.
    Arrow,
}

impl Format {
    /// `csv`, `jsonl`, `json`, `parquet` or `arrow`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }
}

/// A table that was read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TableData {
    /// The form it was kept in.
    pub format: Format,
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows.
    pub batches: Vec<RecordBatch>,
    /// What its owner should know: what was skipped, renamed, or taken for text.
    pub notes: Vec<String>,
}

impl TableData {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// A table that cannot be read: which file, where, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}{place}: {message}", path.display())]
#[non_exhaustive]
pub struct ReadError {
    /// The file, as it was given.
    pub path: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// The system's error, where there is one.
    #[source]
    pub cause: Option<io::Error>,
}

/// A place in a text file, from 1; 0 where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column of the table (CSV) or the character (JSON).
    pub column: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (0, _) => Ok(()),
            (line, 0) => write!(f, ", line {line}"),
            (line, column) => write!(f, ", line {line}, column {column}"),
        }
    }
}

impl ReadError {
    fn new(path: &Path, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            place: Place::default(),
            message: message.into(),
            hint: None,
            cause: None,
        }
    }

    fn at(mut self, line: u64, column: u64) -> Self {
        self.place = Place { line, column };
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn system(path: &Path, cause: io::Error) -> Self {
        let hint = match cause.kind() {
            io::ErrorKind::NotFound => Some("check the name and the folder: ls".to_owned()),
            io::ErrorKind::PermissionDenied => {
                Some(format!("ask for permission: ls -l '{}'", path.display()))
            }
            io::ErrorKind::IsADirectory => Some("name the files in it".to_owned()),
            _ => None,
        };
        Self {
            path: path.to_owned(),
            place: Place::default(),
            message: "cannot be read".to_owned(),
            hint,
            cause: Some(cause),
        }
    }
}

/// Reads a file whole; its format is recognised by its content.
///
/// # Errors
///
/// If it cannot be read, is in none of the formats, or is damaged.
pub fn read_table(path: &Path, options: &ReadOptions) -> Result<TableData, ReadError> {
    let mut file = File::open(path).map_err(|cause| ReadError::system(path, cause))?;
    let format = detect(&mut file)
        .map_err(|cause| ReadError::system(path, cause))?
        .ok_or_else(|| {
            ReadError::new(path, "is no table: neither CSV, JSON, Parquet nor Arrow")
                .hint("a capture is read by `netloom export` and `netloom report`")
        })?;
    match format {
        Format::Csv => read_csv(BufReader::new(file), path, options),
        Format::JsonLines | Format::Json => read_json(BufReader::new(file), path, options),
        Format::Parquet => binary::read_parquet(file, path, options),
        Format::Arrow => binary::read_arrow(file, path),
    }
}

/// The format that a file's first bytes say it has; none for what is no table. The file is left at
/// its beginning.
///
/// # Errors
///
/// If it cannot be read.
pub fn detect<R: Read + Seek>(file: &mut R) -> io::Result<Option<Format>> {
    let mut start = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(detect_start(&start))
}

fn detect_start(start: &[u8]) -> Option<Format> {
    if start.starts_with(b"PAR1") {
        return Some(Format::Parquet);
    }
    // A stream begins with the mark of a message and its length.
    if start.starts_with(b"ARROW1") || start.starts_with(&[0xFF; 4]) {
        return Some(Format::Arrow);
    }
    let text = start.strip_prefix(UTF8_MARK).unwrap_or(start);
    if text.contains(&0) {
        return None;
    }
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => Some(Format::JsonLines),
        Some(b'[') => Some(Format::Json),
        _ => Some(Format::Csv),
    }
}

/// What some editors put before UTF-8.
const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

#[cfg(test)]
mod tests;
