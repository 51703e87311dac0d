//! What is done with each packet of a capture: written, printed, counted.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::filter::Program;
use netloom::capture::file::{
    CaptureWriter, Direction, InterfaceStatistics, PacketNotes, WrittenFiles,
};
use netloom::capture::live::{LiveSource, LiveStats, StatsHandle};
use netloom::pipeline::Control;
use netloom::pipeline::packet::{CaptureInfo, LinkType, MacAddr, SourceError};
use netloom::{Packet, PacketBatch, PacketSource, Timestamp};

use super::lines::Lines;
use super::status::Written;
use crate::clock::{self, Stopwatch};

/// How often the counters are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// How long is waited for packets, and so how late at most an end is seen.
const PATIENCE: Duration = Duration::from_millis(50);

/// `sll_pkttype` of a packet that this machine sent, and where it stands in the header of
/// `LINKTYPE_LINUX_SLL2`.
const OUTGOING: u8 = 4;
const PACKET_TYPE: usize = 10;

/// What ends a capture, beside Ctrl-C.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) packets: Option<u64>,
    pub(super) duration: Option<Duration>,
}

/// Takes the packets of a capture.
pub(super) struct Recorder {
    pub(super) writer: Option<CaptureWriter>,
    pub(super) lines: Option<Lines>,
    /// For interfaces whose filter the kernel could not take: what they have to meet here.
    pub(super) filters: Vec<Option<Program>>,
    /// Addresses of the interfaces, which tell what was sent from what was received.
    pub(super) own: Vec<Option<MacAddr>>,
    pub(super) limits: Limits,
    pub(super) written: Arc<Written>,
    /// Ctrl-C sets its `stop`.
    pub(super) control: Arc<Control>,
    pub(super) watch: Stopwatch,
    pub(super) started: Timestamp,
    looked: Duration,
    /// Packets taken.
    pub(super) packets: u64,
    /// What went wrong, if something did.
    pub(super) failed: Option<Stopped>,
}

/// Why a capture ended before it was to.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The capture's own file.
    Writing(SourceError),
    /// Standard output, where the lines go.
    Printing(std::io::Error),
}

impl Recorder {
    pub(super) fn new(control: Arc<Control>, limits: Limits) -> Self {
        Self {
            writer: None,
            lines: None,
            filters: Vec::new(),
            own: Vec::new(),
            limits,
            written: Arc::default(),
            control,
            watch: Stopwatch::start(),
            started: clock::now(),
            looked: Duration::ZERO,
            packets: 0,
            failed: None,
        }
    }

