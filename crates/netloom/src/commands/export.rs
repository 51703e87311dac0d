//! `netloom export`.

mod anonymize;
mod ask;
mod live;
mod output;
mod owners;
mod shape;
mod systems;

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser as _;
use netloom::analysis::report::units;
use netloom::capture::dedupe::Deduplicated;
use netloom::capture::filter::Filter;
use netloom::pipeline::scan::{Scan, ScanOptions, Source};
use netloom::sql::{Condition, QueryError};
use netloom::tables::anonymize::Anonymizer;
use netloom::tables::profile::Style;
use netloom::tables::{AnyColumns, Sorter, TableFormat, TableName};
use netloom::{FlowRules, OpenOptions, Replay};

use self::live::Live;
use self::output::{Output, Outputs};
use self::owners::Sockets;
use self::shape::{Shape, Shapes, Sort};
use self::systems::Systems;
use super::Session;
use crate::arguments::{Arguments, Command, ExportOptions, Format, Global, Profile, Table};
use crate::failure::{ExitCode, Failure};
use crate::files::{Files, replay};
use crate::output::{Printer, is_standard};
use crate::progress::stop_on_signal;

/// Bytes of rows that are kept in memory while they are sorted, of all tables together.
const SORTED_IN_MEMORY: usize = 48 << 20;

pub(crate) fn run(
    options: &ExportOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    if options.tables().is_empty() {
        return asked(options, printer);
    }
    let words = options.inputs.words();
    let filter = super::filter::parsed(global, &words)?;
    check(options)?;
    crate::allocator::keep_freed();
    if !options.inputs.is_live() {
        let input = Input {
            options,
            session: session(options, global, printer),
            filter,
            live: RefCell::new(None),
        };
        return export(&input);
    }
    let (source, filters) = live::open(options, &super::filter::given(global, &words)?)?;
    let mut session = session(options, global, printer);
    session.live = true;
    let interrupt = std::mem::take(&mut session.control);
    let live = Live::new(source, filters, options, interrupt);
    let counts = live.counts();
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
    live::summary(&counts, printer);
    done
}

/// With the flow rules that the profile implies, unless others were asked for.
fn session<'a>(options: &ExportOptions, global: &'a Global, printer: &'a Printer) -> Session<'a> {
    let mut session = Session::new(global, printer);
    let rules = &mut session.options.flow.rules;
    if *rules == FlowRules::Native
        && let Some(implied) = options.profile.profile().rules()
    {
        *rules = implied;
    }
    session
}

