//! `netloom export`.

mod flows;
mod packets;
mod text;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

use netloom::capture::filter::Filter;
use netloom::pipeline::{Needs, Stage};
use netloom::tables::{Anomalies, Captures, Columns, Packets, Table as TableOf, TableBuilder};
use netloom::{OpenOptions, PacketSource, Replay};

use self::flows::FlowsStage;
use self::packets::{NoStage, PacketTable, PacketsStage};
use self::text::{Text, format_rows};
use super::Session;
use crate::arguments::{ExportOptions, Format, Global, Table};
use crate::failure::Failure;
use crate::output::Printer;

pub(crate) fn run(
    options: &ExportOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    let filter = super::filter::parsed(global, &options.inputs.words())?;
    let filter = filter.as_ref();
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
        Table::Packets => packets::<Packets>(options, &session, filter),
        Table::Anomalies => packets::<Anomalies>(options, &session, filter),
        Table::Capture => captures(options, &session, filter),
    }
}

fn open(
    options: &ExportOptions,
    session: &Session<'_>,
    filter: Option<&Filter>,
) -> Result<Box<dyn PacketSource + Send>, Failure> {
    let source = netloom::open(options.inputs.files(), &OpenOptions::default())?;
    session.filtered(source, filter)
}

/// A table whose rows are packets.
fn packets<T: PacketTable>(
    options: &ExportOptions,
    session: &Session<'_>,
    filter: Option<&Filter>,
) -> Result<ExitCode, Failure> {
    let columns = columns::<T>(options)?;
    let text = create(options, &columns)?;
    if !columns.contains("flow_id") {
        let stage = PacketsStage::new(columns, text, HashMap::new());
        return finish(open(options, session, filter)?, &stage, session, options);
    }
    // A fragment's flow may be known only after it: the first pass finds those.
    let replay = Replay::new(options.inputs.files(), &OpenOptions::default())?;
    let needs = Needs {
        flows: true,
        flow_ids: true,
        ..Needs::default()
    };
    let first = session.run(
        session.filtered(replay.open()?, filter)?,
        &NoStage(needs),
        &options.output,
    )?;
    let stage = PacketsStage::new(columns, text, first.late_flow_ids);
    let source = session.filtered(replay.open()?, filter)?;
    finish(source, &stage, session, options)
}

/// What the captures say of themselves.
fn captures(
    options: &ExportOptions,
    session: &Session<'_>,
    filter: Option<&Filter>,
) -> Result<ExitCode, Failure> {
    let columns = columns::<Captures>(options)?;
    let mut text = create(options, &columns)?;
    let source = open(options, session, filter)?;
    let outcome = session.run(source, &NoStage(Needs::default()), &options.output)?;
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
