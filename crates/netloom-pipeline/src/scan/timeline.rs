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
/// What stands for the service of packets that there was no room to keep until it was known, and
/// whose ports stand for none.
pub(super) const OTHER: &str = "other";

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

    /// How many levels there are: the last is of the longest intervals.
    fn levels(&self) -> usize {
        match self.wanted {
            None => LEVELS.len(),
            Some(wanted) => wanted.leading_zeros() as usize,
        }
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

/// How long intervals have to be at least, as one shard's packets tell by themselves: the last of
/// what every level has. What a shard keeps depends on nothing else.
#[derive(Debug, Default)]
struct OwnLength {
    level: usize,
    length: i64,
    /// By level: the latest interval with a packet, and how many were the latest in turn. There are
    /// no more of them than intervals with packets.
    latest: Vec<(i64, usize)>,
}

impl OwnLength {
    /// The level by now, and a packet's interval at it.
    #[inline]
    fn index(&mut self, lengths: &Lengths, at: Timestamp) -> (usize, i64) {
        let nanos = at.as_nanos();
        if let Some(&(latest, _)) = self.latest.get(self.level) {
            let index = nanos.div_euclid(self.length);
            if index <= latest {
                return (self.level, index);
            }
        }
        self.advance(lengths, nanos);
        (self.level, nanos.div_euclid(self.length))
    }

    fn advance(&mut self, lengths: &Lengths, nanos: i64) {
        if self.latest.is_empty() {
            self.latest = vec![(i64::MIN, 0); lengths.levels().max(1)];
        }
        for (level, (latest, count)) in self.latest.iter_mut().enumerate().skip(self.level) {
            let index = nanos.div_euclid(lengths.at(level));
            if index <= *latest {
                break;
            }
            *latest = index;
            *count += 1;
        }
        while self
            .latest
            .get(self.level)
            .is_some_and(|of| of.1 > lengths.max_bins())
            && self.level + 1 < self.latest.len()
        {
            self.level += 1;
        }
        self.length = lengths.at(self.level);
    }
}

/// What a shard knows of its flows.
#[derive(Debug, Default)]
pub(super) struct Flows {
    alive: HashMap<Begun, Vec<Pair>>,
    own: OwnLength,
    /// Pairs in `alive`.
    pairs: usize,
    /// Starts of flows.
    begun: Vec<i64>,
    ended: Vec<(&'static str, Pair)>,
    /// Packets that were not kept until their flow's service was known.
    pub(super) by_port: u64,
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
        let before = self.own.level;
        let (level, index) = self.own.index(lengths, packet.timestamp);
        if level != before {
            self.regroup(lengths);
        }
        let pair = Pair {
            level,
            index,
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
        } else {
            self.by_port += 1;
            let service = decoded.service_by_port().unwrap_or(OTHER);
            self.ended.push((service, pair));
        }
    }

    /// Goes over to longer intervals, which take less room.
    #[cold]
    fn regroup(&mut self, lengths: &Lengths) {
        let level = self.own.level;
        self.pairs = 0;
        for pairs in self.alive.values_mut() {
            let mut longer: Vec<Pair> = Vec::new();
            for pair in pairs.iter() {
                let start = pair.index.saturating_mul(lengths.at(pair.level));
                let index = start.div_euclid(self.own.length);
                match longer.iter_mut().rev().take(4).find(|of| of.index == index) {
                    Some(known) => known.traffic += pair.traffic,
                    None => longer.push(Pair {
                        level,
                        index,
                        traffic: pair.traffic,
                    }),
                }
            }
            self.pairs += longer.len();
            *pairs = longer;
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

#[cfg(test)]
mod tests {
    use netloom_decode::{DecodeOptions, decode_ip};
    use netloom_flow::{FlowKey, FlowRules, flow_id};
    use netloom_packet::LinkType;

    use super::*;

    const MS: i64 = 1_000_000;

    fn see(flows: &mut Flows, lengths: &Lengths, ms: i64, begun: Begun) {
        let packet = Packet {
            number: 1,
            timestamp: Timestamp::from_nanos(ms * MS),
            link_type: LinkType::ETHERNET,
            interface: 0,
            wire_len: 100,
            data: &[],
        };
        flows.packet(lengths, &packet, &Decoded::default(), begun);
    }

    fn end(flows: &mut Flows, begun: Begun) {
        let datagram = [
            0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        let decoded = decode_ip(&datagram, 20, DecodeOptions::default());
        let (key, _) = FlowKey::new(&decoded, FlowRules::Native).unwrap();
        let id = flow_id(&key, Timestamp::from_nanos(0), begun.0, "");
        let mut flow = FlowRecord::new(id, [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), begun.1);
        (flow.first_number, flow.dst_port) = (begun.0, Some(53));
        flows.flow_end(&flow);
    }

    /// What there is no room for until its service is known counts as something else, and which
    /// packets these are does not depend on how far others have counted.
    #[test]
    fn what_is_not_kept_is_not_lost() {
        let of = |level| {
            let lengths = Lengths::new(Some(MS));
            let mut flows = Flows::default();
            let begun = [(1, 17), (2, 17)];
            let each = SHARD_PAIRS as i64 / 2 + 1_000;
            for ms in 0..each {
                if ms == 1_000 {
                    lengths.level.store(level, Ordering::Relaxed);
                }
                for begun in begun {
                    see(&mut flows, &lengths, ms, begun);
                }
            }
            for begun in begun {
                end(&mut flows, begun);
            }
            assert_eq!((flows.by_port, flows.pairs), (2_000, 0));
            let mut sums: Vec<(&str, Traffic)> = Vec::new();
            let mut bins = Bins::new(&lengths);
            bins.flows(&mut flows, &lengths);
            for row in bins.rows(&lengths) {
                for (service, traffic) in row.services {
                    match sums.iter_mut().find(|(name, _)| *name == service) {
                        Some((_, sum)) => *sum += traffic,
                        None => sums.push((service, traffic)),
                    }
                }
            }
            sums.sort_unstable_by_key(|(name, _)| *name);
            let sums = sums.into_iter().map(|(name, sum)| (name, sum.packets));
            sums.collect::<Vec<_>>()
        };
        let kept = SHARD_PAIRS as u64;
        assert_eq!(of(0), [("dns", kept), (OTHER, 2_000)]);
        assert_eq!(of(0), of(3));
    }

    /// Where no length was asked for, long captures have room, as intervals get longer.
    #[test]
    fn longer_intervals_make_room() {
        let lengths = Lengths::new(None);
        let mut flows = Flows::default();
        for ms in 0..60_000 {
            for begun in 0..12 {
                see(&mut flows, &lengths, ms, (begun, 17));
            }
        }
        assert_eq!((flows.by_port, flows.pairs), (0, 12 * 600));
        let pairs = flows.alive.values().flatten();
        assert_eq!(pairs.map(|pair| pair.traffic.packets).sum::<u64>(), 720_000);
    }

    /// A shard goes over to longer intervals by itself, and no sooner than all do.
    #[test]
    fn a_shard_knows_how_long_intervals_are_at_least() {
        let lengths = Lengths::new(None);
        let mut own = OwnLength::default();
        let mut bins = Bins::new(&lengths);
        for ms in 0..100_000 {
            let at = Timestamp::from_nanos(ms * MS);
            let (level, index) = own.index(&lengths, at);
            bins.bin(at.as_nanos()).new_flows += 1;
            bins.coarsen(&lengths);
            assert!(level <= bins.level, "{ms}");
            assert_eq!(index, at.as_nanos().div_euclid(LEVELS[level]));
        }
        assert_eq!((own.level, bins.level), (2, 2));
        // What is older is of an interval that long, too.
        let before = own.index(&lengths, Timestamp::from_nanos(0));
        assert_eq!(before, (2, 0));
    }
}
