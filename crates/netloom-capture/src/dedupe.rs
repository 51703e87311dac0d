//! A source of packets without those that repeat an earlier one.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher as _};

use foldhash::quality::RandomState;
use netloom_packet::{CaptureInfo, PacketBatch, PacketSource, Progress, SourceError, Timestamp};

/// Packets that are remembered.
const REMEMBERED: usize = 64;
/// How far apart two copies of a packet are at most, in nanoseconds.
const WITHIN: i64 = 10_000_000;

/// Drops packets that repeat one of the last 64 byte for byte, of the same length on the wire and
/// at most 10 ms away: what a mirror port that sees both directions of a switch delivers twice.
/// A retransmission comes later, and its IP identification, its timestamps or its checksum differ.
///
/// Packets keep the numbers they have in the whole stream.
#[derive(Debug)]
pub struct Deduplicated<S> {
    source: S,
    /// Hash and time of the last packets that were kept.
    recent: VecDeque<(u64, i64)>,
    /// Which packets are taken for equal is decided by 64 bits that nobody can aim at.
    hasher: RandomState,
    dropped: u64,
}

impl<S: PacketSource> Deduplicated<S> {
    /// Reads from a source.
    pub fn new(source: S) -> Self {
        Self {
            source,
            recent: VecDeque::with_capacity(REMEMBERED),
            hasher: RandomState::default(),
            dropped: 0,
        }
    }

    /// Packets dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether a packet is the first of its kind.
    fn is_new(&mut self, wire_len: u32, data: &[u8], at: i64) -> bool {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(wire_len);
        hasher.write(data);
        let hash = hasher.finish();
        let known = self.recent.iter().any(|&(other, then)| {
            other == hash && at.saturating_sub(then).saturating_abs() <= WITHIN
        });
        if known {
            self.dropped += 1;
            return false;
        }
        if self.recent.len() >= REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((hash, at));
        true
    }
}

impl<S: PacketSource> PacketSource for Deduplicated<S> {
    fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
        loop {
            batch.places.clear();
            if !self.source.next_batch(batch)? {
                return Ok(false);
            }
            let keep: Vec<bool> = (0..batch.len())
                .map(|index| {
                    batch.get(index).is_none_or(|packet| {
                        self.is_new(packet.wire_len, packet.data, packet.timestamp.as_nanos())
                    })
                })
                .collect();
            if keep.contains(&false) {
                batch.retain(|index| keep.get(index).copied().unwrap_or(true));
            }
            // A live source that has no more right now is not waited for.
            if !batch.is_empty() || !self.source.is_ready() {
                return Ok(true);
            }
        }
    }

    fn info(&self) -> Vec<CaptureInfo> {
        self.source.info()
    }

    fn progress(&self) -> Progress {
        self.source.progress()
    }

    fn is_ready(&self) -> bool {
        self.source.is_ready()
    }

    fn clock(&self) -> Option<Timestamp> {
        self.source.clock()
    }
}

#[cfg(test)]
mod tests {
    use netloom_packet::LinkType;

    use super::*;

    /// Packets in one batch.
    struct Given(Vec<(i64, &'static [u8])>);

    impl PacketSource for Given {
        fn next_batch(&mut self, batch: &mut PacketBatch) -> Result<bool, SourceError> {
            batch.clear();
            batch.first_number = 1;
            for (at, data) in self.0.drain(..) {
                let at = Timestamp::from_nanos(at);
                batch.push(at, LinkType::ETHERNET, 0, data.len() as u32, data);
            }
            Ok(!batch.is_empty())
        }

        fn info(&self) -> Vec<CaptureInfo> {
            Vec::new()
        }
    }

    #[test]
    fn copies_go_and_numbers_stay() {
        let packets: Vec<(i64, &'static [u8])> = vec![
            (0, b"a"),
            (1_000, b"a"),
            (2_000, b"b"),
            (3_000, b"a"),
            (20_000_000, b"a"),
        ];
        let mut source = Deduplicated::new(Given(packets));
        let mut batch = PacketBatch::default();
        assert!(source.next_batch(&mut batch).unwrap());
        let kept: Vec<(u64, &[u8])> = batch
            .iter()
            .map(|packet| (packet.number, packet.data))
            .collect();
        assert_eq!(kept, [(1, &b"a"[..]), (3, b"b"), (5, b"a")]);
        assert_eq!(source.dropped(), 2);
    }
}
