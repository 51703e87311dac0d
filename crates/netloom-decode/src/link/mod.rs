//! Link layers: from the first byte of a packet to what an EtherType, an LLC SAP or a PPP
//! protocol number announces.
//!
//! One file a protocol. Each link layer sets [`Decoded::src_mac`](crate::Decoded::src_mac),
//! `dst_mac`, `ethertype` and `vlans` only while no tunnel has been opened: they are about the
//! outermost frame.

mod arcnet;
mod atm;
mod cooked;
mod dsa;
mod ethernet;
mod exported;
mod fibre_channel;
mod firewire;
mod frame_relay;
mod hdlc;
mod juniper;
mod llc;
mod mpls;
mod nflog;
mod null;
mod pbb;
mod pflog;
mod pktap;
mod ppp;
mod pppoe;
mod ring;
mod slip;
mod tag;
#[cfg(test)]
mod tests;
mod wlan;

use netloom_packet::{LinkType, MacAddr};

use crate::decoded::{Layer, Network, StopKind, Tunnel, TunnelKind};
use crate::net;
use crate::walk::{Next, Walk};

/// EtherType numbers (IEEE 802 registry) that are told apart.
pub(crate) mod ethertypes {
    pub(crate) const IPV4: u16 = 0x0800;
    pub(crate) const ARP: u16 = 0x0806;
    pub(crate) const TRILL: u16 = 0x22f3;
    pub(crate) const TRANSPARENT_ETHERNET: u16 = 0x6558;
    pub(crate) const RARP: u16 = 0x8035;
    pub(crate) const VLAN: u16 = 0x8100;
    pub(crate) const IPX: u16 = 0x8137;
    pub(crate) const IPX_OLD: u16 = 0x8138;
    pub(crate) const IPV6: u16 = 0x86dd;
    pub(crate) const SLOW_PROTOCOLS: u16 = 0x8809;
    pub(crate) const PPP: u16 = 0x880b;
    pub(crate) const MPLS: u16 = 0x8847;
    pub(crate) const MPLS_MULTICAST: u16 = 0x8848;
    pub(crate) const PPPOE_DISCOVERY: u16 = 0x8863;
    pub(crate) const PPPOE_SESSION: u16 = 0x8864;
    pub(crate) const EAPOL: u16 = 0x888e;
    pub(crate) const SERVICE_VLAN: u16 = 0x88a8;
    pub(crate) const LLDP: u16 = 0x88cc;
    pub(crate) const MACSEC: u16 = 0x88e5;
    pub(crate) const PBB: u16 = 0x88e7;
    pub(crate) const FABRIC_PATH: u16 = 0x8903;
    pub(crate) const CISCO_METADATA: u16 = 0x8909;
    pub(crate) const VNTAG: u16 = 0x8926;
    pub(crate) const ETAG: u16 = 0x893f;
    pub(crate) const NSH: u16 = 0x894f;
    pub(crate) const LOOPBACK: u16 = 0x9000;
    /// VLAN tags of vendors before 802.1ad.
    pub(crate) const OLD_QINQ: [u16; 3] = [0x9100, 0x9200, 0x9300];
    pub(crate) const ARISTA: u16 = 0xd28b;
    pub(crate) const RTAG: u16 = 0xf1c1;
    /// IS-IS and the other OSI protocols where they have an EtherType (GRE, Cisco HDLC).
    pub(crate) const OSI: u16 = 0x00fe;
}

/// Decodes the headers of a link type.
#[inline]
pub(crate) fn frame(walk: &mut Walk<'_>, link_type: LinkType) -> Next {
    if link_type == LinkType::ETHERNET {
        return ethernet::step(walk);
    }
    other_frame(walk, link_type)
}

