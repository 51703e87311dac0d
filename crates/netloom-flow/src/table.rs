//! The flow table: packets in, records out.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use netloom_decode::app::Protocol;
use netloom_decode::checksum::{verify_ip, verify_transport};
use netloom_decode::{Decoded, Transport};
use netloom_packet::{Packet, Timestamp};

use crate::app::{AppRecord, Applications};
use crate::config::{FlowConfig, FlowRules};
use crate::features::FeatureSet;
use crate::flow::Flow;
use crate::key::{FlowId, FlowKey};
use crate::limits::Watch;
use crate::lists::{Class, Lists};
use crate::name::Hint;
use crate::ports::ServerPorts;
use crate::record::{EndReason, FlowRecord};
use crate::slab::Slab;
use crate::timeouts::Timeouts;

/// A decoded packet that has an IP header.
#[derive(Debug, Clone, Copy)]
pub struct FlowPacket<'a> {
    /// Number of the packet in its stream.
    pub number: u64,
    /// When it was seen.
    pub timestamp: Timestamp,
    /// Frame length on the wire.
    pub wire_len: u32,
    /// Bytes captured.
    pub caplen: u32,
    /// What `decoded`'s offsets point into: the packet, or the reassembled datagram.
    pub data: &'a [u8],
    /// What is in it. For a fragment after the first, ports and transport are to be those of
    /// the first, where that was seen. Under Zeek's rules, whole datagrams are to be passed
    /// instead of fragments: they count in `packets`, a fragment does not.
    pub decoded: &'a Decoded,
    /// A fragment after the first of its datagram.
    pub later_fragment: bool,
    /// The outer flow of a UDP tunnel is meant ([`FlowRecord::outer`]).
    pub outer: bool,
    /// A datagram that was put together of fragments, which have been counted: only its payload
    /// is looked at.
    pub payload_only: bool,
}

impl<'a> FlowPacket<'a> {
    /// A packet that is no fragment.
    pub fn new(packet: &Packet<'a>, decoded: &'a Decoded) -> Self {
        Self {
            number: packet.number,
            timestamp: packet.timestamp,
            wire_len: packet.wire_len,
            caplen: packet.data.len() as u32,
            data: packet.data,
            decoded,
            later_fragment: false,
            outer: false,
            payload_only: false,
        }
    }
}

/// What happened with a packet that counts in a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Ingested {
    /// It began its flow.
    pub is_new: bool,
    /// It goes from the originator to the responder, as far as is known by now.
    pub from_src: bool,
    /// Start of its flow.
    pub flow_start: Timestamp,
    /// Number of the first packet of its flow.
    pub first_number: u64,
    /// Identifier of its flow, if [`FlowConfig::packet_flow_ids`] asks for it.
    pub flow_id: Option<FlowId>,
}

/// What is known of a flow while it goes on; more may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct KnownFlow<'a> {
    /// The protocol that was recognised, or announced by another flow.
    pub service: Option<&'static Protocol>,
    /// Name of the server.
    pub server_name: Option<&'a str>,
}

/// What a table has been through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TableStats {
    /// Flows alive.
    pub live: u64,
    /// The most that were alive at once.
    pub peak_live: u64,
    /// Flows begun.
    pub created: u64,
    /// Flows ended early by the memory cap.
    pub evicted: u64,
    /// Bytes of memory in use.
    pub memory: usize,
}

/// Flows that are going on. See the crate's documentation.
#[derive(Debug)]
pub struct FlowTable {
    rules: FlowRules,
    servers: ServerPorts,
    /// Zeek's rules: limits of analyzers.
    watch: Option<Box<Watch>>,
    timeouts: Timeouts,
    max_memory: usize,
    /// `None`: it has no name.
    sensor: Option<Arc<str>>,
    packet_flow_ids: bool,
    checksums: bool,
    applications: Option<Applications>,
    features: FeatureSet,
    flows: Slab<Flow>,
    by_key: HashTable<u32>,
    /// Most flows since the map was last made smaller. What room it has, it may have by chance: its hashes
    /// are random, and places that were left may count as taken.
    most: usize,
    hasher: RandomState,
    /// The flow of the packet before.
    recent: u32,
    lists: Lists,
    /// Heap bytes of all flows.
    heap: usize,
    peak_live: u64,
    created: u64,
    evicted: u64,
}

