//! What was wrong with packets, and which came twice.

use std::collections::BTreeMap;

use netloom_pipeline::StagePacket;
use netloom_pipeline::decode::{Layer, Stop, StopKind};
use netloom_pipeline::packet::Timestamp;

use crate::report::model::{Anomaly, SizeBucket};

/// The longest Ethernet frame with two VLAN tags and its checksum: what is longer was joined
/// by offloading before it was captured (or is a jumbo frame).
const LONGEST_FRAME: u32 = 1_526;

/// Smallest lengths of the size buckets: each begins at twice the one before.
const SIZES: [u32; 10] = [0, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120];

#[derive(Debug, Clone, Copy)]
struct Wrong {
    packets: u64,
    first_number: u64,
    first: Stop,
}

/// Sums over packets.
#[derive(Debug, Default)]
pub(crate) struct QualityCounter {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) captured_bytes: u64,
    pub(crate) truncated: u64,
    pub(crate) oversized: u64,
    pub(crate) stopped: u64,
    wrong: BTreeMap<(Layer, StopKind), Wrong>,
    sizes: [(u64, u64); SIZES.len()],
}

impl QualityCounter {
    #[inline]
    pub(crate) fn packet(&mut self, packet: &StagePacket<'_>) {
        let (wire_len, caplen) = (packet.packet.wire_len, packet.packet.data.len());
        self.packets += 1;
        self.bytes += u64::from(wire_len);
        self.captured_bytes += caplen as u64;
        self.truncated += u64::from(packet.packet.is_truncated());
        self.oversized += u64::from(wire_len > LONGEST_FRAME);
        // 0–19 is bucket 0, 20–39 bucket 1, 40–79 bucket 2, …
        let bucket = (u32::BITS - (wire_len / 20).leading_zeros()).min(SIZES.len() as u32 - 1);
        let size = &mut self.sizes[bucket as usize];
        size.0 += 1;
        size.1 += u64::from(wire_len);
        if let Some(stop) = packet.decoded.stopped {
            self.wrong(packet.packet.number, stop);
        }
    }

    #[cold]
    fn wrong(&mut self, number: u64, stop: Stop) {
        self.stopped += 1;
        let wrong = self.wrong.entry((stop.layer, stop.kind)).or_insert(Wrong {
            packets: 0,
            first_number: number,
            first: stop,
        });
        wrong.packets += 1;
        if number < wrong.first_number {
            wrong.first_number = number;
            wrong.first = stop;
        }
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.captured_bytes += other.captured_bytes;
        self.truncated += other.truncated;
        self.oversized += other.oversized;
        self.stopped += other.stopped;
        for (key, theirs) in other.wrong {
            match self.wrong.entry(key) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(theirs);
                }
                std::collections::btree_map::Entry::Occupied(mut ours) => {
                    let ours = ours.get_mut();
                    ours.packets += theirs.packets;
                    if theirs.first_number < ours.first_number {
                        ours.first_number = theirs.first_number;
                        ours.first = theirs.first;
                    }
                }
            }
        }
        for (ours, theirs) in self.sizes.iter_mut().zip(other.sizes) {
            ours.0 += theirs.0;
            ours.1 += theirs.1;
        }
    }

    pub(crate) fn sizes(&self) -> Vec<SizeBucket> {
        SIZES
            .iter()
            .enumerate()
            .map(|(index, &min)| SizeBucket {
                min,
                max: SIZES.get(index + 1).map(|next| next - 1),
                packets: self.sizes[index].0,
                bytes: self.sizes[index].1,
            })
            .collect()
    }

    pub(crate) fn anomalies(&self) -> Vec<Anomaly> {
        let mut anomalies: Vec<Anomaly> = self
            .wrong
            .iter()
            .map(|((layer, kind), wrong)| Anomaly {
                layer: layer.name().to_owned(),
                kind: kind.name().to_owned(),
                packets: wrong.packets,
                first_number: wrong.first_number,
                example: wrong.first.to_string(),
            })
            .collect();
        anomalies.sort_by_key(|anomaly| std::cmp::Reverse(anomaly.packets));
        anomalies
    }
}

/// Packets of a shard that are remembered for finding repetitions.
const REMEMBERED: usize = 16;
/// How long after a packet its repetition comes at the latest, in nanoseconds: a mirror port
/// sends it at once, a program that repeats itself does not.
const REPEATED_WITHIN: i64 = 10_000_000;
/// Bytes from the start that are compared, besides the length: they hold the checksums of the
/// rest.
const COMPARED: usize = 128;

/// Counts packets that repeat one of the last few of their shard.
#[derive(Debug)]
pub(crate) struct DuplicateCounter {
    /// The upper halves of the fingerprints: every processor compares four of them at once.
    halves: [u32; REMEMBERED],
    recent: [u64; REMEMBERED],
    /// When each was seen, in ns.
    seen: [i64; REMEMBERED],
    next: usize,
    pub(crate) duplicates: u64,
}

