//! The state of a live flow, kept small, and how it becomes a record.

use netloom_decode::{Decoded, Icmp, Ip, Transport, Tunnels, Vlans};
use netloom_packet::{MacAddr, Timestamp};

use crate::config::FlowRules;
use crate::key::{FlowId, FlowKey, flow_id};
use crate::lists::Links;
use crate::ports::is_likely_server;
use crate::record::{ConnState, EndReason, FlowRecord, Side};
use crate::table::FlowPacket;
use crate::tcp::{Segment, TcpTracker, scaled};

/// Counts of one direction; see [`Side`] for what they mean.
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
    tcp_flags: u8,
}

/// What few flows have.
#[derive(Debug, Default)]
struct Rare {
    vlans: Vlans,
    tunnels: Tunnels,
    id: Option<FlowId>,
}

/// Time that is not known.
const NEVER: i64 = i64::MIN;

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
    request_at: i64,
    server_delay: i64,
    out_of_order: u32,
    macs: [Option<MacAddr>; 2],
    icmp: Option<(u8, u8)>,
    /// Whether the originator is the key's first endpoint.
    src_is_first: bool,
    /// History of a UDP flow.
    letters: [u8; 8],
    /// Bad checksums of originator and responder.
    corrupt: [u32; 2],
    /// Packets that count in an inner flow too.
    tunnelled: u64,
}

