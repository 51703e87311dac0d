//! A logical shard: its flow table, its clock, its part of the stage.

use netloom_flow::app::AppRecord;
use netloom_flow::name::{Hint, NameBook};
use netloom_flow::{FlowId, FlowKey, FlowPacket, FlowRecord, FlowTable, Ingested};
use netloom_packet::Timestamp;

use crate::block::{Block, Extra, Item};
use crate::options::PipelineOptions;
use crate::stage::{FragmentFacts, Needs, Stage, StagePacket};

/// Ended flows that a shard keeps room for.
const KEPT_CLOSED: usize = 16;

/// What the flow tables of all shards came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardFacts {
    /// Flows that began.
    pub flows: u64,
    /// The most that were alive at once, shard by shard, added up.
    pub peak_live: u64,
    /// Flows ended early by the memory cap.
    pub evicted: u64,
    /// What became of fragments.
    pub fragments: FragmentFacts,
}

/// A moment at which the packet clock passed a whole second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tick {
    pub(crate) number: u64,
    pub(crate) clock: Timestamp,
}

/// What all shards share in a round.
#[derive(Clone, Copy)]
pub(crate) struct Round<'a> {
    pub(crate) blocks: &'a [&'a Block],
    pub(crate) ticks: &'a [Tick],
    pub(crate) names: &'a NameBook,
}

/// Where in a round something stands.
struct Place<'a> {
    block: &'a Block,
    block_index: u32,
    /// Number of the packet there.
    number: u64,
}

/// The state of a logical shard.
pub(crate) struct Shard<S> {
    table: FlowTable,
    closed: Vec<FlowRecord>,
    pub(crate) stage: S,
    /// (block of the round, packet of the block, its flow), when rows need flow ids.
    pub(crate) flow_ids: Vec<(u32, u32, FlowId)>,
    /// (packet number, its flow), where that became known only after the packet's round.
    pub(crate) late_flow_ids: Vec<(u64, FlowId)>,
    /// The same with the number of the flow's first packet.
    pub(crate) late_flow_firsts: Vec<(u64, u64)>,
}

impl<S> Shard<S> {
    pub(crate) fn new(options: &PipelineOptions, needs: Needs, stage: S) -> Self {
        let mut config = options.flow.clone();
        config.max_memory /= crate::SHARDS;
        config.packet_flow_ids = needs.flow_ids;
        config.row_flow_ids = needs.rows;
        config.applications = needs.applications;
        config.features = needs.features;
        Self {
            table: FlowTable::new(&config),
            closed: Vec::new(),
            stage,
            flow_ids: Vec::new(),
            late_flow_ids: Vec::new(),
            late_flow_firsts: Vec::new(),
        }
    }

    /// Takes the shard's packets of a round.
    pub(crate) fn round<T: Stage<Shard = S>>(
        &mut self,
        stage: &T,
        needs: Needs,
        worker: &mut T::Worker,
        shard: usize,
        round: &Round<'_>,
    ) {
        let Round {
            blocks,
            ticks,
            names,
        } = *round;
        let mut ticks = ticks.iter().copied();
        let mut next = ticks.next();
        for (block_index, block) in blocks.iter().enumerate() {
            for &item in block.items_of(shard) {
                let number = block.number_of(item);
                while let Some(tick) = next.filter(|tick| tick.number <= number) {
                    self.advance(stage, worker, tick);
                    next = ticks.next();
                }
                let place = Place {
                    block,
                    block_index: block_index as u32,
                    number,
                };
                match item {
                    Item::Packet(index) => {
                        self.packet(stage, needs, worker, names, &place, index as usize);
                    }
                    Item::Extra(index) if needs.flows => {
                        let extra = &block.extras[index as usize];
                        self.extra(stage, needs, worker, &place, extra);
                    }
                    Item::Extra(_) => {}
                }
            }
        }
        for tick in next.into_iter().chain(ticks) {
            self.advance(stage, worker, tick);
        }
    }

