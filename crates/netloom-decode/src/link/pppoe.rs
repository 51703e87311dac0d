//! PPP over Ethernet (RFC 2516).

use crate::decoded::{Layer, Network, StopKind, TunnelKind};
use crate::link::{open, recognised};
use crate::walk::{Next, Walk};

/// A session frame: version and type, code, session, length, then PPP from its protocol on.
pub(super) fn session(walk: &mut Walk<'_>) -> Next {
    let Some(&[version_type, code, s0, s1, l0, l1]) = walk.peek::<6>() else {
        return walk.short(Layer::Tunnel, 6);
    };
    if version_type != 0x11 {
        return walk.stop(
            Layer::Tunnel,
            StopKind::BadVersion,
            version_type.into(),
            0x11,
        );
    }
    if code != 0 {
        return recognised(walk, Network::PppoeDiscovery);
    }
    walk.skip(6);
    // A length beyond the frame is the sender's fault; PPP's content has its own lengths.
    walk.limit(u16::from_be_bytes([l0, l1]).into());
    if let Err(next) = open(walk, TunnelKind::Pppoe, u16::from_be_bytes([s0, s1]).into()) {
        return next;
    }
    Next::Ppp
}

/// A discovery frame: recognised, its tags are not read.
pub(super) fn discovery(walk: &mut Walk<'_>) -> Next {
    recognised(walk, Network::PppoeDiscovery)
}
