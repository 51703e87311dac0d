//! A block of packets on its way through a round.

use std::sync::atomic::{AtomicU64, Ordering};

use netloom_decode::{DecodeOptions, Decoded, decode_into};
use netloom_flow::name::{Lesson, observe};
use netloom_flow::{
    FlowId, FlowKey, FlowPacket, FlowRules, NfstreamView, OuterFlow, further_flows, nfstream_view,
    outer_flows, shard_of,
};
use netloom_packet::{Packet, PacketBatch, Timestamp};

use crate::options::{PipelineOptions, SHARDS};
use crate::prefetch;
use crate::stage::{Needs, Stage, StagePacket};

/// Which shard a packet goes to, and how it counts there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Route {
    pub(crate) shard: u8,
    /// Whether it counts in a flow (it may count in the flow as an extra instead).
    pub(crate) in_flow: bool,
    /// A fragment after the first.
    pub(crate) later_fragment: bool,
}

/// What a shard has to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// A packet of the batch.
    Packet(u32),
    /// Something more that counts in a flow.
    Extra(u32),
}

/// Something that counts in a flow besides a packet of its own: the datagram that fragments
/// became, a fragment whose ports were learned only later, the outer flow of a tunnel, a further
/// datagram of an 802.11 aggregate.
#[derive(Debug)]
pub(crate) struct Extra {
    /// It comes right after this packet of the batch.
    pub(crate) after: u32,
    pub(crate) shard: u8,
    pub(crate) number: u64,
    pub(crate) timestamp: Timestamp,
    pub(crate) wire_len: u32,
    pub(crate) caplen: u32,
    pub(crate) decoded: Decoded,
    /// Bytes that `decoded` points into; `None`: those of the packet `after`.
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) later_fragment: bool,
    pub(crate) outer: bool,
    /// Fragments made it, and have been counted.
    pub(crate) payload_only: bool,
    /// Offset in the packet at which `decoded` begins, for outer headers.
    pub(crate) data_offset: u32,
}

impl Extra {
    pub(crate) fn flow_packet<'a>(&'a self, block: &'a Block) -> FlowPacket<'a> {
        let data = match &self.data {
            Some(data) => data.as_slice(),
            None => block
                .batch
                .get(self.after as usize)
                .and_then(|packet| packet.data.get(self.data_offset as usize..))
                .unwrap_or_default(),
        };
        FlowPacket {
            number: self.number,
            timestamp: self.timestamp,
            wire_len: self.wire_len,
            caplen: self.caplen,
            data,
            decoded: &self.decoded,
            later_fragment: self.later_fragment,
            outer: self.outer,
            payload_only: self.payload_only,
        }
    }
}

/// A packet's key, if it has one, in a line of its own: who writes one and who reads one are different
/// cores.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(crate) struct KeyPlace(pub(crate) Option<(FlowKey, bool)>);

/// How many packets before its turn a packet's place is asked for.
const AHEAD: usize = 2;
/// Lines of a [`Decoded`] that most packets need.
const DECODED_LINES: usize = 3;
/// Packets that a block keeps room for, once there were more.
const KEPT: usize = 1024;
/// Times in a row that a block has no more than those before it gives back the rest.
const SMALL_TIMES: u8 = 8;

