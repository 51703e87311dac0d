//! pcapng: <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>.
//!
//! A file is a list of blocks, each framed by its length on both ends. The framing is what the
//! rest rests on: where the two lengths differ, reading stops. A block whose inside makes no
//! sense is left out with a warning, as the next one can still be found.

mod blocks;
mod interface;
mod options;

use netloom_packet::{CaptureInfo, PacketRef, Timestamp, WarningKind};

use self::blocks::Kept;
use self::interface::{Description, SectionInterface};
use self::options::{Options, padded, ticks};
use super::scan::{Found, Scan, max_packet, u16_at, u32_at};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;
/// Custom blocks; the second is not to be copied by programs that do not know it.
const CUSTOM: [u32; 2] = [0x0bad, 0x4000_0bad];
/// Types with this bit are for local use (section 10.1).
const LOCAL_USE: u32 = 0x8000_0000;

/// Written in the section's byte order, so that a reader finds out which it is.
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Type, length, and the length again at the end.
const FRAMING: u32 = 12;

/// Longest block that is held in memory, as Wireshark's limit; packets of bulk link types may
/// be longer.
const MAX_BLOCK: u32 = 16 * 1024 * 1024;

/// Interfaces that are told apart; packets of more count for the last one.
const MAX_INTERFACES: usize = 65_536;

/// Unknown block types that are warned about, each once.
const MAX_UNKNOWN_TYPES: usize = 8;

/// Whether these bytes begin a pcapng file.
pub(super) fn is_pcapng(start: &[u8]) -> bool {
    start.starts_with(&SECTION_HEADER.to_le_bytes())
}

/// Whether these bytes, fewer than four, can be the first ones of a pcapng file.
pub(super) fn may_be_pcapng(start: &[u8]) -> bool {
    SECTION_HEADER.to_le_bytes().starts_with(start)
}

/// Finds the packets of a pcapng file.
#[derive(Debug, Default)]
pub(super) struct PcapngScanner {
    big_endian: bool,
    /// The interfaces of the section.
    interfaces: Vec<SectionInterface>,
    /// The longest packet that one of them may have: kept, as there may be many.
    longest: u32,
    /// Interfaces of earlier sections: packets lost, where statistics do not say.
    lost_before: u64,
    /// Bytes of a block's body that are still to be skipped.
    skip: u64,
    /// The length that must stand behind what was skipped.
    skipped_length: Option<u32>,
    unknown: Vec<u32>,
    kept: Kept,
}

/// What a block turned out to be.
enum Block {
    /// It is done with.
    Done,
    /// Its inside makes no sense: why.
    Malformed(&'static str),
    /// Nothing behind it can be read: why.
    Fatal(String),
}

/// The start of a block, as far as it can be said to be one.
enum Frame {
    /// Type and length of the block, length with its padding, the byte order.
    Block { block_type: u32, length: u32 },
    /// More bytes are needed.
    Needs(usize),
    /// It is none: why.
    Broken(String),
}

impl PcapngScanner {
    /// Finds the packets from `position` on.
    pub(super) fn scan(&mut self, block: &[u8], position: usize, found: &mut Found<'_>) -> Scan {
        let mut position = position;
        let outcome = loop {
            match self.step(block, position, found) {
                Ok(next) => position = next,
                Err(stopped) => break stopped,
            }
        };
        blocks::sum_up(found.info, self.lost());
        match outcome {
            Stopped::Needs { from, bytes } => Scan {
                consumed: from,
                needed: bytes,
                stop: false,
            },
            Stopped::Broken(why) => {
                found.warn(
                    WarningKind::Corrupt,
                    position,
                    format!("{why}; what follows was not read"),
                );
                Scan {
                    consumed: position,
                    needed: 0,
                    stop: true,
                }
            }
        }
    }

    /// Whether the file may end between two reads: not within a block that is being skipped.
    pub(super) const fn is_between_blocks(&self) -> bool {
        self.skip == 0 && self.skipped_length.is_none()
    }

    fn lost(&self) -> u64 {
        let here = self.interfaces.iter().map(|interface| interface.lost);
        here.fold(self.lost_before, u64::saturating_add)
    }

