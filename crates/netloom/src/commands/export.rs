//! `netloom export`.

mod flows;
mod packets;
mod text;

use std::path::Path;
use std::process::ExitCode;

use netloom::pipeline::{Outcome, Stage};
use netloom::tables::{Columns, ColumnsError, Table as TableOf};

use self::flows::FlowsStage;
use self::packets::PacketsStage;
use self::text::Text;
use super::run_stage;
use crate::arguments::{ExportOptions, Format, Global, Table};
use crate::failure::Failure;
use crate::output::Printer;

pub(crate) fn run(
    options: &ExportOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    match options.table {
        Table::Flows => export(options, global, printer, FlowsStage::new),
        Table::Packets => export(options, global, printer, PacketsStage::new),
    }
}

fn export<T: TableOf, S: Stage<Output = Text>>(
    options: &ExportOptions,
    global: &Global,
    printer: &Printer,
    stage: impl FnOnce(Columns<T>, Text) -> S,
) -> Result<ExitCode, Failure> {
    let columns = columns::<T>(options.columns.as_deref()).map_err(|error| {
        Failure::usage(error).hint(format!("netloom tables {} says what each holds", T::NAME))
    })?;
    let format = options
        .format
        .unwrap_or_else(|| by_extension(&options.output));
    let text = Text::create(format, &options.output, &columns.schema())?;
    let outcome: Outcome<Text> = run_stage(
        &options.files,
        &stage(columns, text),
        global,
        printer,
        &options.output,
    )?;
    outcome.output.commit()?;
    if outcome.facts.evicted > 0 {
        printer.warning(&format!(
            "{} flows were ended early for lack of memory; --max-memory raises the bound",
            outcome.facts.evicted
        ));
    }
    match outcome.failed {
        Some(failed) => Err(failed.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn columns<T: TableOf>(list: Option<&str>) -> Result<Columns<T>, ColumnsError> {
    list.map_or_else(|| Ok(Columns::all()), Columns::parse)
}

fn by_extension(path: &Path) -> Format {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Format::Json,
        Some("jsonl" | "ndjson") => Format::Jsonl,
        _ => Format::Csv,
    }
}
