//! Wireshark's exported PDUs: tags that describe a packet, then bytes of whatever protocol
//! the tags name.

use netloom_packet::LinkType;

use crate::decoded::{Layer, Network, StopKind};
use crate::link::recognised;
use crate::walk::{Next, Walk};

/// Skips the tags; goes on where they name a protocol of the lower layers.
pub(super) fn step(walk: &mut Walk<'_>) -> Next {
    const END: u16 = 0;
    const DISSECTOR_NAME: u16 = 12;

    let mut name: &[u8] = &[];
    // Tags have 4 bytes at least, so this ends; the bound is for packets that are all tags.
    for _ in 0..256 {
        let Some(&[t0, t1, l0, l1]) = walk.peek::<4>() else {
            return walk.short(Layer::Link, 4);
        };
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        walk.skip(4);
        let tag = u16::from_be_bytes([t0, t1]);
        if tag == END {
            return content(walk, name);
        }
        let Some(value) = walk.rest().get(..length) else {
            return walk.short(Layer::Link, length);
        };
        if tag == DISSECTOR_NAME {
            name = value.split(|&byte| byte == 0).next().unwrap_or_default();
        }
        walk.skip(length);
    }
    walk.stop(Layer::Link, StopKind::TooDeep, 256, 256)
}

fn content(walk: &mut Walk<'_>, name: &[u8]) -> Next {
    match name {
        b"ip" => Next::Ip,
        b"ipv6" => Next::Ipv6,
        b"eth_withoutfcs" | b"eth_withfcs" | b"eth_maybefcs" | b"eth" => {
            Next::Link(LinkType::ETHERNET)
        }
        b"ppp" => Next::Ppp,
        b"llc" => Next::Llc,
        b"wlan" | b"wlan_withoutfcs" => Next::Link(LinkType::IEEE802_11),
        _ => recognised(walk, Network::Other),
    }
}
