//! Cisco HDLC: address, control and an EtherType.

use crate::decoded::{Layer, Network};
use crate::link::{ethertype, recognised};
use crate::walk::{Next, Walk};

/// Decodes a Cisco HDLC header.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    let Some(&[_address, _control, hi, lo]) = walk.peek::<4>() else {
        return walk.short(Layer::Link, 4);
    };
    walk.skip(4);
    protocol(walk, u16::from_be_bytes([hi, lo]))
}

/// Decodes what a protocol number of Cisco's encapsulations (HDLC, Frame Relay) announces:
/// EtherTypes, but for a few numbers.
pub(super) fn protocol(walk: &mut Walk<'_>, number: u16) -> Next {
    match number {
        // SLARP: keepalives and address requests, under RARP's number.
        0x8035 => recognised(walk, Network::Other),
        0x2000 => recognised(walk, Network::Cdp),
        0xfefe => {
            // One byte of padding stands in front of the NLPID.
            walk.skip(1);
            recognised(walk, Network::Osi)
        }
        other => ethertype(walk, other),
    }
}
