//! The walk over a packet: one step a layer, each step says what comes next.

use netloom_packet::{LinkType, Packet};

use crate::decoded::{
    DecodeOptions, Decoded, Ip, Layer, Network, Stop, StopKind, Transport, Tunnel,
};
use crate::{link, net, transport, tunnel};

/// What the bytes at [`Walk::at`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// A frame of a link type: at the start, and for tunnels that carry frames.
    Link(LinkType),
    /// What an EtherType announces (VLAN tags, MPLS, PPPoE and PBB are steps of `link`).
    EtherType(u16),
    /// An 802.2 LLC header (with or without SNAP), with so many bytes behind it at the most.
    Llc,
    /// A PPP frame behind its framing: the protocol field comes next.
    Ppp,
    /// An IPv4 header.
    Ipv4,
    /// An IPv6 header.
    Ipv6,
    /// An IP header whose version nibble says which.
    Ip,
    /// What an IP protocol number announces.
    Protocol(u8),
    /// A tunnel's header, told apart by UDP port or protocol number.
    Tunnel(tunnel::Opening),
    /// Nothing more to decode.
    Done,
}

/// A packet being decoded.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    /// The captured bytes.
    pub(crate) data: &'a [u8],
    /// Start of the layer that comes next; at most `end`.
    pub(crate) at: usize,
    /// End of the current layer's content in `data`: shrinks as length fields are read, so
    /// padding and trailers are not taken for payload. At most `data.len()`.
    pub(crate) end: usize,
    /// The same on the wire: larger than `end` exactly where the capture cut the packet.
    pub(crate) wire_end: usize,
    /// How far to go.
    pub(crate) options: DecodeOptions,
    /// How many of `out.tunnels` were opened on the way to `out.ip`; those after them led to
    /// nothing that could be decoded as IP and are taken back at the end.
    pub(crate) tunnels_to_ip: usize,
    /// What was found so far.
    pub(crate) out: &'a mut Decoded,
}

impl<'a> Walk<'a> {
    /// Begins at the first byte of a packet.
    #[inline]
    fn new(data: &'a [u8], wire_len: u32, options: DecodeOptions, out: &'a mut Decoded) -> Self {
        let wire_len = (wire_len as usize).max(data.len());
        Self {
            data,
            at: 0,
            end: data.len(),
            wire_end: wire_len,
            options,
            tunnels_to_ip: 0,
            out,
        }
    }

    /// The bytes that are left of the current layer.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.data.get(self.at..self.end).unwrap_or_default()
    }

    /// The next `N` bytes, if they are there; does not advance.
    #[inline]
    pub(crate) fn peek<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.rest().first_chunk::<N>()
    }

    /// Advances by `len`, at most to the end.
    #[inline]
    pub(crate) fn skip(&mut self, len: usize) {
        self.at = self.at.saturating_add(len).min(self.end);
    }

    /// Sets the ends from a length field: the current layer has `len` bytes from `at` on.
    /// Returns `false` (and leaves the ends) if that is more than the layer around it has on
    /// the wire.
    #[inline]
    pub(crate) fn limit(&mut self, len: usize) -> bool {
        let wire_end = self.at.saturating_add(len);
        if wire_end > self.wire_end {
            return false;
        }
        self.wire_end = wire_end;
        self.end = self.end.min(wire_end);
        true
    }

    /// Ends decoding: `layer` at `at` needs `needed` bytes that are not there.
    #[cold]
    pub(crate) fn short(&mut self, layer: Layer, needed: usize) -> Next {
        let found = self.end.saturating_sub(self.at);
        let on_wire = self.wire_end.saturating_sub(self.at);
        let kind = if on_wire >= needed && on_wire > found {
            StopKind::CutBySnapLength
        } else {
            StopKind::Truncated
        };
        self.stop(layer, kind, needed, found)
    }

    /// Ends decoding for another reason, see [`Stop`]. The first reason stays.
    #[cold]
    pub(crate) fn stop(
        &mut self,
        layer: Layer,
        kind: StopKind,
        needed: usize,
        found: usize,
    ) -> Next {
        if self.out.stopped.is_none() {
            self.out.stopped = Some(Stop {
                layer,
                kind,
                offset: self.at as u32,
                needed: needed as u32,
                found: found as u32,
            });
        }
        Next::Done
    }

    /// Takes an IP header: from here on everything is about it.
    #[inline]
    pub(crate) fn reached_ip(&mut self, network: Network, layer: Layer, ip: Ip) {
        self.out.network = network;
        self.out.last_layer = layer;
        self.out.ip = Some(ip);
        self.out.transport = Transport::None;
        self.out.src_port = 0;
        self.out.dst_port = 0;
        self.tunnels_to_ip = self.out.tunnels.len();
    }

    /// Goes past a header of `header_len` bytes and makes what follows the payload.
    #[inline]
    pub(crate) fn payload_after(&mut self, header_len: usize) {
        let start = self.at.saturating_add(header_len);
        self.at = start.min(self.end);
        self.out.payload_offset = self.at as u32;
        self.out.payload_len = (self.end - self.at) as u32;
        self.out.payload_wire_len = self.wire_end.saturating_sub(start) as u32;
    }

    /// Notes an encapsulation; `false` (with the stop set) where there are too many.
    pub(crate) fn enter(&mut self, tunnel: Tunnel) -> bool {
        if self.out.tunnels.push(tunnel) {
            return true;
        }
        self.stop(Layer::Tunnel, StopKind::TooDeep, 0, 0);
        false
    }
}