    /// Takes a packet of a block.
    #[inline]
    fn packet<T: Stage<Shard = S>>(
        &mut self,
        stage: &T,
        needs: Needs,
        worker: &mut T::Worker,
        names: &NameBook,
        place: &Place<'_>,
        index: usize,
    ) {
        let block = place.block;
        let Some(packet) = block.batch.get(index) else {
            return;
        };
        let route = block.route[index];
        let key = block.key(index).filter(|_| needs.flows && route.in_flow);
        let ingested = key.and_then(|key| {
            let flow_packet = FlowPacket {
                number: place.number,
                timestamp: block.time_of(index, &packet),
                wire_len: packet.wire_len,
                caplen: packet.data.len() as u32,
                data: packet.data,
                decoded: block.seen(index),
                later_fragment: route.later_fragment,
                outer: false,
                payload_only: false,
            };
            let ingested = self.table.ingest_keyed(&flow_packet, key, &mut self.closed);
            if let Some(ingested) = &ingested
                && ingested.is_new
                && !names.is_empty()
            {
                self.hint(names, &flow_packet, key, ingested);
            }
            ingested
        });
        self.drain(stage, worker, place.number);
        let flow = match (key, &ingested) {
            (Some((key, _)), Some(ingested)) => Some((key, ingested)),
            _ => None,
        };
        if let Some((key, ingested)) = flow {
            if needs.flow_firsts {
                block.set_flow_first(index, ingested.first_number);
            }
            if needs.known
                && let Some(known) = self.table.known(key)
            {
                stage.known(worker, &mut self.stage, ingested, known);
            }
            if needs.flow_ids
                && needs.rows
                && let Some(id) = ingested.flow_id
            {
                self.flow_ids.push((place.block_index, index as u32, id));
            }
        }
        if needs.packets {
            let packet = StagePacket {
                packet: &packet,
                decoded: &block.decoded[index],
                flow,
                note: block.note(index),
            };
            stage.packet(worker, &mut self.stage, &packet);
        }
    }

    /// Takes something more that counts in a flow.
    fn extra<T: Stage<Shard = S>>(
        &mut self,
        stage: &T,
        needs: Needs,
        worker: &mut T::Worker,
        place: &Place<'_>,
        extra: &Extra,
    ) {
        let flow_packet = extra.flow_packet(place.block);
        let ingested = self.table.ingest(&flow_packet, &mut self.closed);
        // A fragment that had to wait has an older number than the packet it comes after, and
        // that is the one that ends a flow here, and completes its rows.
        self.drain(stage, worker, place.number);
        let Some(ingested) = ingested.filter(|_| !extra.outer) else {
            return;
        };
        let is_late = extra.number != place.number;
        if needs.flow_firsts {
            let first = ingested.first_number;
            if is_late {
                self.late_flow_firsts.push((extra.number, first));
            } else if !place.block.is_in_flow(extra.after as usize) {
                place.block.set_flow_first(extra.after as usize, first);
            }
        }
        if needs.flow_ids
            && let Some(id) = ingested.flow_id
        {
            if is_late {
                if !needs.known {
                    self.late_flow_ids.push((extra.number, id));
                }
            } else if needs.rows {
                self.flow_ids.push((place.block_index, extra.after, id));
            }
        }
    }

    /// Tells a flow that begins what other flows said about it.
    fn hint(
        &mut self,
        names: &NameBook,
        packet: &FlowPacket<'_>,
        &(ref key, forward): &(FlowKey, bool),
        ingested: &Ingested,
    ) {
        let (mut client, mut server) = (key.first(), key.second());
        if forward != ingested.from_src {
            std::mem::swap(&mut client, &mut server);
        }
        let tcp = key.protocol() == 6;
        let hint = names.hint(packet.number, packet.timestamp, client.0, server, tcp);
        if hint != Hint::default() {
            self.table.give_hint(key, hint);
        }
    }

    fn advance<T: Stage<Shard = S>>(&mut self, stage: &T, worker: &mut T::Worker, tick: Tick) {
        self.table
            .advance(tick.clock, tick.number, &mut self.closed);
        self.drain(stage, worker, tick.number);
    }

    /// Hands out the flows that have ended, and the rows that payloads gave, at the place of the
    /// packet `number`.
    #[inline]
    fn drain<T: Stage<Shard = S>>(&mut self, stage: &T, worker: &mut T::Worker, number: u64) {
        // After most packets there is nothing.
        if self.table.has_rows() || !self.closed.is_empty() {
            self.hand_out(stage, worker, number);
        }
    }

    fn hand_out<T: Stage<Shard = S>>(&mut self, stage: &T, worker: &mut T::Worker, number: u64) {
        for record in self.table.take_rows() {
            stage.app(worker, &mut self.stage, AppRecord { number, ..record });
        }
        for mut record in self.closed.drain(..) {
            record.closed_by = number;
            stage.flow_end(worker, &mut self.stage, record);
        }
        // A flood's flows end all at once: 64 shards together would keep a lot of room for that.
        self.closed.shrink_to(KEPT_CLOSED);
    }

    /// Ends all flows at the end of the capture.
    pub(crate) fn finish<T: Stage<Shard = S>>(
        &mut self,
        stage: &T,
        worker: &mut T::Worker,
        number: u64,
    ) {
        self.table.finish(number, &mut self.closed);
        self.drain(stage, worker, number);
    }

    pub(crate) fn add_facts(&self, facts: &mut ShardFacts) {
        let stats = self.table.stats();
        facts.flows += stats.created;
        facts.peak_live += stats.peak_live;
        facts.evicted += stats.evicted;
    }
}
