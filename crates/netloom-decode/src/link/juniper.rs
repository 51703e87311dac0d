//! Juniper's headers: a magic number, flags, extensions, then a cookie of the interface card
//! whose length depends on the link type.
//!
//! Juniper publishes no format; the lengths are those that tcpdump has found out.

use netloom_packet::LinkType;

use crate::decoded::{Layer, Network, StopKind};
use crate::link::frame_relay::{self, network_layer};
use crate::link::{ethernet, ethertypes, hdlc, llc, mpls, note_ethertype, ppp, recognised};
use crate::walk::{Next, Walk};

/// First byte of the cookies of link services and adaptive services cards.
const LINK_SERVICES: u8 = 0x54;
/// See [`LINK_SERVICES`].
const ADAPTIVE_SERVICES: u8 = 0x47;

/// Decodes a packet of one of Juniper's link types; `None` for any other link type.
pub(super) fn step(walk: &mut Walk<'_>, link_type: LinkType) -> Option<Next> {
    let card: fn(&mut Walk<'_>) -> Next = match link_type {
        LinkType::JUNIPER_ETHER | LinkType::JUNIPER_PPPOE => ethernet::step,
        LinkType::JUNIPER_PPP => ppp::framed,
        LinkType::JUNIPER_FRELAY => frame_relay::step,
        LinkType::JUNIPER_CHDLC => hdlc::step,
        LinkType::JUNIPER_MLPPP => multilink_ppp,
        LinkType::JUNIPER_MLFR => multilink_frame_relay,
        LinkType::JUNIPER_MFR => frame_relay_bundle,
        LinkType::JUNIPER_ATM1 => atm1,
        LinkType::JUNIPER_ATM2 => atm2,
        LinkType::JUNIPER_PPPOE_ATM => pppoe_atm,
        LinkType::JUNIPER_GGSN => ggsn,
        LinkType::JUNIPER_ES => encryption_services,
        LinkType::JUNIPER_SERVICES | LinkType::JUNIPER_MONITOR => services,
        LinkType::JUNIPER_VP => voice,
        LinkType::JUNIPER_ST | LinkType::JUNIPER_PIC_PEER => guess,
        _ => return None,
    };
    Some(match header(walk) {
        Ok(Link::Present) => card(walk),
        Ok(Link::Stripped) => {
            // An address family of 4 bytes is all that is left of the link layer.
            walk.skip(4);
            guess(walk)
        }
        Err(next) => next,
    })
}

/// Whether the link layer's header is there.
enum Link {
    Present,
    Stripped,
}

/// Decodes magic number, flags and extensions.
fn header(walk: &mut Walk<'_>) -> Result<Link, Next> {
    const MAGIC: [u8; 3] = *b"MGC";
    const NO_LINK_LAYER: u8 = 0x02;
    const EXTENSIONS: u8 = 0x80;

    let Some(&[m0, m1, m2, flags]) = walk.peek::<4>() else {
        return Err(walk.short(Layer::Link, 4));
    };
    if [m0, m1, m2] != MAGIC {
        let found = u32::from_be_bytes([0, m0, m1, m2]) as usize;
        return Err(walk.stop(Layer::Link, StopKind::BadVersion, found, 0x004d_4743));
    }
    walk.skip(4);
    if flags & EXTENSIONS != 0 {
        let Some(&length) = walk.peek::<2>() else {
            return Err(walk.short(Layer::Link, 2));
        };
        let length = 2 + usize::from(u16::from_be_bytes(length));
        if walk.rest().len() < length {
            return Err(walk.short(Layer::Link, length));
        }
        walk.skip(length);
    }
    Ok(if flags & NO_LINK_LAYER == 0 {
        Link::Present
    } else {
        Link::Stripped
    })
}

/// IP, where the first byte is one that it begins with.
fn guess(walk: &mut Walk<'_>) -> Next {
    match walk.peek::<1>() {
        Some([0x45..=0x4f]) => {
            note_ethertype(walk, ethertypes::IPV4);
            Next::Ipv4
        }
        Some([0x60..=0x6f]) => {
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ipv6
        }
        _ => recognised(walk, Network::Other),
    }
}

/// Takes `N` bytes of cookie.
fn cookie<const N: usize>(walk: &mut Walk<'_>) -> Result<[u8; N], Next> {
    let Some(&cookie) = walk.peek::<N>() else {
        return Err(walk.short(Layer::Link, N));
    };
    walk.skip(N);
    Ok(cookie)
}

/// A cookie of the services cards, of 8 bytes: its sixth byte says what follows.
fn adaptive_services(walk: &mut Walk<'_>) -> Next {
    const PROTOCOL: u8 = 0x70;
    /// To the routing engine.
    const TO_ENGINE: u8 = 0x0c;

    let [_, _, _, _, direction, protocol, _, _] = match cookie::<8>(walk) {
        Ok(cookie) => cookie,
        Err(next) => return next,
    };
    match (protocol & PROTOCOL) >> 4 {
        0 if direction == TO_ENGINE => ppp::framed(walk),
        0 => {
            note_ethertype(walk, ethertypes::IPV4);
            Next::Ipv4
        }
        1 => {
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ipv6
        }
        2 => {
            note_ethertype(walk, ethertypes::MPLS);
            mpls::step(walk)
        }
        3 => recognised(walk, Network::Osi),
        _ => recognised(walk, Network::Other),
    }
}

