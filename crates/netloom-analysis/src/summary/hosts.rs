//! Who talks, and with whom.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};

use hashbrown::Equivalent;
use netloom_pipeline::compact::Halves;
use netloom_pipeline::flow::FlowRecord;
use netloom_pipeline::flow::app::Confidence;
use netloom_pipeline::packet::{MacAddr, Timestamp};

use super::services::ServiceNumbers;
use netloom_pipeline::bounded::{BoundedTable, Counts};

/// What is counted of a flow for its addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndedFlow {
    pub(crate) closed_by: u64,
    pub(crate) first_number: u64,
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// Packets and bytes, forward and backward.
    pub(crate) packets: [u64; 2],
    pub(crate) bytes: [u64; 2],
    pub(crate) service: Option<&'static str>,
    /// How sure the service is.
    pub(crate) confidence: Option<Confidence>,
    pub(crate) protocol: u8,
    pub(crate) dst_port: Option<u16>,
}

impl EndedFlow {
    pub(crate) fn new(flow: &FlowRecord, service: Option<&'static str>) -> Self {
        Self {
            closed_by: flow.closed_by,
            first_number: flow.first_number,
            src: flow.src_ip,
            dst: flow.dst_ip,
            start: flow.start,
            end: flow.end,
            packets: [flow.fwd.packets, flow.bwd.packets],
            bytes: [flow.fwd.bytes, flow.bwd.bytes],
            service,
            confidence: flow.confidence(),
            protocol: flow.protocol,
            dst_port: flow.dst_port,
        }
    }
}

/// What an address sent and received. One that talks to itself counts each packet once: as sent
/// what went forward, as received what came back.
#[derive(Debug, Default)]
pub(crate) struct AddressCounts(Halves<6>);

impl AddressCounts {
    pub(crate) fn packets_sent(&self) -> u64 {
        self.0.get(0)
    }

    pub(crate) fn packets_received(&self) -> u64 {
        self.0.get(1)
    }

    pub(crate) fn bytes_sent(&self) -> u64 {
        self.0.get(2)
    }

    pub(crate) fn bytes_received(&self) -> u64 {
        self.0.get(3)
    }

    /// Of `bytes_received`, what it received as the responder of a flow.
    pub(crate) fn bytes_as_responder(&self) -> u64 {
        self.0.get(4)
    }

    pub(crate) fn flows(&self) -> u64 {
        self.0.get(5)
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets_sent() + self.packets_received()
    }

    /// Whether a packet came from it.
    pub(crate) fn is_source(&self) -> bool {
        self.packets_sent() > 0
    }

    /// Whether a packet went to it: one to itself was received as well as sent.
    pub(crate) fn is_destination(&self) -> bool {
        self.packets_received() > 0 || self.bytes_as_responder() > 0
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes_sent() + self.bytes_received()
    }

    /// Counts a flow for its originator or its responder.
    pub(crate) fn flow(&mut self, flow: &EndedFlow, originator: bool) {
        let (sent, received) = if originator { (0, 1) } else { (1, 0) };
        self.0.add(0, flow.packets[sent]);
        self.0.add(1, flow.packets[received]);
        self.0.add(2, flow.bytes[sent]);
        self.0.add(3, flow.bytes[received]);
        if !originator {
            self.0.add(4, flow.bytes[received]);
        }
        self.0.add(5, 1);
    }

    /// Counts a flow from the address to itself. A flow that shows packets in one direction only
    /// shows them forward.
    pub(crate) fn flow_to_itself(&mut self, flow: &EndedFlow) {
        let (sent, received) = if flow.packets[0] > 0 { (0, 1) } else { (1, 0) };
        self.0.add(0, flow.packets[sent]);
        self.0.add(1, flow.packets[received]);
        self.0.add(2, flow.bytes[sent]);
        self.0.add(3, flow.bytes[received]);
        self.0.add(4, flow.bytes[sent]);
        self.0.add(5, 1);
    }
}

