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
    /// The bytes; packets are ranges of it, with what else there is in a file between them.
    pub block: Vec<u8>,
    /// The packets, in the order of the stream. Every range lies inside `block`.
    pub packets: Vec<PacketRef>,
    /// [`Packet::number`] of the first packet; the others follow without a gap, unless some were
    /// dropped.
    pub first_number: u64,
    /// Where packets were dropped ([`retain`](Self::retain)): the place of each one that is left
    /// among all of them, from 0. Empty where none was.
    pub places: Vec<u32>,
}

impl PacketBatch {
    /// Forgets all packets, keeps the memory.
    pub fn clear(&mut self) {
        self.block.clear();
        self.packets.clear();
        self.places.clear();
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
            number: self.number(index),
            timestamp: packet.timestamp,
            link_type: packet.link_type,
            interface: packet.interface,
            wire_len: packet.wire_len,
            data,
        })
    }

    /// [`Packet::number`] of the packet at `index`.
    #[inline]
    pub fn number(&self, index: usize) -> u64 {
        let place = match self.places.get(index) {
            Some(place) => u64::from(*place),
            None => index as u64,
        };
        self.first_number + place
    }

    /// The number after those of this batch.
    pub fn end_number(&self) -> u64 {
        match self.packets.len() {
            0 => self.first_number,
            count => self.number(count - 1) + 1,
        }
    }

    /// Keeps the packets of which `keep` says so by their index; they keep their numbers. The
    /// batch's first number becomes that of the first one left.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let count = self.packets.len();
        let mut kept = 0;
        let mut places = Vec::new();
        for index in 0..count {
            if !keep(index) {
                continue;
            }
            // As long as none was dropped, places say nothing.
            if kept != index && places.is_empty() {
                places.extend((0..kept as u32).map(|index| self.place(index as usize)));
            }
            if kept != index || !places.is_empty() {
                places.push(self.place(index));
            }
            self.packets.swap(kept, index);
            kept += 1;
        }
        if kept == count {
            return;
        }
        self.packets.truncate(kept);
        if places.is_empty() {
            // Only the last ones were dropped.
            self.places.truncate(kept);
            return;
        }
        let first = places.first().copied().unwrap_or(0);
        for place in &mut places {
            *place -= first;
        }
        self.first_number += u64::from(first);
        self.places = places;
    }

    /// Where the packet at `index` stood among all of them.
    fn place(&self, index: usize) -> u32 {
        self.places.get(index).copied().unwrap_or(index as u32)
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
        if let Some(last) = self.places.last() {
            self.places.push(last + 1);
        }
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
    fn packets_that_stay_keep_their_numbers() {
        let batch = || {
            let mut batch = PacketBatch {
                first_number: 10,
                ..PacketBatch::default()
            };
            for byte in 0..6 {
                batch.push(Timestamp::from_nanos(0), LinkType::RAW, 0, 1, &[byte]);
            }
            batch
        };
        let numbers = |batch: &PacketBatch| -> Vec<(u64, u8)> {
            batch
                .iter()
                .map(|packet| (packet.number, packet.data[0]))
                .collect()
        };
        for mask in 0..64_usize {
            let mut filtered = batch();
            filtered.retain(|index| mask >> index & 1 == 1);
            let expected: Vec<(u64, u8)> = (0..6_u8)
                .filter(|index| mask >> index & 1 == 1)
                .map(|index| (10 + u64::from(index), index))
                .collect();
            assert_eq!(numbers(&filtered), expected, "{mask:06b}");
            let end = expected
                .last()
                .map_or(filtered.first_number, |last| last.0 + 1);
            assert_eq!(filtered.end_number(), end, "{mask:06b}");
            // Once more, and a packet more.
            filtered.retain(|index| index % 2 == 0);
            let expected: Vec<(u64, u8)> = expected.into_iter().step_by(2).collect();
            assert_eq!(numbers(&filtered), expected, "{mask:06b}");
            if let Some((last, _)) = expected.last() {
                filtered.push(Timestamp::from_nanos(0), LinkType::RAW, 0, 1, &[9]);
                assert_eq!(numbers(&filtered).last(), Some(&(last + 1, 9)));
            }
        }
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
