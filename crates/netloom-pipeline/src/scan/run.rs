//! The passes of a scan, one after the other.

use std::sync::atomic::Ordering;

use netloom_packet::{CaptureInfo, PacketBatch, PacketSource, Progress, SourceError, Timestamp};
use netloom_tables::AnyColumns;

use super::known::Known;
use super::sink::{Prepare, Work, Write};
use super::stage::{Delivery, PassOutput, TableStage, Tally};
use super::{Scan, ScanError, ScanOutcome, Source, TableRequest};
use crate::engine::{Control, Outcome, run};
use crate::hosts::HostTable;

impl TableRequest {
    /// Whether its rows are made when everything was read.
    pub(super) fn is_made_at_the_end(&self) -> bool {
        matches!(self.columns, AnyColumns::Hosts(_) | AnyColumns::Capture(_))
    }
}

impl Scan {
    /// Reads the source and hands out the tables. `open` is called once for each of the
    /// [`passes`](Self::passes), and must give the same packets each time.
    ///
    /// [`Control::stop`] ends reading: tables are then those of what was read so far.
    ///
    /// # Errors
    ///
    /// When the source cannot be opened, or the output fails. A source that fails in the middle
    /// is no error here: see [`ScanOutcome::failed`].
    pub fn run<E, P, W>(
        &self,
        open: &mut dyn FnMut() -> Result<Source, E>,
        control: &Control,
        prepare: &P,
        writer: &mut W,
    ) -> Result<ScanOutcome, ScanError<E>>
    where
        P: Prepare,
        W: Write<Prepared = P::Prepared>,
    {
        let work = Work::default();
        let tallies: Vec<Tally> = self.requests.iter().map(Tally::new).collect();
        let delivery = Delivery {
            requests: &self.requests,
            tallies: &tallies,
            prepare,
            work: &work,
        };
        let (late, early): (Vec<usize>, Vec<usize>) =
            (0..self.requests.len()).partition(|&index| self.is_late(&self.requests[index]));
        let nothing = Known::default();
        let two = !late.is_empty();
        let mut pass = |requests: Vec<usize>, first: bool, known: &Known, source: Source| {
            for count in [&control.packets, &control.bytes_done, &control.bytes_total] {
                count.store(0, Ordering::Relaxed);
            }
            let stage = TableStage::new(self, requests, first, known, &delivery, writer);
            run(source, &stage, &self.options.pipeline, control).map_err(ScanError::Output)
        };

        let source = open().map_err(ScanError::Open)?;
        let mut outcome = pass(early, two, &nothing, source)?;
        let hosts = outcome.output.hosts.take();
        if two {
            let known = Known {
                late_flow_ids: std::mem::take(&mut outcome.late_flow_ids),
                names: std::mem::take(&mut outcome.output.names),
            };
            let mut source = open().map_err(ScanError::Open)?;
            if outcome.interrupted {
                // Of what the first pass read, all is told.
                let left = control.packets.load(Ordering::Relaxed);
                source = Box::new(Beginning { source, left });
                control.stop.store(false, Ordering::Relaxed);
            }
            let interrupted = outcome.interrupted;
            outcome = pass(late, false, &known, source)?;
            outcome.interrupted |= interrupted;
        }
        self.end(&outcome.captures, hosts.as_ref(), &delivery, writer)
            .map_err(ScanError::Output)?;
        Ok(self::outcome(outcome, hosts.as_ref(), &tallies))
    }

    /// Hands out what is made at the end.
    fn end<P: Prepare, W: Write<Prepared = P::Prepared>>(
        &self,
        captures: &[CaptureInfo],
        hosts: Option<&HostTable>,
        delivery: &Delivery<'_, P>,
        writer: &mut W,
    ) -> std::io::Result<()> {
        for (index, request) in self.requests.iter().enumerate() {
            match &request.columns {
                AnyColumns::Hosts(columns) => {
                    let mut builder = columns.builder();
                    for row in &hosts.map(HostTable::rows).unwrap_or_default() {
                        builder.append(&row);
                        if builder.is_full() {
                            let made = delivery.make(index, builder.finish());
                            delivery.deliver(writer, index, made)?;
                        }
                    }
                    let made = delivery.make(index, builder.finish());
                    delivery.deliver(writer, index, made)?;
                }
                AnyColumns::Capture(columns) => {
                    let mut builder = columns.builder();
                    for capture in captures {
                        builder.append(&capture);
                    }
                    let made = delivery.make(index, builder.finish());
                    delivery.deliver(writer, index, made)?;
                }
                _ => {}
            }
        }
        for (index, request) in self.requests.iter().enumerate() {
            // Where the engine had no rows to hand out, it did not end them either.
            if request.is_made_at_the_end() {
                writer.finish(index, delivery.work)?;
            }
        }
        let threads = self.options.pipeline.thread_count();
        std::thread::scope(|scope| {
            for _ in 1..threads {
                if delivery.work.is_empty() {
                    break;
                }
                scope.spawn(|| delivery.work.help());
            }
            delivery.work.help();
        });
        Ok(())
    }
}

fn outcome(
    outcome: Outcome<PassOutput>,
    hosts: Option<&HostTable>,
    tallies: &[Tally],
) -> ScanOutcome {
    ScanOutcome {
        rows: tallies
            .iter()
            .map(|tally| tally.rows.load(Ordering::Relaxed))
            .collect(),
        captures: outcome.captures,
        facts: outcome.facts,
        interrupted: outcome.interrupted,
        failed: outcome.failed,
        unnamed_rows: outcome.output.unnamed_rows,
        hosts_forgotten: hosts.is_some_and(HostTable::forgot),
    }
}

/// The first packets of a source.
struct Beginning {
    source: Source,
    /// Packets that are still wanted.
    left: u64,
}

impl PacketSource for Beginning {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        if self.left == 0 {
            batch.clear();
            return Ok(false);
        }
        let more = self.source.next_batch(batch)?;
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        if batch.len() > most {
            batch.retain(|place| place < most);
        }
        self.left -= batch.len() as u64;
        Ok(more)
    }

    fn info(&self) -> Vec<CaptureInfo> {
        self.source.info()
    }

    fn progress(&self) -> Progress {
        self.source.progress()
    }

    fn is_ready(&self) -> bool {
        self.source.is_ready()
    }

    fn clock(&self) -> Option<Timestamp> {
        self.source.clock()
    }
}
