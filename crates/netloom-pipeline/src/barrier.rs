//! How threads wait for each other. They try for a moment before they sleep: a phase takes tens to
//! hundreds of microseconds, waking a thread takes tens.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// How often a waiter looks again before it lets others have its core. Few times: where there are more
/// threads than cores to be had, what it waits for may need this one.
const SPINS: u32 = 200;
/// How often it lets them before it goes to sleep.
const YIELDS: u32 = 200;

/// Asks again and again for a moment; `None` where it has to be waited for longer.
pub(crate) fn soon<V>(mut ask: impl FnMut() -> Option<V>) -> Option<V> {
    for _ in 0..SPINS {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        std::hint::spin_loop();
    }
    for _ in 0..YIELDS {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        std::thread::yield_now();
    }
    None
}

/// Lets a fixed number of threads wait for each other, again and again.
#[derive(Debug)]
pub(crate) struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
    generation: AtomicUsize,
    /// A thread is gone and will never come.
    poisoned: AtomicBool,
    /// How many threads sleep.
    asleep: Mutex<usize>,
    wake: Condvar,
}

/// Where a thread has come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    generation: usize,
    is_last: bool,
}

impl Arrival {
    /// Whether the thread came last: the others wait until it [releases](Barrier::release) them.
    pub(crate) fn is_last(self) -> bool {
        self.is_last
    }
}

impl Barrier {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            generation: AtomicUsize::new(0),
            poisoned: AtomicBool::new(false),
            asleep: Mutex::new(0),
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
        let arrival = self.arrive();
        if arrival.is_last {
            self.release();
        } else {
            self.wait_for(arrival);
        }
    }

    /// Says that this thread has come this far, without waiting for the others.
    pub(crate) fn arrive(&self) -> Arrival {
        let generation = self.generation.load(Ordering::Acquire);
        let is_last = self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads;
        if is_last {
            self.arrived.store(0, Ordering::Release);
        }
        Arrival {
            generation,
            is_last,
        }
    }

    /// All threads have come: lets those go on that wait. For the one that came last.
    pub(crate) fn release(&self) {
        // Under the lock, so that nobody falls asleep between its check and this.
        let asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.generation.fetch_add(1, Ordering::Release);
        // It costs a system call even where nobody sleeps.
        if *asleep > 0 {
            self.wake.notify_all();
        }
    }

    /// Whether all threads have come this far, and the last has released the others.
    pub(crate) fn has_released(&self, arrival: Arrival) -> bool {
        self.generation.load(Ordering::Acquire) != arrival.generation
    }

    /// Returns when the last thread has released the others.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    pub(crate) fn wait_for(&self, arrival: Arrival) {
        self.wait_until(|| self.has_released(arrival));
    }

    /// For who waits for something else of the other threads.
    ///
    /// # Panics
    ///
    /// When one of them panicked.
    pub(crate) fn check(&self) {
        assert!(
            !self.poisoned.load(Ordering::Acquire),
            "another thread of the engine panicked"
        );
    }

    fn wait_until(&self, happened: impl Fn() -> bool) {
        let passed = || {
            self.check();
            happened()
        };
        if soon(|| passed().then_some(())).is_some() {
            return;
        }
        let mut asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        while !passed() {
            *asleep += 1;
            asleep = self
                .wake
                .wait(asleep)
                .unwrap_or_else(PoisonError::into_inner);
            *asleep -= 1;
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
    fn who_has_come_so_far_need_not_wait_yet() {
        let barrier = Barrier::new(2);
        let arrival = barrier.arrive();
        assert!(!arrival.is_last() && !barrier.has_released(arrival));
        std::thread::scope(|scope| {
            scope.spawn(|| barrier.wait());
            barrier.wait_for(arrival);
        });
        assert!(barrier.has_released(arrival));
        // The next time is another one.
        let again = barrier.arrive();
        assert!(!barrier.has_released(again));
    }

    #[test]
    fn who_comes_last_lets_the_others_go_on() {
        let barrier = Barrier::new(3);
        let told = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for round in 1..=200 {
                        let arrival = barrier.arrive();
                        if arrival.is_last() {
                            assert_eq!(told.fetch_add(1, Ordering::SeqCst), round - 1);
                            barrier.release();
                        } else {
                            barrier.wait_for(arrival);
                        }
                        assert!(told.load(Ordering::SeqCst) >= round);
                    }
                });
            }
        });
        assert_eq!(told.into_inner(), 200);
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
