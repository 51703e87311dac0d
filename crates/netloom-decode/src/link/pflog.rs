//! The packet filter's log of OpenBSD and its relatives.

use crate::decoded::{Layer, Network, StopKind};
use crate::link::{ethertypes, note_ethertype, recognised};
use crate::walk::{Next, Walk};

/// Decodes the header: its length (without padding to 4 bytes), address family, and fields
/// that differ between systems.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    /// Shortest header of any system: up to the rule numbers.
    const SHORTEST: usize = 28;

    let Some(&[length, family, ..]) = walk.peek::<4>() else {
        return walk.short(Layer::Link, 4);
    };
    if usize::from(length) < SHORTEST {
        return walk.stop(Layer::Link, StopKind::BadLength, length.into(), SHORTEST);
    }
    let length = usize::from(length).next_multiple_of(4);
    if walk.rest().len() < length {
        return walk.short(Layer::Link, length);
    }
    walk.skip(length);
    match family {
        2 => {
            note_ethertype(walk, ethertypes::IPV4);
            Next::Ip
        }
        // OpenBSD and NetBSD, FreeBSD, Darwin.
        24 | 28 | 30 => {
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ip
        }
        _ => recognised(walk, Network::Other),
    }
}