/// A block: packets, what is in them, and where each goes.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) batch: PacketBatch,
    /// The largest of the packets' times, where all have been looked at.
    pub(crate) latest: Option<Timestamp>,
    /// What is in each packet; there may be more of an earlier round behind them.
    pub(crate) decoded: Vec<Decoded>,
    pub(crate) route: Vec<Route>,
    /// Their flows' keys, and whether they go from the key's first endpoint to its second; as with
    /// `decoded`.
    pub(crate) keys: Vec<KeyPlace>,
    /// Packets that are fragments.
    pub(crate) fragments: Vec<u32>,
    /// Packets that the stage's ordered step wants.
    pub(crate) cross: Vec<u32>,
    pub(crate) extras: Vec<Extra>,
    /// All items, shard by shard, in order within a shard; those of shard `s` are
    /// `items[starts[s]..starts[s + 1]]`.
    items: Vec<Item>,
    starts: [u32; SHARDS + 1],
    pub(crate) flow_ids: Vec<Option<FlowId>>,
    /// Numbers of the first packets of their flows, written by the shards; 0: none.
    pub(crate) flow_firsts: Vec<AtomicU64>,
    /// What the stage noted about each packet; as with `decoded`.
    notes: Vec<u64>,
    /// What its packets teach about later flows, in their order.
    pub(crate) lessons: Vec<Lesson>,
    /// What flows are to know of packets, where that is not what was decoded; by index.
    others: Vec<(usize, Box<Decoded>)>,
    /// How often in a row it had few packets for its room.
    small: u8,
    /// Times of the packets where rules have time never go back; else empty.
    times: Vec<Timestamp>,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            batch: PacketBatch::default(),
            latest: None,
            decoded: Vec::new(),
            route: Vec::new(),
            keys: Vec::new(),
            fragments: Vec::new(),
            cross: Vec::new(),
            extras: Vec::new(),
            items: Vec::new(),
            starts: [0; SHARDS + 1],
            flow_ids: Vec::new(),
            flow_firsts: Vec::new(),
            notes: Vec::new(),
            lessons: Vec::new(),
            others: Vec::new(),
            small: 0,
            times: Vec::new(),
        }
    }
}

/// Makes room for that many, and a few more: blocks are much alike, and each vector of each of them
/// would have twice the room it needs if it grew by itself.
fn room<V>(values: &mut Vec<V>, len: usize) {
    if values.capacity() < len {
        values.reserve_exact((len + len / 8).saturating_sub(values.len()));
    }
}

/// Makes the places there are `len` or more; what is in those there were stays, to be overwritten.
fn fill<V: Clone>(values: &mut Vec<V>, len: usize, value: V) {
    if values.len() < len {
        room(values, len);
        values.resize(len, value);
    }
}

impl Block {
    /// Whether it holds memory that was filled once.
    pub(crate) fn is_in_use(&self) -> bool {
        self.batch.block.capacity() > 0 || self.route.capacity() > 0
    }

    /// Forgets everything but the memory.
    pub(crate) fn clear(&mut self) {
        self.give_back();
        // The source clears the block itself, cheaper: it keeps the length.
        self.batch.packets.clear();
        self.latest = None;
        self.route.clear();
        self.fragments.clear();
        self.cross.clear();
        self.extras.clear();
        self.items.clear();
        self.starts = [0; SHARDS + 1];
        self.flow_ids.clear();
        self.flow_firsts.clear();
        self.lessons.clear();
        self.others.clear();
        self.times.clear();
    }

    /// Gives memory back after the last of many small packets.
    fn give_back(&mut self) {
        if self.decoded.capacity() < 2 * KEPT || self.batch.len() > KEPT {
            self.small = 0;
            return;
        }
        self.small += 1;
        if self.small < SMALL_TIMES {
            return;
        }
        self.small = 0;
        self.decoded.truncate(KEPT);
        self.decoded.shrink_to(KEPT);
        self.route.shrink_to(KEPT);
        self.keys.truncate(KEPT);
        self.keys.shrink_to(KEPT);
        self.items.shrink_to(KEPT);
        self.notes.truncate(KEPT);
        self.notes.shrink_to(KEPT);
    }

