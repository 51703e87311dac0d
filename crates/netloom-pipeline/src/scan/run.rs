//! The passes of a scan, one after the other.

use std::sync::atomic::Ordering;

use netloom_packet::{CaptureInfo, PacketBatch, PacketSource, Progress, SourceError, Timestamp};
use netloom_tables::{AnyColumns, BuildRows, RecordBatch, Table, TimelineRow};

use super::delivery::{Delivery, Tally};
use super::late::Apart;
use super::packets::Known;
use super::plan::{Pass, Plan};
use super::sink::{Prepare, Work, Write};
use super::stage::{PassOutput, TableStage};
use super::{Scan, ScanError, ScanOutcome, Source, TableRequest};
use crate::engine::{Control, Outcome, run};
use crate::hosts::HostTable;

impl TableRequest {
    /// Whether its rows are made when everything was read.
    pub(super) fn is_made_at_the_end(&self) -> bool {
        matches!(
            self.columns,
            AnyColumns::Hosts(_) | AnyColumns::Timeline(_) | AnyColumns::Capture(_)
        )
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
        let (late, mut early): (Vec<usize>, Vec<usize>) =
            (0..self.requests.len()).partition(|&index| self.is_late(&self.requests[index]));
        let apart: Vec<Option<Apart>> = (0..self.requests.len())
            .map(|index| self.apart(index, writer))
            .collect();
        let is_apart: Vec<bool> = apart.iter().map(Option::is_some).collect();
        early.extend((0..apart.len()).filter(|&index| is_apart[index]));
        // As each pass has them.
        let dictionaries: Vec<bool> = (0..self.requests.len())
            .map(|index| writer.takes_dictionaries(index))
            .collect();
        let of_pass = |part: fn(&Apart) -> &TableRequest| -> Vec<TableRequest> {
            (self.requests.iter().zip(&apart).zip(&dictionaries))
                .map(|((request, apart), &repeated)| {
                    let request = apart.as_ref().map_or(request, part).clone();
                    TableRequest {
                        repeated,
                        ..request
                    }
                })
                .collect()
        };
        let requests = [of_pass(|apart| &apart.early), of_pass(|apart| &apart.late)];
        let [first_delivery, second_delivery] = [false, true].map(|late| Delivery {
            requests: &requests[usize::from(late)],
            tallies: &tallies,
            prepare,
            work: &work,
            apart: &is_apart,
            late,
        });
        let run_pass = |plan: Plan,
                        known: Option<&Known>,
                        source: Source,
                        delivery: &Delivery<'_, P>,
                        writer: &mut W| {
            for count in [&control.packets, &control.bytes_done, &control.bytes_total] {
                count.store(0, Ordering::Relaxed);
            }
            let stage = TableStage::new(self, plan, known, delivery, writer);
            run(source, &stage, &self.options.pipeline, control).map_err(ScanError::Output)
        };

        let source = open().map_err(ScanError::Open)?;
        let first = if late.is_empty() {
            Pass::Only
        } else {
            Pass::First
        };
        let mut plan = Plan::new(self, &requests[0], early, first);
        plan.services = apart.iter().flatten().any(Apart::has_services);
        let mut outcome = run_pass(plan, None, source, &first_delivery, writer)?;
        let hosts = outcome.output.hosts.take();
        let timeline = std::mem::take(&mut outcome.output.timeline);
        if first == Pass::First {
            let mut known = std::mem::take(&mut outcome.output.known);
            let firsts = std::mem::take(&mut outcome.late_flow_firsts);
            known.packets.correct(firsts);
            let flow_ids = known.names.overflowed;
            // Whether packets must be looked at again to tell what is known of their flows.
            let again = flow_ids || known.names.is_ambiguous();
            let second: Vec<usize> = (late.iter().copied())
                .filter(|&index| again || !is_apart[index])
                .collect();
            if !again {
                let threads = self.options.pipeline.thread_count();
                for (index, apart) in apart.iter().enumerate() {
                    let Some(apart) = apart else { continue };
                    apart
                        .make(index, &known, &second_delivery, writer, threads)
                        .map_err(ScanError::Output)?;
                }
            }
            if !second.is_empty() {
                let mut source = open().map_err(ScanError::Open)?;
                if outcome.interrupted {
                    // Of what the first pass read, all is told.
                    let left = control.packets.load(Ordering::Relaxed);
                    source = Box::new(Beginning { source, left });
                    control.stop.store(false, Ordering::Relaxed);
                }
                let interrupted = outcome.interrupted;
                let pass = Pass::Second { flow_ids };
                let plan = Plan::new(self, &requests[1], second, pass);
                outcome = run_pass(plan, Some(&known), source, &second_delivery, writer)?;
                outcome.interrupted |= interrupted;
            }
        }
        let delivery = second_delivery;
        self.end(
            &outcome.captures,
            hosts.as_ref(),
            &timeline,
            &delivery,
            writer,
        )
        .map_err(ScanError::Output)?;
        Ok(self::outcome(outcome, hosts.as_ref(), &tallies))
    }

    /// A request in two, where it can be, and the writer takes it so.
    fn apart<W: Write>(&self, index: usize, writer: &mut W) -> Option<Apart> {
        let request = &self.requests[index];
        if !self.is_late(request) || self.options.named_packets_only {
            return None;
        }
        let apart = Apart::new(request)?;
        writer.takes_late(index, &apart.places).then_some(apart)
    }

    /// Hands out what is made at the end.
    fn end<P: Prepare, W: Write<Prepared = P::Prepared>>(
        &self,
        captures: &[CaptureInfo],
        hosts: Option<&HostTable>,
        timeline: &[TimelineRow],
        delivery: &Delivery<'_, P>,
        writer: &mut W,
    ) -> std::io::Result<()> {
        for (index, request) in self.requests.iter().enumerate() {
            let mut hand_on = |batch| delivery.deliver(writer, index, delivery.make(index, batch));
            match &request.columns {
                AnyColumns::Hosts(columns) => {
                    let mut rows = hosts.map(HostTable::rows).unwrap_or_default();
                    if let Some(systems) = &self.options.systems {
                        for row in &mut rows {
                            row.asn = systems.system(row.address);
                        }
                    }
                    hand_on_rows(columns.builder(), &rows, &mut hand_on)?;
                }
                AnyColumns::Timeline(columns) => {
                    hand_on_rows(columns.builder(), timeline, &mut hand_on)?;
                }
                AnyColumns::Capture(columns) => {
                    hand_on_rows(columns.builder(), captures, &mut hand_on)?;
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

/// Makes rows of what is there and hands them on.
fn hand_on_rows<K, R>(
    mut builder: Box<dyn BuildRows<K>>,
    rows: &[R],
    hand_on: &mut dyn FnMut(RecordBatch) -> std::io::Result<()>,
) -> std::io::Result<()>
where
    K: for<'r> Table<Row<'r> = &'r R>,
{
    for row in rows {
        builder.append(&row);
        if builder.is_full() {
            hand_on(builder.finish())?;
        }
    }
    hand_on(builder.finish())
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
        timeline_by_port: outcome.output.timeline_by_port,
        pairs_forgotten: hosts.is_some_and(HostTable::forgot_pairs),
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