impl Counts for AddressCounts {
    fn weight(&self) -> u64 {
        self.bytes()
    }

    fn absorb(&mut self, other: Self) {
        self.0.absorb(&other.0);
    }
}

/// Two addresses, the smaller first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pair(pub(crate) IpAddr, pub(crate) IpAddr);

impl Pair {
    pub(crate) fn new(a: IpAddr, b: IpAddr) -> Self {
        if a <= b { Self(a, b) } else { Self(b, a) }
    }
}

/// A pair as a key: those of IPv4 take half the room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PairKey {
    V4(Ipv4Addr, Ipv4Addr),
    Other(Box<Pair>),
}

impl PairKey {
    pub(crate) fn pair(&self) -> Pair {
        match *self {
            Self::V4(a, b) => Pair(a.into(), b.into()),
            Self::Other(ref pair) => **pair,
        }
    }
}

impl From<&Pair> for PairKey {
    fn from(pair: &Pair) -> Self {
        match *pair {
            Pair(IpAddr::V4(a), IpAddr::V4(b)) => Self::V4(a, b),
            _ => Self::Other(Box::new(*pair)),
        }
    }
}

impl Hash for PairKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pair().hash(state);
    }
}

impl Ord for PairKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.pair().cmp(&other.pair())
    }
}

impl PartialOrd for PairKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Equivalent<PairKey> for Pair {
    fn equivalent(&self, key: &PairKey) -> bool {
        *self == key.pair()
    }
}

/// Services of a conversation that are kept.
const SERVICES: usize = 5;
/// No service.
const NONE: u16 = u16::MAX;
/// Where the bytes of a conversation's first service are.
const OF_SERVICE: usize = 6;

/// What went between two addresses.
#[derive(Debug)]
pub(crate) struct ConversationCounts {
    /// Packets, bytes and flows begun, each of the smaller and of the larger address; bytes of the
    /// first service. Most pairs use one; others are beside, with their bytes.
    counts: Halves<7, Vec<(u16, u64)>>,
    first: Timestamp,
    last: Timestamp,
    service: u16,
}

impl Default for ConversationCounts {
    fn default() -> Self {
        Self {
            counts: Halves::default(),
            first: Timestamp::MAX,
            last: Timestamp::MIN,
            service: NONE,
        }
    }
}

impl ConversationCounts {
    /// Packets from the smaller (0) or the larger (1) address.
    pub(crate) fn packets(&self, from: usize) -> u64 {
        self.counts.get(from)
    }

    pub(crate) fn bytes(&self, from: usize) -> u64 {
        self.counts.get(2 + from)
    }

    /// Flows begun by it.
    pub(crate) fn begun(&self, by: usize) -> u64 {
        self.counts.get(4 + by)
    }

    /// Nanoseconds from the start of the first flow to the end of the last.
    pub(crate) fn duration(&self) -> i64 {
        self.last.nanos_since(self.first).max(0)
    }

    /// Counts a flow of the pair, and the number of its service.
    pub(crate) fn flow(&mut self, flow: &EndedFlow, pair: Pair, service: Option<u16>) {
        let from = usize::from(flow.src != pair.0);
        for (side, other) in [(0, from), (1, 1 - from)] {
            self.counts.add(other, flow.packets[side]);
            self.counts.add(2 + other, flow.bytes[side]);
        }
        self.counts.add(4 + from, 1);
        self.first = self.first.min(flow.start);
        self.last = self.last.max(flow.end);
        if let Some(service) = service {
            self.service(service, flow.bytes[0] + flow.bytes[1]);
        }
    }

