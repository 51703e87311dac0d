//! `netloom capture`.

mod ask;
pub(super) mod filter;
pub(super) mod interfaces;
mod lines;
mod recorder;
pub(super) mod status;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netloom::analysis::report::{html, units};
use netloom::analysis::summary::SummaryStage;
use netloom::capture::file::{
    CaptureWriter, FileFormat, FileNames, InterfaceDescription, PcapResolution, Rotation,
    SectionDescription, WriteCompression, WriteOptions,
};
use netloom::capture::live::{self, LiveOptions, LiveSource, LiveStats, NetworkInterface};
use netloom::pipeline::packet::LinkType;
use netloom::pipeline::{Control, run as run_pipeline};
use netloom::tables::output::AtomicFile;
use netloom::{OpenOptions, PacketSource};

use self::lines::Lines;
use self::recorder::{Limits, Recorded, Recorder, Stopped, lock, record};
use self::status::Status;
use super::{Session, report};
use crate::arguments::{CaptureFormat, CaptureOptions, Global, Limit, filter_of};
use crate::clock;
use crate::failure::{ExitCode, Failure};
use crate::files::Files;
use crate::output::Printer;

/// Rows of each "top" table of the report at the end.
const TOP: usize = 10;

pub(crate) fn run(
    options: &CaptureOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    if options.dump_filter {
        return filter::dump(options, &words(options, global)?);
    }
    if ask::wanted(options) {
        return match ask::ask()? {
            Some(answers) => {
                printer.note(&format!("the same again: {}", ask::command_line(&answers)));
                capture(&answers, global, printer)
            }
            None => Ok(ExitCode::SUCCESS),
        };
    }
    capture(options, global, printer)
}

/// The words of the filter, or that of `--filter`.
fn words(options: &CaptureOptions, global: &Global) -> Result<Vec<String>, Failure> {
    let expression = super::filter::given(global, &options.filter)?;
    Ok(if expression.is_empty() {
        Vec::new()
    } else {
        vec![expression]
    })
}

fn capture(
    options: &CaptureOptions,
    global: &Global,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    check(options)?;
    let expression = filter_of(&options.kinds, &words(options, global)?);
    let (mut source, filters) = open(options, &expression)?;

    // From here on nothing needs privileges; what is written belongs to whom the folder does.
    let folder_owner = owner_of_outputs(options);
    live::drop_privileges(folder_owner.as_deref())?;
    let session = Session::new(global, printer);

    let files = Files::default();
    if let Some(path) = &options.write {
        files.writes(path)?;
    }
    let html_file = options
        .html
        .as_deref()
        .map(|path| files.create(path))
        .transpose()?;
    let limits = Limits {
        packets: options.count,
        duration: options
            .duration
            .map(|nanos| Duration::from_nanos(nanos.unsigned_abs())),
    };
    let mut recorder = Recorder::new(Arc::clone(&session.control), limits);
    recorder.filters = filters;
    let names: Vec<String> = source
        .interface_names()
        .iter()
        .map(|&name| name.to_owned())
        .collect();
    // Without them, less is known of the interfaces; the capture is as good.
    let known = live::interfaces().unwrap_or_default();
    let about = |name: &str| known.iter().find(|interface| interface.name == name);
    recorder.own = names
        .iter()
        .map(|name| about(name).and_then(|interface| interface.mac))
        .collect();
    if let Some(path) = &options.write {
        recorder.writer = Some(writer(path, options, &source, &known, &expression)?);
    } else if options.html.is_none() {
        recorder.lines = Some(Lines::new(names.clone()));
    }
    source.start()?;
    let what = if expression.is_empty() {
        String::new()
    } else {
        format!(", filter: {expression}")
    };
    printer.note(&format!(
        "capturing on {}{what}; Ctrl-C ends it",
        names.join(", ")
    ));

    // Packets that go to standard output or into files are taken where they lie; a report of
    // what is in no file has to be made meanwhile.
    let regular = recorder
        .writer
        .as_ref()
        .is_some_and(CaptureWriter::is_regular);
    let meanwhile = options.html.is_some() && !regular;
    let status = Status::show(
        source.stats_handle(),
        Arc::clone(&recorder.written),
        limits.duration,
        recorder.lines.is_none(),
        global,
    );
    if meanwhile {
        let recorder = Arc::new(Mutex::new(recorder));
        let stats = source.stats_handle();
        let stage = SummaryStage::new(TOP);
        let recorded: Box<dyn PacketSource + Send> =
            Box::new(Recorded::new(source, Arc::clone(&recorder)));
        // Ctrl-C ends the source, and the engine with it, so that nothing is left in between.
        let control = Control::default();
        let outcome = run_pipeline(recorded, &stage, &session.options, &control)
            .map_err(|cause| Failure::writing(Path::new("-"), &cause))?;
        drop(status);
        let mut recorder = lock(&recorder);
        summary(&recorder, &stats.stats(), printer);
        let filter = (!expression.is_empty()).then(|| expression.clone());
        let context = report::context(global, outcome.captures, filter, false);
        let made = outcome.output.report(&context);
        let stdout_is_taken = options.write.as_deref() == Some(Path::new("-"))
            || options.html.as_deref() == Some(Path::new("-"));
        publish(&made, html_file, options, printer)?;
        if !global.quiet && !stdout_is_taken {
            report::print(&made, TOP, printer)?;
        }
        if let Some(failed) = outcome.failed {
            return Err(failed.into());
        }
        return ended(recorder.failed.take());
    }

    let done = record(&mut source, &mut recorder);
    drop(status);
    summary(&recorder, &source.stats(), printer);
    drop(source);
    if let Some(failed) = recorder.failed.take() {
        return ended(Some(failed));
    }
    let kept: Vec<PathBuf> = recorder
        .files()
        .map(|files| files.kept.iter().cloned().collect())
        .unwrap_or_default();
    if regular && recorder.packets > 0 && (!global.quiet || options.html.is_some()) {
        // A Ctrl-C ended the capture; another one may end this.
        session.control.stop.store(false, Ordering::Relaxed);
        let stage = SummaryStage::new(TOP);
        let captures = netloom::open(&kept, &OpenOptions::default())?;
        let outcome = session.run(captures, &stage, Path::new("-"))?;
        let filter = (!expression.is_empty()).then(|| expression.clone());
        let context = report::context(global, outcome.captures, filter, outcome.interrupted);
        let made = outcome.output.report(&context);
        // Rotated, they have names of their own.
        files.captures(&kept)?;
        publish(&made, html_file, options, printer)?;
        if !global.quiet && options.html.as_deref() != Some(Path::new("-")) {
            report::print(&made, TOP, printer)?;
        }
    } else if options.html.is_some() {
        printer.warning("there is no packet to report on: no page was written");
    }
    done?;
    Ok(ExitCode::SUCCESS)
}

