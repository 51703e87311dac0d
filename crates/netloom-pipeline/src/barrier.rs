//! A barrier that spins briefly before it sleeps: rounds take milliseconds, waking a thread
//! takes tens of microseconds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// Rounds of spinning before a waiter yields its core.
const SPINS: u32 = 2_000;
/// Yields before a waiter goes to sleep.
const YIELDS: u32 = 50;

/// Lets a fixed number of threads wait for each other, again and again.
#[derive(Debug)]
pub(crate) struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
    generation: AtomicUsize,
    asleep: Mutex<()>,
    wake: Condvar,
}

impl Barrier {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            generation: AtomicUsize::new(0),
            asleep: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// Returns when all threads have called it.
    pub(crate) fn wait(&self) {
        let generation = self.generation.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Release);
            // Under the lock, so that nobody falls asleep between its check and this.
            let _guard = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
            self.generation.store(generation.wrapping_add(1), Ordering::Release);
            self.wake.notify_all();
            return;
        }
        let passed = || self.generation.load(Ordering::Acquire) != generation;
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
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
