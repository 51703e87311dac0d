//! What the commands that learn without labels share: outputs, and rows in words.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_cast::cast;
use arrow_schema::DataType;
use netloom::analysis::learned;
use netloom::analysis::report::terminal::TerminalOptions;
use netloom::analysis::report::units::Civil;
use netloom::ml::dataset::LeftOut;
use netloom::tables::output::AtomicFile;
use netloom::tables::{RecordBatch, SchemaRef, TableFormat, table_writer};

use crate::arguments::Format;
use crate::data::Data;
use crate::failure::Failure;
use crate::files::Files;
use crate::output::{self, Printer, is_standard};

/// Files that are written to, opened before anything is done: nobody waits for what cannot be
/// written.
pub(super) struct Outputs {
    table: Option<(AtomicFile, PathBuf)>,
    json: Option<AtomicFile>,
    html: Option<AtomicFile>,
    paths: Vec<PathBuf>,
    /// Standard output holds one of them and nothing else.
    stdout: bool,
}

impl Outputs {
    pub(super) fn open(
        files: &Files,
        table: Option<&Path>,
        json: Option<&Path>,
        html: Option<&Path>,
    ) -> Result<Self, Failure> {
        let all = [table, json, html];
        let stdout = all
            .iter()
            .flatten()
            .filter(|path| is_standard(path))
            .count();
        if stdout > 1 {
            return Err(Failure::usage(
                "only one of -o, --json and --html can have standard output",
            ));
        }
        Ok(Self {
            table: table
                .map(|path| files.create(path).map(|file| (file, path.to_owned())))
                .transpose()?,
            json: json.map(|path| files.create(path)).transpose()?,
            html: html.map(|path| files.create(path)).transpose()?,
            paths: all
                .into_iter()
                .flatten()
                .filter(|path| !is_standard(path))
                .map(Path::to_owned)
                .collect(),
            stdout: stdout > 0,
        })
    }

    /// Writes rows to the table, if one is asked for.
    pub(super) fn table(
        &mut self,
        format: Option<Format>,
        schema: &SchemaRef,
        batches: impl IntoIterator<Item = Result<RecordBatch, Failure>>,
    ) -> Result<(), Failure> {
        let Some((mut file, path)) = self.table.take() else {
            return Ok(());
        };
        let format = format.map_or_else(
            || TableFormat::by_extension(&path).unwrap_or(TableFormat::Csv),
            Format::format,
        );
        let is_in_place = file.is_in_place();
        let failed = |cause: io::Error| Failure::writing(&path, &cause);
        let mut writer = table_writer(format, &mut file, schema, is_in_place).map_err(failed)?;
        for batch in batches {
            writer.write(&batch?).map_err(failed)?;
        }
        writer.finish().map_err(failed)?;
        drop(writer);
        file.commit()?;
        Ok(())
    }

    /// Writes the facts, and shows them if standard output is free.
    pub(super) fn facts<T: serde::Serialize>(
        self,
        facts: &T,
        html: impl FnOnce(&T) -> String,
        terminal: impl FnOnce(&T, &TerminalOptions) -> String,
        top: usize,
        printer: &Printer,
    ) -> Result<(), Failure> {
        if let Some(file) = self.json {
            let text = learned::json(facts)
                .map_err(|cause| Failure::writing(Path::new("JSON"), &io::Error::other(cause)))?;
            super::report::write(file, &text)?;
        }
        if let Some(file) = self.html {
            super::report::write(file, &html(facts))?;
        }
        if !self.stdout {
            let stdout = io::stdout();
            let options = TerminalOptions {
                width: output::width(),
                color: printer.colors(&stdout),
                unicode: !stdout.is_terminal() || output::unicode(),
                top,
            };
            let text = terminal(facts, &options);
            let mut stdout = stdout.lock();
            stdout
                .write_all(text.as_bytes())
                .and_then(|()| stdout.flush())
                .map_err(|cause| Failure::writing(Path::new("-"), &cause))?;
        }
        for path in self.paths {
            printer.note(&format!("wrote {}", path.display()));
        }
        Ok(())
    }
}

