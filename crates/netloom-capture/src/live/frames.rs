//! What lies in a block of the ring: headers of `TPACKET_V3` (linux/if_packet.h) and packets.
//!
//! Plain bytes in, plain ranges out. The kernel wrote them, but lengths are checked all the same:
//! a block that makes no sense ends early.

use std::ops::Range;

use netloom_packet::{LinkType, Timestamp};

/// Bytes of `tpacket3_hdr`, and the `sockaddr_ll` behind it.
const HEADER: usize = 48;
const HEADER_AND_ADDRESS: usize = HEADER + 20;

/// `tp_status` bits: the VLAN fields say something.
const VLAN_VALID: u32 = 1 << 4;
const VLAN_TPID_VALID: u32 = 1 << 6;

/// Tag protocol identifier of IEEE 802.1Q.
const TPID_8021Q: u16 = 0x8100;

/// `sll_pkttype` of what this machine sends.
pub(super) const PACKET_OUTGOING: u8 = 4;

/// Bytes of a `LINKTYPE_LINUX_SLL2` header.
pub(super) const SLL2_LEN: usize = 20;

/// Bytes of a VLAN tag, and of the two addresses in front of it.
const TAG_LEN: usize = 4;
const MACS_LEN: usize = 12;

/// How packets of an interface come and what they become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// What they become.
    pub(super) link_type: LinkType,
    /// They come without their link header, and get one of `LINKTYPE_LINUX_SLL2`.
    pub(super) cooked: bool,
    /// Bytes that are kept.
    pub(super) snaplen: u32,
}

/// Where reading of a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    offset: usize,
    left: u32,
}

/// A packet in a block, as its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) timestamp: Timestamp,
    pub(super) packet_type: u8,
    pub(super) interface_index: u32,
    /// Where its header is.
    header: usize,
    /// Where its bytes are: they end inside the block.
    start: usize,
    captured: usize,
    wire_len: u32,
    vlan: Option<(u16, u16)>,
    protocol: [u8; 2],
    hardware_type: u16,
    address: [u8; 8],
    address_len: u8,
}

/// A packet, ready: where its bytes are, and how long it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) range: Range<usize>,
    pub(super) wire_len: u32,
}

impl Cursor {
    /// The first packet of a block.
    pub(super) fn new(block: &[u8]) -> Self {
        Self {
            left: u32_at(block, 12).unwrap_or(0),
            offset: u32_at(block, 16).unwrap_or(0) as usize,
        }
    }

    /// Goes to the next packet; `None` at the end of the block.
    pub(super) fn next(&mut self, block: &[u8]) -> Option<Frame> {
        self.left = self.left.checked_sub(1)?;
        let header = block
            .get(self.offset..)?
            .first_chunk::<HEADER_AND_ADDRESS>()?;
        let next = u32_at(header, 0)? as usize;
        let captured = u32_at(header, 12)? as usize;
        let status = u32_at(header, 20)?;
        let start = self.offset + u16_at(header, 24)? as usize;
        // A packet that would reach over the end of the block is no packet.
        block.get(start..start.checked_add(captured)?)?;
        let tci = u32_at(header, 32)? as u16;
        let tpid = u16_at(header, 36)?;
        let vlan = (tci != 0 || status & VLAN_VALID != 0).then_some((
            if status & VLAN_TPID_VALID != 0 {
                tpid
            } else {
                TPID_8021Q
            },
            tci,
        ));
        let frame = Frame {
            timestamp: Timestamp::from_secs_nanos(
                u32_at(header, 4)?.into(),
                u32_at(header, 8)?.into(),
            ),
            packet_type: *header.get(HEADER + 10)?,
            interface_index: u32_at(header, HEADER + 4)?,
            header: self.offset,
            start,
            captured,
            wire_len: u32_at(header, 16)?,
            vlan,
            protocol: *header.get(HEADER + 2..)?.first_chunk()?,
            hardware_type: u16_at(header, HEADER + 8)?,
            address: *header.get(HEADER + 12..)?.first_chunk()?,
            address_len: *header.get(HEADER + 11)?,
        };
        // The last one says 0.
        if next == 0 {
            self.left = 0;
        }
        self.offset = self.offset.checked_add(next)?;
        Some(frame)
    }
}

impl Frame {
    /// Makes the packet whole, in place: puts the VLAN tag back that the kernel keeps beside the
    /// packet, and a cooked header in front. To be called once for each packet.
    pub(super) fn place(&self, block: &mut [u8], layout: Layout) -> Placed {
        let end = self.start + self.captured;
        let mut start = self.start;
        if layout.cooked {
            if let Some(begin) = self.cook(block) {
                start = begin;
            }
        } else if layout.link_type == LinkType::ETHERNET
            && let Some((tpid, tci)) = self.vlan
            && let Some(begin) = self.insert_tag(block, tpid, tci)
        {
            start = begin;
        }
        let added = (self.start - start) as u32;
        let kept = (end - start).min(layout.snaplen as usize);
        Placed {
            range: start..start + kept,
            wire_len: self.wire_len.saturating_add(added),
        }
    }

