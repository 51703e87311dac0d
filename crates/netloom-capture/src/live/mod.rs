//! Live capture from the network interfaces of this machine: Linux, `AF_PACKET` with a ring that
//! is shared with the kernel (`TPACKET_V3`), no library needed.
//!
//! [`open`] gives a [`LiveSource`]: a [`PacketSource`](netloom_packet::PacketSource) for whoever
//! wants batches, and [`LiveSource::read_with`] for whoever wants packets where they lie, without
//! a copy. Times are nanoseconds. VLAN tags, which the kernel takes off, are put back. What the
//! kernel and the interfaces dropped is counted ([`LiveSource::stats_handle`]), also while it
//! runs. An interface that goes down or away is waited for.
//!
//! On other systems there is no live capture: [`open`] says so.
//!
//! ```no_run
//! use netloom_capture::live::{self, LiveOptions};
//! use netloom_packet::{PacketBatch, PacketSource};
//!
//! # fn main() -> Result<(), netloom_packet::SourceError> {
//! let mut source = live::open(&LiveOptions::new(["eth0"]))?;
//! let stop = source.stop_handle();
//! std::thread::spawn(move || {
//!     std::thread::sleep(std::time::Duration::from_secs(10));
//!     stop.stop();
//! });
//! let mut batch = PacketBatch::default();
//! while source.next_batch(&mut batch)? {
//!     for packet in batch.iter() {
//!         assert!(packet.timestamp.as_secs() > 0);
//!     }
//! }
//! assert_eq!(source.stats().dropped_kernel, 0);
//! # Ok(())
//! # }
//! ```

#[cfg(target_os = "linux")]
mod device;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod frames;
mod interface;
#[cfg(target_os = "linux")]
mod interfaces;
#[cfg(target_os = "linux")]
mod link_kind;
#[cfg(target_os = "linux")]
mod netlink;
mod options;
#[cfg(target_os = "linux")]
mod privileges;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
pub mod sockets;
#[cfg(target_os = "linux")]
mod source;
mod stats;
#[cfg(target_os = "linux")]
mod sys;

use netloom_packet::{SourceError, Timestamp};

#[cfg(not(target_os = "linux"))]
pub use self::elsewhere::{
    LiveSource, StopHandle, drop_privileges, interfaces, may_capture, permission_hint, sockets,
};
pub use self::interface::{InterfaceAddress, NetworkInterface, Traffic};
pub use self::options::{
    ANALYSIS_RING_BYTES, DEFAULT_RING_BYTES, DEFAULT_SNAPLEN, Direction, LiveOptions,
};
pub use self::stats::{InterfaceStats, LiveStats, StatsHandle};
#[cfg(target_os = "linux")]
pub use self::{
    interfaces::interfaces,
    privileges::{drop_privileges, may_capture},
    source::{LiveSource, StopHandle},
};

/// An instruction of classic BPF (linux/filter.h): code, jump if true, jump if false, k.
pub type Instruction = (u16, u8, u8, u32);

/// What [`drop_privileges`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Privileges {
    /// The user (id) and group that the process runs as now, where they changed.
    pub user: Option<(u32, u32)>,
}

/// Opens interfaces for capture. No packet comes before the first read or
/// [`LiveSource::start`], so that a filter can be set first.
///
/// # Errors
///
/// When an interface does not exist or is down, when the ring cannot be had, and when the caller
/// may not capture: then the cause is `PermissionDenied` and the hint says how to change that.
/// On other systems than Linux always.
pub fn open(options: &LiveOptions) -> Result<LiveSource, SourceError> {
    LiveSource::open(options)
}

/// Opens interfaces for capture by several threads: each source gets the packets of some of the
/// flows, both directions of each (`PACKET_FANOUT_HASH`), in a ring of its own.
///
/// # Errors
///
/// As for [`open`].
pub fn open_fanout(options: &LiveOptions, count: usize) -> Result<Vec<LiveSource>, SourceError> {
    LiveSource::open_fanout(options, count)
}

/// The clock that packets are stamped with.
#[expect(
    clippy::disallowed_methods,
    reason = "live capture is where the time of packets comes from"
)]
pub fn now() -> Timestamp {
    let nanos = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        // A clock that stands before 1970.
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    };
    Timestamp::from_nanos(nanos)
}

/// How to be allowed to capture, for people.
#[cfg(target_os = "linux")]
pub fn permission_hint() -> String {
    let program = std::env::current_exe()
        .ok()
        .and_then(|path| path.to_str().map(str::to_owned))
        .unwrap_or_else(|| "/path/to/netloom".to_owned());
    let quoted = if program
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte))
    {
        program
    } else {
        format!("'{}'", program.replace('\'', r"'\''"))
    };
    format!(
        "run it with sudo, or allow it once for all: sudo setcap cap_net_raw,cap_net_admin=eip {quoted}"
    )
}