/// A time as RFC 3339.
pub(super) fn rfc3339(ns: i64) -> String {
    let civil = Civil::from_nanoseconds(i128::from(ns));
    let fraction = if civil.nanosecond == 0 {
        String::new()
    } else {
        let digits = format!("{:09}", civil.nanosecond);
        format!(".{}", digits.trim_end_matches('0'))
    };
    format!("{}T{}{fraction}Z", civil.date(), civil.time())
}

/// The values of a column as text, all batches one after the other.
pub(super) fn texts(data: &Data, column: &str) -> Result<Vec<Option<String>>, Failure> {
    let mut all = Vec::with_capacity(data.rows());
    for batch in &data.batches {
        let Some(array) = batch.column_by_name(column) else {
            all.extend(std::iter::repeat_n(None, batch.num_rows()));
            continue;
        };
        let array = cast(array, &DataType::Utf8)
            .map_err(|error| Failure::input(format!("column '{column}': {error}"), None))?;
        all.extend(
            array
                .as_string::<i32>()
                .iter()
                .map(|text| text.map(str::to_owned)),
        );
    }
    Ok(all)
}

/// Which row it is, for people: of flows who talked to whom, else what names the row.
pub(super) struct Naming {
    flow: Option<[Vec<Option<String>>; 6]>,
    others: Vec<(String, Vec<Option<String>>)>,
}

impl Naming {
    /// Of data whose identity columns were left out.
    pub(super) fn new(data: &Data, left_out: &[LeftOut]) -> Result<Self, Failure> {
        const MOST: usize = 4;
        const FLOW: [&str; 6] = [
            "src_ip",
            "src_port",
            "dst_ip",
            "dst_port",
            "transport",
            "server_name",
        ];
        if data.has("src_ip") && data.has("dst_ip") {
            let mut columns: [Vec<Option<String>>; 6] = Default::default();
            for (column, name) in columns.iter_mut().zip(FLOW) {
                *column = texts(data, name)?;
            }
            return Ok(Self {
                flow: Some(columns),
                others: Vec::new(),
            });
        }
        let mut others = Vec::new();
        let named = left_out
            .iter()
            .filter(|left| left.reason != "a time" && left.reason != "asked for")
            .filter(|left| data.has(&left.column))
            .take(MOST);
        for left in named {
            // Lists and the like cannot be told in a word.
            if let Ok(column) = texts(data, &left.column) {
                others.push((left.column.clone(), column));
            }
        }
        Ok(Self { flow: None, others })
    }

    /// Of data whose rows this column names.
    pub(super) fn by(data: &Data, column: &str) -> Result<Self, Failure> {
        Ok(Self {
            flow: None,
            others: vec![(column.to_owned(), texts(data, column)?)],
        })
    }

    /// The name of a row; empty if nothing names it.
    pub(super) fn of(&self, row: usize) -> String {
        let Some(flow) = &self.flow else {
            let words: Vec<String> = self
                .others
                .iter()
                .filter_map(|(name, column)| {
                    column[row].as_ref().map(|value| format!("{name} {value}"))
                })
                .collect();
            return words.join(", ");
        };
        let [src, src_port, dst, dst_port, transport, server] =
            flow.each_ref().map(|column| column[row].as_deref());
        let end = |ip: Option<&str>, port: Option<&str>| {
            let ip = ip.unwrap_or("?");
            match port {
                Some(port) if ip.contains(':') => format!("[{ip}]:{port}"),
                Some(port) => format!("{ip}:{port}"),
                None => ip.to_owned(),
            }
        };
        let mut words = format!("{} → {}", end(src, src_port), end(dst, dst_port));
        for more in [transport, server].into_iter().flatten() {
            words.push(' ');
            words.push_str(more);
        }
        words
    }
}