/// Decodes a packet with all tunnels opened as `options` say.
///
/// Never panics, never allocates; what could not be understood is told in
/// [`Decoded::stopped`].
pub fn decode(packet: &Packet<'_>, options: DecodeOptions) -> Decoded {
    let mut out = Decoded::default();
    decode_into(packet, options, &mut out);
    out
}

/// As [`decode`], into a place that is there already; what was in it is overwritten.
#[inline]
pub fn decode_into(packet: &Packet<'_>, options: DecodeOptions, out: &mut Decoded) {
    out.reset();
    // Filled in where the caller wants it: a walk that owned it would copy it at the end.
    run(
        &mut Walk::new(packet.data, packet.wire_len, options, out),
        Next::Link(packet.link_type),
    );
}

/// Decodes bytes that begin with an IP header of either version: a reassembled datagram, the
/// quoted packet in an ICMP error, an outer header found by
/// [`Tunnel::ip_offset`](crate::Tunnel::ip_offset).
pub fn decode_ip(data: &[u8], wire_len: u32, options: DecodeOptions) -> Decoded {
    let mut out = Decoded::default();
    run(&mut Walk::new(data, wire_len, options, &mut out), Next::Ip);
    out
}

pub(crate) fn run(walk: &mut Walk<'_>, mut next: Next) {
    // Every step but a bounded number consumes bytes or enters a tunnel; the bound is for
    // hostile packets that would nest headers of no length.
    for _ in 0..64 {
        next = match next {
            Next::Link(link_type) => link::frame(walk, link_type),
            Next::EtherType(ethertype) => link::ethertype(walk, ethertype),
            Next::Llc => link::llc(walk),
            Next::Ppp => link::ppp(walk),
            Next::Ipv4 => net::ipv4::step(walk),
            Next::Ipv6 => net::ipv6::step(walk),
            Next::Ip => net::step(walk),
            Next::Protocol(protocol) => transport::step(walk, protocol),
            Next::Tunnel(opening) => tunnel::step(walk, opening),
            Next::Done => return finish(walk),
        };
    }
    walk.stop(Layer::Tunnel, StopKind::TooDeep, 64, 64);
    finish(walk);
}

/// Makes `network` and `tunnels` those of `ip`, where there is one: what a tunnel carried
/// beside IP (ARP, spanning tree, nothing sensible) leaves the packet to its carrier.
#[inline]
fn finish(walk: &mut Walk<'_>) {
    if let Some(ip) = &walk.out.ip {
        walk.out.network = if ip.src.is_ipv4() {
            Network::Ipv4
        } else {
            Network::Ipv6
        };
        walk.out.tunnels.truncate(walk.tunnels_to_ip);
    }
}
