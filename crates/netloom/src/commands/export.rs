//! `netloom export`.

mod flows;
mod hosts;
mod live;
mod packets;
mod records;
mod text;

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use netloom::analysis::report::units;
use netloom::capture::dedupe::Deduplicated;
use netloom::capture::filter::Filter;
use netloom::pipeline::{Needs, Stage};
use netloom::tables::{
    Anomalies, Captures, Columns, Dns, Hosts, Http, Messages, Packets, Simple, Table as TableOf,
    TableBuilder, Tls,
};
use netloom::{OpenOptions, PacketSource, Replay};

use self::flows::FlowsStage;
use self::hosts::HostsStage;
use self::live::Live;
use self::packets::{Known, NamesStage, NoStage, PacketTable, PacketsStage, Wanted};
use self::records::{RecordTable, RecordsStage};
use self::text::{Text, format_rows};
use super::Session;
use crate::arguments::{ExportOptions, Format, Global, Profile, Table};
use crate::failure::Failure;
use crate::output::Printer;

pub(crate) fn run(
    options: &ExportOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    let words = options.inputs.words();
    let filter = super::filter::parsed(global, &words)?;
    check(options)?;
    if !options.inputs.is_live() {
        let input = Input {
            options,
            session: Session::new(global, printer),
            filter,
            live: RefCell::new(None),
        };
        return export(&input);
    }
    let (source, filters) = live::open(options, &super::filter::given(global, &words)?)?;
    let mut session = Session::new(global, printer);
    session.live = true;
    let interrupt = std::mem::take(&mut session.control);
    let live = Live::new(source, filters, options, interrupt);
    let stats = live.stats();
    let to_terminal = options.output == Path::new("-") && std::io::stdout().is_terminal();
    let status = live.show(to_terminal, global, printer);
    let input = Input {
        options,
        session,
        filter: None,
        live: RefCell::new(Some(live)),
    };
    let done = export(&input);
    drop(status);
    live::summary(&stats, printer);
    done
}

/// What a table is made from.
struct Input<'a> {
    options: &'a ExportOptions,
    session: Session<'a>,
    /// What files are to be filtered by; the kernel does it live.
    filter: Option<Filter>,
    /// The interfaces, until they are read from.
    live: RefCell<Option<Live>>,
}

impl Input<'_> {
    /// Interfaces can be read once, files as often as is wanted.
    fn open(&self) -> Result<Source, Failure> {
        if let Some(live) = self.live.take() {
            return self.prepared(Box::new(live.source));
        }
        let options = OpenOptions::default();
        self.prepared(netloom::open(self.options.inputs.files(), &options)?)
    }

    /// Puts what the options say before a source.
    fn prepared(&self, source: Source) -> Result<Source, Failure> {
        let source = self.session.filtered(source, self.filter.as_ref())?;
        Ok(if self.options.dedupe {
            Box::new(Deduplicated::new(source))
        } else {
            source
        })
    }
}

/// Packets from wherever.
type Source = Box<dyn PacketSource + Send>;

fn export(input: &Input<'_>) -> Result<ExitCode, Failure> {
    match input.options.table {
        Table::Flows => {
            let columns = columns(input.options)?;
            let text = create(input.options, &columns)?;
            let mut stage = FlowsStage::new(columns, text);
            if input.session.live {
                stage.find_owners();
            }
            finish(input.open()?, &stage, input)
        }
        Table::Packets => match input.options.profile {
            Profile::Native => packets::<Packets>(input),
            Profile::Simple => packets::<Simple>(input),
        },
        Table::Hosts => hosts(input),
        Table::Dns => records::<Dns>(input),
        Table::Tls => records::<Tls>(input),
        Table::Http => records::<Http>(input),
        Table::Messages => records::<Messages>(input),
        Table::Anomalies => packets::<Anomalies>(input),
        Table::Capture => captures(input),
    }
}

/// What cannot be together: files and interfaces, and options that only packets have for another
/// table.
fn check(options: &ExportOptions) -> Result<(), Failure> {
    if let Some(file) = options.inputs.file_too_many() {
        return Err(Failure::usage(format!(
            "both an interface and a capture ({}) are given",
            file.display()
        ))
        .hint("leave one away; the words of a filter stand after --"));
    }
    if options.table == Table::Packets {
        return Ok(());
    }
    let given = [
        (options.profile != Profile::Native, "--profile simple"),
        (options.drop_unknown, "--drop-unknown"),
        (options.payload_bytes.is_some(), "--payload-bytes"),
    ];
    match given.iter().find(|(given, _)| *given) {
        Some((_, name)) => Err(Failure::usage(format!("{name} is for packets alone"))
            .hint("netloom export packets FILE ... has it")),
        None => Ok(()),
    }
}

/// A table whose rows come out of payloads.
fn records<T: RecordTable>(input: &Input<'_>) -> Result<ExitCode, Failure> {
    let columns = columns::<T>(input.options)?;
    let text = create(input.options, &columns)?;
    let stage = RecordsStage::new(columns, text);
    finish(input.open()?, &stage, input)
}