/// No table was named: whoever is there is asked.
fn asked(options: &ExportOptions, printer: &Printer) -> Result<ExitCode, Failure> {
    if !ask::possible() {
        return Err(Failure::usage("which table is to be exported?")
            .hint("netloom export flows FILE ... is one way; netloom tables lists them"));
    }
    let Some(words) = ask::ask(options)? else {
        return Ok(ExitCode::SUCCESS);
    };
    printer.note(&format!("the same again: {}", ask::shown(&words)));
    let arguments = Arguments::try_parse_from(&words).map_err(Failure::usage)?;
    match &arguments.command {
        Command::Export(options) if !options.tables().is_empty() => {
            run(options, &arguments.global, printer)
        }
        _ => Err(Failure::usage("the answers make no command line")),
    }
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
    let mut scan_options = ScanOptions::new(session.options.clone());
    scan_options.live = session.live;
    scan_options.named_packets_only = options.drop_unknown;
    scan_options.payload_bytes = options.payload_bytes.unwrap_or(usize::MAX);
    scan_options.interval = options.interval;
    if session.live {
        scan_options.owners = Sockets::watch().map(|sockets| Arc::new(sockets) as _);
    }
    if let Some(path) = &options.asn_db {
        scan_options.systems = Some(Arc::new(Systems::open(path)?));
    }
    let captures = if session.live {
        &[][..]
    } else {
        options.inputs.files()
    };
    let files = Files::of_captures(captures)?;
    for path in [&options.asn_db, &options.anonymize_key]
        .into_iter()
        .flatten()
    {
        files.reads(path);
    }
    let targets = targets(options)?;
    for target in &targets {
        files.check(&target.path)?;
    }
    // What makes no sense is said before anything is written.
    let mut shapes = Vec::new();
    for target in &targets {
        shapes.push(shape(options, target)?);
    }
    let anonymizer = anonymize::anonymizer(options, session.printer)?;
    if let Some(anonymizer) = &anonymizer {
        shapes = anonymized(shapes, anonymizer)?;
    }
    let scan = Scan::new(shapes.iter().map(Shape::request).collect(), scan_options);
    // Standard input is copied where it is read twice.
    let replay = (scan.passes() > 1)
        .then(|| replay(options.inputs.files()))
        .transpose()?;
    if replay.is_some() {
        stop_on_signal(&session.control);
    }
    // Before an output begins with what stands before rows: what is no capture leaves nothing.
    let mut first = Some(input.open(replay.as_ref())?);
    let mut open = || match first.take() {
        Some(source) => Ok(source),
        None if session.is_stopped() => Err(stopped_early(&[])),
        None => input.open(replay.as_ref()),
    };
    let mut outputs = Vec::new();
    for (target, shape) in targets.iter().zip(&shapes) {
        let schema = shape.schema();
        let written = schema.project(&shape.written()).map_err(Failure::usage)?;
        let mut output = Output::create(
            (target.format, target.style),
            &target.path,
            target.table,
            &Arc::new(written),
            session.live,
            &files,
        )?;
        output.as_made = shape.is_as_made();
        if !shape.sort.is_empty() {
            let memory = SORTED_IN_MEMORY / targets.len();
            let sorter = Sorter::new(schema, shape.sort.clone(), memory);
            let threads = session.options.thread_count();
            output.sort(sorter, shape.written(), threads, &session.control);
        }
        outputs.push(output);
    }
    let (shapes, mut outputs) = (Shapes(shapes), Outputs(outputs));
    let outcome = session.scan(&scan, &mut open, &shapes, &mut outputs, &options.output);
    // Half a table is none. Live, it is the capture that was ended.
    if session.is_stopped() {
        return Err(stopped_early(&outputs.0));
    }
    let outcome = outcome?;
    session.tell_captures(&outcome.captures, false);
    if let Some(failed) = outcome.failed {
        return Err(failed.into());
    }
    if let Some(replay) = &replay {
        replay.check()?;
    }
    if outcome.hosts_forgotten {
        session.printer.warning("there were too many addresses for the table, or they had too much to say: those with the least traffic were left out, or what they said");
    }
    if outcome.pairs_forgotten {
        session.printer.warning("there were too many pairs of addresses to remember each: hosts may have more peers than the table says");
    }
    outputs.commit()?;
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
    if outcome.timeline_by_port > 0 {
        session.printer.warning(&format!(
            "what {} of the timeline was of is told by ports alone, or is `other`: there are too many flows \
             in too short intervals; a longer --interval has room for them",
            units::counted(outcome.timeline_by_port, "packet", "packets")
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Somebody ended it before it was done.
fn stopped_early(outputs: &[Output]) -> Failure {
    Failure::interrupted(if outputs.iter().any(|output| output.in_place) {
        "stopped early: what was written is not all"
    } else {
        "stopped early: nothing was written"
    })
}

/// Where a table goes.
struct Target {
    table: TableName,
    path: PathBuf,
    format: TableFormat,
    style: Style,
}

/// Where the tables go: one to the output, several into a folder, or each to the output's name
/// with its own in the place of `{table}`.
fn targets(options: &ExportOptions) -> Result<Vec<Target>, Failure> {
    let format = options.format.map(Format::format);
    let output = &options.output;
    let profile = options.profile.profile();
    let target = |table: TableName, path: PathBuf| {
        let style = profile.style(table);
        Target {
            table,
            format: style.format(format.or_else(|| TableFormat::by_extension(&path))),
            style,
            path,
        }
    };
    let tables = options.tables();
    let pattern = output.to_str().filter(|path| path.contains("{table}"));
    if let Some(pattern) = pattern {
        return Ok(tables
            .iter()
            .map(|table| {
                let table = table.name();
                target(table, pattern.replace("{table}", table.name()).into())
            })
            .collect());
    }
    if let [table] = tables[..] {
        return Ok(vec![target(table.name(), output.clone())]);
    }
    if is_standard(output) {
        return Err(Failure::usage("several tables do not fit into one output")
            .hint("name a folder: -o tables, or files: -o '{table}.parquet'"));
    }
    std::fs::create_dir_all(output).map_err(|cause| Failure::writing(output, &cause))?;
    Ok(tables
        .iter()
        .map(|table| {
            let table = table.name();
            let style = profile.style(table);
            target(
                table,
                output.join(style.file_name(table, style.format(format))),
            )
        })
        .collect())
}

/// A table that is asked for.
fn shape(options: &ExportOptions, target: &Target) -> Result<Shape, Failure> {
    let table = target.table;
    let hint = format!("netloom tables {table} says what each holds");
    let failed = |error| Failure::usage(error).hint(hint.clone());
    let mut shape = Shape::new(columns(options, table)?, target.format, target.style);
    if let Some(text) = &options.condition {
        let condition =
            Condition::of_table(table, text).map_err(|error| condition_failed(&error))?;
        shape = shape.filtered(condition).map_err(failed)?;
    }
    let Some(sort) = &options.sort else {
        return Ok(shape);
    };
    let sort = Sort::parse(sort).map_err(|error| {
        Failure::usage(format!("--sort {sort}: {error}"))
            .hint("columns with commas between them: --sort fwd_bytes:desc,start")
    })?;
    shape.sorted(&sort).map_err(failed)
}

/// `--where` makes no sense.
fn condition_failed(error: &QueryError) -> Failure {
    let failure = Failure::usage(format!("--where: {error}"));
    match error {
        QueryError::Query {
            hint: Some(hint), ..
        } => failure.hint(hint),
        _ => failure,
    }
}

/// The shapes with other addresses and names.
fn anonymized(shapes: Vec<Shape>, anonymizer: &Arc<Anonymizer>) -> Result<Vec<Shape>, Failure> {
    let mut anonymized = Vec::new();
    for shape in shapes {
        anonymized.push(shape.anonymized(anonymizer).map_err(Failure::usage)?);
    }
    Ok(anonymized)
}

/// The columns that are asked for.
fn columns(options: &ExportOptions, table: TableName) -> Result<AnyColumns, Failure> {
    let profile = options.profile.profile();
    let Some(columns) = profile.parse_columns(table, options.columns.as_deref()) else {
        let tables: Vec<_> = profile.tables().iter().map(|table| table.name()).collect();
        return Err(
            Failure::usage(format!("--profile {profile} has no table '{table}'"))
                .hint(format!("it has {}", tables.join(", "))),
        );
    };
    let hint = match options.profile {
        Profile::Native => format!("netloom tables {table} says what each holds"),
        _ => match profile.parse_columns(table, None) {
            Some(Ok(all)) => format!("--profile {profile} has: {}", names(&all)),
            _ => format!("--profile {profile} has columns of its own"),
        },
    };
    columns.map_err(|error| Failure::usage(error).hint(hint))
}

/// The names of columns, with commas between them.
fn names(columns: &AnyColumns) -> String {
    let schema = columns.schema();
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    names.join(", ")
}

/// What cannot be together: files and interfaces, and options that only packets have for another
/// table.
fn check(options: &ExportOptions) -> Result<(), Failure> {
    if options.inputs.files().is_empty() && !options.inputs.is_live() {
        return Err(Failure::usage("no capture is given")
            .hint("name files, a folder, - for standard input, or an interface: -i eth0"));
    }
    if let Some(file) = options.inputs.file_too_many() {
        return Err(Failure::usage(format!(
            "both an interface and a capture ({}) are given",
            file.display()
        ))
        .hint("leave one away; the words of a filter stand after --"));
    }
    if let [_, _, ..] = options.tables()
        && options.columns.is_some()
    {
        return Err(
            Failure::usage("--columns is for one table, and there are several")
                .hint("leave --columns away, or export the tables one by one"),
        );
    }
    let timeline = options.tables().contains(&Table::Timeline);
    if options.interval.is_some() && !timeline {
        return Err(Failure::usage("--interval is for the timeline alone")
            .hint("netloom export timeline FILE ... has it"));
    }
    if options.interval == Some(0) {
        return Err(Failure::usage("--interval must be above 0").hint(
            "leave it away for at most a thousand intervals, or say how long: --interval 1s",
        ));
    }
    if options.tables().contains(&Table::Packets) {
        return Ok(());
    }
    let given = [
        (options.drop_unknown, "--drop-unknown"),
        (options.payload_bytes.is_some(), "--payload-bytes"),
    ];
    match given.iter().find(|(given, _)| *given) {
        Some((_, name)) => Err(Failure::usage(format!("{name} is for packets alone"))
            .hint("netloom export packets FILE ... has it")),
        None => Ok(()),
    }
}
