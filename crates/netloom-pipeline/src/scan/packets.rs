//! Rows of packets.

use std::collections::HashMap;
use std::io;

use netloom_decode::Decoded;
use netloom_decode::checksum::{Checksum, verify_ip, verify_transport};
use netloom_flow::{FlowId, FlowRules};
use netloom_packet::Packet;
use netloom_tables::{
    AnomalyRow, BuildRows, ColumnsOf, PacketRow, Packets, RecordBatch, Requires, SegmentNote,
};

use super::flows::{FlowNames, Named, PacketFlows};
use super::known::LiveName;
use super::streams::{self, Notes};
use super::{RowFilter, ScanOptions, TableRequest};
use crate::block::BlockView;

/// Rows that columns are made from, column by column.
const ROWS_AT_ONCE: usize = 128;

/// What the first pass found out.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) packets: PacketFlows,
    pub(super) names: FlowNames,
}

/// A block, and what is known of its packets' flows.
pub(super) struct Told<'a> {
    block: &'a BlockView<'a>,
    /// By the packets' places; empty where it was not asked for.
    named: Vec<Option<&'a Named>>,
    /// Where nothing can be read twice.
    live: Option<&'a HashMap<FlowId, LiveName>>,
    /// By the packets' places; empty where there are none.
    notes: Vec<Option<&'a SegmentNote>>,
}

impl<'a> Told<'a> {
    /// Looks the flows of a block's packets up, if what is `known` is wanted.
    pub(super) fn new(
        block: &'a BlockView<'a>,
        known: Option<&'a Known>,
        live: Option<&'a HashMap<FlowId, LiveName>>,
        notes: &'a [Notes],
        (rules, sensor): (FlowRules, &str),
    ) -> io::Result<Self> {
        let mut named = Vec::new();
        if let Some(known) = known {
            let firsts = known.packets.of(block)?;
            let mut last = (0, None);
            named.reserve(firsts.len());
            for ((_, decoded, _), first) in block.packets().zip(firsts) {
                // Packets of a flow come in groups.
                if first != last.0 || known.names.is_ambiguous() {
                    let of_it = (first > 0)
                        .then(|| known.names.get(first, decoded, rules, sensor))
                        .flatten();
                    last = (first, of_it);
                }
                named.push(last.1);
            }
        }
        let notes = streams::of(block, notes);
        Ok(Self {
            block,
            named,
            live,
            notes,
        })
    }

    /// Packets with what is known of their flows.
    fn packets(&self) -> impl Iterator<Item = Entry<'_>> {
        let packets = self.block.packets().enumerate();
        packets.map(|(index, (packet, decoded, flow_id))| {
            let named = self.named.get(index).copied().flatten();
            let flow_id = flow_id.or_else(|| named.map(|named| named.flow_id));
            let live = flow_id.and_then(|id| self.live?.get(&id));
            let note = self.notes.get(index).copied().flatten();
            let flow = match (named, live) {
                (Some(named), _) => Flow {
                    id: flow_id,
                    is_known: true,
                    service: named.service,
                    server: named.server.as_deref(),
                    live,
                    note,
                },
                (None, Some(live)) => Flow {
                    id: flow_id,
                    is_known: false,
                    service: live.service.map(|protocol| protocol.name),
                    server: live.server.as_deref(),
                    live: Some(live),
                    note,
                },
                (None, None) => Flow {
                    id: flow_id,
                    note,
                    ..Flow::default()
                },
            };
            (packet, decoded, flow)
        })
    }
}

/// What is known of a packet's flow.
#[derive(Default)]
struct Flow<'a> {
    id: Option<FlowId>,
    /// Whether all is known of it: it has ended.
    is_known: bool,
    service: Option<&'static str>,
    server: Option<&'a super::flows::Server>,
    live: Option<&'a LiveName>,
    /// What it says in its stream.
    note: Option<&'a SegmentNote>,
}

