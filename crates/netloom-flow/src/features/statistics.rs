//! What is summed up over all packets of a flow.

use netloom_decode::TcpFlags;

use super::Sample;
use super::activity::Activity;
use super::bulk::Bulks;
use super::spread::Spread;

/// Sizes of a direction's packets; how many there are is counted beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    squares: u128,
    sum: u64,
    min: u32,
    max: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            squares: 0,
            sum: 0,
            min: u32::MAX,
            max: 0,
        }
    }
}

impl Sizes {
    fn add(&mut self, size: u32) {
        self.squares += u128::from(u64::from(size).pow(2));
        self.sum = self.sum.saturating_add(size.into());
        self.min = self.min.min(size);
        self.max = self.max.max(size);
    }

    fn merge(&mut self, other: &Self) {
        self.squares += other.squares;
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    fn spread(&self, count: u64) -> Spread {
        let (min, max) = (self.min.into(), self.max.into());
        Spread::of_parts(count, self.sum.into(), self.squares, min, max)
    }
}

/// Times between packets; their sum is the time from the first packet to the last, and one fewer
/// than packets there are.
///
/// A packet whose time is before that of the one before it came at no distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gaps {
    squares: u128,
    min: u64,
    max: u64,
    first: i64,
    last: i64,
}

impl Default for Gaps {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Gaps {
    fn new(at: i64) -> Self {
        Self {
            squares: 0,
            min: u64::MAX,
            max: 0,
            first: at,
            last: at,
        }
    }

    /// Takes a packet's time; returns the pause before it.
    fn add(&mut self, at: i64) -> u64 {
        let gap = at.saturating_sub(self.last).max(0).unsigned_abs();
        self.squares = self.squares.saturating_add(u128::from(gap).pow(2));
        self.min = self.min.min(gap);
        self.max = self.max.max(gap);
        self.last = self.last.max(at);
        gap
    }

    /// Adds what came after it.
    fn merge(&mut self, later: &Self) {
        self.add(later.first);
        self.squares = self.squares.saturating_add(later.squares);
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.last = self.last.max(later.last);
    }

    fn spread(&self, packets: u64) -> Spread {
        let sum = self.last.saturating_sub(self.first).max(0).unsigned_abs();
        let count = packets.saturating_sub(1);
        Spread::of_parts(count, sum.into(), self.squares, self.min, self.max)
    }
}

/// How many packets had each TCP flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlagCounts([u32; 8]);

impl FlagCounts {
    /// Packets with this flag (of several flags, the lowest bit counts); 0 without TCP.
    pub fn get(&self, flag: TcpFlags) -> u32 {
        let place = flag.0.trailing_zeros() as usize;
        self.0.get(place).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, flags: TcpFlags) {
        let mut rest = flags.0;
        while rest != 0 {
            if let Some(count) = self.0.get_mut(rest.trailing_zeros() as usize) {
                *count = count.saturating_add(1);
            }
            rest &= rest - 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }
}

/// What is summed up over the packets of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Direction {
    packets: u64,
    lengths: Sizes,
    payloads: Sizes,
    /// Means nothing without packets.
    gaps: Gaps,
    header_bytes: u64,
    header_min: Option<u16>,
    init_window: Option<u16>,
    flags: FlagCounts,
    bulks: Bulks,
}

impl Direction {
    fn add(&mut self, sample: &Sample) {
        if self.packets == 0 {
            self.gaps = Gaps::new(sample.at);
        } else {
            self.gaps.add(sample.at);
        }
        self.packets = self.packets.saturating_add(1);
        self.lengths.add(sample.len);
        self.payloads.add(sample.payload_len);
        if let Some(header) = sample.header_len {
            self.header_bytes = self.header_bytes.saturating_add(header.into());
            self.header_min = Some(self.header_min.map_or(header, |min| min.min(header)));
        }
        if let Some((flags, window)) = sample.tcp {
            self.flags.add(flags);
            self.init_window.get_or_insert(window);
        }
        if sample.payload_len > 0 {
            self.bulks.add(sample.at, sample.payload_len);
        }
    }

    /// Packets.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Frame lengths on the wire.
    pub fn lengths(&self) -> Spread {
        self.lengths.spread(self.packets)
    }

    /// Transport payload lengths by the headers, of packets without payload too.
    pub fn payloads(&self) -> Spread {
        self.payloads.spread(self.packets)
    }

    /// Times between consecutive packets of this direction, ns.
    pub fn iats(&self) -> Spread {
        self.gaps.spread(self.packets)
    }

