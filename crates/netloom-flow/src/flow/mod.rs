//! The state of a live flow, kept small.

mod direction;
mod end;
mod tunnels;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;

use netloom_decode::{Decoded, Icmp, Ip, TcpFlags, Transport, Tunnels, Vlans};
use netloom_packet::{MacAddr, Timestamp};

use self::direction::{came_from_responder, is_reply};
use crate::app::{Payload, StreamStart, TcpData};
use crate::config::FlowRules;
use crate::features::{FeatureSet, FlowFeatures, Sample};
use crate::key::{FlowId, FlowIdentity, FlowKey};
use crate::limits::Watched;
use crate::lists::Links;
use crate::name::Hint;
use crate::ports::ServerPorts;
use crate::table::{FlowPacket, KnownFlow};
use crate::tcp::{Segment, TcpTracker, scaled};

/// Counts of one direction; see [`Side`](crate::record::Side) for what they mean.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    packets: u64,
    bytes: u64,
    ip_bytes: u64,
    payload_bytes: u64,
    data_packets: u32,
    fragments: u32,
    retransmissions: u32,
    zero_windows: u32,
}

/// What few flows have.
#[derive(Debug, Default)]
struct Rare {
    vlans: Vlans,
    tunnels: Tunnels,
    /// Packets of originator and responder with a wrong checksum.
    corrupt: [u32; 2],
    /// Of the retransmissions of originator and responder, those without payload: a SYN, a FIN.
    bare_retransmissions: [u32; 2],
    /// Packets that count in an inner flow too.
    tunnelled: u64,
    /// Zeek's rules: the tunnels around the packet seen last, as [`tunnels_around`] tells them,
    /// and how often they changed.
    around: Option<u64>,
    tunnel_changes: u8,
    /// Zeek's rules: what its analyzers have limits for.
    watched: Option<Box<Watched>>,
}

impl Rare {
    /// Bytes on the heap, with itself.
    fn heap_bytes(&self) -> usize {
        let watched = self.watched.as_deref();
        size_of::<Self>() + watched.map_or(0, Watched::heap_bytes)
    }
}

/// How far the first request and its answer have come; times in ns.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// No request yet.
    None,
    /// The last packet of the request came at this time.
    Awaited(i64),
    /// The answer took so long.
    Took(i64),
}

/// A live flow.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) key: FlowKey,
    pub(crate) start: i64,
    /// The largest timestamp.
    pub(crate) last: i64,
    pub(crate) first_number: u64,
    /// Number of the packet seen last.
    pub(crate) last_number: u64,
    /// Its place in the list of flows that share a timeout.
    pub(crate) links: Links,
    /// Originator, responder.
    counters: [Counters; 2],
    tcp: Option<Box<TcpTracker>>,
    rare: Option<Box<Rare>>,
    /// Its identifier, once somebody asked for it.
    id: Option<Box<FlowId>>,
    /// What was known of it when it began, and of which responder.
    hint: Option<Box<(IpAddr, Hint)>>,
    answer: Answer,
    out_of_order: u32,
    macs: [Option<MacAddr>; 2],
    icmp: Option<(u8, u8)>,
    /// Whether the originator is the key's first endpoint.
    src_is_first: bool,
    /// History of a UDP flow.
    letters: [u8; 8],
    /// Flags of originator and responder.
    tcp_flags: [u8; 2],
    /// What the payload says, where somebody looks.
    pub(crate) payload: Payload,
    features: FlowFeatures,
    /// Bytes on the heap, as the table's account has them.
    accounted: u32,
    /// Whether there may be others by now.
    uncounted: bool,
}

