//! One pass over captures for all leaves of a plan that read them.
//!
//! A thread scans and puts batches into a queue for each leaf (its *seat*). A queue is bounded,
//! and the scan waits where one is full. That alone would end in a deadlock: a hash join first
//! drains one of its inputs, while the other's rows come in between. So a queue that is full
//! goes on on disk while another leaf waits for rows:
//!
//! - Every other queue has rows, or its leaf wants no more: whoever reads will read on, and the
//!   scan waits.
//! - Another queue is empty: its leaf may be what the plan waits for. If the leaf of the full
//!   queue takes nothing within [`PATIENCE`], or was never opened, its rows are spilled until it
//!   does.
//!
//! Which rows a leaf gets, and in which order, does not depend on any of this.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::spill::spill_pool::{SpillPoolSink, spsc_channel};
use futures::{Stream, StreamExt};
use netloom_pipeline::Control;
use netloom_pipeline::scan::{Plain, Scan, ScanError, TableRequest, Work, Write};

use super::{Captures, OpenError};

/// Bytes of batches that wait in memory for one leaf.
const QUEUE_BYTES: usize = 16 << 20;

/// How long a full queue keeps the scan waiting while another leaf has no rows.
const PATIENCE: Duration = Duration::from_millis(50);

/// Bytes in a spill file before the next one is begun, so that what was read is deleted.
const SPILL_FILE_BYTES: usize = 64 << 20;

/// A pass that is planned: it begins when the first leaf is opened, and ends when the last
/// [`Pass`] and the last [`Seat`] are gone.
#[derive(Debug)]
pub(super) struct Pass {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    captures: Arc<Captures>,
    runtime: Arc<RuntimeEnv>,
    requests: Vec<TableRequest>,
    control: Arc<Control>,
    state: Mutex<State>,
    /// Something was taken from a queue, or will never be.
    taken: Condvar,
}

#[derive(Debug)]
struct State {
    begun: bool,
    abandoned: bool,
    queues: Vec<Queue>,
    reservation: MemoryReservation,
}

#[derive(Default)]
struct Queue {
    opened: bool,
    /// No row is wanted any more.
    closed: bool,
    /// No row will come any more.
    ended: bool,
    failed: Option<Arc<DataFusionError>>,
    batches: VecDeque<RecordBatch>,
    bytes: usize,
    /// Batches after those in memory.
    spill: Option<Spill>,
    /// The leaf took nothing for a while.
    idle: bool,
    waker: Option<Waker>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("batches", &self.batches.len())
            .finish_non_exhaustive()
    }
}