    /// Takes a packet; breaks after the last one that is wanted.
    #[inline]
    pub(super) fn packet(&mut self, packet: &Packet<'_>) -> ControlFlow<()> {
        if !self.accepts(packet) {
            return ControlFlow::Continue(());
        }
        self.packets += 1;
        if let Some(writer) = &mut self.writer {
            let notes = PacketNotes {
                direction: direction(packet, &self.own),
                comment: None,
            };
            if let Err(error) = writer.write(packet, notes) {
                self.failed = Some(Stopped::Writing(error));
                return ControlFlow::Break(());
            }
        }
        if let Some(lines) = &mut self.lines {
            lines.packet(packet);
            if lines.is_full()
                && let Err(error) = lines.flush()
            {
                self.failed = Some(Stopped::Printing(error));
                return ControlFlow::Break(());
            }
        }
        if self.limits.packets == Some(self.packets) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Whether a packet meets a filter that only this process can apply.
    #[inline]
    pub(super) fn accepts(&self, packet: &Packet<'_>) -> bool {
        match self.filters.get(packet.interface as usize) {
            Some(Some(program)) => program.accepts(packet.data, packet.wire_len),
            _ => true,
        }
    }

    /// All that was there has been taken; breaks if the capture is over.
    pub(super) fn batch_end(&mut self, stats: &StatsHandle) -> ControlFlow<()> {
        if self.failed.is_some() || self.limits.packets.is_some_and(|most| self.packets >= most) {
            return ControlFlow::Break(());
        }
        let elapsed = self.watch.elapsed();
        let done = match &mut self.writer {
            Some(writer) => {
                if elapsed.saturating_sub(self.looked) >= LOOK {
                    self.looked = elapsed;
                    count(writer, &stats.stats(), self.started);
                    self.written.bytes.store(writer.bytes(), Ordering::Relaxed);
                }
                writer.batch_end().and_then(|()| writer.tick(clock::now()))
            }
            None => Ok(()),
        };
        if let Err(error) = done {
            self.failed = Some(Stopped::Writing(error));
            return ControlFlow::Break(());
        }
        if let Some(lines) = &mut self.lines
            && let Err(error) = lines.flush()
        {
            self.failed = Some(Stopped::Printing(error));
            return ControlFlow::Break(());
        }
        let late = self.limits.duration.is_some_and(|limit| elapsed >= limit);
        if late || self.control.stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Writes out what is held back, and what was counted.
    pub(super) fn finish(&mut self, stats: &LiveStats) {
        if let Some(lines) = &mut self.lines
            && let Err(error) = lines.flush()
        {
            self.failed.get_or_insert(Stopped::Printing(error));
        }
        if let Some(writer) = &mut self.writer {
            count(writer, stats, self.started);
            if let Err(error) = writer.finish(clock::now()) {
                self.failed.get_or_insert(Stopped::Writing(error));
            }
            self.written.bytes.store(writer.bytes(), Ordering::Relaxed);
        }
    }

    /// The files that were written and stay.
    pub(super) fn files(&self) -> Option<&WrittenFiles> {
        self.writer.as_ref().map(CaptureWriter::files)
    }
}

/// Tells the writer what was counted.
fn count(writer: &mut CaptureWriter, stats: &LiveStats, started: Timestamp) {
    let now = clock::now();
    for (index, interface) in stats.interfaces.iter().enumerate() {
        writer.set_statistics(
            index as u32,
            InterfaceStatistics {
                start: Some(started),
                end: Some(now),
                received: Some(interface.received),
                dropped_interface: interface.dropped_interface,
                dropped_kernel: Some(interface.dropped_kernel),
                delivered: Some(interface.packets),
            },
        );
    }
}

/// Which way a packet went, where that can be told.
#[inline]
fn direction(packet: &Packet<'_>, own: &[Option<MacAddr>]) -> Option<Direction> {
    match packet.link_type {
        LinkType::LINUX_SLL2 => Some(if *packet.data.get(PACKET_TYPE)? == OUTGOING {
            Direction::Outbound
        } else {
            Direction::Inbound
        }),
        LinkType::ETHERNET => {
            let own = own.get(packet.interface as usize)?.as_ref()?;
            let (to, rest) = packet.data.split_first_chunk::<6>()?;
            if rest.get(..6)? == own.0 {
                Some(Direction::Outbound)
            } else if *to == own.0 {
                Some(Direction::Inbound)
            } else {
                // Of what is to all or to others, a bridge sends and receives the same.
                None
            }
        }
        _ => None,
    }
}

/// Captures until something ends it; packets are taken where they lie in the ring.
pub(super) fn record(source: &mut LiveSource, recorder: &mut Recorder) -> Result<(), SourceError> {
    let stats = source.stats_handle();
    let done = loop {
        match source.read_with(PATIENCE, |packet| recorder.packet(packet)) {
            Ok(Some(_)) => {
                if recorder.batch_end(&stats).is_break() {
                    break Ok(());
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    recorder.finish(&source.stats());
    done
}

/// A live source that is recorded while others read from it.
pub(super) struct Recorded {
    source: LiveSource,
    recorder: Arc<Mutex<Recorder>>,
    stats: StatsHandle,
    over: bool,
}

impl Recorded {
    pub(super) fn new(source: LiveSource, recorder: Arc<Mutex<Recorder>>) -> Self {
        Self {
            stats: source.stats_handle(),
            source,
            recorder,
            over: false,
        }
    }
}

/// The recorder, whoever panicked with it.
pub(super) fn lock(recorder: &Mutex<Recorder>) -> MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PacketSource for Recorded {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        if self.over {
            batch.clear();
            return Ok(false);
        }
        let read = self.source.next_batch(batch);
        let mut recorder = lock(&self.recorder);
        let more = *read.as_ref().unwrap_or(&false);
        let mut taken = 0;
        let mut kept = Vec::with_capacity(batch.packets.len());
        for (place, packet) in batch.iter().enumerate() {
            let accepted = recorder.accepts(&packet);
            let flow = recorder.packet(&packet);
            if accepted {
                kept.push(place);
            }
            taken += 1;
            if flow.is_break() {
                break;
            }
        }
        if kept.len() < batch.packets.len() {
            batch.packets.truncate(taken);
            let mut place = 0;
            let mut kept = kept.into_iter().peekable();
            batch.packets.retain(|_| {
                let keep = kept.next_if_eq(&place).is_some();
                place += 1;
                keep
            });
        }
        if recorder.batch_end(&self.stats).is_break() || !more {
            self.over = true;
            recorder.finish(&self.source.stats());
        }
        read.map(|more| more && (!self.over || !batch.is_empty()))
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
