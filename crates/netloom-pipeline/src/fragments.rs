//! Fragments get their place in order: which flow they belong to is known only from the first
//! fragment of their datagram, which need not come first.

use std::collections::VecDeque;

use netloom_decode::net::fragment::{FirstFragment, Reassembler};
use netloom_decode::{Decoded, Transport, decode_ip, further_datagrams};
use netloom_flow::{FlowKey, FlowRules, outer_flows, shard_of};
use netloom_packet::Packet;

use crate::block::{Block, Extra};
use crate::options::PipelineOptions;
use crate::stage::{FragmentFacts, Needs};

/// Fragments that wait for their datagram's first one, at the most.
const PENDING_MAX: usize = 4096;

/// A fragment that came before the first one of its datagram.
#[derive(Debug)]
struct Pending {
    /// Which datagram: the number of the packet with which it began to be seen.
    datagram: u64,
    extra: Extra,
}

/// Puts fragments together and into their flows.
#[derive(Debug)]
pub(crate) struct Fragments {
    rules: FlowRules,
    /// Whether anybody looks at what fragments say together.
    payloads: bool,
    reassembler: Reassembler,
    pending: VecDeque<Pending>,
}

impl Fragments {
    pub(crate) fn new(options: &PipelineOptions, needs: Needs) -> Self {
        Self {
            rules: options.flow.rules,
            payloads: needs.applications.is_some(),
            reassembler: Reassembler::default(),
            pending: VecDeque::new(),
        }
    }

    /// Gives the fragments of a block their flows. Blocks come in order.
    pub(crate) fn place(&mut self, block: &mut Block, options: &PipelineOptions) {
        let fragments = std::mem::take(&mut block.fragments);
        let mut extras = Vec::new();
        for &index in &fragments {
            let at = index as usize;
            let Some(packet) = block.batch.get(at) else {
                continue;
            };
            let mut decoded = block.decoded[at];
            if self.rules == FlowRules::Zeek {
                let is_fragment = decoded.fragment().is_some();
                // Zeek counts whole datagrams.
                block.route[at].in_flow &= !is_fragment;
                self.place_whole(&packet, index, &decoded, options, &mut extras);
                continue;
            }
            let Some(ip) = decoded.ip else { continue };
            let Some(fragment) = ip.fragment else {
                continue;
            };
            let outcome =
                self.reassembler
                    .ingest(packet.timestamp, packet.number, &ip, packet.data);
            let first = fragment.offset == 0;
            match self.rules {
                FlowRules::Ndpi => block.route[at].in_flow = first,
                FlowRules::Native => {
                    block.route[at].later_fragment = !first;
                    if first {
                        if let Some(shown) = &outcome.first {
                            self.release(outcome.datagram_number, shown, index, &mut extras);
                        }
                    } else if let Some(shown) = &outcome.first {
                        join(shown, &mut decoded);
                        block.decoded[at] = decoded;
                        let key = FlowKey::new(&decoded, self.rules);
                        if let Some((key, _)) = &key {
                            block.route[at].shard = key.shard();
                        }
                        // Where nobody asked for flows, there are no keys.
                        if let Some(place) = block.keys.get_mut(at) {
                            place.0 = key;
                        }
                    } else {
                        block.route[at].in_flow = false;
                        self.wait(
                            outcome.datagram_number,
                            &packet,
                            index,
                            decoded,
                            &mut extras,
                        );
                    }
                    // The fragments have been counted; what they say together is not known yet.
                    if self.payloads
                        && let Some(datagram) = outcome.datagram
                    {
                        whole(&packet, index, &decoded, datagram, options, &mut extras);
                    }
                }
                // What NFStream looks at is known already.
                _ => {}
            }
        }
        block.fragments = fragments;
        if !extras.is_empty() {
            block.extras.append(&mut extras);
            block.extras.sort_by_key(|extra| extra.after);
        }
        if !block.keys.is_empty() {
            block.sort_items();
        }
    }

    /// Zeek's way with the fragments of a packet, which are its own datagram and those of an
    /// 802.11 aggregate behind it: they count once their datagram is whole.
    fn place_whole(
        &mut self,
        packet: &Packet<'_>,
        index: u32,
        decoded: &Decoded,
        options: &PipelineOptions,
        extras: &mut Vec<Extra>,
    ) {
        let further = further_datagrams(packet.data, packet.wire_len, decoded, options.decode);
        for part in std::iter::once(*decoded).chain(further) {
            let Some(ip) = part.ip.filter(|ip| ip.fragment.is_some()) else {
                continue;
            };
            let outcome =
                self.reassembler
                    .ingest(packet.timestamp, packet.number, &ip, packet.data);
            if let Some(datagram) = outcome.datagram {
                whole(packet, index, &part, datagram, options, extras);
            }
        }
    }

