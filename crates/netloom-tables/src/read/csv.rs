//! Values separated by commas (RFC 4180), other characters, and Zeek's logs.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::cells::{Cells, number};
use super::{Format, Header, ReadError, ReadOptions, TableData, UTF8_MARK};

/// Reads a CSV whole; `path` is what errors call it.
///
/// Cells are trimmed, and bytes that are no UTF-8 are replaced. The apostrophes that netloom puts
/// before texts that look like formulas are taken away where all texts are written so. Rows that repeat the header, as in
/// files that were put together, are skipped and counted.
///
/// # Errors
///
/// If it cannot be read, is empty, or a row has more or fewer cells than the first.
pub fn read_csv(
    input: impl Read,
    path: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<TableData, ReadError> {
    let path = path.as_ref();
    let mut input = BufReader::with_capacity(1 << 16, input);
    let dialect =
        Dialect::of(&mut input, options).map_err(|cause| ReadError::system(path, cause))?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(dialect.delimiter)
        .comment(dialect.zeek.then_some(b'#'))
        .quoting(!dialect.zeek)
        .from_reader(input);
    let mut record = ByteRecord::new();
    let mut notes = Vec::new();
    let (names, mut pending) = if let Some(names) = dialect.names {
        (names, false)
    } else {
        if !next(&mut reader, &mut record, path)? {
            return Err(ReadError::new(path, "is empty"));
        }
        header(&record, options.header)
    };
    let mut cells = Cells::new(unique(names, &mut notes), options);
    let first = record.clone();
    let mut repeated = 0_u64;
    while pending || next(&mut reader, &mut record, path)? {
        let line = record.position().map_or(0, csv::Position::line);
        if !pending && !first.is_empty() && options.header != Header::Absent && record == first {
            repeated += 1;
            continue;
        }
        pending = false;
        if record.len() != cells.len() {
            return Err(wrong_length(path, &record, cells.len(), dialect.delimiter).at(line, 0));
        }
        for (column, cell) in record.iter().enumerate() {
            let cell = String::from_utf8_lossy(cell.trim_ascii());
            cells.push(column, &cell, false, line);
        }
        cells.end_row();
    }
    if repeated > 0 && is_header(&first, options.header) {
        notes.push(format!("{repeated} rows repeat the header and are skipped"));
    }
    // Of netloom's own, which have commas.
    if dialect.delimiter == b',' {
        cells.without_guards();
    }
    let (schema, batches) = cells.finish(&mut notes);
    Ok(TableData {
        format: Format::Csv,
        schema,
        batches,
        notes,
    })
}

fn next<R: Read>(
    reader: &mut csv::Reader<R>,
    record: &mut ByteRecord,
    path: &Path,
) -> Result<bool, ReadError> {
    reader.read_byte_record(record).map_err(|error| {
        let line = error.position().map_or(0, csv::Position::line);
        match error.into_kind() {
            csv::ErrorKind::Io(cause) => ReadError::system(path, cause),
            other => ReadError::new(path, format!("{other:?}")).at(line, 0),
        }
    })
}

/// What a file is written with, as its beginning shows.
struct Dialect {
    delimiter: u8,
    /// A log of Zeek's: comments, no quotes, names in a comment.
    zeek: bool,
    names: Option<Vec<String>>,
}

impl Dialect {
    fn of(input: &mut impl BufRead, options: &ReadOptions) -> std::io::Result<Self> {
        if input.fill_buf()?.starts_with(UTF8_MARK) {
            input.consume(UTF8_MARK.len());
        }
        let start = input.fill_buf()?;
        if start.starts_with(b"#separator") || start.starts_with(b"#fields\t") {
            let names = String::from_utf8_lossy(start)
                .lines()
                .find_map(|line| line.strip_prefix("#fields\t").map(str::to_owned))
                .map(|names| names.split('\t').map(str::to_owned).collect());
            return Ok(Self {
                delimiter: b'\t',
                zeek: true,
                names,
            });
        }
        let delimiter = options.delimiter.unwrap_or_else(|| delimiter(start));
        Ok(Self {
            delimiter,
            zeek: false,
            names: None,
        })
    }
}

/// Whichever the first line has most of, outside of quotes.
fn delimiter(start: &[u8]) -> u8 {
    let mut line = Vec::new();
    // A line longer than the buffer shows enough of itself.
    _ = Cursor::new(start).read_until(b'\n', &mut line);
    let mut quoted = false;
    let mut counts = [0_usize; DELIMITERS.len()];
    for byte in line {
        if byte == b'"' {
            quoted = !quoted;
        } else if !quoted && let Some(place) = DELIMITERS.iter().position(|d| *d == byte) {
            counts[place] += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    let place = counts.iter().position(|count| *count == most).unwrap_or(0);
    DELIMITERS[place]
}

/// The first of equals is taken.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// The names of the columns, and whether the first row is data.
fn header(first: &ByteRecord, header: Header) -> (Vec<String>, bool) {
    if is_header(first, header) {
        let names = first
            .iter()
            .map(|cell| String::from_utf8_lossy(cell.trim_ascii()).into_owned())
            .collect();
        (names, false)
    } else {
        (vec![String::new(); first.len()], true)
    }
}

fn is_header(first: &ByteRecord, header: Header) -> bool {
    match header {
        Header::Present => true,
        Header::Absent => false,
        Header::Auto => first.iter().all(|cell| {
            std::str::from_utf8(cell.trim_ascii()).map_or(true, |c| number(c).is_none())
        }),
    }
}

/// Columns without a name get one, and no two have the same.
fn unique(names: Vec<String>, notes: &mut Vec<String>) -> Vec<String> {
    let mut seen = HashMap::new();
    for name in &names {
        seen.entry(name.clone()).or_insert(0_usize);
    }
    names
        .into_iter()
        .enumerate()
        .map(|(place, name)| {
            if name.is_empty() {
                return format!("column_{}", place + 1);
            }
            let Some(count) = seen.get_mut(&name) else {
                return name;
            };
            *count += 1;
            if *count == 1 {
                return name;
            }
            let mut number = *count - 1;
            let mut other = format!("{name}.{number}");
            while seen.contains_key(&other) {
                number += 1;
                other = format!("{name}.{number}");
            }
            notes.push(format!("a further column `{name}` is called `{other}`"));
            seen.insert(other.clone(), 1);
            other
        })
        .collect()
}

fn wrong_length(path: &Path, record: &ByteRecord, expected: usize, delimiter: u8) -> ReadError {
    let found = record.len();
    let error = ReadError::new(
        path,
        format!("{found} cells, but the first row has {expected}"),
    );
    if found < expected {
        error.hint("the file may be cut off: look at its last line")
    } else {
        error.hint(format!(
            "cells that hold a {:?} must be in quotes: \"…\"",
            char::from(delimiter)
        ))
    }
}
