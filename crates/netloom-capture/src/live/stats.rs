//! What a live source has counted, readable from other threads while it runs.
#![cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "nothing is captured, so nothing is told")
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Messages that wait to be taken, at most; of more only the count is kept.
const MAX_MESSAGES: usize = 64;

/// Counters of a live source so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LiveStats {
    /// Packets handed out.
    pub packets: u64,
    /// Their lengths on the wire, added up.
    pub bytes: u64,
    /// Packets that passed the filter in the kernel: those handed out, those still in the ring,
    /// those dropped, and on `any` the outgoing copies of loopback packets.
    pub received: u64,
    /// Packets that the kernel dropped because the ring was full.
    pub dropped_kernel: u64,
    /// Packets that the interfaces dropped since the capture began, as far as the system says.
    pub dropped_interface: u64,
    /// The same for each interface.
    pub interfaces: Vec<InterfaceStats>,
}

/// Counters of one interface of a live source so far; see [`LiveStats`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct InterfaceStats {
    /// Its name.
    pub name: String,
    /// Whether packets can come from it now: it is there and up.
    pub attached: bool,
    /// See [`LiveStats::packets`].
    pub packets: u64,
    /// See [`LiveStats::bytes`].
    pub bytes: u64,
    /// See [`LiveStats::received`].
    pub received: u64,
    /// See [`LiveStats::dropped_kernel`].
    pub dropped_kernel: u64,
    /// See [`LiveStats::dropped_interface`]; `None` for `any`.
    pub dropped_interface: Option<u64>,
}

/// One interface's counters, written by the capturing thread alone.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) name: String,
    pub(super) attached: AtomicU64,
    pub(super) packets: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) dropped_kernel: AtomicU64,
    /// Plus 1; 0: not known.
    pub(super) dropped_interface: AtomicU64,
}

impl Counters {
    fn stats(&self) -> InterfaceStats {
        let get = |value: &AtomicU64| value.load(Ordering::Relaxed);
        InterfaceStats {
            name: self.name.clone(),
            attached: get(&self.attached) != 0,
            packets: get(&self.packets),
            bytes: get(&self.bytes),
            received: get(&self.received),
            dropped_kernel: get(&self.dropped_kernel),
            dropped_interface: get(&self.dropped_interface).checked_sub(1),
        }
    }
}

/// What the capturing thread shares with others.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) counters: Vec<Counters>,
    messages: Mutex<Messages>,
}

#[derive(Debug, Default)]
struct Messages {
    waiting: Vec<String>,
    lost: u64,
}

impl Shared {
    /// Leaves a message for whoever watches.
    pub(super) fn tell(&self, message: String) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.waiting.len() < MAX_MESSAGES {
            messages.waiting.push(message);
        } else {
            messages.lost += 1;
        }
    }

    pub(super) fn take_messages(&self) -> Vec<String> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = std::mem::take(&mut messages.waiting);
        let lost = std::mem::take(&mut messages.lost);
        if lost > 0 {
            taken.push(format!("{lost} further messages"));
        }
        taken
    }

    pub(super) fn stats(&self) -> LiveStats {
        let mut all = LiveStats::default();
        for counters in &self.counters {
            let stats = counters.stats();
            all.packets += stats.packets;
            all.bytes += stats.bytes;
            all.received += stats.received;
            all.dropped_kernel += stats.dropped_kernel;
            all.dropped_interface += stats.dropped_interface.unwrap_or(0);
            all.interfaces.push(stats);
        }
        all
    }
}

/// Reads the counters of a live source from any thread, while it runs and after.
#[derive(Debug, Clone)]
pub struct StatsHandle(pub(super) Arc<Shared>);

impl StatsHandle {
    /// The counters now; the kernel's are at most about a tenth of a second old.
    pub fn stats(&self) -> LiveStats {
        self.0.stats()
    }

    /// What has happened since the last call that a person should know (an interface went away
    /// or came back), in words.
    pub fn take_messages(&self) -> Vec<String> {
        self.0.take_messages()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_bounded() {
        let shared = Shared::default();
        for number in 0..MAX_MESSAGES + 5 {
            shared.tell(number.to_string());
        }
        let taken = shared.take_messages();
        assert_eq!(taken.len(), MAX_MESSAGES + 1);
        assert_eq!(taken.last().unwrap(), "5 further messages");
        assert!(shared.take_messages().is_empty());
    }

    #[test]
    fn interfaces_add_up() {
        let shared = Shared {
            counters: vec![Counters::default(), Counters::default()],
            ..Shared::default()
        };
        shared.counters[0].packets.store(3, Ordering::Relaxed);
        shared.counters[1].packets.store(4, Ordering::Relaxed);
        shared.counters[1]
            .dropped_interface
            .store(3, Ordering::Relaxed);
        let stats = shared.stats();
        assert_eq!((stats.packets, stats.dropped_interface), (7, 2));
        assert_eq!(stats.interfaces[0].dropped_interface, None);
    }
}