impl Flow {
    /// A flow that begins with a packet; `forward` as [`FlowKey::new`] says.
    pub(crate) fn new(
        packet: &FlowPacket<'_>,
        key: FlowKey,
        forward: bool,
        rules: FlowRules,
        servers: &ServerPorts,
    ) -> Self {
        let decoded = packet.decoded;
        let flip = rules.guesses_direction()
            && (came_from_responder(decoded, servers)
                || rules == FlowRules::Native && is_reply(packet, decoded.dst_port));
        let tcp = (key.protocol() == 6 && matches!(decoded.transport, Transport::Tcp(_))
            || key.protocol() == 6 && decoded.fragment().is_some())
        .then(|| {
            let mut tracker = Box::<TcpTracker>::default();
            if flip {
                tracker.history.flipped();
            }
            tracker
        });
        let icmp = icmp_header(decoded).map(|header| (header.icmp_type, header.code));
        let at = packet.timestamp.as_nanos();
        let rare =
            (!decoded.vlans.as_slice().is_empty() || !decoded.tunnels.is_empty()).then(|| {
                Box::new(Rare {
                    vlans: decoded.vlans,
                    tunnels: decoded.tunnels,
                    ..Rare::default()
                })
            });
        let mut macs = [decoded.src_mac, decoded.dst_mac];
        if flip {
            macs.swap(0, 1);
        }
        Self {
            key,
            start: at,
            last: at,
            first_number: packet.number,
            last_number: packet.number,
            links: Links::default(),
            counters: [Counters::default(); 2],
            tcp,
            rare,
            id: None,
            hint: None,
            answer: Answer::None,
            out_of_order: 0,
            macs,
            icmp,
            src_is_first: forward != flip,
            letters: if flip { *b"^\0\0\0\0\0\0\0" } else { [0; 8] },
            tcp_flags: [0; 2],
            payload: Payload::Unseen,
            features: FlowFeatures::default(),
            accounted: 0,
            uncounted: true,
        }
    }

    /// Brings the bytes that a table has on the heap up to date for this flow. Most packets change
    /// nothing there.
    #[inline]
    pub(crate) fn account(&mut self, heap: &mut usize) {
        if !std::mem::take(&mut self.uncounted) {
            debug_assert_eq!(self.accounted as usize, self.heap_bytes());
            return;
        }
        let now = self.heap_bytes() as u32;
        *heap = *heap + now as usize - self.accounted as usize;
        self.accounted = now;
    }

    /// Bytes that [`account`](Self::account) has put down for it.
    pub(crate) fn accounted(&self) -> usize {
        self.accounted as usize
    }

