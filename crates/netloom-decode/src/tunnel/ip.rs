//! Tunnels that an IP protocol number announces and whose header says little.

use super::enter;
use super::plausible::Rest;
use crate::decoded::{Layer, StopKind, TunnelKind};
use crate::net::extension::number;
use crate::walk::{Next, Walk};
use netloom_packet::LinkType;

/// IP in IP, both versions in both (RFC 2003, RFC 2473, RFC 4213).
///
/// Protocol 41 is IPv6 and nothing else; behind 4 the version nibble says what is inside, as
/// some senders use it for both.
pub(super) fn ip_in_ip(walk: &mut Walk<'_>) -> Next {
    let announced = walk.out.ip.map(|ip| ip.protocol);
    if announced == Some(number::IPV6) {
        let version = walk.peek::<1>().map_or(6, |byte| byte[0] >> 4);
        if version != 6 {
            return walk.stop(Layer::Tunnel, StopKind::BadVersion, version.into(), 6);
        }
    }
    enter(walk, TunnelKind::IpIp, 0, 0, Next::Ip)
}

/// Ethernet in IP (RFC 3378 section 3): version 3 and twelve reserved bits; or, under its own
/// protocol number, the frame at once (RFC 8986 section 9.1).
pub(super) fn ethernet_in_ip(walk: &mut Walk<'_>) -> Next {
    if walk
        .out
        .ip
        .is_some_and(|ip| ip.protocol == number::ETHERNET)
    {
        let frame = Next::Link(LinkType::ETHERNET);
        return enter(walk, TunnelKind::EtherIp, 0, 0, frame);
    }
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
