//! One pass: packets to the batches of several tables at once.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use netloom_decode::Decoded;
use netloom_flow::app::{AppRecord, AppRow};
use netloom_flow::{FlowOwner, FlowRecord, Ingested, KnownFlow};
use netloom_packet::Timestamp;
use netloom_tables::{
    AnyColumns, ColumnsOf, DnsRow, FlowRow, HttpRow, MessageRow, RecordBatch, Table, TimelineRow,
    TlsRow,
};

use super::delivery::{Delivery, Made};
use super::flows::{PackedFlows, PacketFlows, ShardNames};
use super::hosts::HostFeed;
use super::known::{Ended, LiveNames};
use super::order::{Closed, cut, sort_flows, sort_records};
use super::packets::{self, Known, Told};
use super::plan::{DEVICES, KINDS, Plan, kind_of};
use super::sink::{Prepare, Write};
use super::streams::{Notes, Streams};
use super::timeline::{Bins, Flows, Lengths};
use super::{FlowOwners, Scan, TableRequest};
use crate::block::BlockView;
use crate::hosts::HostTable;
use crate::shard::ShardFacts;
use crate::stage::{Needs, RoundError, Stage, StagePacket};

/// Rows that columns are made from, column by column.
const ROWS_AT_ONCE: usize = 64;
/// Between two questions about a flow whose process is not known, in ns.
const ASK_AGAIN: i64 = 500_000_000;

/// Records that become rows of a request, by the kind of their table.
enum Records {
    Flows(Arc<Vec<Closed>>),
    App(Arc<Vec<AppRecord>>),
}

impl Clone for Records {
    fn clone(&self) -> Self {
        match self {
            Self::Flows(records) => Self::Flows(Arc::clone(records)),
            Self::App(records) => Self::App(Arc::clone(records)),
        }
    }
}

/// Records to be made into rows, and those that were.
struct Chunks<T> {
    todo: VecDeque<(usize, Records)>,
    /// By the order in which they were put there.
    made: Vec<Option<(usize, Made<T>)>>,
}

/// A pass. See the [module](self).
pub(super) struct TableStage<'a, P: Prepare, W> {
    scan: &'a Scan,
    plan: Plan,
    /// What an earlier pass found out.
    known: Option<&'a Known>,
    live: Option<LiveNames>,
    delivery: &'a Delivery<'a, P>,
    writer: Mutex<Option<&'a mut W>>,
    chunks: Mutex<Chunks<P::Prepared>>,
    /// How long the timeline's intervals are.
    lengths: Lengths,
    /// What the round's packets say in their streams, by shard.
    notes: RwLock<Vec<Notes>>,
}

/// What a shard holds back for a round.
#[derive(Default)]
pub(super) struct Shard {
    flows: Vec<Closed>,
    /// `dns`, `tls`, `http`, `messages`, devices.
    records: [Vec<AppRecord>; KINDS],
    names: ShardNames,
    ended: Vec<Ended>,
    /// Owners of flows that go on, as far as they are known, and when to ask next.
    owners: HashMap<Begun, (Option<FlowOwner>, Timestamp)>,
    timeline: Flows,
    streams: Streams,
}

/// The kind of a record.
fn kind(row: &AppRow) -> Option<usize> {
    Some(match row {
        AppRow::Dns(_) => 0,
        AppRow::Tls(_) => 1,
        AppRow::Http(_) => 2,
        AppRow::Message(_) => 3,
        AppRow::Device(_) => DEVICES,
        _ => return None,
    })
}

/// A flow by its first packet and its protocol.
type Begun = (u64, u8);

/// What is done in order.
pub(super) struct Serial<'a, W> {
    writer: &'a mut W,
    hosts: Option<HostFeed>,
    flows: Vec<Closed>,
    records: [Vec<AppRecord>; KINDS],
    timeline: Option<Bins>,
    packets: PacketFlows,
    wound_down: bool,
}

/// What a pass leaves behind.
pub(super) struct PassOutput {
    pub(super) hosts: Option<HostTable>,
    /// For a second pass.
    pub(super) known: Known,
    pub(super) timeline: Vec<TimelineRow>,
    pub(super) unnamed_rows: u64,
    /// Packets of the timeline whose service is told by ports, for lack of room.
    pub(super) timeline_by_port: u64,
}

