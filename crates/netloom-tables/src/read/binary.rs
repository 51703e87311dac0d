//! Formats that hold their types: Parquet and Arrow IPC.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Format, ReadError, ReadOptions, TableData};

pub(super) fn read_parquet(
    file: File,
    path: &Path,
    options: &ReadOptions,
) -> Result<TableData, ReadError> {
    let damaged = |error: &dyn std::fmt::Display| damaged(path, "Parquet", error);
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| damaged(&e))?;
    let schema = builder.schema().clone();
    let batches = builder
        .with_batch_size(options.batch_rows.max(1))
        .build()
        .map_err(|e| damaged(&e))?
        .collect::<Result<_, _>>()
        .map_err(|e| damaged(&e))?;
    Ok(TableData {
        format: Format::Parquet,
        schema,
        batches,
        notes: Vec::new(),
    })
}

pub(super) fn read_arrow(mut file: File, path: &Path) -> Result<TableData, ReadError> {
    let mut start = [0; 6];
    let is_file = file
        .read(&mut start)
        .and_then(|_| file.seek(SeekFrom::Start(0)))
        .map(|_| start == *b"ARROW1")
        .map_err(|cause| ReadError::system(path, cause))?;
    let read = || -> Result<_, ArrowError> {
        if is_file {
            let reader = FileReader::try_new(BufReader::new(file), None)?;
            Ok((reader.schema(), reader.collect::<Result<Vec<_>, _>>()?))
        } else {
            let reader = StreamReader::try_new(BufReader::new(file), None)?;
            Ok((reader.schema(), reader.collect::<Result<Vec<_>, _>>()?))
        }
    };
    let (schema, batches) = read().map_err(|error| damaged(path, "Arrow", &error))?;
    Ok(TableData {
        format: Format::Arrow,
        schema,
        batches,
        notes: Vec::new(),
    })
}

fn damaged(path: &Path, format: &str, error: &dyn std::fmt::Display) -> ReadError {
    ReadError::new(path, format!("looks like {format} but is damaged: {error}"))
        .hint("was it written to its end? Make it again, or copy it once more")
}
