//! A barrier that spins briefly before it sleeps: rounds take milliseconds, waking a thread
//! takes tens of microseconds.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// Rounds of spinning before a waiter yields its core.
const SPINS: u32 = 10_000;
/// Yields before a waiter goes to sleep.
const YIELDS: u32 = 200;

/// Lets a fixed number of threads wait for each other, again and again.
#[derive(Debug)]
pub(crate) struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
    generation: AtomicUsize,
    /// A thread is gone and will never come.
    poisoned: AtomicBool,
    asleep: Mutex<()>,
    wake: Condvar,
}

impl Barrier {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            generation: AtomicUsize::new(0),
            poisoned: AtomicBool::new(false),
            asleep: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// Lets everybody who waits, now or later, panic.
    fn poison(&self) {
        let _guard = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.poisoned.store(true, Ordering::Release);
        self.wake.notify_all();
    }

    /// Returns when all threads have called it.
    ///
    /// # Panics
    ///
    /// When another of the threads panicked: it would be waited for in vain.
    pub(crate) fn wait(&self) {
        let generation = self.generation.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Release);
            // Under the lock, so that nobody falls asleep between its check and this.
            let _guard = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
            self.generation
                .store(generation.wrapping_add(1), Ordering::Release);
            self.wake.notify_all();
            return;
        }
        let passed = || {
            assert!(
                !self.poisoned.load(Ordering::Acquire),
                "another thread of the engine panicked"
            );
            self.generation.load(Ordering::Acquire) != generation
        };
        for _ in 0..SPINS {
            if passed() {
                return;
            }
            std::hint::spin_loop();
        }
        for _ in 0..YIELDS {
            if passed() {
                return;
            }
            std::thread::yield_now();
        }
        let mut guard = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        while !passed() {
            guard = self
                .wake
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Poisons the barrier when its thread panics.
#[derive(Debug)]
pub(crate) struct PoisonOnPanic<'a>(pub(crate) &'a Barrier);

impl Drop for PoisonOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_does_not_leave_others_waiting() {
        let barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| barrier.wait());
            let panics = scope.spawn(|| {
                let _guard = PoisonOnPanic(&barrier);
                panic!("on purpose");
            });
            assert!(panics.join().is_err());
            assert!(waits.join().is_err());
        });
    }

    #[test]
    fn nobody_passes_early() {
        let barrier = Barrier::new(3);
        let steps = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for round in 1..=200 {
                        steps.fetch_add(1, Ordering::SeqCst);
                        barrier.wait();
                        assert_eq!(steps.load(Ordering::SeqCst), round * 3);
                        barrier.wait();
                    }
                });
            }
        });
        assert_eq!(steps.into_inner(), 600);
    }
}
