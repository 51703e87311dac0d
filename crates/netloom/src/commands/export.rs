//! `netloom export`.

mod flows;
mod hosts;
mod packets;
mod records;
mod text;

use std::path::Path;
use std::process::ExitCode;

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
    let filter = super::filter::parsed(global, &options.inputs.words())?;
    let filter = filter.as_ref();
    check(options)?;
    let session = Session::new(global, printer);
    match options.table {
        Table::Flows => {
            let columns = columns(options)?;
            let text = create(options, &columns)?;
            finish(
                open(options, &session, filter)?,
                &FlowsStage::new(columns, text),
                &session,
                options,
            )
        }
        Table::Packets => match options.profile {
            Profile::Native => packets::<Packets>(options, &session, filter),
            Profile::Simple => packets::<Simple>(options, &session, filter),
        },
        Table::Hosts => hosts(options, &session, filter),
        Table::Dns => records::<Dns>(options, &session, filter),
        Table::Tls => records::<Tls>(options, &session, filter),
        Table::Http => records::<Http>(options, &session, filter),
        Table::Messages => records::<Messages>(options, &session, filter),
        Table::Anomalies => packets::<Anomalies>(options, &session, filter),
        Table::Capture => captures(options, &session, filter),
    }
}

/// Options that only packets have, given for another table.
fn check(options: &ExportOptions) -> Result<(), Failure> {
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

/// Puts what the options say before a source.
fn prepared(
    source: Box<dyn PacketSource + Send>,
    options: &ExportOptions,
    session: &Session<'_>,
    filter: Option<&Filter>,
) -> Result<Box<dyn PacketSource + Send>, Failure> {
    let source = session.filtered(source, filter)?;
    Ok(if options.dedupe {
        Box::new(Deduplicated::new(source))
    } else {
        source
    })
}

fn open(
    options: &ExportOptions,
    session: &Session<'_>,
    filter: Option<&Filter>,
) -> Result<Box<dyn PacketSource + Send>, Failure> {
    let source = netloom::open(options.inputs.files(), &OpenOptions::default())?;
    prepared(source, options, session, filter)
}

/// A table whose rows come out of payloads.
fn records<T: RecordTable>(
    options: &ExportOptions,
    session: &Session<'_>,
    filter: Option<&Filter>,
) -> Result<ExitCode, Failure> {
    let columns = columns::<T>(options)?;
    let text = create(options, &columns)?;
    let stage = RecordsStage::new(columns, text);
    finish(open(options, session, filter)?, &stage, session, options)
}

/// A table whose rows are packets.
fn packets<T: PacketTable>(
    options: &ExportOptions,
    session: &Session<'_>,
    filter: Option<&Filter>,
) -> Result<ExitCode, Failure> {
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
        return finish(open(options, session, filter)?, &stage, session, options);
    }
    // What is behind a flow is known when it has ended, a fragment's flow maybe only after the
    // fragment: the first pass finds those.
    let replay = Replay::new(options.inputs.files(), &OpenOptions::default())?;
    let source = prepared(replay.open()?, options, session, filter)?;
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
    let source = prepared(replay.open()?, options, session, filter)?;
    finish(source, &stage, session, options)
}

/// Addresses, with what is known about them at the end.
fn hosts(
    options: &ExportOptions,
    session: &Session<'_>,
    filter: Option<&Filter>,
) -> Result<ExitCode, Failure> {
    let columns = columns::<Hosts>(options)?;
    let mut text = create(options, &columns)?;
    let outcome = session.run(
        open(options, session, filter)?,
        &HostsStage,
        &options.output,
    )?;
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
fn captures(
    options: &ExportOptions,
    session: &Session<'_>,
    filter: Option<&Filter>,
) -> Result<ExitCode, Failure> {
    let columns = columns::<Captures>(options)?;
    let mut text = create(options, &columns)?;
    let outcome = session.run(
        open(options, session, filter)?,
        &NoStage(Needs::default()),
        &options.output,
    )?;
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
    source: Box<dyn PacketSource + Send>,
    stage: &S,
    session: &Session<'_>,
    options: &ExportOptions,
) -> Result<ExitCode, Failure> {
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
    Text::create(format, &options.output, &columns.schema())
}

fn by_extension(path: &Path) -> Format {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Format::Json,
        Some("jsonl" | "ndjson") => Format::Jsonl,
        _ => Format::Csv,
    }
}
