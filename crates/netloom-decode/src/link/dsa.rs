//! Switch tags of the Distributed Switch Architecture: between the addresses and the type of
//! a frame, or in front of it.

use crate::decoded::Layer;
use crate::link::ethernet::type_or_length;
use crate::link::{ethernet, note_macs};
use crate::walk::{Next, Walk};

/// Where the tag came from, which tells its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// Marvell: 4 bytes (8 in extended form).
    Marvell,
    /// Marvell behind an EtherType and two reserved bytes.
    MarvellEtherType,
    /// Broadcom: 4 bytes.
    Broadcom,
}

/// Decodes addresses, tag, type.
pub(super) fn step(walk: &mut Walk<'_>, tag: Tag) -> Next {
    let tag_at = if tag == Tag::MarvellEtherType { 16 } else { 12 };
    let Some(&[d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5]) = walk.peek::<12>() else {
        return walk.short(Layer::Link, 12);
    };
    let extended = tag != Tag::Broadcom
        && walk
            .rest()
            .get(tag_at + 2)
            .is_some_and(|byte| byte & 0x10 != 0);
    let type_at = tag_at + if extended { 8 } else { 4 };
    let Some(&[hi, lo]) = walk.rest().get(type_at..).and_then(<[u8]>::first_chunk) else {
        return walk.short(Layer::Link, type_at + 2);
    };
    note_macs(
        walk,
        Some([d0, d1, d2, d3, d4, d5]),
        Some([s0, s1, s2, s3, s4, s5]),
    );
    walk.skip(type_at + 2);
    type_or_length(walk, u16::from_be_bytes([hi, lo]))
}

/// Decodes Broadcom's tag of 4 bytes in front of a whole frame.
pub(super) fn prepended(walk: &mut Walk<'_>) -> Next {
    if walk.rest().len() < 4 {
        return walk.short(Layer::Link, 4);
    }
    walk.skip(4);
    ethernet::step(walk)
}
