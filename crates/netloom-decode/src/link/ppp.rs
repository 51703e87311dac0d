//! PPP (RFC 1661, 1662) with and without HDLC-like framing, and multilink (RFC 1990).

use netloom_packet::LinkType;

use crate::decoded::{Layer, Network};
use crate::link::skip_direction;
use crate::link::{ethertypes, hdlc, is_outermost, mpls, note_ethertype, recognised};
use crate::walk::{Next, Walk};

/// PPP protocol numbers (IANA).
mod number {
    pub(super) const IPV4: u16 = 0x0021;
    pub(super) const OSI: u16 = 0x0023;
    pub(super) const IPX: u16 = 0x002b;
    pub(super) const BRIDGING: u16 = 0x0031;
    pub(super) const MULTILINK: u16 = 0x003d;
    pub(super) const IPV6: u16 = 0x0057;
    pub(super) const MPLS: u16 = 0x0281;
    pub(super) const MPLS_MULTICAST: u16 = 0x0283;
    pub(super) const CDP: u16 = 0x0207;
}

/// Decodes a frame that may begin with address and control (ff 03), or that is Cisco HDLC.
pub(super) fn framed(walk: &mut Walk<'_>) -> Next {
    match walk.peek::<2>() {
        Some([0xff, 0x03]) => walk.skip(2),
        Some([0x0f | 0x8f, 0x00]) => return hdlc::step(walk),
        _ => {}
    }
    protocol(walk)
}

/// Decodes a frame behind a byte that says its direction.
pub(super) fn with_direction(walk: &mut Walk<'_>) -> Next {
    skip_direction(walk);
    framed(walk)
}

/// Decodes a frame of pppd's captures: the direction takes the place of the address, or stands
/// in front of it.
pub(super) fn of_pppd(walk: &mut Walk<'_>) -> Next {
    match walk.peek::<3>() {
        Some([0 | 1, 0x03, _]) => {
            walk.skip(2);
            protocol(walk)
        }
        Some([0 | 1, 0xff, 0x03]) => with_direction(walk),
        _ => framed(walk),
    }
}

/// Decodes from the protocol field on: two bytes, or one where it was compressed (RFC 1661
/// section 6.5: the last byte of a number is odd, the ones before it even).
pub(super) fn protocol(walk: &mut Walk<'_>) -> Next {
    let Some(&[first]) = walk.peek::<1>() else {
        return walk.short(Layer::Link, 1);
    };
    let protocol = if first & 1 == 1 {
        walk.skip(1);
        first.into()
    } else {
        let Some(&bytes) = walk.peek::<2>() else {
            return walk.short(Layer::Link, 2);
        };
        walk.skip(2);
        u16::from_be_bytes(bytes)
    };
    match protocol {
        number::IPV4 => {
            note_ethertype(walk, ethertypes::IPV4);
            Next::Ipv4
        }
        number::IPV6 => {
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ipv6
        }
        number::MPLS | number::MPLS_MULTICAST => {
            note_ethertype(walk, ethertypes::MPLS);
            mpls::step(walk)
        }
        number::MULTILINK => multilink(walk),
        number::BRIDGING => bridging(walk),
        number::IPX => recognised(walk, Network::Ipx),
        number::OSI => recognised(walk, Network::Osi),
        number::CDP => recognised(walk, Network::Cdp),
        // Network control and link control protocols.
        0x8000..=0xffff => recognised(walk, Network::PppControl),
        _ => recognised(walk, Network::Other),
    }
}

/// Multilink with the long sequence number format: only a fragment that begins a packet says
/// what it carries.
fn multilink(walk: &mut Walk<'_>) -> Next {
    const BEGIN: u8 = 0x80;
    let Some(&[flags, ..]) = walk.peek::<4>() else {
        return walk.short(Layer::Link, 4);
    };
    walk.skip(4);
    if flags & BEGIN == 0 {
        return recognised(walk, Network::Other);
    }
    Next::Ppp
}

/// Bridged frames (RFC 3518 section 4.2): flags with the length of padding, MAC type.
fn bridging(walk: &mut Walk<'_>) -> Next {
    const LAN_IDENTIFIED: u8 = 0x40;
    let Some(&[flags, mac_type]) = walk.peek::<2>() else {
        return walk.short(Layer::Link, 2);
    };
    walk.skip(2);
    if flags & LAN_IDENTIFIED != 0 {
        let lan = walk
            .peek::<4>()
            .map_or(0, |&bytes| u32::from_be_bytes(bytes));
        if is_outermost(walk) {
            walk.out.vlans.push(lan as u16);
        }
        walk.skip(4);
    }
    match mac_type {
        1 => Next::Link(LinkType::ETHERNET),
        3 => Next::Link(LinkType::TOKEN_RING),
        4 => Next::Link(LinkType::FDDI),
        _ => recognised(walk, Network::Other),
    }
}
