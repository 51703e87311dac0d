//! DATA of the commands that learn: captures, and tables of the user's own, as record batches.
//!
//! A capture gives its flows, with all columns that models learn from; files are told apart by
//! their content, never by their names.

mod inputs;
mod labels;
mod packets;
mod rules;
mod series;
mod unify;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use netloom::OpenOptions;
use netloom::analysis::report::units;
use netloom::capture::filter::Filter;
use netloom::ml::card::Source;
use netloom::ml::windows::{Per, WindowError, WindowOptions, windows};
use netloom::pipeline::packet::CaptureInfo;
use netloom::pipeline::scan::{Plain, Scan, ScanOptions, ScanOutcome, TableRequest};
use netloom::tables::read::{Format, Header, ReadError, ReadOptions, read_table};
use netloom::tables::{Kind, RecordBatch, SchemaRef, TableName};

use crate::arguments::{DataOptions, Global, PerOption};
use crate::commands::{Session, filter};
use crate::failure::Failure;
use crate::output::Printer;
use crate::progress::end_on_signal;

pub(crate) use inputs::expand;
pub(crate) use labels::{LabelFrom, PATH_LABEL};
pub(crate) use series::Counting;

/// The column that says which file a row is from.
pub(crate) const FILE_COLUMN: &str = "file";

/// Columns of flows that say in which order a capture was written, or hold words about the flow
/// instead of facts.
const NOT_LEARNED: [&str; 4] = [
    "first_packet_number",
    "closed_by_packet",
    "risk_details",
    "outer",
];

/// Columns of packets that say who sent how much to whom, and when.
const PACKET_COLUMNS: [&str; 10] = [
    "number", "ts", "src_mac", "dst_mac", "src_ip", "src_port", "dst_ip", "dst_port", "protocol",
    "len",
];

/// Rows to learn from, or to tell something of.
pub(crate) struct Data {
    /// The columns of all batches.
    pub(crate) schema: SchemaRef,
    /// The rows, in the order of the sources.
    pub(crate) batches: Vec<RecordBatch>,
    /// Where they are from.
    pub(crate) sources: Vec<Source>,
    /// What the rows are: `flow`, `row`, `host in 60 s`.
    pub(crate) row: String,
    /// `flows`, `windows` or `packets` if the columns are netloom's own, empty for tables of the user's own.
    pub(crate) table: &'static str,
    /// What makes captures poor to learn from, in words: what it is, and what it does.
    pub(crate) poor: Vec<(String, String)>,
    /// Columns that labels were made from: they tell them.
    pub(crate) label_columns: Vec<String>,
}

impl Data {
    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Whether there is such a column.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.schema.index_of(column).is_ok()
    }

    /// Names of the columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
    }

    /// Some of the columns as they are, and behind them new ones, which get other names where the
    /// rows have been told of before.
    pub(crate) fn schema_with<S: AsRef<str>>(
        &self,
        kept: &[S],
        added: impl IntoIterator<Item = (String, DataType)>,
    ) -> SchemaRef {
        let mut fields: Vec<Field> = kept
            .iter()
            .filter_map(|name| self.schema.field_with_name(name.as_ref()).ok().cloned())
            .collect();
        for (mut name, kind) in added {
            while fields.iter().any(|field| *field.name() == name) {
                name.push_str("_new");
            }
            fields.push(Field::new(name, kind, true));
        }
        Arc::new(Schema::new(fields))
    }

    /// An error that names a column that is not there, and the one that may have been meant.
    pub(crate) fn missing(&self, column: &str, option: &str) -> Failure {
        no_such_column(column, option, self.columns())
    }

    /// These rows, then those of other data.
    pub(crate) fn followed_by(mut self, other: Self, printer: &Printer) -> Result<Self, Failure> {
        let part = |data: &Self, name: &str| Part {
            source: Source {
                name: name.to_owned(),
                ..Source::default()
            },
            schema: data.schema.clone(),
            batches: data.batches.clone(),
            poor: Vec::new(),
        };
        let parts = vec![part(&self, "DATA"), part(&other, "--test-data")];
        let (schema, batches) = unify::unify(parts, printer)?;
        self.sources.extend(other.sources);
        self.poor.extend(other.poor);
        Ok(Self {
            schema,
            batches,
            table: if self.table == other.table {
                self.table
            } else {
                ""
            },
            ..self
        })
    }

    /// The flows summed up as the options say; itself where they do not.
    pub(crate) fn windowed(
        self,
        options: &DataOptions,
        label: Option<&str>,
        harmless: Option<&str>,
    ) -> Result<Self, Failure> {
        let Some(per) = options.per.filter(|per| *per != PerOption::Flow) else {
            return Ok(self);
        };
        let width = options.window;
        let window_options = WindowOptions {
            per: match per {
                PerOption::Host | PerOption::Flow => Per::Host,
                PerOption::Pair => Per::Pair,
                PerOption::Service => Per::Service,
            },
            width,
            label: label.map(str::to_owned),
            harmless: harmless.map(str::to_owned),
            keep: self
                .has(FILE_COLUMN)
                .then(|| FILE_COLUMN.to_owned())
                .into_iter()
                .collect(),
        };
        let made = windows(&self.batches, &window_options).map_err(|error| match error {
            WindowError::Missing { column } => self
                .missing(&column, "--per")
                .hint("windows are made of flows: of a capture, or of a table with the columns of `netloom tables flows`"),
            other => Failure::usage(other),
        })?;
        let mut poor = self.poor;
        if made.left_out > 0 {
            poor.push((
                format!(
                    "{} flows have no start or address and are in no window",
                    made.left_out
                ),
                String::new(),
            ));
        }
        Ok(Self {
            schema: made.table.schema(),
            batches: vec![made.table],
            row: format!("{} in {}", per.name(), units::seconds(width as f64 / 1e9)),
            table: "windows",
            poor,
            ..self
        })
    }
}

