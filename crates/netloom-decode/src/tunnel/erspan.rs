//! ERSPAN over GRE: mirrored Ethernet frames (draft-foschiano-erspan-03).

use super::enter;
use super::gre::Header;
use crate::decoded::{Layer, TunnelKind};
use crate::walk::{Next, Walk};
use netloom_packet::LinkType;

/// GRE's protocol type of ERSPAN types I and II.
pub(super) const PROTOCOL: u16 = 0x88be;
/// GRE's protocol type of ERSPAN type III.
pub(super) const PROTOCOL_III: u16 = 0x22eb;

/// Opens ERSPAN behind a GRE header. Type I has no header of its own and is told from type II
/// by the missing GRE sequence number (section 4.1 of the draft).
pub(super) fn open(walk: &mut Walk<'_>, gre: Header) -> Next {
    let ethernet = Next::Link(LinkType::ETHERNET);
    if gre.protocol == PROTOCOL && !gre.has_sequence {
        return enter(walk, TunnelKind::Erspan, 0, gre.len, ethernet);
    }
    let needed = gre.len + if gre.protocol == PROTOCOL { 8 } else { 12 };
    let Some(header) = walk.rest().get(gre.len..needed) else {
        return walk.short(Layer::Tunnel, needed);
    };
    let session = match header {
        &[_, _, high, low, ..] => u32::from(u16::from_be_bytes([high, low]) & 0x03ff),
        _ => 0,
    };
    let (mut len, mut next) = (needed, ethernet);
    if let &[.., hardware, last] = header
        && gre.protocol == PROTOCOL_III
    {
        // The O bit announces a platform specific subheader of eight bytes.
        if last & 1 != 0 {
            len += 8;
        }
        // Frame type: 0 Ethernet, 2 IP.
        if hardware >> 2 & 0x1f == 2 {
            next = Next::Ip;
        }
    }
    if walk.end - walk.at < len {
        return walk.short(Layer::Tunnel, len);
    }
    enter(walk, TunnelKind::Erspan, session, len, next)
}