    /// Bytes on the heap beyond the flow itself.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.tcp
            .as_ref()
            .map_or(0, |tcp| size_of::<TcpTracker>() + tcp.heap_bytes())
            + self.payload.heap_bytes()
            + self.features.heap_bytes()
            + self.rare.as_deref().map_or(0, Rare::heap_bytes)
            + self.id.as_ref().map_or(0, |_| size_of::<FlowId>())
            + self
                .hint
                .as_ref()
                .map_or(0, |_| size_of::<(IpAddr, Hint)>())
    }

    /// Keeps what is known of the flow when it begins.
    pub(crate) fn keep_hint(&mut self, hint: Hint) {
        let second = self.src_is_first;
        let responder = if second {
            self.key.second()
        } else {
            self.key.first()
        };
        self.hint = Some(Box::new((responder.0, hint)));
        self.uncounted = true;
    }

    /// Keeps what the payload told so far.
    pub(crate) fn keep_payload(&mut self, payload: Payload) {
        self.payload = payload;
        self.uncounted = true;
    }

    /// What is known of it by now.
    pub(crate) fn known(&self) -> KnownFlow<'_> {
        let info = self.payload.info();
        let mut known = KnownFlow {
            service: info.and_then(|info| info.service),
            server_name: info.and_then(|info| info.server_name.as_deref()),
        };
        let (first, second) = (self.key.first().0, self.key.second().0);
        let responder = if self.src_is_first { second } else { first };
        if let Some((about, hint)) = self.hint.as_deref()
            && *about == responder
        {
            known.service = known.service.or(hint.expected);
            let name = hint.name.as_ref().map(|(name, _)| &**name);
            known.server_name = known.server_name.or(name);
        }
        known
    }

    /// The TCP state, where there is one.
    pub(crate) fn tcp(&self) -> Option<&TcpTracker> {
        self.tcp.as_deref()
    }

    /// Notes where the streams of a connection begin; whether the payload's readers want the
    /// segment.
    #[inline]
    pub(crate) fn note_segment(
        &mut self,
        decoded: &Decoded,
        from_src: bool,
        flipped: bool,
    ) -> bool {
        let has_payload = decoded.payload_len > 0;
        let (Some(tcp), Transport::Tcp(header)) = (&mut self.tcp, &decoded.transport) else {
            return has_payload;
        };
        let starts = &mut tcp.starts;
        if flipped {
            starts.swap(0, 1);
        }
        let syn = header.flags.contains(TcpFlags::SYN);
        if has_payload || syn || starts[0].is_seen() || starts[1].is_seen() {
            // One byte without PSH asks whether the other side is still there: it repeats the last
            // one that was sent, whatever is in it (RFC 9293, section 3.8.4).
            let keeps_alive = header.flags == TcpFlags::ACK && decoded.payload_wire_len == 1;
            let seq = header.seq.wrapping_add(u32::from(keeps_alive));
            starts[usize::from(!from_src)].note(seq, syn);
        }
        if syn && header.flags.contains(TcpFlags::ACK) {
            starts[usize::from(from_src)].answered(header.ack);
        }
        match &self.payload {
            Payload::Read {
                has_hole, quiet, ..
            } => *has_hole || flipped || has_payload && !quiet[usize::from(!from_src)],
            _ => has_payload,
        }
    }

    /// Where the streams of a connection begin.
    pub(crate) fn stream_starts(&self, data: &TcpData<'_>, from_src: bool) -> [StreamStart; 2] {
        if let Some(tcp) = &self.tcp {
            return tcp.starts;
        }
        let mut starts = [StreamStart::Unseen; 2];
        starts[usize::from(!from_src)].note(data.seq, data.syn);
        starts
    }

    /// Whether a packet in the key's direction comes from the originator.
    pub(crate) fn is_from_src(&self, forward: bool) -> bool {
        forward == self.src_is_first
    }

    /// The responder's port.
    pub(crate) fn dst_port(&self) -> u16 {
        if self.src_is_first {
            self.key.second().1
        } else {
            self.key.first().1
        }
    }

    /// The flow's identifier, made once.
    pub(crate) fn id(&mut self, sensor: Option<&Arc<str>>) -> FlowId {
        if let Some(id) = &self.id {
            return **id;
        }
        let id = self.identity(sensor).id();
        self.id = Some(Box::new(id));
        self.uncounted = true;
        id
    }

    /// Which flow it is.
    pub(crate) fn identity(&self, sensor: Option<&Arc<str>>) -> FlowIdentity {
        if let Some(id) = &self.id {
            return FlowIdentity::from(**id);
        }
        let start = Timestamp::from_nanos(self.start);
        FlowIdentity::new(self.key, start, self.first_number, sensor.cloned())
    }

    /// Counts a fragment under rules that count nothing else of it.
    pub(crate) fn count_fragment(&mut self, forward: bool) {
        let counters = &mut self.counters[usize::from(!self.is_from_src(forward))];
        counters.fragments = counters.fragments.saturating_add(1);
    }

    /// Takes a packet; returns whether it comes from the originator.
    pub(crate) fn ingest(
        &mut self,
        packet: &FlowPacket<'_>,
        forward: bool,
        rules: FlowRules,
        features: FeatureSet,
    ) -> bool {
        let decoded = packet.decoded;
        let at = packet.timestamp.as_nanos();
        self.last = self.last.max(at);
        self.last_number = packet.number;
        let is_fragment = decoded.fragment().is_some();
        let has_header = !(packet.later_fragment || is_fragment && rules == FlowRules::Zeek);
        if rules == FlowRules::Zeek && has_header {
            self.note_tunnels(packet);
        }
        let mut from_src = self.is_from_src(forward);
        let len = if packet.later_fragment {
            decoded.fragment().map_or(0, |fragment| fragment.len)
        } else {
            decoded.payload_wire_len
        };
        let mut is_new_data = len > 0;

        if let (Some(tcp), Transport::Tcp(header), true) =
            (&mut self.tcp, &decoded.transport, has_header)
        {
            // Zeek misses what the snap length cut off.
            let seen = rules != FlowRules::Zeek || decoded.payload_len >= len;
            let segment = Segment {
                tcp: header,
                len,
                seen,
                at,
                from_src,
            };
            if let Some(observed) = tcp.ingest(&segment, rules.guesses_direction()) {
                if observed.flipped {
                    self.src_is_first = !self.src_is_first;
                    self.counters.swap(0, 1);
                    self.macs.swap(0, 1);
                    self.answer = Answer::None;
                    self.tcp_flags.swap(0, 1);
                    if let Some(rare) = &mut self.rare {
                        rare.bare_retransmissions.swap(0, 1);
                    }
                    self.features.flip();
                    from_src = !from_src;
                }
                let counters = &mut self.counters[usize::from(!from_src)];
                if observed.retransmission {
                    bump(&mut counters.retransmissions, true);
                    if len == 0 {
                        let rare = self.rare.get_or_insert_default();
                        let bare = &mut rare.bare_retransmissions;
                        bump(&mut bare[usize::from(!from_src)], true);
                    }
                }
                bump(&mut counters.zero_windows, observed.zero_window);
                bump(&mut self.out_of_order, observed.out_of_order);
                is_new_data &= !observed.retransmission;
                self.uncounted = true;
            }
            self.tcp_flags[usize::from(!from_src)] |= header.flags.0;
        } else if has_header {
            self.note_datagram(from_src);
            if rules == FlowRules::Zeek {
                self.turn_at_reply(packet, from_src);
            }
        }

        let counters = &mut self.counters[usize::from(!from_src)];
        counters.bytes += rules.bytes(packet.wire_len, packet.caplen);
        if rules == FlowRules::Zeek {
            // A datagram counts once, when it is whole.
            if is_fragment {
                bump(&mut counters.fragments, true);
                return from_src;
            }
        } else {
            bump(&mut counters.fragments, packet.later_fragment);
        }
        counters.packets += 1;
        counters.ip_bytes += decoded.ip.as_ref().map_or(0, |ip| match rules {
            FlowRules::Zeek => told_len(ip, packet.data),
            _ => u64::from(ip.total_len),
        });
        if packet.outer {
            self.rare.get_or_insert_default().tunnelled += 1;
            self.uncounted = true;
        }
        counters.payload_bytes += u64::from(len);
        bump(&mut counters.data_packets, len > 0);
        if !features.is_empty() {
            let sample = Sample::new(packet).with_content(decoded, len, has_header);
            self.features
                .ingest(features, self.start, from_src, &sample);
            self.uncounted = true;
        }
        if is_new_data && matches!(self.key.protocol(), 6 | 17) {
            self.measure_answer(from_src, at);
        }
        if self.icmp.is_none()
            && let Some(header) = icmp_header(decoded)
        {
            self.icmp = Some((header.icmp_type, header.code));
        }
        from_src
    }

    /// Takes a packet with a wrong checksum.
    pub(crate) fn ingest_corrupt(
        &mut self,
        packet: &FlowPacket<'_>,
        forward: bool,
        rules: FlowRules,
        features: FeatureSet,
    ) -> bool {
        if rules == FlowRules::Zeek {
            self.note_tunnels(packet);
        }
        let from_src = self.is_from_src(forward);
        self.last_number = packet.number;
        self.uncounted = true;
        let rare = self.rare.get_or_insert_default();
        let counter = &mut rare.corrupt[usize::from(!from_src)];
        let letter = if from_src { b'C' } else { b'c' };
        if let Some(tcp) = &mut self.tcp {
            tcp.history.count(counter, letter, from_src);
        } else if self.key.protocol() == 17 && scaled(counter) {
            push_letter(&mut self.letters, letter);
        }
        let counters = &mut self.counters[usize::from(!from_src)];
        counters.bytes += rules.bytes(packet.wire_len, packet.caplen);
        if rules != FlowRules::Zeek {
            self.last = self.last.max(packet.timestamp.as_nanos());
            counters.packets += 1;
            counters.ip_bytes += packet
                .decoded
                .ip
                .as_ref()
                .map_or(0, |ip| u64::from(ip.total_len));
            if !features.is_empty() {
                let sample = Sample::new(packet);
                self.features
                    .ingest(features, self.start, from_src, &sample);
            }
        }
        from_src
    }

    /// Turns the flow round as Zeek's DNS and NTP analyzers do where a reply comes first. By
    /// then Zeek has noted the packet as the originator's, and leaves it there.
    fn turn_at_reply(&mut self, packet: &FlowPacket<'_>, from_src: bool) {
        let is_first = packet.number == self.first_number;
        if is_first && from_src && is_reply(packet, self.dst_port()) {
            self.src_is_first = !self.src_is_first;
            self.macs.swap(0, 1);
            push_letter(&mut self.letters, b'^');
        }
    }

    /// Remembers who sent.
    fn note_datagram(&mut self, from_src: bool) {
        let letter = if from_src { b'D' } else { b'd' };
        if !self.letters.contains(&letter) {
            push_letter(&mut self.letters, letter);
        }
    }

    /// Times the first answer to the first request.
    fn measure_answer(&mut self, from_src: bool, at: i64) {
        self.answer = match self.answer {
            Answer::Took(_) => return,
            _ if from_src => Answer::Awaited(at),
            Answer::Awaited(since) => Answer::Took(at.saturating_sub(since).max(0)),
            // What a server says unasked is no answer.
            Answer::None => Answer::None,
        };
    }
}

