//! The accumulators behind `report`: a [`Stage`] that sums packets and flows up, and what
//! makes the [`Report`](crate::report::Report) of it.

mod arp;
mod build;
mod findings;
mod groups;
mod histogram;
pub(crate) mod hosts;
mod named;
mod performance;
pub(crate) mod protocols;
mod quality;
pub(crate) mod risky;
mod services;
mod timeline;
mod words;

use std::sync::Arc;

use datasketches::hll::{HllSketch, HllType, HllUnion};
use netloom_pipeline::decode::Decoded;
use netloom_pipeline::decode::app::Interest;
use netloom_pipeline::flow::FlowRecord;
use netloom_pipeline::flow::app::{AppRecord, AppRow};
use netloom_pipeline::{Needs, RoundError, ShardFacts, Stage, StagePacket};

use arp::ArpCounter;
use groups::GroupCounter;
use hosts::{
    AddressCounts, ConversationCounts, EndedFlow, Frames, Groups, MacPair, Pair, PairKey,
    StationCounter,
};
use named::{FlowRisks, NameCounter};
use netloom_pipeline::bounded::BoundedTable;
use netloom_pipeline::compact::Address;
use performance::PerformanceCounter;
use protocols::ProtocolCounter;
use quality::{DuplicateCounter, QualityCounter};
use risky::RiskCounter;
use services::ServiceCounter;
use timeline::TimelineCounter;
use words::Texts;

use netloom_pipeline::hosts::{LocalHosts, PairSet};

pub use build::ReportContext;

/// Addresses that are counted one by one: with more, the light ones are forgotten.
const ADDRESSES_MAX: usize = 229_376;
/// Pairs of addresses, likewise.
const CONVERSATIONS_MAX: usize = 114_688;
/// Forgotten pairs that are remembered as such: nine bytes each.
const GONE_MAX: usize = 458_752;
/// Addresses of the local network that are kept with their names, and those of a shard.
const LOCAL_HOSTS_MAX: usize = 16_384;
const SHARD_HOSTS_MAX: usize = 1_024;
/// Ended flows that a shard keeps room for.
const KEPT_ENDED: usize = 64;
/// Pairs of stations in a shard's table, likewise.
const MAC_PAIRS_MAX: usize = 3_584;
/// Registers of the sketches that count addresses: 2^12, an error of about 1.6 %.
const SKETCH_LG_K: u8 = 12;

/// The stage behind `report`.
#[derive(Debug, Clone)]
pub struct SummaryStage {
    /// Rows of each "top" table.
    top: usize,
    /// What shards' tables share.
    texts: Arc<Texts>,
}

impl SummaryStage {
    /// A summary with `top` rows in each of its tables.
    pub fn new(top: usize) -> Self {
        Self {
            top,
            texts: Arc::default(),
        }
    }
}

/// Sums of a thread.
#[derive(Debug)]
pub struct SummaryWorker {
    quality: QualityCounter,
    timeline: TimelineCounter,
    protocols: ProtocolCounter,
    performance: PerformanceCounter,
    groups: GroupCounter,
    flow_risks: FlowRisks,
    senders: Option<HllSketch>,
    receivers: Option<HllSketch>,
}

/// Tables of a logical shard.
#[derive(Debug)]
pub struct SummaryShard {
    stations: StationCounter,
    duplicates: DuplicateCounter,
    risks: RiskCounter,
    names: NameCounter,
    hosts: LocalHosts,
    /// Flows that ended in this round.
    ended: Vec<EndedFlow>,
}

/// What goes in packet order.
#[derive(Debug)]
pub struct SummarySerial {
    arp: ArpCounter,
    addresses: BoundedTable<Address, AddressCounts>,
    conversations: BoundedTable<PairKey, ConversationCounts>,
    /// Conversations that were forgotten: who had how many peers is still told.
    gone: PairSet,
    services: ServiceCounter,
    /// What ARP and the beginnings of connections tell about hosts.
    hosts: LocalHosts,
    /// Room for a round's flows.
    ended: Vec<EndedFlow>,
}

impl SummarySerial {
    /// Takes what a shard holds back.
    fn take(&mut self, shard: &mut SummaryShard) {
        self.ended.append(&mut shard.ended);
        shard.ended.shrink_to(KEPT_ENDED);
    }

    /// Counts flows, in the order of the packets that closed them.
    fn count(&mut self) {
        self.ended
            .sort_unstable_by_key(|flow| (flow.closed_by, flow.first_number));
        for flow in self.ended.drain(..) {
            if flow.src == flow.dst {
                self.addresses.entry_ref(&flow.src).flow_to_itself(&flow);
            } else {
                self.addresses.entry_ref(&flow.src).flow(&flow, true);
                self.addresses.entry_ref(&flow.dst).flow(&flow, false);
            }
            let pair = Pair::new(flow.src, flow.dst);
            let forgotten = |key: PairKey, _| {
                let Pair(a, b) = key.pair();
                self.gone.insert(a, b);
            };
            let service = self.services.flow(&flow);
            self.conversations
                .entry_for(&pair, forgotten)
                .flow(&flow, pair, service);
        }
    }
}

