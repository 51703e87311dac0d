//! `netloom export`.

mod live;
mod owners;
mod text;

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use netloom::analysis::report::units;
use netloom::capture::dedupe::Deduplicated;
use netloom::capture::filter::Filter;
use netloom::pipeline::scan::{Scan, ScanOptions, Source, TableRequest};
use netloom::tables::{AnyColumns, Columns, Simple};
use netloom::{OpenOptions, Replay};

use self::live::Live;
use self::owners::Sockets;
use self::text::{Text, TextFormat};
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
    fn open(&self, replay: Option<&Replay>) -> Result<Source, Failure> {
        if let Some(live) = self.live.take() {
            return self.prepared(Box::new(live.source));
        }
        self.prepared(match replay {
            Some(replay) => replay.open()?,
            None => netloom::open(self.options.inputs.files(), &OpenOptions::default())?,
        })
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

fn export(input: &Input<'_>) -> Result<ExitCode, Failure> {
    let Input {
        options, session, ..
    } = input;
    let request = request(options)?;
    let mut scan_options = ScanOptions::new(session.options.clone());
    scan_options.live = session.live;
    scan_options.named_packets_only = options.drop_unknown;
    scan_options.payload_bytes = options.payload_bytes.unwrap_or(usize::MAX);
    if session.live {
        scan_options.owners = Sockets::watch().map(|sockets| Arc::new(sockets) as _);
    }
    let mut text = Text::create(
        options
            .format
            .unwrap_or_else(|| by_extension(&options.output)),
        &options.output,
        &request.schema(),
        session.live,
    )?;
    let prepare = TextFormat(text.format);
    let scan = Scan::new(vec![request], scan_options);
    // Standard input is copied where it is read twice.
    let replay = (scan.passes() > 1)
        .then(|| Replay::new(options.inputs.files(), &OpenOptions::default()))
        .transpose()?;
    let mut open = || input.open(replay.as_ref());
    let outcome = session.scan(&scan, &mut open, &prepare, &mut text, &options.output)?;
    session.tell_captures(&outcome.captures, outcome.interrupted);
    if let Some(failed) = outcome.failed {
        return Err(failed.into());
    }
    if outcome.hosts_forgotten {
        session.printer.warning("there were too many addresses for the table: those with the least traffic were left out");
    }
    text.commit()?;
    if outcome.facts.evicted > 0 {
        session.printer.warning(&format!(
            "{} flows were ended early for lack of memory; --max-memory raises the bound",
            outcome.facts.evicted
        ));
    }
    if outcome.unnamed_rows > 0 {
        session.printer.note(&format!(
            "the server's name was known only after {}; a capture that is exported has it there too",
            units::counted(outcome.unnamed_rows, "row was written", "rows were written")
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The table that is asked for.
fn request(options: &ExportOptions) -> Result<TableRequest, Failure> {
    let table = options.table.name();
    let list = options.columns.as_deref();
    let columns = match options.profile {
        Profile::Native => table.parse_columns(list),
        Profile::Simple => list
            .map_or_else(|| Ok(Columns::<Simple>::all()), Columns::parse)
            .map(|columns| AnyColumns::Packets(columns.into())),
    };
    let columns = columns.map_err(|error| {
        Failure::usage(error).hint(format!("netloom tables {table} says what each holds"))
    })?;
    Ok(TableRequest::of(columns))
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

fn by_extension(path: &Path) -> Format {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Format::Json,
        Some("jsonl" | "ndjson") => Format::Jsonl,
        _ => Format::Csv,
    }
}