struct Spill {
    sink: SpillPoolSink,
    /// Until the leaf takes it.
    stream: Option<SendableRecordBatchStream>,
    /// Batches in it.
    left: usize,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.spill.as_ref().is_none_or(|spill| spill.left == 0)
    }

    /// Whether its leaf may be waiting for rows.
    fn is_hungry(&self) -> bool {
        self.is_empty() && !self.closed && !self.ended
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Pass {
    pub(super) fn new(
        captures: Arc<Captures>,
        runtime: Arc<RuntimeEnv>,
        requests: Vec<TableRequest>,
    ) -> Self {
        let queues = requests.iter().map(|_| Queue::default()).collect();
        let reservation = MemoryConsumer::new("rows of captures")
            .with_can_spill(true)
            .register(&runtime.memory_pool);
        Self {
            shared: Arc::new(Shared {
                captures,
                runtime,
                requests,
                control: Arc::default(),
                state: Mutex::new(State {
                    begun: false,
                    abandoned: false,
                    queues,
                    reservation,
                }),
                taken: Condvar::new(),
            }),
        }
    }

    /// The rows of a request; `None` where somebody has got them already.
    pub(super) fn take_seat(self: &Arc<Self>, request: usize) -> Option<Seat> {
        let mut state = self.shared.state();
        let queue = state.queues.get_mut(request)?;
        if queue.opened {
            return None;
        }
        queue.opened = true;
        if !state.begun {
            state.begun = true;
            drop(state);
            self.begin();
        }
        Some(Seat {
            pass: Arc::clone(self),
            request,
            spilled: None,
        })
    }

    /// How many leaves there are.
    pub(super) fn len(&self) -> usize {
        self.shared.requests.len()
    }

    fn begin(&self) {
        let shared = Arc::clone(&self.shared);
        let name = "netloom-scan".to_owned();
        let captures = &self.shared.captures;
        if let Some(tell) = &captures.on_pass {
            tell(&shared.control);
        }
        let mut passes = captures.passes();
        passes.begun += 1;
        match std::thread::Builder::new()
            .name(name)
            .spawn(move || shared.run())
        {
            Ok(thread) => passes.threads.push(thread),
            Err(error) => {
                drop(passes);
                self.shared.end(Some(DataFusionError::IoError(error)));
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.abandoned = true;
        drop(state);
        self.shared.control.stop.store(true, Ordering::Relaxed);
        self.shared.taken.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody wants any more rows.
    fn is_given_up(&self) -> bool {
        let state = self.state();
        state.abandoned || state.queues.iter().all(|queue| queue.closed)
    }

    /// Scans, on a thread of its own.
    fn run(self: Arc<Self>) {
        /// Tells the leaves that there is no more, also when the scan panics.
        struct End(Arc<Shared>);
        impl Drop for End {
            fn drop(&mut self) {
                let panicked = std::thread::panicking().then(|| {
                    DataFusionError::Internal("the scan of a capture panicked".to_owned())
                });
                self.0.end(panicked);
            }
        }
        let end = End(Arc::clone(&self));
        let captures = &self.captures;
        let scan = Scan::new(self.requests.clone(), captures.options.clone());
        let mut open = || captures.open.open(&captures.files);
        let mut writer = Queues(&self);
        match scan.run(&mut open, &self.control, &Plain, &mut writer) {
            Ok(mut outcome) => {
                // That nobody wants more rows is no interruption.
                outcome.interrupted &= !self.is_given_up();
                captures.passes().outcomes.push(outcome);
            }
            Err(error) => self.end(Some(error_of(error))),
        }
        drop(end);
    }

    /// No row will come any more. The first call counts.
    fn end(&self, error: Option<DataFusionError>) {
        let error = error.map(Arc::new);
        for queue in &mut self.state().queues {
            if !queue.ended {
                queue.ended = true;
                queue.failed.clone_from(&error);
            }
            queue.wake();
        }
    }

    /// Puts rows into a queue, or waits until that can be done.
    fn put(&self, request: usize, batch: RecordBatch) -> Result<ControlFlow<()>> {
        let bytes = batch.get_array_memory_size();
        let mut state = self.state();
        loop {
            if state.abandoned {
                return Ok(ControlFlow::Break(()));
            }
            let someone_is_hungry = state
                .queues
                .iter()
                .enumerate()
                .any(|(other, queue)| other != request && queue.is_hungry());
            let State {
                queues,
                reservation,
                ..
            } = &mut *state;
            let Some(queue) = queues.get_mut(request) else {
                return Ok(ControlFlow::Break(()));
            };
            if queue.closed {
                return Ok(ControlFlow::Break(()));
            }
            let is_spilling = queue.spill.as_ref().is_some_and(|spill| spill.left > 0);
            let fits = !is_spilling
                && queue.bytes.saturating_add(bytes) <= QUEUE_BYTES
                && reservation.try_grow(bytes).is_ok();
            // What is alone in its queue is in memory anyway.
            if fits || queue.is_empty() {
                if !fits {
                    reservation.grow(bytes);
                }
                queue.bytes += bytes;
                queue.batches.push_back(batch);
                queue.wake();
                return Ok(ControlFlow::Continue(()));
            }
            if someone_is_hungry && (queue.idle || !queue.opened) {
                self.spill(queue, &batch)?;
                queue.wake();
                return Ok(ControlFlow::Continue(()));
            }
            let waited = self.taken.wait_timeout(state, PATIENCE);
            let (again, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = again;
            if let Some(queue) = state.queues.get_mut(request)
                && timeout.timed_out()
            {
                queue.idle = true;
            }
        }
    }

    fn spill(&self, queue: &mut Queue, batch: &RecordBatch) -> Result<()> {
        if queue.spill.is_none() {
            let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
            let runtime = Arc::clone(&self.runtime);
            let manager = SpillManager::new(runtime, metrics, batch.schema());
            let (sink, stream) = spsc_channel(SPILL_FILE_BYTES, Arc::new(manager));
            queue.spill = Some(Spill {
                sink,
                stream: Some(stream),
                left: 0,
            });
        }
        if let Some(spill) = &mut queue.spill {
            spill.sink.push_batch(batch)?;
            spill.left += 1;
        }
        Ok(())
    }
}

/// The queues as the scan sees them.
struct Queues<'a>(&'a Shared);

impl Write for Queues<'_> {
    type Prepared = RecordBatch;

    fn write(
        &mut self,
        request: usize,
        batch: RecordBatch,
        _work: &Work,
    ) -> io::Result<ControlFlow<()>> {
        if batch.num_rows() == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        self.0.put(request, batch).map_err(io::Error::other)
    }

    fn finish(&mut self, request: usize, _work: &Work) -> io::Result<()> {
        if let Some(queue) = self.0.state().queues.get_mut(request) {
            queue.ended = true;
            queue.wake();
        }
        Ok(())
    }
}

fn error_of(error: ScanError<OpenError>) -> DataFusionError {
    match error {
        ScanError::Open(error) => DataFusionError::External(error),
        ScanError::Output(error) => match error.downcast::<DataFusionError>() {
            Ok(error) => error,
            Err(error) => DataFusionError::IoError(error),
        },
        other => DataFusionError::Execution(other.to_string()),
    }
}

/// The rows of one leaf.
pub(super) struct Seat {
    pass: Arc<Pass>,
    request: usize,
    /// Rows on disk, once those in memory were taken.
    spilled: Option<SendableRecordBatchStream>,
}

impl Stream for Seat {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut state = this.pass.shared.state();
        let State {
            queues,
            reservation,
            ..
        } = &mut *state;
        let Some(queue) = queues.get_mut(this.request) else {
            return Poll::Ready(None);
        };
        queue.idle = false;
        if let Some(batch) = queue.batches.pop_front() {
            let bytes = batch.get_array_memory_size();
            queue.bytes = queue.bytes.saturating_sub(bytes);
            reservation.shrink(bytes.min(reservation.size()));
            this.pass.shared.taken.notify_all();
            return Poll::Ready(Some(Ok(batch)));
        }
        if let Some(spill) = &mut queue.spill
            && spill.left > 0
        {
            if let Some(stream) = spill.stream.take() {
                this.spilled = Some(stream);
            }
            drop(state);
            return this.poll_spilled(context);
        }
        if let Some(error) = queue.failed.take() {
            return Poll::Ready(Some(Err(DataFusionError::Shared(error))));
        }
        if queue.ended {
            return Poll::Ready(None);
        }
        queue.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Seat {
    fn poll_spilled(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        let Some(stream) = &mut self.spilled else {
            return Poll::Ready(None);
        };
        let polled = stream.poll_next_unpin(context);
        if polled.is_ready() {
            let mut state = self.pass.shared.state();
            let spill = state.queues.get_mut(self.request);
            if let Some(spill) = spill.and_then(|queue| queue.spill.as_mut()) {
                spill.left = spill.left.saturating_sub(1);
            }
            drop(state);
            self.pass.shared.taken.notify_all();
        }
        polled
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let shared = &self.pass.shared;
        let mut state = shared.state();
        let State {
            queues,
            reservation,
            ..
        } = &mut *state;
        if let Some(queue) = queues.get_mut(self.request) {
            queue.closed = true;
            queue.batches.clear();
            queue.spill = None;
            reservation.shrink(queue.bytes.min(reservation.size()));
            queue.bytes = 0;
        }
        let all_closed = queues.iter().all(|queue| queue.closed);
        drop(state);
        if all_closed {
            // Where no row comes for long, nobody would notice otherwise.
            shared.control.stop.store(true, Ordering::Relaxed);
        }
        shared.taken.notify_all();
    }
}