impl<'a, P: Prepare, W> TableStage<'a, P, W> {
    /// A pass that does what is planned.
    pub(super) fn new(
        scan: &'a Scan,
        plan: Plan,
        known: Option<&'a Known>,
        delivery: &'a Delivery<'a, P>,
        writer: &'a mut W,
    ) -> Self {
        Self {
            scan,
            known,
            live: plan.needs.known.then(LiveNames::default),
            delivery,
            writer: Mutex::new(Some(writer)),
            chunks: Mutex::new(Chunks {
                todo: VecDeque::new(),
                made: Vec::new(),
            }),
            lengths: Lengths::new(scan.options.interval),
            notes: RwLock::default(),
            plan,
        }
    }

    fn request(&self, index: usize) -> &'a TableRequest {
        &self.delivery.requests[index]
    }

    /// Requests whose rows are still wanted.
    fn wanted(&self) -> impl Iterator<Item = (usize, &'a TableRequest)> {
        self.plan
            .requests
            .iter()
            .filter(|&&index| !self.delivery.tallies[index].is_done())
            .map(|&index| (index, self.request(index)))
    }

    fn wants(&self, of: impl Fn(&AnyColumns) -> bool) -> bool {
        self.wanted().any(|(_, request)| of(&request.columns))
    }

    fn chunks(&self) -> MutexGuard<'_, Chunks<P::Prepared>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings what shards held back into order, and cuts it into chunks; at the end and live, all
    /// of it.
    fn gather(&self, serial: &mut Serial<'_, W>, shards: &mut [&mut Shard], all: bool) {
        let begin = serial.flows.len();
        for shard in shards.iter_mut() {
            serial.flows.append(&mut shard.flows);
        }
        sort_flows(&mut serial.flows[begin..]);
        for kind in 0..KINDS {
            let begin = serial.records[kind].len();
            for shard in shards.iter_mut() {
                serial.records[kind].append(&mut shard.records[kind]);
            }
            sort_records(&mut serial.records[kind][begin..]);
        }
        if let Some(hosts) = &mut serial.hosts {
            hosts.round(&mut serial.records[DEVICES], &serial.flows[begin..]);
        }
        if !self.wants(|columns| matches!(columns, AnyColumns::Flows(_))) {
            serial.flows.clear();
        }
        if let Some(bins) = &mut serial.timeline {
            for shard in shards.iter_mut() {
                bins.flows(&mut shard.timeline, &self.lengths);
            }
        }
        let mut chunks = self.chunks();
        cut(&mut serial.flows, all, |flows| {
            let flows = Records::Flows(Arc::new(flows));
            for (index, request) in self.wanted() {
                if let AnyColumns::Flows(_) = request.columns {
                    chunks.todo.push_back((index, flows.clone()));
                }
            }
        });
        for kind in 0..DEVICES {
            cut(&mut serial.records[kind], all, |records| {
                let records = Records::App(Arc::new(records));
                for (index, request) in self.wanted() {
                    if kind_of(&request.columns).is_some_and(|(of, _)| of == kind) {
                        chunks.todo.push_back((index, records.clone()));
                    }
                }
            });
        }
    }

    /// Makes the rows of a chunk.
    fn rows_of(&self, request: usize, records: &Records) -> Made<P::Prepared> {
        let TableRequest {
            columns,
            filter,
            repeated,
            ..
        } = self.request(request);
        let batch = match (columns, records) {
            (AnyColumns::Flows(columns), Records::Flows(flows)) => {
                let flows = flows.iter().map(|closed| &*closed.flow);
                let wanted = flows.filter(|flow| filter.takes_flow(flow));
                batch_of(*repeated, columns, wanted.map(FlowRow::new))
            }
            (columns, Records::App(records)) => {
                let wanted = || records.iter().filter(|record| filter.takes_record(record));
                match columns {
                    AnyColumns::Dns(columns) => {
                        batch_of(*repeated, columns, wanted().filter_map(DnsRow::new))
                    }
                    AnyColumns::Tls(columns) => {
                        batch_of(*repeated, columns, wanted().filter_map(TlsRow::new))
                    }
                    AnyColumns::Http(columns) => {
                        batch_of(*repeated, columns, wanted().filter_map(HttpRow::new))
                    }
                    AnyColumns::Messages(columns) => {
                        batch_of(*repeated, columns, wanted().filter_map(MessageRow::new))
                    }
                    other => RecordBatch::new_empty(other.schema()),
                }
            }
            (other, _) => RecordBatch::new_empty(other.schema()),
        };
        self.delivery.make(request, batch)
    }

    /// Makes the rows of a block's packets.
    fn packets(&self, block: &BlockView<'_>) -> io::Result<Vec<(usize, Made<P::Prepared>)>> {
        let options = &self.scan.options;
        let live = self.live.as_ref().map(LiveNames::read);
        let flow = &options.pipeline.flow;
        let about_flows = (flow.rules, flow.sensor.as_str());
        let notes = self.notes.read().unwrap_or_else(PoisonError::into_inner);
        let told = Told::new(block, self.known, live.as_deref(), &notes, about_flows)?;
        let mut out = Vec::new();
        for (index, request) in self.wanted() {
            let mut hand_on = |batch: RecordBatch| {
                if batch.num_rows() > 0 {
                    out.push((index, self.delivery.make(index, batch)));
                }
            };
            match &request.columns {
                AnyColumns::Packets(columns) if self.plan.needs.undecoded => {
                    packets::undecoded(&request.filter, columns, block, &mut hand_on);
                }
                AnyColumns::Packets(columns) => {
                    packets::rows(request, columns, options, &told, &mut hand_on);
                }
                AnyColumns::Anomalies(columns) => {
                    packets::anomalies(&request.filter, columns, &told, &mut hand_on);
                }
                _ => {}
            }
        }
        Ok(out)
    }

    /// Counts a block's packets by their time.
    fn times(&self, block: &BlockView<'_>) -> Bins {
        let mut bins = Bins::new(&self.lengths);
        if self.plan.needs.undecoded {
            let decoded = Decoded::default();
            for packet in block.undecoded() {
                bins.packet(&packet, &decoded);
            }
        } else {
            for (packet, decoded, _) in block.packets() {
                bins.packet(&packet, decoded);
            }
        }
        bins
    }
}

