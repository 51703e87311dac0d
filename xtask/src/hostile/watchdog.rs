//! Ends the program when a case does not end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a case may take: the slowest takes a few seconds without optimisation.
const DEADLINE: Duration = Duration::from_mins(2);

/// Watches one worker.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    /// The case, and since when.
    running: Mutex<Option<(String, Instant)>>,
}

impl Watchdog {
    /// Starts to watch; the thread ends with the watchdog.
    pub(super) fn start() -> Arc<Self> {
        let watchdog = Arc::new(Self::default());
        let watched = Arc::downgrade(&watchdog);
        std::thread::spawn(move || {
            while let Some(watchdog) = watched.upgrade() {
                watchdog.look();
                drop(watchdog);
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        watchdog
    }

    pub(super) fn begin(&self, case: &str) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((case.to_owned(), crate::now()));
    }

    pub(super) fn end(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn look(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((case, since)) = running.as_ref()
            && since.elapsed() > DEADLINE
        {
            crate::say(&format!(
                "error: no end after {} s\n{case}",
                DEADLINE.as_secs()
            ));
            // A thread that does not end cannot be ended alone; a dump shows where it is.
            std::process::abort();
        }
    }
}