    /// Reads a block, or the part of one that is there to be skipped; where the next begins.
    fn step(
        &mut self,
        block: &[u8],
        position: usize,
        found: &mut Found<'_>,
    ) -> Result<usize, Stopped> {
        if self.skip > 0 {
            let there = block.len().saturating_sub(position);
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(there);
            self.skip -= skipped as u64;
            let position = position + skipped;
            return if self.skip == 0 {
                Ok(position)
            } else {
                Err(Stopped::Needs {
                    from: position,
                    bytes: 1,
                })
            };
        }
        if let Some(length) = self.skipped_length {
            let again = u32_at(block, position, self.big_endian).ok_or(Stopped::Needs {
                from: position,
                bytes: 4,
            })?;
            self.skipped_length = None;
            return if again == length {
                Ok(position + 4)
            } else {
                Err(Stopped::Broken(lengths_differ(length, again)))
            };
        }
        let (block_type, length) = match self.frame(block, position) {
            Frame::Block { block_type, length } => (block_type, length),
            Frame::Needs(bytes) => {
                return Err(Stopped::Needs {
                    from: position,
                    bytes,
                });
            }
            Frame::Broken(why) => return Err(Stopped::Broken(why)),
        };
        if !is_known(block_type) && length % 4 == 0 {
            self.note_unknown(block_type, position, found);
            self.skip = u64::from(length - FRAMING);
            self.skipped_length = Some(length);
            return Ok(position + 8);
        }
        if length > self.max_block() {
            return Err(Stopped::Broken(format!(
                "a block of {length} bytes (at most {} are possible)",
                self.max_block()
            )));
        }
        let size = self.whole(block, position, length)?;
        let start = position + 8;
        let body = block
            .get(start..position + length as usize - 4)
            .unwrap_or_default();
        match self.block(block_type, body, start, found) {
            Block::Done => Ok(position + size),
            Block::Malformed(why) => {
                found.warn(
                    WarningKind::Skipped,
                    position,
                    format!("{why}: the block was left out"),
                );
                Ok(position + size)
            }
            Block::Fatal(why) => Err(Stopped::Broken(why)),
        }
    }

    /// Reads type and length of the block at `position`; a section header sets the byte order.
    fn frame(&mut self, block: &[u8], position: usize) -> Frame {
        let Some(head) = block.get(position..).filter(|head| head.len() >= 12) else {
            return Frame::Needs(12);
        };
        if is_pcapng(head) {
            match head.get(8..12) {
                Some([0x4d, 0x3c, 0x2b, 0x1a]) => self.big_endian = false,
                Some([0x1a, 0x2b, 0x3c, 0x4d]) => self.big_endian = true,
                _ => {
                    return Frame::Broken(format!(
                        "a section without the byte-order magic {BYTE_ORDER_MAGIC:#x}"
                    ));
                }
            }
        }
        match (
            u32_at(head, 0, self.big_endian),
            u32_at(head, 4, self.big_endian),
        ) {
            (Some(block_type), Some(length)) if length >= FRAMING => {
                Frame::Block { block_type, length }
            }
            (_, length) => Frame::Broken(format!(
                "a block of {} bytes (at least {FRAMING} are needed)",
                length.unwrap_or(0)
            )),
        }
    }

    /// The bytes that the block takes, once it is there and its two lengths agree.
    fn whole(&self, block: &[u8], position: usize, length: u32) -> Result<usize, Stopped> {
        // Lengths are multiples of four; some writers leave the padding out of the length, or
        // out of the file.
        let unpadded = length as usize;
        let size = padded(unpadded);
        let rest = block.get(position..).unwrap_or_default();
        let first = u32_at(rest, unpadded - 4, self.big_endian);
        if first == Some(length) {
            return Ok(unpadded);
        }
        if rest.len() < size {
            return Err(Stopped::Needs {
                from: position,
                bytes: size,
            });
        }
        let second = u32_at(rest, size - 4, self.big_endian);
        if second == Some(length) {
            Ok(size)
        } else {
            Err(Stopped::Broken(lengths_differ(length, second.unwrap_or(0))))
        }
    }

    fn max_block(&self) -> u32 {
        MAX_BLOCK.max(self.longest.saturating_add(64 * 1024))
    }