    /// Time of the first packet, ns since 1970; `None` without packets.
    pub fn first(&self) -> Option<i64> {
        (self.packets > 0).then_some(self.gaps.first)
    }

    /// Largest time of a packet, ns since 1970; `None` without packets.
    pub fn last(&self) -> Option<i64> {
        (self.packets > 0).then_some(self.gaps.last)
    }

    /// Lengths of transport headers, options included, added up.
    pub fn header_bytes(&self) -> u64 {
        self.header_bytes
    }

    /// The shortest transport header; `None` where none was seen.
    pub fn header_min(&self) -> Option<u16> {
        self.header_min
    }

    /// Window of the first TCP packet, as it stands in the header, not scaled; `None` without
    /// TCP.
    pub fn init_window(&self) -> Option<u16> {
        self.init_window
    }

    /// Packets with each TCP flag.
    pub fn flags(&self) -> &FlagCounts {
        &self.flags
    }

    /// Bulk transfers.
    pub fn bulks(&self) -> &Bulks {
        &self.bulks
    }

    /// Adds the packets of a later part of the same direction; bulks across the cut are lost.
    fn merge(&mut self, later: &Self) {
        if later.packets > 0 {
            if self.packets == 0 {
                self.gaps = later.gaps;
            } else {
                self.gaps.merge(&later.gaps);
            }
        }
        self.packets = self.packets.saturating_add(later.packets);
        self.lengths.merge(&later.lengths);
        self.payloads.merge(&later.payloads);
        self.header_bytes = self.header_bytes.saturating_add(later.header_bytes);
        self.header_min = match (self.header_min, later.header_min) {
            (Some(min), Some(later)) => Some(min.min(later)),
            (min, later) => min.or(later),
        };
        self.init_window = self.init_window.or(later.init_window);
        self.flags.merge(&later.flags);
    }
}

/// What is summed up over all packets of a flow: O(1) for each.
///
/// One side of every mean, extreme and deviation is a [`Spread`] in whole bytes or nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    directions: [Direction; 2],
    gaps: Gaps,
    activity: Activity,
}

impl Statistics {
    /// A flow that begins with a packet.
    pub(super) fn new(from_src: bool, sample: &Sample) -> Self {
        let mut statistics = Self {
            directions: [Direction::default(); 2],
            gaps: Gaps::new(sample.at),
            activity: Activity::new(sample.at),
        };
        statistics.directions[usize::from(!from_src)].add(sample);
        statistics
    }

    /// Takes a packet that is not the first.
    pub(super) fn add(&mut self, from_src: bool, sample: &Sample) {
        let last = self.gaps.last;
        let pause = self.gaps.add(sample.at);
        self.activity.add(last, pause);
        let me = usize::from(!from_src);
        self.directions[me].add(sample);
        if sample.payload_len > 0 {
            self.directions[1 - me].bulks.interrupt();
        }
    }

    /// Originator and responder were exchanged.
    pub(super) fn flip(&mut self) {
        self.directions.swap(0, 1);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.activity.heap_bytes()
    }

    /// Packets src→dst.
    pub fn fwd(&self) -> &Direction {
        &self.directions[0]
    }

    /// Packets dst→src.
    pub fn bwd(&self) -> &Direction {
        &self.directions[1]
    }

    /// Packets, both ways.
    pub fn packets(&self) -> u64 {
        self.fwd().packets.saturating_add(self.bwd().packets)
    }

    /// Frame lengths on the wire, both ways.
    pub fn lengths(&self) -> Spread {
        self.fwd().lengths().merged(&self.bwd().lengths())
    }

    /// Transport payload lengths, both ways.
    pub fn payloads(&self) -> Spread {
        self.fwd().payloads().merged(&self.bwd().payloads())
    }

    /// Times between consecutive packets of the flow, whoever sent them, ns.
    pub fn iats(&self) -> Spread {
        self.gaps.spread(self.packets())
    }

    /// Packets with this TCP flag, both ways.
    pub fn flag(&self, flag: TcpFlags) -> u64 {
        u64::from(self.fwd().flags.get(flag)) + u64::from(self.bwd().flags.get(flag))
    }

    /// Subflows, active and idle times.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Adds a later part of the same flow, which begins no earlier than this one ends: lengths,
    /// times between packets, flags, headers and windows become those of the whole. Bulks,
    /// subflows, active and idle times of the later part are left out, since a cut may have gone
    /// through them.
    pub fn merge(&mut self, later: &Self) {
        for (direction, more) in self.directions.iter_mut().zip(&later.directions) {
            direction.merge(more);
        }
        self.gaps.merge(&later.gaps);
    }
}