/// What a capture came to; [`Summary::report`] makes a report of it.
#[derive(Debug)]
pub struct Summary {
    top: usize,
    flows: u64,
    quality: QualityCounter,
    timeline: TimelineCounter,
    protocols: Vec<ProtocolCounter>,
    performance: PerformanceCounter,
    groups: GroupCounter,
    flow_risks: FlowRisks,
    /// Estimates, for when the tables overflowed.
    senders: f64,
    receivers: f64,
    addresses: BoundedTable<Address, AddressCounts>,
    conversations: BoundedTable<PairKey, ConversationCounts>,
    gone: PairSet,
    services: ServiceCounter,
    stations: BoundedTable<MacPair, Frames>,
    /// Frames to groups, of pairs of stations that were forgotten.
    to_groups: Groups,
    duplicates: u64,
    risks: RiskCounter,
    arp: ArpCounter,
    names: NameCounter,
    hosts: LocalHosts,
    facts: ShardFacts,
}

fn sketch() -> Option<HllSketch> {
    HllSketch::new(SKETCH_LG_K, HllType::Hll8).ok()
}

impl Stage for SummaryStage {
    type Worker = SummaryWorker;
    type Shard = SummaryShard;
    type Serial = SummarySerial;
    type Rows = ();
    type Output = Summary;

    fn needs(&self) -> Needs {
        Needs {
            flows: true,
            packets: true,
            applications: Some(
                Interest::DNS
                    .with(Interest::TLS)
                    .with(Interest::JA4)
                    .with(Interest::HTTP)
                    .with(Interest::DEVICES),
            ),
            ..Needs::default()
        }
    }

    fn new_worker(&self) -> SummaryWorker {
        SummaryWorker {
            quality: QualityCounter::default(),
            timeline: TimelineCounter::default(),
            protocols: ProtocolCounter::default(),
            performance: PerformanceCounter::default(),
            groups: GroupCounter::default(),
            flow_risks: FlowRisks::default(),
            senders: sketch(),
            receivers: sketch(),
        }
    }

    fn new_shard(&self) -> SummaryShard {
        SummaryShard {
            stations: StationCounter::new(MAC_PAIRS_MAX),
            duplicates: DuplicateCounter::default(),
            risks: RiskCounter::default(),
            names: NameCounter::new(self.top, Arc::clone(&self.texts)),
            hosts: LocalHosts::local(SHARD_HOSTS_MAX),
            ended: Vec::new(),
        }
    }

    fn new_serial(&self) -> SummarySerial {
        SummarySerial {
            arp: ArpCounter::default(),
            addresses: BoundedTable::new(ADDRESSES_MAX),
            conversations: BoundedTable::new(CONVERSATIONS_MAX),
            gone: PairSet::new(GONE_MAX),
            services: ServiceCounter::default(),
            hosts: LocalHosts::local(LOCAL_HOSTS_MAX),
            ended: Vec::new(),
        }
    }

    #[inline]
    fn inspect(&self, worker: &mut SummaryWorker, packet: &StagePacket<'_>) -> u64 {
        let (raw, decoded) = (&packet.packet, packet.decoded);
        worker.quality.packet(packet);
        let service = packet.service();
        let label = worker.protocols.packet(
            raw.link_type,
            decoded,
            service,
            raw.wire_len,
            &mut worker.timeline,
        );
        worker.timeline.packet(raw.timestamp, label, raw.wire_len);
        quality::fingerprint(packet)
    }

    #[inline]
    fn packet(
        &self,
        _worker: &mut SummaryWorker,
        shard: &mut SummaryShard,
        packet: &StagePacket<'_>,
    ) {
        let decoded = packet.decoded;
        let pair = (decoded.src_mac, decoded.dst_mac);
        if pair != (None, None) {
            shard.stations.packet(pair, packet.packet.wire_len);
        }
        shard
            .duplicates
            .packet(packet.packet.timestamp, packet.note);
    }

    fn flow_end(&self, worker: &mut SummaryWorker, shard: &mut SummaryShard, flow: FlowRecord) {
        let flow = &flow;
        if flow.outer {
            return;
        }
        let service = flow.service();
        worker.timeline.flow(flow.start);
        worker.performance.flow(flow, service, self.top);
        for (sent, received) in [
            (flow.fwd.packets > 0).then_some((flow.src_ip, flow.dst_ip)),
            (flow.bwd.packets > 0).then_some((flow.dst_ip, flow.src_ip)),
        ]
        .into_iter()
        .flatten()
        {
            if let Some(senders) = &mut worker.senders {
                senders.update(sent);
            }
            if let Some(receivers) = &mut worker.receivers {
                receivers.update(received);
            }
        }
        worker.groups.flow(flow);
        worker.flow_risks.flow(flow, self.top);

        shard.risks.flow(flow);
        shard.names.flow(flow);
        shard.hosts.flow(flow);
        shard.ended.push(EndedFlow::new(flow, service));
    }