/// What cannot be, however the network is.
fn check(options: &CaptureOptions) -> Result<(), Failure> {
    let is_stdout = |path: Option<&Path>| path == Some(Path::new("-"));
    if is_stdout(options.write.as_deref()) {
        if is_stdout(options.html.as_deref()) {
            return Err(Failure::usage(
                "-w - and --html - cannot both have standard output",
            ));
        }
        if !options.rotate.is_empty() {
            return Err(Failure::usage(
                "standard output is one file: it cannot be rotated",
            ));
        }
        if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            return Err(Failure::usage("a terminal cannot show what -w - writes")
                .hint("leave -w away to see a line for each packet, or send it to a program"));
        }
    }
    if options.open && is_stdout(options.html.as_deref()) {
        return Err(Failure::usage(
            "--open needs a file to open: give --html a name",
        ));
    }
    let sizes = |limit: &&Limit| matches!(limit, Limit::Size(_));
    let twice = options.rotate.iter().filter(sizes).count();
    if twice > 1 || options.rotate.len() - twice > 1 {
        return Err(Failure::usage(
            "--rotate takes one size and one time, not two of a kind",
        ));
    }
    Ok(())
}

/// Opens the interfaces, and sets their filters before any packet comes.
fn open(
    options: &CaptureOptions,
    expression: &str,
) -> Result<(LiveSource, Vec<Option<filter::Program>>), Failure> {
    let interfaces = match options.interfaces.as_slice() {
        [] => vec![interfaces::default()?],
        interfaces => interfaces.to_vec(),
    };
    let mut wanted = LiveOptions::new(interfaces);
    wanted.promiscuous = !options.no_promiscuous;
    if options.snaplen > 0 {
        wanted.snaplen = options.snaplen;
    }
    if let Some(bytes) = options.buffer {
        wanted.ring_bytes = bytes;
    }
    let mut source = live::open(&wanted)?;
    let filters = filter::set(&mut source, expression)?;
    Ok((source, filters))
}

