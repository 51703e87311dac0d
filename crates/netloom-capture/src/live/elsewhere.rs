//! Where there is no live capture: every way in says so.

use std::ops::ControlFlow;
use std::time::Duration;

use netloom_packet::{CaptureInfo, LinkType, Packet, PacketBatch, PacketSource, SourceError};

use super::{Instruction, LiveOptions, LiveStats, NetworkInterface, Privileges, StatsHandle};

fn unsupported() -> SourceError {
    SourceError::new("live", "there is no live capture on this system")
        .hint("capture with another tool and read its file: tcpdump -w - | netloom report -")
}

/// Interfaces that are being captured: there are none on this system.
#[derive(Debug)]
pub enum LiveSource {}

/// Ends a live capture; there are none on this system.
#[derive(Debug, Clone)]
pub enum StopHandle {}

impl StopHandle {
    /// Ends the capture.
    pub fn stop(&self) {
        match *self {}
    }

    /// Whether the end was asked for.
    pub fn is_stopped(&self) -> bool {
        match *self {}
    }
}

impl LiveSource {
    pub(super) fn open(_: &LiveOptions) -> Result<Self, SourceError> {
        Err(unsupported())
    }

    pub(super) fn open_fanout(_: &LiveOptions, _: usize) -> Result<Vec<Self>, SourceError> {
        Err(unsupported())
    }

    /// Link types of the interfaces, in their order.
    pub fn link_types(&self) -> Vec<LinkType> {
        match *self {}
    }

    /// Names of the interfaces, in their order.
    pub fn interface_names(&self) -> Vec<&str> {
        match *self {}
    }

    /// Sets the filter of an interface.
    ///
    /// # Errors
    ///
    /// Never: there is none.
    pub fn set_filter(&mut self, _: usize, _: &[Instruction]) -> Result<bool, SourceError> {
        match *self {}
    }

    /// Lets packets come.
    ///
    /// # Errors
    ///
    /// Never: there are none.
    pub fn start(&mut self) -> Result<(), SourceError> {
        match *self {}
    }

    /// What ends the capture from another thread.
    pub fn stop_handle(&self) -> StopHandle {
        match *self {}
    }

    /// What reads the counters from another thread.
    pub fn stats_handle(&self) -> StatsHandle {
        match *self {}
    }

    /// The counters as they are now.
    pub fn stats(&mut self) -> LiveStats {
        match *self {}
    }

    /// Hands out packets.
    ///
    /// # Errors
    ///
    /// Never: there are none.
    pub fn read_with(
        &mut self,
        _: Duration,
        _: impl FnMut(&Packet<'_>) -> ControlFlow<()>,
    ) -> Result<Option<u64>, SourceError> {
        match *self {}
    }
}

impl PacketSource for LiveSource {
    fn next_batch(&mut self, _: &mut PacketBatch) -> Result<bool, SourceError> {
        match *self {}
    }

    fn info(&self) -> Vec<CaptureInfo> {
        match *self {}
    }
}

/// Lists the interfaces of this machine: not known on this system.
///
/// # Errors
///
/// Always.
pub fn interfaces() -> Result<Vec<NetworkInterface>, SourceError> {
    Err(unsupported())
}

/// Whether this process may capture: nobody may on this system.
pub fn may_capture() -> bool {
    false
}

/// How to be allowed to capture, for people.
pub fn permission_hint() -> String {
    "there is no live capture on this system".to_owned()
}

/// Gives up all privileges: not known how on this system, where none are needed.
///
/// # Errors
///
/// Always.
pub fn drop_privileges(_: Option<&str>) -> Result<Privileges, SourceError> {
    Err(unsupported())
}

/// Whose traffic it is: not known on this system.
pub mod sockets {
    use std::io;
    use std::net::SocketAddr;
    use std::sync::Arc;

    /// Who owns a flow.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Owner {
        /// The process.
        pub pid: Option<u32>,
        /// Its name.
        pub process: Option<String>,
        /// The user's number.
        pub uid: u32,
        /// The user's name.
        pub user: Option<String>,
    }

    /// Knows the sockets of this machine: not on this system.
    #[derive(Debug, Clone)]
    pub enum SocketWatcher {}

    impl SocketWatcher {
        /// Begins to watch.
        ///
        /// # Errors
        ///
        /// Always.
        pub fn start() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Who owns a flow.
        pub fn lookup(&self, _: u8, _: SocketAddr, _: SocketAddr) -> Option<Arc<Owner>> {
            match *self {}
        }
    }
}
