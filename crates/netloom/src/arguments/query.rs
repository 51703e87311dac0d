//! `query`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use netloom::tables::TableFormat;

/// Asks captures and files of tables in SQL
///
/// Captures have the tables of `netloom tables`: flows, packets, dns and so on. A file of CSV,
/// JSON, Parquet or Arrow is a table of its own name. Without a query, statements are asked for on
/// a terminal, with history and completion, or read from standard input.
#[derive(Debug, Args)]
pub(crate) struct QueryOptions {
    /// The query: 'SELECT …'; several end with semicolons. Without one: a shell
    #[arg(value_name = "SQL")]
    pub(crate) sql: Option<OsString>,
    /// Captures and tables: files, globs, folders. NAME=FILE gives a table its name, and a
    /// capture's tables theirs: NAME.flows
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Format [default: by the extension of the output, else a table on a terminal and csv elsewhere]
    #[arg(long, value_enum)]
    pub(crate) format: Option<QueryFormat>,
    /// Where to write; - is standard output
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Rows that a table shows at most; 0 is all
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub(crate) rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryFormat {
    /// For people: columns under their names, or a block for each row that is too wide
    Table,
    /// Comma-separated values with a header row
    Csv,
    /// One JSON array of objects
    Json,
    /// One JSON object a line
    Jsonl,
    /// Parquet, compressed with zstd
    Parquet,
    /// Arrow IPC, which Feather is: a file, or a stream on standard output
    Arrow,
}

impl QueryFormat {
    /// The format of files of that name; a table for people is none.
    pub(crate) const fn of_files(self) -> Option<TableFormat> {
        Some(match self {
            Self::Table => return None,
            Self::Csv => TableFormat::Csv,
            Self::Json => TableFormat::Json,
            Self::Jsonl => TableFormat::JsonLines,
            Self::Parquet => TableFormat::Parquet,
            Self::Arrow => TableFormat::Arrow,
        })
    }
}