/// A flow's owner, at its end.
fn owner(owners: &dyn FlowOwners, shard: &mut Shard, flow: &FlowRecord) -> Option<FlowOwner> {
    let begun = (flow.first_number, flow.protocol);
    let owner = shard.owners.remove(&begun).and_then(|(owner, _)| owner);
    if is_found(owner.as_ref()) {
        return owner;
    }
    let src = (flow.src_ip, flow.src_port.unwrap_or(0)).into();
    let dst = (flow.dst_ip, flow.dst_port.unwrap_or(0)).into();
    owners.owner(flow.protocol, src, dst).or(owner)
}

/// Whether nothing further is to be learned about an owner.
fn is_found(owner: Option<&FlowOwner>) -> bool {
    owner.is_some_and(|owner| owner.pid.is_some())
}

fn batch_of<'r, K: Table>(
    repeated: bool,
    columns: &ColumnsOf<K>,
    mut rows: impl Iterator<Item = K::Row<'r>>,
) -> RecordBatch {
    let mut builder = columns.builder();
    if repeated {
        builder.repeat_texts();
    }
    builder.reserve(rows.size_hint().1.unwrap_or(0));
    // What columns are made from one after the other stays in the cache.
    let mut some = Vec::with_capacity(ROWS_AT_ONCE);
    loop {
        some.extend(rows.by_ref().take(ROWS_AT_ONCE));
        if some.is_empty() {
            return builder.finish();
        }
        builder.extend(&some);
        some.clear();
    }
}

/// What a block's packets gave.
pub(super) struct BlockRows<T> {
    batches: io::Result<Vec<(usize, Made<T>)>>,
    times: Option<Bins>,
    flows: Option<PackedFlows>,
}