impl FlowTable {
    /// An empty table.
    pub fn new(config: &FlowConfig) -> Self {
        let servers = ServerPorts::new(config.server_ports.as_deref());
        Self {
            rules: config.rules,
            watch: (config.rules == FlowRules::Zeek).then(|| Box::new(Watch::new(config))),
            timeouts: Timeouts::new(config, &servers),
            servers,
            max_memory: config.max_memory,
            sensor: (!config.sensor.is_empty()).then(|| Arc::from(config.sensor.as_str())),
            packet_flow_ids: config.packet_flow_ids,
            checksums: config.checksums,
            applications: config
                .applications
                .map(|interest| Applications::new(interest, config)),
            features: config.features,
            flows: Slab::default(),
            by_key: HashTable::new(),
            most: 0,
            // Keys are chosen by attackers; nothing that comes out depends on the seed.
            hasher: RandomState::default(),
            recent: 0,
            lists: Lists::default(),
            heap: 0,
            peak_live: 0,
            created: 0,
            evicted: 0,
        }
    }

    /// Takes a packet, in the order of the stream.
    ///
    /// Flows that it ends are appended to `closed`: the one before it with the same key, if
    /// that had timed out or ended, and what the memory cap evicts.
    ///
    /// `None` where it counts in no flow: no IP header, or one of those that the rules leave out
    /// (nDPI's and NFStream's: later fragments, packets not captured whole; Zeek's: a bad IP
    /// checksum).
    pub fn ingest(
        &mut self,
        packet: &FlowPacket<'_>,
        closed: &mut Vec<FlowRecord>,
    ) -> Option<Ingested> {
        let key = FlowKey::new(packet.decoded, self.rules)?;
        self.ingest_keyed(packet, &key, closed)
    }

    /// As [`ingest`](Self::ingest), for who has made the packet's [`FlowKey`] already, by this
    /// table's rules: it tells the shard, too.
    pub fn ingest_keyed(
        &mut self,
        packet: &FlowPacket<'_>,
        &(ref key, forward): &(FlowKey, bool),
        closed: &mut Vec<FlowRecord>,
    ) -> Option<Ingested> {
        if !self.rules.counts(packet.decoded, packet.caplen) {
            return None;
        }
        let checksum = self.verify(packet);
        if checksum == Verdict::BadHeader {
            return None;
        }

        let mut found = self.find(key);
        if packet.payload_only {
            self.look_inside(found, packet, forward);
            return None;
        }
        if let Some(number) = found
            && let Some(reason) = self.ends_before(number, packet)
        {
            self.end(number, reason, packet.number, closed);
            found = None;
        }
        if packet.later_fragment && matches!(self.rules, FlowRules::Nfstream | FlowRules::Ndpi) {
            self.skip_fragment(found, forward);
            return None;
        }
        let is_new = found.is_none();
        let number = match found {
            Some(number) => number,
            None => self.begin(packet, *key, forward, closed),
        };
        self.recent = number;
        let flow = self.flows.get_mut(number)?;
        let from_src = if checksum == Verdict::Bad {
            flow.ingest_corrupt(packet, forward, self.rules, self.features)
        } else {
            let before = flow.is_from_src(true);
            let from_src = flow.ingest(packet, forward, self.rules, self.features);
            if !(packet.later_fragment || packet.outer || waits_for_more(packet, self.rules)) {
                let flipped = before != flow.is_from_src(true);
                if let Some(watch) = &self.watch {
                    flow.watch(watch, packet, from_src, flipped);
                }
                if let Some(applications) = &mut self.applications {
                    applications.ingest(flow, packet, from_src, flipped, self.sensor.as_ref());
                }
            }
            from_src
        };
        let flow_id = self.packet_flow_ids.then(|| flow.id(self.sensor.as_ref()));
        let heap_before = self.heap;
        flow.account(&mut self.heap);
        let ingested = Ingested {
            is_new,
            from_src,
            flow_start: Timestamp::from_nanos(flow.start),
            first_number: flow.first_number,
            flow_id,
        };
        let class = self.timeouts.class(flow);
        self.lists
            .touch(&mut self.flows, number, class, packet.timestamp.as_nanos());
        if self.heap > heap_before {
            // This flow is the last that would go.
            while self.flows.len() > 1
                && self.memory() > self.max_memory
                && self.evict(packet.number, closed)
            {}
        }
        Some(ingested)
    }

    /// Ends everything that has been idle long enough at `clock`; `number` is the packet at
    /// whose arrival the clock came there.
    ///
    /// This only decides when records come out, not what is in them: a packet that comes
    /// after its flow's timeout begins another flow in any case.
    pub fn advance(&mut self, clock: Timestamp, number: u64, closed: &mut Vec<FlowRecord>) {
        let clock = clock.as_nanos();
        for class in Class::ALL {
            while let Some(oldest) = self.lists.oldest_due(class, clock) {
                let Some(flow) = self.flows.get(oldest) else {
                    break;
                };
                let Some(reason) = self.timeouts.expired(flow, class, clock) else {
                    self.lists.wait(class, self.timeouts.due(flow, class));
                    break;
                };
                self.end(oldest, reason, number, closed);
            }
            debug_assert!(
                self.lists
                    .oldest(class)
                    .and_then(|oldest| self.flows.get(oldest))
                    .is_none_or(|flow| {
                        let class = self.timeouts.class(flow);
                        self.timeouts.expired(flow, class, clock).is_none()
                    }),
                "a flow that ended was not looked at"
            );
        }
        self.shrink();
    }

