//! Threads on which queries run, and what is done about one that does not listen.

use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use netloom_pipeline::Control;
use tokio::runtime::{Builder, Runtime};

use crate::deep::STACK;
use crate::error::QueryError;

/// How often somebody who says stop is listened to.
const LISTENING: Duration = Duration::from_millis(50);

/// How long work that was stopped may take to give way before its threads are given up.
const PATIENCE: Duration = Duration::from_millis(250);

/// Runs work on threads of its own, so that whoever waits for it can leave it.
///
/// Most operators of DataFusion give way in between; some, as joins without a condition on columns of
/// both sides, do not for as long as they find no row.
#[derive(Debug)]
pub(crate) struct Runner {
    /// `None` where they were left.
    runtime: Mutex<Option<Arc<Runtime>>>,
    control: Arc<Control>,
}

impl Runner {
    pub(crate) fn new(control: Arc<Control>) -> Result<Self, QueryError> {
        Ok(Self {
            runtime: Mutex::new(Some(Arc::new(threads()?))),
            control,
        })
    }

    /// The threads, until they are given up.
    pub(crate) fn runtime(&self) -> Result<Arc<Runtime>, QueryError> {
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*runtime {
            return Ok(Arc::clone(runtime));
        }
        Ok(Arc::clone(runtime.insert(Arc::new(threads()?))))
    }

    /// Waits for work, unless somebody says stop. Work that does not give way then goes on without
    /// anybody who waits for it until it does; what it gives is dropped.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, QueryError> {
        let runtime = self.runtime()?;
        let (sender, receiver) = sync_channel(1);
        let task = runtime.spawn(async move {
            // Nobody may be waiting any more.
            _ = sender.send(work.await);
        });
        while !self.control.stop.load(Ordering::Relaxed) {
            match receiver.recv_timeout(LISTENING) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return match runtime.block_on(task) {
                        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                        _ => Err(QueryError::Stopped),
                    };
                }
            }
        }
        task.abort();
        drop(runtime);
        // What comes just now is not wanted; that nothing comes any more is.
        let ended = loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break true,
                Err(RecvTimeoutError::Timeout) => break false,
            }
        };
        if !ended {
            self.leave();
        }
        Err(QueryError::Stopped)
    }

    /// Drops something there.
    pub(crate) fn dispose<T: Send + 'static>(&self, what: T) {
        let Ok(runtime) = self.runtime() else {
            return;
        };
        let (sender, receiver) = sync_channel::<()>(0);
        runtime.spawn(async move {
            drop(what);
            drop(sender);
        });
        // The error is that nobody sends any more.
        _ = receiver.recv();
    }

    /// Leaves the threads without waiting for what they do; what comes next gets others.
    fn leave(&self) {
        let runtime = self
            .runtime
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match runtime.map(Arc::try_unwrap) {
            Some(Ok(runtime)) => runtime.shutdown_background(),
            // Whoever still has it would wait for its threads when it is dropped.
            Some(Err(runtime)) => std::mem::forget(runtime),
            None => {}
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.leave();
    }
}

fn threads() -> Result<Runtime, QueryError> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("netloom-sql")
        .thread_stack_size(STACK)
        .enable_time()
        .build()
        .map_err(|error| QueryError::Failed(format!("no threads for queries: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn work_that_does_not_give_way_is_left() {
        let control = Arc::new(Control::default());
        let runner = Runner::new(Arc::clone(&control)).unwrap();
        assert_eq!(runner.wait(async { 1 }).unwrap(), 1);
        let (begun, begins) = channel();
        let (end, ends) = channel::<()>();
        let stop = Arc::clone(&control);
        let stops = std::thread::spawn(move || {
            begins.recv().unwrap();
            stop.stop.store(true, Ordering::Relaxed);
        });
        // As a join does: until the end of the test no thread comes back from it.
        let stopped = runner.wait(async move {
            begun.send(()).unwrap();
            _ = ends.recv();
        });
        assert!(matches!(stopped, Err(QueryError::Stopped)));
        stops.join().unwrap();
        control.stop.store(false, Ordering::Relaxed);
        assert_eq!(runner.wait(async { 2 }).unwrap(), 2);
        drop(end);
    }

    #[test]
    fn work_that_gives_way_leaves_the_threads() {
        let control = Arc::new(Control::default());
        let runner = Runner::new(Arc::clone(&control)).unwrap();
        let before = runner.runtime().unwrap();
        let stop = Arc::clone(&control);
        let stopped = runner.wait(async move {
            stop.stop.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        });
        assert!(matches!(stopped, Err(QueryError::Stopped)));
        assert!(Arc::ptr_eq(&before, &runner.runtime().unwrap()));
    }
}