/// An error that names a column that is not there, and the one that may have been meant.
pub(crate) fn no_such_column<'a>(
    column: &str,
    option: &str,
    known: impl Iterator<Item = &'a str>,
) -> Failure {
    const SHOWN: usize = 30;
    let known: Vec<&str> = known.collect();
    let failure = Failure::usage(format!("{option}: the data has no column '{column}'"));
    if let Some(nearest) = netloom::tables::nearest_name(column, known.iter().copied()) {
        return failure.hint(format!("did you mean '{nearest}'?"));
    }
    let shown = known
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    let more = known.len().saturating_sub(SHOWN);
    failure.hint(if more > 0 {
        format!("it has: {shown} and {more} more")
    } else {
        format!("it has: {shown}")
    })
}

/// Reads DATA.
pub(crate) struct Loader<'a> {
    global: &'a Global,
    printer: &'a Printer,
    read: ReadOptions,
    filter: Option<Filter>,
    /// Each capture is a stream of its own, and rows say which file they are from.
    separate: bool,
    /// What of a capture is looked at: its flows, or its packets.
    table: TableName,
}

impl<'a> Loader<'a> {
    /// As the options of the command say.
    pub(crate) fn new(
        global: &'a Global,
        printer: &'a Printer,
        options: &DataOptions,
    ) -> Result<Self, Failure> {
        let mut read = ReadOptions::default();
        if options.no_header {
            read.header = Header::Absent;
        }
        read.delimiter = options.delimiter;
        read.missing.extend(options.missing.iter().cloned());
        Ok(Self {
            global,
            printer,
            read,
            filter: filter::parsed(global, &[])?,
            separate: false,
            table: TableName::Flows,
        })
    }

    /// Reads each capture apart and adds the column `file`: without it several captures are one
    /// stream, ordered by time.
    pub(crate) fn by_file(self) -> Self {
        Self {
            separate: true,
            ..self
        }
    }

    /// Looks at the packets of captures, not at their flows.
    pub(crate) fn of_packets(self) -> Self {
        Self {
            table: TableName::Packets,
            ..self
        }
    }

    /// Reads all DATA.
    pub(crate) fn load(&self, data: &[PathBuf]) -> Result<Data, Failure> {
        let inputs = expand(data, Some(self.printer))?;
        let mut parts: Vec<Part> = Vec::new();
        let captures: Vec<PathBuf> = inputs
            .iter()
            .filter(|input| input.is_capture)
            .map(|i| i.path.clone())
            .collect();
        let tables = inputs.iter().filter(|input| !input.is_capture);
        if self.separate {
            for capture in &captures {
                parts.push(self.capture(std::slice::from_ref(capture))?);
            }
        } else if !captures.is_empty() {
            parts.push(self.capture(&captures)?);
        }
        let only_captures = parts.len();
        for table in tables {
            parts.push(self.table(&table.path)?);
        }
        let (table, row) = match self.table {
            _ if only_captures < parts.len() => ("", "row"),
            TableName::Packets => ("packets", "packet"),
            _ => ("flows", "flow"),
        };
        let poor = parts
            .iter_mut()
            .flat_map(|part| std::mem::take(&mut part.poor))
            .collect();
        let sources = parts.iter().map(|part| part.source.clone()).collect();
        if self.separate || parts.len() > 1 {
            for part in &mut parts {
                part.name_file()?;
            }
        }
        let (schema, batches) = unify::unify(parts, self.printer)?;
        Ok(Data {
            schema,
            batches,
            sources,
            row: row.to_owned(),
            table,
            poor,
            label_columns: Vec::new(),
        })
    }

    fn table(&self, path: &Path) -> Result<Part, Failure> {
        let read = read_table(path, &self.read)?;
        for note in &read.notes {
            self.printer.note(&format!("{}: {note}", path.display()));
        }
        if read.rows() == 0 {
            self.printer
                .warning(&format!("{}: has no rows", path.display()));
        }
        Ok(Part {
            source: Source {
                name: path.display().to_string(),
                kind: match read.format {
                    Format::Csv => "csv",
                    Format::JsonLines => "jsonl",
                    Format::Json => "json",
                    Format::Parquet => "parquet",
                    Format::Arrow => "arrow",
                    _ => "table",
                }
                .to_owned(),
                rows: read.rows() as u64,
            },
            schema: read.schema,
            batches: read.batches,
            poor: Vec::new(),
        })
    }