impl Flow {
    /// A flow that begins with a packet; `forward` as [`FlowKey::new`] says.
    pub(crate) fn new(
        packet: &FlowPacket<'_>,
        key: FlowKey,
        forward: bool,
        rules: FlowRules,
    ) -> Self {
        let decoded = packet.decoded;
        let flip = rules.guesses_direction() && came_from_responder(decoded);
        let tcp = (key.protocol() == 6 && matches!(decoded.transport, Transport::Tcp(_))
            || key.protocol() == 6 && decoded.ip.is_some_and(|ip| ip.fragment.is_some()))
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
                    id: None,
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
            request_at: NEVER,
            server_delay: NEVER,
            out_of_order: 0,
            macs,
            icmp,
            src_is_first: forward != flip,
            letters: if flip { *b"^\0\0\0\0\0\0\0" } else { [0; 8] },
            corrupt: [0; 2],
            tunnelled: 0,
        }
    }

    /// Bytes on the heap beyond the flow itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.tcp
            .as_ref()
            .map_or(0, |tcp| size_of::<TcpTracker>() + tcp.heap_bytes())
            + self.rare.as_ref().map_or(0, |_| size_of::<Rare>())
    }

    /// The TCP state, where there is one.
    pub(crate) fn tcp(&self) -> Option<&TcpTracker> {
        self.tcp.as_deref()
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
    pub(crate) fn id(&mut self, sensor: &str) -> FlowId {
        let rare = self.rare.get_or_insert_default();
        *rare.id.get_or_insert_with(|| {
            flow_id(
                &self.key,
                Timestamp::from_nanos(self.start),
                self.first_number,
                sensor,
            )
        })
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
    ) -> bool {
        let decoded = packet.decoded;
        let at = packet.timestamp.as_nanos();
        self.last = self.last.max(at);
        self.last_number = packet.number;
        let is_fragment = decoded.ip.is_some_and(|ip| ip.fragment.is_some());
        let has_header = !packet.later_fragment && !(is_fragment && rules == FlowRules::Zeek);
        let mut from_src = self.is_from_src(forward);
        let len = if packet.later_fragment {
            decoded
                .ip
                .and_then(|ip| ip.fragment)
                .map_or(0, |fragment| fragment.len)
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
            let observed = tcp.ingest(&segment, rules.guesses_direction());
            if observed.flipped {
                self.src_is_first = !self.src_is_first;
                self.counters.swap(0, 1);
                self.macs.swap(0, 1);
                self.request_at = NEVER;
                from_src = !from_src;
            }
            let counters = &mut self.counters[usize::from(!from_src)];
            counters.tcp_flags |= header.flags.0;
            bump(&mut counters.retransmissions, observed.retransmission);
            bump(&mut counters.zero_windows, observed.zero_window);
            bump(&mut self.out_of_order, observed.out_of_order);
            is_new_data &= !observed.retransmission;
        } else if has_header {
            self.note_datagram(from_src);
        }

        let counters = &mut self.counters[usize::from(!from_src)];
        counters.bytes += u64::from(packet.wire_len);
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
        counters.ip_bytes += decoded.ip.map_or(0, |ip| match rules {
            FlowRules::Zeek => told_len(&ip, packet.data),
            _ => u64::from(ip.total_len),
        });
        self.tunnelled += u64::from(packet.outer);
        counters.payload_bytes += u64::from(len);
        bump(&mut counters.data_packets, len > 0);
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
    ) -> bool {
        let from_src = self.is_from_src(forward);
        self.last_number = packet.number;
        let counter = &mut self.corrupt[usize::from(!from_src)];
        let letter = if from_src { b'C' } else { b'c' };
        if let Some(tcp) = &mut self.tcp {
            tcp.history.count(counter, letter, from_src);
        } else if self.key.protocol() == 17 && scaled(counter) {
            self.push_letter(letter);
        }
        let counters = &mut self.counters[usize::from(!from_src)];
        counters.bytes += u64::from(packet.wire_len);
        if rules != FlowRules::Zeek {
            self.last = self.last.max(packet.timestamp.as_nanos());
            counters.packets += 1;
            counters.ip_bytes += packet.decoded.ip.map_or(0, |ip| u64::from(ip.total_len));
        }
        from_src
    }

    /// Remembers who sent.
    fn note_datagram(&mut self, from_src: bool) {
        let letter = if from_src { b'D' } else { b'd' };
        if !self.letters.contains(&letter) {
            self.push_letter(letter);
        }
    }

    fn push_letter(&mut self, letter: u8) {
        if let Some(place) = self.letters.iter_mut().find(|place| **place == 0) {
            *place = letter;
        } else if letter.eq_ignore_ascii_case(&b'd')
            && let Some(last) = self.letters.last_mut()
        {
            // Who sent matters more than how often it was corrupt.
            *last = letter;
        }
    }

    /// Times the first answer to the first request.
    fn measure_answer(&mut self, from_src: bool, at: i64) {
        if self.server_delay != NEVER {
            return;
        }
        if from_src {
            self.request_at = at.max(NEVER + 1);
        } else if self.request_at != NEVER {
            self.server_delay = at.saturating_sub(self.request_at).max(0);
        }
    }

    /// Why the flow ended, if TCP itself says so.
    pub(crate) fn tcp_end(&self) -> Option<EndReason> {
        let tcp = self.tcp.as_ref()?;
        if tcp.was_reset() {
            Some(EndReason::Rst)
        } else {
            tcp.has_ended().then_some(EndReason::Fin)
        }
    }

    fn conn_state(&self) -> ConnState {
        if let Some(tcp) = &self.tcp {
            return tcp.conn_state();
        }
        if self.key.protocol() != 17 {
            return ConnState::Oth;
        }
        match (self.letters.contains(&b'D'), self.letters.contains(&b'd')) {
            (true, true) => ConnState::SF,
            (true, false) => ConnState::S0,
            (false, true) => ConnState::Shr,
            (false, false) => ConnState::Oth,
        }
    }

    fn history(&self) -> String {
        if let Some(tcp) = &self.tcp {
            return tcp.history.letters().map(char::from).collect();
        }
        if self.key.protocol() != 17 {
            return String::new();
        }
        let letters = self.letters.iter().take_while(|&&letter| letter != 0);
        letters.map(|&letter| char::from(letter)).collect()
    }

    /// What is known at the end.
    pub(crate) fn into_record(
        mut self,
        reason: EndReason,
        closed_by: u64,
        rules: FlowRules,
        sensor: &str,
    ) -> FlowRecord {
        let id = self
            .rare
            .as_ref()
            .and_then(|rare| rare.id)
            .unwrap_or_else(|| {
                flow_id(
                    &self.key,
                    Timestamp::from_nanos(self.start),
                    self.first_number,
                    sensor,
                )
            });
        let (mut src, mut dst) = (self.key.first(), self.key.second());
        if !self.src_is_first {
            std::mem::swap(&mut src, &mut dst);
        }
        let is_icmp = matches!(self.key.protocol(), 1 | 58);
        let port = |port: u16| match rules {
            FlowRules::Native => (self.key.has_ports() && !is_icmp).then_some(port),
            _ => Some(port),
        };
        let measured = |value: i64| (value != NEVER).then_some(value);
        let timed = self.last > self.start;
        let [fwd, bwd] = self.counters.map(|counters| Side {
            packets: counters.packets,
            bytes: counters.bytes,
            ip_bytes: counters.ip_bytes,
            payload_bytes: counters.payload_bytes,
            stream_bytes: timed.then_some(counters.payload_bytes),
            fragments: u64::from(counters.fragments),
            data_packets: u64::from(counters.data_packets),
            retransmissions: u64::from(counters.retransmissions),
            zero_windows: u64::from(counters.zero_windows),
            tcp_flags: counters.tcp_flags,
        });
        let mut record = FlowRecord {
            flow_id: id,
            first_number: self.first_number,
            closed_by,
            start: Timestamp::from_nanos(self.start),
            end: Timestamp::from_nanos(self.last),
            src_ip: src.0,
            dst_ip: dst.0,
            src_port: port(src.1),
            dst_port: port(dst.1),
            protocol: self.key.protocol(),
            icmp_type: self.icmp.map(|(icmp_type, _)| icmp_type),
            icmp_code: self.icmp.map(|(_, code)| code),
            vlans: Vlans::default(),
            tunnels: Tunnels::default(),
            src_mac: self.macs[0],
            dst_mac: self.macs[1],
            conn_state: self.conn_state(),
            history: self.history(),
            end_reason: reason,
            fwd,
            bwd,
            missed_bytes: 0,
            tcp_rtt: None,
            server_delay: measured(self.server_delay),
            out_of_order: u64::from(self.out_of_order),
            zero_windows: fwd.zero_windows + bwd.zero_windows,
            outer: self.tunnelled > 0,
            tunnelled_packets: self.tunnelled,
        };
        if let Some(rare) = self.rare.take() {
            record.vlans = rare.vlans;
            record.tunnels = rare.tunnels;
        }
        if let Some(tcp) = &self.tcp {
            let (src, dst) = tcp.stream_bytes();
            record.fwd.stream_bytes = timed.then_some(src);
            record.bwd.stream_bytes = timed.then_some(dst);
            record.missed_bytes = tcp.missed_bytes;
            record.tcp_rtt = tcp.handshake_rtt();
        }
        record
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
    data.get(field..)
        .and_then(<[u8]>::first_chunk)
        .map_or(u64::from(ip.total_len), |bytes| {
            u64::from(u16::from_be_bytes(*bytes)) + more
        })
}

fn bump(counter: &mut u32, happened: bool) {
    *counter = counter.saturating_add(u32::from(happened));
}

fn icmp_header(decoded: &Decoded) -> Option<Icmp> {
    match decoded.transport {
        Transport::Icmpv4(header) | Transport::Icmpv6(header) => Some(header),
        _ => None,
    }
}

/// Whether the first packet seen of a flow was likely the responder's: Zeek's guess by the
/// ports of servers.
fn came_from_responder(decoded: &Decoded) -> bool {
    let (src, dst) = (decoded.src_port, decoded.dst_port);
    let guess = match &decoded.transport {
        Transport::Tcp(tcp) => {
            use netloom_decode::TcpFlags;
            let syn = tcp.flags.contains(TcpFlags::SYN);
            let began = syn && !tcp.flags.contains(TcpFlags::ACK);
            // Between two servers' ports the lower one wins, but a SYN-ACK may be a scan.
            !began
                && is_likely_server(true, src)
                && (!is_likely_server(true, dst) || !syn && src < dst)
        }
        Transport::Udp => is_likely_server(false, src) && !is_likely_server(false, dst),
        _ => false,
    };
    guess
        && decoded.ip.is_some_and(|ip| match ip.dst {
            std::net::IpAddr::V4(dst) => !dst.is_broadcast(),
            std::net::IpAddr::V6(_) => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a live flow may cost: 512 bytes with its place in the map (two entries of five
    /// bytes at the worst load).
    #[test]
    fn a_flow_is_small() {
        let map = 12;
        assert!(
            size_of::<Option<Flow>>() + map <= 288,
            "{}",
            size_of::<Option<Flow>>()
        );
        let tcp = size_of::<Option<Flow>>() + size_of::<TcpTracker>() + map;
        assert!(tcp <= 512 + 64, "{tcp}");
    }
}
