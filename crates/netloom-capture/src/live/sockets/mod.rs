//! Whose traffic it is: the process and the user that own a flow of this machine.
//!
//! The kernel lists its sockets with the user and an inode each; the process is the one that has
//! a file open by that inode. That says who owns a socket *now*: what was opened and closed
//! between two looks has no owner here. [`SocketWatcher`] looks a few times a second and whenever
//! a flow is asked about that it does not know, which is when its first packet is seen.

mod kernel;
mod processes;
mod table;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use self::table::{Index, Looker};

pub use self::table::{Owner, SocketTable};

/// Between two looks when nobody asks.
const INTERVAL: Duration = Duration::from_millis(200);

/// Between two looks for addresses of this machine.
const ADDRESSES: Duration = Duration::from_secs(5);

/// A look may take this share of the time: where there are very many sockets or processes, looks
/// are further apart.
const SHARE: u32 = 10;

/// Addresses of this machine that are kept.
const MAX_ADDRESSES: usize = 4096;

/// What the thread that looks shares with those who ask.
#[derive(Debug, Default)]
struct Shared {
    index: RwLock<Index>,
    addresses: RwLock<HashSet<IpAddr>>,
}

/// Keeps a [`SocketTable`] up to date on a thread of its own, for any number of threads to ask.
/// The thread ends when the last clone is gone.
#[derive(Debug, Clone)]
pub struct SocketWatcher {
    shared: Arc<Shared>,
    wake: SyncSender<()>,
}

impl SocketWatcher {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        // One wish waits at most: it is answered by a look at everything.
        let (wake, woken) = sync_channel(1);
        let watched = Arc::clone(&shared);
        thread::Builder::new()
            .name("netloom-sockets".to_owned())
            .spawn(move || {
                let mut looker = Looker::default();
                let mut addresses: Option<Instant> = None;
                loop {
                    let begin = clock();
                    if addresses.is_none_or(|last| begin.duration_since(last) >= ADDRESSES) {
                        addresses = Some(begin);
                        let found = local_addresses();
                        *watched
                            .addresses
                            .write()
                            .unwrap_or_else(PoisonError::into_inner) = found;
                    }
                    let listed = looker.list();
                    let index = || watched.index.read().unwrap_or_else(PoisonError::into_inner);
                    let wanted = index().unknown(&listed);
                    let sight = looker.find(listed, wanted);
                    // Those who ask wait only while the result is taken over.
                    watched
                        .index
                        .write()
                        .unwrap_or_else(PoisonError::into_inner)
                        .take(sight, &looker, begin);
                    thread::sleep(begin.elapsed() * (SHARE - 1));
                    match woken.recv_timeout(INTERVAL) {
                        Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            })?;
        Ok(Self { shared, wake })
    }

    /// Who owns a flow, as far as is known; see [`SocketTable::lookup`]. Where nothing is known,
    /// a look is taken at once: ask again a little later.
    pub fn lookup(&self, protocol: u8, src: SocketAddr, dst: SocketAddr) -> Option<Arc<Owner>> {
        let addresses = self
            .shared
            .addresses
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let is_local = |address: IpAddr| address.is_loopback() || addresses.contains(&address);
        let found = self
            .shared
            .index
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .lookup(protocol, src, dst, is_local);
        if found.is_none() && (is_local(src.ip()) || is_local(dst.ip())) {
            match self.wake.try_send(()) {
                // A look is due already.
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
            }
        }
        found
    }
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
