//! Who talks, and with whom.

use std::net::IpAddr;

use netloom_pipeline::flow::FlowRecord;
use netloom_pipeline::flow::app::Confidence;
use netloom_pipeline::packet::{MacAddr, Timestamp};
use smallvec::SmallVec;

use super::groups::Word;
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
    service: Option<&'static str>,
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
        }
    }
}

/// What an address sent and received.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AddressCounts {
    pub(crate) packets_sent: u64,
    pub(crate) packets_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    /// Of `bytes_received`, what it received as the responder of a flow.
    pub(crate) bytes_as_responder: u64,
    pub(crate) flows: u64,
}

impl AddressCounts {
    pub(crate) fn packets(&self) -> u64 {
        self.packets_sent + self.packets_received
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes_sent + self.bytes_received
    }

    /// Counts a flow for its originator or its responder.
    pub(crate) fn flow(&mut self, flow: &EndedFlow, originator: bool) {
        let (sent, received) = if originator { (0, 1) } else { (1, 0) };
        self.packets_sent += flow.packets[sent];
        self.bytes_sent += flow.bytes[sent];
        self.packets_received += flow.packets[received];
        self.bytes_received += flow.bytes[received];
        if !originator {
            self.bytes_as_responder += flow.bytes[received];
        }
        self.flows += 1;
    }
}

impl Counts for AddressCounts {
    fn weight(&self) -> u64 {
        self.bytes()
    }

    fn absorb(&mut self, other: Self) {
        self.packets_sent += other.packets_sent;
        self.packets_received += other.packets_received;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.bytes_as_responder += other.bytes_as_responder;
        self.flows += other.flows;
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

/// Services of a conversation that are kept.
const SERVICES: usize = 5;

/// What went between two addresses.
#[derive(Debug, Clone)]
pub(crate) struct ConversationCounts {
    pub(crate) packets: [u64; 2],
    pub(crate) bytes: [u64; 2],
    /// Flows begun by the smaller and by the larger address.
    pub(crate) begun: [u64; 2],
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// Most pairs use one service: no allocation for it.
    services: SmallVec<[(&'static str, u64); 1]>,
}

impl Default for ConversationCounts {
    fn default() -> Self {
        Self {
            packets: [0; 2],
            bytes: [0; 2],
            begun: [0; 2],
            first: Timestamp::MAX,
            last: Timestamp::MIN,
            services: SmallVec::new(),
        }
    }
}

impl ConversationCounts {
    /// Counts a flow of the pair.
    pub(crate) fn flow(&mut self, flow: &EndedFlow, pair: Pair) {
        let from = usize::from(flow.src != pair.0);
        self.packets[from] += flow.packets[0];
        self.bytes[from] += flow.bytes[0];
        self.packets[1 - from] += flow.packets[1];
        self.bytes[1 - from] += flow.bytes[1];
        self.begun[from] += 1;
        self.first = self.first.min(flow.start);
        self.last = self.last.max(flow.end);
        if let Some(service) = flow.service {
            self.service(service, flow.bytes[0] + flow.bytes[1]);
        }
    }

    fn service(&mut self, service: &'static str, bytes: u64) {
        if let Some(known) = self.services.iter_mut().find(|(name, _)| *name == service) {
            known.1 += bytes;
        } else if self.services.len() < 4 * SERVICES {
            self.services.push((service, bytes));
        }
    }

    /// The services with the most bytes.
    pub(crate) fn services(&self) -> Vec<String> {
        let mut services = self.services.to_vec();
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
        self.bytes[0] + self.bytes[1]
    }

    fn absorb(&mut self, other: Self) {
        for side in 0..2 {
            self.packets[side] += other.packets[side];
            self.bytes[side] += other.bytes[side];
            self.begun[side] += other.begun[side];
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for (service, bytes) in other.services {
            self.service(service, bytes);
        }
    }
}

/// A service: name, transport, the server's port, how sure.
pub(crate) type ServiceKey = (Word, u8, Option<u16>, Option<Confidence>);

/// What a service carried; also used for frames between two stations.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    pub(crate) flows: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Counts for Traffic {
    fn weight(&self) -> u64 {
        self.bytes
    }

    fn absorb(&mut self, other: Self) {
        self.flows += other.flows;
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// Two stations: source and destination.
pub(crate) type MacPair = (MacAddr, MacAddr);

/// Counts frames by pair of stations, the last two pairs (a conversation's two directions)
/// outside the table.
#[derive(Debug)]
pub(crate) struct StationCounter {
    table: BoundedTable<MacPair, Traffic>,
    last: [(MacPair, Traffic); 2],
}

impl StationCounter {
    /// A counter of at most `max` pairs.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            table: BoundedTable::new(max),
            last: Default::default(),
        }
    }

    /// Counts a frame.
    #[inline]
    pub(crate) fn packet(&mut self, pair: MacPair, wire_len: u32) {
        let at = match self.last.iter().position(|(last, _)| *last == pair) {
            Some(at) => at,
            None => self.replace(pair),
        };
        let traffic = &mut self.last[at].1;
        traffic.packets += 1;
        traffic.bytes += u64::from(wire_len);
    }

    fn replace(&mut self, pair: MacPair) -> usize {
        self.last.swap(0, 1);
        let (old, traffic) = std::mem::replace(&mut self.last[0], (pair, Traffic::default()));
        if traffic.packets > 0 {
            self.table.entry(old).absorb(traffic);
        }
        0
    }

    /// The table with everything in it.
    pub(crate) fn finish(mut self) -> BoundedTable<MacPair, Traffic> {
        for (pair, traffic) in self.last {
            if traffic.packets > 0 {
                self.table.entry(pair).absorb(traffic);
            }
        }
        self.table
    }
}

#[cfg(test)]
mod tests {
    use netloom_pipeline::flow::name::is_local;

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