fn other_frame(walk: &mut Walk<'_>, link_type: LinkType) -> Next {
    match link_type {
        LinkType::NULL | LinkType::LOOP => null::step(walk),
        // The version nibble counts, whatever IPV4 and IPV6 promise.
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | LinkType(12 | 14) => raw(walk),
        LinkType::IPNET => ipnet(walk),
        LinkType::IPOIB => {
            // Two bytes behind the EtherType are reserved.
            tag::behind(walk, 40, 2)
        }
        LinkType::LINUX_SLL => cooked::version_1(walk),
        LinkType::LINUX_SLL2 => cooked::version_2(walk),
        LinkType::PPP | LinkType::PPP_HDLC => ppp::framed(walk),
        LinkType::PPP_WITH_DIR => ppp::with_direction(walk),
        LinkType::PPP_PPPD => ppp::of_pppd(walk),
        LinkType::PPP_ETHER => pppoe::session(walk),
        LinkType::C_HDLC => hdlc::step(walk),
        LinkType::C_HDLC_WITH_DIR => {
            skip_direction(walk);
            hdlc::step(walk)
        }
        LinkType::FRELAY => frame_relay::step(walk),
        LinkType::FRELAY_WITH_DIR => {
            skip_direction(walk);
            frame_relay::step(walk)
        }
        LinkType::SLIP => slip::step(walk),
        LinkType::TOKEN_RING => ring::token_ring(walk),
        LinkType::FDDI => ring::fddi(walk),
        LinkType::ATM_RFC1483 => atm::rfc1483(walk),
        LinkType::SUNATM => atm::sun(walk),
        LinkType::IP_OVER_FC => fibre_channel::step(walk),
        LinkType::ARCNET_LINUX => arcnet::step(walk),
        LinkType::APPLE_IP_OVER_IEEE1394 => firewire::step(walk),
        LinkType::LTALK => recognised(walk, Network::Other),
        LinkType::IEEE802_11 => wlan::step(walk, wlan::Hints::default()),
        LinkType::IEEE802_11_RADIOTAP => wlan::radio::radiotap(walk),
        LinkType::IEEE802_11_PRISM => wlan::radio::prism(walk),
        LinkType::IEEE802_11_AVS => wlan::radio::avs(walk),
        LinkType::PPI => wlan::radio::ppi(walk),
        LinkType::NFLOG => nflog::step(walk),
        LinkType::PFLOG => pflog::step(walk),
        LinkType::PKTAP => pktap::step(walk),
        // USER2, which Apple's tools wrote before PKTAP had a number.
        LinkType(149) if pktap::is_plausible(walk) => pktap::step(walk),
        LinkType::DSA_TAG_DSA => dsa::step(walk, dsa::Tag::Marvell),
        LinkType::DSA_TAG_EDSA => dsa::step(walk, dsa::Tag::MarvellEtherType),
        LinkType::DSA_TAG_BRCM => dsa::step(walk, dsa::Tag::Broadcom),
        LinkType::DSA_TAG_BRCM_PREPEND => dsa::prepended(walk),
        LinkType::NETANALYZER => ethernet::net_analyzer(walk, 0),
        LinkType::NETANALYZER_TRANSPARENT => ethernet::net_analyzer(walk, 8),
        LinkType::ETHERNET_MPACKET => ethernet::mpacket(walk),
        LinkType::WIRESHARK_UPPER_PDU => exported::step(walk),
        other => juniper::step(walk, other).unwrap_or_else(|| {
            let number = usize::from(other.0);
            walk.stop(Layer::Link, StopKind::Unsupported, number, 0)
        }),
    }
}

/// Decodes what an EtherType announces: IP, tags, labels, and the protocols that are
/// recognised but not decoded.
#[inline]
pub(crate) fn ethertype(walk: &mut Walk<'_>, ethertype: u16) -> Next {
    match ethertype {
        ethertypes::IPV4 => {
            note_ethertype(walk, ethertype);
            Next::Ipv4
        }
        ethertypes::IPV6 => {
            note_ethertype(walk, ethertype);
            Next::Ipv6
        }
        other => other_ethertype(walk, other),
    }
}

fn other_ethertype(walk: &mut Walk<'_>, ethertype: u16) -> Next {
    // Tags: the EtherType that counts is the one behind them.
    match ethertype {
        ethertypes::VLAN | ethertypes::SERVICE_VLAN => return tag::vlan(walk),
        tpid if ethertypes::OLD_QINQ.contains(&tpid) => return tag::vlan(walk),
        ethertypes::VNTAG | ethertypes::RTAG => return tag::skip_to_ethertype(walk, 4),
        // 802.1BR: where from and where to in bridge extenders.
        ethertypes::ETAG => return tag::skip_to_ethertype(walk, 6),
        ethertypes::ARISTA => return tag::arista(walk),
        ethertypes::CISCO_METADATA => return tag::cisco_metadata(walk),
        ethertypes::MACSEC => return tag::macsec(walk),
        _ => note_ethertype(walk, ethertype),
    }
    match ethertype {
        ethertypes::ARP | ethertypes::RARP => net::arp::step(walk),
        ethertypes::MPLS | ethertypes::MPLS_MULTICAST => mpls::step(walk),
        ethertypes::PPPOE_SESSION => pppoe::session(walk),
        ethertypes::PPPOE_DISCOVERY => pppoe::discovery(walk),
        ethertypes::PPP => Next::Ppp,
        ethertypes::PBB => pbb::step(walk),
        ethertypes::TRANSPARENT_ETHERNET => Next::Link(LinkType::ETHERNET),
        ethertypes::FABRIC_PATH => tag::fabric_path(walk),
        ethertypes::TRILL => tag::trill(walk),
        ethertypes::NSH => tag::nsh(walk),
        ethertypes::LLDP => recognised(walk, Network::Lldp),
        ethertypes::EAPOL => recognised(walk, Network::Eapol),
        ethertypes::SLOW_PROTOCOLS => recognised(walk, Network::SlowProtocols),
        ethertypes::LOOPBACK => recognised(walk, Network::Loopback),
        ethertypes::IPX | ethertypes::IPX_OLD => recognised(walk, Network::Ipx),
        ethertypes::OSI => recognised(walk, Network::Osi),
        _ => recognised(walk, Network::Other),
    }
}

