//! Where batches go.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use netloom_tables::RecordBatch;

/// What is done with batches on worker threads, many at once and in no order: formatting,
/// encoding.
pub trait Prepare: Sync {
    /// What a batch becomes.
    type Prepared: Send;

    /// Makes a batch of a request (by its place among the requests) ready to be written.
    fn prepare(&self, request: usize, batch: RecordBatch) -> Self::Prepared;
}

/// Nothing is done: who writes gets the batches themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Prepare for Plain {
    type Prepared = RecordBatch;

    fn prepare(&self, _request: usize, batch: RecordBatch) -> RecordBatch {
        batch
    }
}

/// Takes what was prepared, on one thread at a time, in the order of rows within each request.
///
/// A closure of `(request, batch)` is one, for [`Plain`] batches.
pub trait Write: Send {
    /// What batches were turned into.
    type Prepared;

    /// Takes the next rows of a request. Slow work on them that need not be in order can be
    /// left in `work`, where all threads help; it is done before the next call of any of these
    /// methods in a later round.
    ///
    /// [`ControlFlow::Break`]: no further row of this request is wanted. When none of any
    /// request is, the scan ends.
    ///
    /// # Errors
    ///
    /// When the output fails; the scan ends.
    fn write(
        &mut self,
        request: usize,
        prepared: Self::Prepared,
        work: &Work,
    ) -> io::Result<ControlFlow<()>>;

    /// Whether the texts of a request's batches may be dictionaries (`Dictionary(UInt32, Utf8)`),
    /// which are made more cheaply.
    fn takes_dictionaries(&self, _request: usize) -> bool {
        false
    }

    /// Whether the columns of a request at some places may come when all of its rows were written
    /// without them: [`write`](Self::write) then takes rows of the other columns, and
    /// [`write_late`](Self::write_late) these columns of the same rows. It is asked where they are
    /// known only when all has been read, and the rest would have to wait or be made again.
    fn takes_late(&mut self, _request: usize, _columns: &[usize]) -> bool {
        false
    }

    /// Takes the late columns of a request's next rows, after [`finish`](Self::finish). Their
    /// texts may be dictionaries (`Dictionary(UInt32, Utf8)`).
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    fn write_late(
        &mut self,
        _request: usize,
        _prepared: Self::Prepared,
        _work: &Work,
    ) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A request's last row was written; once for each request, unless the scan failed. What is
    /// left in `work` is done before [`scan`](super::Scan::run) returns.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    fn finish(&mut self, _request: usize, _work: &Work) -> io::Result<()> {
        Ok(())
    }
}

impl<F> Write for F
where
    F: FnMut(usize, RecordBatch) -> io::Result<ControlFlow<()>> + Send,
{
    type Prepared = RecordBatch;

    fn write(
        &mut self,
        request: usize,
        batch: RecordBatch,
        _work: &Work,
    ) -> io::Result<ControlFlow<()>> {
        self(request, batch)
    }
}

/// Work that waits for a thread.
#[derive(Default)]
pub struct Work(Mutex<VecDeque<Job>>);

type Job = Box<dyn FnOnce() + Send>;

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

impl Work {
    /// Leaves something to do.
    pub fn push(&self, job: impl FnOnce() + Send + 'static) {
        self.jobs().push_back(Box::new(job));
    }

    /// Whether nothing is left to begin with.
    pub fn is_empty(&self) -> bool {
        self.jobs().is_empty()
    }

    /// Does what there is until nothing is left; others may do so at the same time.
    pub fn help(&self) {
        loop {
            // The lock must not be held while the work is done.
            let job = self.jobs().pop_front();
            let Some(job) = job else {
                return;
            };
            job();
        }
    }

    fn jobs(&self) -> std::sync::MutexGuard<'_, VecDeque<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