    /// Keeps a fragment until the ports of its datagram are known; the oldest one goes without
    /// when there are too many.
    fn wait(
        &mut self,
        datagram: u64,
        packet: &Packet<'_>,
        index: u32,
        decoded: Decoded,
        extras: &mut Vec<Extra>,
    ) {
        if self.pending.len() >= PENDING_MAX
            && let Some(mut oldest) = self.pending.pop_front()
        {
            oldest.extra.after = index;
            extras.push(oldest.extra);
        }
        self.pending.push_back(Pending {
            datagram,
            extra: Extra {
                after: index,
                shard: shard_of(&decoded, self.rules),
                number: packet.number,
                timestamp: packet.timestamp,
                wire_len: packet.wire_len,
                caplen: packet.data.len() as u32,
                decoded,
                data: Some(Vec::new()),
                later_fragment: true,
                outer: false,
                payload_only: false,
                data_offset: 0,
            },
        });
    }

    /// The first fragment is there: those that waited for it follow it into its flow.
    fn release(
        &mut self,
        datagram: u64,
        first: &FirstFragment,
        index: u32,
        extras: &mut Vec<Extra>,
    ) {
        if self.pending.is_empty() {
            return;
        }
        let rules = self.rules;
        self.pending.retain(|pending| {
            if pending.datagram != datagram {
                return true;
            }
            let waited = &pending.extra;
            let mut decoded = waited.decoded;
            join(first, &mut decoded);
            extras.push(Extra {
                after: index,
                shard: shard_of(&decoded, rules),
                decoded,
                data: Some(Vec::new()),
                ..*waited
            });
            false
        });
    }

    /// Whether fragments still wait for the first one of their datagram.
    pub(crate) fn any_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// At the end of the capture: what still waits goes without ports, after the last packet
    /// of the last block.
    pub(crate) fn flush(&mut self, block: &mut Block) {
        let end = block.batch.len() as u32;
        for mut pending in self.pending.drain(..) {
            pending.extra.after = end;
            block.extras.push(pending.extra);
        }
        block.sort_items();
    }

    pub(crate) fn facts(&self) -> FragmentFacts {
        let stats = self.reassembler.stats();
        FragmentFacts {
            completed: stats.completed,
            incomplete: stats.incomplete,
            overlaps: stats.overlaps,
        }
    }
}

/// Makes a later fragment part of its datagram's flow. What tells ICMP flows apart stands in
/// the transport header, too.
fn join(first: &FirstFragment, later: &mut Decoded) {
    first.apply(later);
    if matches!(first.transport, Transport::Icmpv4(_) | Transport::Icmpv6(_)) {
        later.transport = first.transport;
    }
}

/// What a datagram that fragments became counts in: its flow, and the outer flows of tunnels in
/// it. `datagram` begins with its IP header.
fn whole(
    packet: &Packet<'_>,
    index: u32,
    around: &Decoded,
    datagram: Vec<u8>,
    options: &PipelineOptions,
    extras: &mut Vec<Extra>,
) {
    let wire_len = datagram.len() as u32;
    let inner = decode_ip(&datagram, wire_len, options.decode);
    if inner.ip.is_none() {
        return;
    }
    let extra = |decoded: &Decoded, data: Vec<u8>, outer: bool| {
        let mut decoded = *decoded;
        decoded.src_mac = around.src_mac;
        decoded.dst_mac = around.dst_mac;
        decoded.vlans = around.vlans;
        decoded.ethertype = around.ethertype;
        let inside = std::mem::replace(&mut decoded.tunnels, around.tunnels);
        for &tunnel in inside.as_slice() {
            if !decoded.tunnels.push(tunnel) {
                break;
            }
        }
        Extra {
            after: index,
            shard: shard_of(&decoded, options.flow.rules),
            number: packet.number,
            timestamp: packet.timestamp,
            wire_len,
            caplen: wire_len,
            decoded,
            data: Some(data),
            later_fragment: false,
            outer,
            payload_only: options.flow.rules == FlowRules::Native,
            data_offset: 0,
        }
    };
    if options.flow.rules == FlowRules::Native {
        extras.push(extra(&inner, datagram, false));
        return;
    }
    extras.extend(outer_flows(&datagram, wire_len, &inner).map(|outer| {
        let data = datagram
            .get(outer.offset as usize..)
            .unwrap_or_default()
            .to_vec();
        extra(&outer.decoded, data, true)
    }));
    extras.push(extra(&inner, datagram, false));
}
