//! Apple's PKTAP: a header of the capturing system in front of any link type.

use netloom_packet::LinkType;

use crate::decoded::{Layer, Network, StopKind};
use crate::link::recognised;
use crate::walk::{Next, Walk};

/// Whether a header of a plausible length (108 bytes, and more in later versions) with a known
/// record type begins here.
pub(super) fn is_plausible(walk: &Walk<'_>) -> bool {
    matches!(
        walk.peek::<8>(),
        Some(&[108..=255, 0, 0, 0, 0..=1, 0, 0, 0] | &[_, 1, 0, 0, 0..=1, 0, 0, 0])
    )
}

/// Decodes length, record type, link type (all little-endian), and skips the rest.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    /// Record types.
    const PACKET: u32 = 1;
    /// Length, type, link type.
    const LEAST: usize = 12;

    let Some(&[l0, l1, l2, l3, t0, t1, t2, t3, d0, d1, d2, d3]) = walk.peek::<LEAST>() else {
        return walk.short(Layer::Link, LEAST);
    };
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length < LEAST {
        return walk.stop(Layer::Link, StopKind::BadLength, length, LEAST);
    }
    if walk.rest().len() < length {
        return walk.short(Layer::Link, length);
    }
    walk.skip(length);
    if u32::from_le_bytes([t0, t1, t2, t3]) != PACKET {
        return recognised(walk, Network::Other);
    }
    let link_type = u32::from_le_bytes([d0, d1, d2, d3]);
    match u16::try_from(link_type) {
        Ok(number) => Next::Link(LinkType(number)),
        Err(_) => walk.stop(Layer::Link, StopKind::Unsupported, link_type as usize, 0),
    }
}