    /// The flows of captures, or their packets.
    fn capture(&self, paths: &[PathBuf]) -> Result<Part, Failure> {
        let columns = match self.table {
            TableName::Packets => PACKET_COLUMNS.to_vec(),
            _ => flow_columns(),
        };
        let request = TableRequest::named(self.table, &columns).map_err(Failure::usage)?;
        let schema = request.schema();
        let session = Session::new(self.global, self.printer);
        // Half of the data is not what was to be learned from.
        end_on_signal();
        let scan = Scan::new(vec![request], ScanOptions::new(session.options.clone()));
        let mut batches = Vec::new();
        let mut keep = |_: usize, batch: RecordBatch| {
            batches.push(batch);
            Ok(ControlFlow::Continue(()))
        };
        let mut open = || {
            let source = netloom::open(paths, &OpenOptions::default())?;
            session.filtered(source, self.filter.as_ref())
        };
        let outcome = session.scan(&scan, &mut open, &Plain, &mut keep, Path::new("-"))?;
        session.tell_captures(&outcome.captures, outcome.interrupted);
        let poor = poor(&outcome);
        if let Some(failed) = outcome.failed {
            return Err(failed.into());
        }
        let name = match paths {
            [one] => one.display().to_string(),
            [first, rest @ ..] => {
                let more = units::counted(rest.len() as u64, "more capture", "more captures");
                format!("{} and {more}", first.display())
            }
            [] => String::new(),
        };
        Ok(Part {
            source: Source {
                name,
                kind: "capture".to_owned(),
                rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
            },
            schema,
            batches,
            poor,
        })
    }
}

/// What one source gave.
struct Part {
    source: Source,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    poor: Vec<(String, String)>,
}

impl Part {
    /// Adds the column that says which file rows are from.
    fn name_file(&mut self) -> Result<(), Failure> {
        if self.schema.index_of(FILE_COLUMN).is_ok() {
            return Ok(());
        }
        let name = self.source.name.clone();
        let (schema, batches) =
            unify::with_text(&self.schema, &self.batches, FILE_COLUMN, |_, _| {
                Some(name.clone())
            })?;
        self.schema = schema;
        self.batches = batches;
        Ok(())
    }
}

/// The columns of flows that models may learn from, and those that say which flow it is.
fn flow_columns() -> Vec<&'static str> {
    let columns = netloom::tables::table("flows")
        .map(|table| table.columns.clone())
        .unwrap_or_default();
    columns
        .iter()
        .filter(|column| !matches!(column.kind, Kind::U16List | Kind::U32List | Kind::TextList))
        .map(|column| column.name)
        .filter(|name| !NOT_LEARNED.contains(name))
        .collect()
}

/// What makes captures poor to learn from.
fn poor(outcome: &ScanOutcome) -> Vec<(String, String)> {
    let mut words = Vec::new();
    for capture in &outcome.captures {
        let share = |part: u64| part as f64 / (capture.packets.max(1)) as f64;
        let name = name_of(capture);
        let dropped = capture.dropped_kernel.unwrap_or(0) + capture.dropped_interface.unwrap_or(0);
        if dropped > 0 {
            words.push((
                format!(
                    "{name}: {} were lost while it was captured",
                    units::counted(dropped, "packet", "packets")
                ),
                "Flows look shorter and more broken than they were; a model learns that, too."
                    .to_owned(),
            ));
        }
        if share(capture.truncated) >= 0.01 {
            words.push((
                format!(
                    "{name}: {} of the packets are cut by a snap length",
                    units::percent(capture.truncated, capture.packets)
                ),
                "Names, applications and fingerprints may be missing; on whole packets they will be there."
                    .to_owned(),
            ));
        }
        if share(capture.out_of_order) >= 0.01 {
            words.push((
                format!(
                    "{name}: {} of the packets are out of order in time",
                    units::percent(capture.out_of_order, capture.packets)
                ),
                "Times between packets are off.".to_owned(),
            ));
        }
    }
    if outcome.facts.evicted > 0 {
        words.push((
            format!(
                "{} flows were ended early for lack of memory",
                outcome.facts.evicted
            ),
            "They are in several pieces; --max-memory raises the bound.".to_owned(),
        ));
    }
    if outcome.interrupted {
        words.push(("reading was stopped early".to_owned(), String::new()));
    }
    words
}

fn name_of(capture: &CaptureInfo) -> String {
    if capture.name == "-" {
        "standard input".to_owned()
    } else {
        capture.name.clone()
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let message = error.to_string();
        let failure = Self::input(message, error.cause.as_ref());
        match error.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
