//! IP over Fibre Channel (RFC 2625).

use crate::decoded::Layer;
use crate::link::{llc, note_macs};
use crate::walk::{Next, Walk};

/// Decodes two addresses of 8 bytes (2 of naming authority, then 48 bits), then LLC.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&header) = walk.peek::<16>() else {
        return walk.short(Layer::Link, 16);
    };
    let [_, _, d0, d1, d2, d3, d4, d5, _, _, s0, s1, s2, s3, s4, s5] = header;
    note_macs(
        walk,
        Some([d0, d1, d2, d3, d4, d5]),
        Some([s0, s1, s2, s3, s4, s5]),
    );
    walk.skip(16);
    llc::step(walk, llc::BridgePad::None)
}
