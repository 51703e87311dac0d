//! Provider backbone bridges (802.1ah): a customer's frame behind an I-TAG.

use netloom_packet::LinkType;

use crate::decoded::{Layer, TunnelKind};
use crate::link::open;
use crate::walk::{Next, Walk};

/// The I-TAG behind its EtherType: priority and flags (8 bits), I-SID (24 bits), then the
/// customer's addresses.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&[_, i0, i1, i2]) = walk.peek::<4>() else {
        return walk.short(Layer::Tunnel, 4);
    };
    walk.skip(4);
    match open(walk, TunnelKind::Pbb, u32::from_be_bytes([0, i0, i1, i2])) {
        Ok(()) => Next::Link(LinkType::ETHERNET),
        Err(next) => next,
    }
}