fn writer(
    path: &Path,
    options: &CaptureOptions,
    source: &LiveSource,
    known: &[NetworkInterface],
    expression: &str,
) -> Result<CaptureWriter, Failure> {
    let compression = WriteCompression::by_name(path);
    let format = options.format.unwrap_or_else(|| by_name(path));
    let mut rotation = Rotation::default();
    for limit in &options.rotate {
        match *limit {
            Limit::Size(bytes) => rotation.bytes = Some(bytes),
            Limit::Time(nanos) => rotation.nanos = Some(nanos),
        }
    }
    let system = [("ostype", "Linux"), ("osrelease", "")].map(|(name, unknown)| {
        std::fs::read_to_string(format!("/proc/sys/kernel/{name}"))
            .map_or_else(|_| unknown.to_owned(), |text| text.trim().to_owned())
    });
    let system = system.join(" ").trim_end().to_owned();
    let write = WriteOptions {
        format: match format {
            CaptureFormat::Pcapng => FileFormat::Pcapng,
            CaptureFormat::Pcap => FileFormat::Pcap(PcapResolution::Nanoseconds),
        },
        compression,
        rotation,
        keep: options.keep.map(|keep| keep as usize),
        section: SectionDescription {
            hardware: processor().or_else(|| Some(std::env::consts::ARCH.to_owned())),
            os: Some(system.clone()),
            application: Some(format!("netloom {}", env!("CARGO_PKG_VERSION"))),
            comments: Vec::new(),
        },
        packet_buffered: options.packet_buffered,
    };
    let names = if rotation.is_any() {
        FileNames::rotated(path, clock::utc_offset)
    } else {
        FileNames::single(path)
    };
    let snap_len = match options.snaplen {
        0 => live::DEFAULT_SNAPLEN,
        snaplen => snaplen,
    };
    let interfaces = source
        .interface_names()
        .into_iter()
        .zip(source.link_types())
        .map(|(name, link_type)| {
            let about = known.iter().find(|interface| interface.name == name);
            InterfaceDescription {
                name: Some(name.to_owned()),
                description: None,
                filter: (!expression.is_empty()).then(|| expression.to_owned()),
                os: Some(system.clone()),
                mac: about
                    .and_then(|about| about.mac)
                    .filter(|_| link_type == LinkType::ETHERNET),
                speed: about.and_then(|about| about.speed),
                link_type,
                snap_len,
            }
        })
        .collect();
    Ok(CaptureWriter::create(
        names,
        write,
        interfaces,
        clock::now(),
    )?)
}

/// pcap where the name says so, in front of a compression's extension or not.
fn by_name(path: &Path) -> CaptureFormat {
    let inner = match WriteCompression::by_name(path) {
        Some(_) => path.file_stem().map(Path::new),
        None => Some(path),
    };
    let extension = inner
        .and_then(Path::extension)
        .and_then(|name| name.to_str());
    match extension {
        Some(name) if name.eq_ignore_ascii_case("pcap") || name.eq_ignore_ascii_case("cap") => {
            CaptureFormat::Pcap
        }
        _ => CaptureFormat::Pcapng,
    }
}

/// The processor's name.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The owner of the folder that is written to: files can be made there, and renamed, as that
/// user. Where there is none, or they differ, nobody in particular.
fn owner_of_outputs(options: &CaptureOptions) -> Option<String> {
    let outputs = [options.write.as_deref(), options.html.as_deref()];
    owner_of(outputs.into_iter().flatten())
}

/// The owner of the folder that outputs are in.
pub(super) fn owner_of<'a>(outputs: impl Iterator<Item = &'a Path>) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let mut owners = outputs.filter(|path| *path != Path::new("-")).map(|path| {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        std::fs::metadata(folder).map_or(0, |found| found.uid())
    });
    let first = owners.next()?;
    Some(if owners.all(|other| other == first) {
        first.to_string()
    } else {
        "0".to_owned()
    })
}

/// Says what was captured and what was lost; always.
fn summary(recorder: &Recorder, stats: &LiveStats, printer: &Printer) {
    let mut lines = vec![
        units::counted(recorder.packets, "packet captured", "packets captured"),
        format!("{} received by filter", units::count(stats.received)),
        format!("{} dropped by kernel", units::count(stats.dropped_kernel)),
        format!(
            "{} dropped by interface",
            units::count(stats.dropped_interface)
        ),
    ];
    if let Some(files) = recorder.files()
        && let Some(last) = files.kept.back()
        && last != Path::new("-")
    {
        let bytes = recorder.writer.as_ref().map_or(0, CaptureWriter::bytes);
        let mut line = format!("wrote {}", units::bytes(bytes));
        let all = files.kept.len() as u64 + files.removed;
        // Writing to a string does not fail.
        _ = if all == 1 {
            write!(line, " to {}", last.display())
        } else {
            let all = units::count(all);
            write!(line, " to {all} files, the last one {}", last.display())
        };
        if files.removed > 0 {
            let removed = units::count(files.removed);
            _ = write!(line, " ({removed} older ones removed)");
        }
        lines.push(line);
    }
    for line in lines {
        printer.plain(&line);
    }
}

/// Writes the page, and opens it.
fn publish(
    made: &netloom::analysis::report::Report,
    file: Option<AtomicFile>,
    options: &CaptureOptions,
    printer: &Printer,
) -> Result<(), Failure> {
    let (Some(file), Some(path)) = (file, options.html.as_deref()) else {
        return Ok(());
    };
    report::write(file, &html::render(made))?;
    if path != Path::new("-") {
        printer.note(&format!("wrote {}", path.display()));
    }
    if options.open {
        report::open(path, printer);
    }
    Ok(())
}

fn ended(failed: Option<Stopped>) -> Result<ExitCode, Failure> {
    match failed {
        None => Ok(ExitCode::SUCCESS),
        Some(Stopped::Writing(error)) => Err(error.into()),
        Some(Stopped::Printing(cause)) => Err(Failure::writing(Path::new("-"), &cause)),
    }
}
