//! Traffic over time, for the `timeline` table.
//!
//! How long an interval will be may be known only when everything was read: counting begins with
//! short ones, and whenever there are too many of them goes on with longer ones, each a whole
//! multiple of those before. What comes out depends on the packets alone, not on when that was.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use netloom_decode::{Decoded, Transport};
use netloom_flow::FlowRecord;
use netloom_packet::{Packet, Timestamp};
use netloom_tables::{TimelineRow, Traffic};

use crate::intervals::{LEVELS, NICE};

/// Rows that an interval nobody asked for gives at most.
const AUTO_ROWS: i64 = 1000;
/// Intervals with something in them before counting goes on with longer ones, where none was
/// asked for.
const AUTO_BINS: usize = 4096;
/// The same where a length was asked for.
const MAX_BINS: usize = 1 << 18;
/// Rows with which intervals without packets have rows, too.
const MAX_ROWS: i64 = 1 << 20;
/// Pairs of a flow and an interval that a shard keeps until the flow's service is known.
const SHARD_PAIRS: usize = 1 << 16;

/// The length of intervals, as far as it is known by now; shared by all threads.
#[derive(Debug)]
pub(super) struct Lengths {
    /// What was asked for.
    wanted: Option<i64>,
    /// How often counting went on with longer ones.
    level: AtomicUsize,
}

impl Lengths {
    /// Intervals of `wanted` ns, at least one; without it as long as fits.
    pub(super) fn new(wanted: Option<i64>) -> Self {
        Self {
            wanted: wanted.map(|wanted| wanted.max(1)),
            level: AtomicUsize::new(0),
        }
    }

    fn level(&self) -> usize {
        self.level.load(Ordering::Relaxed)
    }

    /// The length at a level, in ns.
    fn at(&self, level: usize) -> i64 {
        match self.wanted {
            None => LEVELS.get(level).copied().unwrap_or(i64::MAX),
            Some(wanted) => u32::try_from(level)
                .ok()
                .and_then(|level| wanted.checked_mul(1_i64.checked_shl(level)?.max(1)))
                .unwrap_or(i64::MAX),
        }
    }

    fn max_bins(&self) -> usize {
        match self.wanted {
            None => AUTO_BINS,
            Some(_) => MAX_BINS,
        }
    }
}

/// What an interval has.
#[derive(Debug, Clone, Default)]
struct Bin {
    protocols: [Traffic; 4],
    new_flows: u64,
    services: Vec<(&'static str, Traffic)>,
}

impl Bin {
    fn absorb(&mut self, other: Self) {
        for (own, other) in self.protocols.iter_mut().zip(other.protocols) {
            *own += other;
        }
        self.new_flows += other.new_flows;
        for (service, traffic) in other.services {
            self.service(service, traffic);
        }
    }

    fn service(&mut self, service: &'static str, traffic: Traffic) {
        // There are as many services as protocols are known, and few in an interval.
        match self.services.iter_mut().find(|(name, _)| *name == service) {
            Some((_, own)) => *own += traffic,
            None => self.services.push((service, traffic)),
        }
    }
}

/// Counts of intervals of one length.
#[derive(Debug)]
pub(super) struct Bins {
    level: usize,
    length: i64,
    counts: HashMap<i64, Bin>,
    /// The interval of the last packet: most of the time the next one's, too.
    last: (i64, [Traffic; 4]),
}

impl Bins {
    /// Nothing yet, in intervals as long as is known by now.
    pub(super) fn new(lengths: &Lengths) -> Self {
        let level = lengths.level();
        Self {
            level,
            length: lengths.at(level),
            counts: HashMap::new(),
            last: (i64::MIN, Default::default()),
        }
    }

    /// Counts a packet.
    #[inline]
    pub(super) fn packet(&mut self, packet: &Packet<'_>, decoded: &Decoded) {
        let index = packet.timestamp.as_nanos().div_euclid(self.length);
        if index != self.last.0 {
            self.flush();
            self.last.0 = index;
        }
        let protocol = match decoded.transport {
            Transport::Tcp(_) => 0,
            Transport::Udp => 1,
            Transport::Icmpv4(_) | Transport::Icmpv6(_) => 2,
            _ => match decoded.ip.map(|ip| ip.protocol) {
                // Fragments after the first, and headers that were cut.
                Some(6) => 0,
                Some(17) => 1,
                Some(1 | 58) => 2,
                _ => 3,
            },
        };
        let traffic = &mut self.last.1[protocol];
        traffic.packets += 1;
        traffic.bytes += u64::from(packet.wire_len);
    }

    fn flush(&mut self) {
        let (index, protocols) = std::mem::replace(&mut self.last, (i64::MIN, Default::default()));
        if protocols.iter().any(|traffic| traffic.packets > 0) {
            let bin = self.counts.entry(index).or_default();
            for (own, more) in bin.protocols.iter_mut().zip(protocols) {
                *own += more;
            }
        }
    }

    /// Counts what a shard knows of flows that have ended.
    pub(super) fn flows(&mut self, shard: &mut Flows, lengths: &Lengths) {
        for start in shard.begun.drain(..) {
            self.bin(start).new_flows += 1;
        }
        for (service, pair) in shard.ended.drain(..) {
            let start = pair.index.saturating_mul(lengths.at(pair.level));
            self.bin(start).service(service, pair.traffic);
        }
        self.coarsen(lengths);
    }

