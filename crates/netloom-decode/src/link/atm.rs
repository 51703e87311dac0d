//! ATM adaptation layer 5: LLC and routed or bridged protocols (RFC 2684), Sun's pseudo-header.

use netloom_packet::LinkType;

use crate::decoded::{Layer, Network};
use crate::link::frame_relay::network_layer;
use crate::link::{llc, ppp, recognised};
use crate::walk::{Next, Walk};

/// Decodes LLC/SNAP; what does not begin like LLC is multiplexed by virtual circuit.
pub(super) fn rfc1483(walk: &mut Walk<'_>) -> Next {
    match walk.peek::<3>() {
        // Routed OSI protocols by NLPID, PPP over AAL5 (RFC 2364) among them.
        Some([0xfe, 0xfe, 0x03]) => {
            walk.skip(3);
            network_layer(walk)
        }
        Some([0xaa, 0xaa, 0x03]) => llc::step(walk, llc::BridgePad::Atm),
        // VC-multiplexed routed IP.
        Some([first, _, _])
            if matches!(first >> 4, 4 | 6) && first & 0xf >= 5 | u8::from(first >> 4 == 6) =>
        {
            Next::Ip
        }
        // VC-multiplexed bridged Ethernet: two bytes of padding.
        Some([0, 0, _]) => {
            walk.skip(2);
            Next::Link(LinkType::ETHERNET)
        }
        // VC-multiplexed PPP.
        Some([0x00 | 0xc0 | 0x80, 0x21 | 0x57, _]) => ppp::protocol(walk),
        _ => llc::step(walk, llc::BridgePad::Atm),
    }
}

/// Decodes SunATM's 4 bytes: direction and type, VPI, VCI.
pub(super) fn sun(walk: &mut Walk<'_>) -> Next {
    let Some(&[flags, _, _, _]) = walk.peek::<4>() else {
        return walk.short(Layer::Link, 4);
    };
    walk.skip(4);
    match flags & 0x0f {
        // LAN emulation: an identifier of 2 bytes in front of the frame.
        1 => {
            walk.skip(2);
            Next::Link(LinkType::ETHERNET)
        }
        2 => rfc1483(walk),
        // Interim local management and signalling.
        _ => recognised(walk, Network::Other),
    }
}