    /// Decodes all packets and says where they go; fragments get their place later, in order.
    pub(crate) fn decode<T: Stage>(
        &mut self,
        options: &PipelineOptions,
        stage: &T,
        needs: Needs,
        worker: &mut T::Worker,
    ) {
        if needs.undecoded && !needs.flows && !needs.packets {
            return;
        }
        let rules = options.flow.rules;
        let sharded = needs.flows || needs.packets;
        let len = self.batch.len();
        if needs.flow_firsts {
            self.flow_firsts.resize_with(len, AtomicU64::default);
        }
        room(&mut self.route, len);
        prefetch::to_write_all(self.route.spare_capacity_mut());
        fill(&mut self.decoded, len, Decoded::default());
        if needs.packets {
            fill(&mut self.notes, len, 0);
            prefetch::to_write_all(&mut self.notes[..len]);
        }
        if sharded {
            fill(&mut self.keys, len, KeyPlace::default());
        }
        self.route.resize(len, Route::default());
        let times = self.batch.packets.iter().map(|packet| packet.timestamp);
        self.latest = times.max();
        for index in 0..len {
            prefetch::to_write::<DECODED_LINES, _>(&mut self.decoded, index + AHEAD);
            prefetch::to_write::<1, _>(&mut self.keys, index + AHEAD);
            let decoded = &mut self.decoded[index];
            let Some(packet) = self.batch.get(index) else {
                // It counts in no flow: nobody looks at its key, nor at a note.
                *decoded = Decoded::default();
                continue;
            };
            decode_into(&packet, options.decode, decoded);
            if decoded.fragment().is_some() {
                self.fragments.push(index as u32);
            }
            if rules == FlowRules::Zeek && !decoded.tunnels.is_empty() {
                outer_extras(&packet, decoded, index as u32, &mut self.extras);
            }
            if rules == FlowRules::Zeek
                && !decoded.subframes.is_empty()
                && further_extras(
                    &packet,
                    decoded,
                    index as u32,
                    options.decode,
                    &mut self.extras,
                )
                && self.fragments.last() != Some(&(index as u32))
            {
                self.fragments.push(index as u32);
            }
            if needs.applications.is_some() {
                observe(&packet, decoded, &mut self.lessons);
            }
            if stage.wants_cross(decoded) {
                self.cross.push(index as u32);
            }
            if needs.packets {
                let packet = StagePacket {
                    packet: &packet,
                    decoded,
                    flow: None,
                    note: 0,
                };
                self.notes[index] = stage.inspect(worker, &packet);
            }
            if sharded {
                let KeyPlace(key) = &mut self.keys[index];
                *key = if rules.is_nfstream() {
                    match nfstream_view(&packet, decoded) {
                        NfstreamView::Same => FlowKey::new(decoded, rules),
                        NfstreamView::Ignored => None,
                        NfstreamView::Other(other) => {
                            let key = FlowKey::new(&other, rules);
                            self.others.push((index, other));
                            key
                        }
                    }
                } else {
                    FlowKey::new(decoded, rules)
                };
                self.route[index] = Route {
                    shard: match key {
                        Some((key, _)) => key.shard(),
                        None => shard_of_frame(decoded),
                    },
                    in_flow: key.is_some(),
                    later_fragment: false,
                };
            }
        }
        if !sharded {
            return;
        }
        if self.fragments.is_empty() {
            self.sort_items();
        }
    }

    /// Packets of these interfaces count in no flow.
    pub(crate) fn refuse(&mut self, interfaces: &[u32]) {
        for (packet, route) in self.batch.iter().zip(&mut self.route) {
            route.in_flow &= !interfaces.contains(&packet.interface);
        }
    }

    /// Gives each packet the largest time of those that count up to it. Blocks come in order.
    pub(crate) fn force_order(&mut self, latest: &mut Option<Timestamp>) {
        self.times.clear();
        for (packet, route) in self.batch.iter().zip(&self.route) {
            let time = packet.timestamp;
            if route.in_flow {
                *latest = Some(latest.map_or(time, |latest| latest.max(time)));
            }
            self.times.push(latest.unwrap_or(time));
        }
    }

    /// What the flow table is to know of a packet of the batch.
    #[inline]
    pub(crate) fn seen(&self, index: usize) -> &Decoded {
        let other = self
            .others
            .binary_search_by_key(&index, |(index, _)| *index);
        match other {
            Ok(place) => &self.others[place].1,
            Err(_) => &self.decoded[index],
        }
    }