/// Makes the rows of a block's packets.
pub(super) fn rows(
    request: &TableRequest,
    columns: &ColumnsOf<Packets>,
    options: &ScanOptions,
    told: &Told<'_>,
    hand_on: &mut dyn FnMut(RecordBatch),
) {
    let checksums = columns.requires().contains(Requires::CHECKSUMS);
    let wanted = told.packets().filter(|(packet, decoded, flow)| {
        if !request.filter.takes_packet(packet, decoded) {
            return false;
        }
        if let Some(live) = flow.live {
            live.row();
        }
        !options.named_packets_only || flow.server.is_some()
    });
    let mut builder = columns.builder();
    if request.repeated {
        builder.repeat_texts();
    }
    build(&mut *builder, told.block.len(), wanted, hand_on, |told| {
        let (packet, decoded, flow) = told;
        let mut row = PacketRow::new(packet, decoded);
        row.flow_id = flow.id;
        row.service = match flow.service {
            None if !flow.is_known => decoded.service_by_port(),
            service => service,
        };
        row.server_name = flow.server.map(|server| &*server.name);
        row.domain = flow.server.and_then(super::flows::Server::domain);
        row.payload_bytes = options.payload_bytes;
        row.note = flow.note;
        if checksums {
            row.checksum_ok = checksum_ok(packet, decoded);
        }
        row
    });
}

/// Makes the rows of packets that nobody has looked into.
pub(super) fn undecoded(
    filter: &RowFilter,
    columns: &ColumnsOf<Packets>,
    block: &BlockView<'_>,
    hand_on: &mut dyn FnMut(RecordBatch),
) {
    let decoded = Decoded::default();
    let wanted = block
        .undecoded()
        .filter(|packet| filter.takes_packet(packet, &decoded));
    if columns.defs().is_empty() {
        let count = wanted.count();
        columns.rows_alone(count).into_iter().for_each(hand_on);
        return;
    }
    let wanted = wanted.map(|packet| (packet, &decoded, Flow::default()));
    build(
        &mut *columns.builder(),
        block.len(),
        wanted,
        hand_on,
        |told| PacketRow::new(&told.0, told.1),
    );
}

/// A packet, what is in it, and what is known of its flow.
type Entry<'a> = (Packet<'a>, &'a Decoded, Flow<'a>);

/// Makes rows of packets, of which there are at most so many, and hands batches on.
///
/// A few at a time: payloads can be large, and what columns are made from one after the other
/// stays in the cache.
fn build<'a>(
    builder: &mut dyn BuildRows<Packets>,
    most: usize,
    mut packets: impl Iterator<Item = Entry<'a>>,
    hand_on: &mut dyn FnMut(RecordBatch),
    row: impl for<'r> Fn(&'r Entry<'a>) -> PacketRow<'r>,
) {
    builder.reserve(most);
    let mut some = Vec::with_capacity(ROWS_AT_ONCE);
    loop {
        some.extend(packets.by_ref().take(ROWS_AT_ONCE));
        if some.is_empty() {
            break;
        }
        let rows: Vec<PacketRow<'_>> = some.iter().map(&row).collect();
        builder.extend(&rows);
        if builder.is_full() {
            hand_on(builder.finish());
        }
        drop(rows);
        some.clear();
    }
    hand_on(builder.finish());
}

/// Makes the rows of what is malformed in a block.
pub(super) fn anomalies(
    filter: &RowFilter,
    columns: &ColumnsOf<netloom_tables::Anomalies>,
    told: &Told<'_>,
    hand_on: &mut dyn FnMut(RecordBatch),
) {
    let mut builder = columns.builder();
    for (packet, decoded, flow) in told.packets() {
        if let Some(stop) = decoded.stopped
            && filter.takes_packet(&packet, decoded)
        {
            builder.append(&AnomalyRow {
                timestamp: packet.timestamp,
                number: packet.number,
                flow_id: flow.id,
                stop,
            });
        }
    }
    hand_on(builder.finish());
}

/// Whether all checksums of a packet are right.
fn checksum_ok(packet: &Packet<'_>, decoded: &Decoded) -> Option<bool> {
    decoded.ip?;
    if verify_ip(packet.data, decoded) == Checksum::Bad {
        return Some(false);
    }
    verify_transport(packet.data, decoded).is_good()
}
