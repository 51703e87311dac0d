//! What NFStream sums up, the way it does.

use netloom_decode::TcpFlags;

use super::Sample;
use super::statistics::FlagCounts;

/// Nanoseconds of its unit of time.
const MILLISECOND: i64 = 1_000_000;

/// What NFStream 6.6 sums up over the packets of a flow: times in whole milliseconds, sizes in 16
/// bits, means and deviations in floating point by Welford's method, packet by packet.
///
/// Kept beside [`Statistics`](super::Statistics), which are exact, so that its values can be given
/// to the last digit. Time is what the flow table says of a packet: under NFStream's rules it
/// never goes back. Source: `lib_engine.c` and `flow.py` of NFStream 6.6.0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Nfstream {
    bidirectional: Counts,
    directions: [Counts; 2],
    first: Vec<NfstreamPacket>,
}

/// One of the first packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NfstreamPacket {
    /// Whether it goes from dst to src.
    pub backward: bool,
    /// Frame length.
    pub size: u16,
    /// Milliseconds since the packet before it.
    pub piat_ms: u64,
}

impl Nfstream {
    /// Packets that are kept one by one (`splt_analysis=20`).
    pub const SPLT: usize = 20;

    pub(super) fn add(&mut self, from_src: bool, sample: &Sample) {
        let millis = sample.at.div_euclid(MILLISECOND);
        let flags = sample.tcp.map(|(flags, _)| flags);
        // Its sizes have 16 bits; a longer frame loses the others.
        let size = sample.len as u16;
        if self.first.len() < Self::SPLT {
            if self.first.len() == self.first.capacity() {
                let more = self.first.len().max(2).min(Self::SPLT - self.first.len());
                self.first.reserve_exact(more);
            }
            self.first.push(NfstreamPacket {
                backward: !from_src,
                size,
                piat_ms: self.bidirectional.since_last(millis),
            });
        }
        self.bidirectional.add(millis, size, flags);
        self.directions[usize::from(!from_src)].add(millis, size, flags);
    }

    pub(super) fn flip(&mut self) {
        self.directions.swap(0, 1);
        for packet in &mut self.first {
            packet.backward = !packet.backward;
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.first.capacity() * size_of::<NfstreamPacket>()
    }

    /// All packets.
    pub fn bidirectional(&self) -> &Counts {
        &self.bidirectional
    }

    /// Packets src→dst.
    pub fn src2dst(&self) -> &Counts {
        &self.directions[0]
    }

    /// Packets dst→src.
    pub fn dst2src(&self) -> &Counts {
        &self.directions[1]
    }

    /// The first [`SPLT`](Self::SPLT) packets one by one.
    pub fn first_packets(&self) -> &[NfstreamPacket] {
        &self.first
    }
}

/// What is summed up of a direction, or of both.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counts {
    packets: u64,
    bytes: u64,
    first_seen: i64,
    last_seen: i64,
    flags: FlagCounts,
    sizes: Running,
    piats: Running,
}

impl Counts {
    fn since_last(&self, millis: i64) -> u64 {
        if self.packets == 0 {
            return 0;
        }
        millis.saturating_sub(self.last_seen).max(0).unsigned_abs()
    }

    fn add(&mut self, millis: i64, size: u16, flags: Option<TcpFlags>) {
        let piat = self.since_last(millis);
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size.into());
        self.sizes.add(size.into(), self.packets);
        if self.packets == 1 {
            self.first_seen = millis;
        } else {
            self.piats.add(piat, self.packets - 1);
        }
        self.last_seen = millis;
        if let Some(flags) = flags {
            self.flags.add(flags);
        }
    }

    /// Packets.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Sizes, added up.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Time of the first packet, ms since 1970; 0 without packets.
    pub fn first_seen_ms(&self) -> i64 {
        self.first_seen
    }

    /// Time of the last packet, ms since 1970; 0 without packets.
    pub fn last_seen_ms(&self) -> i64 {
        self.last_seen
    }

    /// From the first packet to the last, ms.
    pub fn duration_ms(&self) -> i64 {
        self.last_seen.saturating_sub(self.first_seen)
    }

    /// Packets with each TCP flag.
    pub fn flags(&self) -> &FlagCounts {
        &self.flags
    }

    /// The smallest size; 0 without packets.
    pub fn min_ps(&self) -> u64 {
        self.sizes.min
    }

    /// The largest size; 0 without packets.
    pub fn max_ps(&self) -> u64 {
        self.sizes.max
    }

    /// Mean size; 0 without packets.
    pub fn mean_ps(&self) -> f64 {
        self.sizes.mean
    }

    /// Sample standard deviation of sizes; 0 for fewer than two packets.
    pub fn stddev_ps(&self) -> f64 {
        self.sizes.deviation(self.packets)
    }

    /// The shortest time between packets, ms; 0 for fewer than two.
    pub fn min_piat_ms(&self) -> u64 {
        self.piats.min
    }

    /// The longest time between packets, ms; 0 for fewer than two.
    pub fn max_piat_ms(&self) -> u64 {
        self.piats.max
    }

    /// Mean time between packets, ms; 0 for fewer than two.
    pub fn mean_piat_ms(&self) -> f64 {
        self.piats.mean
    }

    /// Sample standard deviation of the times between packets, ms; 0 for fewer than three.
    pub fn stddev_piat_ms(&self) -> f64 {
        self.piats.deviation(self.packets.saturating_sub(1))
    }
}

