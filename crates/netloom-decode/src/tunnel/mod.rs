//! Tunnels: packets inside packets.

use crate::decoded::{Tunnel, TunnelKind};
use crate::walk::{Next, Walk};

/// The tunnels that an IP protocol number or a UDP port announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// IP in IP.
    IpIp,
    /// GRE, with all that is found over it.
    Gre,
    /// Ethernet in IP.
    EtherIp,
    /// PIM, of which only Register messages carry packets.
    PimRegister,
    /// L2TPv3 over IP.
    L2tpv3,
    /// MPLS in IP.
    MplsInIp,
}

/// Opens a tunnel if the packet's options and state allow it; else decoding is done.
pub(crate) fn offer(walk: &mut Walk<'_>, opening: Opening) -> Next {
    // The first fragment of a datagram belongs to the flow of its datagram like the others;
    // the tunnel is opened when the datagram is whole.
    if walk.out.ip.is_some_and(|ip| ip.fragment.is_some()) {
        return Next::Done;
    }
    Next::Tunnel(opening)
}

/// The tunnel that a pair of UDP ports announces.
pub(crate) fn by_udp_ports(_src_port: u16, _dst_port: u16) -> Option<Opening> {
    None
}

/// Reads a tunnel's header.
pub(crate) fn step(walk: &mut Walk<'_>, opening: Opening) -> Next {
    match opening {
        Opening::IpIp if walk.options.tunnels.contains(TunnelKind::IpIp) => {
            enter(walk, TunnelKind::IpIp, 0, 0, Next::Ip)
        }
        _ => Next::Done,
    }
}

/// Notes a tunnel whose header has `header_len` bytes, goes over it, and on to `next`.
fn enter(walk: &mut Walk<'_>, kind: TunnelKind, id: u32, header_len: usize, next: Next) -> Next {
    let ip_offset =
        walk.out.ip.and_then(|ip| u16::try_from(ip.offset).ok()).unwrap_or(u16::MAX);
    if !walk.enter(Tunnel { kind, id, ip_offset }) {
        return Next::Done;
    }
    walk.skip(header_len);
    next
}

#[cfg(test)]
mod tests;
