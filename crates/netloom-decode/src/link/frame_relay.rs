//! Frame Relay: Q.922 addresses, RFC 2427 encapsulation by NLPID, Cisco's by EtherType.

use crate::decoded::{Layer, Network, StopKind};
use crate::link::{ethertypes, hdlc, llc, note_ethertype, ppp, recognised};
use crate::walk::{Next, Walk};

/// Network layer protocol identifiers (ISO/IEC TR 9577) on Frame Relay and ATM.
mod nlpid {
    pub(super) const PADDING: u8 = 0x00;
    pub(super) const SNAP: u8 = 0x80;
    pub(super) const CLNP: u8 = 0x81;
    pub(super) const ES_IS: u8 = 0x82;
    pub(super) const IS_IS: u8 = 0x83;
    pub(super) const IPV6: u8 = 0x8e;
    pub(super) const IPV4: u8 = 0xcc;
    pub(super) const PPP: u8 = 0xcf;
}

/// Decodes an address of 2 to 4 bytes, then either encapsulation.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    const LAST: u8 = 0x01;
    const UNNUMBERED_INFORMATION: u8 = 0x03;

    let bytes = walk.rest();
    let Some(len) = bytes
        .iter()
        .take(4)
        .position(|byte| byte & LAST != 0)
        .map(|at| at + 1)
    else {
        if bytes.len() < 4 {
            return walk.short(Layer::Link, bytes.len() + 1);
        }
        return walk.stop(Layer::Link, StopKind::BadLength, 5, 4);
    };
    if len < 2 {
        return walk.stop(Layer::Link, StopKind::BadLength, len, 2);
    }
    let Some(&control) = bytes.get(len) else {
        return walk.short(Layer::Link, len + 1);
    };
    // All bits of the identifier's upper part 0 and the lower 4 bits in the second byte.
    let management = matches!(bytes, [first, second, ..] if first >> 2 == 0 && second >> 4 == 0);
    walk.skip(len);
    if control == UNNUMBERED_INFORMATION {
        walk.skip(1);
        return network_layer(walk);
    }
    if management {
        return recognised(walk, Network::Other);
    }
    let Some(&number) = walk.peek::<2>() else {
        return walk.short(Layer::Link, 2);
    };
    walk.skip(2);
    hdlc::protocol(walk, u16::from_be_bytes(number))
}

/// Decodes an NLPID (one byte of padding may stand in front) and what it announces.
pub(super) fn network_layer(walk: &mut Walk<'_>) -> Next {
    if walk.peek::<1>() == Some(&[nlpid::PADDING]) {
        walk.skip(1);
    }
    let Some(&[id]) = walk.peek::<1>() else {
        return walk.short(Layer::Link, 1);
    };
    match id {
        nlpid::IPV4 => {
            walk.skip(1);
            note_ethertype(walk, ethertypes::IPV4);
            Next::Ipv4
        }
        nlpid::IPV6 => {
            walk.skip(1);
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ipv6
        }
        nlpid::SNAP => {
            walk.skip(1);
            llc::snap(walk, llc::BridgePad::None)
        }
        nlpid::PPP => {
            walk.skip(1);
            ppp::protocol(walk)
        }
        // The NLPID is the first byte of these protocols.
        nlpid::CLNP | nlpid::ES_IS | nlpid::IS_IS => recognised(walk, Network::Osi),
        _ => recognised(walk, Network::Other),
    }
}
