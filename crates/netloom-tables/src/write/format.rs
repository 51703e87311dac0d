//! The formats that tables are written in.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use arrow_schema::SchemaRef;

use super::{
    ArrowWriter, CsvWriter, FileMetadata, JsonLinesWriter, JsonWriter, ParquetWriter, RowWriter,
    check_text_types,
};

/// A format that tables are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableFormat {
    /// Comma-separated values with a header row.
    Csv,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// Parquet.
    Parquet,
    /// Arrow IPC: the file format in files, the stream in pipes.
    Arrow,
}

impl TableFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Csv,
        Self::Json,
        Self::JsonLines,
        Self::Parquet,
        Self::Arrow,
    ];

    /// Its name on the command line, which is the extension of its files, too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// Whether it is text, which a terminal can show.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Json | Self::JsonLines)
    }

    /// The format that a file's extension stands for; `None` for others.
    pub fn by_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "csv" => Self::Csv,
            "json" => Self::Json,
            "jsonl" | "ndjson" => Self::JsonLines,
            "parquet" | "pq" => Self::Parquet,
            "arrow" | "feather" | "ipc" | "arrows" => Self::Arrow,
            _ => return None,
        })
    }
}

impl fmt::Display for TableFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no such format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no format '{name}'; there are: {}", TableFormat::ALL.map(TableFormat::name).join(", "))]
pub struct UnknownFormat {
    /// What was asked for.
    pub name: String,
}

impl FromStr for TableFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat {
                name: name.to_owned(),
            })
    }
}

/// A writer of rows in a format. `in_place`: nobody can go back in the output (a pipe), so Arrow
/// is written as a stream.
///
/// # Errors
///
/// When the output cannot be written, or a column's type has no form in the format.
pub fn table_writer<'w, W: Write + Send + 'w>(
    format: TableFormat,
    out: W,
    schema: &SchemaRef,
    in_place: bool,
) -> io::Result<Box<dyn RowWriter + Send + 'w>> {
    if format.is_text() {
        check_text_types(schema).map_err(io::Error::other)?;
    }
    Ok(match format {
        TableFormat::Csv => Box::new(CsvWriter::new(out, schema)),
        TableFormat::Json => Box::new(JsonWriter::new(out)),
        TableFormat::JsonLines => Box::new(JsonLinesWriter::new(out)),
        TableFormat::Parquet => Box::new(ParquetWriter::new(
            out,
            SchemaRef::clone(schema),
            &FileMetadata::default(),
        )?),
        TableFormat::Arrow if in_place => {
            Box::new(ArrowWriter::stream(out, SchemaRef::clone(schema))?)
        }
        TableFormat::Arrow => Box::new(ArrowWriter::file(out, SchemaRef::clone(schema))?),
    })
}