    fn service(&mut self, service: u16, bytes: u64) {
        if self.service == NONE {
            self.service = service;
        }
        if self.service == service {
            self.counts.add(OF_SERVICE, bytes);
            return;
        }
        let others = self.counts.more_mut();
        if let Some(known) = others.iter_mut().find(|(number, _)| *number == service) {
            known.1 += bytes;
        } else if others.len() < 4 * SERVICES - 1 {
            others.reserve_exact(1);
            others.push((service, bytes));
        }
    }

    /// The services with the most bytes.
    pub(crate) fn services(&self, numbers: &ServiceNumbers) -> Vec<String> {
        let first = (self.service != NONE).then(|| (self.service, self.counts.get(OF_SERVICE)));
        let others = self.counts.more().into_iter().flatten().copied();
        let mut services: Vec<(&str, u64)> = first
            .into_iter()
            .chain(others)
            .map(|(number, bytes)| (numbers.name(number), bytes))
            .collect();
        services.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        services.truncate(SERVICES);
        services
            .into_iter()
            .map(|(name, _)| name.to_owned())
            .collect()
    }
}

impl Counts for ConversationCounts {
    fn weight(&self) -> u64 {
        self.bytes(0) + self.bytes(1)
    }

    fn absorb(&mut self, other: Self) {
        for at in 0..OF_SERVICE {
            self.counts.add(at, other.counts.get(at));
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        if other.service != NONE {
            self.service(other.service, other.counts.get(OF_SERVICE));
        }
        for &(service, bytes) in other.counts.more().into_iter().flatten() {
            self.service(service, bytes);
        }
    }
}

/// Frames between two stations.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Frames {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Counts for Frames {
    fn weight(&self) -> u64 {
        self.bytes
    }

    fn absorb(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// Two stations: source and destination, as far as the link layer tells them (Linux's cooked captures have
/// sources alone).
pub(crate) type MacPair = (Option<MacAddr>, Option<MacAddr>);

/// Pairs of stations that are counted outside the table: most packets are between some that were
/// seen just before.
const RECENT: usize = 16;

/// Frames to all stations, and to some.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Groups {
    pub(crate) broadcast: Frames,
    pub(crate) multicast: Frames,
}

impl Groups {
    /// Counts frames to a station, if it is a group.
    pub(crate) fn add(&mut self, dst: Option<MacAddr>, frames: Frames) {
        match dst {
            Some(dst) if dst.is_broadcast() => self.broadcast.absorb(frames),
            Some(dst) if dst.is_multicast() => self.multicast.absorb(frames),
            _ => {}
        }
    }

    /// Adds another's.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.broadcast.absorb(other.broadcast);
        self.multicast.absorb(other.multicast);
    }
}

/// Counts frames by pair of stations.
#[derive(Debug)]
pub(crate) struct StationCounter {
    table: BoundedTable<MacPair, Frames>,
    /// What forgotten pairs had, as far as it was to groups.
    gone: Groups,
    /// Each in the place that its addresses give it, until another wants that.
    recent: [(MacPair, Frames); RECENT],
}

impl StationCounter {
    /// A counter of at most `max` pairs.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            table: BoundedTable::new(max),
            gone: Groups::default(),
            recent: Default::default(),
        }
    }

    /// Counts a frame.
    #[inline]
    pub(crate) fn packet(&mut self, pair: MacPair, wire_len: u32) {
        let at = place(pair);
        if self.recent[at].0 != pair {
            let (old, frames) = std::mem::replace(&mut self.recent[at], (pair, Frames::default()));
            if frames.packets > 0 {
                self.add(old, frames);
            }
        }
        let frames = &mut self.recent[at].1;
        frames.packets += 1;
        frames.bytes += u64::from(wire_len);
    }

    fn add(&mut self, pair: MacPair, frames: Frames) {
        let gone = &mut self.gone;
        self.table
            .entry_or(pair, |(_, dst), frames| gone.add(dst, frames))
            .absorb(frames);
    }

    /// The table with everything in it, and what was to groups besides.
    pub(crate) fn finish(mut self) -> (BoundedTable<MacPair, Frames>, Groups) {
        for (pair, traffic) in std::mem::take(&mut self.recent) {
            if traffic.packets > 0 {
                self.add(pair, traffic);
            }
        }
        (self.table, self.gone)
    }
}