/// Length of a datagram as its header tells it, which Zeek counts even where it is 0 (for
/// segmentation offload) or leaves out a jumbo payload.
fn told_len(ip: &Ip, data: &[u8]) -> u64 {
    let at = ip.offset as usize;
    let (field, more) = if ip.src.is_ipv4() {
        (at + 2, 0)
    } else {
        (at + 4, 40)
    };
    let told = data.get(field..).and_then(<[u8]>::first_chunk);
    told.map_or_else(
        || ip.total_len.into(),
        |bytes| u64::from(u16::from_be_bytes(*bytes)) + more,
    )
}

/// Adds a letter to a short history.
fn push_letter(letters: &mut [u8; 8], letter: u8) {
    if let Some(place) = letters.iter_mut().find(|place| **place == 0) {
        *place = letter;
    } else if letter.eq_ignore_ascii_case(&b'd')
        && let Some(last) = letters.last_mut()
    {
        // Who sent matters more than how often it was corrupt.
        *last = letter;
    }
}

fn bump(counter: &mut u32, happened: bool) {
    if happened {
        *counter = counter.saturating_add(1);
    }
}

fn icmp_header(decoded: &Decoded) -> Option<Icmp> {
    match decoded.transport {
        Transport::Icmpv4(header) | Transport::Icmpv6(header) => Some(header),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a live flow may cost: 580 bytes with its place in the map (up to two entries of
    /// five bytes), what its payload told not included.
    #[test]
    fn a_flow_is_small() {
        let map = 10;
        let udp = size_of::<Option<Flow>>() + map;
        let tcp = udp + size_of::<TcpTracker>();
        assert!(udp <= 328 && tcp <= 580, "UDP {udp}, TCP {tcp}");
    }
}
