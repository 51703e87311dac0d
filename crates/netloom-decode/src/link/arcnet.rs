//! ARCNET in Linux's framing (RFC 1201, RFC 1051).

use crate::decoded::{Layer, Network};
use crate::link::{ethertypes, note_ethertype, recognised};
use crate::net;
use crate::walk::{Next, Walk};

/// Decodes source, destination, offset (2 bytes) and system code; the newer system codes have
/// a split flag and a sequence number behind them.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    /// RFC 1051 (and diagnostics): nothing behind the system code.
    const SIMPLE: [u8; 3] = [0x80, 0xf0, 0xf1];

    let Some(&[_, _, _, _, code]) = walk.peek::<5>() else {
        return walk.short(Layer::Link, 5);
    };
    walk.skip(5);
    if !SIMPLE.contains(&code) {
        let Some(&[mut flag, _, _]) = walk.peek::<3>() else {
            return walk.short(Layer::Link, 3);
        };
        walk.skip(3);
        if flag == 0xff {
            // Exception packet: four bytes of padding, then the true header.
            let Some(&[_, true_flag, _, _]) = walk.peek::<4>() else {
                return walk.short(Layer::Link, 4);
            };
            flag = true_flag;
            walk.skip(4);
        }
        // Odd flags start a split packet, even ones but 0 continue it.
        if flag != 0 && flag & 1 == 0 {
            return recognised(walk, Network::Other);
        }
    }
    match code {
        0xd4 | 0xf0 => {
            note_ethertype(walk, ethertypes::IPV4);
            Next::Ipv4
        }
        0xc4 => {
            note_ethertype(walk, ethertypes::IPV6);
            Next::Ipv6
        }
        0xd5 | 0xf1 => {
            note_ethertype(walk, ethertypes::ARP);
            net::arp::step(walk)
        }
        0xd6 => {
            note_ethertype(walk, ethertypes::RARP);
            net::arp::step(walk)
        }
        0xfa => recognised(walk, Network::Ipx),
        _ => recognised(walk, Network::Other),
    }
}