impl<'a, P: Prepare, W: Write<Prepared = P::Prepared>> Stage for TableStage<'a, P, W> {
    type Worker = ();
    type Shard = Shard;
    type Serial = Serial<'a, W>;
    type Rows = BlockRows<P::Prepared>;
    type Output = PassOutput;

    fn needs(&self) -> Needs {
        self.plan.needs
    }

    fn new_worker(&self) {}

    fn new_shard(&self) -> Shard {
        Shard::default()
    }

    fn new_serial(&self) -> Serial<'a, W> {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let hosts = self.wants(|columns| matches!(columns, AnyColumns::Hosts(_)));
        Serial {
            writer: writer.expect("the engine makes its ordered state once"),
            hosts: hosts.then(HostFeed::new),
            flows: Vec::new(),
            records: Default::default(),
            timeline: self.plan.timeline.map(|_| Bins::new(&self.lengths)),
            packets: PacketFlows::default(),
            wound_down: false,
        }
    }

    /// Owners are asked for while their sockets are there: from the first packet on.
    fn packet(&self, (): &mut (), shard: &mut Shard, packet: &StagePacket<'_>) {
        if self.plan.streams {
            let rules = self.scan.options.pipeline.flow.rules;
            shard.streams.packet(packet, rules);
        }
        if self.plan.timeline == Some(true)
            && let Some((key, flow)) = packet.flow
        {
            let begun = (flow.first_number, key.protocol());
            let (packet, decoded) = (&packet.packet, packet.decoded);
            shard.timeline.packet(&self.lengths, packet, decoded, begun);
        }
        let (true, Some(owners), Some((key, flow))) =
            (self.plan.owners, &self.scan.options.owners, packet.flow)
        else {
            return;
        };
        let now = packet.packet.timestamp;
        let begun = (flow.first_number, key.protocol());
        let (owner, next) = shard.owners.entry(begun).or_insert((None, now));
        if is_found(owner.as_ref()) || now < *next {
            return;
        }
        *next = now.plus_nanos(ASK_AGAIN);
        let (first, second) = (key.first().into(), key.second().into());
        if let Some(found) = owners.owner(key.protocol(), first, second) {
            *owner = Some(found);
        }
    }

    fn known(&self, (): &mut (), _shard: &mut Shard, flow: &Ingested, known: KnownFlow<'_>) {
        if let Some(live) = &self.live {
            live.learn(flow, known);
        }
    }

    fn flow_end(&self, (): &mut (), shard: &mut Shard, flow: FlowRecord) {
        if self.plan.finds_flows {
            shard.names.flow_end(&flow);
        }
        if self.plan.timeline.is_some() {
            shard.timeline.flow_end(&flow);
        }
        if self.live.is_some() {
            let named = flow.server_name().is_some();
            shard.ended.push((flow.flow_id(), named));
        }
        if self.wants(|columns| matches!(columns, AnyColumns::Flows(_) | AnyColumns::Hosts(_))) {
            let mut flow = Box::new(flow);
            if let (true, Some(owners)) = (self.plan.owners, &self.scan.options.owners) {
                flow.owner = owner(&**owners, shard, &flow).map(Box::new);
            }
            let by = flow.closed_by;
            shard.flows.push(Closed { by, flow });
        }
    }

    fn app(&self, (): &mut (), shard: &mut Shard, record: AppRecord) {
        if let Some(kind) = kind(&record.row) {
            shard.records[kind].push(record);
        }
    }

    fn wants_cross(&self, decoded: &Decoded) -> bool {
        self.plan.needs.flows
            && <HostTable>::wants(decoded)
            && self.wants(|columns| matches!(columns, AnyColumns::Hosts(_)))
    }

    fn cross(&self, serial: &mut Serial<'a, W>, packet: &StagePacket<'_>) {
        if let Some(hosts) = &mut serial.hosts {
            hosts.packet(packet);
        }
    }

    fn shards_done(&self, serial: &mut Serial<'a, W>, shards: &mut [&mut Shard]) {
        if self.plan.streams {
            let mut notes = self.notes.write().unwrap_or_else(PoisonError::into_inner);
            notes.resize_with(shards.len(), Notes::default);
            for (shard, notes) in shards.iter_mut().zip(&mut *notes) {
                shard.streams.take_notes(notes);
            }
        }
        self.gather(serial, shards, self.scan.options.live);
    }

    fn block(&self, block: &BlockView<'_>) -> Option<Self::Rows> {
        Some(BlockRows {
            batches: self.packets(block),
            times: self.plan.timeline.map(|_| self.times(block)),
            flows: (self.plan.finds_flows && !block.is_empty())
                .then(|| PackedFlows::new(block, self.plan.services)),
        })
    }

    fn work(&self) {
        loop {
            let mut chunks = self.chunks();
            let Some((request, records)) = chunks.todo.pop_front() else {
                break;
            };
            let place = chunks.made.len();
            chunks.made.push(None);
            drop(chunks);
            let made = self.rows_of(request, &records);
            self.chunks().made[place] = Some((request, made));
        }
        self.delivery.work.help();
    }

    fn round_end(
        &self,
        serial: &mut Serial<'a, W>,
        shards: &mut [&mut Shard],
        rows: Vec<Self::Rows>,
    ) -> Result<(), RoundError> {
        if let Some(live) = &self.live {
            live.forget(shards.iter_mut().flat_map(|shard| shard.ended.drain(..)));
        }
        for block in rows {
            for (request, made) in block.batches? {
                self.delivery.deliver(serial.writer, request, made)?;
            }
            if let (Some(bins), Some(times)) = (&mut serial.timeline, block.times) {
                bins.absorb(times, &self.lengths);
            }
            if let Some(flows) = block.flows {
                serial.packets.append(flows)?;
            }
        }
        let made = std::mem::take(&mut self.chunks().made);
        for (request, made) in made.into_iter().flatten() {
            self.delivery.deliver(serial.writer, request, made)?;
        }
        Ok(())
    }

    fn capture_end(&self, serial: &mut Serial<'a, W>, shards: &mut [&mut Shard]) {
        // Flows that packets closed come before those that the end closes.
        self.gather(serial, shards, false);
    }

    fn shard_end(&self, serial: &mut Serial<'a, W>, shard: &mut Shard) {
        let Some(hosts) = &mut serial.hosts else {
            return;
        };
        // Every flow that is still alive ends here.
        hosts.end(&mut shard.records[DEVICES], &mut shard.flows);
        if !self.wants(|columns| matches!(columns, AnyColumns::Flows(_))) {
            shard.flows.clear();
        }
    }

    fn wind_down(
        &self,
        serial: &mut Serial<'a, W>,
        shards: &mut [&mut Shard],
    ) -> Result<bool, RoundError> {
        self.gather(serial, shards, true);
        if !self.chunks().todo.is_empty() {
            return Ok(true);
        }
        if !serial.wound_down {
            serial.wound_down = true;
            for (index, request) in self
                .plan
                .requests
                .iter()
                .map(|&index| (index, self.request(index)))
            {
                if !request.is_made_at_the_end() && !self.delivery.is_late(index) {
                    serial.writer.finish(index, self.delivery.work)?;
                }
            }
        }
        Ok(!self.delivery.work.is_empty())
    }

    fn is_done(&self, _serial: &Serial<'a, W>) -> bool {
        // A pass that finds something out for another goes on.
        !self.plan.finds_flows && !self.plan.requests.is_empty() && self.wanted().next().is_none()
    }

    fn merge(
        &self,
        serial: Serial<'a, W>,
        shards: Vec<Shard>,
        _: Vec<()>,
        _: &ShardFacts,
    ) -> PassOutput {
        PassOutput {
            timeline_by_port: shards.iter().map(|shard| shard.timeline.by_port).sum(),
            hosts: serial.hosts.map(HostFeed::settled),
            known: Known {
                packets: serial.packets,
                names: shards.into_iter().map(|shard| shard.names).collect(),
            },
            timeline: serial
                .timeline
                .map(|bins| bins.rows(&self.lengths))
                .unwrap_or_default(),
            unnamed_rows: self.live.as_ref().map_or(0, LiveNames::late),
        }
    }
}