    /// `len` bytes in front of the packet that nobody needs.
    fn headroom(&self, len: usize) -> Option<usize> {
        let start = self.start.checked_sub(len)?;
        (start >= self.header + HEADER_AND_ADDRESS).then_some(start)
    }

    /// Moves the addresses forward and puts the tag behind them.
    fn insert_tag(&self, block: &mut [u8], tpid: u16, tci: u16) -> Option<usize> {
        if self.captured < MACS_LEN {
            return None;
        }
        let start = self.headroom(TAG_LEN)?;
        block.copy_within(self.start..self.start + MACS_LEN, start);
        let tag = block
            .get_mut(start + MACS_LEN..)?
            .first_chunk_mut::<TAG_LEN>()?;
        tag[..2].copy_from_slice(&tpid.to_be_bytes());
        tag[2..].copy_from_slice(&tci.to_be_bytes());
        Some(start)
    }

    /// Writes the header of LINKTYPE_LINUX_SLL2 in front: protocol, two reserved bytes, index of
    /// the interface, ARPHRD type, packet type, length of the address, address. A VLAN tag, which
    /// it has no place for, becomes the protocol, with the packet's own behind it.
    fn cook(&self, block: &mut [u8]) -> Option<usize> {
        let tag_len = if self.vlan.is_some() { TAG_LEN } else { 0 };
        let behind_tag = if self.has_inner_tag(block) {
            TPID_8021Q.to_be_bytes()
        } else {
            self.protocol
        };
        let start = self.headroom(SLL2_LEN + tag_len)?;
        let space = block.get_mut(start..self.start)?;
        let (header, tag) = space.split_first_chunk_mut::<SLL2_LEN>()?;
        let mut protocol = self.protocol;
        if let (Some((tpid, tci)), Some(tag)) = (self.vlan, tag.first_chunk_mut::<TAG_LEN>()) {
            protocol = tpid.to_be_bytes();
            tag[..2].copy_from_slice(&tci.to_be_bytes());
            tag[2..].copy_from_slice(&behind_tag);
        }
        header[..2].copy_from_slice(&protocol);
        header[2..4].fill(0);
        header[4..8].copy_from_slice(&self.interface_index.to_be_bytes());
        header[8..10].copy_from_slice(&self.hardware_type.to_be_bytes());
        header[10] = self.packet_type;
        header[11] = self.address_len;
        header[12..].copy_from_slice(&self.address);
        Some(start)
    }