    fn block(
        &mut self,
        block_type: u32,
        body: &[u8],
        start: usize,
        found: &mut Found<'_>,
    ) -> Block {
        match block_type {
            ENHANCED_PACKET => self.enhanced_packet(body, start, found),
            SIMPLE_PACKET => self.simple_packet(body, start, found),
            PACKET => self.packet(body, start, found),
            SECTION_HEADER => self.section(body, found.info),
            INTERFACE_DESCRIPTION => self.interface(body, found),
            INTERFACE_STATISTICS => {
                self.kept
                    .statistics(body, self.big_endian, &self.interfaces, found.info)
            }
            NAME_RESOLUTION => self.kept.names(body, self.big_endian, found.info),
            DECRYPTION_SECRETS => self.kept.secrets(body, self.big_endian, found.info),
            _ => Block::Done,
        }
    }

    fn section(&mut self, body: &[u8], info: &mut CaptureInfo) -> Block {
        self.lost_before = self.lost();
        self.interfaces.clear();
        self.longest = 0;
        let major = u16_at(body, 4, self.big_endian);
        let minor = u16_at(body, 6, self.big_endian);
        match (major, minor) {
            // 1.2 is what some writers made of 1.0 (section 4.1).
            (Some(1), Some(_)) => {}
            (Some(major), Some(minor)) => {
                return Block::Fatal(format!("a section of pcapng version {major}.{minor}"));
            }
            _ => return Block::Fatal("a section header that is too short".to_owned()),
        }
        self.kept
            .section(body.get(16..).unwrap_or_default(), self.big_endian, info);
        Block::Done
    }

    fn interface(&mut self, body: &[u8], found: &mut Found<'_>) -> Block {
        let index = found.info.interfaces.len().min(MAX_INTERFACES - 1) as u32;
        let Some(description) = Description::parse(body, self.big_endian, index) else {
            return Block::Malformed("an interface description that is too short");
        };
        if found.info.interfaces.len() < MAX_INTERFACES {
            found.info.interfaces.push(description.interface);
        }
        for comment in description.comments {
            self.kept.comment(comment, found.info);
        }
        if self.interfaces.len() >= MAX_INTERFACES {
            return Block::Fatal(format!(
                "a section with more than {MAX_INTERFACES} interfaces"
            ));
        }
        let longest = max_packet(description.section.link_type.0);
        self.longest = self.longest.max(longest);
        self.interfaces.push(description.section);
        Block::Done
    }

    /// Section 4.3.
    fn enhanced_packet(&mut self, body: &[u8], start: usize, found: &mut Found<'_>) -> Block {
        const HEADER: usize = 20;
        let (Some(interface), Some(ticks), Some(caplen), Some(wire_len)) = (
            u32_at(body, 0, self.big_endian),
            ticks(body, 4, self.big_endian),
            u32_at(body, 12, self.big_endian),
            u32_at(body, 16, self.big_endian),
        ) else {
            return Block::Malformed("a packet block that is too short");
        };
        let Some(interface) = self.interfaces.get_mut(interface as usize) else {
            return Block::Malformed("a packet of an interface that was not described");
        };
        let end = HEADER.saturating_add(caplen as usize);
        if end > body.len() {
            return Block::Malformed("a packet that is longer than its block");
        }
        let timestamp = interface.timestamp(ticks);
        found.tally.add(timestamp, caplen, wire_len);
        push(
            interface,
            timestamp,
            start + HEADER,
            caplen,
            wire_len,
            found,
        );
        if let Some(options) = body.get(padded(end)..).filter(|rest| rest.len() >= 4) {
            let lost = self
                .kept
                .packet_options(options, self.big_endian, found.info);
            interface.lost = interface.lost.saturating_add(lost);
        }
        Block::Done
    }

