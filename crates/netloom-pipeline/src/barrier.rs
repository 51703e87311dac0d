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

/// Lets a fixed number of threads wait for each other, again and again, or all but one for that one.
#[derive(Debug)]
pub(crate) struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
    generation: AtomicUsize,
    /// How often the gate was opened.
    opened: AtomicUsize,
    /// A thread is gone and will never come.
    poisoned: AtomicBool,
    /// How many threads sleep.
    asleep: Mutex<usize>,
    wake: Condvar,
}

/// Where a thread has come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival(usize);

impl Barrier {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            generation: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
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

    /// Returns when all threads have called it (or [`arrive`](Self::arrive)).
    ///
    /// # Panics
    ///
    /// When another of the threads panicked: it would be waited for in vain.
    pub(crate) fn wait(&self) {
        let arrival = self.arrive();
        self.wait_for(arrival);
    }

    /// Says that this thread has come this far, without waiting for the others.
    pub(crate) fn arrive(&self) -> Arrival {
        let generation = self.generation.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Release);
            // Under the lock, so that nobody falls asleep between its check and this.
            let asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
            self.generation
                .store(generation.wrapping_add(1), Ordering::Release);
            self.wake_all(*asleep);
        }
        Arrival(generation)
    }

    /// Whether all threads have come this far.
    pub(crate) fn all_have(&self, arrival: Arrival) -> bool {
        self.generation.load(Ordering::Acquire) != arrival.0
    }

    /// Returns when all threads have come this far.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    pub(crate) fn wait_for(&self, arrival: Arrival) {
        self.wait_until(|| self.all_have(arrival));
    }

    /// One thread has done what others wait for; it goes on at once.
    pub(crate) fn open(&self) {
        // Under the lock, as above.
        let asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.opened.fetch_add(1, Ordering::Release);
        self.wake_all(*asleep);
    }

    /// Whether [`open`](Self::open) was called more often than `times`.
    pub(crate) fn is_open(&self, times: usize) -> bool {
        self.opened.load(Ordering::Acquire) > times
    }

    /// Returns once [`open`](Self::open) was called more often than `times`.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    pub(crate) fn wait_open(&self, times: usize) {
        self.wait_until(|| self.is_open(times));
    }

    fn wait_until(&self, happened: impl Fn() -> bool) {
        let passed = || {
            assert!(
                !self.poisoned.load(Ordering::Acquire),
                "another thread of the engine panicked"
            );
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

    /// Wakes those that sleep, which costs a system call even where nobody does.
    fn wake_all(&self, asleep: usize) {
        if asleep > 0 {
            self.wake.notify_all();
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
        assert!(!barrier.all_have(arrival));
        std::thread::scope(|scope| {
            scope.spawn(|| barrier.wait());
            barrier.wait_for(arrival);
        });
        assert!(barrier.all_have(arrival));
        // The next time is another one.
        let again = barrier.arrive();
        assert!(!barrier.all_have(again));
    }

    #[test]
    fn a_gate_opens_for_the_others() {
        let barrier = Barrier::new(3);
        let told = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for round in 0..200 {
                        barrier.wait_open(round);
                        assert!(told.load(Ordering::SeqCst) > round);
                    }
                });
            }
            for _ in 0..200 {
                told.fetch_add(1, Ordering::SeqCst);
                barrier.open();
            }
        });
        assert!(barrier.is_open(199) && !barrier.is_open(200));
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
