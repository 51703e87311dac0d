//! Token Ring (802.5) and FDDI.

use crate::decoded::{Layer, Network};
use crate::link::{llc, note_macs, recognised};
use crate::walk::{Next, Walk};

/// Decodes access control, frame control, addresses, and source routing where the source's
/// group bit says that there is any.
pub(super) fn token_ring(walk: &mut Walk<'_>) -> Next {
    const ROUTED: u8 = 0x80;

    let Some(&header) = walk.peek::<14>() else {
        return walk.short(Layer::Link, 14);
    };
    let [_, control, d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = header;
    note_macs(
        walk,
        Some([d0, d1, d2, d3, d4, d5]),
        Some([s0 & !ROUTED, s1, s2, s3, s4, s5]),
    );
    walk.skip(14);
    if s0 & ROUTED != 0 {
        let Some(&[routing, _]) = walk.peek::<2>() else {
            return walk.short(Layer::Link, 2);
        };
        let length = usize::from(routing & 0x1f).max(2);
        if walk.rest().len() < length {
            return walk.short(Layer::Link, length);
        }
        walk.skip(length);
    }
    // Frame type 01: LLC; 00: MAC management.
    if control >> 6 == 1 {
        llc::step(walk, llc::BridgePad::None)
    } else {
        recognised(walk, Network::Other)
    }
}

/// Decodes frame control and addresses.
pub(super) fn fddi(walk: &mut Walk<'_>) -> Next {
    let Some(&header) = walk.peek::<13>() else {
        return walk.short(Layer::Link, 13);
    };
    let [control, d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = header;
    note_macs(
        walk,
        Some([d0, d1, d2, d3, d4, d5]),
        Some([s0, s1, s2, s3, s4, s5]),
    );
    walk.skip(13);
    // CLFF: any class, 48-bit addresses, format 01 is LLC.
    if control & 0x70 == 0x50 {
        llc::step(walk, llc::BridgePad::None)
    } else {
        recognised(walk, Network::Other)
    }
}