    /// Ends everything at the end of the capture, the least recently seen first.
    pub fn finish(&mut self, number: u64, closed: &mut Vec<FlowRecord>) {
        let mut order: Vec<(i64, u64, u32)> = self
            .flows
            .iter()
            .map(|(number, flow)| (flow.last, flow.first_number, number))
            .collect();
        order.sort_unstable();
        closed.reserve(order.len());
        for (_, _, flow) in order {
            self.end(flow, EndReason::CaptureEnd, number, closed);
        }
        self.shrink();
    }

    /// What the table has been through.
    pub fn stats(&self) -> TableStats {
        TableStats {
            live: self.flows.len() as u64,
            peak_live: self.peak_live,
            created: self.created,
            evicted: self.evicted,
            memory: self.memory(),
        }
    }

    /// Looks at the checksums of a packet, if that is asked for.
    #[inline]
    fn verify(&self, packet: &FlowPacket<'_>) -> Verdict {
        if !self.checksums {
            return Verdict::Fine;
        }
        let (data, decoded) = (packet.data, packet.decoded);
        if self.rules == FlowRules::Zeek && verify_ip(data, decoded).is_good() == Some(false) {
            Verdict::BadHeader
        } else if verify_transport(data, decoded).is_good() == Some(false) {
            Verdict::Bad
        } else {
            Verdict::Fine
        }
    }

    /// Looks at the payload of a datagram whose fragments have been counted.
    fn look_inside(&mut self, found: Option<u32>, packet: &FlowPacket<'_>, forward: bool) {
        let Some(flow) = found.and_then(|number| self.flows.get_mut(number)) else {
            return;
        };
        let from_src = flow.is_from_src(forward);
        if let Some(watch) = &self.watch {
            flow.watch(watch, packet, from_src, false);
            flow.account(&mut self.heap);
        }
        if let Some(applications) = &mut self.applications {
            applications.ingest(flow, packet, from_src, false, self.sensor.as_ref());
            flow.account(&mut self.heap);
        }
    }

    /// Tells what is known of a flow that has just begun.
    pub fn give_hint(&mut self, key: &FlowKey, hint: Hint) {
        if let Some(number) = self.find(key)
            && let Some(flow) = self.flows.get_mut(number)
        {
            flow.keep_hint(hint);
            flow.account(&mut self.heap);
        }
    }

