//! ICMP (RFC 792, RFC 4443) and IGMP (RFC 1112, 2236, 9776).

use crate::decoded::{Icmp, Layer, Transport};
use crate::walk::{Next, Walk};

/// Type, code, checksum and the four bytes whose meaning the type gives.
const HEADER_LEN: usize = 8;

/// Reads an ICMP header for IPv4.
pub(crate) fn step_v4(walk: &mut Walk<'_>) -> Next {
    // Echo, timestamp, information, address mask and extended echo (RFC 8335).
    match read(
        walk,
        |kind| matches!(kind, 0 | 8 | 13..=18),
        |kind| matches!(kind, 42 | 43),
    ) {
        Some(icmp) => done(walk, Transport::Icmpv4(icmp)),
        None => walk.short(Layer::Icmp, HEADER_LEN),
    }
}

/// Reads an ICMPv6 header.
pub(crate) fn step_v6(walk: &mut Walk<'_>) -> Next {
    match read(
        walk,
        |kind| matches!(kind, 128 | 129),
        |kind| matches!(kind, 160 | 161),
    ) {
        Some(icmp) => done(walk, Transport::Icmpv6(icmp)),
        None => walk.short(Layer::Icmp, HEADER_LEN),
    }
}

/// Reads an IGMP message: its type, and eight bytes of header.
pub(crate) fn step_igmp(walk: &mut Walk<'_>) -> Next {
    let Some(&[kind, ..]) = walk.peek::<HEADER_LEN>() else {
        return walk.short(Layer::Igmp, HEADER_LEN);
    };
    walk.out.transport = Transport::Igmp(kind);
    walk.out.last_layer = Layer::Igmp;
    walk.payload_after(HEADER_LEN);
    Next::Done
}

#[inline]
fn done(walk: &mut Walk<'_>, transport: Transport) -> Next {
    walk.out.transport = transport;
    walk.out.last_layer = Layer::Icmp;
    if walk.end - walk.at < HEADER_LEN {
        // Type and code are there, what the type gives is not.
        walk.short(Layer::Icmp, HEADER_LEN);
    }
    walk.payload_after(HEADER_LEN);
    Next::Done
}

/// Type and code, and identifier and sequence number for the types that have them; the
/// second group has a sequence number of 8 bits.
#[inline]
fn read(
    walk: &Walk<'_>,
    has_id: impl Fn(u8) -> bool,
    has_short_seq: impl Fn(u8) -> bool,
) -> Option<Icmp> {
    let &[icmp_type, code] = walk.peek::<2>()?;
    let mut icmp = Icmp {
        icmp_type,
        code,
        id: 0,
        seq: 0,
    };
    if let Some(&[.., i0, i1, s0, s1]) = walk.peek::<HEADER_LEN>() {
        if has_id(icmp_type) {
            icmp.id = u16::from_be_bytes([i0, i1]);
            icmp.seq = u16::from_be_bytes([s0, s1]);
        } else if has_short_seq(icmp_type) {
            icmp.id = u16::from_be_bytes([i0, i1]);
            icmp.seq = u16::from(s0);
        }
    }
    Some(icmp)
}