fn multilink_ppp(walk: &mut Walk<'_>) -> Next {
    match walk.peek::<2>() {
        Some([ADAPTIVE_SERVICES, _]) => return adaptive_services(walk),
        Some([LINK_SERVICES, _]) => walk.skip(4),
        // Child links have no cookie: PPP begins at once.
        Some([0x00, 0x23] | [0xff, 0x03]) => {}
        _ => walk.skip(2),
    }
    ppp::framed(walk)
}

fn multilink_frame_relay(walk: &mut Walk<'_>) -> Next {
    match walk.peek::<1>() {
        Some([ADAPTIVE_SERVICES]) => return adaptive_services(walk),
        Some([LINK_SERVICES]) => walk.skip(4),
        _ => walk.skip(2),
    }
    control_and_protocol(walk)
}

fn frame_relay_bundle(walk: &mut Walk<'_>) -> Next {
    /// Begin and end bits of a fragment: child links carry no cookie.
    const WHOLE: u8 = 0xc0;

    match walk.peek::<1>() {
        Some([ADAPTIVE_SERVICES]) => return adaptive_services(walk),
        Some([LINK_SERVICES]) => walk.skip(6),
        Some([first]) if first & WHOLE == WHOLE => {
            // FRF.16 fragmentation header: flags and sequence number, then Frame Relay.
            walk.skip(2);
            return frame_relay::step(walk);
        }
        _ => walk.skip(4),
    }
    control_and_protocol(walk)
}

/// UI control and an NLPID, or LLC's OSI access points.
fn control_and_protocol(walk: &mut Walk<'_>) -> Next {
    match walk.peek::<2>() {
        Some([0xfe, 0xfe]) => recognised(walk, Network::Osi),
        Some([0x03, _]) => {
            walk.skip(1);
            network_layer(walk)
        }
        Some(_) => recognised(walk, Network::Other),
        None => walk.short(Layer::Link, 2),
    }
}

/// LLC, an NLPID or IP behind an ATM cookie.
fn atm_content(walk: &mut Walk<'_>) -> Next {
    match walk.peek::<3>() {
        Some([0xfe, 0xfe, 0x03]) => {
            walk.skip(3);
            network_layer(walk)
        }
        Some([0xaa, 0xaa, 0x03]) => llc::step(walk, llc::BridgePad::Atm),
        Some([0x03, ..]) => {
            walk.skip(1);
            network_layer(walk)
        }
        Some(_) => guess(walk),
        None => walk.short(Layer::Link, 3),
    }
}

fn atm1(walk: &mut Walk<'_>) -> Next {
    match cookie::<4>(walk) {
        // Operations and maintenance cells.
        Ok([0x80, ..]) => recognised(walk, Network::Other),
        Ok(_) => atm_content(walk),
        Err(next) => next,
    }
}

fn atm2(walk: &mut Walk<'_>) -> Next {
    const CELL_RELAY: u8 = 0x70;
    const GAP_COUNT: u8 = 0x3f;

    let [_, gap, _, _, _, _, _, kind] = match cookie::<8>(walk) {
        Ok(cookie) => cookie,
        Err(next) => return next,
    };
    if kind & CELL_RELAY != 0 {
        // Control words that cell relay puts in front, of several releases.
        if let Some([0, 0, 0, 0] | [0x08, 0x00 | 0x38, 0, 0]) = walk.peek::<4>() {
            walk.skip(4);
        }
        return recognised(walk, Network::Other);
    }
    let llc_follows = matches!(
        walk.peek::<3>(),
        Some([0xfe, 0xfe, 0x03] | [0xaa, 0xaa, 0x03] | [0x03, ..])
    );
    let ip_follows = matches!(walk.peek::<1>(), Some([0x45..=0x4f | 0x60..=0x6f]));
    if !llc_follows && !ip_follows && gap & GAP_COUNT != 0 {
        return ethernet::step(walk);
    }
    atm_content(walk)
}

fn pppoe_atm(walk: &mut Walk<'_>) -> Next {
    // The interface's encapsulation stands in front as an EtherType.
    match cookie::<2>(walk) {
        Ok(number) => Next::EtherType(u16::from_be_bytes(number)),
        Err(next) => next,
    }
}

fn ggsn(walk: &mut Walk<'_>) -> Next {
    match cookie::<8>(walk) {
        Ok([_, _, 2, ..]) => {
            note_ethertype(walk, ethertypes::IPV4);
            Next::Ipv4
        }
        Ok([_, _, 6, ..]) => {
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ipv6
        }
        Ok(_) => recognised(walk, Network::Other),
        Err(next) => next,
    }
}

fn encryption_services(walk: &mut Walk<'_>) -> Next {
    let Some(&[_, _, _, kind]) = walk.peek::<4>() else {
        return walk.short(Layer::Link, 4);
    };
    match kind {
        // Security association: index, TTL, type, SPI, tunnel addresses.
        3..=5 => match cookie::<16>(walk) {
            Ok(_) => guess(walk),
            Err(next) => next,
        },
        // A bundle: the packet follows at once.
        _ => guess(walk),
    }
}

fn services(walk: &mut Walk<'_>) -> Next {
    match cookie::<8>(walk) {
        Ok(_) => guess(walk),
        Err(next) => next,
    }
}

/// Voice services: 18 bytes, then IP.
fn voice(walk: &mut Walk<'_>) -> Next {
    match cookie::<18>(walk) {
        Ok(_) => guess(walk),
        Err(next) => next,
    }
}
