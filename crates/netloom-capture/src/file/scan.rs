//! What the scanners of the formats share: how they are called and what they count.

use netloom_packet::{CaptureInfo, PacketRef, Timestamp, Warning, WarningKind};

/// Longest packet that is believed for most link types: libpcap's `MAXIMUM_SNAPLEN`, and what
/// Wireshark accepts.
pub(super) const MAX_PACKET: u32 = 262_144;

/// Longest packet of the link types that carry bulk transfers in one piece, as libpcap's
/// `max_snaplen_for_dlt`.
const MAX_BULK_PACKET: u32 = 128 * 1024 * 1024;

/// Longest packet that is believed for a link type.
pub(super) const fn max_packet(link_type: u16) -> u32 {
    match link_type {
        // USB_LINUX, USB_LINUX_MMAPPED, DBUS, USBPCAP, EBHSCR
        189 | 220 | 231 | 249 | 279 => MAX_BULK_PACKET,
        _ => MAX_PACKET,
    }
}

/// Warnings kept for a capture; a hostile one can cause any number.
const MAX_WARNINGS: usize = 64;

/// Adds a warning, up to a bound.
pub(super) fn warn(
    info: &mut CaptureInfo,
    kind: WarningKind,
    offset: u64,
    message: impl Into<String>,
) {
    if info.warnings.len() < MAX_WARNINGS {
        info.warnings.push(Warning {
            kind,
            offset,
            message: message.into(),
        });
    }
}

/// How far a scan came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scan {
    /// Bytes that are done with, from the start of the block.
    pub(super) consumed: usize,
    /// How many bytes after `consumed` the next step needs.
    pub(super) needed: usize,
    /// What follows makes no sense: the warning is given, reading ends here.
    pub(super) stop: bool,
}

/// Where a scanner puts what it finds.
pub(super) struct Found<'a> {
    /// The packets, with their offsets in the block.
    pub(super) packets: &'a mut Vec<PacketRef>,
    /// Counters over the whole file.
    pub(super) tally: &'a mut Tally,
    /// What the file says about itself.
    pub(super) info: &'a mut CaptureInfo,
    /// Offset of the block's first byte in the (decompressed) stream, which may begin within the block.
    pub(super) block_offset: u64,
}

impl Found<'_> {
    /// Adds a warning at a position of the block.
    pub(super) fn warn(&mut self, kind: WarningKind, position: usize, message: impl Into<String>) {
        warn(
            self.info,
            kind,
            self.block_offset.wrapping_add(position as u64),
            message,
        );
    }
}

/// What is counted of every packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    packets: u64,
    bytes: u64,
    truncated: u64,
    out_of_order: u64,
    /// Packets without a time.
    untimed: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            packets: 0,
            bytes: 0,
            truncated: 0,
            out_of_order: 0,
            untimed: 0,
            first: Timestamp::MAX,
            last: Timestamp::MIN,
        }
    }
}

impl Tally {
    /// Counts a packet.
    #[inline]
    pub(super) fn add(&mut self, timestamp: Timestamp, caplen: u32, wire_len: u32) {
        self.count(caplen, wire_len);
        self.out_of_order += u64::from(timestamp < self.last);
        self.first = self.first.min(timestamp);
        self.last = self.last.max(timestamp);
    }

    /// Counts a packet that came without a time (pcapng's Simple Packet Block).
    #[inline]
    pub(super) fn add_untimed(&mut self, caplen: u32, wire_len: u32) {
        self.count(caplen, wire_len);
        self.untimed += 1;
    }

    /// Whether there was a packet without a time.
    pub(super) const fn has_untimed(&self) -> bool {
        self.untimed > 0
    }

    #[inline]
    fn count(&mut self, caplen: u32, wire_len: u32) {
        self.packets += 1;
        self.bytes += u64::from(wire_len);
        self.truncated += u64::from(caplen < wire_len);
    }

    /// Packets counted.
    pub(super) const fn packets(&self) -> u64 {
        self.packets
    }

    /// Largest timestamp so far.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        (self.first <= self.last).then_some(self.last)
    }

    /// Writes the counters down.
    pub(super) fn store(&self, info: &mut CaptureInfo) {
        info.packets = self.packets;
        info.bytes = self.bytes;
        info.truncated = self.truncated;
        info.out_of_order = self.out_of_order;
        info.first_ts = (self.first <= self.last).then_some(self.first);
        info.last_ts = self.latest();
    }
}

/// Four bytes at a position, in the byte order of the file.
#[inline]
pub(super) fn u32_at(bytes: &[u8], position: usize, big_endian: bool) -> Option<u32> {
    let value = bytes.get(position..)?.first_chunk().copied();
    value.map(|value| {
        if big_endian {
            u32::from_be_bytes(value)
        } else {
            u32::from_le_bytes(value)
        }
    })
}

/// Two bytes at a position, in the byte order of the file.
#[inline]
pub(super) fn u16_at(bytes: &[u8], position: usize, big_endian: bool) -> Option<u16> {
    let value = bytes.get(position..)?.first_chunk().copied();
    value.map(|value| {
        if big_endian {
            u16::from_be_bytes(value)
        } else {
            u16::from_le_bytes(value)
        }
    })
}
