//! IEEE 802.2 LLC and SNAP.

use netloom_packet::LinkType;

use crate::decoded::{Layer, Network};
use crate::link::{ethertype, recognised};
use crate::net;
use crate::walk::{Next, Walk};

/// What lies between a bridged frame's SNAP header and its first byte (RFC 2684 section 5.2
/// against RFC 2427 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BridgePad {
    /// Nothing.
    None,
    /// Two bytes, on ATM.
    Atm,
}

/// Service access points (IEEE registry).
mod sap {
    pub(super) const IP: u8 = 0x06;
    pub(super) const STP: u8 = 0x42;
    pub(super) const ARP: u8 = 0x98;
    pub(super) const SNAP: u8 = 0xaa;
    pub(super) const NETWARE: u8 = 0xe0;
    pub(super) const NETBIOS: u8 = 0xf0;
    pub(super) const OSI: u8 = 0xfe;
    pub(super) const GLOBAL: u8 = 0xff;
}

/// Decodes an LLC header, and a SNAP header behind it.
pub(super) fn step(walk: &mut Walk<'_>, pad: BridgePad) -> Next {
    let Some(&[dsap, ssap, control]) = walk.peek::<3>() else {
        return walk.short(Layer::Link, 3);
    };
    // The lowest bit of the DSAP tells groups, of the SSAP responses.
    let (destination, source) = (dsap & 0xfe, ssap & 0xfe);
    if dsap == sap::GLOBAL && ssap == sap::GLOBAL {
        return recognised(walk, Network::Ipx);
    }
    // Unnumbered frames (the only ones that carry datagrams) have one byte of control, the
    // others two with sequence numbers.
    let unnumbered = control & 3 == 3;
    if destination == sap::SNAP && source == sap::SNAP && unnumbered {
        walk.skip(3);
        return snap(walk, pad);
    }
    walk.skip(if unnumbered { 3 } else { 4 });
    match destination {
        sap::IP => Next::Ip,
        sap::ARP => net::arp::step(walk),
        sap::STP => recognised(walk, Network::Stp),
        sap::NETWARE => recognised(walk, Network::Ipx),
        sap::NETBIOS => recognised(walk, Network::NetBeui),
        sap::OSI => recognised(walk, Network::Osi),
        _ => recognised(walk, Network::Other),
    }
}

/// A SNAP header: organisation and protocol.
pub(super) fn snap(walk: &mut Walk<'_>, pad: BridgePad) -> Next {
    let Some(&[o0, o1, o2, hi, lo]) = walk.peek::<5>() else {
        return walk.short(Layer::Link, 5);
    };
    walk.skip(5);
    let protocol = u16::from_be_bytes([hi, lo]);
    match [o0, o1, o2] {
        // Encapsulated Ethernet; 802.1H bridge tunnels; Apple's 0x809b is an EtherType too.
        [0x00, 0x00, 0x00 | 0xf8] | [0x08, 0x00, 0x07] => ethertype(walk, protocol),
        [0x00, 0x00, 0x0c] => cisco(walk, protocol),
        [0x00, 0x80, 0xc2] => bridged(walk, protocol, pad),
        _ => recognised(walk, Network::Other),
    }
}

/// Protocols under Cisco's organisation code.
fn cisco(walk: &mut Walk<'_>, protocol: u16) -> Next {
    recognised(
        walk,
        match protocol {
            0x0104 => Network::Pagp,
            0x0111 => Network::Udld,
            0x2000 => Network::Cdp,
            0x2003 => Network::Vtp,
            0x2004 => Network::Dtp,
            // PVST+ and shared spanning tree.
            0x010b | 0x010c => Network::Stp,
            _ => Network::Other,
        },
    )
}

/// Bridged frames under the 802.1 organisation code (RFC 2427, RFC 2684).
fn bridged(walk: &mut Walk<'_>, protocol: u16, pad: BridgePad) -> Next {
    let pad = if pad == BridgePad::Atm { 2 } else { 0 };
    match protocol {
        // 0x0001 has the check sequence at its end, which the lengths inside cut off.
        0x0001 | 0x0007 => {
            walk.skip(pad);
            Next::Link(LinkType::ETHERNET)
        }
        0x0003 | 0x0009 => {
            walk.skip(pad);
            Next::Link(LinkType::TOKEN_RING)
        }
        0x0004 | 0x000a => {
            walk.skip(pad);
            Next::Link(LinkType::FDDI)
        }
        0x000e => recognised(walk, Network::Stp),
        _ => recognised(walk, Network::Other),
    }
}
