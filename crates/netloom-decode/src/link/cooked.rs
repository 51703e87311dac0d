//! Linux cooked captures, versions 1 and 2: what the kernel says of a packet in place of its
//! link header.

use netloom_packet::LinkType;

use crate::decoded::{Layer, Network};
use crate::link::{ethertype, note_macs, recognised};
use crate::walk::{Next, Walk};

/// ARPHRD_ types (Linux if_arp.h) that change what the protocol field means.
mod arphrd {
    pub(super) const FRAME_RELAY: u16 = 770;
    pub(super) const IEEE80211: u16 = 801;
    pub(super) const IEEE80211_PRISM: u16 = 802;
    pub(super) const IEEE80211_RADIOTAP: u16 = 803;
    pub(super) const NETLINK: u16 = 824;
}

/// Protocol numbers below the EtherTypes (Linux if_ether.h).
mod protocol {
    pub(super) const NOVELL_802_3: u16 = 0x0001;
    pub(super) const LLC: u16 = 0x0004;
    pub(super) const WAN_PPP: u16 = 0x0007;
    pub(super) const PPP_MP: u16 = 0x0008;
}

/// Decodes the 16-byte header: packet type, ARPHRD type, address length, address, protocol.
pub(super) fn version_1(walk: &mut Walk<'_>) -> Next {
    let Some(&header) = walk.peek::<16>() else {
        return walk.short(Layer::Link, 16);
    };
    let [_, _, t0, t1, l0, l1, a0, a1, a2, a3, a4, a5, _, _, p0, p1] = header;
    let address = (u16::from_be_bytes([l0, l1]) == 6).then_some([a0, a1, a2, a3, a4, a5]);
    note_macs(walk, None, address);
    walk.skip(16);
    payload(
        walk,
        u16::from_be_bytes([t0, t1]),
        u16::from_be_bytes([p0, p1]),
    )
}

/// Decodes the 20-byte header: protocol, interface index, ARPHRD type, packet type, address
/// length, address.
pub(super) fn version_2(walk: &mut Walk<'_>) -> Next {
    let Some(&header) = walk.peek::<20>() else {
        return walk.short(Layer::Link, 20);
    };
    let [
        p0,
        p1,
        _,
        _,
        _,
        _,
        _,
        _,
        t0,
        t1,
        _,
        length,
        a0,
        a1,
        a2,
        a3,
        a4,
        a5,
        _,
        _,
    ] = header;
    note_macs(
        walk,
        None,
        (length == 6).then_some([a0, a1, a2, a3, a4, a5]),
    );
    walk.skip(20);
    payload(
        walk,
        u16::from_be_bytes([t0, t1]),
        u16::from_be_bytes([p0, p1]),
    )
}

fn payload(walk: &mut Walk<'_>, hardware: u16, protocol: u16) -> Next {
    match hardware {
        // The protocol is a netlink family.
        arphrd::NETLINK => return recognised(walk, Network::Other),
        arphrd::FRAME_RELAY => return Next::Link(LinkType::FRELAY),
        arphrd::IEEE80211 => return Next::Link(LinkType::IEEE802_11),
        arphrd::IEEE80211_PRISM => return Next::Link(LinkType::IEEE802_11_PRISM),
        arphrd::IEEE80211_RADIOTAP => return Next::Link(LinkType::IEEE802_11_RADIOTAP),
        _ => {}
    }
    match protocol {
        protocol::NOVELL_802_3 => recognised(walk, Network::Ipx),
        protocol::LLC => Next::Llc,
        protocol::WAN_PPP | protocol::PPP_MP => Next::Link(LinkType::PPP),
        // The rest below 1536 are the kernel's own numbers (CAN, 802.15.4, …).
        0..=1535 => recognised(walk, Network::Other),
        number => ethertype(walk, number),
    }
}