    /// When a packet of the batch was seen, as the flow table is to know it.
    #[inline]
    pub(crate) fn time_of(&self, index: usize, packet: &Packet<'_>) -> Timestamp {
        self.times.get(index).copied().unwrap_or(packet.timestamp)
    }

    /// Sorts the items by shard.
    pub(crate) fn sort_items(&mut self) {
        let mut counts = [0_u32; SHARDS + 1];
        for route in &self.route {
            counts[usize::from(route.shard) + 1] += 1;
        }
        for extra in &self.extras {
            counts[usize::from(extra.shard) + 1] += 1;
        }
        for shard in 0..SHARDS {
            counts[shard + 1] += counts[shard];
        }
        self.starts = counts;
        self.items.clear();
        room(&mut self.items, self.route.len() + self.extras.len());
        prefetch::to_write_all(self.items.spare_capacity_mut());
        self.items
            .resize(self.route.len() + self.extras.len(), Item::Packet(0));
        let mut place = counts;
        let mut put = |items: &mut [Item], shard: u8, item: Item| {
            let place = &mut place[usize::from(shard)];
            items[*place as usize] = item;
            *place += 1;
        };
        let mut extras = self.extras.iter().enumerate().peekable();
        for (index, route) in self.route.iter().enumerate() {
            put(&mut self.items, route.shard, Item::Packet(index as u32));
            while let Some((extra_index, extra)) =
                extras.next_if(|(_, extra)| extra.after as usize <= index)
            {
                put(
                    &mut self.items,
                    extra.shard,
                    Item::Extra(extra_index as u32),
                );
            }
        }
        // Only at the end of the capture: extras of a block without packets.
        for (extra_index, extra) in extras {
            put(
                &mut self.items,
                extra.shard,
                Item::Extra(extra_index as u32),
            );
        }
    }

    /// What a shard has to look at, in order.
    pub(crate) fn items_of(&self, shard: usize) -> &[Item] {
        self.items
            .get(self.starts[shard] as usize..self.starts[shard + 1] as usize)
            .unwrap_or_default()
    }

    /// Asks for what a shard is going to look at, which another core may have written.
    pub(crate) fn prefetch(&self, shard: usize) {
        for &item in self.items_of(shard) {
            let Item::Packet(index) = item else {
                continue;
            };
            let index = index as usize;
            prefetch::to_read::<1, _>(&self.batch.packets, index);
            prefetch::to_read::<1, _>(&self.keys, index);
            prefetch::to_read::<1, _>(&self.route, index);
            prefetch::to_read::<1, _>(&self.notes, index);
            prefetch::to_read::<DECODED_LINES, _>(&self.decoded, index);
        }
    }

    /// The key of the packet at `index`, where it has one and somebody wants flows.
    #[inline]
    pub(crate) fn key(&self, index: usize) -> Option<&(FlowKey, bool)> {
        self.keys.get(index)?.0.as_ref()
    }

    /// What the stage noted about the packet at `index`, if it looked.
    #[inline]
    pub(crate) fn note(&self, index: usize) -> u64 {
        self.notes.get(index).copied().unwrap_or(0)
    }

    /// Whether the packet at `index` counts in a flow as itself.
    pub(crate) fn is_in_flow(&self, index: usize) -> bool {
        self.route.get(index).is_some_and(|route| route.in_flow) && self.key(index).is_some()
    }

    /// A shard says to which flow the packet at `index` belongs. Where several could be meant (the
    /// datagrams of an 802.11 aggregate), it does not matter which one is said first.
    pub(crate) fn set_flow_first(&self, index: usize, first_number: u64) {
        if let Some(place) = self.flow_firsts.get(index) {
            place.fetch_max(first_number, Ordering::Relaxed);
        }
    }

    /// The number of the packet at whose place an item stands.
    pub(crate) fn number_of(&self, item: Item) -> u64 {
        let index = match item {
            Item::Packet(index) => index,
            Item::Extra(index) => self.extras[index as usize].after,
        };
        self.batch.number(index as usize)
    }
}