/// Where a pair is counted: by the last bytes of its addresses, which tell stations apart; the two
/// directions differ.
#[inline]
fn place((src, dst): MacPair) -> usize {
    let [.., a, b] = src.unwrap_or_default().0;
    let [.., c, d] = dst.unwrap_or_default().0;
    let mixed = u32::from_be_bytes([a, b, c, d]).wrapping_mul(0x9e37_79b1);
    (mixed >> (u32::BITS - RECENT.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_pipeline::flow::name::is_local;

    fn to_itself(packets: [u64; 2], bytes: [u64; 2]) -> EndedFlow {
        let address = "127.0.0.1".parse().unwrap();
        EndedFlow {
            closed_by: 1,
            first_number: 1,
            src: address,
            dst: address,
            start: Timestamp::from_nanos(0),
            end: Timestamp::from_nanos(1),
            packets,
            bytes,
            service: None,
            confidence: None,
            protocol: 6,
            dst_port: None,
        }
    }

    #[test]
    fn what_an_address_sends_to_itself_counts_once() {
        let flow = to_itself([4, 3], [1_000, 800]);
        let mut counts = AddressCounts::default();
        counts.flow_to_itself(&flow);
        assert_eq!((counts.packets(), counts.bytes()), (7, 1_800));
        assert_eq!((counts.bytes_sent(), counts.bytes_received()), (1_000, 800));
        assert_eq!((counts.bytes_as_responder(), counts.flows()), (1_000, 1));
        let mut pair = ConversationCounts::default();
        pair.flow(&flow, Pair::new(flow.src, flow.dst), None);
        assert_eq!(pair.weight(), 1_800);
        assert_eq!(pair.packets(0) + pair.packets(1), 7);
        assert_eq!(pair.begun(0) + pair.begun(1), 1);
    }

    #[test]
    fn who_sends_to_itself_is_source_and_destination() {
        for packets in [[1, 0], [0, 1]] {
            let mut counts = AddressCounts::default();
            counts.flow_to_itself(&to_itself(packets, [60 * packets[0], 60 * packets[1]]));
            assert!(counts.is_source() && counts.is_destination(), "{packets:?}");
            assert_eq!(counts.bytes(), 60);
        }
    }

    /// However many stations there are, all frames to groups are counted.
    #[test]
    fn frames_to_groups_are_counted_exactly() {
        let mut counter = StationCounter::new(64);
        let groups = [MacAddr([0xff; 6]), MacAddr([1, 0, 0x5e, 0, 0, 1])];
        for station in 0..=255 {
            let src = Some(MacAddr([2, 0, 0, 0, 0, station]));
            counter.packet((src, Some(groups[usize::from(station) % 2])), 60);
            counter.packet((src, Some(MacAddr([2, 0, 0, 0, 1, 1]))), 1_000);
        }
        let (table, mut to) = counter.finish();
        assert!(table.forgot());
        for ((_, dst), frames) in table.iter() {
            to.add(*dst, *frames);
        }
        let told = [to.broadcast, to.multicast].map(|frames| (frames.packets, frames.bytes));
        assert_eq!(told, [(128, 7_680); 2]);
    }

    #[test]
    fn local_addresses() {
        for local in [
            "10.1.2.3",
            "100.64.0.1",
            "169.254.1.1",
            "fe80::1",
            "fd00::1",
            "::ffff:192.168.0.1",
            "224.0.0.251",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for global in [
            "8.8.8.8",
            "100.128.0.1",
            "2001:4860::1",
            "::ffff:8.8.8.8",
            "172.32.0.1",
        ] {
            assert!(!is_local(global.parse().unwrap()), "{global}");
        }
    }
}
