//! Whose traffic it is: the process and the user that own a flow of this machine.
//!
//! The kernel lists its sockets with the user and an inode each; the process is the one that has
//! a file open by that inode. That says who owns a socket *now*: what was opened and closed
//! between two looks has no owner here. [`SocketWatcher`] looks a few times a second, and for a flow
//! that it does not know as soon as it is asked, which is when its first packet is seen.

mod kernel;
mod processes;
mod table;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use self::kernel::Socket;
use self::table::{Flow, Index, Looker};

pub use self::table::{Owner, SocketTable};

/// Between two looks at all sockets, at least.
const INTERVAL: Duration = Duration::from_millis(200);

/// Looks at all sockets may take this share of the time: where there are very many of them, or of
/// processes, these looks are further apart.
const SHARE_ALL: u32 = 20;

/// Looks for single flows may take this share of the time.
const SHARE_ONE: u32 = 4;

/// Between two looks for single flows, at most: who is short-lived is gone soon.
const PAUSE: Duration = Duration::from_millis(20);

/// Flows that wait to be looked for, at most. The others are asked for again, or are found by the
/// next look at all.
const MAX_WAITING: usize = 256;

/// Between two looks for addresses of this machine.
const ADDRESSES: Duration = Duration::from_secs(5);

/// Addresses of this machine that are kept.
const MAX_ADDRESSES: usize = 4096;

/// What the thread that looks shares with those who ask.
#[derive(Debug, Default)]
struct Shared {
    index: RwLock<Index>,
    addresses: RwLock<HashSet<IpAddr>>,
}

/// Keeps a table of sockets up to date on a thread of its own, for any number of threads to ask.
/// The thread ends when the last clone is gone.
#[derive(Debug, Clone)]
pub struct SocketWatcher {
    shared: Arc<Shared>,
    wanted: SyncSender<Flow>,
}

impl SocketWatcher {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        *write(&shared.addresses) = local_addresses();
        let (wanted, waiting) = sync_channel(MAX_WAITING);
        let watched = Arc::clone(&shared);
        thread::Builder::new()
            .name("netloom-sockets".to_owned())
            .spawn(move || watched.watch(&waiting))?;
        Ok(Self { shared, wanted })
    }

    /// Who owns a flow, as far as is known; see [`SocketTable::lookup`].
    ///
    /// Ask when its first packet is seen, even where nobody needs the answer yet: where nothing
    /// is known the flow is looked for at once, and its owner is then known for minutes.
    pub fn lookup(&self, protocol: u8, src: SocketAddr, dst: SocketAddr) -> Option<Arc<Owner>> {
        let addresses = read(&self.shared.addresses);
        let is_local = |address: IpAddr| address.is_loopback() || addresses.contains(&address);
        let found = read(&self.shared.index).lookup(protocol, src, dst, is_local);
        let process_known = found.as_ref().is_some_and(|owner| owner.pid.is_some());
        if !process_known && (is_local(src.ip()) || is_local(dst.ip())) {
            // Where there is no room, others are being looked for.
            _ = self.wanted.try_send((protocol, src, dst));
        }
        found
    }
}

impl Shared {
    /// What the thread does.
    fn watch(&self, waiting: &Receiver<Flow>) {
        let mut looker = Looker::default();
        let mut addresses = clock();
        let mut next_all = addresses;
        let mut flows = Vec::new();
        loop {
            let begin = clock();
            if begin.duration_since(addresses) >= ADDRESSES {
                addresses = begin;
                *write(&self.addresses) = local_addresses();
            }
            if begin >= next_all {
                let listed = looker.list();
                self.take(&mut looker, listed, begin);
                write(&self.index).forget(begin);
                next_all = clock() + (begin.elapsed() * SHARE_ALL).max(INTERVAL);
            } else {
                let listed = {
                    let addresses = read(&self.addresses);
                    looker.some(&flows, |address| {
                        address.is_loopback() || addresses.contains(&address)
                    })
                };
                self.take(&mut looker, listed, begin);
                thread::sleep((begin.elapsed() * (SHARE_ONE - 1)).min(PAUSE));
            }
            flows.clear();
            match waiting.recv_timeout(next_all.saturating_duration_since(clock())) {
                Ok(flow) => {
                    flows.push(flow);
                    flows.extend(waiting.try_iter().take(MAX_WAITING));
                    flows.sort_unstable();
                    flows.dedup();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Looks for the processes of sockets; those who ask wait only while the result is taken over.
    fn take(&self, looker: &mut Looker, listed: Vec<Socket>, now: Instant) {
        let wanted = read(&self.index).unknown(&listed);
        let sight = looker.find(listed, wanted);
        write(&self.index).take(sight, looker, now);
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// The addresses of this machine.
fn local_addresses() -> HashSet<IpAddr> {
    super::interfaces()
        .unwrap_or_default()
        .into_iter()
        .flat_map(|interface| interface.addresses)
        .map(|address| address.address)
        .take(MAX_ADDRESSES)
        .collect()
}

/// The clock that looks are timed with.
#[expect(
    clippy::disallowed_methods,
    reason = "sockets come and go in real time"
)]
fn clock() -> Instant {
    Instant::now()
}
