//! Packets, and the batches they travel in.

use crate::{LinkType, Timestamp};

/// A packet as it was captured: bytes that nobody has decoded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Number of the packet in its (merged) stream, from 1, as Wireshark counts.
    pub number: u64,
    /// When the packet was seen.
    pub timestamp: Timestamp,
    /// What the first byte of `data` belongs to.
    pub link_type: LinkType,
    /// Index into [`CaptureInfo::interfaces`](crate::CaptureInfo::interfaces) of the source.
    pub interface: u32,
    /// Length of the packet on the wire, in bytes; larger than `data` where a snap length cut it.
    pub wire_len: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}

impl Packet<'_> {
    /// Whether fewer bytes were captured than were on the wire.
    pub fn is_truncated(&self) -> bool {
        (self.data.len() as u64) < u64::from(self.wire_len)
    }
}

/// Where in its batch's block a packet lies, and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketRef {
    /// When the packet was seen.
    pub timestamp: Timestamp,
    /// First byte of the packet in the block.
    pub offset: u32,
    /// Captured bytes.
    pub caplen: u32,
    /// Length on the wire.
    pub wire_len: u32,
    /// Index of the interface in the source's [`CaptureInfo`](crate::CaptureInfo).
    pub interface: u32,
    /// What the first byte belongs to.
    pub link_type: LinkType,
}

/// A block of memory and the packets in it.
///
/// Batches are reused: a source clears the one it is given and fills it again, so memory does
/// not grow with the capture.
#[derive(Debug, Default)]
pub struct PacketBatch {
    /// The bytes; packets are ranges of it, with a file's own headers between them.
    pub block: Vec<u8>,
    /// The packets, in the order of the stream. Every range lies inside `block`.
    pub packets: Vec<PacketRef>,
    /// [`Packet::number`] of the first packet; the others follow without a gap.
    pub first_number: u64,
}

impl PacketBatch {
    /// Forgets all packets, keeps the memory.
    pub fn clear(&mut self) {
        self.block.clear();
        self.packets.clear();
        self.first_number = 0;
    }

    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there is no packet.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The packet at `index`, from 0.
    ///
    /// `None` past the end, and (which no source does) for a range outside the block.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Packet<'_>> {
        let packet = self.packets.get(index)?;
        let start = packet.offset as usize;
        let data = self
            .block
            .get(start..start.checked_add(packet.caplen as usize)?)?;
        Some(Packet {
            number: self.first_number + index as u64,
            timestamp: packet.timestamp,
            link_type: packet.link_type,
            interface: packet.interface,
            wire_len: packet.wire_len,
            data,
        })
    }

    /// All packets, in order.
    pub fn iter(&self) -> impl Iterator<Item = Packet<'_>> {
        (0..self.packets.len()).filter_map(|index| self.get(index))
    }

    /// Appends a copy of a packet's bytes.
    pub fn push(
        &mut self,
        timestamp: Timestamp,
        link_type: LinkType,
        interface: u32,
        wire_len: u32,
        data: &[u8],
    ) {
        let offset = self.block.len() as u32;
        self.block.extend_from_slice(data);
        self.packets.push(PacketRef {
            timestamp,
            offset,
            caplen: data.len() as u32,
            wire_len,
            interface,
            link_type,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_first() {
        let mut batch = PacketBatch {
            first_number: 7,
            ..PacketBatch::default()
        };
        for length in 1..=3_u32 {
            batch.push(
                Timestamp::from_nanos(0),
                LinkType::RAW,
                0,
                length + 1,
                &[1, 2, 3][..length as usize],
            );
        }
        let numbers: Vec<u64> = batch.iter().map(|packet| packet.number).collect();
        assert_eq!(numbers, [7, 8, 9]);
        assert_eq!(batch.get(1).unwrap().data, [1, 2]);
        assert!(batch.get(1).unwrap().is_truncated());
        assert!(batch.get(3).is_none());
    }

    #[test]
    fn a_range_outside_the_block_is_no_packet() {
        let mut batch = PacketBatch::default();
        batch.push(Timestamp::from_nanos(0), LinkType::RAW, 0, 4, &[0; 4]);
        batch.packets[0].caplen = 5;
        assert!(batch.get(0).is_none());
        batch.packets[0].offset = u32::MAX;
        assert!(batch.get(0).is_none());
    }
}