    /// Section 4.4: no time, no interface, no captured length of its own.
    fn simple_packet(&self, body: &[u8], start: usize, found: &mut Found<'_>) -> Block {
        const HEADER: usize = 4;
        let Some(wire_len) = u32_at(body, 0, self.big_endian) else {
            return Block::Malformed("a simple packet block that is too short");
        };
        let Some(interface) = self.interfaces.first() else {
            return Block::Malformed("a simple packet before any interface was described");
        };
        let snap_len = match interface.snap_len {
            0 => u32::MAX,
            snap_len => snap_len,
        };
        let there = (body.len() - HEADER) as u32;
        let caplen = wire_len.min(snap_len).min(there);
        // It has no time; that of the packet before it keeps the stream in order.
        let timestamp = found.tally.latest().unwrap_or_default();
        if !found.tally.has_untimed() {
            found.warn(
                WarningKind::Untimed,
                start,
                "packets have no time (simple packet blocks): they get the latest one before them",
            );
        }
        found.tally.add_untimed(caplen, wire_len);
        push(
            interface,
            timestamp,
            start + HEADER,
            caplen,
            wire_len,
            found,
        );
        Block::Done
    }

    /// Appendix A: the Packet Block that the enhanced one took the place of.
    fn packet(&mut self, body: &[u8], start: usize, found: &mut Found<'_>) -> Block {
        const HEADER: usize = 20;
        /// The drop count of a writer that does not know.
        const UNKNOWN_DROPS: u16 = 0xffff;
        let (Some(interface), Some(drops), Some(ticks), Some(caplen), Some(wire_len)) = (
            u16_at(body, 0, self.big_endian),
            u16_at(body, 2, self.big_endian),
            ticks(body, 4, self.big_endian),
            u32_at(body, 12, self.big_endian),
            u32_at(body, 16, self.big_endian),
        ) else {
            return Block::Malformed("a packet block that is too short");
        };
        let Some(interface) = self.interfaces.get_mut(usize::from(interface)) else {
            return Block::Malformed("a packet of an interface that was not described");
        };
        let end = HEADER.saturating_add(caplen as usize);
        if end > body.len() {
            return Block::Malformed("a packet that is longer than its block");
        }
        let timestamp = interface.timestamp(ticks);
        found.tally.add(timestamp, caplen, wire_len);
        push(
            interface,
            timestamp,
            start + HEADER,
            caplen,
            wire_len,
            found,
        );
        if drops != UNKNOWN_DROPS {
            interface.lost = interface.lost.saturating_add(u64::from(drops));
        }
        for (code, value) in
            Options::new(body.get(padded(end)..).unwrap_or_default(), self.big_endian)
        {
            if code == 1 {
                self.kept.packet_comment(value, found.info);
            }
        }
        Block::Done
    }

    fn note_unknown(&mut self, block_type: u32, position: usize, found: &mut Found<'_>) {
        if CUSTOM.contains(&block_type)
            || block_type & LOCAL_USE != 0
            || self.unknown.contains(&block_type)
            || self.unknown.len() >= MAX_UNKNOWN_TYPES
        {
            return;
        }
        self.unknown.push(block_type);
        found.warn(
            WarningKind::Skipped,
            position,
            format!("blocks of the unknown type {block_type:#x} were skipped"),
        );
    }
}

/// Why a scan stopped.
enum Stopped {
    /// The next step needs this many bytes from there on.
    Needs { from: usize, bytes: usize },
    /// Nothing more can be read: why.
    Broken(String),
}

fn push(
    interface: &SectionInterface,
    timestamp: Timestamp,
    offset: usize,
    caplen: u32,
    wire_len: u32,
    found: &mut Found<'_>,
) {
    if let Some(counted) = found.info.interfaces.get_mut(interface.index as usize) {
        counted.packets += 1;
    }
    found.packets.push(PacketRef {
        timestamp,
        offset: offset as u32,
        caplen,
        wire_len,
        interface: interface.index,
        link_type: interface.link_type,
    });
}

const fn is_known(block_type: u32) -> bool {
    matches!(
        block_type,
        SECTION_HEADER
            | INTERFACE_DESCRIPTION
            | PACKET
            | SIMPLE_PACKET
            | NAME_RESOLUTION
            | INTERFACE_STATISTICS
            | ENHANCED_PACKET
            | DECRYPTION_SECRETS
    )
}

fn lengths_differ(first: u32, second: u32) -> String {
    format!("a block that begins with the length {first} and ends with {second}")
}