    /// What is known by now of a flow that goes on: its payload or other flows told it.
    pub fn known(&self, key: &FlowKey) -> Option<KnownFlow<'_>> {
        let number = self.find(key)?;
        Some(self.flows.get(number)?.known())
    }

    /// Rows that payloads gave since the last call, in packet order.
    pub fn take_rows(&mut self) -> impl Iterator<Item = AppRecord> {
        self.applications
            .iter_mut()
            .flat_map(|applications| applications.records.drain(..))
    }

    /// Whether [`take_rows`](Self::take_rows) has any.
    #[inline]
    pub fn has_rows(&self) -> bool {
        self.applications
            .as_ref()
            .is_some_and(|applications| !applications.records.is_empty())
    }

    #[inline]
    fn find(&self, key: &FlowKey) -> Option<u32> {
        // Most packets follow another of their flow.
        if self.has_key(self.recent, key) {
            return Some(self.recent);
        }
        self.by_key
            .find(self.hasher.hash_one(key), |&number| {
                self.has_key(number, key)
            })
            .copied()
    }

    #[inline]
    fn has_key(&self, number: u32, key: &FlowKey) -> bool {
        self.flows.get(number).is_some_and(|flow| flow.key == *key)
    }

    /// Whether a flow is over before this packet of its key.
    fn ends_before(&self, number: u32, packet: &FlowPacket<'_>) -> Option<EndReason> {
        let flow = self.flows.get(number)?;
        if let Some(reason) = self
            .timeouts
            .ended_before(flow, packet.timestamp.as_nanos())
        {
            return Some(reason);
        }
        let Transport::Tcp(header) = &packet.decoded.transport else {
            return None;
        };
        let tcp = flow.tcp()?;
        let begins_another = match self.rules {
            FlowRules::Zeek => tcp.is_reuse(header),
            FlowRules::Native => {
                use netloom_decode::TcpFlags;
                tcp.has_ended()
                    && header.flags.contains(TcpFlags::SYN)
                    && !header.flags.contains(TcpFlags::ACK)
            }
            FlowRules::Nfstream | FlowRules::Ndpi => false,
        };
        begins_another.then_some(EndReason::NewConnection)
    }

    /// Counts a later fragment where the rules count nothing else of it.
    fn skip_fragment(&mut self, found: Option<u32>, forward: bool) {
        if let Some(flow) = found.and_then(|number| self.flows.get_mut(number)) {
            flow.count_fragment(forward);
        }
    }

    /// Begins a flow, making room for it first.
    fn begin(
        &mut self,
        packet: &FlowPacket<'_>,
        key: FlowKey,
        forward: bool,
        closed: &mut Vec<FlowRecord>,
    ) -> u32 {
        let mut flow = Flow::new(packet, key, forward, self.rules, &self.servers);
        let heap = flow.heap_bytes();
        while self.flows.len() > 0
            && self.memory() + self.growth() + heap > self.max_memory
            && self.evict(packet.number, closed)
        {}
        flow.account(&mut self.heap);
        let number = self.flows.insert(flow);
        let (flows, hasher) = (&self.flows, &self.hasher);
        self.by_key
            .insert_unique(hasher.hash_one(key), number, |&number| {
                flows
                    .get(number)
                    .map_or(0, |flow| hasher.hash_one(flow.key))
            });
        self.most = self.most.max(self.by_key.len());
        let now = packet.timestamp.as_nanos();
        self.lists
            .append(&mut self.flows, number, Class::default(), now);
        self.created += 1;
        self.peak_live = self.peak_live.max(self.flows.len() as u64);
        number
    }

    /// Ends the flow that was seen least recently.
    fn evict(&mut self, closed_by: u64, closed: &mut Vec<FlowRecord>) -> bool {
        let mut oldest: Option<(u64, u32)> = None;
        for class in Class::ALL {
            if let Some(number) = self.lists.least_recent(&mut self.flows, class)
                && let Some(seen) = self.flows.get(number).map(|flow| flow.last_number)
            {
                oldest = Some(oldest.map_or((seen, number), |least| least.min((seen, number))));
            }
        }
        let Some((_, number)) = oldest else {
            return false;
        };
        self.end(number, EndReason::Evicted, closed_by, closed);
        self.evicted += 1;
        true
    }

    /// Ends a flow and appends its record.
    fn end(
        &mut self,
        number: u32,
        reason: EndReason,
        closed_by: u64,
        closed: &mut Vec<FlowRecord>,
    ) {
        self.lists.remove(&mut self.flows, number);
        if let Some(flow) = self.flows.get_mut(number) {
            let hash = self.hasher.hash_one(flow.key);
            if let Ok(entry) = self.by_key.find_entry(hash, |&other| other == number) {
                entry.remove();
            }
            self.heap = self.heap.saturating_sub(flow.accounted());
            if let Some(applications) = &mut self.applications {
                applications.finish(flow, closed_by, self.sensor.as_ref());
            }
            closed.push(flow.take_record(reason, closed_by, self.rules, self.sensor.as_ref()));
            self.flows.discard(number);
        }
    }

    fn memory(&self) -> usize {
        self.flows.memory() + self.heap + map_bytes(self.most)
    }

    /// What another flow takes in chunk and map.
    fn growth(&self) -> usize {
        let more = map_bytes(self.most.max(self.by_key.len() + 1)) - map_bytes(self.most);
        self.flows.growth() + more
    }

    /// Gives back what a past peak has left in the map.
    fn shrink(&mut self) {
        if self.most > 1024 && self.by_key.len() * 8 < self.most {
            self.most = self.flows.len() * 2;
            let (flows, hasher) = (&self.flows, &self.hasher);
            self.by_key.shrink_to(flows.len() * 2, |&number| {
                flows
                    .get(number)
                    .map_or(0, |flow| hasher.hash_one(flow.key))
            });
        }
    }
}

/// What checksums say of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    /// That of the transport is wrong.
    Bad,
    /// That of the IP header is wrong.
    BadHeader,
}

/// Whether a first fragment's payload is looked at only when its datagram is whole. nDPI's rules
/// know first fragments alone.
fn waits_for_more(packet: &FlowPacket<'_>, rules: FlowRules) -> bool {
    !rules.is_ndpi_like() && packet.decoded.fragment().is_some()
}

/// Memory of a map of so many places: five bytes each, a power of two of them at most seven
/// eighths full.
fn map_bytes(capacity: usize) -> usize {
    if capacity == 0 {
        0
    } else {
        (capacity * 8 / 7).next_power_of_two() * 5
    }
}

#[cfg(test)]
mod tests;