    fn round_end(
        &self,
        serial: &mut SummarySerial,
        shards: &mut [&mut SummaryShard],
        _rows: Vec<()>,
    ) -> Result<(), RoundError> {
        self.capture_end(serial, shards);
        Ok(())
    }

    fn capture_end(&self, serial: &mut SummarySerial, shards: &mut [&mut SummaryShard]) {
        for shard in shards {
            serial.take(shard);
        }
        serial.count();
        serial.ended.shrink_to(64 * KEPT_ENDED);
    }

    fn shard_end(&self, serial: &mut SummarySerial, shard: &mut SummaryShard) {
        // Not all shards at once: every flow that is still alive ends here.
        serial.take(shard);
        serial.count();
    }

    fn app(&self, _worker: &mut SummaryWorker, shard: &mut SummaryShard, record: AppRecord) {
        if let AppRow::Device(device) = &record.row {
            shard.hosts.device(device);
        } else {
            shard.names.record(&record);
        }
    }

    fn wants_cross(&self, decoded: &Decoded) -> bool {
        LocalHosts::wants(decoded)
    }

    fn cross(&self, serial: &mut SummarySerial, packet: &StagePacket<'_>) {
        serial.hosts.packet(packet);
        if let Some(message) = packet.decoded.arp(packet.packet.data) {
            serial.arp.packet(&message);
        }
    }

    fn merge(
        &self,
        serial: SummarySerial,
        shards: Vec<SummaryShard>,
        workers: Vec<SummaryWorker>,
        facts: &ShardFacts,
    ) -> Summary {
        let mut summary = Summary {
            top: self.top,
            flows: facts.flows,
            quality: QualityCounter::default(),
            timeline: TimelineCounter::default(),
            protocols: Vec::new(),
            performance: PerformanceCounter::default(),
            groups: GroupCounter::default(),
            flow_risks: FlowRisks::default(),
            senders: 0.0,
            receivers: 0.0,
            addresses: serial.addresses,
            conversations: serial.conversations,
            gone: serial.gone,
            services: serial.services,
            stations: BoundedTable::new(MAC_PAIRS_MAX),
            to_groups: Groups::default(),
            duplicates: 0,
            risks: RiskCounter::default(),
            arp: serial.arp,
            names: NameCounter::new(self.top, Arc::clone(&self.texts)),
            hosts: serial.hosts,
            facts: *facts,
        };
        let several = workers.len() > 1;
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for worker in workers {
            summary.quality.absorb(worker.quality);
            summary.timeline.absorb(worker.timeline);
            summary.protocols.push(worker.protocols);
            summary.performance.absorb(worker.performance, self.top);
            summary.groups.absorb(worker.groups);
            summary.flow_risks.absorb(worker.flow_risks, self.top);
            senders.extend(worker.senders);
            receivers.extend(worker.receivers);
        }
        summary.senders = estimate(&senders);
        summary.receivers = estimate(&receivers);
        let mut names = Vec::with_capacity(shards.len());
        let mut others = Vec::with_capacity(shards.len());
        for shard in shards {
            summary.duplicates += shard.duplicates.duplicates;
            names.push(shard.names);
            others.push((shard.stations, shard.risks, shard.hosts));
        }
        let all_names = &mut summary.names;
        let merge_names = || {
            for names in names {
                all_names.absorb(names);
            }
        };
        let merge_others = || {
            for (stations, risks, hosts) in others {
                let (stations, to_groups) = stations.finish();
                summary.stations.absorb(stations);
                summary.to_groups.absorb(to_groups);
                summary.risks.absorb(risks);
                summary.hosts.absorb(hosts);
            }
        };
        if several {
            std::thread::scope(|scope| {
                scope.spawn(merge_names);
                merge_others();
            });
        } else {
            merge_names();
            merge_others();
        }
        summary.hosts.settle();
        summary
    }
}

/// How many different things sketches saw together. The estimate used does not depend on the
/// order of what they saw, nor on how it was split among them.
fn estimate(sketches: &[HllSketch]) -> f64 {
    let Ok(mut union) = HllUnion::new(SKETCH_LG_K) else {
        return 0.0;
    };
    for sketch in sketches {
        union.update(sketch);
    }
    union.to_sketch(HllType::Hll8).composite_estimate()
}

/// A flow of TCP between two addresses, of which nothing else is known.
#[cfg(test)]
fn flow_of(src: [u8; 4], dst: [u8; 4]) -> FlowRecord {
    use netloom_pipeline::decode::{DecodeOptions, decode_ip};
    use netloom_pipeline::flow::{FlowKey, FlowRules, flow_id};
    use netloom_pipeline::packet::Timestamp;

    let mut datagram = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0];
    datagram.extend(src.iter().chain(&dst));
    let decoded = decode_ip(&datagram, 20, DecodeOptions::default());
    let (key, _) = FlowKey::new(&decoded, FlowRules::Native).expect("a datagram");
    let id = flow_id(&key, Timestamp::from_nanos(0), 1, "");
    FlowRecord::new(id, src.into(), dst.into(), 6)
}
