//! `netloom report`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use netloom::OpenOptions;
use netloom::analysis::report::chart::{self, Theme};
use netloom::analysis::report::terminal::{self, TerminalOptions};
use netloom::analysis::report::{Report, html, json, png};
use netloom::analysis::summary::{ReportContext, SummaryStage};
use netloom::pipeline::packet::CaptureInfo;
use netloom::tables::output::AtomicFile;

use super::Session;
use crate::arguments::{Global, ReportOptions, Severity};
use crate::failure::{ExitCode, Failure};
use crate::files::Files;
use crate::output::{self, Printer, is_standard};

/// Pixels of a picture for each unit of its drawing.
const PNG_SCALE: f32 = 2.0;

/// Blocks in a round: one less than others have. A report's memory is promised, and this is 0.9 MiB
/// of it for 1 % of the time (docs/decisions/0007-rounds-instead-of-channels.md).
const ROUND_BLOCKS: usize = 5;

pub(crate) fn run(
    options: &ReportOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    let filter = super::filter::parsed(global, &options.inputs.words())?;
    // Outputs are opened first: nobody waits for a report that cannot be written.
    let to_stdout = |path: Option<&Path>| path.is_some_and(is_standard);
    let (html_out, json_out) = (options.html.as_deref(), options.json.as_deref());
    if to_stdout(html_out) && to_stdout(json_out) {
        return Err(Failure::usage(
            "--html - and --json - cannot both have standard output",
        ));
    }
    if options.open && to_stdout(html_out) {
        return Err(Failure::usage(
            "--open needs a file to open: give --html a name",
        ));
    }
    let files = Files::of_captures(options.inputs.files())?;
    let html_file = html_out.map(|path| files.create(path)).transpose()?;
    let json_file = json_out.map(|path| files.create(path)).transpose()?;
    if let Some(folder) = &options.png {
        std::fs::create_dir_all(folder).map_err(|cause| {
            let failure = Failure::writing(folder, &cause);
            if folder.is_dir() || cause.kind() == io::ErrorKind::PermissionDenied {
                return failure;
            }
            failure.hint("--png takes a folder: one that is there, or a new name")
        })?;
    }

    let stage = SummaryStage::new(usize::from(options.top));
    let mut session = Session::new(global, printer);
    session.options.round_blocks = ROUND_BLOCKS;
    let source = netloom::open(options.inputs.files(), &OpenOptions::FOR_SUMS)?;
    let source = session.filtered(source, filter.as_ref())?;
    let outcome = session.run(source, &stage, Path::new("-"))?;
    session.tell(&outcome);
    let filter = filter.map(|filter| filter.expression().to_owned());
    let context = context(global, outcome.captures, filter, outcome.interrupted);
    let report = outcome.output.report(&context);
    // All texts of the capture: there is nothing after this that could use their memory.
    std::mem::forget(stage);

    // All of them, before one has its name.
    let pictures = match &options.png {
        Some(folder) => pictures(&report, folder, &files)?,
        None => Vec::new(),
    };
    if let Some(file) = html_file {
        write(file, &html::render(&report))?;
    }
    if let Some(file) = json_file {
        let text = json::to_string(&report)
            .map_err(|cause| Failure::writing(Path::new("JSON"), &io::Error::other(cause)))?;
        write(file, &text)?;
    }
    for picture in pictures {
        picture.commit()?;
    }
    if !to_stdout(html_out) && !to_stdout(json_out) {
        print(&report, usize::from(options.top), printer)?;
    }
    for path in [html_out, json_out, options.png.as_deref()]
        .into_iter()
        .flatten()
    {
        if path != Path::new("-") {
            printer.note(&format!("wrote {}", path.display()));
        }
    }
    if options.open
        && let Some(path) = html_out
    {
        open(path, printer);
    }
    if let Some(failed) = outcome.failed {
        return Err(failed.into());
    }
    Ok(exit_code(&report, options.fail_on))
}

pub(super) fn write(mut file: AtomicFile, text: &str) -> Result<(), Failure> {
    let path = file.path().to_owned();
    file.write_all(text.as_bytes())
        .map_err(|cause| Failure::writing(&path, &cause))?;
    Ok(file.commit()?)
}

pub(super) fn print(report: &Report, top: usize, printer: &Printer) -> Result<(), Failure> {
    let stdout = io::stdout();
    let text = terminal::render(
        report,
        &TerminalOptions {
            width: output::width(),
            color: printer.colors(&stdout),
            unicode: !stdout.is_terminal() || output::unicode(),
            top,
        },
    );
    let mut stdout = stdout.lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|cause| Failure::writing(Path::new("-"), &cause))
}

/// What a report says about the run.
pub(super) fn context(
    global: &Global,
    captures: Vec<CaptureInfo>,
    filter: Option<String>,
    interrupted: bool,
) -> ReportContext {
    ReportContext {
        captures,
        flow_rules: global.flow_rules.name().to_owned(),
        options: global.of_flows(),
        filter,
        max_memory: global.max_memory as u64,
        interrupted,
    }
}

/// Each chart as SVG and as PNG, written but without its name.
fn pictures(report: &Report, folder: &Path, files: &Files) -> Result<Vec<AtomicFile>, Failure> {
    let mut pictures = Vec::new();
    for chart in chart::charts(report, Theme::Light) {
        let path = |extension: &str| folder.join(format!("{}.{extension}", chart.name));
        let png = png::encode(&chart.svg, PNG_SCALE)
            .map_err(|cause| Failure::writing(&path("png"), &io::Error::other(cause)))?;
        for (path, picture) in [(path("svg"), chart.svg.as_bytes()), (path("png"), &png)] {
            let mut file = files.create(&path)?;
            file.write_all(picture)
                .map_err(|cause| Failure::writing(&path, &cause))?;
            pictures.push(file);
        }
    }
    Ok(pictures)
}

/// Opens the page with the system's program for it.
pub(super) fn open(path: &Path, printer: &Printer) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let started = std::process::Command::new(opener)
        .arg(path)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    if let Err(cause) = started {
        printer.warning(&format!(
            "{opener} cannot be run ({cause}); open {} yourself",
            path.display()
        ));
    }
}

fn exit_code(report: &Report, fail_on: Option<Severity>) -> ExitCode {
    let worst = report
        .findings
        .iter()
        .filter_map(|finding| Severity::named(&finding.severity))
        .max();
    match (fail_on, worst) {
        (Some(limit), Some(worst)) if worst >= limit => ExitCode::UNMET,
        _ => ExitCode::SUCCESS,
    }
}
