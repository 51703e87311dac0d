//! How the tables of a profile are written as text.

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use super::objects::format_objects;
use super::zeek::{format_zeek_log, zeek_log_header};
use crate::name::TableName;
use crate::write::{TableFormat, csv_header, format_csv, format_json_lines};

/// How a table is written as text; Parquet and Arrow are the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Style {
    /// As netloom writes: CSV, JSON with every key.
    Plain,
    /// As Zeek writes the log of this name (`conn`): TSV with its headers in the place of CSV;
    /// as JSON an object a line, times in seconds since 1970, without what is unset.
    Zeek(&'static str),
    /// JSON an object a line, where the parts of a column's name are objects in one another,
    /// without what is null; CSV as it is.
    Objects,
}

impl Style {
    /// The format that is written where `asked` was, or nothing.
    pub const fn format(self, asked: Option<TableFormat>) -> TableFormat {
        match (self, asked) {
            (Self::Objects, None) | (Self::Objects | Self::Zeek(_), Some(TableFormat::Json)) => {
                TableFormat::JsonLines
            }
            (_, Some(format)) => format,
            (_, None) => TableFormat::Csv,
        }
    }

    /// The name of a table's file in a folder: `flows.csv`, `conn.log`.
    pub fn file_name(self, table: TableName, format: TableFormat) -> String {
        match (self, format) {
            (Self::Zeek(path), TableFormat::Csv) => format!("{path}.log"),
            (Self::Zeek(path), _) => format!("{path}.{format}"),
            _ => format!("{table}.{format}"),
        }
    }

    /// Appends what stands before the rows.
    pub fn head(self, format: TableFormat, schema: &Schema, out: &mut Vec<u8>) {
        match (self, format) {
            (Self::Zeek(path), TableFormat::Csv) => zeek_log_header(path, schema, out),
            (_, TableFormat::Csv) => csv_header(schema, out),
            (_, TableFormat::Json) => out.push(b'['),
            _ => {}
        }
    }

    /// Appends rows, each on a line of its own.
    pub fn rows(self, format: TableFormat, batch: &RecordBatch, out: &mut Vec<u8>) {
        match (self, format) {
            (Self::Zeek(_), TableFormat::Csv) => format_zeek_log(batch, out),
            (Self::Zeek(_), _) => format_objects(batch, false, out),
            (_, TableFormat::Csv) => format_csv(batch, out),
            (Self::Objects, _) => format_objects(batch, true, out),
            (Self::Plain, _) => format_json_lines(batch, out),
        }
    }
}