/// Mean and squares off it as they run (Welford 1962), in the order of NFStream's operations.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Running {
    min: u64,
    max: u64,
    mean: f64,
    squares: f64,
}

impl Running {
    /// Adds the value that makes them `count`.
    fn add(&mut self, value: u64, count: u64) {
        if count <= 1 {
            (self.min, self.max, self.mean) = (value, value, value as f64);
            return;
        }
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        let before = self.mean;
        let value = value as f64;
        self.mean += (value - before) / count as f64;
        self.squares += (value - before) * (value - self.mean);
    }

    fn deviation(&self, count: u64) -> f64 {
        if count > 1 {
            (self.squares / (count - 1) as f64).sqrt()
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(micros: i64, len: u32, flags: u8) -> Sample {
        Sample {
            at: micros * 1000,
            len,
            payload_len: 0,
            header_len: None,
            tcp: (flags != 0).then_some((TcpFlags(flags), 0)),
        }
    }

    fn of(packets: &[(bool, i64, u32, u8)]) -> Nfstream {
        let mut counts = Nfstream::default();
        for &(from_src, micros, len, flags) in packets {
            counts.add(from_src, &sample(micros, len, flags));
        }
        counts
    }

    #[test]
    fn by_hand() {
        // 1.0, 2.9, 3.0 and 10.999 ms are 1, 2, 3 and 10 to NFStream.
        let counts = of(&[
            (true, 1_000, 100, 0x02),
            (false, 2_900, 200, 0x12),
            (true, 3_000, 60, 0x10),
            (true, 10_999, 40, 0x18),
        ]);
        let both = counts.bidirectional();
        assert_eq!((both.packets(), both.bytes()), (4, 400));
        assert_eq!(
            (
                both.first_seen_ms(),
                both.last_seen_ms(),
                both.duration_ms()
            ),
            (1, 10, 9)
        );
        assert_eq!(
            (both.min_ps(), both.mean_ps(), both.max_ps()),
            (40, 100.0, 200)
        );
        // Off by 0, 100, -40, -60: 15,200.
        assert!((both.stddev_ps() - (15_200.0_f64 / 3.0).sqrt()).abs() < 1e-9);
        // 1 1 7.
        assert_eq!(
            (both.min_piat_ms(), both.mean_piat_ms(), both.max_piat_ms()),
            (1, 3.0, 7)
        );
        assert!((both.stddev_piat_ms() - 12_f64.sqrt()).abs() < 1e-9);
        assert_eq!(both.flags().get(TcpFlags::ACK), 3);
        let back = counts.dst2src();
        assert_eq!(
            (back.packets(), back.bytes(), back.first_seen_ms()),
            (1, 200, 2)
        );
        assert_eq!(
            (back.stddev_ps(), back.min_piat_ms(), back.mean_piat_ms()),
            (0.0, 0, 0.0)
        );
        assert_eq!(counts.src2dst().max_piat_ms(), 7);
        let piats: Vec<_> = counts.first_packets().iter().map(|p| p.piat_ms).collect();
        assert_eq!(piats, [0, 1, 1, 7]);
    }

    #[test]
    fn nothing_the_other_way() {
        let counts = of(&[(true, 5_000, 60, 0)]);
        let back = counts.dst2src();
        assert_eq!(
            (back.packets(), back.first_seen_ms(), back.duration_ms()),
            (0, 0, 0)
        );
        assert_eq!(
            (back.min_ps(), back.mean_ps(), back.stddev_ps()),
            (0, 0.0, 0.0)
        );
    }

    #[test]
    fn sizes_have_sixteen_bits() {
        let counts = of(&[(true, 0, 65_536 + 7, 0), (true, 0, 65_535, 0)]);
        let both = counts.bidirectional();
        assert_eq!(
            (both.bytes(), both.min_ps(), both.max_ps()),
            (65_542, 7, 65_535)
        );
    }

    #[test]
    fn the_first_twenty_are_kept() {
        let packets: Vec<_> = (0..30).map(|n| (n % 2 == 0, n * 1000, 60, 0)).collect();
        let counts = of(&packets);
        assert_eq!(counts.first_packets().len(), Nfstream::SPLT);
        assert_eq!(counts.bidirectional().packets(), 30);
        assert_eq!(
            counts.heap_bytes(),
            Nfstream::SPLT * size_of::<NfstreamPacket>()
        );
    }
}
