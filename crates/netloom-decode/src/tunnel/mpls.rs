//! MPLS in IP (RFC 4023) and in UDP (RFC 7510): the label stack itself is a step of `link`,
//! which notes the tunnel.

use super::plausible::Rest;
use crate::decoded::TunnelKind;
use crate::walk::{Next, Walk};

const ETHERTYPE: u16 = 0x8847;

/// MPLS in IP.
pub(super) fn in_ip(walk: &mut Walk<'_>) -> Next {
    if walk.options.tunnels.contains(TunnelKind::Mpls) {
        Next::EtherType(ETHERTYPE)
    } else {
        Next::Done
    }
}

/// MPLS in UDP.
pub(super) fn in_udp(walk: &mut Walk<'_>) -> Next {
    if Rest::after(walk, 0).is_mpls() {
        in_ip(walk)
    } else {
        Next::Done
    }
}
