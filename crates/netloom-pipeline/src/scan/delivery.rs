//! Batches on their way to whoever writes them, counted.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use netloom_tables::RecordBatch;

use super::TableRequest;
use super::sink::{Prepare, Work, Write};

/// How far a request has come; over all passes.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) rows: AtomicU64,
    /// No further row is wanted.
    done: AtomicBool,
}

impl Tally {
    /// Nothing was handed out yet.
    pub(super) fn new(request: &TableRequest) -> Self {
        Self {
            rows: AtomicU64::new(0),
            done: AtomicBool::new(request.limit == Some(0)),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }
}

/// Hands batches to the writer, and counts them.
pub(super) struct Delivery<'a, P> {
    pub(super) requests: &'a [TableRequest],
    pub(super) tallies: &'a [Tally],
    pub(super) prepare: &'a P,
    pub(super) work: &'a Work,
    /// Requests whose rows are handed out in two parts, and whether these are the late ones.
    pub(super) apart: &'a [bool],
    pub(super) late: bool,
}

/// A batch on its way.
pub(super) enum Made<T> {
    /// Of a request with a limit: how many of its rows are wanted is known only in order.
    Plain(RecordBatch),
    Ready(T, usize),
}

impl<P: Prepare> Delivery<'_, P> {
    /// On any thread.
    pub(super) fn make(&self, request: usize, batch: RecordBatch) -> Made<P::Prepared> {
        if self.requests[request].limit.is_some() {
            return Made::Plain(batch);
        }
        let rows = batch.num_rows();
        Made::Ready(self.prepare.prepare(request, batch), rows)
    }

    /// In order.
    pub(super) fn deliver<W: Write<Prepared = P::Prepared>>(
        &self,
        writer: &mut W,
        request: usize,
        made: Made<P::Prepared>,
    ) -> io::Result<()> {
        if self.is_late(request) {
            return self.deliver_late(writer, request, made);
        }
        let tally = &self.tallies[request];
        if tally.is_done() {
            return Ok(());
        }
        let before = tally.rows.load(Ordering::Relaxed);
        let limit = self.requests[request].limit.unwrap_or(u64::MAX);
        let (prepared, rows) = match made {
            Made::Ready(prepared, rows) => (prepared, rows),
            Made::Plain(batch) => {
                let left = usize::try_from(limit - before).unwrap_or(usize::MAX);
                let batch = batch.slice(0, batch.num_rows().min(left));
                let rows = batch.num_rows();
                (self.prepare.prepare(request, batch), rows)
            }
        };
        if rows == 0 {
            return Ok(());
        }
        let rows = before + rows as u64;
        tally.rows.store(rows, Ordering::Relaxed);
        let enough = writer.write(request, prepared, self.work)? == ControlFlow::Break(());
        if enough || rows >= limit {
            tally.done.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether what there is of a request are its late columns.
    pub(super) fn is_late(&self, request: usize) -> bool {
        self.late && self.apart[request]
    }

    /// The late columns of rows that were handed out, in order.
    pub(super) fn deliver_late<W: Write<Prepared = P::Prepared>>(
        &self,
        writer: &mut W,
        request: usize,
        made: Made<P::Prepared>,
    ) -> io::Result<()> {
        match made {
            Made::Ready(prepared, 1..) => writer.write_late(request, prepared, self.work),
            // Nothing with a limit has late columns.
            Made::Ready(..) | Made::Plain(_) => Ok(()),
        }
    }
}
