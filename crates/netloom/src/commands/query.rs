//! `netloom query`.

mod inputs;
mod output;
mod shell;
mod table;

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use netloom::Replay;
use netloom::capture::filter::Filter;
use netloom::pipeline::Control;
use netloom::pipeline::scan::{ScanOptions, Source};
use netloom::sql::{Captures, OpenError, QueryError, Rows, Session as Sql, SessionOptions};
use netloom::tables::read::ReadOptions;
use netloom_packet::SourceError;

pub(super) use self::inputs::{Inputs, files_of};
use self::output::How;
use super::Session;
use crate::arguments::{Global, QueryOptions};
use crate::failure::{ExitCode, Failure};
use crate::files::{Files, replay};
use crate::output::{Printer, is_standard};
use crate::progress::{Progress, stop_on_signal};

pub(crate) fn run(
    options: &QueryOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    let (statements, first) = statements_of(options)?;
    let files: Vec<&Path> = first
        .into_iter()
        .chain(options.files.iter().map(PathBuf::as_path))
        .collect();
    let asks = matches!(statements, Statements::Input) && std::io::stdin().is_terminal();
    if matches!(statements, Statements::Input) && files.iter().any(|file| is_standard(file)) {
        return Err(
            Failure::usage("standard input cannot be a capture and the queries at once")
                .hint("give the query on the command line: netloom query 'SELECT …' -"),
        );
    }
    let written = Files::default();
    let how = How::new(options, &written);
    if asks && !how.is_stdout() {
        return Err(
            Failure::usage("-o takes the rows of one query, and there is none")
                .hint("netloom query 'SELECT …' FILE -o OUT"),
        );
    }
    let inputs = Inputs::sort(&files)?;
    inputs.claim(&written)?;
    for what in &inputs.left_out {
        printer.warning(what);
    }
    written.check(&options.output)?;
    let filter = super::filter::parsed(global, &[])?;
    let mut data = Data::open(&inputs, None, filter.as_ref(), global, printer)?;
    let any = match &statements {
        Statements::Given(text) => shell::of_text(text, &mut data, how, printer)?,
        Statements::Input if asks => {
            shell::on_terminal(&mut data, how, printer)?;
            true
        }
        Statements::Input => shell::from_input(&mut data, how, printer)?,
    };
    if any {
        return Ok(ExitCode::SUCCESS);
    }
    Err(match first {
        Some(file) if !is_standard(file) => Failure::usage(format!(
            "'{}' stands where the query stands, and standard input holds none",
            file.display()
        ))
        .hint(format!(
            "netloom query 'SELECT * FROM flows LIMIT 10' {}",
            file.display()
        )),
        _ => Failure::usage("there is no query").hint("SELECT * FROM flows LIMIT 10 is one"),
    })
}

/// Where statements come from.
enum Statements {
    Given(String),
    /// Standard input: a person, or not.
    Input,
}

/// Where the query is, and a file that stands in its place.
fn statements_of(options: &QueryOptions) -> Result<(Statements, Option<&Path>), Failure> {
    let Some(first) = options.sql.as_deref() else {
        return Ok((Statements::Input, None));
    };
    match first.to_str() {
        Some("-") => Ok((Statements::Input, None)),
        Some(text) if !inputs::is_file(text) => Ok((Statements::Given(text.to_owned()), None)),
        None if !Path::new(first).exists() => Err(Failure::usage(format!(
            "'{}' is no query: it is no UTF-8",
            first.display()
        ))),
        _ => Ok((Statements::Input, Some(Path::new(first)))),
    }
}

/// Tables that queries are about, and what their captures said.
pub(super) struct Data<'a> {
    sql: Sql,
    captures: Vec<Arc<Captures>>,
    /// What they are read from, unless somebody else reads that, too.
    replays: Vec<Arc<Replay>>,
    shown: Arc<Shown>,
    session: Session<'a>,
    /// What ends a query early.
    control: Arc<Control>,
    /// Warnings about captures that were shown: each query reads them anew.
    said: RefCell<HashSet<String>>,
}

/// Opens captures as one stream, the same each time.
pub(super) type Open = dyn Fn() -> Result<Source, SourceError> + Send + Sync;

/// What is shown while captures are read, and what went wrong when they were opened.
#[derive(Default)]
struct Shown {
    progress: Mutex<Option<Progress>>,
    failed: Mutex<Option<SourceError>>,
}

