//! UDP (RFC 768) and UDP-Lite (RFC 3828).

use crate::decoded::{Layer, StopKind, Transport};
use crate::tunnel;
use crate::walk::{Next, Walk};

const HEADER_LEN: usize = 8;

/// Reads a UDP header.
pub(crate) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&[.., l0, l1, _, _]) = walk.peek::<HEADER_LEN>() else {
        ports_if_there(walk);
        return walk.short(Layer::Udp, HEADER_LEN);
    };
    ports_if_there(walk);
    walk.out.transport = Transport::Udp;
    walk.out.last_layer = Layer::Udp;
    let len = usize::from(u16::from_be_bytes([l0, l1]));
    let on_wire = walk.wire_end - walk.at;
    let is_fragment = walk.out.fragment().is_some();
    match len {
        // A length that 16 bits cannot hold: a jumbogram (RFC 2675 section 4) or segmentation
        // offload.
        0 if on_wire > usize::from(u16::MAX) => {}
        0 if walk.out.ip.is_some_and(|ip| ip.src.is_ipv6()) => {}
        // The length is the whole datagram's.
        8.. if is_fragment && len > on_wire => {}
        8.. if walk.limit(len) => {}
        // Neither a length below the header's nor one beyond the datagram says how much of
        // the rest is payload: all of it is.
        _ => {
            walk.stop(Layer::Udp, StopKind::BadLength, len, on_wire);
            walk.payload_after(HEADER_LEN);
            return Next::Done;
        }
    }
    walk.payload_after(HEADER_LEN);
    match tunnel::by_udp(walk.out.src_port, walk.out.dst_port, walk.rest()) {
        Some(opening) => tunnel::offer(walk, opening),
        None => Next::Done,
    }
}

/// Reads a UDP-Lite header; its third field is the checksum's coverage, not a length.
pub(crate) fn step_lite(walk: &mut Walk<'_>) -> Next {
    ports_if_there(walk);
    let Some(&[.., c0, c1, _, _]) = walk.peek::<HEADER_LEN>() else {
        return walk.short(Layer::Udp, HEADER_LEN);
    };
    walk.out.transport = Transport::UdpLite;
    walk.out.last_layer = Layer::Udp;
    let coverage = usize::from(u16::from_be_bytes([c0, c1]));
    let on_wire = walk.wire_end - walk.at;
    if (1..HEADER_LEN).contains(&coverage) || coverage > on_wire {
        walk.stop(Layer::Udp, StopKind::BadLength, coverage, on_wire);
    }
    walk.payload_after(HEADER_LEN);
    Next::Done
}

/// Takes the ports of a header that begins with them, where at least these four bytes were
/// captured.
#[inline]
pub(super) fn ports_if_there(walk: &mut Walk<'_>) {
    if let Some(&[s0, s1, d0, d1]) = walk.peek::<4>() {
        walk.out.src_port = u16::from_be_bytes([s0, s1]);
        walk.out.dst_port = u16::from_be_bytes([d0, d1]);
    }
}
