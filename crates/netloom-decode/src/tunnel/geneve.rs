//! GENEVE (RFC 8926).

use super::plausible::Rest;
use super::{enter, u24};
use crate::decoded::TunnelKind;
use crate::walk::{Next, Walk};
use netloom_packet::LinkType;

const HEADER_LEN: usize = 8;

/// Reads a GENEVE header and goes over its options.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&[version_len, flags, p0, p1, v0, v1, v2, reserved]) = walk.peek::<HEADER_LEN>()
    else {
        return Next::Done;
    };
    // Version 0; the flags are O (control) and C (critical options).
    if version_len >> 6 != 0 || flags & 0x3f != 0 || reserved != 0 {
        return Next::Done;
    }
    let len = HEADER_LEN + usize::from(version_len & 0x3f) * 4;
    let rest = Rest::after(walk, len);
    let next = match u16::from_be_bytes([p0, p1]) {
        0x6558 if rest.is_ethernet() => Next::Link(LinkType::ETHERNET),
        0x0800 | 0x86dd if rest.is_ip() => Next::Ip,
        protocol @ 0x8847 if rest.is_mpls() => Next::EtherType(protocol),
        _ => return Next::Done,
    };
    enter(walk, TunnelKind::Geneve, u24([v0, v1, v2]), len, next)
}
