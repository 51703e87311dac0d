//! IP over FireWire in Apple's framing: two EUI-64 addresses and an EtherType.

use crate::decoded::Layer;
use crate::link::ethertype;
use crate::walk::{Next, Walk};

/// Decodes the 18-byte header. EUI-64s are no 48-bit addresses and are not noted.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&[.., hi, lo]) = walk.peek::<18>() else {
        return walk.short(Layer::Link, 18);
    };
    walk.skip(18);
    ethertype(walk, u16::from_be_bytes([hi, lo]))
}
