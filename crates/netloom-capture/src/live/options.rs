//! How live capture is asked for.

use std::time::Duration;

/// Which packets of an interface are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Those that come in and those that go out.
    #[default]
    Both,
    /// Those that come in.
    In,
    /// Those that this machine sends.
    Out,
}

/// How live capture is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveOptions {
    /// Names of interfaces; `any` is all there are and all that come, in cooked mode
    /// (`LINKTYPE_LINUX_SLL2`).
    pub interfaces: Vec<String>,
    /// Whether to see what is addressed to others too. It has no effect on `any`.
    pub promiscuous: bool,
    /// Bytes of a packet that are kept, at most.
    pub snaplen: u32,
    /// Bytes of each interface's ring, in which packets wait; rounded to whole blocks of
    /// 128 KiB or more. Packets are lost when it is full.
    pub ring_bytes: usize,
    /// How long a packet may wait in the ring for others before it is handed out.
    pub block_timeout: Duration,
    /// Stamps of the network card instead of the kernel's, where it offers them. They follow the
    /// card's clock.
    pub hardware_timestamps: bool,
    /// Which packets of an interface are wanted.
    pub direction: Direction,
    /// Whether to go on when the last interface went away, until it comes back; else the
    /// capture ends.
    pub wait_for_return: bool,
}

/// Bytes of a packet that are kept where nothing else is said: all of it (tcpdump's number).
pub const DEFAULT_SNAPLEN: u32 = 262_144;

/// Bytes of a ring where nothing else is said.
pub const DEFAULT_RING_BYTES: usize = 8 << 20;

/// Bytes of a ring where packets are analysed as they come: a round that ends many flows at once
/// takes longer than writing packets ever does (64 MiB hold half a second of 1 Gbit/s).
pub const ANALYSIS_RING_BYTES: usize = 64 << 20;

impl LiveOptions {
    /// Everything that passes the interfaces, whole, for a consumer that analyses it.
    pub fn for_analysis<S: Into<String>>(interfaces: impl IntoIterator<Item = S>) -> Self {
        Self {
            ring_bytes: ANALYSIS_RING_BYTES,
            ..Self::new(interfaces)
        }
    }

    /// Everything that passes the interfaces, whole.
    pub fn new<S: Into<String>>(interfaces: impl IntoIterator<Item = S>) -> Self {
        Self {
            interfaces: interfaces.into_iter().map(Into::into).collect(),
            promiscuous: true,
            snaplen: DEFAULT_SNAPLEN,
            ring_bytes: DEFAULT_RING_BYTES,
            block_timeout: Duration::from_millis(10),
            hardware_timestamps: false,
            direction: Direction::Both,
            wait_for_return: true,
        }
    }
}
