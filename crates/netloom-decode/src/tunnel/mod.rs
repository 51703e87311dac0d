//! Tunnels: packets inside packets.
//!
//! A tunnel that an IP protocol number announces is taken at its word: what is wrong in it is
//! noted in [`Decoded::stopped`](crate::Decoded::stopped). One that only a UDP port announces
//! is opened when its header and what follows it make sense; else the packet is an ordinary
//! datagram that happened to use the port, and nothing is noted. Either way the packet keeps
//! its outer addresses and ports until an inner IP header has been read.

mod ayiya;
mod capwap;
mod erspan;
mod geneve;
mod gre;
mod gtp;
mod ip;
mod l2tp;
mod mpls;
mod plausible;
mod teredo;
mod tzsp;
mod vxlan;

use crate::decoded::{Tunnel, TunnelKind};
use crate::walk::{Next, Walk};

/// The tunnels that an IP protocol number or a UDP port announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// IP in IP.
    IpIp,
    /// GRE, with all that is found over it.
    Gre,
    /// GRE in UDP (RFC 8086).
    GreInUdp,
    /// Ethernet in IP.
    EtherIp,
    /// PIM, of which only Register messages carry packets.
    PimRegister,
    /// L2TPv3 over IP.
    L2tpv3,
    /// L2TP over UDP, version 2 or 3.
    L2tpInUdp,
    /// MPLS in IP.
    MplsInIp,
    /// MPLS in UDP.
    MplsInUdp,
    /// VXLAN and VXLAN-GPE.
    Vxlan,
    /// GENEVE.
    Geneve,
    /// GTP-U.
    GtpU,
    /// Teredo.
    Teredo,
    /// AYIYA.
    Ayiya,
    /// CAPWAP data.
    Capwap,
    /// TZSP.
    Tzsp,
}

/// Opens a tunnel unless the packet is a fragment: the first one belongs to the flow of its
/// datagram as the others do, and the tunnel is opened when the datagram is whole.
#[inline]
pub(crate) fn offer(walk: &Walk<'_>, opening: Opening) -> Next {
    if walk.out.fragment().is_some() {
        Next::Done
    } else {
        Next::Tunnel(opening)
    }
}

/// The tunnel that a UDP datagram's ports announce (IANA's port numbers, and 8472, which
/// Linux took for VXLAN before it had one), or that its payload shows; the port of the
/// destination decides where both do.
#[inline]
pub(crate) fn by_udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Option<Opening> {
    by_port(dst_port).or_else(|| by_port(src_port)).or_else(|| {
        // Teredo clients that have found each other use any ports.
        teredo::is_between_teredo_addresses(payload).then_some(Opening::Teredo)
    })
}

#[inline]
fn by_port(port: u16) -> Option<Opening> {
    Some(match port {
        1701 => Opening::L2tpInUdp,
        // 2123 is GTP-C's, where only a packet of type 255 would be opened.
        2123 | 2152 => Opening::GtpU,
        3544 => Opening::Teredo,
        4754 => Opening::GreInUdp,
        4789 | 4790 | 8472 => Opening::Vxlan,
        5072 => Opening::Ayiya,
        5247 => Opening::Capwap,
        6081 => Opening::Geneve,
        6635 => Opening::MplsInUdp,
        37008 => Opening::Tzsp,
        _ => return None,
    })
}

/// Reads a tunnel's header.
pub(crate) fn step(walk: &mut Walk<'_>, opening: Opening) -> Next {
    match opening {
        Opening::IpIp => ip::ip_in_ip(walk),
        Opening::EtherIp => ip::ethernet_in_ip(walk),
        Opening::PimRegister => ip::pim_register(walk),
        Opening::Gre => gre::step(walk),
        Opening::GreInUdp => gre::in_udp(walk),
        Opening::L2tpv3 => l2tp::over_ip(walk),
        Opening::L2tpInUdp => l2tp::over_udp(walk),
        Opening::MplsInIp => mpls::in_ip(walk),
        Opening::MplsInUdp => mpls::in_udp(walk),
        Opening::Vxlan => vxlan::step(walk),
        Opening::Geneve => geneve::step(walk),
        Opening::GtpU => gtp::step(walk),
        Opening::Teredo => teredo::step(walk),
        Opening::Ayiya => ayiya::step(walk),
        Opening::Capwap => capwap::step(walk),
        Opening::Tzsp => tzsp::step(walk),
    }
}

/// Notes a tunnel whose header has `header_len` bytes, goes over it, and on to `next`; done
/// where the options leave this kind closed.
fn enter(walk: &mut Walk<'_>, kind: TunnelKind, id: u32, header_len: usize, next: Next) -> Next {
    if !walk.options.tunnels.contains(kind) {
        return Next::Done;
    }
    let ip_offset = walk
        .out
        .ip
        .and_then(|ip| u16::try_from(ip.offset).ok())
        .unwrap_or(u16::MAX);
    if !walk.enter(Tunnel {
        kind,
        id,
        ip_offset,
    }) {
        return Next::Done;
    }
    walk.skip(header_len);
    next
}

/// The 24-bit number in three bytes.
fn u24(bytes: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
}

#[cfg(test)]
mod tests;