/// A table whose rows are packets.
fn packets<T: PacketTable>(input: &Input<'_>) -> Result<ExitCode, Failure> {
    let Input {
        options, session, ..
    } = input;
    let columns = columns::<T>(options)?;
    let text = create(options, &columns)?;
    let names = options.drop_unknown
        || options.profile == Profile::Simple
        || ["service", "server_name", "domain", "info"]
            .iter()
            .any(|name| columns.contains(name));
    let wanted = Wanted {
        flow_ids: names || columns.contains("flow_id"),
        named_only: options.drop_unknown,
        payload_bytes: options.payload_bytes.unwrap_or(usize::MAX),
    };
    if !wanted.flow_ids {
        let stage = PacketsStage::new(columns, text, wanted, Known::default());
        return finish(input.open()?, &stage, input);
    }
    if session.live {
        // Nothing passes twice: rows say what is known when they are written.
        let mut stage = PacketsStage::new(columns, text, wanted, Known::default());
        let late = names.then(|| stage.name_as_known());
        let done = finish(input.open()?, &stage, input);
        let rows = late.map_or(0, |late| late.load(Ordering::Relaxed));
        if rows > 0 {
            session.printer.note(&format!(
                "the server's name was known only after {}; a capture that is exported has it there too",
                units::counted(rows, "row was written", "rows were written")
            ));
        }
        return done;
    }
    // What is behind a flow is known when it has ended, a fragment's flow maybe only after the
    // fragment: the first pass finds those.
    let replay = Replay::new(options.inputs.files(), &OpenOptions::default())?;
    let source = input.prepared(replay.open()?)?;
    let known = if names {
        let first = session.run(source, &NamesStage, &options.output)?;
        Known {
            late_flow_ids: first.late_flow_ids,
            names: first.output,
        }
    } else {
        let needs = Needs {
            flows: true,
            flow_ids: true,
            ..Needs::default()
        };
        let first = session.run(source, &NoStage(needs), &options.output)?;
        Known {
            late_flow_ids: first.late_flow_ids,
            ..Known::default()
        }
    };
    let stage = PacketsStage::new(columns, text, wanted, known);
    let source = input.prepared(replay.open()?)?;
    finish(source, &stage, input)
}

/// Addresses, with what is known about them at the end.
fn hosts(input: &Input<'_>) -> Result<ExitCode, Failure> {
    let Input {
        options, session, ..
    } = input;
    let columns = columns::<Hosts>(options)?;
    let mut text = create(options, &columns)?;
    let outcome = session.run(input.open()?, &HostsStage, &options.output)?;
    session.tell(&outcome);
    let mut builder = TableBuilder::new(&columns);
    let mut rows = Vec::new();
    for row in &outcome.output.rows() {
        builder.append(&row);
        if builder.is_full() {
            format_rows(text.format, &builder.finish(), &mut rows);
        }
    }
    format_rows(text.format, &builder.finish(), &mut rows);
    text.append(&rows)
        .map_err(|cause| Failure::writing(&options.output, &cause))?;
    if let Some(failed) = outcome.failed {
        return Err(failed.into());
    }
    if outcome.output.forgot() {
        session.printer.warning("there were too many addresses for the table: those with the least traffic were left out");
    }
    text.commit()?;
    Ok(ExitCode::SUCCESS)
}

/// What the captures say of themselves.
fn captures(input: &Input<'_>) -> Result<ExitCode, Failure> {
    let Input {
        options, session, ..
    } = input;
    let columns = columns::<Captures>(options)?;
    let mut text = create(options, &columns)?;
    let outcome = session.run(input.open()?, &NoStage(Needs::default()), &options.output)?;
    session.tell(&outcome);
    let mut builder = TableBuilder::new(&columns);
    for capture in &outcome.captures {
        builder.append(&capture);
    }
    let mut rows = Vec::new();
    format_rows(text.format, &builder.finish(), &mut rows);
    text.append(&rows)
        .map_err(|cause| Failure::writing(&options.output, &cause))?;
    if let Some(failed) = outcome.failed {
        return Err(failed.into());
    }
    text.commit()?;
    Ok(ExitCode::SUCCESS)
}

/// The last pass: rows are written, and the output takes its name.
fn finish<S: Stage<Output = Text>>(
    source: Source,
    stage: &S,
    input: &Input<'_>,
) -> Result<ExitCode, Failure> {
    let Input {
        options, session, ..
    } = input;
    let outcome = session.run(source, stage, &options.output)?;
    session.tell(&outcome);
    if let Some(failed) = outcome.failed {
        return Err(failed.into());
    }
    outcome.output.commit()?;
    if outcome.facts.evicted > 0 {
        session.printer.warning(&format!(
            "{} flows were ended early for lack of memory; --max-memory raises the bound",
            outcome.facts.evicted
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn columns<T: TableOf>(options: &ExportOptions) -> Result<Columns<T>, Failure> {
    let list = options.columns.as_deref();
    list.map_or_else(|| Ok(Columns::all()), Columns::parse)
        .map_err(|error| {
            Failure::usage(error).hint(format!("netloom tables {} says what each holds", T::NAME))
        })
}

fn create<T: TableOf>(options: &ExportOptions, columns: &Columns<T>) -> Result<Text, Failure> {
    let format = options
        .format
        .unwrap_or_else(|| by_extension(&options.output));
    Text::create(
        format,
        &options.output,
        &columns.schema(),
        options.inputs.is_live(),
    )
}

fn by_extension(path: &Path) -> Format {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Format::Json,
        Some("jsonl" | "ndjson") => Format::Jsonl,
        _ => Format::Csv,
    }
}
