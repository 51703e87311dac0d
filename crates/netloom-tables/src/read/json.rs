//! JSON: an object in each line, or an array of objects.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

use super::cells::Cells;
use super::{Format, ReadError, ReadOptions, TableData, UTF8_MARK};

/// Reads JSON lines, or an array of objects, whole; `path` is what errors call it.
///
/// Objects within objects become columns `outer.inner`; lists become text.
///
/// # Errors
///
/// If it cannot be read or is no JSON, or a row is no object.
pub fn read_json(
    input: impl Read,
    path: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<TableData, ReadError> {
    let path = path.as_ref();
    let mut input = BufReader::with_capacity(1 << 16, input);
    let is_array = begin(&mut input).map_err(|cause| ReadError::system(path, cause))?;
    let mut rows = Rows {
        cells: Cells::new(Vec::new(), options),
        places: HashMap::new(),
        line: 0,
    };
    let format = if is_array {
        let mut json = serde_json::Deserializer::from_reader(input);
        Array(&mut rows)
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| wrong(path, &error, 0))?;
        Format::Json
    } else {
        read_lines(input, path, &mut rows)?;
        Format::JsonLines
    };
    let mut notes = Vec::new();
    let (schema, batches) = rows.cells.finish(&mut notes);
    Ok(TableData {
        format,
        schema,
        batches,
        notes,
    })
}

fn read_lines(mut input: impl BufRead, path: &Path, rows: &mut Rows) -> Result<(), ReadError> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = input
            .read_until(b'\n', &mut line)
            .map_err(|cause| ReadError::system(path, cause))?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        rows.line = number;
        let mut json = serde_json::Deserializer::from_slice(&line);
        Row(rows)
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| wrong(path, &error, number))?;
    }
}

/// Skips what may stand before the first row; whether that is an array's beginning.
fn begin(input: &mut impl BufRead) -> std::io::Result<bool> {
    if input.fill_buf()?.starts_with(UTF8_MARK) {
        input.consume(UTF8_MARK.len());
    }
    let start = input.fill_buf()?;
    Ok(start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'['))
}

fn wrong(path: &Path, error: &serde_json::Error, line: u64) -> ReadError {
    let message = error.to_string();
    // The place stands in the error's own fields.
    let message = message.split(" at line ").next().unwrap_or(&message);
    let line = if line == 0 { error.line() as u64 } else { line };
    ReadError::new(path, message)
        .at(line, error.column() as u64)
        .hint("each line must be a JSON object: {\"name\": value, …}")
}

/// Rows that are being read.
struct Rows {
    cells: Cells,
    places: HashMap<String, usize>,
    line: u64,
}

impl Rows {
    fn value(&mut self, name: &str, value: &Value) {
        if let Value::Object(inner) = value {
            for (key, value) in inner {
                self.value(&format!("{name}.{key}"), value);
            }
            return;
        }
        let column = if let Some(&column) = self.places.get(name) {
            column
        } else {
            let column = self.cells.add(name.to_owned());
            self.places.insert(name.to_owned(), column);
            column
        };
        match value {
            Value::Null => {}
            Value::String(text) => self.cells.push(column, text, true, self.line),
            Value::Array(_) => self.cells.push_list(column, &value.to_string()),
            other => self
                .cells
                .push(column, &other.to_string(), false, self.line),
        }
    }
}

/// An array of rows.
struct Array<'a>(&'a mut Rows);

impl<'de> DeserializeSeed<'de> for Array<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Array<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while array.next_element_seed(Row(self.0))?.is_some() {}
        Ok(())
    }
}

/// An object: a row.
struct Row<'a>(&'a mut Rows);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut names = std::collections::HashSet::new();
        while let Some(name) = object.next_key::<String>()? {
            if !names.insert(name.clone()) {
                object.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom(format!(
                    "`{name}` stands twice in one object"
                )));
            }
            let value = object.next_value::<Value>()?;
            self.0.value(&name, &value);
        }
        self.0.cells.end_row();
        Ok(())
    }
}
