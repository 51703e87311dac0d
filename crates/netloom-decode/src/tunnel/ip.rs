//! Tunnels that an IP protocol number announces and whose header says little.

use super::enter;
use super::plausible::Rest;
use crate::decoded::{Layer, StopKind, TunnelKind};
use crate::walk::{Next, Walk};
use netloom_packet::LinkType;

/// IP in IP, both versions in both (RFC 2003, RFC 2473, RFC 4213): the version nibble says
/// what is inside, whatever the protocol number said.
pub(super) fn ip_in_ip(walk: &mut Walk<'_>) -> Next {
    enter(walk, TunnelKind::IpIp, 0, 0, Next::Ip)
}

/// Ethernet in IP (RFC 3378 section 3): version 3 and twelve reserved bits.
pub(super) fn ethernet_in_ip(walk: &mut Walk<'_>) -> Next {
    let Some(&[version, _]) = walk.peek::<2>() else {
        return walk.short(Layer::Tunnel, 2);
    };
    if version >> 4 != 3 {
        return walk.stop(
            Layer::Tunnel,
            StopKind::BadVersion,
            usize::from(version >> 4),
            3,
        );
    }
    enter(
        walk,
        TunnelKind::EtherIp,
        0,
        2,
        Next::Link(LinkType::ETHERNET),
    )
}

/// PIM version 2 (RFC 7761 section 4.9.3): a Register message that is no Null-Register has a
/// multicast packet behind eight bytes of header.
pub(super) fn pim_register(walk: &mut Walk<'_>) -> Next {
    match walk.peek::<8>() {
        Some([0x21, _, _, _, flags, ..]) if flags & 0x40 == 0 && Rest::after(walk, 8).is_ip() => {
            enter(walk, TunnelKind::PimRegister, 0, 8, Next::Ip)
        }
        _ => Next::Done,
    }
}