    fn bin(&mut self, at: i64) -> &mut Bin {
        self.counts.entry(at.div_euclid(self.length)).or_default()
    }

    /// Takes what a block has, which may be counted in shorter intervals.
    pub(super) fn absorb(&mut self, mut other: Self, lengths: &Lengths) {
        other.flush();
        for (index, bin) in other.counts {
            self.bin(index.saturating_mul(other.length)).absorb(bin);
        }
        self.coarsen(lengths);
    }

    /// Goes on with longer intervals while there are too many.
    fn coarsen(&mut self, lengths: &Lengths) {
        while self.counts.len() > lengths.max_bins() && self.length < i64::MAX {
            self.level += 1;
            lengths.level.fetch_max(self.level, Ordering::Relaxed);
            self.regroup(lengths.at(self.level));
        }
    }

    /// Counts in intervals of another length, a multiple of the one so far.
    fn regroup(&mut self, length: i64) {
        let before = std::mem::replace(&mut self.length, length);
        for (index, bin) in std::mem::take(&mut self.counts) {
            self.bin(index.saturating_mul(before)).absorb(bin);
        }
    }

    /// The rows.
    pub(super) fn rows(mut self, lengths: &Lengths) -> Vec<TimelineRow> {
        self.flush();
        let Some((first, last)) = self.span() else {
            return Vec::new();
        };
        if lengths.wanted.is_none() {
            let span = (last.saturating_sub(first))
                .saturating_add(1)
                .saturating_mul(self.length);
            let nice = NICE
                .into_iter()
                .filter(|nice| nice % self.length == 0)
                .find(|nice| span / nice < AUTO_ROWS);
            if let Some(nice) = nice {
                self.regroup(nice);
            }
        }
        let Some((first, last)) = self.span() else {
            return Vec::new();
        };
        let row = |index: i64, bin: Option<Bin>| {
            let start = Timestamp::from_nanos(index.saturating_mul(self.length));
            let mut row = TimelineRow::new(start, self.length);
            if let Some(bin) = bin {
                row.protocols = bin.protocols;
                row.new_flows = bin.new_flows;
                row.services = bin.services;
                let rank = |(name, traffic): &(&'static str, Traffic)| {
                    (std::cmp::Reverse(traffic.bytes), *name)
                };
                row.services.sort_unstable_by_key(rank);
            }
            row
        };
        let mut bins = std::mem::take(&mut self.counts);
        if last.saturating_sub(first) < MAX_ROWS {
            return (first..=last)
                .map(|index| row(index, bins.remove(&index)))
                .collect();
        }
        let mut indexes: Vec<i64> = bins.keys().copied().collect();
        indexes.sort_unstable();
        indexes
            .into_iter()
            .map(|index| row(index, bins.remove(&index)))
            .collect()
    }

    fn span(&self) -> Option<(i64, i64)> {
        let first = self.counts.keys().min()?;
        Some((*first, *self.counts.keys().max()?))
    }
}

/// A flow by its first packet and its protocol.
type Begun = (u64, u8);

/// What a flow had in an interval.
#[derive(Debug, Clone, Copy)]
struct Pair {
    level: usize,
    index: i64,
    traffic: Traffic,
}

/// What a shard knows of its flows.
#[derive(Debug, Default)]
pub(super) struct Flows {
    alive: HashMap<Begun, Vec<Pair>>,
    /// Pairs in `alive`.
    pairs: usize,
    /// Starts of flows.
    begun: Vec<i64>,
    ended: Vec<(&'static str, Pair)>,
}

impl Flows {
    /// A packet of a flow.
    pub(super) fn packet(
        &mut self,
        lengths: &Lengths,
        packet: &Packet<'_>,
        decoded: &Decoded,
        begun: Begun,
    ) {
        let level = lengths.level();
        let pair = Pair {
            level,
            index: packet.timestamp.as_nanos().div_euclid(lengths.at(level)),
            traffic: Traffic {
                packets: 1,
                bytes: u64::from(packet.wire_len),
            },
        };
        let pairs = self.alive.entry(begun).or_default();
        // Times go back and forth a little.
        let known = pairs
            .iter_mut()
            .rev()
            .take(4)
            .find(|known| known.level == pair.level && known.index == pair.index);
        if let Some(known) = known {
            known.traffic += pair.traffic;
        } else if self.pairs < SHARD_PAIRS {
            self.pairs += 1;
            pairs.push(pair);
        } else if let Some(service) = decoded.service_by_port() {
            self.ended.push((service, pair));
        }
    }

    /// A flow's end. `services`: whether its packets were told.
    pub(super) fn flow_end(&mut self, flow: &FlowRecord) {
        if flow.outer {
            return;
        }
        self.begun.push(flow.start.as_nanos());
        let Some(pairs) = self.alive.remove(&(flow.first_number, flow.protocol)) else {
            return;
        };
        self.pairs -= pairs.len();
        if let Some(service) = flow.service() {
            self.ended
                .extend(pairs.into_iter().map(|pair| (service, pair)));
        }
    }
}
