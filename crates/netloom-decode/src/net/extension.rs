//! IPv6 extension headers (RFC 8200 section 4) and those that IPv4 shares with it (AH).

use crate::decoded::{Fragment, Layer, StopKind};
use crate::walk::{Next, Walk};

/// IANA protocol numbers that this crate steps on.
pub(crate) mod number {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const IGMP: u8 = 2;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const DCCP: u8 = 33;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const ESP: u8 = 50;
    pub(crate) const AH: u8 = 51;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const NO_NEXT_HEADER: u8 = 59;
    pub(crate) const DESTINATION: u8 = 60;
    pub(crate) const IPIP: u8 = 94;
    pub(crate) const ETHERIP: u8 = 97;
    pub(crate) const ETHERNET: u8 = 143;
    pub(crate) const PIM: u8 = 103;
    pub(crate) const L2TP: u8 = 115;
    pub(crate) const SCTP: u8 = 132;
    pub(crate) const MOBILITY: u8 = 135;
    pub(crate) const UDP_LITE: u8 = 136;
    pub(crate) const MPLS_IN_IP: u8 = 137;
    pub(crate) const HIP: u8 = 139;
    pub(crate) const SHIM6: u8 = 140;
}

/// Whether an IPv6 "next header" is an extension header that [`step`] goes over.
#[inline]
pub(crate) fn is_extension(protocol: u8) -> bool {
    matches!(
        protocol,
        number::HOP_BY_HOP
            | number::ROUTING
            | number::FRAGMENT
            | number::AH
            | number::DESTINATION
            | number::MOBILITY
            | number::HIP
            | number::SHIM6
    )
}

/// Goes over one extension header at `walk.at`; the IP header it belongs to is `walk.out.ip`.
///
/// Mobility, HIP and Shim6 messages that nothing follows (next header 59, as they are always
/// sent today) count as the upper layer themselves.
pub(crate) fn step(walk: &mut Walk<'_>, header: u8) -> Next {
    if header == number::FRAGMENT {
        return fragment(walk);
    }
    let Some(&[next, length]) = walk.peek::<2>() else {
        if let Some(&[next]) = walk.peek::<1>() {
            note_protocol(walk, next);
        }
        return walk.short(Layer::Ipv6Extension, 8);
    };
    // AH counts in 4 bytes less 2 (RFC 4302 section 2.2), the others in 8 bytes less 1.
    let len = if header == number::AH {
        (usize::from(length) + 2) * 4
    } else {
        (usize::from(length) + 1) * 8
    };
    if header == number::AH && len < 12 {
        return walk.stop(Layer::Ipv6Extension, StopKind::BadLength, len, 12);
    }
    let (captured, on_wire) = (walk.end - walk.at, walk.wire_end - walk.at);
    if captured < len {
        note_protocol(walk, next);
        if on_wire < len {
            return walk.stop(Layer::Ipv6Extension, StopKind::BadLength, len, on_wire);
        }
        return walk.short(Layer::Ipv6Extension, len);
    }
    let is_message = matches!(header, number::MOBILITY | number::HIP | number::SHIM6);
    if is_message && next == number::NO_NEXT_HEADER {
        walk.out.transport = crate::Transport::Other;
        return Next::Done;
    }
    walk.out.last_layer = Layer::Ipv6Extension;
    let first_fragment = walk.out.fragment().is_some();
    if let Some(ip) = &mut walk.out.ip {
        ip.header_len = ip.header_len.saturating_add(len as u32);
        ip.protocol = next;
    }
    if header == number::HOP_BY_HOP && !first_fragment {
        jumbo(walk, len);
    }
    walk.payload_after(len);
    Next::Protocol(next)
}

/// Notes what a header says comes next, though the header itself is cut: the protocol is known
/// even where its own header is out of reach.
fn note_protocol(walk: &mut Walk<'_>, next: u8) {
    if let Some(ip) = &mut walk.out.ip {
        ip.protocol = next;
    }
}

/// A fragment header (RFC 8200 section 4.5).
fn fragment(walk: &mut Walk<'_>) -> Next {
    let Some(&[next, _, o0, o1, i0, i1, i2, i3]) = walk.peek::<8>() else {
        return walk.short(Layer::Ipv6Extension, 8);
    };
    let offset_and_flags = u16::from_be_bytes([o0, o1]);
    let offset = u32::from(offset_and_flags & 0xfff8);
    let more = offset_and_flags & 1 != 0;
    walk.out.last_layer = Layer::Ipv6Extension;
    let start = walk.at + 8;
    let len = walk.wire_end.saturating_sub(start) as u32;
    if let Some(ip) = &mut walk.out.ip {
        ip.header_len = ip.header_len.saturating_add(8);
        ip.protocol = next;
        // Offset 0 and no more: an "atomic" fragment is a whole datagram (RFC 6946). A second
        // fragment header in one packet is hostile; the first stands.
        if (offset != 0 || more) && ip.fragment.is_none() {
            ip.fragment = Some(Fragment {
                id: u32::from_be_bytes([i0, i1, i2, i3]),
                offset,
                more,
                len,
                data_offset: start as u32,
            });
        }
    }
    walk.payload_after(8);
    if offset == 0 {
        Next::Protocol(next)
    } else {
        Next::Done
    }
}

/// Looks for a jumbo payload option (RFC 2675) in the hop-by-hop header of `len` bytes, and
/// takes the datagram's length from it where the IPv6 header leaves it open.
fn jumbo(walk: &mut Walk<'_>, len: usize) {
    let Some(ip) = walk.out.ip.as_mut() else {
        return;
    };
    let length_at = ip.offset as usize + 4;
    if walk.data.get(length_at..length_at + 2) != Some(&[0, 0]) {
        return;
    }
    let mut options = walk
        .data
        .get(walk.at + 2..walk.at + len)
        .unwrap_or_default();
    while let [kind, tail @ ..] = options {
        if *kind == 0 {
            options = tail;
            continue;
        }
        let [option_len, tail @ ..] = tail else {
            return;
        };
        let Some((value, after)) = tail.split_at_checked(usize::from(*option_len)) else {
            return;
        };
        if let (0xc2, &[a, b, c, d]) = (*kind, value) {
            let payload = u32::from_be_bytes([a, b, c, d]);
            let total = (payload as usize).saturating_add(super::ipv6::HEADER_LEN);
            ip.total_len = u32::try_from(total).unwrap_or(u32::MAX);
            let end = (ip.offset as usize).saturating_add(total);
            if end > walk.wire_end {
                let on_wire = walk.wire_end - ip.offset as usize;
                walk.stop(Layer::Ipv6Extension, StopKind::BadLength, total, on_wire);
            } else if end >= walk.at + len {
                walk.wire_end = end;
                walk.end = walk.end.min(end);
            }
            return;
        }
        options = after;
    }
}
