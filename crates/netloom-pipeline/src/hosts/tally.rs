//! What is counted of a host's flows.

use netloom_flow::FlowRecord;
use netloom_packet::Timestamp;

use crate::bounded::Counts;

/// What is counted of a host's flows.
pub trait Tally: Counts + std::fmt::Debug {
    /// Whether all addresses are kept, or only those of which something else is known.
    const OF_ALL: bool;
    /// A flow that the host began, or not.
    fn flow(&mut self, flow: &FlowRecord, originator: bool);
    /// It was seen outside of a flow.
    fn seen(&mut self, at: Timestamp);
}

/// All that a table of hosts shows.
#[derive(Debug)]
pub struct Traffic {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) packets: [u64; 2],
    pub(super) bytes: [u64; 2],
    pub(super) flows: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            first: Timestamp::MAX,
            last: Timestamp::MIN,
            packets: [0; 2],
            bytes: [0; 2],
            flows: 0,
        }
    }
}

impl Counts for Traffic {
    fn weight(&self) -> u64 {
        self.bytes[0].saturating_add(self.bytes[1])
    }

    fn absorb(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for side in 0..2 {
            self.packets[side] += other.packets[side];
            self.bytes[side] += other.bytes[side];
        }
        self.flows += other.flows;
    }
}

impl Tally for Traffic {
    const OF_ALL: bool = true;

    fn flow(&mut self, flow: &FlowRecord, originator: bool) {
        let sides = [flow.fwd, flow.bwd];
        let (sent, received) = if originator { (0, 1) } else { (1, 0) };
        self.first = self.first.min(flow.start);
        self.last = self.last.max(flow.end);
        self.packets[0] += sides[sent].packets;
        self.packets[1] += sides[received].packets;
        self.bytes[0] += sides[sent].bytes;
        self.bytes[1] += sides[received].bytes;
        self.flows += 1;
    }

    fn seen(&mut self, at: Timestamp) {
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }
}

/// Bytes alone, to tell which hosts matter: where somebody else counts the traffic.
#[derive(Debug, Default)]
pub struct Weight(u64);

impl Counts for Weight {
    fn weight(&self) -> u64 {
        self.0
    }

    fn absorb(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl Tally for Weight {
    const OF_ALL: bool = false;

    fn flow(&mut self, flow: &FlowRecord, _originator: bool) {
        self.0 = self.0.saturating_add(flow.bytes());
    }

    fn seen(&mut self, _at: Timestamp) {}
}