/// Decodes an 802.2 LLC header.
pub(crate) fn llc(walk: &mut Walk<'_>) -> Next {
    llc::step(walk, llc::BridgePad::None)
}

/// Decodes a PPP frame behind its framing, from the protocol field on.
pub(crate) fn ppp(walk: &mut Walk<'_>) -> Next {
    ppp::protocol(walk)
}

/// IP without any link header; anything that is no IP is told by its version nibble.
fn raw(walk: &mut Walk<'_>) -> Next {
    match walk.peek::<1>().map(|byte| byte[0] >> 4) {
        Some(4) => note_ethertype(walk, ethertypes::IPV4),
        Some(6) => note_ethertype(walk, ethertypes::IPV6),
        _ => {}
    }
    Next::Ip
}

/// Solaris's ipnet header: version, address family in Solaris's numbers, 22 bytes about the
/// interface and zones.
fn ipnet(walk: &mut Walk<'_>) -> Next {
    const HEADER: usize = 24;
    let Some(&[_version, family, ..]) = walk.peek::<HEADER>() else {
        return walk.short(Layer::Link, HEADER);
    };
    walk.skip(HEADER);
    match family {
        2 | 26 => raw(walk),
        _ => recognised(walk, Network::Other),
    }
}

/// Skips the direction byte that LINKTYPE_..._WITH_DIR have in front (0: received, else sent).
fn skip_direction(walk: &mut Walk<'_>) {
    walk.skip(1);
}

/// Ends at a network layer that is recognised but not decoded: what follows is its payload.
///
/// Inside a tunnel that an IP header carries, that outer header stays the packet's network
/// layer and its payload stays the packet's payload.
fn recognised(walk: &mut Walk<'_>, network: Network) -> Next {
    if walk.out.ip.is_none() {
        walk.out.network = network;
        walk.out.payload_offset = walk.at as u32;
        walk.out.payload_len = walk.end.saturating_sub(walk.at) as u32;
        walk.out.payload_wire_len = walk.wire_end.saturating_sub(walk.at) as u32;
    }
    Next::Done
}

/// Whether the frame at hand is the outermost one.
#[inline]
fn is_outermost(walk: &Walk<'_>) -> bool {
    walk.out.tunnels.is_empty()
}

/// Notes hardware addresses, if the frame is the outermost and none were noted before.
#[inline]
fn note_macs(walk: &mut Walk<'_>, dst: Option<[u8; 6]>, src: Option<[u8; 6]>) {
    if is_outermost(walk) && walk.out.src_mac.is_none() && walk.out.dst_mac.is_none() {
        walk.out.dst_mac = dst.map(MacAddr);
        walk.out.src_mac = src.map(MacAddr);
    }
}

/// Notes the EtherType of the outermost frame.
#[inline]
fn note_ethertype(walk: &mut Walk<'_>, ethertype: u16) {
    if is_outermost(walk) && walk.out.ethertype.is_none() {
        walk.out.ethertype = Some(ethertype);
    }
}

/// Takes `len` bytes off the end of the frame on the wire: a frame check sequence or other
/// trailer.
fn drop_trailer(walk: &mut Walk<'_>, len: usize) {
    walk.wire_end = walk.wire_end.saturating_sub(len).max(walk.at);
    walk.end = walk.end.min(walk.wire_end);
}

/// Opens an encapsulation that belongs to the link layer; the walk stands behind its header.
///
/// One that the options leave closed is opened all the same while no IP header was seen: a
/// packet must belong to some address, and these have none of their own. `Err` is what to
/// return.
fn open(walk: &mut Walk<'_>, kind: TunnelKind, id: u32) -> Result<(), Next> {
    if walk.out.ip.is_some() && !walk.options.tunnels.contains(kind) {
        return Err(Next::Done);
    }
    if walk.enter(Tunnel {
        kind,
        id,
        ip_offset: u16::MAX,
    }) {
        Ok(())
    } else {
        Err(Next::Done)
    }
}