impl Default for DuplicateCounter {
    fn default() -> Self {
        Self {
            halves: [0; REMEMBERED],
            recent: [0; REMEMBERED],
            seen: [i64::MIN; REMEMBERED],
            next: 0,
            duplicates: 0,
        }
    }
}

impl DuplicateCounter {
    /// Sees a packet by its [`fingerprint`].
    #[inline]
    pub(crate) fn packet(&mut self, at: Timestamp, fingerprint: u64) {
        let now = at.as_nanos();
        // All are compared, without a branch for each: the answer is nearly always no.
        let half = upper(fingerprint);
        let known: u32 = self
            .halves
            .iter()
            .map(|&recent| u32::from(recent == half))
            .sum();
        if known > 0 && self.is_recent(fingerprint, now) {
            self.duplicates += 1;
        } else {
            self.halves[self.next] = half;
            self.recent[self.next] = fingerprint;
            self.seen[self.next] = now;
            self.next = (self.next + 1) % REMEMBERED;
        }
    }
}

impl DuplicateCounter {
    #[cold]
    fn is_recent(&self, fingerprint: u64, now: i64) -> bool {
        self.recent.iter().zip(&self.seen).any(|(&known, &at)| {
            known == fingerprint && now.saturating_sub(at).saturating_abs() <= REPEATED_WITHIN
        })
    }
}

fn upper(fingerprint: u64) -> u32 {
    (fingerprint >> 32) as u32
}

/// A hash of the packet's first bytes and its length. The lowest bit is 0, the next is 1 (so
/// that it is never 0). Which packets are taken for equal is no matter of safety: no key.
#[inline]
pub(crate) fn fingerprint(packet: &StagePacket<'_>) -> u64 {
    let data = packet.packet.data;
    let compared = &data[..data.len().min(COMPARED)];
    let lengths = u64::from(packet.packet.wire_len) << 32 | data.len() as u64;
    let mut hash = lengths ^ 0x9e37_79b9_7f4a_7c15;
    let (pieces, rest) = compared.as_chunks();
    for piece in pieces {
        hash = mix(hash, piece);
    }
    if let Some(last) = compared.last_chunk() {
        // The rest with what is before it.
        if !rest.is_empty() {
            hash = mix(hash, last);
        }
    } else {
        let mut padded = [0; 16];
        padded[..rest.len()].copy_from_slice(rest);
        hash = mix(hash, &padded);
    }
    hash & !1 | 2
}

/// A hash with sixteen bytes more: the product of two words, folded to one.
#[inline]
fn mix(hash: u64, bytes: &[u8; 16]) -> u64 {
    let both = u128::from_le_bytes(*bytes);
    let low = hash ^ both as u64;
    let high = (both >> 64) as u64 ^ 0xe703_7ed1_a0b4_28db;
    let product = u128::from(low) * u128::from(high);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_pipeline::decode::Decoded;
    use netloom_pipeline::packet::{LinkType, Packet};

    fn see(counter: &mut DuplicateCounter, nanos: i64, data: &[u8]) {
        let packet = Packet {
            number: 1,
            timestamp: Timestamp::from_nanos(nanos),
            link_type: LinkType::ETHERNET,
            interface: 0,
            wire_len: data.len() as u32,
            data,
        };
        let decoded = Decoded::default();
        let packet = StagePacket {
            packet: &packet,
            decoded: &decoded,
            flow: None,
            note: 0,
        };
        counter.packet(packet.packet.timestamp, fingerprint(&packet));
    }

    #[test]
    fn a_repetition_counts_only_soon() {
        let mut counter = DuplicateCounter::default();
        see(&mut counter, 0, &[1; 70]);
        see(&mut counter, 1_000, &[1; 70]);
        see(&mut counter, 2_000, &[1; 69]);
        see(&mut counter, 1_000_000_000, &[1; 70]);
        assert_eq!(counter.duplicates, 1);
        see(&mut counter, 2_000, &[]);
        see(&mut counter, 2_000, &[]);
        assert_eq!(counter.duplicates, 2);
    }

    #[test]
    fn sizes_fall_into_their_buckets() {
        let mut counter = QualityCounter::default();
        let decoded = Decoded::default();
        for wire_len in [
            0,
            19,
            20,
            39,
            40,
            79,
            80,
            1_279,
            1_280,
            5_119,
            5_120,
            u32::MAX,
        ] {
            let packet = Packet {
                number: 1,
                timestamp: Timestamp::from_nanos(0),
                link_type: LinkType::ETHERNET,
                interface: 0,
                wire_len,
                data: &[],
            };
            counter.packet(&StagePacket {
                packet: &packet,
                decoded: &decoded,
                flow: None,
                note: 0,
            });
        }
        let sizes = counter.sizes();
        assert_eq!(sizes.len(), 10);
        let packets: Vec<u64> = sizes.iter().map(|bucket| bucket.packets).collect();
        assert_eq!(packets, [2, 2, 2, 1, 0, 0, 1, 1, 1, 2]);
        assert_eq!((sizes[2].min, sizes[2].max), (40, Some(79)));
    }
}
