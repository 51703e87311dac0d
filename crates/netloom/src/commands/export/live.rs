//! Interfaces as what a table is made from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netloom::analysis::report::units;
use netloom::capture::live::{self, LiveOptions, LiveSource, StatsHandle, StopHandle};
use netloom::pipeline::Control;
use netloom::pipeline::packet::{CaptureInfo, SourceError};
use netloom::{PacketBatch, PacketSource, Timestamp};

use super::super::capture::filter::{self, Program};
use super::super::capture::{self, status::Status};
use crate::arguments::{ExportOptions, Global};
use crate::clock::Stopwatch;
use crate::failure::Failure;
use crate::output::Printer;

/// Opens the interfaces and sets their filter; what nobody needs privileges for comes after it.
pub(super) fn open(
    options: &ExportOptions,
    expression: &str,
) -> Result<(LiveSource, Vec<Option<Program>>), Failure> {
    let wanted = LiveOptions::for_analysis(options.inputs.interfaces.clone());
    let mut source = live::open(&wanted)?;
    let filters = filter::set(&mut source, expression)?;
    let owner = capture::owner_of([options.output.as_path()].into_iter());
    live::drop_privileges(owner.as_deref())?;
    Ok((source, filters))
}

/// A capture that goes on while its table is written.
pub(super) struct Live {
    pub(super) source: Limited,
    stats: StatsHandle,
    taken: Arc<AtomicU64>,
    names: String,
}

impl Live {
    /// `interrupt`'s `stop` ends the packets; the engine comes to its end after them, so that
    /// whatever was captured has its row.
    pub(super) fn new(
        source: LiveSource,
        filters: Vec<Option<Program>>,
        options: &ExportOptions,
        interrupt: Arc<Control>,
    ) -> Self {
        let names = source.interface_names().join(", ");
        let (stats, stop) = (source.stats_handle(), source.stop_handle());
        let duration = options.inputs.duration;
        let taken = Arc::new(AtomicU64::new(0));
        let source = Limited {
            source: filter::live(source, filters),
            stop,
            interrupt,
            watch: Stopwatch::start(),
            duration: duration.map(|nanos| Duration::from_nanos(nanos.unsigned_abs())),
            left: options.inputs.count,
            taken: Arc::clone(&taken),
            over: false,
        };
        Self {
            source,
            stats,
            taken,
            names,
        }
    }

    /// Says what is being done, and goes on saying it.
    pub(super) fn show(&self, to_terminal: bool, global: &Global, printer: &Printer) -> Status {
        let names = &self.names;
        printer.note(&format!("listening on {names}; Ctrl-C ends it"));
        Status::show(
            self.stats.clone(),
            Arc::default(),
            self.source.duration,
            !to_terminal,
            global,
        )
    }

    /// What the kernel counts, and the packets that were taken.
    pub(super) fn counts(&self) -> (StatsHandle, Arc<AtomicU64>) {
        (self.stats.clone(), Arc::clone(&self.taken))
    }
}

/// Says what was captured and what was lost; always.
pub(super) fn summary((stats, taken): &(StatsHandle, Arc<AtomicU64>), printer: &Printer) {
    let stats = stats.stats();
    printer.plain(&units::counted(
        taken.load(Ordering::Relaxed),
        "packet captured",
        "packets captured",
    ));
    for (number, words) in [
        (stats.received, "received by filter"),
        (stats.dropped_kernel, "dropped by kernel"),
        (stats.dropped_interface, "dropped by interface"),
    ] {
        printer.plain(&format!("{} {words}", units::count(number)));
    }
}

/// A live source that ends after a time, after some packets, or at Ctrl-C.
pub(super) struct Limited {
    source: Box<dyn PacketSource + Send>,
    stop: StopHandle,
    interrupt: Arc<Control>,
    watch: Stopwatch,
    duration: Option<Duration>,
    /// Packets that are still wanted.
    left: Option<u64>,
    /// Packets that were handed on.
    taken: Arc<AtomicU64>,
    over: bool,
}

impl PacketSource for Limited {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        if self.over {
            batch.clear();
            return Ok(false);
        }
        let late = (self.duration).is_some_and(|duration| self.watch.elapsed() >= duration);
        if late || self.interrupt.stop.load(Ordering::Relaxed) {
            // What has come until now is still handed out.
            self.stop.stop();
        }
        let more = self.source.next_batch(batch)?;
        if let Some(left) = &mut self.left {
            let most = usize::try_from(*left).unwrap_or(usize::MAX);
            if batch.len() > most {
                batch.retain(|place| place < most);
            }
            *left -= batch.len() as u64;
            if *left == 0 {
                self.over = true;
                self.stop.stop();
                // To its end, where it asks the kernel a last time what it counted.
                let mut rest = PacketBatch::default();
                while self.source.next_batch(&mut rest).unwrap_or(false) {}
            }
        }
        self.taken.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(more)
    }

    fn info(&self) -> Vec<CaptureInfo> {
        self.source.info()
    }

    fn is_ready(&self) -> bool {
        !self.over && self.source.is_ready()
    }

    fn clock(&self) -> Option<Timestamp> {
        self.source.clock()
    }
}
