//! SLIP with libpcap's 16-byte header (RFC 1055, RFC 1144).

use crate::decoded::{Layer, Network};
use crate::link::{ethertypes, note_ethertype, recognised};
use crate::walk::{Next, Walk};

/// Skips the header: direction, then what Van Jacobson compression left of the IP header.
/// Packets that were compressed have no IP header to decode.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    if walk.rest().len() < 16 {
        return walk.short(Layer::Link, 16);
    }
    walk.skip(16);
    match walk.peek::<1>().map(|byte| byte[0] >> 4) {
        Some(4) => {
            note_ethertype(walk, ethertypes::IPV4);
            Next::Ipv4
        }
        Some(6) => {
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ipv6
        }
        _ => recognised(walk, Network::Other),
    }
}
