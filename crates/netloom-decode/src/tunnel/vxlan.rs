//! VXLAN (RFC 7348), with its group policy and generic protocol extensions.

use super::plausible::Rest;
use super::{enter, u24};
use crate::decoded::TunnelKind;
use crate::walk::{Next, Walk};
use netloom_packet::LinkType;

const HEADER_LEN: usize = 8;
/// The network identifier is valid.
const HAS_VNI: u8 = 0x08;
/// VXLAN-GPE: the last byte of the first word is the next protocol.
const HAS_NEXT_PROTOCOL: u8 = 0x04;
/// VXLAN's port.
const PORT: u16 = 4789;
/// VXLAN-GPE's port.
const GENERIC_PORT: u16 = 4790;
/// VXLAN-GPE: operation and maintenance, nothing inside.
const OAM: u8 = 0x01;
/// Reserved in VXLAN, version in VXLAN-GPE: zero in both.
const RESERVED: u8 = 0x70;

/// Reads a VXLAN header.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&[flags, _, _, next_protocol, v0, v1, v2, reserved]) = walk.peek::<HEADER_LEN>()
    else {
        return Next::Done;
    };
    if flags & HAS_VNI == 0 {
        return Next::Done;
    }
    let rest = Rest::after(walk, HEADER_LEN);
    let ethernet = Next::Link(LinkType::ETHERNET);
    // To be ignored on the port that is VXLAN's alone, as is then what else they would say.
    let is_odd = flags & RESERVED != 0 || reserved != 0;
    if is_odd && walk.out.dst_port != PORT {
        return Next::Done;
    }
    // Some senders leave the flag out on the port where every header has the field.
    let on_its_port = [walk.out.src_port, walk.out.dst_port].contains(&GENERIC_PORT);
    let is_generic =
        !is_odd && (flags & HAS_NEXT_PROTOCOL != 0 || (on_its_port && next_protocol != 0));
    let (next, len) = if is_generic {
        if flags & OAM != 0 {
            return Next::Done;
        }
        match next_protocol {
            1 | 2 if rest.is_ip() => (Next::Ip, HEADER_LEN),
            3 if rest.is_ethernet() => (ethernet, HEADER_LEN),
            4 => match service_header(walk.rest().get(HEADER_LEN..).unwrap_or_default()) {
                Some((next, len)) => (next, HEADER_LEN + len),
                None => return Next::Done,
            },
            5 if rest.is_mpls() => (Next::EtherType(0x8847), HEADER_LEN),
            _ => return Next::Done,
        }
    } else if rest.is_ethernet() {
        (ethernet, HEADER_LEN)
    } else {
        return Next::Done;
    };
    enter(walk, TunnelKind::Vxlan, u24([v0, v1, v2]), len, next)
}

/// A network service header (RFC 8300 section 2.2): what follows it, and its length.
fn service_header(bytes: &[u8]) -> Option<(Next, usize)> {
    let &[version, length, _, next_protocol] = bytes.first_chunk::<4>()?;
    let len = usize::from(length & 0x3f) * 4;
    if version >> 6 != 0 || len < 8 {
        return None;
    }
    let next = match next_protocol {
        1 | 2 => Next::Ip,
        3 => Next::Link(LinkType::ETHERNET),
        5 => Next::EtherType(0x8847),
        _ => return None,
    };
    Some((next, len))
}