impl<'a> Data<'a> {
    /// Takes inputs as tables; captures are opened when a query needs them, by `opened` where
    /// somebody else reads them, too.
    pub(super) fn open(
        inputs: &Inputs,
        opened: Option<&Arc<Open>>,
        filter: Option<&Filter>,
        global: &'a Global,
        printer: &'a Printer,
    ) -> Result<Self, Failure> {
        let session = Session::new(global, printer);
        let mut options = SessionOptions::default();
        options.memory = global.max_memory;
        let control = Arc::clone(&options.control);
        let mut replays = Vec::new();
        let sql = Sql::new(&options)?;
        let shown = Arc::new(Shown::default());
        let mut all = Vec::new();
        for (name, given) in &inputs.captures {
            let files = files_of(given)?;
            let opened: Arc<Open> = if let Some(opened) = opened {
                Arc::clone(opened)
            } else {
                let replay = Arc::new(replay(given)?);
                replays.push(Arc::clone(&replay));
                Arc::new(move || replay.open())
            };
            let filter = filter.cloned();
            let failures = Arc::clone(&shown);
            let open = move |_: &[PathBuf]| {
                let source = opened().and_then(|source| match &filter {
                    None => Ok(source),
                    Some(filter) => super::filter::filtered(source, filter),
                });
                source.map_err(|error| {
                    let said = OpenError::from(error.to_string());
                    *locked(&failures.failed) = Some(error);
                    said
                })
            };
            let (global, quiet) = (global.clone(), printer.is_quiet());
            let progress = Arc::clone(&shown);
            let captures = Captures::new(files, open, ScanOptions::new(session.options.clone()))
                .on_pass(move |control| {
                    let bar = Progress::unless(quiet, control, &global);
                    *locked(&progress.progress) = Some(bar);
                });
            let captures = Arc::new(captures);
            sql.add_captures(&captures, name.as_deref())?;
            all.push(captures);
        }
        for (name, files) in &inputs.tables {
            for note in add_files(&sql, name, files, &inputs.found, printer)? {
                printer.note(&note);
            }
        }
        stop_on_signal(&control);
        Ok(Self {
            sql,
            captures: all,
            replays,
            shown,
            session,
            control,
            said: RefCell::default(),
        })
    }

    /// Forgets the query before, which may have been stopped.
    fn begin(&self) {
        for captures in &self.captures {
            drop(captures.take_outcomes());
        }
        // A file may have grown between two queries.
        self.replays.iter().for_each(|replay| replay.renew());
        self.control.stop.store(false, Ordering::Relaxed);
        stop_on_signal(&self.control);
    }

    /// Whether somebody ended it.
    pub(super) fn is_stopped(&self) -> bool {
        self.control.stop.load(Ordering::Relaxed)
    }

    /// Begins a query.
    pub(super) fn query(&self, sql: &str) -> Result<Rows, Failure> {
        self.sql.query(sql).map_err(|error| self.failure(error))
    }

    /// Adds a table of one column of numbers.
    pub(super) fn add_numbers(
        &self,
        table: &str,
        column: &str,
        numbers: Vec<u64>,
    ) -> Result<(), Failure> {
        Ok(self.sql.add_numbers(table, column, numbers)?)
    }

    /// What a query failed with; of a capture, what was said when it was opened.
    pub(super) fn failure(&self, error: QueryError) -> Failure {
        self.hide_progress();
        match locked(&self.shown.failed).take() {
            Some(error) => error.into(),
            None => error.into(),
        }
    }

    /// Takes the progress bar away.
    pub(super) fn hide_progress(&self) {
        drop(locked(&self.shown.progress).take());
    }

    /// All rows were taken: says what was odd about the captures. An error is one of a capture
    /// that could not be read to its end.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        self.hide_progress();
        let mut failed = None;
        for captures in &self.captures {
            for mut outcome in captures.take_outcomes() {
                let mut said = self.said.borrow_mut();
                for capture in &mut outcome.captures {
                    let name = &capture.name;
                    (capture.warnings)
                        .retain(|warning| said.insert(format!("{name}: {}", warning.message)));
                }
                self.session
                    .tell_captures(&outcome.captures, outcome.interrupted);
                failed = failed.or(outcome.failed);
                if outcome.facts.evicted > 0 {
                    self.session.printer.warning(&format!(
                        "{} flows were ended early for lack of memory; --max-memory raises the bound",
                        outcome.facts.evicted
                    ));
                }
            }
        }
        if let Some(failed) = failed {
            return Err(failed.into());
        }
        self.replays.iter().try_for_each(|replay| replay.check())?;
        Ok(())
    }
}

/// Adds the table of files. Of those that a folder brought, what is no table after all is left out.
fn add_files(
    sql: &Sql,
    name: &str,
    files: &[PathBuf],
    found: &[PathBuf],
    printer: &Printer,
) -> Result<Vec<String>, Failure> {
    let mut files = files.to_vec();
    while !files.is_empty() {
        let error = match sql.add_files(name, &files, &ReadOptions::default()) {
            Ok(notes) => return Ok(notes),
            Err(error) => error,
        };
        let wrong = match (&error, &files[..]) {
            (QueryError::Table(error), _) => Some(error.path.clone()),
            (QueryError::Failed(_), [one]) => Some(one.clone()),
            _ => None,
        };
        let Some(wrong) = wrong.filter(|wrong| found.contains(wrong)) else {
            return Err(error.into());
        };
        let file = wrong.display().to_string();
        let said = error.to_string();
        let said = said.strip_prefix(&file).unwrap_or(&said);
        let said = said.trim_start_matches([',', ':', ' ']);
        printer.warning(&format!("{file} was left out: {said}"));
        files.retain(|file| *file != wrong);
    }
    Ok(Vec::new())
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether standard output is a terminal.
fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Query {
                message,
                hint: Some(hint),
            } => Self::usage(message).hint(hint),
            QueryError::Query { message, .. } => Self::usage(message),
            QueryError::Table(error) => error.into(),
            error @ QueryError::Stopped => Self::interrupted(error),
            error @ QueryError::Memory(_) => Self::input(error, None)
                .hint("--max-memory raises the bound, fewer columns need less"),
            other => Self::input(other, None),
        }
    }
}