/// The outer flows of UDP tunnels, which Zeek's rules count too.
fn outer_extras(packet: &Packet<'_>, decoded: &Decoded, index: u32, extras: &mut Vec<Extra>) {
    extras.extend(
        outer_flows(packet.data, packet.wire_len, decoded)
            .map(|outer| extra(packet, index, &outer, true)),
    );
}

/// The further datagrams of an 802.11 aggregate, which Zeek's rules count too. Returns whether
/// there are fragments among them, which get their place later.
fn further_extras(
    packet: &Packet<'_>,
    decoded: &Decoded,
    index: u32,
    options: DecodeOptions,
    extras: &mut Vec<Extra>,
) -> bool {
    let mut fragments = false;
    for (outer, flow) in further_flows(packet.data, packet.wire_len, decoded, options) {
        if flow.decoded.fragment().is_some() {
            fragments = true;
        } else {
            extras.push(extra(packet, index, &flow, outer));
        }
    }
    fragments
}

/// What a packet holds beside its own datagram, right after it.
fn extra(packet: &Packet<'_>, index: u32, flow: &OuterFlow, outer: bool) -> Extra {
    // The frame's length counts once, with the packet; a further datagram has its own.
    let wire_len = match flow.decoded.ip {
        Some(ip) if !outer => ip.total_len,
        _ => packet.wire_len,
    };
    Extra {
        after: index,
        shard: shard_of(&flow.decoded, FlowRules::Zeek),
        number: packet.number,
        timestamp: packet.timestamp,
        wire_len,
        caplen: (packet.data.len() as u32).min(wire_len),
        decoded: flow.decoded,
        data: None,
        later_fragment: false,
        outer,
        payload_only: false,
        data_offset: flow.offset,
    }
}

/// A shard for what has no IP header: the same for both directions between two stations.
fn shard_of_frame(decoded: &Decoded) -> u8 {
    let fold = |mac: Option<netloom_packet::MacAddr>| {
        mac.map_or(0, |mac| {
            mac.0
                .iter()
                .fold(0_u32, |sum, &byte| sum.wrapping_mul(31) + u32::from(byte))
        })
    };
    let sum = fold(decoded.src_mac).wrapping_add(fold(decoded.dst_mac));
    (sum.wrapping_mul(0x9e37_79b1) >> 26) as u8
}

/// A decoded block, for making rows of its packets.
#[derive(Debug)]
pub struct BlockView<'a> {
    pub(crate) block: &'a Block,
}

impl BlockView<'_> {
    /// Packets with what is in them, in order.
    pub fn packets(&self) -> impl Iterator<Item = (Packet<'_>, &Decoded, Option<FlowId>)> {
        self.block
            .batch
            .iter()
            .zip(&self.block.decoded)
            .enumerate()
            .map(|(index, (packet, decoded))| (packet, decoded, self.flow_id(index)))
    }

    /// Packets as they were captured, in order: all there is with [`Needs::undecoded`].
    pub fn undecoded(&self) -> impl Iterator<Item = Packet<'_>> {
        self.block.batch.iter()
    }

    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.block.batch.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.block.batch.is_empty()
    }

    /// The number of the first packet of the flow of the packet at `index`, where it has one, it
    /// is known, and [`Needs::flow_firsts`] asks for it. Several flows may have begun with that
    /// packet, though only one of them is its own: the datagrams of an 802.11 aggregate.
    pub fn flow_first(&self, index: usize) -> Option<u64> {
        let first = self.block.flow_firsts.get(index)?;
        Some(first.load(Ordering::Relaxed)).filter(|&first| first > 0)
    }

    /// The number of the packet at `index`.
    pub fn number(&self, index: usize) -> u64 {
        self.block.batch.number(index)
    }

    /// The flow of the packet at `index`, where it is known and was asked for.
    pub fn flow_id(&self, index: usize) -> Option<FlowId> {
        self.block.flow_ids.get(index).copied().flatten()
    }
}
