//! The commands, one a file.

pub(crate) mod anomalies;
pub(crate) mod capture;
pub(crate) mod cluster;
pub(crate) mod completions;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod filter;
pub(crate) mod forecast;
mod gathered;
pub(crate) mod interfaces;
mod learn;
pub(crate) mod predict;
pub(crate) mod query;
pub(crate) mod report;
pub(crate) mod slice;
pub(crate) mod tables;
mod told;
pub(crate) mod top;
pub(crate) mod train;

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use netloom::capture::filter::Filter;
use netloom::pipeline::packet::CaptureInfo;
use netloom::pipeline::scan::{Prepare, Scan, ScanError, ScanOutcome, Source, Write};
use netloom::pipeline::{Control, Outcome, PipelineOptions, Stage, run};
use netloom::{FlowConfig, PacketSource};

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output::Printer;
use crate::progress::{Progress, end_on_signal, stop_on_signal};

/// What a flow is, and how many there may be.
fn flow_config(global: &Global) -> FlowConfig {
    let mut config = FlowConfig::new(global.flow_rules);
    config.idle_timeout = global.idle_timeout;
    config.active_timeout = global.active_timeout;
    config.max_memory = global.max_memory;
    config.checksums = global.checksums;
    config
}

/// What the passes of a command share: options, the progress bar, Ctrl-C.
pub(crate) struct Session<'a> {
    global: &'a Global,
    printer: &'a Printer,
    pub(crate) options: PipelineOptions,
    control: Arc<Control>,
    /// What the filter of the last source does, if it has one.
    tally: RefCell<Option<filter::Tally>>,
    /// Packets come from interfaces: others show how far it has come.
    live: bool,
}

impl<'a> Session<'a> {
    pub(crate) fn new(global: &'a Global, printer: &'a Printer) -> Self {
        let mut options = PipelineOptions::new(flow_config(global));
        options.threads = global.threads;
        let control = Arc::new(Control::default());
        stop_on_signal(&control);
        Self {
            global,
            printer,
            options,
            control,
            tally: RefCell::new(None),
            live: false,
        }
    }

    /// Lets only the packets of a source through that match.
    pub(crate) fn filtered(
        &self,
        source: Box<dyn PacketSource + Send>,
        filter: Option<&Filter>,
    ) -> Result<Box<dyn PacketSource + Send>, Failure> {
        let (source, tally) = filter::put_before(source, filter)?;
        self.tally.replace(tally);
        Ok(source)
    }

    /// Runs a source through a stage, with a progress bar, until its end or Ctrl-C. `output` is
    /// where the stage writes, for messages.
    fn run<T: Stage>(
        &self,
        source: Box<dyn PacketSource + Send>,
        stage: &T,
        output: &Path,
    ) -> Result<Outcome<T::Output>, Failure> {
        self.control.packets.store(0, Ordering::Relaxed);
        let progress =
            (!self.live).then(|| Progress::show(&self.control, self.global, self.printer));
        let outcome = run(source, stage, &self.options, &self.control);
        drop(progress);
        end_on_signal();
        outcome.map_err(|cause| Failure::writing(output, &cause))
    }

    /// Reads a source, or reads it twice, for tables; with a progress bar, until its end or
    /// Ctrl-C. `output` is where they are written, for messages.
    pub(crate) fn scan<P: Prepare, W: Write<Prepared = P::Prepared>>(
        &self,
        scan: &Scan,
        open: &mut dyn FnMut() -> Result<Source, Failure>,
        prepare: &P,
        writer: &mut W,
        output: &Path,
    ) -> Result<ScanOutcome, Failure> {
        let progress =
            (!self.live).then(|| Progress::show(&self.control, self.global, self.printer));
        let outcome = scan.run(open, &self.control, prepare, writer);
        drop(progress);
        end_on_signal();
        outcome.map_err(|error| match error {
            ScanError::Output(cause) => Failure::writing(output, &cause),
            ScanError::Open(failure) => failure,
            other => Failure::usage(other),
        })
    }

    /// Whether somebody ended it.
    fn is_stopped(&self) -> bool {
        self.control.stop.load(Ordering::Relaxed)
    }

    /// Says what was odd about the captures.
    fn tell<O>(&self, outcome: &Outcome<O>) {
        self.tell_captures(&outcome.captures, outcome.interrupted);
    }

    pub(crate) fn tell_captures(&self, captures: &[CaptureInfo], interrupted: bool) {
        if self.live {
            // What is odd about an interface was said when it was.
            return;
        }
        if let Some(tally) = &*self.tally.borrow() {
            self.printer.note(&filter::matched(tally));
        }
        for capture in captures {
            for warning in &capture.warnings {
                // A file of a folder that was left out was not read: there is no place in it.
                self.printer.warning(&if capture.format.is_empty() {
                    warning.message.clone()
                } else {
                    let name = match capture.name.as_str() {
                        "-" => "standard input",
                        name => name,
                    };
                    format!("{name}: {} (at byte {})", warning.message, warning.offset)
                });
            }
            self.printer.detail(&format!(
                "{}: {}, {} packets",
                capture.name, capture.format, capture.packets
            ));
        }
        if interrupted {
            self.printer
                .note("stopped early; what follows is about what was read until then");
        }
    }
}