    /// Whether a cooked packet begins with the rest of a second tag: since Linux 6.10 the kernel
    /// names the protocol behind all tags, though it takes off only the first.
    ///
    /// Told by the packet: it does not begin as one of that protocol, and what stands where the
    /// second tag would name its protocol is that protocol.
    fn has_inner_tag(&self, block: &[u8]) -> bool {
        let Some(&[first, _, high, low, behind, ..]) = block.get(self.start..) else {
            return false;
        };
        if self.vlan.is_none() || self.captured < 5 || [high, low] != self.protocol {
            return false;
        }
        let version = match self.protocol {
            [0x08, 0x00] => 4,
            [0x86, 0xdd] => 6,
            _ => return true,
        };
        first >> 4 != version && behind >> 4 == version
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RAW: Layout = Layout {
        link_type: LinkType::ETHERNET,
        cooked: false,
        snaplen: 1500,
    };

    /// A block of 512 bytes with one packet of `data` at 82 bytes after its header.
    fn block(data: &[u8], status: u32, vlan: (u16, u16), next: u32) -> Vec<u8> {
        let mut block = vec![0; 512];
        let mut put = |offset: usize, bytes: &[u8]| {
            block[offset..offset + bytes.len()].copy_from_slice(bytes);
        };
        put(12, &1_u32.to_ne_bytes());
        put(16, &48_u32.to_ne_bytes());
        let header = 48;
        put(header, &next.to_ne_bytes());
        put(header + 4, &1_700_000_000_u32.to_ne_bytes());
        put(header + 8, &123_456_789_u32.to_ne_bytes());
        put(header + 12, &(data.len() as u32).to_ne_bytes());
        put(header + 16, &(data.len() as u32 + 7).to_ne_bytes());
        put(header + 20, &status.to_ne_bytes());
        put(header + 24, &100_u16.to_ne_bytes());
        put(header + 32, &u32::from(vlan.1).to_ne_bytes());
        put(header + 36, &vlan.0.to_ne_bytes());
        // sockaddr_ll: family, protocol (network order), interface, ARPHRD, type, address.
        put(header + 48, &17_u16.to_ne_bytes());
        put(header + 50, &0x0800_u16.to_be_bytes());
        put(header + 52, &3_i32.to_ne_bytes());
        put(header + 56, &1_u16.to_ne_bytes());
        put(header + 58, &[PACKET_OUTGOING, 6, 1, 2, 3, 4, 5, 6]);
        put(header + 100, data);
        block
    }

    fn only(block: &mut [u8], layout: Layout) -> (Frame, Vec<u8>, u32) {
        let mut cursor = Cursor::new(block);
        let frame = cursor.next(block).unwrap();
        assert_eq!(cursor.next(block), None);
        let placed = frame.place(block, layout);
        (frame, block[placed.range].to_vec(), placed.wire_len)
    }

    #[test]
    fn a_packet_as_it_came() {
        let data: Vec<u8> = (0..60).collect();
        let mut block = block(&data, 1, (0, 0), 0);
        let (frame, bytes, wire_len) = only(&mut block, RAW);
        assert_eq!(bytes, data);
        assert_eq!(wire_len, 67);
        assert_eq!(frame.timestamp.as_nanos(), 1_700_000_000_123_456_789);
        assert_eq!(frame.packet_type, PACKET_OUTGOING);
        assert_eq!(frame.interface_index, 3);
    }

    #[test]
    fn the_tag_goes_back_behind_the_addresses() {
        let data: Vec<u8> = (0..60).collect();
        let status = 1 | VLAN_VALID | VLAN_TPID_VALID;
        let mut tagged = block(&data, status, (0x88a8, 0x2064), 0);
        let (_, bytes, wire_len) = only(&mut tagged, RAW);
        assert_eq!(bytes[..12], data[..12]);
        assert_eq!(bytes[12..16], [0x88, 0xa8, 0x20, 0x64]);
        assert_eq!(bytes[16..], data[12..]);
        assert_eq!(wire_len, 71);
        // Priority and VLAN 0: a tag too, if the kernel says so. Without its TPID: 802.1Q.
        let mut zero = block(&data, 1 | VLAN_VALID, (0, 0), 0);
        assert_eq!(only(&mut zero, RAW).1[12..16], [0x81, 0, 0, 0]);
        // Cut inside the addresses: nowhere to put it.
        let mut short = block(&data[..11], status, (0x8100, 5), 0);
        assert_eq!(only(&mut short, RAW).1, data[..11]);
    }

    #[test]
    fn the_snap_length_holds_with_a_tag_too() {
        let data: Vec<u8> = (0..60).collect();
        let layout = Layout { snaplen: 60, ..RAW };
        let mut tagged = block(&data, 1 | VLAN_VALID, (0, 7), 0);
        let (_, bytes, wire_len) = only(&mut tagged, layout);
        assert_eq!((bytes.len(), wire_len), (60, 71));
    }

    #[test]
    fn a_cooked_header() {
        let layout = Layout {
            link_type: LinkType::LINUX_SLL2,
            cooked: true,
            snaplen: 1500,
        };
        let data = [0x45; 40];
        let mut plain = block(&data, 1, (0, 0), 0);
        let (_, bytes, wire_len) = only(&mut plain, layout);
        assert_eq!(
            bytes[..SLL2_LEN],
            [8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0]
        );
        assert_eq!(bytes[SLL2_LEN..], data);
        assert_eq!(wire_len, 67);
        let mut tagged = block(&data, 1 | VLAN_VALID, (0, 100), 0);
        let (_, bytes, wire_len) = only(&mut tagged, layout);
        assert_eq!(bytes[..2], [0x81, 0]);
        assert_eq!(bytes[SLL2_LEN..SLL2_LEN + 4], [0, 100, 8, 0]);
        assert_eq!(bytes[SLL2_LEN + 4..], data);
        assert_eq!(wire_len, 71);
        // A second tag, of which the kernel names only the protocol behind it.
        let mut twice = block(
            &[&[0, 9, 8, 0], &data[..]].concat(),
            1 | VLAN_VALID,
            (0, 5),
            0,
        );
        let (_, bytes, _) = only(&mut twice, layout);
        assert_eq!(bytes[..2], [0x81, 0]);
        assert_eq!(bytes[SLL2_LEN..SLL2_LEN + 8], [0, 5, 0x81, 0, 0, 9, 8, 0]);
    }

    proptest! {
        #[test]
        fn any_bytes(mut block in proptest::collection::vec(any::<u8>(), 0..600), cooked: bool,
                     first in 0_u32..200, packets in 0_u32..5) {
            if let Some(start) = block.get_mut(12..20) {
                start[..4].copy_from_slice(&packets.to_ne_bytes());
                start[4..].copy_from_slice(&first.to_ne_bytes());
            }
            let layout = Layout { cooked, ..RAW };
            let mut cursor = Cursor::new(&block);
            let mut seen = 0;
            while let Some(frame) = cursor.next(&block) {
                let placed = frame.place(&mut block, layout);
                prop_assert!(block.get(placed.range).is_some());
                seen += 1;
            }
            prop_assert!(seen <= packets);
        }
    }
}
